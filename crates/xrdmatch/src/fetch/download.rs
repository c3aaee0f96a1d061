//! One file on its way.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::{FetchError, PartOf, Patience, Received};
use crate::disk;

/// Bytes read at once.
const CHUNK: usize = 1 << 16;

/// How often progress is told while bytes come in.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// A download, begun now or before.
pub(super) struct Download {
    url: String,
    path: PathBuf,
    part: PathBuf,
    record: PathBuf,
    part_of: Option<PartOf>,
    received: u64,
}

/// A download that is complete.
pub(super) struct Whole {
    pub(super) part: PathBuf,
    record: PathBuf,
}

/// How an attempt ended.
enum Ended {
    Complete,
    BrokeOff(Option<Box<ureq::Error>>),
}

impl Download {
    /// Takes up what an earlier download of the same address left.
    pub(super) fn begin(url: &str, path: &Path) -> Result<Self, FetchError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part = path.with_file_name(format!(".{name}.part"));
        let record = path.with_file_name(format!(".{name}.part.json"));
        let part_of = fs::read(&record)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<PartOf>(&bytes).ok())
            .filter(|part_of| part_of.url == url);
        let length = part.metadata().map_or(0, |metadata| metadata.len());
        let received = if part_of.is_some() { length } else { 0 };
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(directory).map_err(|source| FetchError::Io {
                action: "create",
                path: directory.to_owned(),
                source,
            })?;
        }
        Ok(Self { url: url.to_owned(), path: path.to_owned(), part, record, part_of, received })
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Downloads until the file is whole.
    pub(super) fn complete(
        mut self,
        patience: Patience,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Received),
    ) -> Result<Whole, FetchError> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(patience.silence))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence))
            .user_agent(concat!("xrdmatch/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build()
            .into();
        let mut in_vain = 0;
        loop {
            let before = self.received;
            match self.attempt(&agent, stop, progress)? {
                Ended::Complete => return Ok(Whole { part: self.part, record: self.record }),
                Ended::BrokeOff(error) => {
                    in_vain = if self.received > before { 1 } else { in_vain + 1 };
                    if in_vain >= patience.attempts {
                        return Err(match error {
                            Some(source) if self.received == 0 => {
                                FetchError::Connection { url: self.url, source }
                            }
                            _ => FetchError::BrokeOff {
                                expected: self.length(),
                                url: self.url,
                                received: self.received,
                            },
                        });
                    }
                    self.wait(patience.pause * 2_u32.saturating_pow(in_vain - 1), stop)?;
                }
            }
        }
    }

    fn length(&self) -> Option<u64> {
        self.part_of.as_ref().and_then(|part_of| part_of.length)
    }

    /// One request and what comes of it.
    fn attempt(
        &mut self,
        agent: &Agent,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Received),
    ) -> Result<Ended, FetchError> {
        self.check_stop(stop)?;
        if self.received > 0 && self.length() == Some(self.received) {
            return Ok(Ended::Complete);
        }
        let mut request = agent.get(&self.url).header("Accept-Encoding", "identity");
        if let (Some(part_of), true) = (&self.part_of, self.received > 0) {
            request = request
                .header("Range", format!("bytes={}-", self.received))
                .header("If-Range", &part_of.version);
        }
        let response = match request.call() {
            Ok(response) => response,
            // What no second attempt can change.
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
                let (url, source) = (self.url.clone(), Box::new(error));
                return Err(FetchError::Connection { url, source });
            }
            Err(error) => return Ok(Ended::BrokeOff(Some(Box::new(error)))),
        };
        match response.status().as_u16() {
            206 if self.continues(response.headers()) => {}
            // An answer to another question than ours, or a part of no known whole.
            206 | 416 => {
                self.forget();
                return Ok(Ended::BrokeOff(None));
            }
            200 => self.begin_anew(response.headers())?,
            // Trouble that may pass.
            408 | 429 | 500.. if self.received > 0 => return Ok(Ended::BrokeOff(None)),
            status => return Err(FetchError::Status { url: self.url.clone(), status }),
        }
        self.receive(response, stop, progress)
    }

    /// Whether a 206 is the rest of what is on disk.
    fn continues(&self, headers: &HeaderMap) -> bool {
        let Some(range) = text(headers, "content-range") else { return false };
        let Some((range, total)) =
            range.trim().strip_prefix("bytes").and_then(|range| range.trim().split_once('/'))
        else {
            return false;
        };
        let first = range.split('-').next().and_then(|first| first.trim().parse::<u64>().ok());
        let total = total.trim().parse::<u64>().ok();
        let same_length = total.is_none() || self.length().is_none() || total == self.length();
        self.received > 0 && first == Some(self.received) && same_length
    }

    /// The server sends the whole file: what is on disk gives way.
    fn begin_anew(&mut self, headers: &HeaderMap) -> Result<(), FetchError> {
        self.forget();
        let length = text(headers, "content-length").and_then(|text| text.trim().parse().ok());
        // A weak tag does not promise the same bytes.
        let tag = text(headers, "etag").filter(|tag| !tag.starts_with("W/"));
        let version = tag.or_else(|| text(headers, "last-modified"));
        let part_of =
            PartOf { url: self.url.clone(), length, version: version.clone().unwrap_or_default() };
        // Without a mark of its version a part cannot be continued in a later call.
        if version.is_some() {
            let io = |source| self.io("write", &self.record, source);
            let bytes = serde_json::to_vec(&part_of).map_err(|error| io(error.into()))?;
            disk::write_atomically(&self.record, &bytes).map_err(io)?;
        }
        self.part_of = Some(part_of);
        Ok(())
    }

    /// Body to disk.
    fn receive(
        &mut self,
        response: Response<Body>,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Received),
    ) -> Result<Ended, FetchError> {
        let mut options = OpenOptions::new();
        options.create(true);
        if self.received == 0 {
            options.write(true).truncate(true)
        } else {
            options.append(true)
        };
        let mut file =
            options.open(&self.part).map_err(|source| self.io("write", &self.part, source))?;
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; CHUNK];
        let mut told = Instant::now();
        let ended = loop {
            if stop.load(Ordering::Relaxed) {
                break None;
            }
            match body.read(&mut buffer) {
                Ok(0) => break Some(None),
                Ok(count) => {
                    file.write_all(&buffer[..count])
                        .map_err(|source| self.io("write", &self.part, source))?;
                    self.received += count as u64;
                    if told.elapsed() >= TOLD_EVERY {
                        told = Instant::now();
                        progress(Received { bytes: self.received, of: self.length() });
                    }
                }
                Err(error) => break Some(Some(Box::new(ureq::Error::from(error)))),
            }
        };
        file.sync_all().map_err(|source| self.io("write", &self.part, source))?;
        progress(Received { bytes: self.received, of: self.length() });
        let Some(error) = ended else { return Err(self.stopped()) };
        let complete = match self.length() {
            Some(length) => self.received == length,
            None => error.is_none(),
        };
        if complete {
            return Ok(Ended::Complete);
        }
        let continuable = self.part_of.as_ref().is_some_and(|part_of| !part_of.version.is_empty());
        if !continuable || self.length().is_some_and(|length| self.received > length) {
            self.forget();
        }
        Ok(Ended::BrokeOff(error))
    }

    /// Drops what is on disk.
    fn forget(&mut self) {
        self.received = 0;
        self.part_of = None;
        let _ = fs::remove_file(&self.record);
        let _ = fs::remove_file(&self.part);
    }

    fn wait(&self, pause: Duration, stop: &AtomicBool) -> Result<(), FetchError> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            self.check_stop(stop)?;
            std::thread::sleep(Duration::from_millis(20).min(pause));
        }
        Ok(())
    }

    fn check_stop(&self, stop: &AtomicBool) -> Result<(), FetchError> {
        if stop.load(Ordering::Relaxed) { Err(self.stopped()) } else { Ok(()) }
    }

    fn stopped(&self) -> FetchError {
        FetchError::Stopped { received: self.received, expected: self.length() }
    }

    fn io(&self, action: &'static str, path: &Path, source: std::io::Error) -> FetchError {
        let path = if path == self.part { &self.path } else { path };
        FetchError::Io { action, path: path.to_owned(), source }
    }
}

impl Whole {
    /// Gives the file its name.
    pub(super) fn publish(self, path: &Path) -> Result<(), FetchError> {
        let io = |source| FetchError::Io { action: "write", path: path.to_owned(), source };
        File::open(&self.part).and_then(|file| file.sync_all()).map_err(io)?;
        fs::rename(&self.part, path).map_err(io)?;
        let _ = fs::remove_file(&self.record);
        Ok(())
    }

    /// Drops a file that is not what it should be.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(&self.part);
        let _ = fs::remove_file(&self.record);
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
