//! The reflections in range and their structure factors.
//!
//! Half of reciprocal space is walked (Friedel: F(−h) follows from the same sums over atoms). Where
//! the structure's symmetry is known, lattice centring leaves reflections out, and one member of
//! each orbit under the point group stands for all. Sums over atoms are kept by group of equal form
//! factor, so that form factors are evaluated once per |g|.

use super::form_factor::anomalous;
use super::phases::{Atoms, Row};
use super::recipe::{DisplacementFactors, Recipe};
use crate::symmetry::Symmetry;
use crate::{Element, Structure};

/// The most reflections of half a sphere, and rows (h, k) of them.
const MAX_REFLECTIONS: f64 = 2e7;

/// The most atoms times reflections.
const MAX_WORK: f64 = 4e10;

/// The most tabulated phases: 512 MB.
const MAX_PHASES: usize = 1 << 25;

/// The most bits to remember the orbits' members in; beyond, symmetry is not used.
const MAX_MARKS: usize = 1 << 28;

/// |g|² that differ by less, relatively, have one form factor.
const SAME_SHELL: f64 = 1e-13;

/// A family of symmetry-equivalent reflections; of ±(hkl) when no symmetry is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reflection {
    /// The largest member, first by h, then by k, then by l.
    pub hkl: [i32; 3],
    /// How many members the family has, Friedel opposites included.
    pub multiplicity: u32,
    /// The squared length of the reciprocal-lattice vector: 1/d², Å⁻².
    pub g_squared: f64,
    /// |F|² per cell, the mean over the members; electrons².
    pub f_squared: f64,
}

/// Why a structure has no pattern.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The range of angles is empty or beyond 0 to 180°.
    #[error("two-theta from {from}° to {to}° is no range within 0 to 180")]
    Range {
        /// First angle.
        from: f64,
        /// Last angle.
        to: f64,
    },
    /// An element without form factor.
    #[error("`{0}` has no tabulated form factor")]
    NoFormFactor(Element),
    /// Anomalous terms at a wavelength at which they are not tabulated.
    #[error("anomalous scattering of `{element}` is not tabulated at {wavelength} Å")]
    NoAnomalous {
        /// The element.
        element: Element,
        /// The wavelength, Å.
        wavelength: f64,
    },
    /// A cell too large for the wavelength and range.
    #[error("the cell of {volume:.0} Å³ has too many reflections in this range")]
    TooLarge {
        /// The volume.
        volume: f64,
    },
    /// Nothing diffracts in the range.
    #[error("no reflection lies between {from}° and {to}° two-theta")]
    NoPeaks {
        /// First angle.
        from: f64,
        /// Last angle.
        to: f64,
    },
}

/// The reflections of a structure in a recipe's range, by ascending |g|.
///
/// # Errors
/// When an element has no form factor or the cell is too large; an empty list is no error here.
pub fn reflections(
    structure: &Structure,
    recipe: &Recipe,
) -> Result<Vec<Reflection>, SimulateError> {
    let (from, to) = recipe.two_theta;
    if !(0.0 <= from && from < to && to <= 180.0) {
        return Err(SimulateError::Range { from, to });
    }
    let g_of =
        |two_theta: f64| 2.0 * (two_theta / 2.0).to_radians().sin() / recipe.wavelength.angstrom();
    let sphere = Sphere {
        metric: structure.lattice.reciprocal_metric(),
        min: g_of(from).powi(2),
        // A reflection at the very end of the range belongs to it, whatever the rounding.
        max: g_of(to).powi(2) * (1.0 + 1e-12),
    };
    let none = Symmetry::none();
    let lengths = structure.lattice.parameters().0;
    let limits = lengths.map(|length| (sphere.max.sqrt() * length * (1.0 + 1e-9)) as usize);
    let symmetric = structure.symmetry().keeps(structure.lattice.metric())
        && marks(limits).is_some_and(|bits| bits <= MAX_MARKS);
    let (symmetry, sites) = if symmetric {
        (structure.symmetry(), structure.primitive_sites())
    } else {
        (&none, structure.sites())
    };
    let scatterers = Scatterers::new(structure, sites, recipe)?;
    let atoms = Atoms::new(&scatterers.atoms);
    sphere.check_size(structure.lattice.volume(), atoms.weights.len(), limits)?;
    let representatives = walk(&sphere, symmetry, limits);
    let mut sums = Vec::with_capacity(representatives.len() * scatterers.groups.len());
    let mut order: Vec<(f64, u32)> = Vec::with_capacity(representatives.len());
    sum_phases(&representatives, &atoms, limits, &mut sums);
    for (at, representative) in representatives.iter().enumerate() {
        order.push((representative.g_squared, at as u32));
    }
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let cells = symmetry.centring.len() as f64;
    let mut shell = f64::NEG_INFINITY;
    let mut factors = vec![(0.0, 0.0); scatterers.groups.len()];
    let found = order.iter().map(|&(g_squared, at)| {
        if g_squared > shell * (1.0 + SAME_SHELL) {
            shell = g_squared;
            scatterers.factors(g_squared / 4.0, recipe, &mut factors);
        }
        let at = at as usize;
        let groups = factors.len();
        let sums = &sums[at * groups..(at + 1) * groups];
        let f_squared = cells * cells * mean_square(&factors, sums);
        let Representative { largest: hkl, members, .. } = representatives[at];
        Reflection { hkl, multiplicity: 2 * members, g_squared, f_squared }
    });
    Ok(found.collect())
}

