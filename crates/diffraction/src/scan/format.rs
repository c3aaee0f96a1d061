//! Which format a file has: content first, extension second.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ScanProblem;
use super::text;

/// A file format of measured scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScanFormat {
    /// Rows of angle and intensity (`.xy`, `.xye`, `.dat`, `.csv`).
    Columns,
    /// Start, step and end on the first line, then intensities (`.dat`).
    StepList,
    /// FIT2D or pyFAI (`.chi`).
    Chi,
    /// PANalytical (`.xrdml`).
    Xrdml,
    /// Bruker DIFFRAC.SUITE (`.brml`).
    Brml,
    /// Siemens/Bruker RAW version 1.
    BrukerRaw1,
    /// Siemens/Bruker RAW version 2.
    BrukerRaw2,
    /// Bruker RAW version 3, which calls itself `RAW1.01`.
    BrukerRaw3,
    /// Bruker RAW version 4.
    BrukerRaw4,
    /// Bruker UXD.
    Uxd,
    /// Rigaku text (`.ras`).
    Ras,
    /// Rigaku archive (`.rasx`).
    Rasx,
    /// Rigaku text with `*TYPE = Raw` (`.dat`).
    RigakuDat,
    /// Rigaku binary (`.raw`).
    RigakuRaw,
    /// STOE WinXPOW binary (`.raw`).
    StoeRaw,
    /// GSAS powder data (`.gsa`, `.fxye`, …).
    Gsas,
    /// Powder CIF.
    PdCif,
}

impl ScanFormat {
    /// All formats.
    pub const ALL: [Self; 17] = [
        Self::Columns,
        Self::StepList,
        Self::Chi,
        Self::Xrdml,
        Self::Brml,
        Self::BrukerRaw1,
        Self::BrukerRaw2,
        Self::BrukerRaw3,
        Self::BrukerRaw4,
        Self::Uxd,
        Self::Ras,
        Self::Rasx,
        Self::RigakuDat,
        Self::RigakuRaw,
        Self::StoeRaw,
        Self::Gsas,
        Self::PdCif,
    ];

    /// Name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Columns => "columns of text",
            Self::StepList => "start-step-end list",
            Self::Chi => "CHI",
            Self::Xrdml => "PANalytical XRDML",
            Self::Brml => "Bruker BRML",
            Self::BrukerRaw1 => "Bruker RAW 1",
            Self::BrukerRaw2 => "Bruker RAW 2",
            Self::BrukerRaw3 => "Bruker RAW 3",
            Self::BrukerRaw4 => "Bruker RAW 4",
            Self::Uxd => "Bruker UXD",
            Self::Ras => "Rigaku RAS",
            Self::Rasx => "Rigaku RASX",
            Self::RigakuDat => "Rigaku DAT",
            Self::RigakuRaw => "Rigaku RAW",
            Self::StoeRaw => "STOE RAW",
            Self::Gsas => "GSAS",
            Self::PdCif => "powder CIF",
        }
    }

    /// Names of all formats, for a message.
    pub(super) fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for ScanFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Lower-case extension of a file name, empty if it has none.
pub(super) fn extension(name: &str) -> String {
    std::path::Path::new(name)
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}

/// Format of a binary file by its first bytes; archives are told apart by their members, which
/// the caller lists.
pub(super) fn detect_binary(bytes: &[u8]) -> Option<ScanFormat> {
    const MAGIC: [(&[u8], ScanFormat); 5] = [
        (b"RAW1.01", ScanFormat::BrukerRaw3),
        (b"RAW4.00", ScanFormat::BrukerRaw4),
        (b"RAW2", ScanFormat::BrukerRaw2),
        (b"RAW_1.", ScanFormat::StoeRaw),
        (b"RAW ", ScanFormat::BrukerRaw1),
    ];
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return (text::is_binary(bytes) || bytes.len() < 64).then_some(*format);
    }
    (bytes.starts_with(b"FI") && text::is_binary(bytes)).then_some(ScanFormat::RigakuRaw)
}

/// Whether these bytes are a zip archive.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// How much of a text is searched for the marks of a format.
const HEAD_BYTES: usize = 64 << 10;

/// Format of a text, or `None` when nothing but rows of numbers can be hoped for.
///
/// # Errors
/// XML and CIF that hold something else than a scan.
pub(super) fn detect_text(name: &str, content: &str) -> Result<Option<ScanFormat>, ScanProblem> {
    let head = &content[..content.floor_char_boundary(HEAD_BYTES)];
    let trimmed = head.trim_start();
    if trimmed.starts_with('<') {
        if head.contains("xrdMeasurements") {
            return Ok(Some(ScanFormat::Xrdml));
        }
        return Err(ScanProblem::UnknownFormat {
            seen: format!("XML (`{}`)", super::error::excerpt(trimmed)),
            extension: extension(name),
        });
    }
    let mut data_block = false;
    for (_, line) in text::lines(head) {
        let line = line.trim_start();
        if line.starts_with("*RAS_") {
            return Ok(Some(ScanFormat::Ras));
        }
        if line.starts_with("*BEGIN") {
            return Ok(Some(ScanFormat::RigakuDat));
        }
        if line.starts_with("BANK ") {
            return Ok(Some(ScanFormat::Gsas));
        }
        if ["_FILEVERSION", "_DRIVE", "_COUNTS", "_CPS", "_2THETACOUNTS", "_2THETACPS"]
            .iter()
            .any(|mark| line.starts_with(mark))
        {
            return Ok(Some(ScanFormat::Uxd));
        }
        data_block |= line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data_"));
    }
    if data_block && (content.contains("_pd_") || content.contains("loop_")) {
        return if content.contains("_pd_") {
            Ok(Some(ScanFormat::PdCif))
        } else {
            Err(ScanProblem::Unsupported {
                format: ScanFormat::PdCif,
                what: "a CIF without a measured profile (`_pd_` items)".to_owned(),
                instead: "read it as a crystal structure",
            })
        };
    }
    Ok(match extension(name).as_str() {
        "chi" => Some(ScanFormat::Chi),
        "uxd" => Some(ScanFormat::Uxd),
        "ras" => Some(ScanFormat::Ras),
        "xrdml" => Some(ScanFormat::Xrdml),
        "gsa" | "gsas" | "gda" | "fxye" | "xra" => Some(ScanFormat::Gsas),
        _ => None,
    })
}

/// What bytes of no known format look like, for the message.
pub(super) fn describe(bytes: &[u8]) -> String {
    const KNOWN: [(&[u8], &str); 14] = [
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"%PDF", "a PDF document"),
        (b"\x89HDF", "HDF5 data"),
        (b"\x1f\x8b", "gzip-compressed data (unpack it first)"),
        (b"BZh", "bzip2-compressed data (unpack it first)"),
        (b"\xfd7zXZ", "xz-compressed data (unpack it first)"),
        (b"7z\xbc\xaf", "a 7z archive (unpack it first)"),
        (b"PK", "a zip archive without the members of BRML or RASX"),
        (b"\xd0\xcf\x11\xe0", "an old Microsoft Office document"),
        (b"II*\x00", "a TIFF picture"),
        (b"MM\x00*", "a TIFF picture"),
        (b"SQLite", "an SQLite database"),
    ];
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return (*what).to_owned();
    }
    let shown: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if text::is_binary(bytes) {
        format!("binary data that begins with {}", shown.join(" "))
    } else {
        let start = text::decode(&bytes[..bytes.len().min(256)]);
        let line = start.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        format!("text without rows of numbers (`{}`)", super::error::excerpt(line))
    }
}
