//! From a list of layers to blocks: what one fused pass does.
//!
//! A block is, in this order and each part optional: a map (convolution or linear layer), batch
//! norm, ReLU, max-pool, dropout. Any list of layers is cut greedily into such blocks. A linear
//! layer is a convolution over its whole input, so the flattening disappears: what PyTorch counts
//! as feature `c·L + l` is channel `c` of point `l` here.

use std::ops::Range;

use crate::architecture::{Architecture, ArchitectureError, Layer, Shape};
use crate::initialize::Kind;
use crate::kernels::conv::Geometry;

use super::parameters::{Order, Parameters};

/// The network as the engine runs it.
pub(super) struct Plan {
    pub(super) blocks: Vec<Block>,
    pub(super) parameters: Parameters,
}

/// One fused pass.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Shape of the input, without padding.
    pub(super) input: Shape,
    /// Shape after the map.
    pub(super) mapped: Shape,
    /// Shape after the pool.
    pub(super) output: Shape,
    pub(super) map: Option<Map>,
    pub(super) normalize: Option<Normalize>,
    pub(super) rectify: bool,
    /// Window of the max-pool, 1 for none.
    pub(super) pool: usize,
    pub(super) dropout: Option<Dropout>,
}

/// A convolution or a linear layer.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) geometry: Geometry,
    pub(super) padding: usize,
    /// In the weights, `(K, C, D)`.
    pub(super) weight: Range<usize>,
    pub(super) bias: Range<usize>,
}

/// A batch norm.
#[derive(Clone, Debug)]
pub(super) struct Normalize {
    /// γ, in the weights.
    pub(super) weight: Range<usize>,
    /// β, in the weights.
    pub(super) bias: Range<usize>,
    /// In the statistics.
    pub(super) running_mean: Range<usize>,
    /// In the statistics.
    pub(super) running_variance: Range<usize>,
    /// Which counter of batches.
    pub(super) counter: usize,
}

/// A dropout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropout {
    pub(super) rate: f32,
    /// Position among all layers: tells the masks of a step apart.
    pub(super) layer: usize,
}

impl Block {
    fn new(input: Shape) -> Self {
        Self {
            input,
            mapped: input,
            output: input,
            map: None,
            normalize: None,
            rectify: false,
            pool: 1,
            dropout: None,
        }
    }

    /// Rows of zeros before and after the input.
    pub(super) fn padding(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.padding)
    }

    /// Values of an input sample, padding included.
    pub(super) fn input_size(&self) -> usize {
        (self.input.length + 2 * self.padding()) * self.input.channels
    }

    /// Values of a sample after the map.
    pub(super) fn mapped_size(&self) -> usize {
        self.mapped.length * self.mapped.channels
    }

    /// How far into the block a layer comes; a block's layers come in rising order.
    fn stage(&self) -> usize {
        match self {
            Self { dropout: Some(_), .. } => 5,
            Self { pool: 2.., .. } => 4,
            Self { rectify: true, .. } => 3,
            Self { normalize: Some(_), .. } => 2,
            Self { map: Some(_), .. } => 1,
            _ => 0,
        }
    }
}

impl Plan {
    pub(super) fn new(
        architecture: &Architecture,
        input_length: usize,
    ) -> Result<Self, ArchitectureError> {
        architecture.shapes(input_length)?;
        let mut parameters = Parameters::default();
        let mut blocks: Vec<Block> = Vec::new();
        let mut block = Block::new(Shape { channels: 1, length: input_length });
        let parts = [("feature", &architecture.features), ("classifer", &architecture.classifier)];
        let layers = parts
            .into_iter()
            .flat_map(|(part, layers)| layers.iter().enumerate().map(move |(n, l)| (part, n, l)));
        for (position, (part, n, layer)) in layers.enumerate() {
            let stage = match layer {
                Layer::Conv { .. } | Layer::Linear { .. } => 1,
                Layer::BatchNorm => 2,
                Layer::Relu => 3,
                Layer::MaxPool { size: 1 } => continue,
                Layer::MaxPool { .. } => 4,
                Layer::Dropout { .. } => 5,
            };
            if stage <= block.stage() {
                let output = block.output;
                blocks.push(std::mem::replace(&mut block, Block::new(output)));
            }
            let prefix = format!("{part}.{n}");
            match *layer {
                Layer::Conv { channels, kernel, stride, padding } => {
                    let padded = block.input.length + 2 * padding;
                    let geometry = Geometry {
                        inputs: block.input.channels,
                        padded,
                        outputs: channels,
                        length: (padded - kernel) / stride + 1,
                        kernel,
                        stride,
                    };
                    block.set_map(geometry, padding, &prefix, Kind::Convolution, &mut parameters);
                }
                Layer::Linear { outputs } => {
                    let geometry = Geometry {
                        inputs: block.input.channels,
                        padded: block.input.length,
                        outputs,
                        length: 1,
                        kernel: block.input.length,
                        stride: 1,
                    };
                    block.set_map(geometry, 0, &prefix, Kind::Linear, &mut parameters);
                }
                Layer::BatchNorm => {
                    block.normalize =
                        Some(parameters.add_normalize(&prefix, block.mapped.channels));
                }
                Layer::Relu => block.rectify = true,
                Layer::MaxPool { size } => {
                    block.pool = size;
                    block.output.length /= size;
                }
                Layer::Dropout { rate } => {
                    block.dropout = Some(Dropout { rate, layer: position });
                }
            }
        }
        blocks.push(block);
        Ok(Self { blocks, parameters })
    }

    /// The last block: its map is the last linear layer.
    pub(super) fn last(&self) -> &Block {
        &self.blocks[self.blocks.len() - 1]
    }

    /// Largest padded input sample of any block, and at least the logits of a sample.
    pub(super) fn widest_input(&self) -> usize {
        let inputs = self.blocks.iter().map(Block::input_size).max().unwrap_or(0);
        inputs.max(self.last().mapped_size())
    }

    /// Largest mapped sample of any block.
    pub(super) fn widest_mapped(&self) -> usize {
        self.blocks.iter().map(Block::mapped_size).max().unwrap_or(0)
    }

    /// Values of the moments and sums of a batch in any block.
    pub(super) fn moments(&self, batch: usize) -> usize {
        let size = |block: &Block| {
            let pieces = block.map.as_ref().map_or(1, |map| map.geometry.pieces());
            batch * pieces * 2 * block.mapped.channels
        };
        self.blocks.iter().map(size).max().unwrap_or(0)
    }

    /// Values of scratch memory that the maps need.
    pub(super) fn scratch(&self, batch: usize) -> usize {
        let maps = self.blocks.iter().filter_map(|block| block.map.as_ref());
        maps.map(|map| map.geometry.scratch(batch)).max().unwrap_or(0)
    }
}

impl Block {
    fn set_map(
        &mut self,
        geometry: Geometry,
        padding: usize,
        prefix: &str,
        kind: Kind,
        parameters: &mut Parameters,
    ) {
        let order = Order::Map {
            outputs: geometry.outputs,
            channels: geometry.inputs,
            taps: geometry.kernel,
        };
        let shape = match kind {
            Kind::Convolution => vec![geometry.outputs, geometry.inputs, geometry.kernel],
            Kind::Linear => vec![geometry.outputs, geometry.inputs * geometry.kernel],
        };
        let (weight, bias) = parameters.add_map(prefix, kind, shape, order);
        self.mapped = Shape { channels: geometry.outputs, length: geometry.length };
        self.output = self.mapped;
        self.map = Some(Map { geometry, padding, weight, bias });
    }
}
