//! Views as an experiment might give them: what samples and instruments do to a pattern.
//!
//! In this order, each strength a largest value of which a random part is taken:
//!
//! 1. *strain* e, U(±strain): the lattice grows by 1 + e, so sin θ shrinks by it (Bragg's law);
//! 2. *zero shift*, U(±zero_shift) in 2θ, the same for all peaks, and *displacement* of the sample,
//!    U(±displacement) · cos θ in 2θ (Bragg–Brentano geometry: 2 · height / radius at θ = 0);
//! 3. *texture*: every peak's intensity times exp(N(0, texture²));
//! 4. *elimination*: a part U(0, elimination) of the peaks is lost;
//! 5. *impurity*: up to `impurity_peaks` foreign peaks anywhere, U(0, impurity_height) of the largest;
//! 6. *broadening*: the blur times 1 + U(0, broadening), areas kept (finite size);
//! 7. *background*, after the blur: height · U(0, 1) of the profile's largest value at the lowest
//!    angle, falling exponentially to 1/e² of it at the highest;
//! 8. *noise*: N(0, (U(0, noise) · largest value)²) on every bin, cut off at 0.
//!
//! A weak view has all strengths times `weak`. Not covered: asymmetry; and anisotropic strain, which
//! needs the structure and not its pattern (`xrdmatch simulate --strained`).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::AugmentationError;
use crate::input::{Renderer, Stick};

/// How many e-foldings the background falls over the grid.
const BACKGROUND_FALL: f32 = 2.0;

/// Largest strengths of a physical view; 0 turns a step off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Physical {
    /// Relative change of the lattice. Below 1.
    pub strain: f32,
    /// Shift of all peaks in degrees two-theta.
    pub zero_shift: f32,
    /// Shift by a displaced sample in degrees two-theta at θ = 0.
    pub displacement: f32,
    /// Standard deviation of the logarithm of a peak's intensity.
    pub texture: f32,
    /// Part of the peaks that is lost. In \[0, 1\].
    pub elimination: f32,
    /// Number of foreign peaks.
    pub impurity_peaks: u32,
    /// Height of a foreign peak, beside the largest.
    pub impurity_height: f32,
    /// Relative widening of the blur.
    pub broadening: f32,
    /// Height of the background, beside the largest value.
    pub background: f32,
    /// Standard deviation of the noise, beside the largest value.
    pub noise: f32,
    /// What all strengths are multiplied by in a weak view. In \[0, 1\].
    pub weak: f32,
}

impl Default for Physical {
    fn default() -> Self {
        Self {
            strain: 0.06,
            zero_shift: 0.0,
            displacement: 0.0,
            texture: 0.5,
            elimination: 0.5,
            impurity_peaks: 0,
            impurity_height: 0.0,
            broadening: 0.0,
            background: 0.0,
            noise: 0.0,
            weak: 0.25,
        }
    }
}

