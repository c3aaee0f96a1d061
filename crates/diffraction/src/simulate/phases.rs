//! Phase factors of all atoms, without a sine in the loop over reflections.
//!
//! exp 2πi(hx + ky + lz) is a product of three powers. The powers of each atom's three phases are
//! tabulated; a row of reflections (h, k) multiplies two of the tables once; each ±l of the row then
//! costs four multiplications and additions per atom.
//!
//! N: atoms, padded with atoms of weight 0 so that each group is a multiple of [`LANES`].

use std::ops::Range;

/// Atoms summed side by side: independent sums, which the compiler turns into vectors.
const LANES: usize = 4;

/// Powers 0…max of the phases of all atoms along one axis, power by power: each (N,).
pub(super) struct Powers {
    atoms: usize,
    cos: Vec<f64>,
    sin: Vec<f64>,
}

impl Powers {
    /// Tabulates exp 2πi·n·x for n = 0…`max`.
    ///
    /// Power n is the product of powers n/2 and n − n/2, so that rounding grows with log n.
    pub(super) fn new(coordinates: &[f64], max: usize) -> Self {
        let atoms = coordinates.len();
        let mut cos = vec![1.0; atoms * (max + 1)];
        let mut sin = vec![0.0; atoms * (max + 1)];
        if max >= 1 {
            for (at, &x) in coordinates.iter().enumerate() {
                (sin[atoms + at], cos[atoms + at]) = (std::f64::consts::TAU * x).sin_cos();
            }
        }
        for power in 2..=max {
            let (cos_known, cos_new) = cos.split_at_mut(power * atoms);
            let (sin_known, sin_new) = sin.split_at_mut(power * atoms);
            let low = power / 2 * atoms..(power / 2 + 1) * atoms;
            let high = (power - power / 2) * atoms..(power - power / 2 + 1) * atoms;
            let (c1, s1) = (&cos_known[low.clone()], &sin_known[low]);
            let (c2, s2) = (&cos_known[high.clone()], &sin_known[high]);
            let new = cos_new.iter_mut().zip(sin_new).take(atoms);
            for (at, (cos, sin)) in new.enumerate() {
                *cos = c1[at] * c2[at] - s1[at] * s2[at];
                *sin = c1[at] * s2[at] + s1[at] * c2[at];
            }
        }
        Self { atoms, cos, sin }
    }

    /// cos and sin of a power, each (N,).
    fn of(&self, power: usize) -> (&[f64], &[f64]) {
        let span = power * self.atoms..(power + 1) * self.atoms;
        (&self.cos[span.clone()], &self.sin[span])
    }
}

/// All atoms that scatter, in groups of equal form factor.
pub(super) struct Atoms {
    /// Fractional coordinates, each (N,).
    pub(super) coordinates: [Vec<f64>; 3],
    /// Occupancies, (N,).
    pub(super) weights: Vec<f64>,
    /// The atoms of each group.
    pub(super) groups: Vec<Range<usize>>,
}

impl Atoms {
    /// Takes the atoms group by group.
    pub(super) fn new(groups: &[Vec<(f64, [f64; 3])>]) -> Self {
        let mut atoms =
            Self { coordinates: Default::default(), weights: Vec::new(), groups: Vec::new() };
        for group in groups {
            let start = atoms.weights.len();
            for &(weight, position) in group {
                atoms.weights.push(weight);
                for (axis, x) in atoms.coordinates.iter_mut().zip(position) {
                    axis.push(x);
                }
            }
            let end = start + group.len().next_multiple_of(LANES);
            atoms.weights.resize(end, 0.0);
            for axis in &mut atoms.coordinates {
                axis.resize(end, 0.0);
            }
            atoms.groups.push(start..end);
        }
        atoms
    }
}

/// The sums over atoms for one row (h, k) of reflections at a time.
pub(super) struct Row<'a> {
    atoms: &'a Atoms,
    powers: [Powers; 3],
    /// weight · exp 2πi·hx, for the `h` it was made for, (N,) each.
    along_h: (Vec<f64>, Vec<f64>),
    h: Option<usize>,
    /// weight · exp 2πi(hx + ky), (N,) each.
    real: Vec<f64>,
    imaginary: Vec<f64>,
}

