//! What a caller may ask of the server.

use std::time::Duration;

/// Bounds of sizes, numbers and times. Every one is a refusal with a reason, never a slow death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request with files.
    pub body: usize,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of a request of numbers as JSON.
    pub json: usize,
    /// Files of one request.
    pub files: usize,
    /// Patterns of one request, in all its files.
    pub patterns: usize,
    /// How long a body may stand still.
    pub idle: Duration,
    /// How long a body may take in all.
    pub upload: Duration,
    /// How long the head of a request may take, and how long a connection may lie idle.
    pub head: Duration,
    /// How long a request may wait for its turn.
    pub queue: Duration,
    /// Bodies received at the same time; others wait.
    pub receiving: usize,
    /// Uploads read, or views computed, at the same time; others wait.
    pub working: usize,
    /// Connections held at the same time; others wait.
    pub connections: usize,
    /// Followers of trainings at the same time.
    pub followers: usize,
    /// Bytes of analyses that are kept to be looked at; the oldest go first.
    pub kept: usize,
    /// Ensembles kept in memory; the one unused the longest goes first.
    pub ensembles: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 128 << 20,
            file: diffraction::scan::MAX_FILE_BYTES,
            json: 16 << 20,
            files: 256,
            patterns: 500,
            idle: Duration::from_secs(10),
            upload: Duration::from_secs(120),
            head: Duration::from_secs(15),
            queue: Duration::from_secs(60),
            receiving: 64,
            working: 2,
            connections: 512,
            followers: 32,
            kept: 64 << 20,
            ensembles: 2,
        }
    }
}
