//! What a batch left out, and why.

use std::path::PathBuf;

use serde::Serialize;

/// Kept for the summary; beyond it only counted, so that memory stays bounded.
const KEPT: usize = 10_000;

/// Shown to people; `--json` has all that were kept.
const SHOWN: usize = 20;

/// One thing that was left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Skip {
    pub(crate) file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) reason: String,
}

/// All that was left out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Skipped {
    pub(crate) count: u64,
    pub(crate) first: Vec<Skip>,
}

impl Skipped {
    pub(crate) fn push(&mut self, skip: Skip) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(skip);
        }
    }

    /// The summary for people; empty if nothing was left out.
    pub(crate) fn text(&self) -> String {
        if self.count == 0 {
            return String::new();
        }
        let mut text = format!("skipped {}:\n", self.count);
        for skip in self.first.iter().take(SHOWN) {
            text.push_str(&format!("  {}\n", skip.reason));
        }
        if self.count > SHOWN as u64 {
            let more = self.count - SHOWN as u64;
            text.push_str(&format!("  … and {more} more (--json lists them)\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_counted_and_few_are_shown() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.text(), "");
        for i in 0..(KEPT + 5) {
            let (file, reason) = (PathBuf::from("a.cif"), format!("a.cif: fault {i}"));
            skipped.push(Skip { file, name: None, reason });
        }
        assert_eq!((skipped.count, skipped.first.len()), (KEPT as u64 + 5, KEPT));
        let text = skipped.text();
        assert!(text.starts_with("skipped 10005:") && text.contains("fault 19\n"));
        assert!(text.contains("and 9985 more"), "{text}");
    }
}