impl<'a> Row<'a> {
    /// Tables for indices up to `max` in size.
    pub(super) fn new(atoms: &'a Atoms, max: [usize; 3]) -> Self {
        let n = atoms.weights.len();
        let powers = std::array::from_fn(|axis| Powers::new(&atoms.coordinates[axis], max[axis]));
        let along_h = (vec![0.0; n], vec![0.0; n]);
        Self { atoms, powers, along_h, h: None, real: vec![0.0; n], imaginary: vec![0.0; n] }
    }

    /// Moves to a row; h ≥ 0.
    pub(super) fn start(&mut self, h: usize, k: i32) {
        let (wc, ws) = &mut self.along_h;
        if self.h != Some(h) {
            self.h = Some(h);
            let (cos, sin) = self.powers[0].of(h);
            for (at, &weight) in self.atoms.weights.iter().enumerate() {
                wc[at] = weight * cos[at];
                ws[at] = weight * sin[at];
            }
        }
        let (cos, sin) = self.powers[1].of(k.unsigned_abs() as usize);
        let sign = if k < 0 { -1.0 } else { 1.0 };
        let sums = self.real.iter_mut().zip(&mut self.imaginary);
        for (at, (real, imaginary)) in sums.enumerate() {
            let sin = sign * sin[at];
            *real = wc[at] * cos[at] - ws[at] * sin;
            *imaginary = wc[at] * sin + ws[at] * cos[at];
        }
    }

    /// Σ weight · exp 2πi(hx + ky ± lz) over each group: pushes (re, im) of +l and of −l.
    pub(super) fn sums(&self, l: usize, plus: &mut Vec<[f64; 2]>, minus: &mut Vec<[f64; 2]>) {
        let (cos, sin) = self.powers[2].of(l);
        for group in &self.atoms.groups {
            let [rc, is, rs, ic] = products(
                &self.real[group.clone()],
                &self.imaginary[group.clone()],
                &cos[group.clone()],
                &sin[group.clone()],
            );
            plus.push([rc - is, rs + ic]);
            minus.push([rc + is, ic - rs]);
        }
    }
}

/// Σ re·cos, Σ im·sin, Σ re·sin, Σ im·cos.
fn products(real: &[f64], imaginary: &[f64], cos: &[f64], sin: &[f64]) -> [f64; 4] {
    let mut sums = [[0.0; LANES]; 4];
    let (real, imaginary) = (real.as_chunks::<LANES>().0, imaginary.as_chunks::<LANES>().0);
    let (cos, sin) = (cos.as_chunks::<LANES>().0, sin.as_chunks::<LANES>().0);
    for (((r, i), c), s) in real.iter().zip(imaginary).zip(cos).zip(sin) {
        add_products(&mut sums[0], r, c);
        add_products(&mut sums[1], i, s);
        add_products(&mut sums[2], r, s);
        add_products(&mut sums[3], i, c);
    }
    sums.map(|lanes| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
}

fn add_products(sums: &mut [f64; LANES], a: &[f64; LANES], b: &[f64; LANES]) {
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum += a * b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tabulated_sums_equal_the_definition(
            groups in prop::collection::vec(
                prop::collection::vec((0.1_f64..1.0, prop::array::uniform3(0.0_f64..1.0)), 1..9),
                1..4,
            ),
            h in 0_usize..40, k in -40_i32..40, l in 0_usize..40,
        ) {
            let atoms = Atoms::new(&groups);
            let mut row = Row::new(&atoms, [40, 40, 40]);
            row.start(h, k);
            let (mut plus, mut minus) = (Vec::new(), Vec::new());
            row.sums(l, &mut plus, &mut minus);
            for (sign, sums) in [(1.0, plus), (-1.0, minus)] {
                for (group, sum) in groups.iter().zip(sums) {
                    let mut expected = [0.0; 2];
                    for (weight, x) in group {
                        let turns = h as f64 * x[0] + f64::from(k) * x[1] + sign * l as f64 * x[2];
                        let (sin, cos) = (std::f64::consts::TAU * turns).sin_cos();
                        expected[0] += weight * cos;
                        expected[1] += weight * sin;
                    }
                    prop_assert!((sum[0] - expected[0]).abs() < 1e-11);
                    prop_assert!((sum[1] - expected[1]).abs() < 1e-11);
                }
            }
        }
    }
}
