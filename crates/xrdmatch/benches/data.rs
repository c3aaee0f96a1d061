//! Reading a table cold and from its cache, and drawing strong views on one core.
//!
//! `cargo bench -p xrdmatch --bench data -- TABLE` (for example `ulbs.csv.gz`). Prints medians of
//! nine, and the peak memory of the process after the cold readings.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use xrdmatch::augment::{Augmentation, Augmenter, Preparation};
use xrdmatch::dataset::{Dataset, Labels, Prepared};
use xrdmatch::seed::{Purpose, Seed};

const ROUNDS: usize = 9;

fn main() {
    let Some(table) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        eprintln!(
            "NOT RUN: give a table, for example `cargo bench -p xrdmatch --bench data -- ulbs.csv.gz`"
        );
        return;
    };
    let table = PathBuf::from(table);
    let labels = Labels::Optional { classes: 2 };
    let cache = tempfile::tempdir().expect("a temporary directory");

    let cold = median(|| {
        Dataset::read(&table, labels, None).expect("a table");
    });
    println!("read cold:        {:.3} s, peak memory {}", cold.as_secs_f64(), peak_memory());
    Dataset::read_cached(&table, labels, None, cache.path()).expect("a table");
    let cached = median(|| {
        Dataset::read_cached(&table, labels, None, cache.path()).expect("a table");
    });
    println!("read from cache:  {:.1} ms", cached.as_secs_f64() * 1e3);

    let data = Dataset::read(&table, labels, None).expect("a table");
    let preparation = Preparation::default();
    let prepared = Prepared::new(&data, preparation);
    let strength = Augmentation::default();
    let mut augmenter = Augmenter::default();
    let mut row = vec![0.0; prepared.points()];
    let views = 20_000;
    let mut sum = 0.0;
    let drawn = median(|| {
        for view in 0..views {
            let (indices, values) = prepared.pattern(view as usize % prepared.len());
            let mut rng = Seed(0).rng(Purpose::StrongView, 0, 0, view);
            augmenter.strong(&strength, indices, values, preparation.cut, &mut rng, &mut row);
            sum += row[0];
        }
    });
    std::hint::black_box(sum);
    println!("strong views:     {:.0} per second and core", views as f64 / drawn.as_secs_f64());
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

/// The largest resident memory so far, as the system says it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |size| size.trim().to_owned())
}
