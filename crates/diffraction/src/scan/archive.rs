//! Zip archives, unpacked within limits.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::error::ScanProblem;
use super::format::{ScanFormat, extension};
use super::limits::MAX_UNPACKED_BYTES;

/// Most members of an archive; a measurement of hundreds of ranges has a thousand.
const MAX_MEMBERS: usize = 1 << 16;

/// A zip archive in memory. All members read from it together may unpack to
/// [`MAX_UNPACKED_BYTES`]; members that are not asked for are never unpacked.
pub(super) struct Archive<'a> {
    format: ScanFormat,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    names: Vec<String>,
    budget: u64,
}

impl<'a> Archive<'a> {
    /// Reads the directory of the archive. `name` gives the format for messages.
    pub(super) fn open(name: &str, bytes: &'a [u8]) -> Result<Self, ScanProblem> {
        let guess = if extension(name) == "rasx" { ScanFormat::Rasx } else { ScanFormat::Brml };
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| ScanProblem::Archive { format: guess, reason: error.to_string() })?;
        let names: Vec<String> =
            zip.file_names().filter_map(|name| name.ok().map(Cow::into_owned)).collect();
        if names.len() > MAX_MEMBERS {
            let reason = format!("more than {MAX_MEMBERS} members");
            return Err(ScanProblem::Archive { format: guess, reason });
        }
        let mut archive = Self { format: guess, zip, names, budget: MAX_UNPACKED_BYTES };
        if let Some(format) = archive.format() {
            archive.format = format;
        }
        Ok(archive)
    }

    /// Which format the members make it, if any.
    pub(super) fn format(&self) -> Option<ScanFormat> {
        let has = |test: fn(&str) -> bool| self.names.iter().any(|name| test(name));
        if has(|name| name.ends_with("DataContainer.xml") || is_raw_data(name)) {
            Some(ScanFormat::Brml)
        } else if has(|name| is_profile(name) || name == "root.xml") {
            Some(ScanFormat::Rasx)
        } else {
            None
        }
    }

    /// Names of all members.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Unpacks one member.
    pub(super) fn member(&mut self, name: &str) -> Result<Vec<u8>, ScanProblem> {
        let format = self.format;
        if !self.names.iter().any(|known| known == name) {
            return Err(ScanProblem::MissingMember { format, member: name.to_owned() });
        }
        let broken =
            |reason: String| ScanProblem::Archive { format, reason: format!("`{name}`: {reason}") };
        let file = self.zip.by_name(name).map_err(|error| broken(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(self.budget + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| broken(error.to_string()))?;
        self.budget = self
            .budget
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| ScanProblem::UnpacksTooLarge { format, member: name.to_owned() })?;
        Ok(bytes)
    }
}

/// Whether a member holds raw data of BRML: `Experiment0/RawData0.xml`.
pub(super) fn is_raw_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with("RawData") && file.ends_with(".xml")
}

/// Whether a member holds a profile of RASX: `Data0/Profile0.txt`.
pub(super) fn is_profile(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with("Profile") && file.ends_with(".txt")
}