/// The mean of |F(h)|² and |F(−h)|².
fn mean_square(factors: &[(f64, f64)], sums: &[[f64; 2]]) -> f64 {
    // F(h) = Σ (f + i f″)(A + iB), F(−h) = Σ (f + i f″)(A − iB), so with real parts
    // P = Σ f A, Q = Σ f″ B, R = Σ f B, S = Σ f″ A:
    // |F(±h)|² = (P ∓ Q)² + (S ± R)², and their mean is P² + Q² + R² + S².
    let (mut p, mut q, mut r, mut s) = (0.0, 0.0, 0.0, 0.0);
    for (&(real, imaginary), &[a, b]) in factors.iter().zip(sums) {
        p += real * a;
        q += imaginary * b;
        r += real * b;
        s += imaginary * a;
    }
    p * p + q * q + r * r + s * s
}

/// The scattering groups of a structure.
struct Scatterers {
    groups: Vec<ScatteringGroup>,
    /// Occupancy and position of the atoms of each group.
    atoms: Vec<Vec<(f64, [f64; 3])>>,
}

struct ScatteringGroup {
    element: Element,
    displacement_b: f64,
    anomalous: (f64, f64),
}

impl Scatterers {
    fn new(
        structure: &Structure,
        sites: &[crate::structure::Site],
        recipe: &Recipe,
    ) -> Result<Self, SimulateError> {
        let mut groups: Vec<ScatteringGroup> = Vec::new();
        let mut atoms: Vec<Vec<(f64, [f64; 3])>> = Vec::new();
        // For each kind, the group and occupancy of each of its occupants.
        let mut members: Vec<Vec<(usize, f64)>> = Vec::with_capacity(structure.kinds().len());
        for kind in structure.kinds() {
            let displacement_b = match recipe.displacement {
                DisplacementFactors::Off => 0.0,
                DisplacementFactors::AsGiven => kind.displacement_b.unwrap_or(0.0),
                DisplacementFactors::OrElse(b) => kind.displacement_b.unwrap_or(b),
            };
            let mut of_kind = Vec::with_capacity(kind.occupants.len());
            for occupant in &kind.occupants {
                let element = occupant.element;
                let known = groups
                    .iter()
                    .position(|g| g.element == element && g.displacement_b == displacement_b);
                let group = match known {
                    Some(group) => group,
                    None => {
                        groups.push(ScatteringGroup::new(element, displacement_b, recipe)?);
                        atoms.push(Vec::new());
                        groups.len() - 1
                    }
                };
                of_kind.push((group, occupant.occupancy));
            }
            members.push(of_kind);
        }
        for site in sites {
            for &(group, occupancy) in &members[site.kind as usize] {
                atoms[group].push((occupancy, site.position));
            }
        }
        Ok(Self { groups, atoms })
    }

    /// The complex scattering factors of the groups at s².
    fn factors(&self, s_squared: f64, recipe: &Recipe, factors: &mut [(f64, f64)]) {
        for (factor, group) in factors.iter_mut().zip(&self.groups) {
            let rest = recipe.form_factors.value(group.element, s_squared);
            let damping = match group.displacement_b {
                0.0 => 1.0,
                b => (-b * s_squared).exp(),
            };
            let (real, imaginary) = group.anomalous;
            *factor = ((rest + real) * damping, imaginary * damping);
        }
    }
}