impl Physical {
    /// Refuses strengths that make no sense.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), AugmentationError> {
        let parts = [
            ("physical.strain", self.strain),
            ("physical.elimination", self.elimination),
            ("physical.weak", self.weak),
        ];
        for (setting, found) in parts {
            if !(0.0..=1.0).contains(&found) || (setting == "physical.strain" && found == 1.0) {
                return Err(AugmentationError::Part { setting, found });
            }
        }
        let gains = [
            ("physical.zero_shift", self.zero_shift),
            ("physical.displacement", self.displacement),
            ("physical.texture", self.texture),
            ("physical.impurity_height", self.impurity_height),
            ("physical.broadening", self.broadening),
            ("physical.background", self.background),
            ("physical.noise", self.noise),
        ];
        match gains.into_iter().find(|(_, found)| !(found.is_finite() && *found >= 0.0)) {
            Some((setting, found)) => Err(AugmentationError::Gain { setting, found }),
            None => Ok(()),
        }
    }

    /// The strengths of a weak view.
    pub fn weakened(&self) -> Self {
        let by = self.weak;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a handful of peaks, rounded"
        )]
        let impurity_peaks = (self.impurity_peaks as f32 * by).round() as u32;
        Self {
            strain: self.strain * by,
            zero_shift: self.zero_shift * by,
            displacement: self.displacement * by,
            texture: self.texture * by,
            elimination: self.elimination * by,
            impurity_peaks,
            impurity_height: self.impurity_height,
            broadening: self.broadening * by,
            background: self.background * by,
            noise: self.noise * by,
            weak: by,
        }
    }

    /// Draws a view of `sticks` (which it changes) into `signal`, and gives by what factor its lattice
    /// has grown.
    ///
    /// A view that lost all its peaks (to elimination, or off the grid) is drawn without steps 1 to
    /// 4, since an empty signal says nothing.
    pub fn draw(
        &self,
        sticks: &mut Vec<Stick>,
        renderer: &Renderer,
        rng: &mut ChaCha8Rng,
        signal: &mut [f32],
    ) -> f32 {
        let count = sticks.len();
        sticks.extend_from_within(..);
        let stretch = self.distort(&mut sticks[count..], renderer, rng);
        let last = position(renderer.grid().points());
        let seen = |stick: &Stick| stick.intensity > 0.0 && (0.0..=last).contains(&stick.position);
        let lost = !sticks[count..].iter().any(seen);
        if lost {
            sticks.truncate(count);
        } else {
            sticks.drain(..count);
        }

        let largest = sticks.iter().map(|stick| stick.intensity).fold(0.0, f32::max);
        for _ in 0..rng.random_range(0..=self.impurity_peaks) {
            sticks.push(Stick {
                position: last * rng.random::<f32>(),
                intensity: largest * self.impurity_height * rng.random::<f32>(),
            });
        }
        renderer.profile(sticks, 1.0 + self.broadening * rng.random::<f32>(), signal);
        self.disturb(rng, signal);
        renderer.finish(signal);
        if lost { 1.0 } else { stretch }
    }

    /// Steps 1 to 4; gives the factor of the first.
    fn distort(&self, sticks: &mut [Stick], renderer: &Renderer, rng: &mut ChaCha8Rng) -> f32 {
        let grid = renderer.grid();
        let (start, step) = (grid.start() as f32, grid.step() as f32);
        let stretch = 1.0 + self.strain * symmetric(rng);
        let shift = self.zero_shift * symmetric(rng);
        // Drawn only where it is asked for, so that views without it are what they were before it.
        let displacement =
            if self.displacement > 0.0 { self.displacement * symmetric(rng) } else { 0.0 };
        let lost = self.elimination * rng.random::<f32>();
        for stick in sticks {
            let theta = 0.5 * (start + step * stick.position).to_radians();
            let sine = theta.sin() / stretch;
            let texture = if self.texture > 0.0 { (self.texture * normal(rng)).exp() } else { 1.0 };
            let kept = rng.random::<f32>() >= lost;
            // Beyond 90° in θ there is no reflection.
            let reflects = sine < 1.0;
            let theta = sine.min(1.0).asin();
            let two_theta = 2.0 * theta.to_degrees() + shift + displacement * theta.cos();
            stick.position = (two_theta - start) / step;
            stick.intensity = if kept && reflects { stick.intensity * texture } else { 0.0 };
        }
        stretch
    }

    /// Steps 7 and 8.
    fn disturb(&self, rng: &mut ChaCha8Rng, profile: &mut [f32]) {
        let largest = profile.iter().copied().fold(0.0, f32::max);
        let background = largest * self.background * rng.random::<f32>();
        let noise = largest * self.noise * rng.random::<f32>();
        if background == 0.0 && noise == 0.0 {
            return;
        }
        let fall = BACKGROUND_FALL / position(profile.len());
        for (bin, value) in profile.iter_mut().enumerate() {
            let smooth = background * (-fall * position(bin)).exp();
            *value = (*value + smooth + noise * normal(rng)).max(0.0);
        }
    }
}

/// A count of points as a position.
fn position(points: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a grid has at most 65,535 points")]
    let position = points as f32;
    position
}

/// U(−1, 1).
fn symmetric(rng: &mut ChaCha8Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}

