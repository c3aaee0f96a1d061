//! Which instruction set the loops are compiled for, chosen when the program runs.
#![expect(unsafe_code, reason = "calling a function compiled for a detected instruction set")]

/// Names the instruction set to use; the best one the machine has when unset.
const VARIABLE: &str = "XRDMATCH_ISA";

/// An instruction set that loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isa {
    /// What every machine of the target has.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
}

/// A loop, as a value that can be compiled once per instruction set.
///
/// `run` must be `#[inline(always)]`, or it keeps the instruction set of its own function.
pub(crate) trait Pass {
    /// What the loop returns.
    type Output;
    /// Runs the loop.
    fn run(self) -> Self::Output;
}

impl Isa {
    /// The best instruction set of this machine, or the one that the variable names where the
    /// machine has it.
    pub(crate) fn detect() -> Self {
        let best = Self::best();
        let wanted = match std::env::var(VARIABLE).as_deref() {
            Ok("portable") => Self::Portable,
            Ok("avx2") => Self::Avx2,
            _ => Self::Avx512,
        };
        wanted.min(best)
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

    /// Runs a loop compiled for this instruction set.
    pub(crate) fn run<P: Pass>(self, pass: P) -> P::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detect` gives this value only where the machine has the features.
            Self::Avx512 => unsafe { avx512(pass) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detect` gives this value only where the machine has the features.
            Self::Avx2 => unsafe { avx2(pass) },
            _ => pass.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn avx512<P: Pass>(pass: P) -> P::Output {
    pass.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<P: Pass>(pass: P) -> P::Output {
    pass.run()
}
