//! How long reading a whole table takes: `cargo bench -p diffraction --bench tables [FILE…]`.
//!
//! Prints the median of seven readings per file, and the peak memory of the process where the
//! system tells it. Without files it reads `ulbs.csv.gz` of the shared data.

use std::path::PathBuf;
use std::time::Instant;

use diffraction::table::{Row, TableReader};

fn main() {
    let mut files: Vec<PathBuf> =
        std::env::args_os().skip(1).filter(|a| a != "--bench").map(Into::into).collect();
    if files.is_empty() {
        let data = std::env::var_os("XRDMATCH_DATA").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
            PathBuf::from,
        );
        files.push(data.join("ulbs.csv.gz"));
    }
    for file in files {
        let mut seconds = Vec::new();
        let (mut rows, mut values, mut sum) = (0_usize, 0_usize, 0.0_f64);
        for _ in 0..7 {
            (rows, values, sum) = (0, 0, 0.0);
            let begun = Instant::now();
            let mut table = match TableReader::open(&file) {
                Ok(table) => table,
                Err(error) => {
                    eprintln!("NOT RUN: {error}");
                    return;
                }
            };
            let mut row = Row::default();
            while table.read(&mut row).expect("a readable table") {
                rows += 1;
                values += row.values.len();
                sum += row.values.iter().map(|&v| f64::from(v)).sum::<f64>();
            }
            seconds.push(begun.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        println!(
            "{}: {rows} rows, {values} values, sum {sum:.3}: median {:.3} s of 7 (best {:.3} s){}",
            file.display(),
            seconds[3],
            seconds[0],
            peak_memory().map_or_else(String::new, |mb| format!(", peak {mb} MB")),
        );
    }
}

/// The most memory this process has had resident, in MB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}
