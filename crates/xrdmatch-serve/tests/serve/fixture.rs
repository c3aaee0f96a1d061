//! A trained run, made once, and servers over it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;

use xrdmatch::config::Layers;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::plan;
use xrdmatch::run::{Manifest, Run, Workers, run_experiments};
use xrdmatch::train::Data;
use xrdmatch_serve::{Limits, Server, Settings};

/// Points of the published grid, on which structures and scans diffract.
const POINTS: usize = 4501;

/// A directory with `lbs.csv`, `ulbs.csv`, the run `runs/small` and its screening `ranked.csv`.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
}

pub(crate) static FIXTURE: LazyLock<Fixture> = LazyLock::new(Fixture::new);

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let fixture = Self { directory };
        let labeled = table((0..36).map(|i| (format!("l{i}"), Some(u8::from(i >= 16)), i < 16, i)));
        let unlabeled = table((0..90).map(|i| (format!("u{i}"), None, i % 4 == 0, 1000 + i)));
        std::fs::write(fixture.path("lbs.csv"), labeled).expect("written");
        std::fs::write(fixture.path("ulbs.csv"), unlabeled).expect("written");
        std::fs::write(fixture.path("small.toml"), SMALL).expect("written");
        train(&fixture, "runs/small", &[0, 1, 2]);
        screen(&fixture);
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

pub(crate) fn data(fixture: &Fixture) -> (Data, xrdmatch::config::Config) {
    let mut layers = Layers::defaults();
    layers.preset("quick").expect("a preset");
    layers.file(&fixture.path("small.toml")).expect("settings");
    let config = layers.finish().expect("settings");
    let read = |name: &str, labels| Dataset::read(&fixture.path(name), labels, None).expect(name);
    let labeled = read("lbs.csv", Labels::Required { classes: 2 });
    let unlabeled = read("ulbs.csv", Labels::Optional { classes: 2 });
    (Data::new(labeled, Some(unlabeled), &config).expect("data"), config)
}

/// Trains experiments of a run.
pub(crate) fn train(fixture: &Fixture, run: &str, experiments: &[u32]) {
    let (data, config) = data(fixture);
    let splits = plan::splits(&config, &data.labeled, None, experiments).expect("splits");
    let manifest = Manifest::new(config, &data.labeled, data.unlabeled.as_ref(), None);
    let run = Run::create(&fixture.path(run), manifest).expect("a run");
    let workers = Workers { jobs: 2, threads: 1 };
    let stop = AtomicBool::new(false);
    let outcomes = run_experiments(&run, &data, &splits, workers, &stop, &|_, _| {});
    outcomes.expect("trained").into_iter().for_each(|(_, outcome)| drop(outcome.expect("trained")));
}

fn screen(fixture: &Fixture) {
    let ranked = screened(&fixture.path("runs/small"), &fixture.path("ulbs.csv"));
    xrdmatch::screen::Ranked::write_table(&ranked, &fixture.path("ranked.csv")).expect("written");
}

/// What `xrdmatch screen` says of a file, by the library's own way from a file to a table.
pub(crate) fn screened(run: &Path, data: &Path) -> Vec<xrdmatch::screen::Ranked> {
    use xrdmatch::members::{Members, Selection};
    use xrdmatch::part::Part;
    use xrdmatch::screen::{Ended, RankSettings, ScreenSettings, Screener, rank};
    let members = Members::open(&[run.to_owned()], &Selection::default(), None).expect("members");
    let seed = members.config().seed.0;
    let mut screener =
        Screener::new(members, &ScreenSettings::default(), None).expect("a screener");
    let beside = std::env::temp_dir().join("screening");
    let scored = screener.score(data, Part::WHOLE, &beside, false, &mut |_| true).expect("scored");
    let Ended::Finished(Some(shard)) = scored else { panic!("a shard") };
    let settings = RankSettings { best: usize::MAX, seed, ..RankSettings::default() };
    let members = screener.into_members();
    let ended = rank(&members, &[shard], &settings, None, &mut |_| true).expect("ranked");
    let Ended::Finished(screening) = ended else { panic!("a screening") };
    screening.best
}

