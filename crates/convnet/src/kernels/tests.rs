//! Every algorithm of a map, for every instruction set, against plain sums in double precision.
//!
//! Under Miri (`XRDMATCH_ISA` is not read here, and Miri knows no vector instructions of its own):
//! `MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p convnet --lib kernels`.

use super::conv::{Choice, Conv, Geometry, InputTarget, Purpose};
use super::isa::Isa;
use super::memory::Buffer;
use super::product::PANEL;
use super::rows::{Gradient, Input};
use crate::initialize::uniform;

/// Relative L2 error of an output or an input gradient in single precision.
const OUTPUT: f64 = 6e-7;
/// The same of a weight gradient.
const WEIGHTS: f64 = 6e-7;

/// Inputs of both directions, fresh for each case.
struct Case {
    geometry: Geometry,
    batch: usize,
    values: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    floor: f32,
    weights: Buffer,
    du: Vec<f32>,
    below: Vec<f32>,
    numbers: [Vec<f32>; 3],
    mean: Vec<f32>,
}

/// What the plain sums give.
struct Expected {
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

impl Case {
    fn new(geometry: Geometry, batch: usize, floor: f32) -> Self {
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| u64::from(time.subsec_nanos()));
        let draw = |stream, count| uniform(seed, stream, count, 1.0);
        let (inputs, outputs) = (geometry.input.channels, geometry.output.channels);
        let mut weights = Buffer::zeros(geometry.weights());
        weights.copy_from_slice(&draw(1, geometry.weights()));
        let identity = inputs == 1;
        Self {
            geometry,
            batch,
            values: draw(2, batch * geometry.input.size()),
            scale: if identity { vec![1.0] } else { draw(3, inputs) },
            shift: if identity { vec![0.0] } else { draw(4, inputs) },
            floor: if identity { f32::NEG_INFINITY } else { floor },
            weights,
            du: draw(5, batch * geometry.output.size()),
            below: draw(6, batch * geometry.output.size()),
            numbers: [draw(7, outputs), draw(8, outputs), draw(9, outputs)],
            mean: draw(10, inputs),
        }
    }

    /// The same with numbers so coarse that rounding to bfloat16 changes none of the operands.
    fn coarse(mut self) -> Self {
        let to = |steps: f32| move |value: &mut f32| *value = (*value * steps).round() / steps;
        self.values.iter_mut().for_each(to(8.0));
        self.scale.iter_mut().for_each(to(4.0));
        self.shift.iter_mut().for_each(to(32.0));
        self.weights.iter_mut().for_each(to(64.0));
        self.du.iter_mut().chain(&mut self.below).for_each(to(4.0));
        self.numbers.iter_mut().flatten().for_each(to(4.0));
        self
    }

