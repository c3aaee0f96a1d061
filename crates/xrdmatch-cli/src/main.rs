//! The `xrdmatch` command.

fn main() {}
