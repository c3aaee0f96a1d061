//! How long each block of an inference takes.

use std::time::Instant;

use super::buffers::{Scratch, Tape};
use super::forward::{Behaviour, Context, Pass, Running, block};
use super::{CpuNetwork, Weights};
use crate::initialize::uniform;
use crate::kernels::conv::{Choice, Purpose};
use crate::kernels::memory::awake;
use crate::{Architecture, ArchitectureError, Initialization, Matrix};

/// One block of an inference.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockTime {
    /// What it maps, and the rows after the map.
    pub block: String,
    /// The algorithm of its map.
    pub choice: Choice,
    /// Bytes of weights that the map reads.
    pub bytes: usize,
    /// Seconds; the median.
    pub seconds: f64,
}

/// Times the blocks of inferences of `batch` random signals, from one to the next, after one that
/// warms up.
///
/// # Errors
/// When the layers do not fit together, or the instructions that the environment asks for are not
/// there.
pub fn inference_times(
    architecture: &Architecture,
    input_length: usize,
    batch: usize,
    repeats: usize,
) -> Result<Vec<BlockTime>, ArchitectureError> {
    let mut network =
        CpuNetwork::new(architecture.clone(), input_length, Initialization::Xavier, 1)?;
    network.prepare(Weights::Current);
    let plan = &network.plan;
    let (mut tape, mut scratch) = (Tape::new(plan, false), Scratch::new());
    tape.reserve(plan, batch);
    scratch.reserve(plan.needs(batch, Purpose::Inference, false).without_prepared());
    let signals = uniform(1, 1, batch * input_length, 1.0);
    let mut logits = Matrix::zeros(batch, architecture.classes());
    let context = Context { plan, isa: network.isa, weights: &network.current.weights };
    let mut times = vec![Vec::with_capacity(repeats); plan.blocks.len()];
    for round in 0..=repeats {
        let behaviour = Behaviour::Running;
        let pass = Pass { signals: &signals, behaviour, tape: &mut tape, logits: &mut logits };
        let mut passes = [pass];
        let mut running = Running::Read(&network.current.statistics);
        let prepared = Some(&network.prepared.blocks[..]);
        awake(|| {
            for (i, times) in times.iter_mut().enumerate() {
                let start = Instant::now();
                block(context, i, &mut running, &mut passes, &mut scratch, prepared);
                if round > 0 {
                    times.push(start.elapsed().as_secs_f64());
                }
            }
        });
    }
    let describe = |(i, mut times): (usize, Vec<f64>)| {
        let block = &plan.blocks[i];
        let (inputs, outputs) = (block.input.channels, block.mapped.channels);
        let conv = block.map.as_ref().map(|map| map.conv(Purpose::Inference));
        let name = match conv.map(|conv| (conv, conv.geometry())) {
            None => "no map".to_owned(),
            Some((_, None)) => format!("linear {}→{outputs}", inputs * block.input.length),
            Some((_, Some(g))) => format!(
                "{inputs}→{outputs} k{} s{} on {}",
                g.kernel, g.input.stride, g.output.length
            ),
        };
        let read = |conv: &crate::kernels::conv::Conv| match conv.prepared() {
            0 => block.map.as_ref().map_or(0, |map| map.weight.len()),
            prepared => prepared,
        };
        times.sort_by(f64::total_cmp);
        BlockTime {
            block: name,
            choice: conv.map_or(Choice::Direct, crate::kernels::conv::Conv::choice),
            bytes: conv.map_or(0, read) * size_of::<f32>(),
            seconds: times.get(times.len() / 2).copied().unwrap_or(f64::NAN),
        }
    };
    Ok(times.into_iter().enumerate().map(describe).collect())
}
