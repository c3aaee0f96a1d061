//! Where each array lies in the engine's memory, its PyTorch name, and the way between the layouts.
//!
//! All trainable values lie in one run, all running statistics in another, so that the optimizer
//! and the moving average are single passes. Channels are padded with zeros to whole panels of 32.
//! A map's weights lie in panels of output channels, `[D/32][K·C][32]`; PyTorch keeps `(D, C, K)`,
//! and for a linear layer on flattened features `(D, C·K)` with the same order of values.

use std::ops::Range;

use crate::initialize::{Initialization, Kind, uniform};
use crate::kernels::memory::Buffer;
use crate::kernels::product::PANEL;
use crate::tensors::{LoadError, Mismatch, Tensor, Tensors};

use super::plan::Normalize;

/// The order of values inside an array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// `(outputs, channels, taps)` in PyTorch, `[panel][taps · lanes][32]` here.
    Map {
        /// `D`
        outputs: usize,
        /// `C`
        channels: usize,
        /// `C`, padded.
        lanes: usize,
        /// `K`
        taps: usize,
    },
    /// The same in both, but for the padding.
    Vector,
}

impl Order {
    /// Values in the engine's memory for so many values of PyTorch's.
    fn padded(self, count: usize) -> usize {
        match self {
            Self::Map { outputs, lanes, taps, .. } => {
                outputs.next_multiple_of(PANEL) * lanes * taps
            }
            Self::Vector => count.next_multiple_of(PANEL),
        }
    }

    /// Calls `each` with PyTorch's and the engine's position of every value.
    pub(super) fn positions(self, count: usize, mut each: impl FnMut(usize, usize)) {
        match self {
            Self::Vector => (0..count).for_each(|i| each(i, i)),
            Self::Map { outputs, channels, lanes, taps } => {
                for output in 0..outputs {
                    let (panel, column) = (output / PANEL, output % PANEL);
                    for channel in 0..channels {
                        for tap in 0..taps {
                            let row = (panel * taps + tap) * lanes + channel;
                            let theirs = (output * channels + channel) * taps + tap;
                            each(theirs, row * PANEL + column);
                        }
                    }
                }
            }
        }
    }
}

/// What an array starts as.
#[derive(Clone, Copy, Debug)]
enum Start {
    Weight { kind: Kind, fan_in: usize, fan_out: usize },
    Bias { kind: Kind, fan_in: usize, fan_out: usize },
    Constant(f32),
}

/// One array.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) range: Range<usize>,
    /// PyTorch's shape.
    shape: Vec<usize>,
    order: Order,
    start: Start,
}

impl Slot {
    /// Values without padding.
    fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// All arrays of a network.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    pub(super) trainable: Vec<Slot>,
    pub(super) statistics: Vec<Slot>,
    /// Names of the counters of batches, one per batch norm.
    pub(super) counters: Vec<String>,
}

/// The values of a network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    pub(super) weights: Buffer,
    pub(super) statistics: Buffer,
}

/// Name of the scalar that counts optimizer steps.
const STEP: &str = "step";
/// First moments.
const FIRST: &str = "exp_avg.";
/// Second moments.
const SECOND: &str = "exp_avg_sq.";

impl Parameters {
    /// Adds a map's weight and bias.
    pub(super) fn add_map(
        &mut self,
        prefix: &str,
        kind: Kind,
        shape: Vec<usize>,
        order: Order,
    ) -> (Range<usize>, Range<usize>) {
        let outputs = shape[0];
        let receptive = shape.get(2).copied().unwrap_or(1);
        let (fan_in, fan_out) = (shape[1] * receptive, outputs * receptive);
        let start = Start::Weight { kind, fan_in, fan_out };
        let weight = add(&mut self.trainable, format!("{prefix}.weight"), shape, order, start);
        let start = Start::Bias { kind, fan_in, fan_out };
        let name = format!("{prefix}.bias");
        let bias = add(&mut self.trainable, name, vec![outputs], Order::Vector, start);
        (weight, bias)
    }

