//! The device whose engine a process of the suite judges, and the suite on another than the processor.

use convnet::{Architecture, Device, DeviceChoice, Initialization, Network, Precision};

/// The device of a process; the processor where it is not set.
pub(crate) const DEVICE: &str = "XRDMATCH_TEST_DEVICE";

/// Whether this process judges the processor's engine.
pub(crate) fn is_processor() -> bool {
    std::env::var_os(DEVICE).is_none()
}

/// A network on the device of this process, its weights still to be loaded.
pub(crate) fn network(architecture: Architecture, length: usize) -> Box<dyn Network> {
    let device = match std::env::var(DEVICE) {
        Ok(text) => {
            let choice: DeviceChoice = text.parse().expect("the name of a device");
            choice.find().expect("found before").device
        }
        Err(_) => Device::Cpu,
    };
    let start = Initialization::Xavier;
    convnet::open(device, architecture, length, start, 0, Precision::F32)
        .expect("an architecture for this length")
}

/// Runs the ignored test `test` of this binary on `case` on the first adapter; says `NOT RUN` without
/// one, which `XRDMATCH_REQUIRE_GPU=1` makes a failure.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
pub(crate) fn run_elsewhere(test: &str, case: &str) {
    let device = std::env::var(DEVICE).unwrap_or_else(|_| "wgpu:0".into());
    let choice: DeviceChoice = device.parse().expect("the name of a device");
    let found = match choice.find() {
        Ok(found) => found,
        Err(error) => {
            let required = std::env::var_os("XRDMATCH_REQUIRE_GPU").is_some_and(|set| set == "1");
            assert!(!required, "XRDMATCH_REQUIRE_GPU is set, but: {error}");
            eprintln!("NOT RUN: {test} ({case}) on a graphics processor: {error}");
            return;
        }
    };
    println!("== {test} ({case}) on {}, {}", found.device, found.name);
    crate::instruction_sets::run_as_process(test, case, &[(DEVICE, &found.device.to_string())])
        .unwrap_or_else(|failure| panic!("{test} ({case}) failed: {failure}"));
}
