//! In which pieces the tiles of a batch are worked through.
//!
//! Where the weights' spectrum is small, groups of tiles are independent and their chunks stay in a
//! core's cache; where it is large, all threads share the planes of one chunk, so that each plane of
//! weights is read once a chunk.

use std::ops::Range;

use crate::kernels::conv::Purpose;
use crate::kernels::memory::spread;

/// Groups of tiles, each with its own chunk and sums; the sums are joined in the order of groups.
const GROUPS: usize = 8;
/// Tiles of a chunk of a group.
const CHUNK: usize = 24;
/// Values of a weights' spectrum up to which groups are worth their own sums.
const SMALL: usize = 1 << 19;
/// Values of the planes of a shared chunk.
const SHARED: usize = 6 << 20;

/// Tiles of a sample, `step` rows each. Two neighbours are transformed as one complex tile, which rounds
/// each by the other: where no sample may depend on the next, each has a whole number of pairs.
pub(crate) fn tiles(rows: usize, step: usize, purpose: Purpose) -> usize {
    let tiles = rows.div_ceil(step);
    match purpose {
        Purpose::Training => tiles,
        Purpose::Inference => tiles.next_multiple_of(2),
    }
}

/// How the tiles of a batch are worked through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) tiles: usize,
    pub(super) groups: usize,
    /// Tiles of a chunk.
    pub(super) chunk: usize,
    /// Tiles of one piece of work within a chunk.
    pub(super) block: usize,
}

impl Schedule {
    /// For so many tiles of `width` values, both sides together, and `weights` values of the weights'
    /// spectrum.
    pub(super) fn new(tiles: usize, weights: usize, width: usize) -> Self {
        if weights <= SMALL && tiles >= GROUPS * CHUNK {
            return Self { tiles, groups: GROUPS, chunk: CHUNK, block: CHUNK };
        }
        let chunk = (SHARED / (2 * width)).max(1).next_multiple_of(CHUNK);
        let chunk = chunk.min(tiles.next_multiple_of(2));
        let block = chunk.div_ceil(32).next_multiple_of(2);
        // Blocks do not straddle chunks.
        Self { tiles, groups: 1, chunk: chunk.next_multiple_of(block), block }
    }

    /// Whether the threads share a chunk.
    pub(super) fn shared(&self) -> bool {
        self.groups == 1
    }

    /// Chunks of a group.
    fn chunks(&self) -> usize {
        self.tiles.div_ceil(self.chunk).div_ceil(self.groups)
    }

    /// Blocks, each with its own record of statistics.
    pub(super) fn records(&self) -> usize {
        self.tiles.div_ceil(self.block)
    }

    /// Every chunk of every group: groups side by side, the chunks of a group in order.
    pub(super) fn each_chunk(&self, work: impl Fn(usize, Range<usize>) + Sync + Send) {
        spread(!self.shared(), self.groups, |group| {
            for chunk in 0..self.chunks() {
                let from = (group * self.chunks() + chunk) * self.chunk;
                if from < self.tiles {
                    work(group, from..self.tiles.min(from + self.chunk));
                }
            }
        });
    }

    /// Every block of a chunk.
    pub(super) fn each_block(
        &self,
        chunk: Range<usize>,
        work: impl Fn(Range<usize>) + Sync + Send,
    ) {
        spread(self.shared(), chunk.len().div_ceil(self.block), |i| {
            let from = chunk.start + i * self.block;
            work(from..chunk.end.min(from + self.block));
        });
    }

    /// Every frequency but the highest, which goes with the lowest.
    pub(super) fn each_frequency(&self, points: usize, work: impl Fn(usize) + Sync + Send) {
        spread(self.shared(), points / 2, work);
    }
}
