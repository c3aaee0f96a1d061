//! A golden file: double-precision results of PyTorch, how far its own single precision was from
//! them, and the settings of the case.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use safetensors::{Dtype, SafeTensors};

/// One file of `golden/`.
pub(crate) struct Golden {
    values: BTreeMap<String, Vec<f64>>,
    settings: BTreeMap<String, String>,
}

impl Golden {
    /// Reads `golden/<name>.safetensors`.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors header");
        let settings = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let values = file.tensors().into_iter().map(|(name, view)| {
            assert_eq!(view.dtype(), Dtype::F64, "{name}");
            let (numbers, rest) = view.data().as_chunks::<8>();
            assert!(rest.is_empty(), "{name}");
            (name, numbers.iter().map(|b| f64::from_le_bytes(*b)).collect())
        });
        Self { values: values.collect(), settings }
    }

    /// The record `name`.
    pub(crate) fn get(&self, name: &str) -> &[f64] {
        self.values.get(name).unwrap_or_else(|| panic!("the golden file has no `{name}`"))
    }

    /// Relative L2 error of PyTorch's own single precision at the record `name`.
    pub(crate) fn peer_error(&self, name: &str) -> f64 {
        self.get(&format!("float32 error/{name}"))[0]
    }

    /// Names of the records in `group`, without the group.
    pub(crate) fn names<'a>(&'a self, group: &str) -> Vec<&'a str> {
        let prefix = format!("{group}/");
        self.values.keys().filter_map(|name| name.strip_prefix(&prefix)).collect()
    }

    /// The groups of records, each once.
    pub(crate) fn groups(&self) -> Vec<&str> {
        let group = |name: &'_ str| name.split_once('/').map_or(0, |(group, _)| group.len());
        let mut groups: Vec<&str> = self.values.keys().map(|name| &name[..group(name)]).collect();
        groups.retain(|group| *group != "float32 error");
        groups.dedup();
        groups
    }

    /// A setting of the case.
    pub(crate) fn setting<T: FromStr>(&self, name: &str) -> T {
        let text = self.settings.get(name);
        let value = text.and_then(|text| text.parse().ok());
        value.unwrap_or_else(|| panic!("the golden file's setting `{name}` is {text:?}"))
    }
}
