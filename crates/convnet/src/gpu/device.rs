//! Finding and opening graphics processors.

#[cfg(feature = "wgpu")]
use std::collections::HashMap;
#[cfg(feature = "wgpu")]
use std::sync::Mutex;

use burn_tensor as burn;

use crate::DeviceError;
use crate::device::{Device, Found};

/// The device, ready for tensors.
pub(crate) fn open(device: Device) -> Result<burn::Device, DeviceError> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(index) => {
            cuda(Some(index))?;
            Ok(burn::Device::cuda(index))
        }
        #[cfg(feature = "wgpu")]
        Device::Wgpu(index) => open_adapter(index),
        Device::Cpu => unreachable!("the processor has an engine of its own"),
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => Err(DeviceError::NotBuilt { kind: "cuda" }),
        #[cfg(not(feature = "wgpu"))]
        Device::Wgpu(_) => Err(DeviceError::NotBuilt { kind: "wgpu" }),
    }
}

/// The card of this index, or the first. Nothing of the driver is touched where there is none.
#[cfg(feature = "cuda")]
pub(crate) fn cuda(index: Option<usize>) -> Result<Found, DeviceError> {
    let cards = burn::Device::enumerate(burn::DeviceType::Cuda).into_iter().count();
    if cards == 0 {
        let reason = "there is no NVIDIA driver (libcuda), or it has no card";
        return Err(DeviceError::None { kind: "cuda", reason });
    }
    let device = Device::Cuda(index.unwrap_or(0));
    if index.unwrap_or(0) >= cards {
        let found = (0..cards).map(|_| "a card".to_owned()).collect();
        return Err(DeviceError::NoSuchIndex { device, found });
    }
    Ok(Found { device, name: "NVIDIA card".to_owned(), reason: None })
}

/// An adapter as the graphics interface lists it.
#[cfg(feature = "wgpu")]
struct Adapter {
    name: String,
    software: bool,
    kind: burn::DeviceKind,
    api: burn::wgpu::WgpuBackend,
}

/// The adapters of the machine's own graphics interface, in its order.
#[cfg(feature = "wgpu")]
fn adapters() -> Vec<Adapter> {
    use burn::wgpu::{WgpuBackend, wgpu};

    let (backends, api) = if cfg!(target_vendor = "apple") {
        (wgpu::Backends::METAL, WgpuBackend::Metal)
    } else if cfg!(windows) {
        (wgpu::Backends::DX12, WgpuBackend::Dx12)
    } else {
        (wgpu::Backends::VULKAN, WgpuBackend::Vulkan)
    };
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    // burn counts adapters of each kind on their own.
    let mut counts = HashMap::new();
    let listed = burn::read_sync(instance.enumerate_adapters(backends));
    let describe = |adapter: wgpu::Adapter| {
        let info = adapter.get_info();
        let count = counts.entry(info.device_type as u8).or_insert(0);
        let index = *count;
        *count += 1;
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => burn::DeviceKind::DiscreteGpu(index),
            wgpu::DeviceType::IntegratedGpu => burn::DeviceKind::IntegratedGpu(index),
            wgpu::DeviceType::VirtualGpu => burn::DeviceKind::VirtualGpu(index),
            wgpu::DeviceType::Cpu => burn::DeviceKind::Cpu,
            wgpu::DeviceType::Other => burn::DeviceKind::DefaultDevice,
        };
        let software = info.device_type == wgpu::DeviceType::Cpu;
        Adapter { name: info.name, software, kind, api }
    };
    listed.into_iter().map(describe).collect()
}

/// The adapter of this index, or the first that is no software.
#[cfg(feature = "wgpu")]
pub(crate) fn wgpu(index: Option<usize>) -> Result<Found, DeviceError> {
    let adapters = adapters();
    if adapters.is_empty() {
        let reason = "there is no driver for Vulkan, Metal or Direct3D 12, or it has no device";
        return Err(DeviceError::None { kind: "wgpu", reason });
    }
    let taken = match index {
        Some(index) => index,
        None => match adapters.iter().position(|adapter| !adapter.software) {
            Some(index) => index,
            None => {
                let name = adapters[0].name.clone();
                return Err(DeviceError::Software { index: 0, name });
            }
        },
    };
    let device = Device::Wgpu(taken);
    match adapters.get(taken) {
        Some(adapter) => Ok(Found { device, name: adapter.name.clone(), reason: None }),
        None => {
            let found = adapters.into_iter().map(|adapter| adapter.name).collect();
            Err(DeviceError::NoSuchIndex { device, found })
        }
    }
}

/// Opens an adapter once; all networks on it share it.
#[cfg(feature = "wgpu")]
fn open_adapter(index: usize) -> Result<burn::Device, DeviceError> {
    static OPENED: Mutex<Option<HashMap<usize, burn::Device>>> = Mutex::new(None);
    let mut opened = OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let opened = opened.get_or_insert_with(HashMap::new);
    if let Some(device) = opened.get(&index) {
        return Ok(device.clone());
    }
    wgpu(Some(index))?;
    let Adapter { kind, api, .. } = adapters().swap_remove(index);
    let device = burn::Device::wgpu_options().device_kind(kind).graphics_api(api).init();
    let device = device.map_err(|error| DeviceError::Refused {
        device: Device::Wgpu(index),
        reason: error.to_string(),
    })?;
    opened.insert(index, device.clone());
    Ok(device)
}

/// The device of the tests: `XRDMATCH_TEST_DEVICE`, else the first adapter, software too. Says
/// `NOT RUN` without one.
///
/// # Panics
/// Without one under `XRDMATCH_REQUIRE_GPU=1`.
#[cfg(test)]
pub(crate) fn adapter_for_tests() -> Option<Device> {
    let asked = std::env::var("XRDMATCH_TEST_DEVICE").unwrap_or_else(|_| "wgpu:0".into());
    let choice: crate::DeviceChoice = asked.parse().expect("a device in XRDMATCH_TEST_DEVICE");
    match choice.find() {
        Ok(found) => {
            println!("on {}, {}", found.device, found.name);
            Some(found.device)
        }
        Err(error) => {
            let required =
                std::env::var_os("XRDMATCH_REQUIRE_GPU").is_some_and(|value| value == "1");
            assert!(!required, "XRDMATCH_REQUIRE_GPU is set, but: {error}");
            eprintln!("NOT RUN: tests of the engine for graphics processors: {error}");
            None
        }
    }
}