impl ScatteringGroup {
    fn new(element: Element, displacement_b: f64, recipe: &Recipe) -> Result<Self, SimulateError> {
        if !recipe.form_factors.has(element) {
            return Err(SimulateError::NoFormFactor(element));
        }
        let wavelength = recipe.wavelength;
        let anomalous = if recipe.anomalous {
            anomalous(element, wavelength)
                .ok_or(SimulateError::NoAnomalous { element, wavelength: wavelength.angstrom() })?
        } else {
            (0.0, 0.0)
        };
        Ok(Self { element, displacement_b, anomalous })
    }
}

/// The shell of reciprocal space in range.
struct Sphere {
    metric: [[f64; 3]; 3],
    min: f64,
    max: f64,
}

impl Sphere {
    fn g_squared(&self, [h, k, l]: [i32; 3]) -> f64 {
        let (h, k, l) = (f64::from(h), f64::from(k), f64::from(l));
        let m = &self.metric;
        m[0][0] * h * h
            + m[1][1] * k * k
            + m[2][2] * l * l
            + 2.0 * (m[0][1] * h * k + m[0][2] * h * l + m[1][2] * k * l)
    }

    /// The k that rows of an h can have: where the smallest |g|² over real l is in range.
    fn k_range(&self, h: i32) -> (i32, i32) {
        let m = &self.metric;
        let h = f64::from(h);
        let kk = m[1][1] - m[1][2] * m[1][2] / m[2][2];
        let hk = m[0][1] - m[0][2] * m[1][2] / m[2][2];
        let hh = m[0][0] - m[0][2] * m[0][2] / m[2][2];
        roots(kk, hk * h, hh * h * h - self.max)
    }

    /// The l that reflections of a row can have.
    fn l_range(&self, h: i32, k: i32) -> (i32, i32) {
        let m = &self.metric;
        let (h, k) = (f64::from(h), f64::from(k));
        let rest = m[0][0] * h * h + m[1][1] * k * k + 2.0 * m[0][1] * h * k;
        roots(m[2][2], m[0][2] * h + m[1][2] * k, rest - self.max)
    }

    fn check_size(
        &self,
        volume: f64,
        atoms: usize,
        limits: [usize; 3],
    ) -> Result<(), SimulateError> {
        let count = 2.0 / 3.0 * std::f64::consts::PI * self.max.powf(1.5) * volume;
        let rows = std::f64::consts::PI * self.max * volume * self.metric[2][2].sqrt();
        let phases = limits.iter().map(|&limit| limit + 1).sum::<usize>().saturating_mul(atoms);
        if count.max(rows) > MAX_REFLECTIONS
            || count * atoms as f64 > MAX_WORK
            || phases > MAX_PHASES
        {
            return Err(SimulateError::TooLarge { volume });
        }
        Ok(())
    }
}

/// The integers between the roots of a x² + 2 b x + c, a little widened; empty when there are none.
fn roots(a: f64, b: f64, c: f64) -> (i32, i32) {
    let discriminant = b * b - a * c;
    if !(discriminant >= 0.0 && a > 0.0) {
        return (0, -1);
    }
    let root = discriminant.sqrt();
    (((-b - root) / a - 1e-6).ceil() as i32, ((-b + root) / a + 1e-6).floor() as i32)
}

/// The member that stands for a family.
struct Representative {
    /// The first in the order of the walk: the one whose structure factor is computed.
    hkl: [i32; 3],
    /// The largest, first by h, then k, then l: the one to name the family by.
    largest: [i32; 3],
    /// Members in the half of reciprocal space that is walked.
    members: u32,
    g_squared: f64,
}

/// Bits to mark every reflection of the half space.
fn marks(limits: [usize; 3]) -> Option<usize> {
    (limits[0] + 1).checked_mul(2 * limits[1] + 1)?.checked_mul(2 * limits[2] + 1)
}

/// One member of each family, in the order of rows (h, k).
fn walk(sphere: &Sphere, symmetry: &Symmetry, limits: [usize; 3]) -> Vec<Representative> {
    // R and −R give Friedel opposites, which the half space holds once.
    let mut rotations: Vec<[[i32; 3]; 3]> = Vec::new();
    for operation in &symmetry.cosets {
        let rotation = operation.rotation.map(|row| row.map(i32::from));
        if !rotations.contains(&rotation.map(|row| row.map(|x| -x))) {
            rotations.push(rotation);
        }
    }
    let centring = &symmetry.centring[1..];
    let mut seen = Marks::new(if rotations.len() > 1 { limits } else { [0; 3] });
    let mut found = Vec::new();
    for h in 0..=limits[0] as i32 {
        let (k_min, k_max) = sphere.k_range(h);
        for k in (if h == 0 { 0 } else { k_min })..=k_max {
            let (l_min, l_max) = sphere.l_range(h, k);
            for l in (if h == 0 && k == 0 { 1 } else { l_min })..=l_max {
                let hkl = [h, k, l];
                let g_squared = sphere.g_squared(hkl);
                if !(sphere.min..=sphere.max).contains(&g_squared) || is_centred_out(hkl, centring)
                {
                    continue;
                }
                let mut representative =
                    Representative { hkl, largest: hkl, members: 1, g_squared };
                if rotations.len() > 1 {
                    if seen.has(hkl) {
                        continue;
                    }
                    representative.members = 0;
                    for rotation in &rotations {
                        let member = positive_half(image(hkl, rotation));
                        representative.members += u32::from(seen.mark(member));
                        representative.largest = representative.largest.max(member);
                    }
                }
                found.push(representative);
            }
        }
    }
    found
}

