//! Where networks run: chosen as text, found, and opened.
//!
//! The processor is always there and the only device whose results are bitwise reproducible. Others
//! are asked for by name; their drivers are looked for when they are, never before.

use std::fmt;
use std::str::FromStr;

use crate::{Architecture, ArchitectureError, CpuNetwork, Initialization, Network, Precision};

/// A device by kind and index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA card through CUDA.
    Cuda(usize),
    /// An adapter of the machine's graphics interface (Vulkan, Metal, Direct3D 12), counted as the
    /// interface lists them.
    Wgpu(usize),
}

/// What may be asked for: `auto`, `cpu`, `cuda`, `cuda:1`, `wgpu`, `wgpu:0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The fastest device that is there.
    Auto,
    /// The processor.
    Cpu,
    /// The card of this index, the first where there is none.
    Cuda(Option<usize>),
    /// The adapter of this index; where there is none the first that is no software.
    Wgpu(Option<usize>),
}

/// A device that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The device.
    pub device: Device,
    /// Its name, as its driver gives it; empty for the processor.
    pub name: String,
    /// Why it was taken, for a choice that left that open.
    pub reason: Option<String>,
}

/// Why there is no such device. Each remedy is another variant.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum DeviceError {
    /// No name of a device.
    #[error(
        "`{text}` is no device; there are `cpu`, `cuda`, `cuda:1`, `wgpu`, `wgpu:1` and `auto`"
    )]
    Unknown {
        /// What was given.
        text: String,
    },
    /// The program was built without it.
    #[error("this program was built without support for `{kind}`")]
    NotBuilt {
        /// `cuda` or `wgpu`.
        kind: &'static str,
    },
    /// No driver, or one without any device.
    #[error("no device for `{kind}` was found: {reason}")]
    None {
        /// `cuda` or `wgpu`.
        kind: &'static str,
        /// What is missing.
        reason: &'static str,
    },
    /// There are devices, but not so many.
    #[error("there is no `{device}`; there {}", list(.found))]
    NoSuchIndex {
        /// What was asked for.
        device: Device,
        /// The names of those there are.
        found: Vec<String>,
    },
    /// All there is computes on the processor, slower than the engine for it.
    #[error(
        "there is no graphics processor, only software that imitates one: `wgpu:{index}`, {name}"
    )]
    Software {
        /// Its index.
        index: usize,
        /// Its name.
        name: String,
    },
    /// The device multiplies in single precision only.
    #[error("`{device}` has no products of precision `{precision}`, only f32")]
    Precision {
        /// The device.
        device: Device,
        /// What was asked for.
        precision: Precision,
    },
    /// Its driver refuses.
    #[error("`{device}` could not be opened: {reason}")]
    Refused {
        /// The device.
        device: Device,
        /// What the driver says.
        reason: String,
    },
}

/// Why a network could not be opened on a device.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum OpenError {
    /// The layers make no network for this input.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The device is not there, or cannot do this.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { text: text.to_owned() };
        let (kind, index) = match text.split_once(':') {
            None => (text, None),
            Some((kind, index)) => (kind, Some(index.parse().map_err(|_| unknown())?)),
        };
        match (kind, index) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", index) => Ok(Self::Cuda(index)),
            ("wgpu", index) => Ok(Self::Wgpu(index)),
            _ => Err(unknown()),
        }
    }
}

impl DeviceChoice {
    /// Looks for what is asked for. `auto` takes the first card through CUDA, else the first adapter
    /// that is no software, else the processor, and says why.
    ///
    /// # Errors
    /// Why there is none; never for `auto` and `cpu`.
    pub fn find(self) -> Result<Found, DeviceError> {
        match self {
            Self::Cpu => Ok(Found { device: Device::Cpu, name: String::new(), reason: None }),
            Self::Cuda(index) => cuda(index),
            Self::Wgpu(index) => wgpu(index),
            Self::Auto => Ok(auto(cuda(None), || wgpu(None))),
        }
    }
}

/// What `auto` takes of what there is.
fn auto(
    cuda: Result<Found, DeviceError>,
    wgpu: impl FnOnce() -> Result<Found, DeviceError>,
) -> Found {
    let no_cuda = match cuda {
        Ok(found) => return because(found, "it is the first card through CUDA".into()),
        Err(error) => error,
    };
    match wgpu() {
        Ok(found) => because(found, format!("it is the first adapter, and {no_cuda}")),
        Err(no_wgpu) => {
            let found = Found { device: Device::Cpu, name: String::new(), reason: None };
            because(found, format!("{no_cuda}; {no_wgpu}"))
        }
    }
}

fn because(found: Found, reason: String) -> Found {
    Found { reason: Some(reason), ..found }
}