/// N(0, 1) by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v) = (1.0 - rng.random::<f32>(), rng.random::<f32>());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use diffraction::Grid;

    use super::*;
    use crate::input::Input;
    use crate::seed::{Purpose, Seed};

    fn nothing() -> Physical {
        Physical { strain: 0.0, texture: 0.0, elimination: 0.0, ..Physical::default() }
    }

    fn sticks() -> Vec<Stick> {
        [(500.0, 1.0), (1500.0, 0.5), (2500.0, 0.2)]
            .map(|(position, intensity)| Stick { position, intensity })
            .to_vec()
    }

    fn renderer() -> Renderer {
        Input { blur: 0.3, bin: 0.1, ..Input::default() }
            .renderer(Grid::published())
            .expect("an input")
    }

    /// A view, and by what factor it says that its lattice has grown.
    fn view(physical: &Physical, item: u64) -> (Vec<f32>, f32) {
        let renderer = renderer();
        let mut signal = vec![f32::NAN; renderer.bins()];
        let mut rng = Seed(5).rng(Purpose::StrongView, 0, 0, item);
        let stretch = physical.draw(&mut sticks(), &renderer, &mut rng, &mut signal);
        (signal, stretch)
    }

    fn distorted(physical: &Physical, item: u64) -> Vec<Stick> {
        let mut found = sticks();
        let mut rng = Seed(5).rng(Purpose::StrongView, 0, 0, item);
        physical.distort(&mut found, &renderer(), &mut rng);
        found
    }

    #[test]
    fn without_any_strength_a_view_is_the_pattern() {
        let renderer = renderer();
        let mut plain = vec![0.0; renderer.bins()];
        renderer.profile(&sticks(), 1.0, &mut plain);
        renderer.finish(&mut plain);
        let (drawn, _) = view(&nothing(), 1);
        let worst = plain.iter().zip(&drawn).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{worst}");
    }

    #[test]
    fn strain_changes_all_spacings_by_the_factor_it_tells_within_its_bound() {
        let physical = Physical { strain: 0.05, ..nothing() };
        let sine = |stick: &Stick| (0.01 * f64::from(stick.position)).to_radians().sin();
        for item in 0..200 {
            let ratios: Vec<f64> = distorted(&physical, item)
                .iter()
                .zip(&sticks())
                .map(|(after, before)| sine(before) / sine(after))
                .collect();
            assert!((0.949..1.051).contains(&ratios[0]), "{ratios:?}");
            let told = f64::from(view(&physical, item).1);
            assert!(ratios.iter().all(|ratio| (ratio - told).abs() < 1e-4), "{ratios:?} {told}");
        }
        // A view that lost everything is of the lattice as it is.
        let gone = Physical { elimination: 1.0, ..physical };
        let told: Vec<f32> = (0..400).map(|item| view(&gone, item).1).collect();
        assert!(told.contains(&1.0) && told.iter().any(|stretch| *stretch != 1.0));
    }

    /// The largest movement in 200 views, degrees, that all peaks share once `per` has been taken off.
    fn largest_shift(physical: &Physical, per: impl Fn(&Stick) -> f32) -> f32 {
        let shift = |item| {
            let moved: Vec<f32> = distorted(physical, item)
                .iter()
                .zip(&sticks())
                .map(|(after, before)| 0.02 * (after.position - before.position) / per(before))
                .collect();
            assert!(moved.iter().all(|by| (by - moved[0]).abs() < 1e-3), "{moved:?}");
            moved[0].abs()
        };
        (0..200).map(shift).fold(0.0, f32::max)
    }

    #[test]
    fn a_zero_shift_moves_all_peaks_alike() {
        let largest = largest_shift(&Physical { zero_shift: 0.2, ..nothing() }, |_| 1.0);
        assert!((0.15..0.201).contains(&largest), "{largest}");
    }

    #[test]
    fn a_displaced_sample_moves_peaks_by_the_cosine_of_theta() {
        let displaced = Physical { displacement: 0.3, ..nothing() };
        let cosine = |stick: &Stick| (0.01 * stick.position).to_radians().cos();
        let largest = largest_shift(&displaced, cosine);
        assert!((0.25..0.301).contains(&largest), "{largest}");
    }

    #[test]
    fn texture_has_the_stated_spread_and_elimination_the_stated_mean() {
        let textured = Physical { texture: 0.5, ..nothing() };
        let logs: Vec<f64> = (0..4000)
            .flat_map(|item| distorted(&textured, item))
            .zip(sticks().into_iter().cycle())
            .map(|(after, before)| f64::from(after.intensity / before.intensity).ln())
            .collect();
        let spread = (logs.iter().map(|log| log * log).sum::<f64>() / logs.len() as f64).sqrt();
        assert!((spread - 0.5).abs() < 0.02, "{spread}");

        let thinned = Physical { elimination: 0.6, ..nothing() };
        let lost = (0..4000)
            .flat_map(|item| distorted(&thinned, item))
            .filter(|stick| stick.intensity == 0.0)
            .count() as f64
            / 12_000.0;
        assert!((lost - 0.3).abs() < 0.02, "{lost}");
    }

    #[test]
    fn every_view_is_finite_and_never_empty() {
        let wild = Physical {
            strain: 0.9,
            zero_shift: 90.0,
            displacement: 45.0,
            texture: 2.0,
            elimination: 1.0,
            impurity_peaks: 9,
            impurity_height: 1.0,
            broadening: 3.0,
            background: 1.0,
            noise: 1.0,
            weak: 1.0,
        };
        for item in 0..500 {
            let (drawn, _) = view(&wild, item);
            assert!(drawn.iter().all(|value| value.is_finite() && *value >= 0.0));
            assert!(drawn.contains(&1.0), "the largest value is the unit");
        }
    }

    #[test]
    fn a_weak_view_has_a_part_of_every_strength() {
        let weak = Physical { impurity_peaks: 8, noise: 0.4, ..Physical::default() }.weakened();
        assert_eq!((weak.strain, weak.impurity_peaks, weak.noise), (0.015, 2, 0.1));
    }

    #[test]
    fn strengths_that_make_no_sense_are_refused() {
        let with = |change: fn(&mut Physical)| {
            let mut physical = Physical::default();
            change(&mut physical);
            physical.validate()
        };
        assert!(matches!(with(|p| p.strain = 1.0), Err(AugmentationError::Part { .. })));
        assert!(matches!(with(|p| p.noise = f32::NAN), Err(AugmentationError::Gain { .. })));
        assert_eq!(with(|p| p.strain = 0.1), Ok(()));
    }
}
