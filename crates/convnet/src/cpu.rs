//! The engine for processors.
//!
//! A network is cut into blocks ([`plan`]); a pass runs over them ([`forward`], [`backward`]) with
//! the loops of [`crate::kernels`]; [`inference`] and [`learning`] are made of passes. All memory is taken when a batch of a new size first comes.
//! Work runs in the current rayon pool, and gives bitwise the same result in any.

mod backward;
pub(crate) mod blocks;
mod buffers;
mod forward;
mod inference;
mod learning;
pub(crate) mod measure;
mod parameters;
mod plan;
pub(crate) mod single;
#[cfg(test)]
mod tests;

use crate::kernels::conv::Choice;
use crate::kernels::isa::Isa;
use crate::kernels::memory::Buffer;
use crate::{
    AdamW, Architecture, ArchitectureError, Initialization, LoadError, Matrix, Network, Precision,
    Stream, Tensors, Weights,
};
use backward::Workspace;
use buffers::{Scratch, Tape, predicted_bytes};
use inference::Prepared;
use learning::Optimizer;
use parameters::Values;
use plan::Plan;

/// A network on the processor.
pub struct CpuNetwork {
    architecture: Architecture,
    input_length: usize,
    plan: Plan,
    isa: Isa,
    current: Values,
    /// The moving average; none until a step keeps one.
    average: Option<Values>,
    /// Batches that each batch norm has learnt from.
    batches: Vec<u64>,
    optimizer: Optimizer,
    /// Activations of the streams with a gradient, in their order.
    tapes: Vec<Tape>,
    /// Activations of the streams without one, in their order.
    lean: Vec<Tape>,
    /// Gradients of the streams with one, in their order.
    workspaces: Vec<Workspace>,
    scratch: Scratch,
    prepared: Prepared,
}

impl CpuNetwork {
    /// A network with first weights drawn by `seed`.
    ///
    /// # Errors
    /// When the layers do not fit together or not to the input length, or when the environment
    /// asks for instructions that this machine lacks.
    pub fn new(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
    ) -> Result<Self, ArchitectureError> {
        Self::with_precision(architecture, input_length, initialization, seed, Precision::F32)
    }

    /// The same with products of this precision.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_precision(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
        precision: Precision,
    ) -> Result<Self, ArchitectureError> {
        Self::with_choice(architecture, input_length, initialization, seed, precision.choice())
    }

    /// The same with one algorithm for all convolutions that it fits, for tests and benchmarks.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_choice(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
        choice: Choice,
    ) -> Result<Self, ArchitectureError> {
        let plan = Plan::new(&architecture, input_length, choice)?;
        let current = plan.parameters.start(initialization, seed);
        Ok(Self {
            architecture,
            input_length,
            isa: Isa::detect()?,
            average: None,
            batches: vec![0; plan.parameters.counters.len()],
            optimizer: Optimizer {
                gradients: Buffer::empty(),
                first: Buffer::zeros(current.weights.len()),
                second: Buffer::zeros(current.weights.len()),
                steps: 0,
            },
            tapes: Vec::new(),
            lean: Vec::new(),
            workspaces: Vec::new(),
            scratch: Scratch::new(),
            prepared: Prepared::default(),
            current,
            plan,
        })
    }

    /// Memory in bytes of a network that learns from streams of these sizes: an upper bound that
    /// takes every stream as one with a gradient.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn predicted_bytes(
        architecture: &Architecture,
        input_length: usize,
        stream_sizes: &[usize],
        precision: Precision,
    ) -> Result<usize, ArchitectureError> {
        let streams: Vec<(usize, bool)> = stream_sizes.iter().map(|&size| (size, true)).collect();
        Self::predicted_step_bytes(architecture, input_length, &streams, precision)
    }

    /// Memory in bytes of a network that learns from streams of so many rows, with a gradient or
    /// without one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn predicted_step_bytes(
        architecture: &Architecture,
        input_length: usize,
        streams: &[(usize, bool)],
        precision: Precision,
    ) -> Result<usize, ArchitectureError> {
        let plan = Plan::new(architecture, input_length, precision.choice())?;
        Ok(predicted_bytes(&plan, streams))
    }

    fn values(&self, which: Weights) -> &Values {
        match (which, &self.average) {
            (Weights::Average, Some(average)) => average,
            _ => &self.current,
        }
    }
}

impl Network for CpuNetwork {
    fn input_length(&self) -> usize {
        self.input_length
    }

    fn classes(&self) -> usize {
        self.architecture.classes()
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn infer(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        self.logits(signals, weights)
    }

    fn embed(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        self.activations(signals, weights)
    }

    fn input_gradient(&mut self, signals: &Matrix, class: usize, weights: Weights) -> Matrix {
        self.gradient(signals, class, weights)
    }

    fn learn(
        &mut self,
        streams: &[Stream<'_>],
        optimizer: &AdamW,
        loss_gradient: &mut dyn FnMut(&[Matrix]) -> Vec<Option<Matrix>>,
    ) {
        self.one_step(streams, optimizer, loss_gradient);
    }

    fn weights(&self, which: Weights) -> Tensors {
        self.plan.parameters.export(self.values(which), &self.batches)
    }

    fn optimizer_state(&self) -> Tensors {
        let Optimizer { first, second, steps, .. } = &self.optimizer;
        self.plan.parameters.export_optimizer((first, second), *steps)
    }

    fn load(&mut self, weights: &Tensors) -> Result<(), LoadError> {
        (self.current, self.batches) = self.plan.parameters.import(weights)?;
        self.average = None;
        self.prepared.of = None;
        self.optimizer.first.fill(0.0);
        self.optimizer.second.fill(0.0);
        self.optimizer.steps = 0;
        Ok(())
    }

    fn restore(
        &mut self,
        weights: &Tensors,
        average: Option<&Tensors>,
        optimizer: &Tensors,
    ) -> Result<(), LoadError> {
        let (current, batches) = self.plan.parameters.import(weights)?;
        let average = average.map(|average| self.plan.parameters.import(average)).transpose()?;
        let (first, second, steps) = self.plan.parameters.import_optimizer(optimizer)?;
        (self.current, self.batches) = (current, batches);
        self.average = average.map(|(values, _)| values);
        self.prepared.of = None;
        self.optimizer.first = first;
        self.optimizer.second = second;
        self.optimizer.steps = steps;
        Ok(())
    }
}
