//! Checkpoints of PyTorch (`.pth`, `.pt`), read without executing them.
//!
//! Since version 1.6 `torch.save` writes a zip archive: `NAME/data.pkl` is a pickled program that
//! builds the saved value, `NAME/data/K` are the raw bytes of storages. A pickled program can call any
//! function; the reader here knows only those that stand in a saved dictionary of tensors
//! (`pickle`), and refuses the rest by name.
//!
//! Not covered: the older format without a zip archive, quantised and sparse tensors.

mod pickle;

use std::collections::HashMap;
use std::io::{Cursor, Read};

use convnet::{Tensor, Tensors};
use half::{bf16, f16};
use zip::{CompressionMethod, ZipArchive};

use crate::safetensors::words;
use pickle::{Element, Node, Pickle, TensorView};

pub use pickle::PickleError;

/// Dictionaries deeper than this are not looked for.
const DEEPEST: usize = 8;

/// What is wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum PyTorchError {
    /// Not a whole zip archive.
    #[error("damaged archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// A part of the archive cannot be read.
    #[error("damaged archive: {0}")]
    Read(#[from] std::io::Error),
    /// A zip archive, but not of PyTorch.
    #[error("the archive holds no data.pkl, so it is no checkpoint of PyTorch")]
    NoProgram,
    /// PyTorch stores parts as they are; a compressed part has been put there by something else.
    #[error("part `{part}` of the archive is compressed, which PyTorch never does")]
    Compressed {
        /// Its name.
        part: String,
    },
    /// Written on a machine of the other byte order.
    #[error("the checkpoint is stored big-endian; save it again on an ordinary machine")]
    BigEndian,
    /// The program is damaged, or asks for more than building tensors.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// A tensor points to bytes that are not there.
    #[error("tensor `{name}`: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no dictionary of named tensors.
    #[error("the checkpoint holds no dictionary of weights such as `feature.0.weight`")]
    NoStateDict,
    /// The key asked for is not there, or none was given and there are several.
    #[error("the checkpoint holds weights under {}; choose one of them", list(.found))]
    Choose {
        /// The keys there are.
        found: Vec<String>,
    },
}

fn list(keys: &[String]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Whether bytes begin like a zip archive.
pub fn is_checkpoint(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The dictionaries of tensors in a checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where each was found (empty: the checkpoint itself), and what it holds.
    state_dicts: Vec<(String, Tensors)>,
}

impl Checkpoint {
    /// Reads the bytes of a `.pth` file.
    ///
    /// # Errors
    /// If it is damaged, no checkpoint, or asks for anything but building tensors.
    pub fn read(bytes: &[u8]) -> Result<Self, PyTorchError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))?;
        let names = archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned));
        let names = names.collect::<Result<Vec<String>, _>>()?;
        let program = names.iter().find(|name| name.ends_with("/data.pkl"));
        let program = program.ok_or(PyTorchError::NoProgram)?;
        let folder = program.trim_end_matches("data.pkl").to_owned();
        let mut part = |name: &str| -> Result<Vec<u8>, PyTorchError> {
            let mut file = archive.by_name(name)?;
            if file.compression() != CompressionMethod::Stored {
                return Err(PyTorchError::Compressed { part: name.to_owned() });
            }
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Ok(content)
        };
        let byte_order = format!("{folder}byteorder");
        if names.contains(&byte_order) && part(&byte_order)? != b"little" {
            return Err(PyTorchError::BigEndian);
        }
        let pickle = Pickle::run(&part(program)?)?;
        let mut found = Vec::new();
        collect(&pickle, pickle.value(), String::new(), 0, &mut found);
        let mut storages: HashMap<String, Vec<u8>> = HashMap::new();
        let mut state_dicts = Vec::with_capacity(found.len());
        for (path, views) in found {
            let mut tensors = Tensors::new();
            for (name, view) in views {
                if !storages.contains_key(&view.storage) {
                    let content = part(&format!("{folder}data/{}", view.storage))?;
                    storages.insert(view.storage.clone(), content);
                }
                let tensor = gather(view, &storages[&view.storage])
                    .map_err(|reason| PyTorchError::Tensor { name: name.to_owned(), reason })?;
                // The wrapper for several GPUs puts this before every name.
                tensors.insert(name.trim_start_matches("module.").to_owned(), tensor);
            }
            state_dicts.push((path, tensors));
        }
        Ok(Self { state_dicts })
    }

    /// The weights under `key`, or the only ones there are.
    ///
    /// # Errors
    /// If there are none, none of that key, or several and no key.
    pub fn state_dict(self, key: Option<&str>) -> Result<Tensors, PyTorchError> {
        if self.state_dicts.is_empty() {
            return Err(PyTorchError::NoStateDict);
        }
        let only = key.is_none() && self.state_dicts.len() == 1;
        let found = self.state_dicts.iter().map(|(path, _)| path.clone()).collect();
        let mut state_dicts = self.state_dicts.into_iter();
        state_dicts
            .find(|(path, _)| only || key == Some(path))
            .map(|(_, tensors)| tensors)
            .ok_or(PyTorchError::Choose { found })
    }
}

