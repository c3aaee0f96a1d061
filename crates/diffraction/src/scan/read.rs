//! From a path or bytes to scans.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::archive::Archive;
use super::error::{ScanError, ScanProblem};
use super::format::{self, ScanFormat};
use super::limits::{MAX_FILE_BYTES, check_points, check_scans};
use super::measured::{Measured, Scan};
use super::{
    brml, bruker_raw, chi, columns, gsas, pdcif, ras, rasx, rigaku_dat, rigaku_raw, step_list,
    stoe_raw, text, uxd, xrdml,
};

impl Scan {
    /// Reads the first scan of a file; its metadata say how many the file holds.
    ///
    /// # Errors
    /// The file cannot be read, is of no known format, is damaged, or holds no scan along 2θ.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ScanError> {
        Self::read_all(path).map(first)
    }

    /// Reads all scans (ranges, banks, blocks) of a file, at least one.
    ///
    /// # Errors
    /// As [`Scan::read`]; one unreadable scan makes the file unreadable.
    pub fn read_all(path: impl AsRef<Path>) -> Result<Vec<Self>, ScanError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        read_file(path)
            .and_then(|bytes| scans_of(&name, &bytes))
            .map_err(|problem| ScanError { file: name, problem: Box::new(problem) })
    }

    /// Reads the first scan of a file that is in memory. `name` serves for messages and for its
    /// extension; it is not opened.
    ///
    /// # Errors
    /// As [`Scan::read`].
    pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Self, ScanError> {
        Self::read_all_bytes(name, bytes).map(first)
    }

    /// Reads all scans of a file that is in memory, at least one.
    ///
    /// # Errors
    /// As [`Scan::read_all`].
    pub fn read_all_bytes(name: &str, bytes: &[u8]) -> Result<Vec<Self>, ScanError> {
        scans_of(name, bytes)
            .map_err(|problem| ScanError { file: name.to_owned(), problem: Box::new(problem) })
    }
}

fn first(scans: Vec<Scan>) -> Scan {
    scans.into_iter().next().expect("read_all returns at least one scan")
}

fn read_file(path: &Path) -> Result<Vec<u8>, ScanProblem> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(ScanProblem::TooLarge { bytes });
    }
    // A device or a growing file may give more than its metadata say.
    let mut content = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn scans_of(name: &str, bytes: &[u8]) -> Result<Vec<Scan>, ScanProblem> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ScanProblem::TooLarge { bytes: bytes.len() as u64 });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ScanProblem::Empty);
    }
    let (format, found) = measured_in(name, bytes)?;
    if found.is_empty() {
        return Err(ScanProblem::NoPoints { format });
    }
    check_scans(format, found.len())?;
    check_points(format, found.iter().map(|scan| scan.intensities.len()).sum())?;
    let scans_in_file = found.len();
    let mut scans = Vec::with_capacity(scans_in_file);
    for (index, mut measured) in found.into_iter().enumerate() {
        measured.metadata.index = index;
        measured.metadata.scans_in_file = scans_in_file;
        scans.push(measured.finish()?);
    }
    Ok(scans)
}

fn measured_in(name: &str, bytes: &[u8]) -> Result<(ScanFormat, Vec<Measured>), ScanProblem> {
    let unknown = || ScanProblem::UnknownFormat {
        seen: format::describe(bytes),
        extension: format::extension(name),
    };
    if let Some(format) = format::detect_binary(bytes) {
        let scans = match format {
            ScanFormat::StoeRaw => stoe_raw::read(bytes),
            ScanFormat::RigakuRaw => rigaku_raw::read(bytes),
            version => bruker_raw::read(version, bytes),
        };
        return Ok((format, scans?));
    }
    if format::is_archive(bytes) {
        let archive = Archive::open(name, bytes)?;
        let format = archive.format().ok_or_else(unknown)?;
        let scans = match format {
            ScanFormat::Brml => brml::read(archive),
            _ => rasx::read(archive),
        };
        return Ok((format, scans?));
    }
    if text::is_binary(bytes) {
        return Err(unknown());
    }
    let content = text::decode(bytes);
    if let Some(format) = format::detect_text(name, &content)? {
        let scans = match format {
            ScanFormat::Xrdml => xrdml::read(&content),
            ScanFormat::Ras => ras::read(&content),
            ScanFormat::RigakuDat => rigaku_dat::read(&content),
            ScanFormat::Gsas => gsas::read(&content),
            ScanFormat::Uxd => uxd::read(&content),
            ScanFormat::PdCif => pdcif::read(&content),
            _ => chi::read(&content),
        };
        return Ok((format, scans?));
    }
    if chi::recognises(&content) {
        return Ok((ScanFormat::Chi, chi::read(&content)?));
    }
    if let Some(scan) = step_list::read(&content)? {
        return Ok((ScanFormat::StepList, vec![scan]));
    }
    match columns::read(&content, &format::extension(name)) {
        Err(ScanProblem::NoPoints { .. }) => Err(unknown()),
        scans => Ok((ScanFormat::Columns, scans?)),
    }
}
