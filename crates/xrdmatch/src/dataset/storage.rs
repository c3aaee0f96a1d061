//! Sparse patterns in memory or in a mapped file: offsets, indices, values.

use memmap2::Mmap;

/// The non-zero points of all rows, one row after the other.
#[derive(Debug)]
pub(super) enum Storage {
    /// In memory.
    Owned {
        /// `offsets[row]..offsets[row + 1]` are the points of a row.
        offsets: Vec<u64>,
        indices: Vec<u16>,
        values: Vec<f32>,
    },
    /// In a mapped cache file; the sections were checked when it was opened.
    Mapped { map: Mmap, offsets: Section, indices: Section, values: Section },
}

/// A part of a mapped file, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Section {
    /// The section as numbers.
    ///
    /// # Panics
    /// If it is misaligned or out of range, which opening the file has ruled out.
    fn of<T: bytemuck::Pod>(self, bytes: &[u8]) -> &[T] {
        bytemuck::cast_slice(&bytes[self.start..self.start + self.length])
    }
}

impl Storage {
    pub(super) fn owned(offsets: Vec<u64>, indices: Vec<u16>, values: Vec<f32>) -> Self {
        Self::Owned { offsets, indices, values }
    }

    pub(super) fn offsets(&self) -> &[u64] {
        match self {
            Self::Owned { offsets, .. } => offsets,
            Self::Mapped { map, offsets, .. } => offsets.of(map),
        }
    }

    pub(super) fn indices(&self) -> &[u16] {
        match self {
            Self::Owned { indices, .. } => indices,
            Self::Mapped { map, indices, .. } => indices.of(map),
        }
    }

    pub(super) fn values(&self) -> &[f32] {
        match self {
            Self::Owned { values, .. } => values,
            Self::Mapped { map, values, .. } => values.of(map),
        }
    }

    pub(super) fn pattern(&self, row: usize) -> (&[u16], &[f32]) {
        let offsets = self.offsets();
        #[expect(clippy::cast_possible_truncation, reason = "offsets of what lies in memory")]
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        (&self.indices()[range.clone()], &self.values()[range])
    }
}