    /// Adds a batch norm's arrays.
    pub(super) fn add_normalize(&mut self, prefix: &str, channels: usize) -> Normalize {
        let vector = |slots: &mut Vec<Slot>, name: &str, start: f32| {
            let name = format!("{prefix}.{name}");
            add(slots, name, vec![channels], Order::Vector, Start::Constant(start))
        };
        self.counters.push(format!("{prefix}.num_batches_tracked"));
        Normalize {
            weight: vector(&mut self.trainable, "weight", 1.0),
            bias: vector(&mut self.trainable, "bias", 0.0),
            running_mean: vector(&mut self.statistics, "running_mean", 0.0),
            running_variance: vector(&mut self.statistics, "running_var", 1.0),
            counter: self.counters.len() - 1,
        }
    }

    /// Number of trainable values.
    pub(super) fn weights(&self) -> usize {
        self.trainable.last().map_or(0, |slot| slot.range.end)
    }

    /// Number of running statistics.
    fn running(&self) -> usize {
        self.statistics.last().map_or(0, |slot| slot.range.end)
    }

    /// The first values.
    pub(super) fn start(&self, initialization: Initialization, seed: u64) -> Values {
        let fill = |slots: &[Slot], count: usize| {
            let mut values = Buffer::zeros(count);
            for (position, slot) in slots.iter().enumerate() {
                let target = &mut values[slot.range.clone()];
                let bound = match slot.start {
                    Start::Constant(value) => {
                        target.fill(value);
                        continue;
                    }
                    Start::Weight { kind, fan_in, fan_out } => {
                        initialization.bounds(kind, fan_in, fan_out).0
                    }
                    Start::Bias { kind, fan_in, fan_out } => {
                        initialization.bounds(kind, fan_in, fan_out).1
                    }
                };
                if bound > 0.0 {
                    let drawn = uniform(seed, position as u64, slot.count(), bound);
                    read(slot.order, &drawn, target);
                }
            }
            values
        };
        Values {
            weights: fill(&self.trainable, self.weights()),
            statistics: fill(&self.statistics, self.running()),
        }
    }

    /// Values under PyTorch's names.
    pub(super) fn export(&self, values: &Values, batches: &[u64]) -> Tensors {
        let mut tensors = Tensors::new();
        write(&self.trainable, &values.weights, "", &mut tensors);
        write(&self.statistics, &values.statistics, "", &mut tensors);
        for (name, &count) in self.counters.iter().zip(batches) {
            tensors.insert(name.clone(), Tensor::scalar(count as f32));
        }
        tensors
    }

    /// Values and counters of batches from PyTorch's names. A missing counter is zero: old files
    /// have none.
    pub(super) fn import(&self, tensors: &Tensors) -> Result<(Values, Vec<u64>), LoadError> {
        let mut reader = Reader { tensors, seen: 0, mismatches: Vec::new() };
        let values = Values {
            weights: reader.arrays(&self.trainable, self.weights(), ""),
            statistics: reader.arrays(&self.statistics, self.running(), ""),
        };
        for slot in self.statistics.iter().filter(|slot| slot.name.ends_with(".running_var")) {
            let running = &values.statistics[slot.range.clone()];
            if let Some(index) = running.iter().position(|&variance| variance < 0.0) {
                let (name, value) = (slot.name.clone(), running[index]);
                reader.mismatches.push(Mismatch::Value { name, index, value });
            }
        }
        let batches = self.counters.iter().map(|name| reader.count(name, true)).collect();
        let known = |name: &str| {
            let slots = self.trainable.iter().chain(&self.statistics);
            slots.map(|slot| &slot.name).chain(&self.counters).any(|known| known == name)
        };
        reader.finish(known)?;
        Ok((values, batches))
    }

    /// The optimizer under its names.
    pub(super) fn export_optimizer(&self, moments: (&[f32], &[f32]), step: u64) -> Tensors {
        let mut tensors = Tensors::new();
        write(&self.trainable, moments.0, FIRST, &mut tensors);
        write(&self.trainable, moments.1, SECOND, &mut tensors);
        tensors.insert(STEP.into(), Tensor::scalar(step as f32));
        tensors
    }