/// Whether a pure translation makes the reflection vanish.
fn is_centred_out(hkl: [i32; 3], centring: &[[f64; 3]]) -> bool {
    centring.iter().any(|t| {
        let turns: f64 = hkl.iter().zip(t).map(|(&h, t)| f64::from(h) * t).sum();
        (turns - turns.round()).abs() > 1e-3
    })
}

/// The indices as a row vector times a rotation.
fn image(hkl: [i32; 3], rotation: &[[i32; 3]; 3]) -> [i32; 3] {
    std::array::from_fn(|j| (0..3).map(|i| hkl[i] * rotation[i][j]).sum())
}

/// The member of ±hkl whose first index that is not zero is positive.
fn positive_half(hkl: [i32; 3]) -> [i32; 3] {
    if hkl < [0; 3] { hkl.map(|x| -x) } else { hkl }
}

/// A bit for each reflection of the half space.
struct Marks {
    bits: Vec<u64>,
    limits: [i32; 3],
}

impl Marks {
    fn new(limits: [usize; 3]) -> Self {
        let bits = vec![0; marks(limits).unwrap_or(0) / 64 + 1];
        Self { bits, limits: limits.map(|limit| limit as i32) }
    }

    /// The bit of a reflection, or `None` outside.
    fn at(&self, [h, k, l]: [i32; 3]) -> Option<usize> {
        let [h_max, k_max, l_max] = self.limits;
        if h < 0 || h > h_max || k.abs() > k_max || l.abs() > l_max {
            return None;
        }
        let row = h as usize * (2 * k_max + 1) as usize + (k + k_max) as usize;
        Some(row * (2 * l_max + 1) as usize + (l + l_max) as usize)
    }

    fn has(&self, hkl: [i32; 3]) -> bool {
        self.at(hkl).is_some_and(|at| self.bits[at / 64] >> (at % 64) & 1 == 1)
    }

    /// Marks a reflection; whether it was unmarked. One outside counts as marked before.
    fn mark(&mut self, hkl: [i32; 3]) -> bool {
        let Some(at) = self.at(hkl) else { return false };
        let (word, bit) = (&mut self.bits[at / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Sums the phases of each group for each representative, one after another.
fn sum_phases(
    representatives: &[Representative],
    atoms: &Atoms,
    limits: [usize; 3],
    sums: &mut Vec<[f64; 2]>,
) {
    let groups = atoms.groups.len();
    sums.resize(representatives.len() * groups, [0.0; 2]);
    let mut row = Row::new(atoms, limits);
    let (mut plus, mut minus) = (Vec::with_capacity(groups), Vec::with_capacity(groups));
    // +l and −l of a row come from the same products: where each |l| of the row stands.
    let mut places: Vec<[Option<usize>; 2]> = vec![[None; 2]; limits[2] + 1];
    let mut start = 0;
    for same_row in representatives.chunk_by(|a, b| a.hkl[..2] == b.hkl[..2]) {
        row.start(same_row[0].hkl[0] as usize, same_row[0].hkl[1]);
        for (at, representative) in same_row.iter().enumerate() {
            let l = representative.hkl[2];
            places[l.unsigned_abs() as usize][usize::from(l < 0)] = Some(start + at);
        }
        for representative in same_row {
            let l = representative.hkl[2].unsigned_abs() as usize;
            let place = std::mem::take(&mut places[l]);
            if place == [None; 2] {
                continue;
            }
            plus.clear();
            minus.clear();
            row.sums(l, &mut plus, &mut minus);
            for (at, sum) in place.into_iter().zip([&plus, &minus]) {
                if let Some(at) = at {
                    sums[at * groups..(at + 1) * groups].copy_from_slice(sum);
                }
            }
        }
        start += same_row.len();
    }
}
