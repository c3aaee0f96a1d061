//! Files on their way in: to a directory of their own on disk, within bounds of size and time.
//!
//! Names come from the caller and are shown back, so they are cut to what is harmless; a file lies under
//! its name in a numbered directory of its own, whatever the name says.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::StatusCode;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::limits::Limits;
use crate::problem::Problem;

/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 120;
/// The most points of a pattern given as numbers.
const MOST_POINTS: usize = 1_000_000;

/// Files that have come in; they vanish with the value.
#[derive(Debug)]
pub(crate) struct Intake {
    directory: TempDir,
    pub(crate) files: Vec<PathBuf>,
}

/// Patterns given as numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPatterns {
    /// The patterns.
    pub patterns: Vec<GivenPattern>,
}

/// A measured pattern given as numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPattern {
    /// What it is called.
    pub name: String,
    /// Angles, degrees two-theta, rising.
    pub two_theta: Vec<f64>,
    /// Intensities, one for each angle.
    pub intensities: Vec<f64>,
}

impl Intake {
    fn new() -> Result<Self, Problem> {
        let directory = tempfile::Builder::new().prefix("xrdmatch-").tempdir().map_err(no_room)?;
        Ok(Self { directory, files: Vec::new() })
    }

    /// A new empty file of this name.
    fn create(&mut self, name: &str) -> Result<File, Problem> {
        let own = self.directory.path().join(self.files.len().to_string());
        std::fs::create_dir(&own).map_err(no_room)?;
        let path = own.join(harmless(name));
        let file = File::create_new(&path).map_err(no_room)?;
        self.files.push(path);
        Ok(file)
    }

    /// Takes in the files of a form.
    pub(crate) async fn of_form(mut form: Multipart, limits: &Limits) -> Result<Self, Problem> {
        let mut intake = Self::new()?;
        while let Some(mut field) = within(limits.idle, form.next_field()).await?.map_err(broken)? {
            let Some(name) = field.file_name().map(str::to_owned) else {
                // A part that is no file is read to its end and left.
                while next_chunk(&mut field, limits.idle).await?.is_some() {}
                continue;
            };
            if intake.files.len() == limits.files {
                let most = limits.files;
                return Err(Problem::too_large(format!("more than {most} files at once")));
            }
            let mut file = intake.create(&name)?;
            let mut bytes = 0;
            while let Some(chunk) = next_chunk(&mut field, limits.idle).await? {
                bytes += chunk.len() as u64;
                if bytes > limits.file {
                    let (name, most) = (harmless(&name), limits.file);
                    return Err(Problem::too_large(format!(
                        "`{name}` is larger than {most} bytes"
                    )));
                }
                file.write_all(&chunk).map_err(no_room)?;
            }
        }
        if intake.files.is_empty() {
            return Err(Problem::bad_request("the form has no file"));
        }
        Ok(intake)
    }

    /// Takes in patterns given as numbers: each becomes a file of two columns.
    pub(crate) fn of_numbers(bytes: &[u8], limits: &Limits) -> Result<Self, Problem> {
        let given: GivenPatterns = serde_json::from_slice(bytes).map_err(|error| {
            Problem::bad_request(format!("the JSON is not as expected: {error}"))
        })?;
        let count = given.patterns.len();
        if count == 0 {
            return Err(Problem::bad_request("there are no patterns"));
        }
        if count > limits.files {
            let most = limits.files;
            return Err(Problem::too_large(format!(
                "{count} patterns at once; the most is {most}"
            )));
        }
        let mut intake = Self::new()?;
        for GivenPattern { name, two_theta, intensities } in given.patterns {
            if two_theta.len() != intensities.len() || two_theta.len() > MOST_POINTS {
                let (name, angles, values) = (harmless(&name), two_theta.len(), intensities.len());
                return Err(Problem::bad_request(format!(
                    "`{name}` has {angles} angles and {values} intensities; as many are needed, and at most \
                     {MOST_POINTS}"
                )));
            }
            let mut file = std::io::BufWriter::new(intake.create(&format!("{name}.xy"))?);
            for (angle, intensity) in two_theta.iter().zip(&intensities) {
                writeln!(file, "{angle} {intensity}").map_err(no_room)?;
            }
            file.into_inner().map_err(|error| no_room(error.into_error()))?;
        }
        Ok(intake)
    }

