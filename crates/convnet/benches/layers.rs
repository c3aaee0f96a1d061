//! Times every convolution with every algorithm that fits, beside what the cost model says:
//! `cargo bench -p convnet --bench layers -- [ARCHITECTURE [BATCH [REPEATS [inference]]]]`.
//!
//! GMAC/s count the multiplications of the plain sum, so that algorithms compare; the model's
//! choice has a star.

use convnet::{Architecture, Purpose, ceiling, layer_times};

const LENGTH: usize = 4501;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let name = arguments.first().map_or("paper", String::as_str);
    let number =
        |i: usize, default| arguments.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (batch, repeats): (usize, usize) = (number(1, 96), number(2, 5));
    let Some(architecture) = Architecture::preset(name) else {
        eprintln!("no architecture `{name}`; there are {}", Architecture::PRESETS.join(", "));
        std::process::exit(2);
    };
    let purpose = match arguments.get(3).map(String::as_str) {
        Some("inference") => Purpose::Inference,
        _ => Purpose::Training,
    };
    let times = match layer_times(&architecture, LENGTH, purpose, batch, repeats, &mut |_| {}) {
        Ok(times) => times,
        Err(error) => {
            eprintln!("error: failed to {error}");
            std::process::exit(2);
        }
    };
    if let Ok(ceiling) = ceiling() {
        let (rate, bytes) = (ceiling.multiplications / 1e9, ceiling.bytes / 1e9);
        println!("ceiling: {rate:.0} GMAC/s from registers, {bytes:.0} GB/s from memory");
    }
    println!("{name}, batch {batch}: forward ms (GMAC/s), backward ms (GMAC/s), weights ms, model");
    for time in times {
        let rate = |passes: f64, seconds: f64| passes * time.multiplications / seconds / 1e9;
        println!(
            "{:26} {:12} {} {:8.2} ({:4.0}) {:8.2} ({:4.0}) {:6.2} {:7.3} G",
            time.layer,
            format!("{:?}", time.choice),
            if time.chosen { '*' } else { ' ' },
            time.forward * 1e3,
            rate(1.0, time.forward),
            time.backward * 1e3,
            rate(2.0, time.backward),
            time.prepare * 1e3,
            time.predicted.unwrap_or(f64::NAN) / 1e9,
        );
    }
}
