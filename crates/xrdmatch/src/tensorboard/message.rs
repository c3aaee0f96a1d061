//! The few protocol buffers that scalars need.

/// What the first record says, and no other.
const VERSION: &str = "brain.Event:2";

/// An `Event` with values; without any, the one that begins a file.
pub(super) fn event(seconds: f64, step: u64, values: &[(String, f64)]) -> Vec<u8> {
    let mut event = vec![0x09];
    event.extend_from_slice(&seconds.to_le_bytes());
    event.push(0x10);
    varint(step, &mut event);
    if values.is_empty() {
        bytes(0x1a, VERSION.as_bytes(), &mut event);
        return event;
    }
    let mut summary = Vec::new();
    for (name, number) in values {
        let mut value = Vec::new();
        bytes(0x0a, name.as_bytes(), &mut value);
        value.push(0x15);
        #[expect(clippy::cast_possible_truncation, reason = "the format keeps single precision")]
        value.extend_from_slice(&(*number as f32).to_le_bytes());
        bytes(0x0a, &value, &mut summary);
    }
    bytes(0x2a, &summary, &mut event);
    event
}

/// A field of bytes: its tag, its length, the bytes.
fn bytes(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_many_bytes_as_they_need() {
        let written = |number| {
            let mut out = Vec::new();
            varint(number, &mut out);
            out
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(127), [127]);
        assert_eq!(written(300), [0xac, 0x02]);
        assert_eq!(written(u64::MAX).len(), 10);
    }

    #[test]
    fn an_event_is_laid_out_as_described() {
        let made = event(1.0, 5, &[("a".to_owned(), 0.5)]);
        let mut expected = vec![0x09];
        expected.extend_from_slice(&1.0f64.to_le_bytes());
        expected.extend_from_slice(&[0x10, 5, 0x2a, 10, 0x0a, 8, 0x0a, 1, b'a', 0x15]);
        expected.extend_from_slice(&0.5f32.to_le_bytes());
        assert_eq!(made, expected);
        assert!(event(1.0, 0, &[]).ends_with(b"\x1a\x0dbrain.Event:2"));
    }
}
