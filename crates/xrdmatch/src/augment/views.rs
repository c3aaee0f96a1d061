//! The views of a pattern as signals: drawn on the grid as published, or from its sticks.

use diffraction::Grid;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Augmentation, Augmenter, Preparation};
use crate::input::{Input, InputError, Renderer, Stick};

/// Which family of views is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewFamily {
    /// Those of the paper.
    Published,
    /// [`Physical`](super::Physical).
    Physical,
}

/// How signals are drawn: all settings of views on one grid.
#[derive(Debug, Clone)]
pub struct Views {
    augmentation: Augmentation,
    cut: f32,
    renderer: Renderer,
    /// Whether signals are rows of the grid as it is, which nothing touches after the augmentation.
    as_published: bool,
}

/// What drawing a view needs besides its settings; one for each worker. No view depends on the one
/// before.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    augmenter: Augmenter,
    row: Vec<f32>,
    sticks: Vec<Stick>,
}

impl Views {
    /// The views under some settings.
    ///
    /// # Errors
    /// If the input makes no sense on this grid.
    pub fn new(
        preparation: Preparation,
        augmentation: Augmentation,
        input: Input,
        grid: Grid,
    ) -> Result<Self, InputError> {
        Ok(Self {
            augmentation,
            cut: preparation.cut,
            renderer: input.renderer(grid)?,
            as_published: input.is_published(),
        })
    }

    /// Points of a signal.
    pub fn bins(&self) -> usize {
        self.renderer.bins()
    }

    /// The angle of a point of a signal, degrees two-theta.
    pub fn two_theta(&self, point: usize) -> f64 {
        self.renderer.two_theta(point)
    }

    /// Writes the plain view of a prepared pattern: `indices` ascending, `values` in (0, 1\].
    pub fn plain(&self, indices: &[u16], values: &[f32], scratch: &mut Scratch, out: &mut [f32]) {
        if self.as_published {
            return scratch.augmenter.plain(indices, values, out);
        }
        scratch.gather(indices, values);
        self.renderer.profile(&scratch.sticks, 1.0, out);
        self.renderer.finish(out);
    }

    /// Writes a weak view.
    pub fn weak(
        &self,
        indices: &[u16],
        values: &[f32],
        scratch: &mut Scratch,
        rng: &mut ChaCha8Rng,
        out: &mut [f32],
    ) {
        let strength = &self.augmentation;
        if strength.views == ViewFamily::Physical {
            scratch.gather(indices, values);
            let physical = strength.physical.weakened();
            physical.draw(&mut scratch.sticks, &self.renderer, rng, out);
            return;
        }
        self.on_the_grid(scratch, out, |augmenter, row| {
            augmenter.weak(strength, indices, values, rng, row);
        });
    }

    /// Writes a strong view, and gives by what factor the lattice it shows is larger than the pattern's.
    pub fn strong(
        &self,
        indices: &[u16],
        values: &[f32],
        scratch: &mut Scratch,
        rng: &mut ChaCha8Rng,
        out: &mut [f32],
    ) -> f32 {
        let strength = &self.augmentation;
        if strength.views == ViewFamily::Physical {
            scratch.gather(indices, values);
            return strength.physical.draw(&mut scratch.sticks, &self.renderer, rng, out);
        }
        self.on_the_grid(scratch, out, |augmenter, row| {
            augmenter.strong(strength, indices, values, self.cut, rng, row);
        });
        1.0
    }

