//! The wire format of protocol buffers, as far as writing needs it.

/// A message in the making: fields in the order in which they are added.
#[derive(Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// An integer field.
    pub(super) fn integer(&mut self, field: u32, value: i64) -> &mut Self {
        self.key(field, 0);
        self.varint(value.cast_unsigned());
        self
    }

    /// A field of four bytes.
    pub(super) fn float(&mut self, field: u32, value: f32) -> &mut Self {
        self.key(field, 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A field of text.
    pub(super) fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one.
    pub(super) fn message(&mut self, field: u32, value: &Self) -> &mut Self {
        self.bytes(field, &value.bytes)
    }

    /// A field of bytes.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// Seven bits a byte, lowest first, the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_the_documentation_of_protocol_buffers_shows() {
        // https://protobuf.dev/programming-guides/encoding/: 150 is 08 96 01, "testing" 12 07 …
        let mut message = Message::default();
        message.integer(1, 150).text(2, "testing");
        assert_eq!(message.into_bytes(), b"\x08\x96\x01\x12\x07testing");
        let mut negative = Message::default();
        negative.integer(1, -2);
        assert_eq!(negative.into_bytes()[1..], [0xFE, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    }
}
