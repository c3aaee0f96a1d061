//! What can be wrong with a CIF.

use crate::lattice::LatticeError;
use crate::structure::ExpandError;

/// A place in a text, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The place of a byte.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let is_start = |b: &&u8| **b & 0xc0 != 0x80;
        Self {
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: before[line_start..].iter().filter(is_start).count() + 1,
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is no CIF, or a CIF no structure; one variant per remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CifError {
    /// The bytes are not text.
    #[error("it is not text: {reason}")]
    NotText {
        /// What they look like.
        reason: &'static str,
    },
    /// The text does not begin with a data block.
    #[error("{at}: `{found}` stands before the first `data_` header")]
    NoBlock {
        /// Where.
        at: Position,
        /// What stands there.
        found: String,
    },
    /// No data block at all.
    #[error("it has no `data_` block")]
    Empty,
    /// A quoted value does not end on its line.
    #[error("{at}: the quoted text does not end on its line")]
    OpenQuote {
        /// Where it begins.
        at: Position,
    },
    /// A text field does not end.
    #[error("{at}: the text field does not end with a `;` at the beginning of a line")]
    OpenText {
        /// Where it begins.
        at: Position,
    },
    /// A value that belongs to no tag.
    #[error("{at}: the value `{found}` belongs to no tag")]
    StrayValue {
        /// Where.
        at: Position,
        /// The value.
        found: String,
    },
    /// A tag without a value.
    #[error("{at}: tag `{tag}` has no value")]
    NoValue {
        /// Where the tag stands.
        at: Position,
        /// The tag.
        tag: String,
    },
    /// A loop whose values do not fill its rows.
    #[error("{at}: the loop has {tags} tags and {values} values, which are no whole rows")]
    RaggedLoop {
        /// Where the loop begins.
        at: Position,
        /// Its tags.
        tags: usize,
        /// Its values.
        values: usize,
    },
    /// More tags, values and blocks than any structure or scan needs.
    #[error("{at}: the file goes on after {limit} tags and values")]
    TooLong {
        /// Where the bound is passed.
        at: Position,
        /// The bound.
        limit: usize,
    },
    /// No block holds atom sites.
    #[error("it holds no atom sites")]
    NoAtoms,
    /// An item that a structure needs is missing.
    #[error("block `{block}` has no `{tag}`")]
    Missing {
        /// The data block.
        block: String,
        /// The tag.
        tag: &'static str,
    },
    /// A value that should be a number.
    #[error("{at}: `{tag}` is `{found}`, which is not a number")]
    NotANumber {
        /// Where.
        at: Position,
        /// The tag.
        tag: &'static str,
        /// The value.
        found: String,
    },
    /// A coordinate that is unknown (`?`) or left out (`.`).
    #[error("{at}: atom `{label}` has no coordinate `{tag}`")]
    NoCoordinate {
        /// Where.
        at: Position,
        /// The atom.
        label: String,
        /// The tag.
        tag: &'static str,
    },
    /// A symmetry operation that is none.
    #[error("{at}: `{found}` is not a symmetry operation")]
    Operation {
        /// Where.
        at: Position,
        /// The text.
        found: String,
    },
    /// The space group has a name that no table has, and the file gives no operations.
    #[error(
        "block `{block}`: the space group `{found}` is unknown, and the operations are not given"
    )]
    SpaceGroup {
        /// The data block.
        block: String,
        /// What the file says.
        found: String,
    },
    /// An atom of no known element.
    #[error("{at}: `{found}` names no element")]
    Element {
        /// Where.
        at: Position,
        /// The text.
        found: String,
    },
    /// The cell is impossible.
    #[error("block `{block}`: {source}")]
    Cell {
        /// The data block.
        block: String,
        /// Why.
        source: LatticeError,
    },
    /// The atoms are impossible.
    #[error("block `{block}`: {source}")]
    Atoms {
        /// The data block.
        block: String,
        /// Why.
        source: ExpandError,
    },
}
