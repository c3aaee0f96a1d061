//! The command line, tested as the real binary in a fresh directory.

mod bad_input;
mod evaluate;
mod explain;
mod fixture;
mod help;
mod interruption;
mod real_data;
mod screen;
mod suggest;
mod train;
