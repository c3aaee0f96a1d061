//! The bytes of a text table: which container they are in, and out of it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::TableError;

/// Compressed bytes read from disk at once.
const CHUNK: usize = 1 << 16;

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Plain,
    Gzip,
    Zstd,
    Parquet,
}

impl Container {
    /// The name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "text",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Parquet => "Parquet",
        }
    }
}

/// Opens a file and looks at its first bytes; the file is left at its start.
pub(crate) fn open(path: &Path) -> Result<(File, Container), TableError> {
    let mut file = File::open(path).map_err(|e| TableError::opening(path, e))?;
    let mut magic = [0; 8];
    let mut found = 0;
    while found < magic.len() {
        match file.read(&mut magic[found..]) {
            Ok(0) => break,
            Ok(n) => found += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(TableError::opening(path, e)),
        }
    }
    file.rewind().map_err(|e| TableError::opening(path, e))?;
    let magic = &magic[..found];
    let not_a_table = |reason: &str| {
        Err(TableError::NotATable { path: path.to_path_buf(), reason: reason.to_owned() })
    };
    match magic {
        [] => Err(TableError::Empty { path: path.to_path_buf() }),
        [0x1f, 0x8b, ..] => Ok((file, Container::Gzip)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok((file, Container::Zstd)),
        [b'P', b'A', b'R', b'1', ..] => Ok((file, Container::Parquet)),
        [b'P', b'K', 3 | 5, ..] => not_a_table("it is a zip archive or a spreadsheet"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => not_a_table("it is UTF-16 text, expected UTF-8"),
        [b'B', b'Z', b'h', ..] => not_a_table("it is compressed by bzip2, expected gzip or zstd"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            not_a_table("it is compressed by xz, expected gzip or zstd")
        }
        _ => Ok((file, Container::Plain)),
    }
}

/// The decompressed text of a file.
pub(crate) enum Source {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<File>>>),
}

impl Source {
    /// A reader of the text in `file`.
    pub(crate) fn new(file: File, container: Container) -> io::Result<Self> {
        let buffered = |file| BufReader::with_capacity(CHUNK, file);
        Ok(match container {
            Container::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(buffered(file)))),
            Container::Zstd => {
                Self::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(buffered(file))?))
            }
            Container::Plain | Container::Parquet => Self::Plain(file),
        })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}
