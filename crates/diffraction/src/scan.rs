//! Measured powder scans, read from the files that diffractometers write.
//!
//! [`Scan::read`] recognises a file by its content first and by its extension second:
//!
//! | format | extensions | module | source of the layout |
//! | --- | --- | --- | --- |
//! | two or three columns | `.xy .xye .dat .csv .txt` | `columns` | common use |
//! | start, step, end, then counts | `.dat` | `step_list` | FullProf manual, `Ins = 0` |
//! | FIT2D and pyFAI | `.chi` | `chi` | FIT2D manual |
//! | PANalytical XRDML 1.0–2.3 | `.xrdml` | `xrdml` | the published XML schema |
//! | Bruker BRML | `.brml` | `brml` | self-describing XML in a zip archive |
//! | Bruker/Siemens RAW 1, 2, 3 (`RAW1.01`), 4 | `.raw` | `bruker_raw` | DIFFRAC manuals as told by xylib; `RAW4` by comparison of files |
//! | Bruker UXD | `.uxd` | `uxd` | self-describing text |
//! | Rigaku RAS | `.ras` | `ras` | self-describing text |
//! | Rigaku RASX | `.rasx` | `rasx` | self-describing text in a zip archive |
//! | Rigaku `*TYPE = Raw` text | `.dat` | `rigaku_dat` | self-describing text |
//! | Rigaku binary RAW | `.raw` | `rigaku_raw` | offsets found by comparison of files; checked against themselves |
//! | STOE `RAW_1.06Powdat` | `.raw` | `stoe_raw` | offsets found by comparison of files; checked against themselves |
//! | GSAS `STD`, `ESD`, `FXY`, `FXYE` | `.gsa .gsas .gda .fxye .xra .raw` | `gsas` | GSAS manual, Larson & Von Dreele, LAUR 86-748 |
//! | powder CIF | `.cif` | `pdcif` | IUCr pdCIF dictionary 1.0 |
//!
//! Every reader keeps what the file says of wavelength, step, counting time and sample, and says
//! in [`ScanMetadata::notes`] what it changed (a descending scan turned round, an attenuator
//! multiplied in). Positions are 2θ in degrees; a scan along another axis is refused.
//!
//! # Limits
//! A file may have [`MAX_FILE_BYTES`], the members read from one archive may unpack to
//! [`MAX_UNPACKED_BYTES`], a file may hold [`MAX_POINTS`] points in [`MAX_SCANS`] scans. Lengths
//! that a file declares are compared with the bytes that are there before anything is reserved,
//! so reading needs less than 1 GiB whatever the input.
//!
//! # Why not the `geddes` crate
//! `geddes` 1.0 returns two arrays and no metadata, one untyped message for every error, does not
//! read RAW 1 and 2, STOE or Rigaku RAW, and skips lines that it does not understand. It serves as
//! an independent witness in `tests/scans/against_geddes.rs` instead.

mod archive;
mod axis;
mod brml;
mod bruker_raw;
mod bytes;
mod chi;
mod columns;
mod error;
mod format;
mod gsas;
mod header;
mod limits;
mod measured;
mod metadata;
mod pdcif;
mod ras;
mod rasx;
mod read;
mod rigaku_dat;
mod rigaku_raw;
mod step_list;
mod stoe_raw;
mod text;
mod uxd;
mod xml;
mod xrdml;

pub use error::{Place, ScanError, ScanProblem};
pub use format::ScanFormat;
pub use limits::{
    MAX_ANGLE, MAX_FILE_BYTES, MAX_INTENSITY, MAX_POINTS, MAX_SCANS, MAX_UNPACKED_BYTES,
    MAX_XML_DEPTH, MAX_XML_NODES,
};
pub use measured::Scan;
pub use metadata::{IntensityUnit, ScanMetadata, Wavelengths};
