//! The command line, tested as the real binary in a fresh directory.

mod bad_input;
mod data;
mod evaluate;
mod export;
mod fetch;
mod fixture;
mod help;
mod import;
mod interruption;
mod real_data;
mod simulate;
mod train;
