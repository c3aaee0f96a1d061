//! A sample by its name.

use std::path::Path;

use super::ExplainError;
use crate::dataset::{Chunks, Dataset, Labels};
use crate::members::Members;

/// Rows read at once.
const AT_ONCE: usize = 512;
/// Names that are suggested.
const SUGGESTED: usize = 3;

/// Finds a sample in `data`, or without that in the runs' labelled and then their unlabelled file;
/// the first row of this name, as its part of the file and its place in it.
///
/// # Errors
/// [`ExplainError::UnknownSample`], with the names most alike.
pub fn find(
    members: &Members,
    data: Option<&Path>,
    sample: &str,
) -> Result<(Dataset, usize), ExplainError> {
    let sources = [Some(members.labeled().source()), members.unlabeled_source().map(|s| &*s.path)];
    let files: Vec<&Path> = match data {
        Some(path) => vec![path],
        // An unlabelled file that is gone is not looked into; the labelled one is there.
        None => sources.into_iter().flatten().filter(|path| path.exists()).collect(),
    };
    let labels = Labels::Optional { classes: members.config().classes };
    let mut near = Near::new(sample);
    for path in &files {
        let stated = data.is_none().then(|| members.grid());
        for chunk in Chunks::open(path, labels, stated, AT_ONCE)?.with_any_names() {
            let chunk = chunk?;
            let found = chunk.samples().iter().position(|row| row.name == sample);
            if let Some(row) = found {
                return Ok((chunk, row));
            }
            chunk.samples().iter().for_each(|row| near.look_at(&row.name));
        }
    }
    let name = |path: &&Path| path.display().to_string();
    let data = files.iter().map(name).collect();
    Err(ExplainError::UnknownSample { sample: sample.to_owned(), data, near: near.names() })
}

/// The names most like another, if any is like it.
#[must_use]
pub fn near_names<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut near = Near::new(wanted);
    names.into_iter().for_each(|name| near.look_at(name));
    near.names()
}

struct Near<'a> {
    wanted: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Near<'a> {
    fn new(wanted: &'a str) -> Self {
        Self { wanted, found: Vec::new() }
    }

    fn look_at(&mut self, name: &str) {
        let most = (self.wanted.chars().count() / 3).max(1);
        if name.chars().count().abs_diff(self.wanted.chars().count()) > most {
            return;
        }
        let lower = (name.to_lowercase(), self.wanted.to_lowercase());
        let distance = strsim::damerau_levenshtein(&lower.0, &lower.1);
        if distance <= most && !self.found.iter().any(|(_, known)| known == name) {
            let place = self.found.partition_point(|(known, _)| *known <= distance);
            self.found.insert(place, (distance, name.to_owned()));
            self.found.truncate(SUGGESTED);
        }
    }

    fn names(self) -> Vec<String> {
        self.found.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_like_the_wanted_one_come_first_and_others_not_at_all() {
        let names = ["icsd1125", "mp-776", "icsd1129", "icsd9925", "ICSD1124"];
        assert_eq!(near_names("icsd1124", names), ["ICSD1124", "icsd1125", "icsd1129"]);
        assert!(near_names("xyz", names).is_empty());
    }
}
