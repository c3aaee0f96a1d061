//! What would be needed to repeat a run.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xrdmatch::config::Layers;

use crate::Records;

/// Something known of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The program's default, where the value is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl Fact {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), default: None }
    }
}

/// Version, fingerprints, seed and every setting; where one is not the default, that beside.
#[must_use]
pub fn settings(records: &Records) -> Vec<Fact> {
    let manifest = &records.manifest;
    let mut facts = vec![
        Fact::new("program", &format!("xrdmatch {}", manifest.program)),
        Fact::new("begun", &manifest.created),
        Fact::new("labelled file (BLAKE3)", &manifest.labeled.fingerprint),
    ];
    if let Some(unlabeled) = &manifest.unlabeled {
        facts.push(Fact::new("unlabelled file (BLAKE3)", &unlabeled.fingerprint));
    }
    if let Some(splits) = &manifest.splits {
        facts.push(Fact::new("split file (BLAKE3)", splits));
    }
    let numbers: Vec<u32> =
        records.experiments.iter().map(|experiment| experiment.number).collect();
    facts.push(Fact::new("experiments", &ranges(&numbers)));
    let mut defaults = Vec::new();
    if let Ok(config) = Layers::defaults().finish() {
        flatten("", &serde_json::to_value(config).unwrap_or_default(), &mut defaults);
    }
    let mut own = Vec::new();
    flatten("", &serde_json::to_value(&manifest.config).unwrap_or_default(), &mut own);
    for (name, value) in own {
        let default =
            defaults.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let default = default.filter(|default| *default != value);
        facts.push(Fact { name, value, default });
    }
    facts
}

/// Every leaf of a JSON value by its dotted path.
fn flatten(path: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&inner, value, leaves);
            }
        }
        Value::String(text) => leaves.push((path.to_owned(), text.clone())),
        // Single precision shows all its digits in JSON; seven of them mean something.
        Value::Number(number) if number.is_f64() => {
            let value = number.as_f64().unwrap_or_default();
            leaves.push((path.to_owned(), crate::chart::brief(value).to_string()));
        }
        other => leaves.push((path.to_owned(), other.to_string())),
    }
}

/// "0 to 3, 7"
fn ranges(numbers: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let part = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_a_range() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 9, 10]), "0 to 3, 7, 9 to 10");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn settings_are_leaves_with_their_path() {
        let mut leaves = Vec::new();
        let value = serde_json::json!({"a": {"b": 0.30000001192092896, "c": [1, 2]}, "d": "x"});
        flatten("", &value, &mut leaves);
        let expected = [("a.b", "0.3"), ("a.c", "[1,2]"), ("d", "x")];
        assert_eq!(leaves, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
