//! `xrdmatch data`

mod combine;
mod fetch;
mod info;

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// Look at data files, merge and convert them, fetch the published ones.
#[derive(Args)]
pub(crate) struct Data {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Subcommand)]
enum DataCommand {
    Info(info::Info),
    Merge(combine::Merge),
    Convert(combine::Convert),
    Fetch(fetch::Fetch),
}

impl Data {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            DataCommand::Info(command) => command.run(),
            DataCommand::Merge(command) => command.run(),
            DataCommand::Convert(command) => command.run(),
            DataCommand::Fetch(command) => command.run(),
        }
    }
}
