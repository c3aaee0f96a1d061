//! The right to make something in a directory that several processes, on several machines, share.
//!
//! A claim is a small file `STEM-NNNN`. The newest number holds; it is created by a hard link or a
//! rename that fails where the name exists, so of several processes one gets it. The file says who
//! holds it, and carries a count that the holder raises every few seconds. It may be taken over, by
//! creating the next number,
//!
//! * at once, if it was left (its holder came to its end, or failed), or if its holder ran on this
//!   very machine and is dead;
//! * otherwise, if the count has not moved for as long as the claim itself says. The observer
//!   measures that by its own clock; clocks of machines are never compared, nor times of files.
//!
//! A holder that could not raise its count for half of that time gives up by itself; one that was
//! frozen finds a newer number when it wakes. [`Claim::confirm`] looks for both, and is asked before
//! everything that is written. Numbers only grow, so a claim that was seen is never confused with a
//! later one.
//!
//! No locks of the file system are used: over networks they are emulated, local to each machine or
//! missing, depending on how a directory is mounted, and a program cannot tell which.
//! `docs/decisions/008-claims.md` has the reasons.

mod error;
mod holder;

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::disk::{sync_directory, temporary_beside};

pub use error::ClaimError;
pub use holder::Holder;

/// After how many seconds without a sign of life a claim may be taken over, if nothing else is
/// said. Twice the time for which NFS clients believe what they remember of a directory (60 s).
pub const SECONDS: u32 = 120;

/// Signs of life in that time.
const BEATS: u32 = 12;

/// The longest claim file that is believed.
const LONGEST: u64 = 64 << 10;

/// What the second line of a claim begins with while it is held, and once it was left.
const HELD: &str = "held";
const LEFT: &str = "left";

/// Where the claims on one thing lie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    directory: PathBuf,
    stem: &'static str,
}

impl Place {
    /// Claims named `stem` in a directory.
    #[must_use]
    pub fn new(directory: &Path, stem: &'static str) -> Self {
        Self { directory: directory.to_owned(), stem }
    }

    fn path(&self, number: u32) -> PathBuf {
        self.directory.join(format!("{}-{number:04}", self.stem))
    }

    /// Whether a file name is one of such a claim's.
    fn number(&self, name: &str) -> Option<u32> {
        name.strip_prefix(self.stem)?.strip_prefix('-')?.parse().ok()
    }

    /// The newest claim and its contents.
    fn newest(&self) -> Result<Option<(u32, Vec<u8>)>, ClaimError> {
        let mut numbers = Vec::new();
        let failed = || ClaimError::io("list", &self.directory);
        for entry in std::fs::read_dir(&self.directory).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            numbers.extend(name.to_str().and_then(|name| self.number(name)));
        }
        let mut newest = None;
        let mut number = numbers.into_iter().max().unwrap_or(1);
        // A listing may be older than the directory: later numbers are asked for by name.
        while let Some(contents) = self.read(number)? {
            newest = Some((number, contents));
            number += 1;
        }
        Ok(newest)
    }

    fn read(&self, number: u32) -> Result<Option<Vec<u8>>, ClaimError> {
        let path = self.path(number);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ClaimError::io("open", &path)(error)),
        };
        let mut contents = Vec::new();
        match file.take(LONGEST).read_to_end(&mut contents) {
            Ok(_) => Ok(Some(contents)),
            // Removed on another machine between opening and reading.
            Err(error) if error.kind() == ErrorKind::StaleNetworkFileHandle => Ok(None),
            Err(error) => Err(ClaimError::io("read", &path)(error)),
        }
    }

    /// Removes claims before a number. They are of no use; one that stays is no harm.
    fn remove_before(&self, number: u32) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let old = name.to_str().and_then(|name| self.number(name));
            if old.is_some_and(|old| old < number) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }
}

/// What an observer has seen of the claims of others, and since when.
#[derive(Debug, Default)]
pub struct Sightings {
    seen: HashMap<PathBuf, (Vec<u8>, Instant)>,
}

