//! One convolution on its own, in PyTorch's layouts: what tests of single layers look at.

use super::parameters::Order;
use crate::ArchitectureError;
use crate::kernels::conv::{Choice, Conv, Geometry, InputTarget, Purpose};
use crate::kernels::isa::Isa;
use crate::kernels::memory::Buffer;
use crate::kernels::product::PANEL;
use crate::kernels::rows::{Gradient, Input};

/// The shapes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Input channels, `C`.
    pub inputs: usize,
    /// Input points, `L`.
    pub length: usize,
    /// Output channels, `D`.
    pub outputs: usize,
    /// Taps, `K`.
    pub kernel: usize,
    /// Input points from one output point to the next.
    pub stride: usize,
    /// Zeros before and after the signal.
    pub padding: usize,
}

/// What the passes of a convolution give.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionPasses {
    /// The algorithm that was used.
    pub choice: Choice,
    /// `(B, D, L)`
    pub output: Vec<f32>,
    /// ∂loss/∂input, `(B, C, L)`.
    pub input_gradient: Vec<f32>,
    /// ∂loss/∂weight, `(D, C, K)`.
    pub weight_gradient: Vec<f32>,
}

impl Convolution {
    /// Output points.
    #[must_use]
    pub fn output_length(&self) -> usize {
        (self.length + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Forward on `input (B, C, L)` with `weight (D, C, K)`, backward from `gradient`, ∂loss/∂output.
    ///
    /// # Errors
    /// When the environment asks for instructions that this machine lacks.
    ///
    /// # Panics
    /// When the arrays do not have these shapes.
    pub fn passes(
        &self,
        choice: Choice,
        input: &[f32],
        weight: &[f32],
        gradient: &[f32],
    ) -> Result<ConvolutionPasses, ArchitectureError> {
        let batch = input.len() / (self.inputs * self.length);
        assert_eq!(input.len(), batch * self.inputs * self.length, "values of the input");
        assert_eq!(weight.len(), self.outputs * self.inputs * self.kernel, "values of the weight");
        let length = self.output_length();
        assert_eq!(gradient.len(), batch * self.outputs * length, "values of the gradient");
        let isa = Isa::detect()?;
        let lanes = |channels: usize| channels.next_multiple_of(PANEL);
        let inputs = if self.inputs == 1 { 1 } else { lanes(self.inputs) };
        let outputs = lanes(self.outputs);
        let shape = (self.kernel, self.stride, self.padding);
        let geometry = Geometry::new(self.length, (inputs, outputs), shape);
        let conv = Conv::new(geometry, choice, Purpose::Training);
        let needs = conv.needs(batch, true);
        let (mut scratch, mut prepared) =
            (Buffer::zeros(needs.scratch), Buffer::zeros(needs.prepared));
        let order = Order::Map {
            outputs: self.outputs,
            channels: self.inputs,
            lanes: inputs,
            taps: self.kernel,
        };
        let mut weights = Buffer::zeros(geometry.weights());
        order.positions(weight.len(), |theirs, ours| weights[ours] = weight[theirs]);
        let x = channels_last(input, (batch, self.inputs, self.length), inputs);
        let du = channels_last(gradient, (batch, self.outputs, length), outputs);
        let (ones, zeros) = (vec![1.0; inputs.max(outputs)], vec![0.0; inputs.max(outputs)]);
        let read = Input {
            values: &x,
            scale: &ones[..inputs],
            shift: &zeros[..inputs],
            floor: f32::NEG_INFINITY,
        };
        let (tilt, offset) = (&zeros[..outputs], &zeros[..outputs]);
        let dy = Gradient { du: &du, y: &du, slope: &ones[..outputs], tilt, offset };
        let mut y = Buffer::zeros(du.len());
        conv.prepare(isa, &weights, &mut prepared);
        conv.forward(isa, read, (&weights, &prepared), &mut y, None, &mut scratch);
        conv.prepare_backward(isa, &weights, &mut prepared, &mut scratch);
        let (mut dx, mut dw) = (Buffer::zeros(x.len()), Buffer::zeros(weights.len()));
        let target = InputTarget { dx: &mut dx, below: None };
        let both = (&weights[..], &prepared[..]);
        conv.backward(isa, (read, dy), both, Some(&mut dw), Some(target), &mut scratch);
        let mut weight_gradient = vec![0.0; weight.len()];
        order.positions(weight.len(), |theirs, ours| weight_gradient[theirs] = dw[ours]);
        Ok(ConvolutionPasses {
            choice: conv.choice(),
            output: channels_first(&y, (batch, self.outputs, length), outputs),
            input_gradient: channels_first(&dx, (batch, self.inputs, self.length), inputs),
            weight_gradient,
        })
    }
}

/// `(B, C, L)` to `(B, L, lanes)`, filled up with zeros.
fn channels_last(
    from: &[f32],
    (batch, channels, length): (usize, usize, usize),
    lanes: usize,
) -> Buffer {
    let mut to = Buffer::zeros(batch * length * lanes);
    for (i, value) in from.iter().enumerate() {
        let (sample, channel, point) = (i / (channels * length), i / length % channels, i % length);
        to[(sample * length + point) * lanes + channel] = *value;
    }
    to
}

/// The way back.
fn channels_first(
    from: &[f32],
    (batch, channels, length): (usize, usize, usize),
    lanes: usize,
) -> Vec<f32> {
    (0..batch * channels * length)
        .map(|i| {
            let (sample, channel) = (i / (channels * length), i / length % channels);
            from[(sample * length + i % length) * lanes + channel]
        })
        .collect()
}
