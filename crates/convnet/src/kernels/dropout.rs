//! Dropout masks as a function of (seed, layer, sample, element): nothing is carried or stored,
//! the backward pass computes them again.

/// The odd numbers of the hash's two rounds, those of "lowbias32".
pub(crate) const FIRST_FACTOR: u32 = 0x7feb_352d;
/// The second.
pub(crate) const SECOND_FACTOR: u32 = 0x846c_a68b;

/// The mask of one sample in one dropout layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    low: u32,
    high: u32,
    /// An element is zeroed when its hash is below this.
    threshold: u32,
    /// 1/(1 − rate)
    scale: f32,
}

impl Mask {
    /// The mask of `sample` in the layer at position `layer`.
    pub(crate) fn new(seed: u64, layer: usize, sample: usize, rate: f32) -> Self {
        let key = mix(mix(mix(seed) ^ layer as u64) ^ sample as u64);
        Self {
            low: key as u32,
            high: (key >> 32) as u32,
            threshold: (f64::from(rate) * 4_294_967_296.0) as u32,
            scale: 1.0 / (1.0 - rate),
        }
    }

    /// The key of the hash, and what comes of it: an element is zeroed when its hash is below the
    /// threshold, else multiplied by the scale. For engines that hash elsewhere.
    #[cfg(any(feature = "cuda", feature = "wgpu"))]
    pub(crate) fn parts(&self) -> ([u32; 2], u32, f32) {
        ([self.low, self.high], self.threshold, self.scale)
    }

    /// What element `index` (position · channels + channel) is multiplied by.
    #[inline(always)]
    pub(crate) fn factor(&self, index: u32) -> f32 {
        // Two rounds of multiply and xor-shift on 32 bits; the key enters before and between the
        // rounds. Vector units have these operations.
        let mut x = index ^ self.low;
        x ^= x >> 16;
        x = x.wrapping_mul(FIRST_FACTOR);
        x ^= self.high;
        x ^= x >> 15;
        x = x.wrapping_mul(SECOND_FACTOR);
        x ^= x >> 16;
        if x < self.threshold { 0.0 } else { self.scale }
    }
}

/// The finaliser of SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "counts masks for minutes and touches no memory")]
    fn masks_drop_their_rate_and_are_independent() {
        const COUNT: u32 = 100_000;
        let dropped = |mask: Mask| (0..COUNT).map(move |i| mask.factor(i) == 0.0);
        for rate in [0.1, 0.5, 0.9] {
            let share = dropped(Mask::new(3, 1, 0, rate)).filter(|&d| d).count() as f32;
            assert!((share / COUNT as f32 - rate).abs() < 0.006, "{rate}");
        }
        // Masks of neighbours, and of one element after the other, agree half of the time.
        let first = Mask::new(3, 1, 0, 0.5);
        let others = [Mask::new(4, 1, 0, 0.5), Mask::new(3, 2, 0, 0.5), Mask::new(3, 1, 1, 0.5)];
        for other in others {
            let same = dropped(first).zip(dropped(other)).filter(|(a, b)| a == b).count() as f32;
            assert!((same / COUNT as f32 - 0.5).abs() < 0.01);
        }
        for lag in [1, 2, 64, 128, 1024] {
            let same = dropped(first).zip(dropped(first).skip(lag)).filter(|(a, b)| a == b);
            assert!((same.count() as f32 / COUNT as f32 - 0.5).abs() < 0.015, "lag {lag}");
        }
    }

    #[test]
    fn a_rate_of_zero_drops_nothing() {
        let mask = Mask::new(1, 1, 1, 0.0);
        assert!((0..10_000).all(|i| mask.factor(i) == 1.0));
    }
}
