//! Convolutions as products of matrices.
//!
//! `x` is `(B, C, L)`, a weight `(D, C·K)`, an output `(B, D, M)`. The `K` points under every output
//! point are laid out as columns `(B, C·K, M)`; then the output is weight · columns, the gradient of
//! the weight is output gradient · columnsᵀ, summed over samples, and that of the input is another
//! convolution. Columns are `K/stride` times as large as the input, so samples go in pieces.
//!
//! A device adds the terms of a product's sum one after the other, so long sums are taken in
//! stretches, whose sums are added.

use burn_tensor::Tensor;
use burn_tensor::ops::PadMode;

/// Values of columns at once: 64 MB, which any device binds.
const COLUMNS: usize = 1 << 24;
/// Terms of a sum in single precision, as on the processor.
const STRETCH: usize = 256;

/// `left · right`, `(N, K)` by `(K, M)`.
pub(super) fn product(left: &Tensor<2>, right: &Tensor<2>) -> Tensor<2> {
    let terms = left.dims()[1];
    sum((0..terms).step_by(STRETCH).map(|from| {
        let stretch = STRETCH.min(terms - from);
        let left = left.clone().narrow(1, from, stretch);
        left.matmul(right.clone().narrow(0, from, stretch))
    }))
}

/// The sum of tensors, of which there is at least one.
fn sum<const D: usize>(terms: impl Iterator<Item = Tensor<D>>) -> Tensor<D> {
    terms.reduce(|sum, term| sum + term).unwrap_or_else(|| unreachable!("a sum of no terms"))
}

/// A convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convolution {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Convolution {
    /// Points of an output of `length` points.
    fn points(self, length: usize) -> usize {
        (length + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Channels whose columns are one stretch of a sum.
    fn group(self) -> usize {
        (STRETCH / self.kernel).max(1)
    }

    /// Weight · columns, `(B, D, M)`.
    pub(super) fn forward(self, x: &Tensor<3>, weight: &Tensor<2>) -> Tensor<3> {
        let channels = x.dims()[1];
        let one = |x: Tensor<3>| {
            sum((0..channels).step_by(self.group()).map(|from| {
                let group = self.group().min(channels - from);
                let taps = weight.clone().narrow(1, from * self.kernel, group * self.kernel);
                taps.unsqueeze::<3>().matmul(self.columns(x.clone().narrow(1, from, group)))
            }))
        };
        let pieces = self.pieces(x, self.group().min(channels));
        Tensor::cat(pieces.into_iter().map(one).collect(), 0)
    }

    /// The gradient of the weight, `(D, C·K)`, from that of the output, `(B, D, M)`.
    pub(super) fn weight_gradient(self, x: &Tensor<3>, dy: &Tensor<3>) -> Tensor<2> {
        let mut from = 0;
        let products = self.pieces(x, x.dims()[1]).into_iter().map(|x| {
            let batch = x.dims()[0];
            let dy = dy.clone().narrow(0, from, batch);
            from += batch;
            dy.matmul(self.columns(x).transpose()).sum_dim(0)
        });
        sum(products).squeeze_dim(0)
    }

    /// The gradient of the input of `length` points, `(B, C, L)`.
    ///
    /// Input point p meets tap k of output point m where p = m·stride + k − padding: a convolution of
    /// stride 1 over the output gradient, its points `stride` apart with zeros between, with the taps
    /// in reverse and the channels exchanged.
    pub(super) fn input_gradient(
        self,
        dy: Tensor<3>,
        weight: Tensor<2>,
        length: usize,
    ) -> Tensor<3> {
        let [batch, outputs, points] = dy.dims();
        let inputs = weight.dims()[1] / self.kernel;
        let weight = weight.reshape([outputs, inputs, self.kernel]).flip([2]).swap_dims(0, 1);
        let weight = weight.reshape([inputs, outputs * self.kernel]);
        let spread = if self.stride == 1 {
            dy
        } else {
            let dy = dy.reshape([batch, outputs, points, 1]);
            dy.pad([(0, self.stride - 1)], PadMode::Constant(0.0)).reshape([
                batch,
                outputs,
                points * self.stride,
            ])
        };
        // Output gradients before the first input point and after the last one meet padding only.
        let full = Self { kernel: self.kernel, stride: 1, padding: self.kernel - 1 };
        let all = full.forward(&spread, &weight);
        let reached = all.dims()[2];
        let missing = (self.padding + length).saturating_sub(reached);
        let all = if missing == 0 { all } else { all.pad([(0, missing)], PadMode::Constant(0.0)) };
        all.narrow(2, self.padding, length)
    }

    /// The samples in pieces of which the columns of so many channels fit.
    fn pieces(self, x: &Tensor<3>, channels: usize) -> Vec<Tensor<3>> {
        let [batch, _, length] = x.dims();
        let sample = channels * self.kernel * self.points(length);
        let piece = (COLUMNS / sample).clamp(1, batch.max(1));
        let starts = (0..batch).step_by(piece);
        starts.map(|from| x.clone().narrow(0, from, piece.min(batch - from))).collect()
    }

    /// The points under every output point, `(B, C·K, M)`.
    fn columns(self, x: Tensor<3>) -> Tensor<3> {
        let [batch, channels, length] = x.dims();
        let points = self.points(length);
        let padded = if self.padding == 0 {
            x
        } else {
            x.pad([(self.padding, self.padding)], PadMode::Constant(0.0))
        };
        let windows: Tensor<4> = padded.unfold(2, self.kernel, self.stride);
        windows.swap_dims(2, 3).reshape([batch, channels * self.kernel, points])
    }
}
