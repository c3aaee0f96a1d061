//! One AdamW step over a run of parameters, and the moving average of weights.
#![expect(unsafe_code, reason = "kernels are unsafe to run; these loops are plain")]

use rayon::prelude::*;

use super::isa::{Isa, Kernel};
use super::simd::Vector;
use crate::optimizer::StepFactors;

/// Values per piece of work.
const PIECE: usize = 1 << 14;

/// Moves `weights` and both moments, all of one length, by `gradients`.
pub(crate) fn step(
    isa: Isa,
    factors: StepFactors,
    decays: bool,
    weights: &mut [f32],
    moments: (&mut [f32], &mut [f32]),
    gradients: &[f32],
) {
    let shrink = if decays { factors.shrink } else { 1.0 };
    let factors = StepFactors { shrink, ..factors };
    let (first, second) = moments;
    weights
        .par_chunks_mut(PIECE)
        .zip(first.par_chunks_mut(PIECE))
        .zip(second.par_chunks_mut(PIECE))
        .zip(gradients.par_chunks(PIECE))
        .for_each(|(((weights, first), second), gradients)| {
            isa.run(Step { factors, weights, first, second, gradients });
        });
}

struct Step<'a> {
    factors: StepFactors,
    weights: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradients: &'a [f32],
}

impl Kernel for Step<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let f = self.factors;
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        for ((p, (m, v)), &g) in self.weights.iter_mut().zip(moments).zip(self.gradients) {
            *m += f.first_rate * (g - *m);
            *v = f.second_memory * *v + f.second_rate * g * g;
            let denominator = v.sqrt() / f.root_correction + f.epsilon;
            *p = *p * f.shrink - f.step_size * *m / denominator;
        }
    }
}

/// `average ← memory · average + (1 − memory) · weights`.
pub(crate) fn average(isa: Isa, memory: f64, average: &mut [f32], weights: &[f32]) {
    let (memory, rate) = (memory as f32, (1.0 - memory) as f32);
    average.par_chunks_mut(PIECE).zip(weights.par_chunks(PIECE)).for_each(|(average, weights)| {
        isa.run(Average { memory, rate, average, weights });
    });
}

struct Average<'a> {
    memory: f32,
    rate: f32,
    average: &'a mut [f32],
    weights: &'a [f32],
}

impl Kernel for Average<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (average, weight) in self.average.iter_mut().zip(self.weights) {
            *average = self.memory * *average + self.rate * weight;
        }
    }
}
