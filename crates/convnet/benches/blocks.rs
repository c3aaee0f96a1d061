//! Times every block of an inference:
//! `cargo bench -p convnet --bench blocks -- [ARCHITECTURE [BATCH [REPEATS]]]`.

use convnet::{Architecture, inference_times};

const LENGTH: usize = 4501;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let name = arguments.first().map_or("paper", String::as_str);
    let number =
        |i: usize, default| arguments.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (batch, repeats): (usize, usize) = (number(1, 1), number(2, 200));
    let Some(architecture) = Architecture::preset(name) else {
        eprintln!("no architecture `{name}`; there are {}", Architecture::PRESETS.join(", "));
        std::process::exit(2);
    };
    let times = inference_times(&architecture, LENGTH, batch, repeats).expect("fits");
    println!("{name}, batch {batch}: ms, MB of weights, GB/s");
    for time in &times {
        let (ms, bytes) = (time.seconds * 1e3, time.bytes as f64);
        println!(
            "{:26} {:14} {ms:8.3} {:7.2} {:6.1}",
            time.block,
            format!("{:?}", time.choice),
            bytes / 1e6,
            bytes / time.seconds / 1e9
        );
    }
    let total: f64 = times.iter().map(|time| time.seconds).sum();
    println!("all {:.3} ms", total * 1e3);
}
