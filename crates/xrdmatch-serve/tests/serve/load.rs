//! Many callers at once. `cargo test -p xrdmatch-serve --release --test serve -- --ignored --nocapture load`
//! prints the figures of benchmarks/serve-*.md.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::client::{FORM, form, get, posting, try_raw};
use crate::fixture::{CIF, Running, scan};

/// Sends so many uploads at the same time; gives the seconds that each took.
fn upload(server: &Running, callers: usize) -> Vec<f64> {
    let scan = scan();
    let barrier = Barrier::new(callers);
    std::thread::scope(|scope| {
        let each = (0..callers).map(|caller| {
            let (barrier, scan) = (&barrier, &scan);
            scope.spawn(move || {
                let name = format!("s{caller}.xy");
                let file: (&str, &[u8]) = if caller % 2 == 0 {
                    (&name, scan.as_bytes())
                } else {
                    ("salt.cif", CIF.as_bytes())
                };
                let request = posting(server.at, "/api/v1/analyses", FORM, &form(&[file]));
                barrier.wait();
                let began = Instant::now();
                let answer = try_raw(server.at, &request).expect("an answer");
                assert_eq!(answer.status, 201, "{}", answer.text());
                assert_eq!(answer.json()["patterns"].as_array().map(Vec::len), Some(1));
                began.elapsed().as_secs_f64()
            })
        });
        let threads: Vec<_> = each.collect();
        threads.into_iter().map(|thread| thread.join().expect("answered")).collect()
    })
}

#[test]
fn two_hundred_callers_at_once_are_all_served() {
    let server = Running::new();
    let times = upload(&server, 200);
    assert_eq!(times.len(), 200);
    assert_eq!(get(server.at, "/api/v1/health").status, 200);
}

#[test]
#[ignore = "prints figures; see the head of this file"]
fn load_in_figures() {
    let server = Running::new();
    // The models are opened.
    upload(&server, 1);
    for callers in [1, 10, 50, 200] {
        let before = memory();
        let began = Instant::now();
        let mut times = upload(&server, callers);
        let all = began.elapsed().as_secs_f64();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        println!(
            "{callers:>4} uploads at once: all after {all:.2} s, {:.0}/s; median {:.3} s, 95 % {:.3} s, slowest {:.3} s; memory {} to {} MB, most {} MB",
            callers as f64 / all,
            at(0.5),
            at(0.95),
            at(1.0),
            before.0 / 1000,
            memory().0 / 1000,
            memory().1 / 1000
        );
    }
    let mut pings = Vec::new();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| upload(&server, 200));
        while !load.is_finished() {
            let began = Instant::now();
            assert_eq!(get(server.at, "/api/v1/health").status, 200);
            pings.push(began.elapsed().as_secs_f64());
            std::thread::sleep(Duration::from_millis(5));
        }
        load.join().expect("answered");
    });
    pings.sort_by(f64::total_cmp);
    let last = pings.last().copied().unwrap_or(0.0);
    println!(
        "{} short requests under that load: median {:.4} s, slowest {last:.4} s",
        pings.len(),
        pings[pings.len() / 2]
    );
}

/// Memory held now, and the most ever held, in kB.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
    };
    (of("VmRSS:"), of("VmHWM:"))
}
