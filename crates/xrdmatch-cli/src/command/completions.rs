//! `xrdmatch completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;

/// Print completions for a shell, from the same definitions as the help.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch completions bash > ~/.local/share/bash-completion/completions/xrdmatch
  xrdmatch completions fish > ~/.config/fish/completions/xrdmatch.fish
  xrdmatch completions zsh > ~/.zfunc/_xrdmatch      # with ~/.zfunc in $fpath";

impl Completions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        // Formed whole first: the generator panics where it cannot write, as when nobody reads on.
        let mut text = Vec::new();
        let mut command = crate::Arguments::command();
        clap_complete::generate(self.shell, &mut command, "xrdmatch", &mut text);
        print!("{}", String::from_utf8_lossy(&text));
        Ok(())
    }
}