impl Sightings {
    /// Who holds a claim with these contents; `None` if it may be taken over.
    fn holder(&mut self, path: &Path, contents: &[u8]) -> Option<Holder> {
        let (head, state) = parts(contents);
        if state.starts_with(LEFT.as_bytes()) {
            return None;
        }
        // A damaged claim is somebody's, until it has not moved for long enough.
        let holder = serde_json::from_slice(head).unwrap_or_else(|_| Holder::unknown());
        match holder.is_alive() {
            Some(true) => return Some(holder),
            Some(false) => return None,
            None => {}
        }
        let now = Instant::now();
        let (seen, since) =
            self.seen.entry(path.to_owned()).or_insert_with(|| (contents.to_owned(), now));
        if seen != contents {
            (*seen, *since) = (contents.to_owned(), now);
        }
        let silent = now.duration_since(*since);
        (silent < Duration::from_secs(holder.seconds.into())).then_some(holder)
    }
}

/// The two lines of a claim.
fn parts(contents: &[u8]) -> (&[u8], &[u8]) {
    let end = contents.iter().position(|byte| *byte == b'\n').unwrap_or(contents.len());
    (&contents[..end], contents.get(end + 1..).unwrap_or_default())
}

/// Whether somebody seems to be at work there, for people to read: nothing is written, and nothing is
/// waited for. A holder on another machine is believed as long as its claim was touched, by this
/// machine's clock, within twice the time it says.
#[must_use]
pub fn seems_held(place: &Place) -> bool {
    let Ok(Some((number, contents))) = place.newest() else { return false };
    let (head, state) = parts(&contents);
    let holder: Holder = serde_json::from_slice(head).unwrap_or_else(|_| Holder::unknown());
    if !state.starts_with(HELD.as_bytes()) {
        return false;
    }
    holder.is_alive().unwrap_or_else(|| {
        let touched = std::fs::metadata(place.path(number)).and_then(|file| file.modified());
        let silent = touched.ok().and_then(|touched| touched.elapsed().ok()).unwrap_or_default();
        silent < Duration::from_secs(2 * u64::from(holder.seconds))
    })
}

/// What an attempt to claim something comes to.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Held(Claim),
    /// It is somebody else's.
    Busy(Holder),
}

/// Claims something, if nobody holds it. `seconds` is after how long without a sign of life others
/// may take it over from us.
///
/// # Errors
/// If the directory cannot be read or written.
pub fn attempt(
    place: &Place,
    seconds: u32,
    sightings: &mut Sightings,
) -> Result<Attempt, ClaimError> {
    loop {
        let newest = place.newest()?;
        let next = match &newest {
            None => 1,
            Some((number, contents)) => {
                if let Some(holder) = sightings.holder(&place.path(*number), contents) {
                    return Ok(Attempt::Busy(holder));
                }
                number + 1
            }
        };
        // Where another process was faster, its claim is looked at in turn.
        if let Some(claim) = Claim::create(place.clone(), next, seconds)? {
            return Ok(Attempt::Held(claim));
        }
    }
}

/// A claim that this process holds. Dropping it leaves it to others.
#[derive(Debug)]
pub struct Claim {
    pulse: Arc<Pulse>,
    beating: Option<JoinHandle<()>>,
}

/// What the holder of a claim and its thread share.
#[derive(Debug)]
struct Pulse {
    place: Place,
    number: u32,
    holder: Holder,
    /// Bytes of the first line.
    head: u64,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    file: File,
    count: u64,
    last: Instant,
    ended: bool,
}

