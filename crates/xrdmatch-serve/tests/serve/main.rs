//! The server over real connections: its answers, its contract, and what it does when it is attacked.

mod answers;
mod attack;
mod client;
mod contract;
mod fixture;
mod live;
mod load;