    fn input(&self) -> Input<'_> {
        Input { values: &self.values, scale: &self.scale, shift: &self.shift, floor: self.floor }
    }

    fn gradient(&self) -> Gradient<'_> {
        let [slope, tilt, offset] = &self.numbers;
        Gradient { du: &self.du, y: &self.below, slope, tilt, offset }
    }

    /// The input as the map reads it, and whether its gradient passes the ReLU.
    fn read(&self, at: usize) -> (f64, bool) {
        let c = at % self.geometry.input.channels;
        let u = f64::from(self.values[at]) * f64::from(self.scale[c]) + f64::from(self.shift[c]);
        (u.max(f64::from(self.floor)), u > f64::from(self.floor))
    }

    /// Calls `each` with the positions of input, weight and output of every product.
    fn products(&self, mut each: impl FnMut(usize, usize, usize)) {
        let Geometry { input, output, kernel } = self.geometry;
        let rows = kernel * input.channels;
        for n in 0..self.batch {
            for l in 0..output.length {
                for k in 0..kernel {
                    let point = l * input.stride + k;
                    if point < input.padding || point >= input.padding + input.length {
                        continue;
                    }
                    let point = n * input.length + point - input.padding;
                    for c in 0..input.channels {
                        for d in 0..output.channels {
                            let row = d / PANEL * rows + k * input.channels + c;
                            each(
                                point * input.channels + c,
                                row * PANEL + d % PANEL,
                                (n * output.length + l) * output.channels + d,
                            );
                        }
                    }
                }
            }
        }
    }

    fn expected(&self) -> Expected {
        let x: Vec<f64> = (0..self.values.len()).map(|at| self.read(at).0).collect();
        let [slope, tilt, offset] = &self.numbers;
        let dy: Vec<f64> = (0..self.du.len())
            .map(|at| {
                let d = at % self.geometry.output.channels;
                let wide = |values: &[f32], i: usize| f64::from(values[i]);
                wide(slope, d) * wide(&self.du, at)
                    + wide(tilt, d) * wide(&self.below, at)
                    + wide(offset, d)
            })
            .collect();
        let mut expected = Expected {
            y: vec![0.0; dy.len()],
            dx: vec![0.0; x.len()],
            dw: vec![0.0; self.weights.len()],
        };
        self.products(|i, w, o| {
            expected.y[o] += x[i] * f64::from(self.weights[w]);
            expected.dx[i] += dy[o] * f64::from(self.weights[w]);
            expected.dw[w] += dy[o] * x[i];
        });
        expected
    }

    fn check(&self, isa: Isa, conv: &Conv, expected: &Expected, name: &str) {
        let needs = conv.needs(self.batch, true);
        let (mut scratch, mut prepared) =
            (Buffer::zeros(needs.scratch), Buffer::zeros(needs.prepared));
        let mut records = vec![f64::NAN; needs.records];
        // Whatever lies in the scratch memory must not matter.
        scratch.fill(f32::NAN);
        let (input, gradient) = (self.input(), self.gradient());
        conv.prepare(isa, &self.weights, &mut prepared);
        let mut y = vec![f32::NAN; self.du.len()];
        let weights = (&self.weights[..], &prepared[..]);
        let outputs = self.geometry.output.channels;
        let count = conv.forward(isa, input, weights, &mut y, Some(&mut records), &mut scratch);
        assert_close(&y, &expected.y, OUTPUT, &format!("{name}: y"));
        check_moments(&records[..count * (1 + 2 * outputs)], &expected.y, outputs, name);

        conv.prepare_backward(isa, &self.weights, &mut prepared, &mut scratch);
        scratch.fill(f32::NAN);
        let weights = (&self.weights[..], &prepared[..]);
        let mut dw = vec![0.5; self.weights.len()];
        let mut dx = vec![f32::NAN; self.values.len()];
        let target = InputTarget { dx: &mut dx, below: None };
        let dw_target = Some(&mut dw[..]);
        conv.backward(isa, (input, gradient), weights, dw_target, Some(target), &mut scratch);
        dw.iter_mut().for_each(|dw| *dw -= 0.5);
        assert_close(&dx, &expected.dx, OUTPUT, &format!("{name}: dx"));
        assert_close(&dw, &expected.dw, WEIGHTS, &format!("{name}: dw"));

        if self.geometry.input.channels == 1 || conv.is_linear() {
            return;
        }
        let below = Some((&self.mean[..], &mut records[..]));
        let target = InputTarget { dx: &mut dx, below };
        let count =
            conv.backward(isa, (input, gradient), weights, None, Some(target), &mut scratch);
        let channels = self.geometry.input.channels;
        let (mut du, mut sums) = (expected.dx.clone(), vec![0.0; 2 * channels]);
        for (at, du) in du.iter_mut().enumerate() {
            let c = at % channels;
            *du = if self.read(at).1 { *du } else { 0.0 };
            sums[c] += *du;
            sums[channels + c] += *du * (f64::from(self.values[at]) - f64::from(self.mean[c]));
        }
        assert_close(&dx, &du, OUTPUT, &format!("{name}: du"));
        let mut found = vec![0.0; 2 * channels];
        for record in records[..count * 2 * channels].chunks_exact(2 * channels) {
            found.iter_mut().zip(record).for_each(|(sum, value)| *sum += value);
        }
        let found: Vec<f32> = found.into_iter().map(|sum| sum as f32).collect();
        assert_close(&found, &sums, 1e-5, &format!("{name}: sums"));
    }
}

fn check_moments(records: &[f64], y: &[f64], channels: usize, name: &str) {
    let points = (y.len() / channels) as f64;
    let counts: f64 = records.chunks_exact(1 + 2 * channels).map(|record| record[0]).sum();
    assert_eq!(counts, points, "{name}: points");
    // Of a channel with few points the size is that of all channels.
    let typical = y.iter().map(|y| y * y).sum::<f64>() / channels as f64;
    for c in 0..channels {
        let values = || y.iter().skip(c).step_by(channels);
        let mean = values().sum::<f64>() / points;
        let squares: f64 = values().map(|y| y * y).sum();
        let (mut found, mut found_squares) = (0.0, 0.0);
        for record in records.chunks_exact(1 + 2 * channels).filter(|record| record[0] > 0.0) {
            let here = record[1 + c];
            found += here * record[0] / points;
            found_squares += record[1 + channels + c] + here * here * record[0];
        }
        let size = (typical / points).sqrt();
        assert!((found - mean).abs() < 1e-5 * size, "{name}: mean {found} against {mean}");
        assert!((found_squares - squares).abs() < 1e-5 * (squares + typical), "{name}: squares");
    }
}

fn assert_close(found: &[f32], expected: &[f64], allowed: f64, name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let pairs = found.iter().zip(expected);
    let distance = pairs.map(|(f, e)| (f64::from(*f) - e).powi(2)).sum::<f64>().sqrt();
    let size = expected.iter().map(|e| e * e).sum::<f64>().sqrt();
    assert!(distance <= allowed * size, "{name}: {:.1e}, allowed {allowed:.1e}", distance / size);
}

