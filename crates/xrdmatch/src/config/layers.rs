//! Layers of settings: defaults < preset < file < command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Config;

/// Settings in the making, each with where its value came from.
#[derive(Debug, Clone)]
pub struct Layers {
    table: Table,
    origins: BTreeMap<String, String>,
}

/// Why settings are no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// There is no such preset.
    #[error("there is no preset `{found}`; there are {known}")]
    UnknownPreset {
        /// The name.
        found: String,
        /// The names there are.
        known: String,
    },
    /// The file cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A setting that does not exist.
    #[error("there is no setting `{found}` ({origin}){}", neighbours(near))]
    UnknownSetting {
        /// The setting.
        found: String,
        /// Where it was set.
        origin: String,
        /// Those that exist and are near.
        near: Vec<String>,
    },
    /// A value of the wrong kind.
    #[error("a setting has a value of the wrong kind: {reason}")]
    Value {
        /// Which, and why.
        reason: String,
    },
}

impl Layers {
    /// The names of the presets and what each is for.
    pub const PRESETS: [(&'static str, &'static str); 4] = [
        (
            "default",
            "what we recommend: features learnt from the unlabelled patterns, a linear layer on them",
        ),
        ("paper", "the settings of Wan et al. 2024"),
        ("paddlescience", "the settings of PaddleScience's example `xrdmatch` (vgg16)"),
        ("quick", "a few minutes on a laptop: for a first look"),
    ];

    /// All settings at their defaults.
    #[expect(clippy::missing_panics_doc, reason = "the defaults are expressible, as a test shows")]
    pub fn defaults() -> Self {
        let table = Table::try_from(Config::default()).expect("defaults are expressible in TOML");
        let mut layers = Self { table: Table::new(), origins: BTreeMap::new() };
        layers.merge(table, "default");
        layers
    }

    /// Applies a preset by name.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn preset(&mut self, name: &str) -> Result<(), LayerError> {
        let text = match name {
            "default" => include_str!("presets/default.toml"),
            "paper" => include_str!("presets/paper.toml"),
            "paddlescience" => include_str!("presets/paddlescience.toml"),
            "quick" => include_str!("presets/quick.toml"),
            _ => {
                let known = Self::PRESETS.map(|(name, _)| name).join(", ");
                return Err(LayerError::UnknownPreset { found: name.to_owned(), known });
            }
        };
        let path = PathBuf::from(format!("preset {name}"));
        self.text(text, &path, &format!("preset {name}"))
    }

    /// Applies a TOML file.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML or sets what does not exist.
    pub fn file(&mut self, path: &Path) -> Result<(), LayerError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| LayerError::Read { path: path.to_owned(), source })?;
        self.text(&text, path, &path.display().to_string())
    }

    fn text(&mut self, text: &str, path: &Path, origin: &str) -> Result<(), LayerError> {
        let syntax = |error: toml::de::Error| LayerError::Syntax {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        };
        let table: Table = text.parse().map_err(syntax)?;
        self.check(&table, origin)?;
        self.merge(table, origin);
        Ok(())
    }

    /// Applies one setting, `key` being its dotted path and `value` a TOML value or a bare word.
    ///
    /// # Errors
    /// If there is no such setting.
    pub fn set(&mut self, key: &str, value: &str, origin: &str) -> Result<(), LayerError> {
        let parsed = format!("value = {value}").parse::<Table>();
        let value = match parsed.ok().and_then(|mut table| table.remove("value")) {
            Some(value) => value,
            None => Value::String(value.to_owned()),
        };
        let mut parts = key.rsplit('.');
        let mut table = Table::from_iter([(parts.next().unwrap_or(key).to_owned(), value)]);
        for part in parts {
            table = Table::from_iter([(part.to_owned(), Value::Table(table))]);
        }
        self.check(&table, origin)?;
        self.merge(table, origin);
        Ok(())
    }

    /// The configuration.
    ///
    /// # Errors
    /// If a value is of the wrong kind.
    pub fn finish(&self) -> Result<Config, LayerError> {
        Config::deserialize_table(self.table.clone())
    }

    /// Every setting with its value and origin, by dotted path.
    pub fn settings(&self) -> Vec<(String, String, String)> {
        let mut settings = Vec::new();
        flatten(&self.table, "", &mut |path, value| {
            let origin = self.origins.get(path).cloned().unwrap_or_default();
            settings.push((path.to_owned(), in_words(value), origin));
        });
        settings
    }

    fn check(&self, table: &Table, origin: &str) -> Result<(), LayerError> {
        let mut known = Vec::new();
        flatten(&self.table, "", &mut |path, _| known.push(path.to_owned()));
        let mut unknown = None;
        flatten(table, "", &mut |path, _| {
            // Layers of a network are free in form; serde checks them.
            let free = path.starts_with("network.architecture");
            let prefix = format!("{path}.");
            if !free && !known.iter().any(|known| known == path || known.starts_with(&prefix)) {
                unknown.get_or_insert_with(|| path.to_owned());
            }
        });
        let Some(found) = unknown else { return Ok(()) };
        let nearest = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, &found), known))
            .min()
            .filter(|(distance, _)| *distance <= 3);
        let near = match nearest {
            Some((_, known)) => vec![known.clone()],
            // A setting without its section.
            None => known
                .iter()
                .filter(|known| known.rsplit('.').next() == Some(&found))
                .cloned()
                .collect(),
        };
        Err(LayerError::UnknownSetting { found, origin: origin.to_owned(), near })
    }

    fn merge(&mut self, table: Table, origin: &str) {
        flatten(&table, "", &mut |path, _| {
            self.origins.retain(|known, _| !known.starts_with(&format!("{path}.")));
            self.origins.insert(path.to_owned(), origin.to_owned());
        });
        merge(&mut self.table, table);
    }
}

