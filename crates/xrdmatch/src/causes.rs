//! An error in one line, for people.

use std::error::Error;

/// An error with its causes, each said once.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = inner.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Layer {
        said: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let layer = |said, source: Option<Layer>| Layer { said, source: source.map(Box::new) };
        let error = layer("read a.csv", Some(layer("open", Some(layer("no such file", None)))));
        assert_eq!(chain(&error), "read a.csv: open: no such file");
        let error = layer("read a.csv: no such file", Some(layer("no such file", None)));
        assert_eq!(chain(&error), "read a.csv: no such file");
    }
}
