//! The device on which this process runs classifiers: chosen once, at its start, as the number of its
//! threads is. Results are bitwise reproducible on the processor, the device when none was chosen.
//!
//! Encoders always run on the processor: they are small, and what follows from a run's encoder must
//! not depend on who made it.

use std::sync::OnceLock;

use convnet::Device;

static CHOSEN: OnceLock<Device> = OnceLock::new();

/// Another device was chosen before.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("this process runs its networks on `{chosen}` already, and was asked for `{asked}` too")]
pub struct ChosenBefore {
    /// The device that was chosen.
    pub chosen: Device,
    /// The one that was asked for.
    pub asked: Device,
}

/// Chooses the device of this process.
///
/// # Errors
/// If another one was chosen before.
pub fn choose(device: Device) -> Result<(), ChosenBefore> {
    let chosen = *CHOSEN.get_or_init(|| device);
    if chosen == device { Ok(()) } else { Err(ChosenBefore { chosen, asked: device }) }
}

/// The device of this process.
#[must_use]
pub fn chosen() -> Device {
    CHOSEN.get().copied().unwrap_or_default()
}

/// The name of the processor in records; those of old programs have none and ran there.
pub(crate) fn processor() -> String {
    Device::Cpu.to_string()
}
