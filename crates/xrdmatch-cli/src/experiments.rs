//! Lists of experiments: `0..100`, `7`, `3,7,40..50`.

use std::fmt;
use std::str::FromStr;

/// Experiments by number, ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Experiments(pub(crate) Vec<u32>);

impl FromStr for Experiments {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MOST: u32 = 1_000_000;
        let number = |text: &str| {
            let number: u32 = text
                .trim()
                .parse()
                .map_err(|_| format!("`{text}` is not an experiment's number"))?;
            if number < MOST {
                Ok(number)
            } else {
                Err(format!("experiment {number} is beyond {}", MOST - 1))
            }
        };
        let mut numbers = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                None => numbers.push(number(part)?),
                Some((first, end)) => {
                    let (first, end) = match end.strip_prefix('=') {
                        Some(last) => (number(first)?, number(last)? + 1),
                        None => (number(first)?, number(end)?),
                    };
                    if first >= end {
                        return Err(format!("`{part}` is an empty range; `0..10` means 0 to 9"));
                    }
                    numbers.extend(first..end);
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Self(numbers))
    }
}

impl fmt::Display for Experiments {
    /// As they are read again: `0..100,103`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, run) in self.0.chunk_by(|a, b| a + 1 == *b).enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match run {
                [first, .., last] => write!(f, "{comma}{first}..{}", last + 1)?,
                [only] => write!(f, "{comma}{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_are_understood() {
        let parsed = |text: &str| text.parse::<Experiments>().map(|experiments| experiments.0);
        assert_eq!(parsed("0..3"), Ok(vec![0, 1, 2]));
        assert_eq!(parsed("3,7,40..42, 7"), Ok(vec![3, 7, 40, 41]));
        assert_eq!(parsed("5..=6"), Ok(vec![5, 6]));
        for text in ["0..3", "3,7,40..42", "5"] {
            assert_eq!(
                text.parse::<Experiments>().map(|list| list.to_string()),
                Ok(text.to_owned())
            );
        }
        for bad in ["", "a", "3..3", "5..2", "-1", "1,", "99999999"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
