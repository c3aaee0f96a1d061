//! HTML in the making. Text is escaped; only what is written here is not.

use crate::chart::svg::escape;

/// A page in the making.
pub(super) struct Html {
    text: String,
}

impl Html {
    pub(super) fn new() -> Self {
        Self { text: String::with_capacity(1 << 20) }
    }

    /// Markup.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        // A number and its percent sign stay on one line.
        self.text.push_str(&escape(text).replace(" %", "\u{a0}%"));
        self
    }

    /// An element that holds text.
    pub(super) fn element(&mut self, open: &str, text: &str) -> &mut Self {
        let name = open.split(' ').next().unwrap_or(open);
        self.raw("<").raw(open).raw(">").text(text).raw("</").raw(name).raw(">")
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
