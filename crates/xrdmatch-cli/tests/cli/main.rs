//! The command line, tested as the real binary in a fresh directory.

mod audit;
mod bad_input;
mod baseline;
mod bench;
mod cluster;
mod compare;
mod data;
mod evaluate;
mod explain;
mod export;
mod fetch;
mod fixture;
mod help;
mod import;
mod interruption;
mod packaging;
mod pretrain;
mod protocol;
mod real_data;
mod report;
mod reproduce;
mod screen;
mod shard;
mod simulate;
mod suggest;
mod train;