/// `(length, C, D, K, stride, padding, batch)`: kernels that just fit and do not reach all rows,
/// strides that leave rows over, lengths 1 and prime, tiles that straddle samples.
const SHAPES: &[(usize, usize, usize, usize, usize, usize, usize)] = &[
    (1, 32, 32, 1, 1, 0, 1),
    (1, 32, 32, 3, 1, 1, 3),
    (3, 32, 64, 4, 1, 1, 3),
    (4, 64, 32, 4, 1, 0, 1),
    (5, 32, 32, 4, 2, 1, 2),
    (8, 32, 32, 7, 3, 2, 2),
    (53, 32, 32, 8, 1, 1, 3),
    (61, 32, 64, 12, 2, 1, 2),
    (97, 64, 32, 16, 1, 1, 1),
    (10, 1, 32, 3, 1, 1, 1),
    (67, 1, 64, 16, 2, 1, 3),
    (11, 1, 32, 4, 3, 0, 2),
];

#[test]
fn every_algorithm_equals_the_plain_sums() {
    let spectral = [16, 32, 64].map(Choice::Spectral);
    let choices = [Choice::Direct].into_iter().chain(spectral).map(|c| (c, Purpose::Training));
    let alone = spectral.map(|choice| (choice, Purpose::Inference));
    let shapes = if cfg!(miri) { &SHAPES[1..2] } else { SHAPES };
    for &(length, inputs, outputs, kernel, stride, padding, batch) in shapes {
        let geometry = Geometry::new(length, (inputs, outputs), (kernel, stride, padding));
        for floor in [0.0, f32::NEG_INFINITY] {
            let case = Case::new(geometry, batch, floor);
            let expected = case.expected();
            for (choice, purpose) in choices.clone().chain(alone) {
                let conv = Conv::new(geometry, choice, purpose);
                for isa in Isa::available() {
                    let name = format!("{geometry:?} × {batch}, {choice:?}, {purpose:?}, {isa:?}");
                    case.check(isa, &conv, &expected, &name);
                }
            }
        }
    }
}

#[test]
fn many_tiles_in_groups_equal_the_plain_sums() {
    if cfg!(miri) {
        return;
    }
    // More tiles than groups times chunks, so that groups have sums of their own.
    let geometry = Geometry::new(1201, (32, 32), (3, 1, 1));
    let case = Case::new(geometry, 11, 0.0);
    let expected = case.expected();
    for isa in Isa::available() {
        for points in [16, 32] {
            let conv = Conv::new(geometry, Choice::Spectral(points), Purpose::Training);
            case.check(isa, &conv, &expected, &format!("{points} rows, {isa:?}"));
        }
    }
}

#[test]
fn rounded_products_of_coarse_numbers_equal_the_plain_sums() {
    // The last two are cut into pieces of a sample, and into groups of several samples.
    let larger = [(1301, 32, 32, 5, 2, 1, 2), (47, 32, 64, 4, 1, 1, 37)];
    let shapes = if cfg!(miri) { &SHAPES[1..2] } else { SHAPES };
    let larger = if cfg!(miri) { &larger[..0] } else { &larger[..] };
    for &(length, inputs, outputs, kernel, stride, padding, batch) in shapes.iter().chain(larger) {
        let geometry = Geometry::new(length, (inputs, outputs), (kernel, stride, padding));
        let case = Case::new(geometry, batch, 0.0).coarse();
        let expected = case.expected();
        let conv = Conv::new(geometry, Choice::Rounded, Purpose::Training);
        for isa in Isa::available() {
            case.check(isa, &conv, &expected, &format!("{geometry:?} × {batch}, {isa:?}"));
        }
    }
}

#[test]
fn linear_layers_equal_the_plain_sums() {
    for (length, inputs, outputs, batch) in
        [(1, 32, 32, 1), (5, 32, 64, 3), (7, 1, 32, 35), (301, 1, 64, 2), (13, 32, 32, 97)]
    {
        // A linear layer is a convolution whose kernel is the whole signal.
        let geometry = Geometry::new(length, (inputs, outputs), (length, 1, 0));
        let mut case = Case::new(geometry, batch, f32::NEG_INFINITY);
        case.scale.fill(1.0);
        case.shift.fill(0.0);
        for choice in [Choice::Direct, Choice::Rounded] {
            if choice == Choice::Rounded {
                case = case.coarse();
            }
            let expected = case.expected();
            let conv = Conv::linear(length * inputs, outputs, choice);
            for isa in Isa::available() {
                let name = format!("{length} × {inputs}, {batch}, {choice:?}, {isa:?}");
                case.check(isa, &conv, &expected, &name);
            }
        }
    }
}
