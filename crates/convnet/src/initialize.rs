//! Where weights start.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// How the first weights are drawn. Batch norm always starts as the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initialization {
    /// Xavier-uniform weights, U(±√(6/(fan in + fan out))), and zero biases.
    #[default]
    Xavier,
    /// What `nn.Conv1d` and `nn.Linear` do: weights and biases U(±1/√(fan in)).
    Pytorch,
    /// Xavier on linear layers, PyTorch's default on convolutions.
    Paper,
    /// All zero: for a network of a single linear layer, which learns from nothing; any other
    /// would stay where it is.
    Zero,
}

/// What is initialised: a convolution or a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A convolution.
    Convolution,
    /// A linear layer.
    Linear,
}

impl Initialization {
    /// Half-widths of the uniform distributions of a layer's weights and biases.
    pub(crate) fn bounds(self, kind: Kind, fan_in: usize, fan_out: usize) -> (f32, f32) {
        let xavier = match self {
            Self::Zero => return (0.0, 0.0),
            Self::Xavier => true,
            Self::Pytorch => false,
            Self::Paper => kind == Kind::Linear,
        };
        if xavier {
            ((6.0 / (fan_in + fan_out) as f64).sqrt() as f32, 0.0)
        } else {
            let bound = (1.0 / (fan_in as f64).sqrt()) as f32;
            (bound, bound)
        }
    }
}

/// `count` numbers U(−`bound`, `bound`); `tensor` tells the arrays of one network apart, so that
/// each depends on the seed and its own place only.
pub(crate) fn uniform(seed: u64, tensor: u64, count: usize, bound: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(tensor);
    (0..count)
        .map(|_| {
            // 24 random bits: every value of the grid is exact in f32.
            let unit = (rng.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0);
            (2.0 * unit - 1.0) * bound
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_fill_the_interval_and_differ_between_tensors() {
        let draws = uniform(7, 0, 10_000, 0.5);
        let mean = draws.iter().sum::<f32>() / 10_000.0;
        let variance = draws.iter().map(|x| x * x).sum::<f32>() / 10_000.0;
        assert!(draws.iter().all(|x| x.abs() <= 0.5));
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.005, "{variance}");
        assert_ne!(draws[..8], uniform(7, 1, 8, 0.5)[..]);
        assert_eq!(draws[..8], uniform(7, 0, 8, 0.5)[..]);
    }
}
