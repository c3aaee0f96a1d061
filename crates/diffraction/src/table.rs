//! Tables of patterns: one row per sample, one column per grid point.
//!
//! The layout is that of the published files:
//! `formula_id,index,name,condutivity,label,v1,…,vN`. Columns are found by their header names, in
//! any order; `formula`, `id` and `conductivity` are accepted as well; only `name` and `v1…vN` are
//! required. Containers: CSV, the same compressed by gzip or zstd, and Parquet; which one a file is
//! is decided by its first bytes, not by its name.
//!
//! ```no_run
//! use diffraction::table::{Row, TableError, TableReader};
//!
//! # fn main() -> Result<(), TableError> {
//! let mut table = TableReader::open("lbs.csv".as_ref())?;
//! let mut row = Row::default();
//! while table.read(&mut row)? {
//!     println!("{}: {} of {} points", row.name, row.indices.len(), table.columns().points);
//! }
//! # Ok(())
//! # }
//! ```

pub(crate) mod atomic;
mod columns;
mod combine;
mod error;
mod parquet_read;
mod parquet_write;
mod reader;
mod records;
mod row;
pub(crate) mod source;
mod text_read;
mod text_write;
mod writer;

pub use columns::Columns;
pub use combine::{Combination, CombineError, Combined, Regrid, Repeated, combine};
pub use error::{Place, TableError};
pub use reader::TableReader;
pub use row::Row;
pub use writer::TableWriter;
