//! `xrdmatch config`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use xrdmatch::config::Layers;

use super::print_json;
use crate::failure::Failure;

/// Show settings, where each value comes from, and what presets there are.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch config show --preset paper\n  xrdmatch config presets"
)]
pub(crate) struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every setting with its value and origin
    #[command(
        after_help = "Example:\n  xrdmatch config show --preset paper --set training.epochs=20"
    )]
    Show {
        #[command(flatten)]
        settings: Settings,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the presets
    Presets,
}

/// Settings from a preset, a file and the command line.
#[derive(Args)]
pub(crate) struct Settings {
    /// Settings to start from (see `xrdmatch config presets`) [default: default]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// A TOML file of settings, over the preset
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// One setting, over preset and file; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    /// The layers of settings, and the preset's name.
    pub(super) fn layers(&self) -> Result<(Layers, String), Failure> {
        let preset = self.preset.as_deref().unwrap_or("default");
        let mut layers = Layers::defaults();
        layers.preset(preset)?;
        if let Some(path) = &self.config {
            layers.file(path)?;
        }
        for pair in &self.set {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Failure::usage(format!("`--set {pair}` has no `=`"))
                    .hint("give a setting and its value, for example `--set training.epochs=20`")
            })?;
            layers.set(key.trim(), value.trim(), "--set")?;
        }
        Ok((layers, preset.to_owned()))
    }
}

impl Config {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            ConfigCommand::Show { settings, json } => {
                let (layers, _) = settings.layers()?;
                let config = layers.finish()?;
                if json {
                    return print_json(&config);
                }
                for (key, value, origin) in layers.settings() {
                    println!("{:<42} # {origin}", format!("{key} = {value}"));
                }
            }
            ConfigCommand::Presets => {
                for (name, purpose) in Layers::PRESETS {
                    println!("{name:<14} {purpose}");
                }
            }
        }
        Ok(())
    }
}
