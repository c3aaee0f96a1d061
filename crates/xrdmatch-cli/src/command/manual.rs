//! `xrdmatch manual`

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;
use xrdmatch::disk::write_atomically;

use crate::failure::Failure;

/// Write manual pages, one per command, from the same definitions as the help.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch manual ~/.local/share/man/man1\n  man xrdmatch-train"
)]
pub(crate) struct Manual {
    /// Where to
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Manual {
    pub(crate) fn run(self) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.directory).map_err(|error| {
            Failure::data(format!("create {}: {error}", self.directory.display()))
        })?;
        let mut command = crate::Arguments::command();
        command.build();
        let pages = write_pages(&command, "xrdmatch", &self.directory)?;
        eprintln!("{pages} pages into {}", self.directory.display());
        Ok(())
    }
}

/// Writes the page of a command and of all its subcommands; says how many.
fn write_pages(command: &clap::Command, name: &str, directory: &Path) -> Result<usize, Failure> {
    let page = name.replace(' ', "-");
    let path = directory.join(format!("{page}.1"));
    let failed =
        |error: std::io::Error| Failure::data(format!("write {}: {error}", path.display()));
    let mut text = Vec::new();
    Man::new(command.clone()).title(page.to_uppercase()).render(&mut text).map_err(failed)?;
    write_atomically(&path, &text).map_err(failed)?;
    let mut pages = 1;
    for inner in command.get_subcommands() {
        if inner.get_name() != "help" && !inner.is_hide_set() {
            pages += write_pages(inner, &format!("{name} {}", inner.get_name()), directory)?;
        }
    }
    Ok(pages)
}