    /// What the system calls the directory of the files; no caller is to see it.
    pub(crate) fn place(&self) -> String {
        self.directory.path().display().to_string()
    }
}

/// Reads a body whole.
pub(crate) async fn whole(body: Body, most: usize, idle: Duration) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = within(idle, chunks.next()).await? {
        let chunk = chunk.map_err(|_| Problem::bad_request("the request ended in the middle"))?;
        if bytes.len() + chunk.len() > most {
            return Err(Problem::too_large(format!("more than {most} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn next_chunk(field: &mut Field<'_>, idle: Duration) -> Result<Option<Bytes>, Problem> {
    within(idle, field.chunk()).await?.map_err(broken)
}

async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Result<T, Problem> {
    let seconds = time.as_secs_f64();
    let slow = |_| Problem::too_slow(format!("nothing came for {seconds} s"));
    tokio::time::timeout(time, future).await.map_err(slow)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("the request is too large"),
        _ => Problem::bad_request(format!("the form is broken: {}", error.body_text())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn no_room(error: std::io::Error) -> Problem {
    let status = StatusCode::INSUFFICIENT_STORAGE;
    Problem::new(status, "no_room", format!("the files cannot be kept for reading: {error}"))
}

/// The last part of a name, without what a file system or a terminal could take amiss.
pub(crate) fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = |c: &char| !c.is_control() && !"<>:\"|?*".contains(*c) && !is_invisible(*c);
    let mut kept: String = last.chars().filter(kept).collect();
    // Of a long name both ends are kept: the last tells the format.
    let length = kept.chars().count();
    if length > LONGEST_NAME {
        let half = LONGEST_NAME / 2;
        let front: String = kept.chars().take(half).collect();
        let back: String = kept.chars().skip(length - half).collect();
        kept = front + &back;
    }
    let kept = kept.trim().trim_start_matches('.').to_owned();
    if kept.is_empty() { "unnamed".to_owned() } else { kept }
}

/// Characters that turn the direction of text round or do not show.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_to_what_is_harmless() {
        for (given, kept) in [
            ("scan.xy", "scan.xy"),
            ("../../etc/passwd", "passwd"),
            ("C:\\data\\a b.raw", "a b.raw"),
            ("..", "unnamed"),
            ("", "unnamed"),
            ("/", "unnamed"),
            (".hidden.cif", "hidden.cif"),
            ("a\u{0}b\n\u{202e}c.cif", "abc.cif"),
            ("Li₇La₃.cif", "Li₇La₃.cif"),
        ] {
            assert_eq!(harmless(given), kept, "{given:?}");
        }
        let long = harmless(&format!("{}.xrdml", "x".repeat(5000)));
        assert!(long.chars().count() <= LONGEST_NAME && long.ends_with(".xrdml"), "{long}");
    }

    #[test]
    fn numbers_become_files_and_mistakes_are_told() {
        let limits = Limits::default();
        let text = r#"{"patterns":[{"name":"../a","two_theta":[10,10.1],"intensities":[1,2.5]}]}"#;
        let intake = Intake::of_numbers(text.as_bytes(), &limits).expect("taken in");
        assert_eq!(std::fs::read_to_string(&intake.files[0]).expect("there"), "10 1\n10.1 2.5\n");
        assert!(intake.files[0].ends_with("0/a.xy"));
        for wrong in [
            "{",
            "[]",
            r#"{"patterns":[]}"#,
            r#"{"patterns":[{"name":"a","two_theta":[1],"intensities":[]}]}"#,
            r#"{"patterns":[{"name":"a","two_theta":[1e999],"intensities":[1]}]}"#,
        ] {
            let problem = Intake::of_numbers(wrong.as_bytes(), &limits).expect_err(wrong);
            assert_eq!(problem.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
