//! How a batch is cut into units, some samples or a piece of one, whose arrangements stay in a core's
//! cache, and units into groups.

/// Groups of units.
pub(super) const GROUPS: usize = 8;
/// Output rows of a piece.
const PIECE: usize = 512;
/// Output rows of a unit of several samples.
const ROWS: usize = 384;

/// How a batch is cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) batch: usize,
    /// Samples of a unit.
    pub(super) samples: usize,
    /// Pieces of a sample.
    pub(super) pieces: usize,
    /// Rows of a piece.
    pub(super) rows: usize,
}

/// One unit of a cut.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) first: usize,
    pub(super) samples: usize,
    pub(super) piece: usize,
    /// First row, and number of rows.
    pub(super) from: usize,
    pub(super) rows: usize,
}

impl Cut {
    pub(super) fn new(batch: usize, rows: usize) -> Self {
        if rows > PIECE {
            let pieces = rows.div_ceil(PIECE);
            return Self { batch, samples: 1, pieces, rows: rows.div_ceil(pieces) };
        }
        // Not so many that groups are left without work.
        let samples = (ROWS / rows).clamp(1, batch.div_ceil(GROUPS).max(1));
        Self { batch, samples, pieces: 1, rows }
    }

    pub(super) fn units(&self) -> usize {
        self.batch.div_ceil(self.samples) * self.pieces
    }

    /// Units of a group, in order.
    pub(super) fn group(&self, group: usize, rows: usize) -> impl Iterator<Item = Share> {
        let (cut, each) = (*self, self.units().div_ceil(GROUPS));
        let units = (group * each).min(cut.units())..((group + 1) * each).min(cut.units());
        units.map(move |unit| {
            let (first, piece) = (unit / cut.pieces * cut.samples, unit % cut.pieces);
            let from = piece * cut.rows;
            Share {
                first,
                samples: cut.samples.min(cut.batch - first),
                piece,
                from,
                rows: cut.rows.min(rows.saturating_sub(from)),
            }
        })
    }
}
