//! Which shards are parts of which files, and whether they are all there.

use std::collections::BTreeMap;

use super::shard::Header;
use super::{ScreenError, Shard};
use crate::members::Members;

/// The shards of a screening, file by file: by name, and of equal names by contents, so that the
/// order in which they are given does not matter.
pub(super) struct Files<'a> {
    first: &'a Header,
    files: Vec<(&'a str, Vec<&'a Shard>)>,
}

impl<'a> Files<'a> {
    /// Makes sure that the shards are of one screening by these models, and all the parts of every file.
    pub(super) fn of(members: &Members, shards: &'a [Shard]) -> Result<Self, ScreenError> {
        let first = shards.first().ok_or(ScreenError::NoShards)?;
        let identity = members.identity();
        let mut files: BTreeMap<(&str, &str), Parts<'a>> = BTreeMap::new();
        for shard in shards {
            let (a, b) = (&first.header, &shard.header);
            if b.models != identity || b.members != members.len() {
                return Err(ScreenError::OtherModels { path: shard.path().to_owned() });
            }
            let same = [
                ("number of neighbours", a.neighbours == b.neighbours),
                ("threshold of outliers", a.outliers == b.outliers),
            ];
            agree(first, shard, &same)?;
            files.entry((b.data.as_str(), b.fingerprint.as_str())).or_default().add(shard)?;
        }
        let files = files.into_iter().map(|((data, _), parts)| Ok((data, parts.complete(data)?)));
        Ok(Self { first: &first.header, files: files.collect::<Result<_, ScreenError>>()? })
    }

    /// What all shards have in common.
    pub(super) fn header(&self) -> &'a Header {
        self.first
    }

    /// Names of the files, by number.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.files.iter().map(|(name, _)| *name)
    }

    /// Every shard, with the number of its file.
    pub(super) fn shards(&self) -> impl Iterator<Item = (usize, &'a Shard)> {
        self.files
            .iter()
            .enumerate()
            .flat_map(|(file, (_, shards))| shards.iter().map(move |shard| (file, *shard)))
    }
}

/// The parts of one file, by number.
#[derive(Default)]
struct Parts<'a>(BTreeMap<u32, &'a Shard>);

impl<'a> Parts<'a> {
    fn add(&mut self, shard: &'a Shard) -> Result<(), ScreenError> {
        let part = shard.header.part;
        if let Some(other) = self.0.values().next() {
            agree(other, shard, &[("number of parts", other.header.part.of == part.of)])?;
        }
        match self.0.insert(part.number, shard) {
            Some(other) => Err(ScreenError::Twice {
                first: other.path().to_owned(),
                second: shard.path().to_owned(),
                part,
            }),
            None => Ok(()),
        }
    }

    fn complete(self, data: &str) -> Result<Vec<&'a Shard>, ScreenError> {
        let of = self.0.values().next().map_or(0, |shard| shard.header.part.of);
        let given = self.0.len();
        let absent = (1..=of).filter(|number| !self.0.contains_key(number));
        let missing: Vec<u32> = absent.take(1000).collect();
        if missing.is_empty() {
            return Ok(self.0.into_values().collect());
        }
        Err(ScreenError::Missing { data: data.to_owned(), given, of, missing })
    }
}

/// Refuses two shards of which something is not the same.
fn agree(first: &Shard, second: &Shard, same: &[(&'static str, bool)]) -> Result<(), ScreenError> {
    match same.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(ScreenError::OtherShards {
            first: first.path().to_owned(),
            second: second.path().to_owned(),
            what,
        }),
        None => Ok(()),
    }
}
