//! Parts of work that is divided over machines: `2/8`, or what a scheduler says.

mod scheduler;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use scheduler::PartError;

/// Part `number` of `of`, counted from 1: everything whose place, from 0, leaves the remainder
/// `number − 1` when divided by `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

impl Part {
    /// The whole.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// A part; `None` where there is no such.
    #[must_use]
    pub fn new(number: u32, of: u32) -> Option<Self> {
        (number >= 1 && number <= of).then_some(Self { number, of })
    }

    /// This part of a list. Parts of one list are disjoint and together make it up; where there are
    /// more parts than items, some are empty.
    #[must_use]
    pub fn take<T>(self, items: Vec<T>) -> Vec<T> {
        let skip = self.number.saturating_sub(1) as usize;
        items.into_iter().skip(skip).step_by(self.of.max(1) as usize).collect()
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.trim().parse().ok()?, of.trim().parse().ok()?)));
        let (number, of) = numbers.ok_or_else(|| format!("`{text}` is no part such as 2/8"))?;
        Self::new(number, of).ok_or_else(|| match of {
            0 => "there are no parts of nothing; 2/8 is the second of eight".to_owned(),
            of => format!("there is no part {number} of {of}; parts go from 1/{of} to {of}/{of}"),
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// How a part is asked for: `2/8`, `auto` or `auto/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartChoice {
    /// By its number.
    Stated(Part),
    /// By the array index that a scheduler gives this process, of `of` parts where that is stated.
    Auto {
        /// Of how many.
        of: Option<u32>,
    },
}

impl PartChoice {
    /// The part, where `variable` gives the value of an environment variable.
    ///
    /// | scheduler | index | of how many | base |
    /// | --- | --- | --- | --- |
    /// | HyperQueue | `HQ_TASK_ID` | must be stated | any |
    /// | Slurm | `SLURM_ARRAY_TASK_ID` | `SLURM_ARRAY_TASK_COUNT`, with `_MIN`, `_MAX`, `_STEP` | any |
    /// | PBS | `PBS_ARRAY_INDEX` | must be stated | any |
    /// | Kubernetes | `JOB_COMPLETION_INDEX` | must be stated | 0 |
    ///
    /// They are asked in this order: HyperQueue runs its tasks within jobs of the others, and the
    /// innermost knows best. Where a number is stated and indices may begin anywhere, an index counts
    /// modulo that number, so that *any* `n` consecutive indices (0–7, 1–8, 101–108) are the `n` parts.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn resolve(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Part, PartError> {
        match self {
            Self::Stated(part) => Ok(part),
            Self::Auto { of } => scheduler::part(of, variable),
        }
    }
}

impl FromStr for PartChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(rest) = text.strip_prefix("auto") else { return text.parse().map(Self::Stated) };
        if rest.is_empty() {
            return Ok(Self::Auto { of: None });
        }
        match rest.strip_prefix('/').map(|of| of.trim().parse::<u32>()) {
            Some(Ok(of)) if of > 0 => Ok(Self::Auto { of: Some(of) }),
            _ => Err(format!("`{text}` is neither a part such as 2/8, nor `auto`, nor `auto/8`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_those_out_of_range_are_refused() {
        assert_eq!("2/8".parse(), Ok(Part { number: 2, of: 8 }));
        for bad in ["0/8", "9/8", "1/0", "0/0", "-1/8", "2", "a/b", "2/", "/8", "4294967296/8"] {
            assert!(bad.parse::<Part>().is_err(), "{bad}");
            assert!(bad.parse::<PartChoice>().is_err(), "{bad}");
        }
        assert!("9/8".parse::<Part>().unwrap_err().contains("1/8 to 8/8"));
    }

    #[test]
    fn choices_are_read() {
        assert_eq!("3/4".parse(), Ok(PartChoice::Stated(Part { number: 3, of: 4 })));
        assert_eq!("auto".parse(), Ok(PartChoice::Auto { of: None }));
        assert_eq!("auto/4".parse(), Ok(PartChoice::Auto { of: Some(4) }));
        for bad in ["auto/", "auto/0", "auto4", "automatic", "auto/x", ""] {
            assert!(bad.parse::<PartChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_parts_of_a_list_are_disjoint_and_make_it_up() {
        for (items, of) in [(10u32, 3u32), (3, 5), (1, 1), (0, 4), (7, 7)] {
            let list: Vec<u32> = (0..items).collect();
            let mut all: Vec<u32> = (1..=of)
                .flat_map(|number| Part::new(number, of).expect("a part").take(list.clone()))
                .collect();
            all.sort_unstable();
            assert_eq!(all, list, "{items} in {of}");
        }
    }
}
