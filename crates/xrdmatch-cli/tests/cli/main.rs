//! The command line, tested as the real binary in a fresh directory.

mod audit;
mod bad_input;
mod baseline;
mod evaluate;
mod fixture;
mod help;
mod interruption;
mod protocol;
mod real_data;
mod reproduce;
mod train;
