//! The command line, tested as the real binary in a fresh directory.

mod bad_input;
mod bench;
mod evaluate;
mod fixture;
mod help;
mod interruption;
mod real_data;
mod train;
