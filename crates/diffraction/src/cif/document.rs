//! The grammar of CIF 1.1: blocks of items and loops.

use std::borrow::Cow;

use super::error::{CifError, Position};

/// The most tags, values and blocks of a file: bounds memory to a few hundred megabytes. The largest
/// files known to us (powder profiles) have below a million.
const MAX_TOKENS: usize = 4_000_000;

/// A CIF as it is written: nothing is interpreted but the quoting.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    /// The data blocks, in order.
    pub blocks: Vec<Block<'a>>,
}

/// A data block.
#[derive(Debug, Default)]
pub struct Block<'a> {
    /// What follows `data_`.
    pub name: &'a str,
    /// Tags with their one value, in order.
    pub items: Vec<(&'a str, Value<'a>)>,
    /// The loops, in order.
    pub loops: Vec<Loop<'a>>,
}

/// A loop: a table of values.
#[derive(Debug)]
pub struct Loop<'a> {
    /// The columns' tags.
    pub tags: Vec<&'a str>,
    /// The values, row by row; whole rows.
    pub values: Vec<Value<'a>>,
}

/// A value without its quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// The characters.
    pub text: &'a str,
    /// Whether they were quoted, or a text field: then `?` and `.` mean themselves.
    pub is_quoted: bool,
    offset: usize,
}

impl Value<'_> {
    /// Whether the value is `?` (unknown) or `.` (left out).
    #[must_use]
    pub fn is_absent(&self) -> bool {
        !self.is_quoted && matches!(self.text, "?" | ".")
    }
}

/// Text of the bytes of a file: UTF-8, else Latin-1 (old files have names of authors in it).
///
/// # Errors
/// When the bytes are UTF-16 or hold zero bytes: then they are something else.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, CifError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(CifError::NotText { reason: "it is UTF-16, expected UTF-8" });
    }
    if memchr::memchr(0, bytes).is_some() {
        return Err(CifError::NotText { reason: "it holds zero bytes" });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    })
}

/// The number in a value, without its uncertainty: `1.234(5)`, `-.5`, `1.2e-3`, `1/3`.
#[must_use]
pub fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.split_once('(').map_or(text, |(number, _)| number.trim_end());
    let finite = |s: &str| {
        let ok =
            s.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        s.parse::<f64>().ok().filter(|v| ok && v.is_finite())
    };
    match plain.split_once('/') {
        Some((numerator, denominator)) => {
            let quotient = finite(numerator)? / finite(denominator)?;
            quotient.is_finite().then_some(quotient)
        }
        None => finite(plain),
    }
}

impl<'a> Document<'a> {
    /// Reads the grammar of a text.
    ///
    /// # Errors
    /// When the text is not CIF 1.1, with the place.
    pub fn parse(text: &'a str) -> Result<Self, CifError> {
        let mut lexer = Lexer { text, at: 0, tokens: 0 };
        let mut blocks: Vec<Block<'a>> = Vec::new();
        let mut token = lexer.next()?;
        while let Some((offset, kind)) = token {
            token = match kind {
                Token::Data(name) => {
                    blocks.push(Block { name, ..Block::default() });
                    lexer.next()?
                }
                Token::Save | Token::Stop => lexer.next()?,
                _ if blocks.is_empty() => {
                    let found = lexer.excerpt(offset);
                    return Err(CifError::NoBlock { at: lexer.position(offset), found });
                }
                Token::Value(_) => {
                    let found = lexer.excerpt(offset);
                    return Err(CifError::StrayValue { at: lexer.position(offset), found });
                }
                Token::Tag(tag) => match lexer.next()? {
                    Some((_, Token::Value(value))) => {
                        if let Some(block) = blocks.last_mut() {
                            block.items.push((tag, value));
                        }
                        lexer.next()?
                    }
                    _ => {
                        let tag = tag.chars().take(80).collect();
                        return Err(CifError::NoValue { at: lexer.position(offset), tag });
                    }
                },
                Token::Loop => {
                    let (read, next) = read_loop(&mut lexer, offset)?;
                    if let Some(block) = blocks.last_mut() {
                        block.loops.push(read);
                    }
                    next
                }
            };
        }
        if blocks.is_empty() { Err(CifError::Empty) } else { Ok(Self { text, blocks }) }
    }

    /// Where a value stands.
    #[must_use]
    pub fn position(&self, value: &Value<'_>) -> Position {
        Position::of(self.text, value.offset)
    }
}

type Positioned<'a> = Option<(usize, Token<'a>)>;

