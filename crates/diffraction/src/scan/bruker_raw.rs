//! Siemens/Bruker RAW, four unrelated layouts under one extension; all little-endian.
//!
//! Offsets are from the start of the record named, in bytes.
//!
//! **RAW 1** (`RAW `): ranges one behind another. Range: points `u32` at 4, seconds per step
//! `f32` 8, step `f32` 12, start of 2θ `f32` 24, sample 32 characters at 40, Kα1 and Kα2 `f32` 72
//! and 76, whether a range follows `u32` 152, intensities `f32` from 156. The mark `RAW ` is
//! missing from later ranges of early files.
//!
//! **RAW 2** (`RAW2`): number of ranges `u16` at 4, date 168, anode 2 characters 188, Kα1, Kα2 and
//! their ratio `f32` 190, 194, 198, ranges from 256. Range: length of its header `u16` 0, points
//! `u16` 2, seconds per step, step and start `f32` 8, 12, 16, intensities `f32` after the header.
//!
//! **RAW 3** (`RAW1.01`): number of ranges `u32` at 12, date 16, time 26, sample 60 characters at
//! 326, comment 160 at 386, anode 608, mean Kα, Kα1, Kα2, Kβ and ratio `f64` 616–648, ranges from
//! 712. Range: length of its header `u32` 0, points `u32` 4, start of 2θ `f64` 16, step `f64` 176,
//! seconds per step `f32` 192, kind of scan `u32` 196, which drives are recorded per point `u32`
//! 248 (a bit each; bit 0 is 2θ), bytes per point `u32` 252, bytes of supplements `u32` 256; then
//! supplements, then points: intensity `f32` and an `f64` for each drive recorded.
//!
//! **RAW 4** (`RAW4.00`): date at 12, time at 24, then records of kind `u32` and length `u32` from
//! 61: 10 text (name 24 characters at 12, value from 36), 30 source (mean Kα, Kα1, Kα2, Kβ, ratio
//! `f64` 72–104, anode 4 characters at 116). Kind 0 or 160 begins a range of 160 bytes: kind of
//! scan 24 characters at 32, start and step `f64` 72 and 80, points `u32` 88, seconds per step
//! `f32` 92, wavelength `f64` 112, bytes per point `u32` 136, bytes of records that follow `u32`
//! 140; then the records (50 is a drive: whether it moved `u32` 8, name 24 characters at 12, start
//! `f64` 56), then points, each with its intensity `f32` first.

use super::axis::{AxisKind, axis_kind};
use super::bytes::{Fields, leading_f32};
use super::error::ScanProblem;
use super::format::ScanFormat;
use super::limits::check_scans;
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, plausible, positive, stated};
use super::text;

/// Largest header that a range may declare.
const MAX_HEADER: usize = 1 << 20;

pub(super) fn read(version: ScanFormat, bytes: &[u8]) -> Result<Vec<Measured>, ScanProblem> {
    let file = Fields::new(version, bytes);
    match version {
        ScanFormat::BrukerRaw1 => read_version_1(file),
        ScanFormat::BrukerRaw2 => read_version_2(file),
        ScanFormat::BrukerRaw3 => read_version_3(file),
        _ => read_version_4(file),
    }
}

/// Intensities of `points` records, placed from start and step.
fn measured(
    file: Fields<'_>,
    metadata: ScanMetadata,
    axis: (f64, f64),
    (offset, points, stride): (usize, usize, usize),
) -> Result<Measured, ScanProblem> {
    if points == 0 {
        return Err(ScanProblem::NoPoints { format: metadata.format });
    }
    let mut scan = Measured::new(metadata);
    scan.intensities = file.records(offset, points, stride)?.map(leading_f32).collect();
    scan.step_from(axis.0, axis.1);
    Ok(scan)
}

fn read_version_1(file: Fields<'_>) -> Result<Vec<Measured>, ScanProblem> {
    const MARK: &[u8] = b"RAW ";
    const HEADER: usize = 156;
    let format = ScanFormat::BrukerRaw1;
    let mut scans = Vec::new();
    let mut range = 0;
    loop {
        check_scans(format, scans.len() + 1)?;
        // Offsets count from the mark, whether or not it is there.
        if !scans.is_empty() && file.slice(range, 4)? != MARK {
            range -= 4;
        }
        let points = file.size(range + 4)?;
        let (step, start) = (file.f32(range + 12)?, file.f32(range + 24)?);
        file.check_axis(range + 12, start, step)?;
        let mut metadata = ScanMetadata::new(format);
        metadata.sample = stated(&file.text(range + 40, 32)?);
        metadata.counting_time = positive(file.f32(range + 8)?);
        metadata.wavelengths =
            Wavelengths::doublet(file.f32(range + 72)?, file.f32(range + 76)?, None);
        let follows = file.u32(range + 152)? > 0;
        scans.push(measured(file, metadata, (start, step), (range + HEADER, points, 4))?);
        if !follows {
            return Ok(scans);
        }
        range += HEADER + points * 4;
    }
}

