//! How long the search for near-twins takes; run by hand, as it asserts nothing about time.

use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xrdmatch::audit::{TWIN_COSINE, twin_pairs};
use xrdmatch::fingerprint::SparsePattern;

#[test]
#[ignore = "prints the time of the search for near-twins among XRDMATCH_TWINS (default 10,000) patterns"]
fn time_of_the_search_for_near_twins() {
    let count = std::env::var("XRDMATCH_TWINS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let owned: Vec<(Vec<u16>, Vec<f32>)> = (0..count)
        .map(|_| {
            // Peaks crowd between 20° and 60° and are strong there, as in real patterns.
            let mut peaks: Vec<u16> = (0..rng.random_range(20..120))
                .map(|_| 600 + (3800.0 * rng.random::<f64>() * rng.random::<f64>()) as u16)
                .collect();
            peaks.sort_unstable();
            peaks.dedup();
            let values = peaks.iter().map(|_| rng.random::<f32>().powi(4)).collect();
            (peaks, values)
        })
        .collect();
    let patterns: Vec<SparsePattern<'_>> =
        owned.iter().map(|(indices, values)| SparsePattern { indices, values }).collect();
    let start = Instant::now();
    let found = twin_pairs(&patterns, TWIN_COSINE);
    println!("{count} patterns: {} pairs in {:.2?}", found.total, start.elapsed());
    assert!(found.total < count, "random patterns are no twins");
}
