//! Scan files: what is read from good ones and what is said of bad ones.

mod against_geddes;
mod corpus;
mod hostile;
mod round_trip;
mod shared_data;
