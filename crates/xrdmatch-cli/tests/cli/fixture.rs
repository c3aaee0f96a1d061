//! A fresh directory with synthetic data and a network small enough to train in a blink.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Grid points of the synthetic patterns; the last holds no diffraction.
pub(crate) const POINTS: usize = 240;

/// A fresh directory with `lbs.csv` (24 positives, 30 negatives), `ulbs.csv` (200 rows) and
/// `small.toml` (settings of a small network).
pub(crate) struct Fixture {
    pub(crate) directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let fixture = Self { directory };
        let labeled: Vec<_> = (0..54)
            .map(|i| (format!("l{i}"), Some(u8::from(i >= 24)), pattern(i, i < 24)))
            .collect();
        let unlabeled: Vec<_> =
            (0..200).map(|i| (format!("u{i}"), None, pattern(1000 + i, i % 4 == 0))).collect();
        fixture.write("lbs.csv", &table(&labeled));
        fixture.write("ulbs.csv", &table(&unlabeled));
        fixture.write("small.toml", SMALL);
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a temporary directory is writable");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The binary, about to run in the fixture's directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xrdmatch"));
        command.current_dir(self.directory.path()).args(arguments).env("NO_COLOR", "1");
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs the binary and asserts success.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        output
    }

    /// Runs the binary, asserts an exit code and that nothing panicked, and gives what it said.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains("error: ") && !text.contains("panicked"), "{text}");
        text
    }

    /// The arguments of a small training run into `run`.
    pub(crate) fn train<'a>(&self, run: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec![
            "train",
            "--labeled",
            "lbs.csv",
            "--unlabeled",
            "ulbs.csv",
            "--config",
            "small.toml",
            "--run",
            run,
        ];
        arguments.extend(more);
        arguments
    }

    /// All files of a directory tree whose names do not begin with a dot.
    pub(crate) fn files(&self, directory: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.path(directory)];
        while let Some(directory) = open.pop() {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            for entry in entries {
                let path = entry.expect("an entry").path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// The bytes of the weights after the last step of an experiment.
    pub(crate) fn final_weights(&self, run: &str, experiment: u32) -> Vec<u8> {
        let checkpoints = self.path(run).join(format!("exp_{experiment:03}/checkpoints"));
        let steps = std::fs::read_dir(&checkpoints)
            .unwrap_or_else(|error| panic!("{checkpoints:?}: {error}"));
        let last = steps
            .filter_map(|entry| entry.expect("an entry").file_name().to_str()?.parse::<u64>().ok())
            .max()
            .expect("a checkpoint");
        std::fs::read(checkpoints.join(format!("{last:06}/weights.safetensors"))).expect("weights")
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shared data directory, or `None` after saying loudly that the test did not run.
pub(crate) fn shared_data(test: &str) -> Option<PathBuf> {
    let given = std::env::var_os("XRDMATCH_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let found = given.into_iter().chain([beside]).find(|path| path.join("lbs.csv").exists());
    if found.is_none() {
        assert!(
            std::env::var_os("XRDMATCH_REQUIRE_DATA").is_none(),
            "{test} needs the shared data, and XRDMATCH_REQUIRE_DATA is set"
        );
        eprintln!("NOT RUN: {test}: needs shared data (set XRDMATCH_DATA)");
    }
    found
}

/// Sticks at places that tell the classes apart, with some that do not.
fn pattern(seed: u64, positive: bool) -> Vec<f32> {
    pattern_with(seed, if positive { 60 } else { 150 })
}

/// A pattern whose strongest stick is at `place` or up to 11 points behind it.
pub(crate) fn pattern_with(seed: u64, place: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % below
    };
    let mut row = vec![0.0; POINTS];
    for _ in 0..6 {
        row[10 + next(220) as usize] = 0.1 + next(60) as f32 / 100.0;
    }
    row[place + next(12) as usize] = 1.0;
    row
}

/// A table in the published layout; the last point carries the published marker.
pub(crate) fn table(rows: &[(String, Option<u8>, Vec<f32>)]) -> String {
    let labeled = rows.iter().any(|(_, label, _)| label.is_some());
    let mut text = String::from("formula_id,index,name");
    if labeled {
        text.push_str(",condutivity,label");
    }
    (1..=POINTS).for_each(|i| write!(text, ",v{i}").expect("strings grow"));
    text.push('\n');
    for (index, (name, label, values)) in rows.iter().enumerate() {
        write!(text, "Li2S,{index},{name}").expect("strings grow");
        if let Some(label) = label {
            write!(text, ",1e-{},{label}", 3 + 4 * label).expect("strings grow");
        }
        for (i, value) in values.iter().enumerate() {
            let value = if i == POINTS - 1 { 1e-5 } else { *value };
            write!(text, ",{value}").expect("strings grow");
        }
        text.push('\n');
    }
    text
}

const SMALL: &str = r#"
[preparation]
cut = 0.1

[input]
transform = "none"
axis = "two-theta"
blur = 0.0
bin = 0.0
scale = "peak"

[pretrain]
target = "none"

[network]
initialization = "xavier"

[network.architecture]
features = [
    { type = "conv", channels = 8, kernel = 5, stride = 2, padding = 1 },
    { type = "batch-norm" },
    { type = "relu" },
    { type = "max-pool", size = 2 },
    { type = "dropout", rate = 0.5 },
]
classifier = [
    { type = "linear", outputs = 16 },
    { type = "relu" },
    { type = "dropout", rate = 0.5 },
    { type = "linear", outputs = 2 },
]

[objective]
algorithm = "flexmatch"
labels = "hard"
alignment = "none"
reweighting = 0.0

[augmentation]
views = "published"
weak_shift_min = 0
weak_shift_max = 3
gap_shift_max = 10

[batch]
labeled = 8
unlabeled = 12
labeled_view = "weak"
unlabeled_view = "augmented"

[optimizer]
learning_rate = 3e-3
epsilon = 1e-8
weight_decay = 0.01
average = 0.9

[training]
epochs = 6
iterations = 5
schedule = "cosine-7-16"
checkpoint_every = 2
"#;

/// Settings over [`SMALL`] for a run with encoders, whose classifier is one linear layer.
pub(crate) const ENCODED: &str = r#"
[input]
transform = "sqrt"
axis = "two-theta"
blur = 0.06
bin = 0.04
scale = "rms"

[augmentation]
views = "physical"

[augmentation.physical]
strain = 0.01
elimination = 0.1

[pretrain]
target = "auto"
encoders = 2
hidden = [24, 12]
epochs = 3
batch = 32

[network]
architecture = "linear"
initialization = "zero"

[objective]
algorithm = "pseudo-label"
labels = "soft"
temperature = 1.0
unlabeled_weight = 1.0
alignment = "prior"
positive_share = 0.25
reweighting = 0.0

[batch]
labeled = 20
unlabeled = 16
labeled_view = "weak"
unlabeled_view = "augmented"

[optimizer]
learning_rate = 0.3
epsilon = 1.0
average = 0.9

[training]
epochs = 4
iterations = 5
checkpoint_every = 2
"#;
