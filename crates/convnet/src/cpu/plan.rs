//! From a list of layers to blocks: what one fused pass does.
//!
//! A block is, in this order and each part optional: a map (convolution or linear layer), batch
//! norm, ReLU, max-pool, dropout. Any list of layers is cut greedily into such blocks. A linear
//! layer is a convolution over its whole input, so the flattening disappears: what PyTorch counts
//! as feature `c·L + l` is channel `c` of point `l` here.

use std::ops::Range;

use crate::architecture::{Architecture, ArchitectureError, Layer, Shape};
use crate::initialize::Kind;
use crate::kernels::conv::{Choice, Conv, Geometry, Needs, Purpose};
use crate::kernels::product::PANEL;

use super::parameters::{Order, Parameters};

/// The network as the engine runs it.
pub(super) struct Plan {
    pub(super) blocks: Vec<Block>,
    pub(super) parameters: Parameters,
    /// Ones and zeros for every channel: the affine map that changes nothing.
    pub(super) identity: (Vec<f32>, Vec<f32>),
}

/// One fused pass.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Shape of the input.
    pub(super) input: Shape,
    /// Values of an input row: channels in whole panels, except for the signal's single one.
    pub(super) input_lanes: usize,
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
    /// Whether the next map does batch norm and ReLU while it reads the mapped output: there is
    /// no memory for its input then.
    pub(super) fused: bool,
}

/// A convolution or a linear layer.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// In training passes.
    training: Conv,
    /// In passes with running statistics.
    inference: Conv,
    /// In the weights, in panels.
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

impl Map {
    /// It with the algorithm for this purpose.
    pub(super) fn conv(&self, purpose: Purpose) -> &Conv {
        match purpose {
            Purpose::Training => &self.training,
            Purpose::Inference => &self.inference,
        }
    }
}

impl Block {
    fn new(input: Shape, input_lanes: usize) -> Self {
        Self {
            input,
            input_lanes,
            mapped: input,
            output: input,
            map: None,
            normalize: None,
            rectify: false,
            pool: 1,
            dropout: None,
            fused: false,
        }
    }

    /// Values of a mapped row: channels in whole panels.
    pub(super) fn lanes(&self) -> usize {
        self.mapped.channels.next_multiple_of(PANEL)
    }

    /// Values of an input sample.
    pub(super) fn input_size(&self) -> usize {
        self.input.length * self.input_lanes
    }

    /// Values of a sample after the map.
    pub(super) fn mapped_size(&self) -> usize {
        self.mapped.length * self.lanes()
    }

    /// Whether its map is a linear layer, which reads its input as it is.
    fn is_dense(&self) -> bool {
        self.map.as_ref().is_some_and(|map| map.training.is_linear())
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
        choice: Choice,
    ) -> Result<Self, ArchitectureError> {
        architecture.shapes(input_length)?;
        let mut parameters = Parameters::default();
        let mut blocks: Vec<Block> = Vec::new();
        let mut block = Block::new(Shape { channels: 1, length: input_length }, 1);
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
                let next = Block::new(block.output, block.lanes());
                blocks.push(std::mem::replace(&mut block, next));
            }
            let prefix = format!("{part}.{n}");
            match *layer {
                Layer::Conv { channels, kernel, stride, padding } => {
                    let outputs = channels.next_multiple_of(PANEL);
                    let geometry = Geometry::new(
                        block.input.length,
                        (block.input_lanes, outputs),
                        (kernel, stride, padding),
                    );
                    let shape = vec![channels, block.input.channels, kernel];
                    let mapped = Shape { channels, length: geometry.output.length };
                    let conv = |purpose| Conv::new(geometry, choice, purpose);
                    block.set_map(
                        (conv(Purpose::Training), conv(Purpose::Inference)),
                        mapped,
                        &prefix,
                        (Kind::Convolution, shape),
                        &mut parameters,
                    );
                }
                Layer::Linear { outputs } => {
                    let lanes = outputs.next_multiple_of(PANEL);
                    let conv = Conv::linear(block.input_size(), lanes, choice);
                    let shape = vec![outputs, block.input.channels * block.input.length];
                    let mapped = Shape { channels: outputs, length: 1 };
                    block.set_map(
                        (conv.clone(), conv),
                        mapped,
                        &prefix,
                        (Kind::Linear, shape),
                        &mut parameters,
                    );
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
        for i in 1..blocks.len() {
            let reads = blocks[i].map.is_some() && !blocks[i].is_dense();
            let block = &mut blocks[i - 1];
            let drops = block.dropout.is_some_and(|dropout| dropout.rate > 0.0);
            block.fused = reads && block.pool == 1 && !drops;
        }
        let widest = blocks.iter().map(Block::lanes).max().unwrap_or(PANEL);
        Ok(Self { blocks, parameters, identity: (vec![1.0; widest], vec![0.0; widest]) })
    }

    /// The last block: its map is the last linear layer.
    pub(super) fn last(&self) -> &Block {
        &self.blocks[self.blocks.len() - 1]
    }

    /// Largest input sample that is kept in memory of its own.
    pub(super) fn widest_input(&self) -> usize {
        self.blocks
            .windows(2)
            .filter(|pair| !pair[0].fused)
            .map(|pair| pair[1].input_size())
            .max()
            .unwrap_or(0)
    }

    /// Largest mapped sample of the blocks at even or odd places.
    pub(super) fn widest_mapped(&self, odd: usize) -> usize {
        self.blocks.iter().skip(odd).step_by(2).map(Block::mapped_size).max().unwrap_or(0)
    }

    /// Largest gradient of a sample, of a mapped output or of an input.
    pub(super) fn widest_gradient(&self) -> usize {
        let sizes = self.blocks.iter().map(|block| block.mapped_size().max(block.input_size()));
        sizes.max().unwrap_or(0)
    }

    /// Memory that the passes of a batch need besides activations.
    pub(super) fn needs(&self, batch: usize, purpose: Purpose, backward: bool) -> Needs {
        let of = |block: &Block| {
            // Batch norm or the backward pass of a block without a map: a record per sample.
            let elementwise = Needs {
                scratch: if backward { 2 * batch * block.lanes() } else { 0 },
                prepared: 0,
                records: batch * (1 + 2 * block.lanes()),
            };
            let map = block.map.as_ref().map(|map| map.conv(purpose).needs(batch, backward));
            elementwise.or_larger(map.unwrap_or_default())
        };
        self.blocks.iter().map(of).fold(Needs::default(), Needs::or_larger)
    }
}

impl Block {
    fn set_map(
        &mut self,
        (training, inference): (Conv, Conv),
        mapped: Shape,
        prefix: &str,
        (kind, shape): (Kind, Vec<usize>),
        parameters: &mut Parameters,
    ) {
        let taps = match kind {
            Kind::Convolution => shape[2],
            Kind::Linear => self.input.length,
        };
        let order = Order::Map {
            outputs: mapped.channels,
            channels: self.input.channels,
            lanes: self.input_lanes,
            taps,
        };
        let (weight, bias) = parameters.add_map(prefix, kind, shape, order);
        self.mapped = mapped;
        self.output = mapped;
        self.map = Some(Map { training, inference, weight, bias });
    }
}