fn read_version_2(file: Fields<'_>) -> Result<Vec<Measured>, ScanProblem> {
    const FIRST_RANGE: usize = 256;
    const SHORTEST_HEADER: usize = 48;
    let format = ScanFormat::BrukerRaw2;
    let mut metadata = ScanMetadata::new(format);
    metadata.started = stated(&file.text(168, 20)?);
    metadata.anode = stated(&file.text(188, 2)?);
    metadata.wavelengths =
        Wavelengths::doublet(file.f32(190)?, file.f32(194)?, Some(file.f32(198)?));
    let mut scans = Vec::new();
    let mut range = FIRST_RANGE;
    for _ in 0..file.u16(4)? {
        check_scans(format, scans.len() + 1)?;
        let header = usize::from(file.u16(range)?);
        if header < SHORTEST_HEADER {
            return Err(file.bad(range, "length of the range header", &header, "48 or more"));
        }
        let points = usize::from(file.u16(range + 2)?);
        let (step, start) = (file.f32(range + 12)?, file.f32(range + 16)?);
        file.check_axis(range + 12, start, step)?;
        let mut metadata = metadata.clone();
        metadata.counting_time = positive(file.f32(range + 8)?);
        scans.push(measured(file, metadata, (start, step), (range + header, points, 4))?);
        range += header + points * 4;
    }
    Ok(scans)
}

fn read_version_3(file: Fields<'_>) -> Result<Vec<Measured>, ScanProblem> {
    const FIRST_RANGE: usize = 712;
    const SHORTEST_HEADER: usize = 260;
    let format = ScanFormat::BrukerRaw3;
    let mut metadata = ScanMetadata::new(format);
    metadata.sample = stated(&file.text(326, 60)?);
    metadata.comment = stated(&file.text(386, 160)?);
    metadata.started = stated(&format!("{} {}", file.text(16, 10)?, file.text(26, 10)?));
    metadata.anode = stated(&file.text(608, 4)?);
    metadata.wavelengths =
        Wavelengths::doublet(file.f64(624)?, file.f64(632)?, Some(file.f64(648)?));
    metadata.wavelengths.mean = plausible(file.f64(616)?);
    metadata.wavelengths.beta = plausible(file.f64(640)?);
    metadata.intensity_unit = IntensityUnit::Counts;
    let mut scans = Vec::new();
    let mut range = FIRST_RANGE;
    for _ in 0..file.u32(12)? {
        check_scans(format, scans.len() + 1)?;
        let header = file.size(range)?;
        if !(SHORTEST_HEADER..=MAX_HEADER).contains(&header) {
            return Err(file.bad(range, "length of the range header", &header, "260 to 1048576"));
        }
        let points = file.size(range + 4)?;
        let (start, step) = (file.f64(range + 16)?, file.f64(range + 176)?);
        file.check_axis(range + 16, start, step)?;
        let kind = file.u32(range + 196)?;
        let drives = file.u32(range + 248)?;
        let stride = file.size(range + 252)?;
        let supplements = file.size(range + 256)?;
        if supplements > MAX_HEADER {
            return Err(file.bad(
                range + 256,
                "length of supplements",
                &supplements,
                "at most 1048576",
            ));
        }
        // Early files leave the length of a point unset when it is one intensity.
        let stride = if stride == 0 && drives == 0 { 4 } else { stride };
        if stride != 4 + 8 * drives.count_ones() as usize {
            return Err(file.bad(
                range + 252,
                "bytes per point",
                &stride,
                "4 and 8 for each drive",
            ));
        }
        // 0 locked coupled, 1 unlocked coupled, 2 detector scan, 20 fixed-time PSD scan.
        if !matches!(kind, 0 | 1 | 2 | 20) {
            return Err(ScanProblem::NotTwoTheta { format, axis: format!("scan type {kind}") });
        }
        let data = range + header + supplements;
        let mut metadata = metadata.clone();
        metadata.counting_time = positive(file.f32(range + 192)?);
        let mut scan = measured(file, metadata, (start, step), (data, points, stride))?;
        if drives & 1 != 0 {
            let angle = |record: &[u8]| {
                let mut field = [0; 8];
                field.copy_from_slice(&record[4..12]);
                f64::from_le_bytes(field)
            };
            scan.two_theta = file.records(data, points, stride)?.map(angle).collect();
        }
        scans.push(scan);
        range = data + points * stride;
    }
    Ok(scans)
}

