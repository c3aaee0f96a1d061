//! How exactly an engine multiplies.

use crate::Choice;

/// What the products of convolutions and linear layers are taken of.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Numbers in single precision.
    #[default]
    F32,
    /// Inputs, weights and output gradients rounded to bfloat16, which keeps 8 significant bits of
    /// 24. Sums, batch norm, weights and the optimizer stay in single precision.
    Bf16,
}

impl Precision {
    /// Its name in settings and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    pub(crate) fn choice(self) -> Choice {
        match self {
            Self::F32 => Choice::Cheapest,
            Self::Bf16 => Choice::Rounded,
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
