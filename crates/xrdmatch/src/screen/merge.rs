//! The rows of many sorted blocks in one order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::files::Files;
use super::shard::Block;
use super::{Scored, ScreenError};

/// All rows of some files in the order of the ranking, each with the number of its file; of equal
/// scores, the earlier file and the earlier row.
pub(super) struct Merge<'a> {
    heads: BinaryHeap<Reverse<Head<'a>>>,
}

struct Head<'a> {
    score: f64,
    file: usize,
    row: Scored,
    block: Block<'a>,
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |head: &Self| (head.file, head.row.row);
        other.score.total_cmp(&self.score).then_with(|| place(self).cmp(&place(other)))
    }
}

impl<'a> Head<'a> {
    fn new(file: usize, row: Scored, block: Block<'a>) -> Reverse<Self> {
        Reverse(Self { score: row.score(), file, row, block })
    }
}

impl<'a> Merge<'a> {
    pub(super) fn of(files: &Files<'a>) -> Result<Self, ScreenError> {
        let mut heads = BinaryHeap::new();
        for (file, shard) in files.shards() {
            for mut block in shard.blocks() {
                if let Some(row) = block.next() {
                    heads.push(Head::new(file, row?, block));
                }
            }
        }
        Ok(Self { heads })
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<(usize, Scored), ScreenError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse(Head { file, row, mut block, .. }) = self.heads.pop()?;
        match block.next() {
            Some(Ok(next)) => self.heads.push(Head::new(file, next, block)),
            Some(Err(error)) => return Some(Err(error)),
            None => {}
        }
        Some(Ok((file, row)))
    }
}