fn read_loop<'a>(
    lexer: &mut Lexer<'a>,
    begin: usize,
) -> Result<(Loop<'a>, Positioned<'a>), CifError> {
    let mut read = Loop { tags: Vec::new(), values: Vec::new() };
    let mut token = lexer.next()?;
    while let Some((_, Token::Tag(tag))) = token {
        read.tags.push(tag);
        token = lexer.next()?;
    }
    while let Some((_, Token::Value(value))) = token {
        read.values.push(value);
        token = lexer.next()?;
    }
    let (tags, values) = (read.tags.len(), read.values.len());
    if tags == 0 || values % tags != 0 {
        return Err(CifError::RaggedLoop { at: lexer.position(begin), tags, values });
    }
    Ok((read, token))
}

impl<'a> Block<'a> {
    /// The value of an item: the first whose tag is one of `tags`, which are tried in order.
    ///
    /// A loop of one row counts as items.
    #[must_use]
    pub fn item(&self, tags: &[&str]) -> Option<&Value<'a>> {
        tags.iter().find_map(|tag| {
            let single = self.items.iter().find(|(name, _)| is_tag(name, tag));
            single.map(|(_, value)| value).or_else(|| {
                self.loops.iter().find_map(|l| {
                    let at = l.column(&[tag])?;
                    (l.values.len() == l.tags.len()).then(|| &l.values[at])
                })
            })
        })
    }

    /// The loop that has a column with one of `tags`.
    #[must_use]
    pub fn find_loop(&self, tags: &[&str]) -> Option<&Loop<'a>> {
        self.loops.iter().find(|l| l.column(tags).is_some())
    }
}

impl<'a> Loop<'a> {
    /// The column whose tag is one of `tags`, which are tried in order.
    #[must_use]
    pub fn column(&self, tags: &[&str]) -> Option<usize> {
        tags.iter().find_map(|tag| self.tags.iter().position(|name| is_tag(name, tag)))
    }

    /// The rows.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, Value<'a>> {
        self.values.chunks_exact(self.tags.len())
    }
}

/// Whether a tag is a known one: letter case does not matter, a dot is an underscore.
fn is_tag(written: &str, known: &str) -> bool {
    let plain = |b: u8| if b == b'.' { b'_' } else { b.to_ascii_lowercase() };
    written.len() == known.len()
        && written.bytes().zip(known.bytes()).rev().all(|(a, b)| plain(a) == plain(b))
}

