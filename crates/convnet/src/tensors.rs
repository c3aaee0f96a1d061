//! Named arrays: the form in which weights leave and enter an engine.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An array of `f32` with its shape, row-major; a scalar has the empty shape and one value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tensor {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The values, as many as the product of the extents.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A scalar.
    #[must_use]
    pub fn scalar(value: f32) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }
}

/// Arrays by name, in the order of the names.
pub type Tensors = BTreeMap<String, Tensor>;

/// Why weights do not fit a network.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum LoadError {
    /// Names or shapes are not those of this network.
    #[error("fit the weights to the network: {}", list(.0))]
    Mismatched(Vec<Mismatch>),
}

/// One array that does not fit.
#[derive(Debug, Clone, PartialEq)]
pub enum Mismatch {
    /// The network has this array, the file has not.
    Missing {
        /// Name of the array.
        name: String,
    },
    /// The file has this array, the network has not.
    Unexpected {
        /// Name of the array.
        name: String,
    },
    /// Both have it, in different shapes.
    Shape {
        /// Name of the array.
        name: String,
        /// The network's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// The number of values is not the product of the shape.
    Length {
        /// Name of the array.
        name: String,
        /// Product of the shape.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// A value is not a finite number, or not one that can stand there.
    Value {
        /// Name of the array.
        name: String,
        /// Position in the flattened array.
        index: usize,
        /// The value.
        value: f32,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "`{name}` is missing"),
            Self::Unexpected { name } => write!(f, "`{name}` is not part of the network"),
            Self::Shape { name, expected, found } => {
                write!(f, "`{name}` has shape {found:?} instead of {expected:?}")
            }
            Self::Length { name, expected, found } => {
                write!(f, "`{name}` holds {found} values instead of {expected}")
            }
            Self::Value { name, index, value } => {
                write!(f, "`{name}` holds {value} at position {index}")
            }
        }
    }
}

fn list(mismatches: &[Mismatch]) -> String {
    let parts: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    parts.join("; ")
}
