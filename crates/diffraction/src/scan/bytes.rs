//! Little-endian fields of binary files, each read checked against the end of the file.

use super::error::{Place, ScanProblem};
use super::format::ScanFormat;
use super::limits::MAX_POINTS;
use super::text::latin1;

/// The bytes of one file.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    format: ScanFormat,
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(format: ScanFormat, bytes: &'a [u8]) -> Self {
        Self { format, bytes }
    }

    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    /// `length` bytes from `offset`.
    pub(super) fn slice(self, offset: usize, length: usize) -> Result<&'a [u8], ScanProblem> {
        offset.checked_add(length).and_then(|end| self.bytes.get(offset..end)).ok_or(
            ScanProblem::Truncated {
                format: self.format,
                offset: offset as u64,
                needed: length as u64,
                available: self.bytes.len().saturating_sub(offset) as u64,
            },
        )
    }

    fn array<const N: usize>(self, offset: usize) -> Result<[u8; N], ScanProblem> {
        let mut field = [0; N];
        field.copy_from_slice(self.slice(offset, N)?);
        Ok(field)
    }

    pub(super) fn u16(self, offset: usize) -> Result<u16, ScanProblem> {
        self.array(offset).map(u16::from_le_bytes)
    }

    pub(super) fn u32(self, offset: usize) -> Result<u32, ScanProblem> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// An unsigned 32-bit field that counts or measures bytes.
    pub(super) fn size(self, offset: usize) -> Result<usize, ScanProblem> {
        self.u32(offset).map(|value| value as usize)
    }

    pub(super) fn f32(self, offset: usize) -> Result<f64, ScanProblem> {
        self.array(offset).map(|field| f64::from(f32::from_le_bytes(field)))
    }

    pub(super) fn f64(self, offset: usize) -> Result<f64, ScanProblem> {
        self.array(offset).map(f64::from_le_bytes)
    }

    /// Text of a fixed field, Latin-1, up to its first NUL.
    pub(super) fn text(self, offset: usize, length: usize) -> Result<String, ScanProblem> {
        let field = self.slice(offset, length)?;
        let end = field.iter().position(|&byte| byte == 0).unwrap_or(length);
        Ok(latin1(&field[..end]).trim().to_owned())
    }

    /// `points` records of `stride` bytes from `offset`, all of them inside the file.
    pub(super) fn records(
        self,
        offset: usize,
        points: usize,
        stride: usize,
    ) -> Result<std::slice::ChunksExact<'a, u8>, ScanProblem> {
        if points > MAX_POINTS {
            return Err(ScanProblem::TooManyPoints { format: self.format });
        }
        Ok(self.slice(offset, points * stride)?.chunks_exact(stride))
    }

    /// The complaint that a field cannot mean what it holds.
    pub(super) fn bad(
        self,
        offset: usize,
        field: &'static str,
        found: &dyn ToString,
        expected: &'static str,
    ) -> ScanProblem {
        ScanProblem::BadField {
            format: self.format,
            place: Place::Byte(offset as u64),
            field,
            found: found.to_string(),
            expected,
        }
    }

    /// Start and step of an axis, degrees, both finite and the step not zero.
    pub(super) fn check_axis(
        self,
        offset: usize,
        start: f64,
        step: f64,
    ) -> Result<(), ScanProblem> {
        if !start.is_finite() {
            return Err(self.bad(offset, "start angle", &start, "a finite angle"));
        }
        if !step.is_finite() || step == 0.0 {
            return Err(self.bad(offset, "step", &step, "a finite step other than zero"));
        }
        Ok(())
    }
}

/// The `float32` at the start of a record.
pub(super) fn leading_f32(record: &[u8]) -> f64 {
    f64::from(f32::from_le_bytes([record[0], record[1], record[2], record[3]]))
}