    /// Both moments and the number of steps.
    pub(super) fn import_optimizer(
        &self,
        tensors: &Tensors,
    ) -> Result<(Buffer, Buffer, u64), LoadError> {
        let mut reader = Reader { tensors, seen: 0, mismatches: Vec::new() };
        let first = reader.arrays(&self.trainable, self.weights(), FIRST);
        let second = reader.arrays(&self.trainable, self.weights(), SECOND);
        for slot in &self.trainable {
            let squares = &second[slot.range.clone()];
            if let Some(index) = squares.iter().position(|&square| square < 0.0) {
                let (name, value) = (format!("{SECOND}{}", slot.name), squares[index]);
                reader.mismatches.push(Mismatch::Value { name, index, value });
            }
        }
        let step = reader.count(STEP, false);
        let known = |name: &str| {
            let own = |prefix| name.strip_prefix(prefix);
            let parameter = own(FIRST).or_else(|| own(SECOND));
            name == STEP || parameter.is_some_and(|p| self.trainable.iter().any(|s| s.name == p))
        };
        reader.finish(known)?;
        Ok((first, second, step))
    }
}

fn add(
    slots: &mut Vec<Slot>,
    name: String,
    shape: Vec<usize>,
    order: Order,
    start: Start,
) -> Range<usize> {
    let begin = slots.last().map_or(0, |slot| slot.range.end);
    let range = begin..begin + order.padded(shape.iter().product());
    slots.push(Slot { name, range: range.clone(), shape, order, start });
    range
}

/// From PyTorch's order to the engine's; the padding stays.
fn read(order: Order, theirs: &[f32], ours: &mut [f32]) {
    order.positions(theirs.len(), |from, to| ours[to] = theirs[from]);
}

/// Slots into tensors, in PyTorch's order.
fn write(slots: &[Slot], values: &[f32], prefix: &str, tensors: &mut Tensors) {
    for slot in slots {
        let ours = &values[slot.range.clone()];
        let mut data = vec![0.0; slot.count()];
        slot.order.positions(slot.count(), |to, from| data[to] = ours[from]);
        tensors
            .insert(format!("{prefix}{}", slot.name), Tensor { shape: slot.shape.clone(), data });
    }
}

/// Reads tensors, collecting everything that does not fit.
struct Reader<'a> {
    tensors: &'a Tensors,
    seen: usize,
    mismatches: Vec<Mismatch>,
}

impl Reader<'_> {
    fn arrays(&mut self, slots: &[Slot], count: usize, prefix: &str) -> Buffer {
        let mut values = Buffer::zeros(count);
        for slot in slots {
            let name = format!("{prefix}{}", slot.name);
            let Some(tensor) = self.tensors.get(&name) else {
                self.mismatches.push(Mismatch::Missing { name });
                continue;
            };
            self.seen += 1;
            if tensor.shape != slot.shape {
                let (expected, found) = (slot.shape.clone(), tensor.shape.clone());
                self.mismatches.push(Mismatch::Shape { name, expected, found });
            } else if tensor.data.len() != slot.count() {
                let (expected, found) = (slot.count(), tensor.data.len());
                self.mismatches.push(Mismatch::Length { name, expected, found });
            } else if let Some(index) = tensor.data.iter().position(|value| !value.is_finite()) {
                let value = tensor.data[index];
                self.mismatches.push(Mismatch::Value { name, index, value });
            } else {
                read(slot.order, &tensor.data, &mut values[slot.range.clone()]);
            }
        }
        values
    }

    fn count(&mut self, name: &str, optional: bool) -> u64 {
        let own = || name.to_owned();
        let Some(tensor) = self.tensors.get(name) else {
            if !optional {
                self.mismatches.push(Mismatch::Missing { name: own() });
            }
            return 0;
        };
        self.seen += 1;
        match tensor.data[..] {
            [value] if value >= 0.0 && value.fract() == 0.0 => value as u64,
            [value] => {
                self.mismatches.push(Mismatch::Value { name: own(), index: 0, value });
                0
            }
            _ => {
                let found = tensor.data.len();
                self.mismatches.push(Mismatch::Length { name: own(), expected: 1, found });
                0
            }
        }
    }

    fn finish(mut self, known: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        if self.seen < self.tensors.len() {
            let unexpected = self.tensors.keys().filter(|name| !known(name));
            self.mismatches
                .extend(unexpected.map(|name| Mismatch::Unexpected { name: name.clone() }));
        }
        if self.mismatches.is_empty() {
            return Ok(());
        }
        Err(LoadError::Mismatched(self.mismatches))
    }
}