    /// Draws a row of the grid, and renders it unless it is the signal.
    fn on_the_grid(
        &self,
        scratch: &mut Scratch,
        out: &mut [f32],
        draw: impl FnOnce(&mut Augmenter, &mut [f32]),
    ) {
        if self.as_published {
            return draw(&mut scratch.augmenter, out);
        }
        scratch.row.resize(self.renderer.grid().points(), 0.0);
        draw(&mut scratch.augmenter, &mut scratch.row);
        scratch.sticks.clear();
        let peaks = scratch.row.iter().enumerate().filter(|(_, value)| **value > 0.0);
        #[expect(clippy::cast_precision_loss, reason = "a grid has at most 65,535 points")]
        scratch
            .sticks
            .extend(peaks.map(|(point, &intensity)| Stick { position: point as f32, intensity }));
        self.renderer.profile(&scratch.sticks, 1.0, out);
        self.renderer.finish(out);
    }
}

impl Scratch {
    fn gather(&mut self, indices: &[u16], values: &[f32]) {
        self.sticks.clear();
        self.sticks.extend(
            indices
                .iter()
                .zip(values)
                .map(|(&index, &intensity)| Stick { position: f32::from(index), intensity }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    const INDICES: [u16; 4] = [900, 1100, 1400, 2450];
    const VALUES: [f32; 4] = [0.2, 1.0, 0.5, 0.8];

    fn rng() -> ChaCha8Rng {
        Seed(2).rng(Purpose::WeakView, 0, 0, 0)
    }

    fn views(input: Input, family: ViewFamily) -> Views {
        let augmentation = Augmentation { views: family, ..Augmentation::default() };
        Views::new(Preparation::default(), augmentation, input, Grid::published())
            .expect("an input")
    }

    #[test]
    fn the_published_input_is_the_published_view_bit_by_bit() {
        let views = views(Input::default(), ViewFamily::Published);
        let (mut found, mut expected) = (vec![7.0; views.bins()], vec![9.0; 4501]);
        let mut scratch = Scratch::default();
        views.strong(&INDICES, &VALUES, &mut scratch, &mut rng(), &mut found);
        let strength = Augmentation::default();
        let cut = Preparation::default().cut;
        Augmenter::default().strong(&strength, &INDICES, &VALUES, cut, &mut rng(), &mut expected);
        assert_eq!(found, expected);
        views.weak(&INDICES, &VALUES, &mut scratch, &mut rng(), &mut found);
        Augmenter::default().weak(&strength, &INDICES, &VALUES, &mut rng(), &mut expected);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_rendered_view_is_the_rendering_of_the_published_one() {
        let input = Input { blur: 0.3, bin: 0.2, ..Input::default() };
        let views = views(input, ViewFamily::Published);
        let mut found = vec![f32::NAN; views.bins()];
        views.weak(&INDICES, &VALUES, &mut Scratch::default(), &mut rng(), &mut found);
        let mut row = vec![0.0; 4501];
        Augmenter::default().weak(
            &Augmentation::default(),
            &INDICES,
            &VALUES,
            &mut rng(),
            &mut row,
        );
        let sticks: Vec<Stick> = (0u16..)
            .zip(row)
            .map(|(point, intensity)| Stick { position: f32::from(point), intensity })
            .collect();
        let renderer = input.renderer(Grid::published()).expect("an input");
        let mut expected = vec![0.0; renderer.bins()];
        renderer.profile(&sticks, 1.0, &mut expected);
        renderer.finish(&mut expected);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_view_does_not_depend_on_the_one_before() {
        let input = Input { blur: 0.3, bin: 0.2, ..Input::default() };
        for family in [ViewFamily::Published, ViewFamily::Physical] {
            let views = views(input, family);
            let (mut fresh, mut used) = (Scratch::default(), Scratch::default());
            let mut other = vec![0.0; views.bins()];
            views.strong(&INDICES[1..], &VALUES[1..], &mut used, &mut rng(), &mut other);
            let (mut a, mut b) = (other.clone(), vec![3.0; views.bins()]);
            views.strong(&INDICES, &VALUES, &mut fresh, &mut rng(), &mut a);
            views.strong(&INDICES, &VALUES, &mut used, &mut rng(), &mut b);
            assert_eq!(a, b);
            assert_ne!(a, other);
        }
    }
}
