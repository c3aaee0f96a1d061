//! Where networks run, on the command line.

use clap::Args;
use convnet::{Device, DeviceChoice};

use crate::failure::Failure;

/// `--device` of the commands that run networks.
#[derive(Args)]
pub(crate) struct DeviceArgument {
    /// Where networks run: cpu, cuda, cuda:1, wgpu, wgpu:1, or auto for the fastest that is there;
    /// results are bitwise reproducible on the cpu only
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
}

impl DeviceArgument {
    /// Looks for the device and makes it that of this process; says which it is unless `quiet`.
    pub(crate) fn choose(&self, quiet: bool) -> Result<Device, Failure> {
        let found = self.device.find()?;
        if !quiet && self.device != DeviceChoice::Cpu {
            let name = if found.name.is_empty() { "" } else { &format!(" ({})", found.name) };
            let reason = found.reason.as_deref().map_or(String::new(), |why| format!(": {why}"));
            eprintln!("device: {}{name}{reason}", found.device);
        }
        xrdmatch::device::choose(found.device)?;
        Ok(found.device)
    }
}
