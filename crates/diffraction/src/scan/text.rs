//! Text as vendors write it: encodings, line ends, numbers.

use std::borrow::Cow;

/// The text of a file: UTF-8, UTF-16 with a byte-order mark, else Latin-1, in which every byte
/// means a character. Numbers and keywords are ASCII in all of them.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => decode_bytes(rest),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_be_bytes)),
        _ => decode_bytes(bytes),
    }
}

fn decode_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(latin1(bytes)),
    }
}

fn decode_utf16(bytes: &[u8], word: fn([u8; 2]) -> u16) -> String {
    let words = bytes.chunks_exact(2).map(|pair| word([pair[0], pair[1]]));
    char::decode_utf16(words).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Latin-1 text of these bytes.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Whether these bytes are something else than text: a NUL near the start, and no UTF-16 mark.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 4096;
    !bytes.starts_with(&[0xff, 0xfe])
        && !bytes.starts_with(&[0xfe, 0xff])
        && bytes.iter().take(LOOKED_AT).any(|&byte| byte == 0)
}

/// Lines with their numbers from 1; ends are LF, CR LF, or CR in files without any LF.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text.split(end).enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r')))
}

/// A finite number; Fortran's exponent letter `D` is understood, `nan` and `inf` are not numbers.
pub(super) fn number(token: &str) -> Option<f64> {
    let first = token.bytes().find(|byte| !matches!(byte, b'+' | b'-'))?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let value = match token.parse::<f64>() {
        Ok(value) => value,
        Err(_) if token.contains(['d', 'D']) => token.replace(['d', 'D'], "e").parse().ok()?,
        Err(_) => return None,
    };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_numbers() {
        let text = "# Größe °\r\n10.0 5\r\n";
        let latin: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
        let mut little = vec![0xff, 0xfe];
        let mut big = vec![0xfe, 0xff];
        for word in text.encode_utf16() {
            little.extend(word.to_le_bytes());
            big.extend(word.to_be_bytes());
        }
        let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
        for bytes in [text.as_bytes().to_vec(), latin, little, big, marked] {
            assert_eq!(decode(&bytes), text);
        }
    }

    #[test]
    fn words_that_rust_parses_as_numbers_are_not_numbers_here() {
        for word in ["nan", "NaN", "inf", "-infinity", "", "+", "1e999", "1_000", "0x10"] {
            assert_eq!(number(word), None, "{word}");
        }
        assert_eq!(number("1.5D+02"), Some(150.0));
        assert_eq!(number("-.5"), Some(-0.5));
    }

    #[test]
    fn old_line_ends_count_as_lines() {
        assert_eq!(lines("a\rb").collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
        assert_eq!(lines("a\r\nb").collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
    }
}
