//! A sample by its name.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::ExplainError;
use crate::dataset::{Chunks, Dataset, Labels};
use crate::members::Members;

/// Rows read at once.
const AT_ONCE: usize = 512;
/// Names that are suggested.
const SUGGESTED: usize = 3;

/// A pattern by its place: a part of a file, and the row in it.
pub type Found = (Arc<Dataset>, usize);

/// Finds a sample in `data`, or without that in the runs' labelled and then their unlabelled file;
/// the first row of this name.
///
/// # Errors
/// [`ExplainError::UnknownSample`], with the names most alike.
pub fn find(members: &Members, data: Option<&Path>, sample: &str) -> Result<Found, ExplainError> {
    let mut found = find_all(members, data, &[sample])?;
    Ok(found.remove(0))
}

/// Finds samples as [`find`] does, in one pass over the files; in the order asked for.
///
/// # Errors
/// [`ExplainError::UnknownSample`] for the first that is nowhere, with the names most alike.
pub fn find_all(
    members: &Members,
    data: Option<&Path>,
    samples: &[&str],
) -> Result<Vec<Found>, ExplainError> {
    let mut found: HashMap<&str, Option<Found>> =
        samples.iter().map(|sample| (*sample, None)).collect();
    let mut missing = found.len();
    look_through(members, data, &mut |part| {
        for (row, sample) in part.samples().iter().enumerate() {
            if let Some(place) = found.get_mut(sample.name.as_str())
                && place.is_none()
            {
                *place = Some((Arc::clone(part), row));
                missing -= 1;
            }
        }
        missing > 0
    })?;
    let place = |sample: &&str| match found.get(sample) {
        Some(Some(found)) => Ok(found.clone()),
        _ => Err(unknown(members, data, sample)?),
    };
    samples.iter().map(place).collect()
}

/// That a sample is nowhere.
fn unknown(
    members: &Members,
    data: Option<&Path>,
    sample: &str,
) -> Result<ExplainError, ExplainError> {
    let mut near = Near::new(sample);
    look_through(members, data, &mut |part| {
        part.samples().iter().for_each(|row| near.look_at(&row.name));
        true
    })?;
    let data = files(members, data).iter().map(|path| path.display().to_string()).collect();
    Ok(ExplainError::UnknownSample { sample: sample.to_owned(), data, near: near.names() })
}

/// Where samples are looked for.
fn files<'a>(members: &'a Members, data: Option<&'a Path>) -> Vec<&'a Path> {
    let sources = [Some(members.labeled().source()), members.unlabeled_source().map(|s| &*s.path)];
    match data {
        Some(path) => vec![path],
        // An unlabelled file that is gone is not looked into; the labelled one is there.
        None => sources.into_iter().flatten().filter(|path| path.exists()).collect(),
    }
}

/// Reads the files part by part until `look` has seen enough.
fn look_through(
    members: &Members,
    data: Option<&Path>,
    look: &mut dyn FnMut(&Arc<Dataset>) -> bool,
) -> Result<(), ExplainError> {
    let labels = Labels::Optional { classes: members.config().classes };
    let stated = data.is_none().then(|| members.grid());
    for path in files(members, data) {
        for part in Chunks::open(path, labels, stated, AT_ONCE)?.with_any_names() {
            if !look(&Arc::new(part?)) {
                return Ok(());
            }
        }
    }
    Ok(())
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