/// A network with first weights drawn by `seed`, the same on every device.
///
/// # Errors
/// When the layers do not fit together or not to the input length, or when the device is not there
/// or has not this precision.
pub fn open(
    device: Device,
    architecture: Architecture,
    input_length: usize,
    initialization: Initialization,
    seed: u64,
    precision: Precision,
) -> Result<Box<dyn Network>, OpenError> {
    if device == Device::Cpu {
        let network = CpuNetwork::with_precision(
            architecture,
            input_length,
            initialization,
            seed,
            precision,
        )?;
        return Ok(Box::new(network));
    }
    if precision != Precision::F32 {
        return Err(DeviceError::Precision { device, precision }.into());
    }
    elsewhere(device, architecture, input_length, initialization, seed)
}

#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn elsewhere(
    device: Device,
    architecture: Architecture,
    input_length: usize,
    initialization: Initialization,
    seed: u64,
) -> Result<Box<dyn Network>, OpenError> {
    let handle = crate::gpu::device::open(device)?;
    let network =
        crate::gpu::GpuNetwork::new(handle, architecture, input_length, initialization, seed)?;
    Ok(Box::new(network))
}

#[cfg(not(any(feature = "cuda", feature = "wgpu")))]
fn elsewhere(
    device: Device,
    _: Architecture,
    _: usize,
    _: Initialization,
    _: u64,
) -> Result<Box<dyn Network>, OpenError> {
    let kind = if matches!(device, Device::Cuda(_)) { "cuda" } else { "wgpu" };
    Err(DeviceError::NotBuilt { kind }.into())
}

#[cfg(feature = "cuda")]
use crate::gpu::device::cuda;
#[cfg(feature = "wgpu")]
use crate::gpu::device::wgpu;

#[cfg(not(feature = "cuda"))]
fn cuda(_: Option<usize>) -> Result<Found, DeviceError> {
    Err(DeviceError::NotBuilt { kind: "cuda" })
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(_: Option<usize>) -> Result<Found, DeviceError> {
    Err(DeviceError::NotBuilt { kind: "wgpu" })
}

fn list(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    let indexed = names.iter().enumerate().map(|(index, name)| format!("{index} ({name})"));
    format!("{verb} {}", indexed.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(device: Device) -> Found {
        Found { device, name: "a card".into(), reason: None }
    }

    const NO_CUDA: DeviceError = DeviceError::None { kind: "cuda", reason: "no driver" };

    #[test]
    fn names_are_read_and_others_refused() {
        let read = |text: &str| text.parse::<DeviceChoice>();
        assert_eq!(read("auto"), Ok(DeviceChoice::Auto));
        assert_eq!(read("cpu"), Ok(DeviceChoice::Cpu));
        assert_eq!(read("cuda"), Ok(DeviceChoice::Cuda(None)));
        assert_eq!(read("cuda:3"), Ok(DeviceChoice::Cuda(Some(3))));
        assert_eq!(read("wgpu:0"), Ok(DeviceChoice::Wgpu(Some(0))));
        for wrong in
            ["", "gpu", "cpu:0", "auto:1", "cuda:", "cuda:-1", "cuda:x", "CUDA", "wgpu:1:2"]
        {
            assert_eq!(read(wrong), Err(DeviceError::Unknown { text: wrong.into() }));
        }
        assert_eq!(Device::Cuda(1).to_string().parse(), Ok(DeviceChoice::Cuda(Some(1))));
    }

    #[test]
    fn auto_takes_cuda_then_a_real_adapter_then_the_processor_and_says_why() {
        let never = || -> Result<Found, DeviceError> { panic!("CUDA is there") };
        assert_eq!(auto(Ok(found(Device::Cuda(0))), never).device, Device::Cuda(0));

        let second = auto(Err(NO_CUDA), || Ok(found(Device::Wgpu(1))));
        assert_eq!(second.device, Device::Wgpu(1));
        assert!(second.reason.is_some_and(|reason| reason.contains("no driver")));

        let software = DeviceError::Software { index: 0, name: "llvmpipe".into() };
        let third = auto(Err(NO_CUDA), || Err(software));
        assert_eq!(third.device, Device::Cpu);
        let reason = third.reason.unwrap_or_default();
        assert!(reason.contains("no driver") && reason.contains("llvmpipe"), "{reason}");
    }

    #[test]
    fn the_processor_is_always_found_and_opened() {
        let found = DeviceChoice::Cpu.find().expect("always there");
        assert_eq!(found.device, Device::default());
        let architecture = Architecture::preset("linear").expect("known");
        let network =
            open(found.device, architecture, 7, Initialization::Xavier, 1, Precision::Bf16);
        assert_eq!(network.map(|network| network.input_length()).expect("opens"), 7);
    }

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "wgpu")))]
    fn a_program_without_other_engines_says_so() {
        for choice in [DeviceChoice::Cuda(None), DeviceChoice::Wgpu(Some(2))] {
            assert!(matches!(choice.find(), Err(DeviceError::NotBuilt { .. })));
        }
        assert_eq!(DeviceChoice::Auto.find().map(|found| found.device), Ok(Device::Cpu));
        let architecture = Architecture::preset("linear").expect("known");
        let opened =
            open(Device::Cuda(0), architecture, 7, Initialization::Xavier, 1, Precision::F32);
        assert!(matches!(opened, Err(OpenError::Device(DeviceError::NotBuilt { kind: "cuda" }))));
    }
}
