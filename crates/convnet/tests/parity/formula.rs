//! Numbers that PyTorch's side computes too: the twin of `golden/formula.py`.
//!
//! Weights and signals are functions of a tensor's name and an element's index, in integer
//! arithmetic and correctly rounded double-precision operations only, so both sides get the same
//! bits and nothing large is committed.

use convnet::{Matrix, Tensor, Tensors};

/// Sums kept of a tensor that is too large to keep whole.
const BUCKETS: usize = 128;
/// Tensors of up to this many elements are kept whole.
const WHOLE: usize = 512;

/// FNV-1a, 64 bits, of the name's bytes.
fn key(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// The stream of words that belongs to `name`: `SplitMix64` seeded with its key.
pub(crate) fn words(name: &str) -> impl Iterator<Item = u64> + use<> {
    let mut state = key(name);
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// A number in [0, 1): the upper 53 bits of a word.
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * 2f64.powi(-53)
}

/// `count` numbers in centre ± reach: computed in double precision, rounded once.
pub(crate) fn spread(name: &str, count: usize, centre: f64, reach: f64) -> Vec<f32> {
    words(name).take(count).map(|word| (centre + (2.0 * unit(word) - 1.0) * reach) as f32).collect()
}

/// `count` numbers among the multiples of 1/8 in ±reach/8.
pub(crate) fn eighths(name: &str, count: usize, reach: u64) -> Vec<f32> {
    let eighth = |word: u64| (word % (2 * reach + 1)) as f32 - reach as f32;
    words(name).take(count).map(|word| eighth(word) / 8.0).collect()
}

/// The start values of the parameter or running statistic whose name ends `label`; `normalises`:
/// it belongs to a batch norm.
pub(crate) fn parameter(label: &str, shape: &[usize], normalises: bool) -> Vec<f32> {
    let (_, kind) = label.rsplit_once('.').expect("`layer.kind`");
    let (centre, reach) = match (kind, normalises) {
        ("running_mean", _) => (0.0, 0.1),
        ("running_var", _) | ("weight", true) => (1.0, 0.25),
        ("bias", true) => (0.0, 0.1),
        ("bias", false) => (0.0, 0.05),
        ("weight", false) => {
            let taps: usize = shape[2..].iter().product();
            (0.0, (6.0 / ((shape[1] + shape[0]) * taps) as f64).sqrt())
        }
        _ => panic!("no rule for the tensor `{label}`"),
    };
    spread(label, shape.iter().product(), centre, reach)
}

/// The start values of all parameters and running statistics in `template`, whose names and
/// shapes are taken over; `prefix` before a name makes the label of its numbers.
pub(crate) fn parameters(prefix: &str, template: &Tensors) -> Tensors {
    let value = |name: &String, tensor: &Tensor| {
        if name.ends_with(".num_batches_tracked") {
            return tensor.clone();
        }
        let (layer, _) = name.rsplit_once('.').expect("`layer.kind`");
        let normalises = template.contains_key(&format!("{layer}.running_mean"));
        let shape = tensor.shape.clone();
        Tensor { data: parameter(&format!("{prefix}{name}"), &shape, normalises), shape }
    };
    template.iter().map(|(name, tensor)| (name.clone(), value(name, tensor))).collect()
}

/// A batch (B, L) that looks like thresholded stick patterns: mostly zero, the highest stick 1.
/// The rule stands at `sticks` of `formula.py`.
pub(crate) fn sticks(name: &str, batch: usize, length: usize) -> Matrix {
    let mut signals = Matrix::zeros(batch, length);
    for b in 0..batch {
        let mut words = words(&format!("{name}/{b}"));
        let mut next = || words.next().expect("an endless stream");
        let count = length / 150 + 4 + (next() % (length / 75 + 4) as u64) as usize;
        let row = signals.row_mut(b);
        let mut first = None;
        for _ in 0..count {
            let position = (next() % length as u64) as usize;
            let u = unit(next());
            row[position] = (0.1 + 0.9 * (u * u * u)) as f32;
            first.get_or_insert(position);
        }
        row[first.expect("at least four sticks")] = 1.0;
    }
    signals
}

/// A batch (B, L) like a measured scan: sticks on a background in [0, 0.1), no two points alike.
pub(crate) fn measured(name: &str, batch: usize, length: usize) -> Matrix {
    let mut signals = sticks(name, batch, length);
    let background = spread(&format!("{name}/background"), batch * length, 0.05, 0.05);
    for (value, background) in signals.as_mut_slice().iter_mut().zip(background) {
        *value += background;
    }
    signals
}

/// Labels or pseudo-labels (B), 0 or 1.
pub(crate) fn classes(name: &str, batch: usize) -> Vec<usize> {
    words(name).take(batch).map(|word| (word & 1) as usize).collect()
}

/// Which pseudo-labels count (B), three of four on average.
pub(crate) fn mask(name: &str, batch: usize) -> Vec<bool> {
    words(name).take(batch).map(|word| word & 3 != 0).collect()
}

/// What a golden file keeps of a tensor: all of it up to [`WHOLE`] elements; above, a count sketch
/// (the rule stands at `kept` of `formula.py`) and the norm.
pub(crate) fn kept(label: &str, values: &[f64]) -> Vec<f64> {
    if values.len() <= WHOLE {
        return values.to_vec();
    }
    let mut sums = vec![0.0; BUCKETS];
    for (&value, word) in values.iter().zip(words(&format!("buckets/{label}"))) {
        sums[(word >> 57) as usize] += if word & 1 == 1 { -value } else { value };
    }
    sums.push(norm(values));
    sums
}

/// L2 norm of a tensor of `count` elements of which [`kept`] was kept.
pub(crate) fn kept_norm(count: usize, kept: &[f64]) -> f64 {
    if count <= WHOLE { norm(kept) } else { kept[BUCKETS] }
}

/// L2 norm of the difference of two tensors of `count` elements, from what was kept of both;
/// estimated to about 6 % when they were not kept whole.
pub(crate) fn kept_distance(count: usize, one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len(), "what is kept of {count} elements");
    let sums = if count <= WHOLE { count } else { BUCKETS };
    norm(&one[..sums].iter().zip(&other[..sums]).map(|(a, b)| a - b).collect::<Vec<_>>())
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}
