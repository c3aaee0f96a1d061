//! Which instruction set the kernels run with, chosen when the program runs.
#![expect(unsafe_code, reason = "calling a function compiled for a detected instruction set")]

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Portable, Vector};

/// Names the instruction set to use; the best one the machine has when unset.
const VARIABLE: &str = "XRDMATCH_ISA";

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isa {
    /// What every machine of the target has.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
}

/// Why the instruction set that the environment asks for cannot be used.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum InstructionsError {
    /// The name is unknown.
    #[error("{VARIABLE}={name}: no such instruction set; there are portable, avx2 and avx512")]
    Unknown {
        /// What the variable holds.
        name: String,
    },
    /// This machine lacks it.
    #[error("{VARIABLE}={name}: this machine does not have these instructions; it has {best}")]
    Unavailable {
        /// What the variable holds.
        name: &'static str,
        /// The best there is here.
        best: &'static str,
    },
}

/// A loop, as a value that is compiled once per instruction set.
///
/// `run` must be `#[inline(always)]`, as must be all it calls, or they keep the instruction set of
/// their own function.
pub(crate) trait Kernel {
    /// What the loop returns.
    type Output;
    /// Runs the loop.
    ///
    /// # Safety
    /// The machine has the instructions of `V`.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

impl Isa {
    /// The best instruction set of this machine, or the one that the environment names.
    ///
    /// # Errors
    /// When the variable names none, or one that this machine lacks.
    pub(crate) fn detect() -> Result<Self, InstructionsError> {
        let best = Self::best();
        let Some(name) = std::env::var_os(VARIABLE) else { return Ok(best) };
        let name = name.to_string_lossy().into_owned();
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        let Some(wanted) = all.into_iter().find(|isa| isa.name() == name) else {
            return Err(InstructionsError::Unknown { name });
        };
        if wanted > best {
            return Err(InstructionsError::Unavailable { name: wanted.name(), best: best.name() });
        }
        Ok(wanted)
    }

    /// Its name in the environment variable.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Every instruction set that this machine has, for tests.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        all.into_iter().filter(|isa| *isa <= Self::best()).collect()
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Self::Avx512,
            (true, false) => Self::Avx2,
            _ => Self::Portable,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Self {
        Self::Portable
    }

    /// Runs a kernel compiled for this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detect` gives this value only where the machine has the features.
            Self::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detect` gives this value only where the machine has the features.
            Self::Avx2 => unsafe { avx2(kernel) },
            // SAFETY: every machine has these.
            _ => unsafe { kernel.run::<Portable>() },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller has checked the features.
    unsafe { kernel.run::<Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller has checked the features.
    unsafe { kernel.run::<Avx2>() }
}
