//! AdamW and the moving average as tensor operations; their meaning stands in [`crate::optimizer`].

use burn_tensor::Tensor;

use super::layers::Arrays;
use crate::AdamW;
use crate::optimizer::{StepFactors, decimal};

/// AdamW's memory.
pub(super) struct Moments {
    pub(super) first: Arrays,
    pub(super) second: Arrays,
    pub(super) steps: u64,
}

/// One step; a weight without a gradient moves as if it were zero.
pub(super) fn step(
    settings: &AdamW,
    weights: &mut Arrays,
    moments: &mut Moments,
    mut gradients: Arrays,
) {
    moments.steps += 1;
    let f: StepFactors = settings.factors(moments.steps);
    for (name, weight) in weights {
        let (Some(first), Some(second)) =
            (moments.first.get_mut(name), moments.second.get_mut(name))
        else {
            unreachable!("no moments of `{name}`")
        };
        let gradient = gradients.remove(name).unwrap_or_else(|| weight.zeros_like());
        let shrink = if settings.decay.takes(name) { f.shrink } else { 1.0 };
        let m = first.clone();
        let m = m.clone() + (gradient.clone() - m).mul_scalar(f.first_rate);
        let squares = gradient.clone().mul_scalar(f.second_rate) * gradient;
        let v = second.clone().mul_scalar(f.second_memory) + squares;
        let denominator = v.clone().sqrt().div_scalar(f.root_correction).add_scalar(f.epsilon);
        let moved = m.clone().mul_scalar(f.step_size) / denominator;
        *weight = weight.clone().mul_scalar(shrink) - moved;
        (*first, *second) = (m, v);
    }
}

/// average ← memory · average + (1 − memory) · values.
pub(super) fn average(memory: f32, average: &mut Arrays, values: &Arrays) {
    let memory = decimal(memory);
    let (memory, rate) = (memory as f32, (1.0 - memory) as f32);
    for (name, average) in average {
        let blended: Tensor<1> =
            average.clone().mul_scalar(memory) + values[name].clone().mul_scalar(rate);
        *average = blended;
    }
}
