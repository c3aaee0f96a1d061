//! STOE WinXPOW `RAW_1.06Powdat`, as far as it is known.
//!
//! No description is published. Known from comparison of files: the file is made of blocks of 512
//! bytes; date at 16, title at 32, wavelengths `f32` at 322 and 326, blocks of intensities `u16`
//! at 474, blocks of the file `u16` at 476. The intensities (`u32`) fill the last blocks; the block
//! before them has, counted from the intensities backwards, the number of points `u16` at −478,
//! start, start θ, end, end θ, step and step θ `f32` from −468, smallest and largest intensity
//! `u32` at −392 and −388. A reading is accepted only when it agrees with itself: as many points
//! as start, end and step make, and intensities between the smallest and largest announced.

use super::bytes::Fields;
use super::error::ScanProblem;
use super::format::ScanFormat;
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, stated};

const FORMAT: ScanFormat = ScanFormat::StoeRaw;

/// Bytes of a block.
const BLOCK: usize = 512;

/// Blocks in which intensities are looked for when they are not where they should be; the longest
/// header known has 512.
const MOST_BLOCKS: usize = 1024;

/// Forgives the rounding of start, end and step to `f32`: points of the whole range.
const COUNT_TOLERANCE: f64 = 1.0;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Measured>, ScanProblem> {
    let file = Fields::new(FORMAT, bytes);
    let mut metadata = ScanMetadata::new(FORMAT);
    metadata.started = stated(&file.text(16, 16)?);
    metadata.sample = stated(&file.text(32, 256)?).filter(|title| !title.contains("no Title"));
    metadata.intensity_unit = IntensityUnit::Counts;
    metadata.wavelengths = wavelengths(file.f32(322)?, file.f32(326)?);
    let (data_blocks, blocks) = (usize::from(file.u16(474)?), usize::from(file.u16(476)?));
    let announced = blocks.saturating_sub(data_blocks);
    let last = (file.len() / BLOCK).min(MOST_BLOCKS);
    // The announced block first, then any other that agrees with itself.
    std::iter::once(announced)
        .chain(1..last)
        .find_map(|block| scan_at(file, block * BLOCK, &metadata))
        .map(|scan| vec![scan])
        .ok_or(ScanProblem::Unsupported {
            format: FORMAT,
            what: "a layout in which start, end, step and intensities do not agree, or a truncated file"
                .to_owned(),
            instead: "export the scan as text from WinXPOW",
        })
}

fn wavelengths(first: f64, second: f64) -> Wavelengths {
    if second > first && second < first * 1.05 {
        Wavelengths::doublet(first, second, None)
    } else {
        Wavelengths::single(first)
    }
}

/// The scan whose intensities begin at `data`, if it agrees with itself.
fn scan_at(file: Fields<'_>, data: usize, metadata: &ScanMetadata) -> Option<Measured> {
    let range = data.checked_sub(BLOCK)?;
    let points = usize::from(file.u16(range + 34).ok()?);
    let start = file.f32(range + 44).ok()?;
    let end = file.f32(range + 52).ok()?;
    let step = file.f32(range + 60).ok()?;
    let expected = (end - start) / step + 1.0;
    let sensible = start.is_finite() && expected.is_finite() && step > 0.0 && end > start;
    if !sensible || points < 2 || (points as f64 - expected).abs() > COUNT_TOLERANCE {
        return None;
    }
    let (smallest, largest) = (file.u32(range + 120).ok()?, file.u32(range + 124).ok()?);
    let mut scan = Measured::new(metadata.clone());
    for record in file.records(data, points, 4).ok()? {
        let counts = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
        if largest > 0 && !(smallest..=largest).contains(&counts) {
            return None;
        }
        scan.intensities.push(f64::from(counts));
    }
    // End and number of points place the points better than a step rounded to `f32`.
    scan.step_from(start, (end - start) / (points - 1) as f64);
    Some(scan)
}