enum Token<'a> {
    Data(&'a str),
    Save,
    Stop,
    Loop,
    Tag(&'a str),
    Value(Value<'a>),
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: usize,
}

impl<'a> Lexer<'a> {
    fn position(&self, offset: usize) -> Position {
        Position::of(self.text, offset)
    }

    /// The word at a place, for a message.
    fn excerpt(&self, offset: usize) -> String {
        self.text[offset..].split_whitespace().next().unwrap_or("").chars().take(60).collect()
    }

    fn next(&mut self) -> Result<Positioned<'a>, CifError> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                None => return Ok(None),
                Some(b) if b.is_ascii_whitespace() || *b == 0x0b => self.at += 1,
                Some(b'#') => self.at = self.line_end(self.at),
                Some(_) => break,
            }
        }
        let start = self.at;
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return Err(CifError::TooLong { at: self.position(start), limit: MAX_TOKENS });
        }
        let starts_line = start == 0 || bytes[start - 1] == b'\n' || bytes[start - 1] == b'\r';
        match bytes[start] {
            b';' if starts_line => return self.text_field(start).map(Some),
            quote @ (b'\'' | b'"') => return self.quoted(start, quote).map(Some),
            _ => {}
        }
        let length = bytes[start..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
        self.at += length;
        let word = &self.text[start..self.at];
        let prefixed = |prefix: &str| {
            word.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        let token = if word.starts_with('_') {
            Token::Tag(word)
        } else if prefixed("data_") {
            Token::Data(&word[5..])
        } else if word.eq_ignore_ascii_case("loop_") {
            Token::Loop
        } else if prefixed("save_") {
            Token::Save
        } else if word.eq_ignore_ascii_case("stop_") || word.eq_ignore_ascii_case("global_") {
            Token::Stop
        } else {
            Token::Value(Value { text: word, is_quoted: false, offset: start })
        };
        Ok(Some((start, token)))
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = &self.text.as_bytes()[from..];
        memchr::memchr2(b'\n', b'\r', rest).map_or(self.text.len(), |length| from + length)
    }

    /// A text in quotation marks: the closing one is followed by white space.
    fn quoted(&mut self, start: usize, quote: u8) -> Result<(usize, Token<'a>), CifError> {
        let bytes = self.text.as_bytes();
        // One way through the text: looking for the end of the line first would read a long line again
        // for each of its values.
        let closes = |at: usize| bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
        let mut close = start;
        loop {
            let found = memchr::memchr3(quote, b'\n', b'\r', &bytes[close + 1..]);
            let Some(length) = found.filter(|length| bytes[close + 1 + length] == quote) else {
                return Err(CifError::OpenQuote { at: self.position(start) });
            };
            close += 1 + length;
            if closes(close) {
                break;
            }
        }
        self.at = close + 1;
        let text = &self.text[start + 1..close];
        Ok((start, Token::Value(Value { text, is_quoted: true, offset: start })))
    }

    /// A text field: from a `;` that begins a line to the next one that does.
    fn text_field(&mut self, start: usize) -> Result<(usize, Token<'a>), CifError> {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(length) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
            at += length + 1;
            if bytes.get(at) == Some(&b';') {
                self.at = at + 1;
                let text = self.text[start + 1..at].trim_end_matches(['\n', '\r']);
                return Ok((start, Token::Value(Value { text, is_quoted: true, offset: start })));
            }
        }
        Err(CifError::OpenText { at: self.position(start) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "# comment\r\ndata_Name\n_a 'it's a text' # more\n_B.c\n;first\n second;\n;\n\
                    _d \"q\" _e -1.5(3)\nloop_ _x _y\n1 'a b'\n? .\n_z ;not-a-field\nDATA_two _f g\n";
        let document = Document::parse(text).expect("a CIF");
        assert_eq!(document.blocks.len(), 2);
        let block = &document.blocks[0];
        assert_eq!(block.name, "Name");
        assert_eq!(block.item(&["_A"]).expect("there").text, "it's a text");
        assert_eq!(block.item(&["_b_c"]).expect("there").text, "first\n second;");
        assert_eq!(parse_number(block.item(&["_e"]).expect("there").text), Some(-1.5));
        assert_eq!(block.item(&["_z"]).expect("there").text, ";not-a-field");
        let table = block.find_loop(&["_none", "_y"]).expect("a loop");
        assert_eq!(table.rows().count(), 2);
        assert!(table.values[2].is_absent() && table.values[3].is_absent());
        assert_eq!(document.blocks[1].name, "two");
        assert_eq!(document.position(&table.values[1]), Position { line: 10, column: 3 });
    }

    #[test]
    fn broken_texts_are_told_the_place() {
        let at = |line, column| Position { line, column };
        let error = |text: &str| Document::parse(text).expect_err("broken");
        assert_eq!(error(" \n# nothing\n"), CifError::Empty);
        assert_eq!(error("\n é _a 1"), CifError::NoBlock { at: at(2, 2), found: "é".into() });
        assert_eq!(error("data_a\n_b 'open\n"), CifError::OpenQuote { at: at(2, 4) });
        assert_eq!(error("data_a\n_b\n;open\n"), CifError::OpenText { at: at(3, 1) });
        assert_eq!(error("data_a 5"), CifError::StrayValue { at: at(1, 8), found: "5".into() });
        assert_eq!(error("data_a _b _c 1"), CifError::NoValue { at: at(1, 8), tag: "_b".into() });
        assert_eq!(error("data_a _b"), CifError::NoValue { at: at(1, 8), tag: "_b".into() });
        assert_eq!(
            error("data_a\nloop_ _x _y 1 2 3"),
            CifError::RaggedLoop { at: at(2, 1), tags: 2, values: 3 }
        );
        assert!(matches!(error("data_a loop_ 1"), CifError::RaggedLoop { tags: 0, .. }));
    }

    #[test]
    fn numbers_lose_their_uncertainty_and_nothing_else_is_a_number() {
        for (text, value) in [
            ("1.234(5)", 1.234),
            ("-.5", -0.5),
            ("2.", 2.0),
            ("1e-3(2)", 1e-3),
            ("1/3", 1.0 / 3.0),
            (" 7 ", 7.0),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        for text in
            ["", "?", ".", "x", "1.2.3", "nan", "inf", "1e999", "(5)", "1/0", "0x10", "infinity"]
        {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_are_utf_8_or_latin_1_or_not_text() {
        assert_eq!(decode("\u{feff}data_é".as_bytes()).expect("text"), "data_é");
        assert_eq!(decode(b"data_\xe9").expect("text"), "data_é");
        assert!(decode(b"\xff\xfed\0").is_err());
        assert!(decode(b"data_\0").is_err());
    }
}