/// A server that answers until it is dropped.
pub(crate) struct Running {
    pub(crate) at: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// A server over the fixture's runs and candidates.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let mut settings = Settings::new(FIXTURE.path("runs"));
        settings.candidates = Some(FIXTURE.path("ranked.csv"));
        settings.limits = limits;
        Self::of(settings)
    }

    pub(crate) fn of(settings: Settings) -> Self {
        let server = Server::bind(settings).expect("a server");
        let (at, stop) = (server.address(), Arc::new(AtomicBool::new(false)));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || server.run(&flag).expect("served"));
        Self { at, stop, thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.expect("a thread").expect("the server ended in good order");
        }
    }
}

/// Sticks at places that tell the classes apart, with some that do not.
fn pattern(seed: u64, positive: bool) -> Vec<(usize, u64)> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % below
    };
    let mut sticks: Vec<(usize, u64)> =
        (0..12).map(|_| (500 + next(3900) as usize, 10 + next(60))).collect();
    sticks.push((if positive { 1200 } else { 2400 } + next(200) as usize, 100));
    sticks.sort_unstable();
    sticks.dedup_by_key(|stick| stick.0);
    sticks
}

fn table(rows: impl Iterator<Item = (String, Option<u8>, bool, u64)>) -> String {
    let rows: Vec<_> = rows.collect();
    let labeled = rows.iter().any(|row| row.1.is_some());
    let mut text =
        String::from(if labeled { "formula_id,name,condutivity,label" } else { "formula_id,name" });
    (1..=POINTS).for_each(|i| write!(text, ",v{i}").expect("strings grow"));
    text.push('\n');
    for (name, label, positive, seed) in rows {
        write!(text, "Li2S,{name}").expect("strings grow");
        if let Some(label) = label {
            write!(text, ",1e-{},{label}", 3 + 4 * label).expect("strings grow");
        }
        let sticks = pattern(seed, positive);
        let mut sticks = sticks.into_iter().peekable();
        for point in 0..POINTS {
            match sticks.next_if(|(place, _)| *place == point) {
                Some((_, height)) => {
                    write!(text, ",{}", height as f64 / 100.0).expect("strings grow");
                }
                None => text.push_str(",0"),
            }
        }
        text.push('\n');
    }
    text
}

const SMALL: &str = r#"
[network.architecture]
features = [
    { type = "conv", channels = 6, kernel = 9, stride = 4, padding = 1 },
    { type = "batch-norm" },
    { type = "relu" },
    { type = "max-pool", size = 8 },
]
classifier = [{ type = "linear", outputs = 8 }, { type = "relu" }, { type = "linear", outputs = 2 }]

[batch]
labeled = 8
unlabeled = 8

[split]
labeled_per_class = [6]

[training]
epochs = 4
iterations = 5
checkpoint_every = 2
"#;

/// A measured scan with a few peaks, as text.
pub(crate) fn scan() -> String {
    let peaks = [(24.5, 900.0), (31.2, 400.0), (48.7, 650.0), (56.1, 300.0)];
    let mut text = String::new();
    for i in 0..3500 {
        let x = 10.0 + 0.02 * f64::from(i);
        let mut y = 60.0;
        for (at, height) in peaks {
            let distance: f64 = (x - at) / 0.09;
            y += height * (-distance * distance).exp();
        }
        writeln!(text, "{x:.2} {y:.2}").expect("strings grow");
    }
    text
}

pub(crate) const CIF: &str = "data_CsCl
_cell_length_a 4.12
_cell_length_b 4.12
_cell_length_c 4.12
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cs1 Cs 0 0 0
Cl1 Cl 0.5 0.5 0.5
";
