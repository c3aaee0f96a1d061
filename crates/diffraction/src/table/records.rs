//! The records of a delimited text, found without looking at their fields.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter};

/// The longest record: 65 540 fields of 127 bytes. Bounds the memory that a broken file can take.
pub(crate) const MAX_RECORD: usize = 8 << 20;

/// Bytes asked of the source at once.
const CHUNK: usize = 1 << 18;

/// Why there is no next record.
#[derive(Debug)]
pub(crate) enum RecordError {
    Io(io::Error),
    TooLong,
    /// A quoted field of the record that begins on this line does not end.
    OpenQuote {
        line: u64,
    },
}

/// Cuts a stream into records: lines, except that a quoted field may hold line breaks.
pub(crate) struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    /// The unread part of `buffer`.
    unread: Range<usize>,
    at_end: bool,
    next_line: u64,
}

/// A record: where it lies in the buffer, its first line, whether it has quotation marks.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) span: Range<usize>,
    pub(crate) line: u64,
    pub(crate) has_quotes: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: vec![0; 2 * CHUNK], unread: 0..0, at_end: false, next_line: 1 }
    }

    /// The bytes of a record, valid until the next call of [`Records::next`].
    pub(crate) fn bytes(&self, record: &Record) -> &[u8] {
        &self.buffer[record.span.clone()]
    }

    /// The line on which the next record begins.
    pub(crate) fn next_line(&self) -> u64 {
        self.next_line
    }

    /// The next record without its line break; blank lines are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, RecordError> {
        loop {
            let Some(mut record) = self.next_raw()? else { return Ok(None) };
            let bytes = &self.buffer[record.span.clone()];
            let trimmed = bytes.len() - usize::from(bytes.ends_with(b"\r"));
            record.span.end = record.span.start + trimmed;
            if !self.buffer[record.span.clone()].trim_ascii().is_empty() {
                return Ok(Some(record));
            }
        }
    }

    fn next_raw(&mut self) -> Result<Option<Record>, RecordError> {
        let line = self.next_line;
        let mut scanned = 0;
        let mut quotes = 0;
        loop {
            let rest = &self.buffer[self.unread.start + scanned..self.unread.end];
            if let Some(length) = memchr(b'\n', rest) {
                quotes += memchr_iter(b'"', &rest[..length]).count();
                scanned += length;
                self.next_line += 1;
                if quotes % 2 == 1 {
                    // The line break belongs to a quoted field.
                    scanned += 1;
                    continue;
                }
                let start = self.unread.start;
                self.unread.start += scanned + 1;
                return Ok(Some(Record {
                    span: start..start + scanned,
                    line,
                    has_quotes: quotes > 0,
                }));
            }
            quotes += memchr_iter(b'"', rest).count();
            scanned += rest.len();
            if self.at_end {
                if scanned == 0 {
                    return Ok(None);
                }
                if quotes % 2 == 1 {
                    return Err(RecordError::OpenQuote { line });
                }
                self.next_line += 1;
                let span = self.unread.clone();
                self.unread.start = self.unread.end;
                return Ok(Some(Record { span, line, has_quotes: quotes > 0 }));
            }
            if scanned >= MAX_RECORD {
                return Err(RecordError::TooLong);
            }
            self.fill().map_err(RecordError::Io)?;
        }
    }

    /// Reads once from the source, keeping what is unread.
    fn fill(&mut self) -> io::Result<()> {
        if self.buffer.len() - self.unread.end < CHUNK {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            if self.buffer.len() - self.unread.end < CHUNK {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        loop {
            match self.source.read(&mut self.buffer[self.unread.end..]) {
                Ok(0) => self.at_end = true,
                Ok(n) => self.unread.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            return Ok(());
        }
    }
}

/// A quotation mark that opens, closes or stands where it may not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadQuotes;

/// Splits a record into fields, taking quotation marks off.
///
/// `text` receives the fields' contents one after another, `ends` the end of each in it.
pub(crate) fn split_fields(
    record: &[u8],
    text: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Result<(), BadQuotes> {
    text.clear();
    ends.clear();
    let mut rest = record;
    loop {
        let after = if let Some(mut quoted) = rest.strip_prefix(b"\"") {
            loop {
                let close = memchr(b'"', quoted).ok_or(BadQuotes)?;
                text.extend_from_slice(&quoted[..close]);
                quoted = &quoted[close + 1..];
                let Some(more) = quoted.strip_prefix(b"\"") else { break };
                text.push(b'"');
                quoted = more;
            }
            quoted
        } else {
            let end = memchr(b',', rest).unwrap_or(rest.len());
            text.extend_from_slice(&rest[..end]);
            &rest[end..]
        };
        ends.push(text.len());
        match after.split_first() {
            None => return Ok(()),
            Some((b',', more)) => rest = more,
            Some(_) => return Err(BadQuotes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time, as a slow source does.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn records(text: &[u8], at_once: usize) -> Vec<(u64, String)> {
        let mut records = Records::new(Trickle(text, at_once));
        let mut all = Vec::new();
        while let Some(record) = records.next().expect("readable") {
            let bytes = String::from_utf8(records.bytes(&record).to_vec()).expect("text");
            all.push((record.line, bytes));
        }
        all
    }

    #[test]
    fn records_do_not_depend_on_how_the_bytes_arrive() {
        let text = b"a,b\r\n\n\"x\ny\",z\r\n   \nlast,line";
        let expected =
            vec![(1, "a,b".to_owned()), (3, "\"x\ny\",z".to_owned()), (6, "last,line".to_owned())];
        for at_once in [1, 2, 3, 7, 1000] {
            assert_eq!(records(text, at_once), expected);
        }
    }

    #[test]
    fn a_quote_left_open_is_an_error() {
        let mut records = Records::new(&b"a,\"b\nc,d\n"[..]);
        assert!(matches!(records.next(), Err(RecordError::OpenQuote { line: 1 })));
    }

    #[test]
    fn a_line_without_end_is_refused_in_bounded_memory() {
        let mut records = Records::new(io::repeat(b'0'));
        assert!(matches!(records.next(), Err(RecordError::TooLong)));
        assert!(records.buffer.len() <= 4 * MAX_RECORD);
    }

    #[test]
    fn quoted_fields_lose_their_quotes_and_keep_their_commas() {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        split_fields(b"\"a,\"\"b\"\"\",c,,\"\"", &mut text, &mut ends).expect("fields");
        assert_eq!(text, b"a,\"b\"c");
        assert_eq!(ends, [5, 6, 6, 6]);
        assert_eq!(split_fields(b"\"a\"b,c", &mut text, &mut ends), Err(BadQuotes));
        assert_eq!(split_fields(b"\"a", &mut text, &mut ends), Err(BadQuotes));
    }
}