/// A record of RAW 4 at `offset` that ends before `end`: its kind and its length.
fn record(file: Fields<'_>, offset: usize, end: usize) -> Result<(u32, usize), ScanProblem> {
    const SHORTEST: usize = 8;
    let (kind, length) = (file.u32(offset)?, file.size(offset + 4)?);
    if length < SHORTEST || length > end - offset {
        return Err(file.bad(offset + 4, "length of a record", &length, "8 up to what remains"));
    }
    Ok((kind, length))
}

fn read_version_4(file: Fields<'_>) -> Result<Vec<Measured>, ScanProblem> {
    const FIRST_RECORD: usize = 61;
    const TEXT: u32 = 10;
    const SOURCE: u32 = 30;
    let format = ScanFormat::BrukerRaw4;
    let mut metadata = ScanMetadata::new(format);
    metadata.started = stated(&format!("{} {}", file.text(12, 12)?, file.text(24, 10)?));
    metadata.intensity_unit = IntensityUnit::Counts;
    let mut scans = Vec::new();
    let mut offset = FIRST_RECORD;
    while offset + 4 <= file.len() {
        if matches!(file.u32(offset)?, 0 | 160) {
            // Zeros may fill up the file behind the last range.
            let rest = file.slice(offset, file.len() - offset)?;
            if !scans.is_empty() && rest.iter().all(|&byte| byte == 0) {
                break;
            }
            check_scans(format, scans.len() + 1)?;
            let (scan, end) = read_range_4(file, offset, metadata.clone())?;
            scans.push(scan);
            offset = end;
            continue;
        }
        let (kind, length) = record(file, offset, file.len())?;
        if kind == TEXT && length > 36 {
            let value = text::decode(file.slice(offset + 36, length - 36)?);
            let value = stated(value.split('\0').next().unwrap_or_default());
            match file.text(offset + 12, 24)?.as_str() {
                "SAMPLEID" => metadata.sample = value,
                "COMMENT" => metadata.comment = value,
                "SITE" => metadata.instrument = value,
                _ => {}
            }
        } else if kind == SOURCE && length >= 120 {
            metadata.wavelengths = Wavelengths::doublet(
                file.f64(offset + 80)?,
                file.f64(offset + 88)?,
                Some(file.f64(offset + 104)?),
            );
            metadata.wavelengths.mean = plausible(file.f64(offset + 72)?);
            metadata.wavelengths.beta = plausible(file.f64(offset + 96)?);
            metadata.anode = stated(&file.text(offset + 116, 4)?);
        }
        offset += length;
    }
    Ok(scans)
}

/// Reads the range at `range`; returns it and where it ends.
fn read_range_4(
    file: Fields<'_>,
    range: usize,
    mut metadata: ScanMetadata,
) -> Result<(Measured, usize), ScanProblem> {
    const HEADER: usize = 160;
    const DRIVE: u32 = 50;
    /// Forgives the rounding of a drive's start, degrees.
    const SAME_START: f64 = 1e-3;
    file.slice(range, HEADER)?;
    let kind = file.text(range + 32, 24)?;
    let (start, step) = (file.f64(range + 72)?, file.f64(range + 80)?);
    file.check_axis(range + 72, start, step)?;
    let points = file.size(range + 88)?;
    let stride = file.size(range + 136)?;
    let records = file.size(range + 140)?;
    if stride < 4 || stride % 4 != 0 || stride > MAX_HEADER {
        return Err(file.bad(range + 136, "bytes per point", &stride, "a multiple of 4"));
    }
    file.slice(range + HEADER, records)?;
    let data = range + HEADER + records;
    // The drive along which a scan runs has moved and starts where the range starts.
    let mut scanned = Vec::new();
    let mut offset = range + HEADER;
    while offset < data {
        let (kind, length) = record(file, offset, data)?;
        if kind == DRIVE && length >= 64 {
            let moved = file.u32(offset + 8)? != 0;
            if moved && (file.f64(offset + 56)? - start).abs() <= SAME_START {
                scanned.push(file.text(offset + 12, 24)?);
            }
        }
        offset += length;
    }
    let is_two_theta = axis_kind(&kind) == AxisKind::TwoTheta
        || scanned.iter().any(|drive| axis_kind(drive) == AxisKind::TwoTheta);
    if !is_two_theta {
        let axis = scanned.into_iter().next().unwrap_or(kind);
        return Err(ScanProblem::NotTwoTheta { format: metadata.format, axis });
    }
    metadata.axis = stated(&kind);
    metadata.counting_time = positive(file.f32(range + 92)?);
    if metadata.wavelengths.effective().is_none() {
        metadata.wavelengths = Wavelengths::single(file.f64(range + 112)?);
    }
    let scan = measured(file, metadata, (start, step), (data, points, stride))?;
    Ok((scan, data + points * stride))
}