impl Claim {
    /// Creates a claim; `None` where its number is taken.
    fn create(place: Place, number: u32, seconds: u32) -> Result<Option<Self>, ClaimError> {
        let holder = Holder::this_process(seconds);
        let path = place.path(number);
        let failed = || ClaimError::io("write", &path);
        let mut head =
            serde_json::to_vec(&holder).map_err(|error| failed()(std::io::Error::other(error)))?;
        head.push(b'\n');
        let mut temporary = temporary_beside(&path).map_err(failed())?;
        temporary.write_all(&head).map_err(failed())?;
        temporary.write_all(line(HELD, 0).as_bytes()).map_err(failed())?;
        temporary.as_file().sync_all().map_err(failed())?;
        let file = match temporary.persist_noclobber(&path) {
            Ok(file) => file,
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => {
                // Over a network the name may exist because the answer to our own request was lost.
                let ours = place.read(number)?;
                if ours.is_none_or(|contents| parts(&contents).0 != &head[..head.len() - 1]) {
                    return Ok(None);
                }
                File::options().read(true).write(true).open(&path).map_err(failed())?
            }
            Err(refused) => return Err(failed()(refused.error)),
        };
        sync_directory(&place.directory).map_err(failed())?;
        place.remove_before(number);
        let state = State { file, count: 0, last: Instant::now(), ended: false };
        let pulse = Arc::new(Pulse {
            place,
            number,
            holder,
            head: head.len() as u64,
            state: Mutex::new(state),
            ended: Condvar::new(),
        });
        let shared = Arc::clone(&pulse);
        let thread = std::thread::Builder::new().name("claim".to_owned());
        let beating = thread.spawn(move || shared.beat()).map_err(failed())?;
        Ok(Some(Self { pulse, beating: Some(beating) }))
    }

    /// Makes sure that the claim still holds.
    ///
    /// # Errors
    /// [`ClaimError::Lost`] if another process has taken over, [`ClaimError::Silent`] if others may
    /// soon do so.
    pub fn confirm(&self) -> Result<(), ClaimError> {
        self.pulse.confirm()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.pulse.state().ended = true;
        self.pulse.ended.notify_all();
        if let Some(thread) = self.beating.take() {
            // A thread that panicked has nothing to say any more.
            drop(thread.join());
        }
        // Who has lost a claim has no say in it. A claim that cannot be left times out.
        if self.pulse.is_newest().is_ok() {
            drop(self.pulse.write(&mut self.pulse.state(), LEFT));
        }
    }
}

/// The second line of a claim, of one length whatever it says.
fn line(state: &str, count: u64) -> String {
    format!("{state} {count:020}\n")
}

impl Pulse {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn term(&self) -> Duration {
        Duration::from_secs(self.holder.seconds.into())
    }

    /// Raises the count until the claim ends.
    fn beat(&self) {
        let mut state = self.state();
        while !state.ended {
            let waited = self.ended.wait_timeout(state, self.term() / BEATS);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !state.ended {
                // Without success the time of the last one stays, and `confirm` tells.
                drop(self.write(&mut state, HELD));
            }
        }
    }

    /// Writes the second line in place, so that readers on other machines see the same file change.
    fn write(&self, state: &mut State, word: &str) -> std::io::Result<()> {
        let text = line(word, state.count + 1);
        state.file.seek(SeekFrom::Start(self.head))?;
        state.file.write_all(text.as_bytes())?;
        state.file.sync_data()?;
        state.count += 1;
        state.last = Instant::now();
        Ok(())
    }

    fn confirm(&self) -> Result<(), ClaimError> {
        self.is_newest()?;
        let mut state = self.state();
        if state.last.elapsed() < self.term() / 2 {
            return Ok(());
        }
        self.write(&mut state, HELD).map_err(|source| ClaimError::Silent {
            path: self.place.path(self.number),
            seconds: self.holder.seconds,
            source,
        })?;
        drop(state);
        // Between the last sign of life and this one it may have been taken over.
        self.is_newest()
    }

    fn is_newest(&self) -> Result<(), ClaimError> {
        let path = self.place.path(self.number);
        let by = |contents: &[u8]| serde_json::from_slice(parts(contents).0).ok().map(Box::new);
        if let Some(contents) = self.place.read(self.number + 1)? {
            return Err(ClaimError::Lost { path, by: by(&contents) });
        }
        match self.place.read(self.number)? {
            None => Err(ClaimError::Lost { path, by: None }),
            Some(contents) => match serde_json::from_slice::<Holder>(parts(&contents).0) {
                Ok(holder) if holder.token == self.holder.token => Ok(()),
                _ => Err(ClaimError::Lost { path, by: by(&contents) }),
            },
        }
    }
}

#[cfg(test)]
mod tests;