/// Finds the dictionaries whose keys are dotted names and whose values are tensors.
fn collect<'a>(
    pickle: &'a Pickle,
    node: &'a Node,
    path: String,
    depth: usize,
    found: &mut Vec<(String, Vec<(&'a str, &'a TensorView)>)>,
) {
    let Node::Dict(entries) = node else { return };
    if depth > DEEPEST {
        return;
    }
    let mut tensors = Vec::new();
    for &(key, value) in entries {
        let (Node::Text(key), value) = (pickle.node(key), pickle.node(value)) else { continue };
        match value {
            Node::Tensor(view) if key.contains('.') => tensors.push((key.as_str(), view)),
            Node::Dict(_) => {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(pickle, value, inner, depth + 1, found);
            }
            _ => {}
        }
    }
    if !tensors.is_empty() {
        found.push((path, tensors));
    }
}

/// The values of a tensor, which may lie in its storage in any strides.
fn gather(view: &TensorView, storage: &[u8]) -> Result<Tensor, String> {
    let size = view.element.size();
    let values = storage.len() / size;
    if view.sizes.len() != view.strides.len() {
        return Err(format!("{} extents but {} strides", view.sizes.len(), view.strides.len()));
    }
    let count = view.sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let count = count.filter(|&count| count <= values).ok_or_else(|| {
        format!("extents {:?} ask for more than the {values} values stored", view.sizes)
    })?;
    let last =
        view.sizes.iter().zip(&view.strides).try_fold(view.offset, |last, (&size, &stride)| {
            stride.checked_mul(size.saturating_sub(1)).and_then(|reach| last.checked_add(reach))
        });
    if count > 0 && last.is_none_or(|last| last >= values) {
        return Err(format!("reaches beyond the {values} values stored"));
    }
    let mut places = Vec::with_capacity(count);
    let mut index = vec![0; view.sizes.len()];
    for _ in 0..count {
        places
            .push(view.offset + index.iter().zip(&view.strides).map(|(i, s)| i * s).sum::<usize>());
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < view.sizes[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    let stored: Vec<f32> = match view.element {
        Element::F32 => words(storage).map(f32::from_le_bytes).collect(),
        Element::F16 => words(storage).map(|word| f16::from_le_bytes(word).to_f32()).collect(),
        Element::Bf16 => words(storage).map(|word| bf16::from_le_bytes(word).to_f32()).collect(),
        #[expect(clippy::cast_possible_truncation, reason = "weights are kept in f32")]
        Element::F64 => words(storage).map(|word| f64::from_le_bytes(word) as f32).collect(),
        #[expect(clippy::cast_precision_loss, reason = "counts of batches, far below 2^24")]
        Element::I64 => words(storage).map(|word| i64::from_le_bytes(word) as f32).collect(),
    };
    let data = places.into_iter().map(|place| stored[place]).collect();
    Ok(Tensor { shape: view.sizes.clone(), data })
}
