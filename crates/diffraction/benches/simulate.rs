//! How long structures take to become sticks: `cargo bench -p diffraction --bench simulate`.
//!
//! Over the CIFs of the shared data: the median over files of the median of repetitions, from bytes
//! to sticks and for the pattern alone; then all of `ulbs_structures.jsonl.gz`, one thread. With
//! `--serve` it times each file named on standard input, for `benches/compare_simulate.py`, which
//! times other programs in between.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;

use diffraction::Structure;
use diffraction::cif;
use diffraction::simulate::{Recipe, simulate};
use diffraction::structure::StructureReader;

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        for line in std::io::stdin().lock().lines() {
            let (cif, pattern) = time_file(Path::new(line.expect("text").trim()));
            println!("{cif:.9} {pattern:.9}");
        }
        return;
    }
    let data = std::env::var_os("XRDMATCH_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let Ok(files) = std::fs::read_dir(data.join("cifs")) else {
        eprintln!("NOT RUN: needs shared data (set XRDMATCH_DATA)");
        return;
    };
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("listed").path()).collect();
    files.sort();
    let (mut whole, mut pattern) = (Vec::new(), Vec::new());
    for file in &files {
        let (cif_seconds, pattern_seconds) = time_file(file);
        whole.push(cif_seconds);
        pattern.push(pattern_seconds);
    }
    println!(
        "{} CIFs: CIF to sticks median {:.1} µs, worst {:.1} µs; pattern median {:.1} µs, worst {:.1} µs",
        files.len(),
        1e6 * median(&mut whole),
        1e6 * whole[whole.len() - 1],
        1e6 * median(&mut pattern),
        1e6 * pattern[pattern.len() - 1],
    );
    let path = data.join("ulbs_structures.jsonl.gz");
    let begun = Instant::now();
    let structures: Vec<Structure> =
        StructureReader::open(&path).expect("readable").map(|s| s.expect("a structure")).collect();
    let read = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let peaks: usize = structures
        .iter()
        .map(|structure| simulate(structure, &Recipe::paper()).expect("peaks").len())
        .sum();
    println!(
        "{} structures: read in {read:.3} s, {peaks} peaks in {:.3} s, one thread",
        structures.len(),
        begun.elapsed().as_secs_f64()
    );
}

/// Seconds from the bytes of a CIF to its sticks, and for the sticks alone.
fn time_file(path: &Path) -> (f64, f64) {
    let bytes = std::fs::read(path).expect("readable");
    let recipe = Recipe::paper();
    let whole = repeat(|| {
        let structures = cif::read(&bytes).expect("a structure");
        simulate(&structures[0], &recipe).expect("peaks").len()
    });
    let structure = cif::read(&bytes).expect("a structure").remove(0);
    let pattern = repeat(|| simulate(&structure, &recipe).expect("peaks").len());
    (whole, pattern)
}

fn repeat(mut work: impl FnMut() -> usize) -> f64 {
    let mut seconds: Vec<f64> = (0..11)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(work());
            begun.elapsed().as_secs_f64()
        })
        .collect();
    median(&mut seconds)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