impl Config {
    /// A configuration from a full or partial table; what is absent takes its default.
    fn deserialize_table(table: Table) -> Result<Self, LayerError> {
        let error = |error: toml::de::Error| LayerError::Value {
            reason: error.to_string().trim_end().replace('\n', " "),
        };
        table.try_into().map_err(error)
    }
}

/// What may have been meant, as the end of a message.
fn neighbours(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

/// A value as a person would have written it: settings in single precision without the digits that
/// only double precision shows.
fn in_words(value: &Value) -> String {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "undone where it loses anything")]
        Value::Float(number) if f64::from(*number as f32) == *number => {
            format!("{:?}", *number as f32)
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(in_words).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Calls `visit` with the dotted path and value of everything that is not a table.
fn flatten(table: &Table, prefix: &str, visit: &mut dyn FnMut(&str, &Value)) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(inner, &path, visit),
            value => visit(&path, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_configuration() {
        for (name, _) in Layers::PRESETS {
            let mut layers = Layers::defaults();
            layers.preset(name).expect(name);
            layers.finish().expect(name).validate(4501).expect(name);
        }
    }

    #[test]
    fn later_layers_override_earlier_ones_and_every_value_knows_its_origin() {
        let mut layers = Layers::defaults();
        layers.preset("paper").expect("a preset");
        layers.set("training.epochs", "7", "--epochs").expect("a setting");
        layers.set("objective.algorithm", "fixmatch", "--set").expect("a setting");
        let config = layers.finish().expect("a configuration");
        assert_eq!(config.training.epochs, 7);
        assert_eq!(config.objective.algorithm, crate::objective::Algorithm::Fixmatch);
        let origin = |path: &str| {
            let settings = layers.settings();
            settings.into_iter().find(|(known, ..)| known == path).map(|(.., origin)| origin)
        };
        assert_eq!(origin("training.epochs").as_deref(), Some("--epochs"));
        assert_eq!(origin("optimizer.weight_decay").as_deref(), Some("preset paper"));
        assert_eq!(origin("optimizer.beta1").as_deref(), Some("default"));
    }

    #[test]
    fn an_unknown_setting_names_its_neighbours() {
        let unknown = |key: &str| {
            let mut layers = Layers::defaults();
            layers.set(key, "7", "--set").expect_err("no such setting").to_string()
        };
        assert!(unknown("training.epoch").ends_with("did you mean `training.epochs`?"));
        let text = unknown("epochs");
        assert!(text.ends_with("did you mean `pretrain.epochs` or `training.epochs`?"), "{text}");
        assert!(unknown("nothing.of_the_kind").ends_with("(--set)"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let mut layers = Layers::defaults();
        layers.set("training.epochs", "many", "--set").expect("a setting");
        let error = layers.finish().expect_err("no number").to_string();
        assert!(error.contains("many") && error.contains("epochs"), "{error}");
    }

    #[test]
    fn the_seed_of_a_table_must_be_a_number_that_toml_can_hold() {
        let mut layers = Layers::defaults();
        layers.set("seed", "-1", "--seed").expect("a setting");
        assert!(layers.finish().is_err());
    }
}
