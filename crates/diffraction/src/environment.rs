//! How the ions of one element sit in a crystal: what a structure tells and its composition does not.
//!
//! An atom of H, N, O, F, P, S, Cl, As, Se, Br, Te or I is an anion unless it is bonded to a more
//! electronegative atom: nearer than 1.15 times the sum of the single-bond radii of both, as S is in a
//! sulphate. Electronegativities are Pauling's, radii those of Cordero et al., Dalton Trans. (2008) 2832.
//! A site that several elements share counts for each by its occupancy. Nothing depends on which
//! cell of the crystal is given.

use crate::lattice::dot;
use crate::{Element, Lattice, Structure};

/// Neighbours farther away than this do not count, Å.
pub const REACH: f64 = 5.0;
/// Atoms nearer than this share a place, Å.
const SAME_PLACE: f64 = 0.3;
/// An anion within this many times the distance of the nearest one is coordinated.
const SHELL: f64 = 1.3;
/// Atoms within this many times the sum of their single-bond radii are bonded.
const BONDED: f64 = 1.15;
/// Symbol, electronegativity, single-bond radius (Å), whether it forms anions.
const NONMETALS: [(&str, f64, f64, bool); 13] = [
    ("F", 3.98, 0.57, true),
    ("O", 3.44, 0.66, true),
    ("Cl", 3.16, 1.02, true),
    ("N", 3.04, 0.71, true),
    ("Br", 2.96, 1.20, true),
    ("I", 2.66, 1.39, true),
    ("S", 2.58, 1.05, true),
    ("Se", 2.551, 1.20, true),
    ("C", 2.55, 0.76, false),
    ("H", 2.20, 0.31, true),
    ("P", 2.19, 1.07, true),
    ("As", 2.18, 1.19, true),
    ("Te", 2.10, 1.38, true),
];

/// Means over the sites of an element's ions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Environment {
    /// Å³ for each atom of the crystal.
    pub volume_per_atom: f64,
    /// Å³ for each ion of the element; `None` where the crystal has none.
    pub volume_per_ion: Option<f64>,
    /// Å³ for each anion; `None` where the crystal has none.
    pub volume_per_anion: Option<f64>,
    /// Geometric mean of the distances to the nearest other ion of the element, at most [`REACH`], Å.
    pub ion_distance: Option<f64>,
    /// Geometric mean of the mean distances to the coordinated anions, Å; sites without an anion
    /// within [`REACH`] do not count.
    pub anion_distance: Option<f64>,
    /// Mean number of coordinated anions: those not more than 1.3 times as far as the nearest.
    pub coordination: Option<f64>,
}

/// One element on one site.
struct Atom {
    element: Element,
    occupancy: f64,
    position: [f64; 3],
}

impl Environment {
    /// Of the ions of `element`.
    #[must_use]
    pub fn of(structure: &Structure, element: Element) -> Self {
        let kinds = structure.kinds();
        let atoms: Vec<Atom> = structure
            .sites()
            .iter()
            .flat_map(|site| {
                let occupants = &kinds[site.kind as usize].occupants;
                occupants.iter().map(|occupant| Atom {
                    element: occupant.element,
                    occupancy: occupant.occupancy,
                    position: site.position,
                })
            })
            .collect();
        let near = Neighbours::new(&structure.lattice);
        let ions: Vec<&Atom> = atoms.iter().filter(|atom| atom.element == element).collect();
        let anions = near.anions(&atoms);
        let volume = structure.lattice.volume();
        let amount = |atoms: &[&Atom]| atoms.iter().map(|atom| atom.occupancy).sum::<f64>();
        let per = |atoms: &[&Atom]| (!atoms.is_empty()).then(|| volume / amount(atoms));

        let (mut apart, mut shells) = (Mean::default(), [Mean::default(), Mean::default()]);
        for ion in &ions {
            let others = ions.iter().flat_map(|other| near.distances(ion, other));
            apart.add(ion.occupancy, others.fold(REACH, f64::min).ln());
            let around: Vec<(f64, f64)> = anions
                .iter()
                .flat_map(|anion| near.distances(ion, anion).map(|far| (far, anion.occupancy)))
                .collect();
            let nearest = around.iter().map(|(far, _)| *far).fold(f64::INFINITY, f64::min);
            let (mut count, mut sum) = (0.0, 0.0);
            for (far, occupancy) in around.into_iter().filter(|(far, _)| *far < SHELL * nearest) {
                count += occupancy;
                sum += occupancy * far;
            }
            if count > 0.0 {
                shells[0].add(ion.occupancy, (sum / count).ln());
                shells[1].add(ion.occupancy, count);
            }
        }
        let all: Vec<&Atom> = atoms.iter().collect();
        let [anion_distance, coordination] = shells.map(|mean| mean.get());
        Self {
            volume_per_atom: volume / amount(&all),
            volume_per_ion: per(&ions),
            volume_per_anion: per(&anions),
            ion_distance: apart.get().map(f64::exp),
            anion_distance: anion_distance.map(f64::exp),
            coordination,
        }
    }
}

/// A weighted mean.
#[derive(Default)]
struct Mean {
    weight: f64,
    sum: f64,
}

impl Mean {
    fn add(&mut self, weight: f64, value: f64) {
        self.weight += weight;
        self.sum += weight * value;
    }

    fn get(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// Distances in a lattice.
struct Neighbours<'a> {
    lattice: &'a Lattice,
    /// Lattice vectors that may bring an atom within [`REACH`] of another whose difference is
    /// at most half a basis vector in each direction, Cartesian, Å.
    images: Vec<[f64; 3]>,
}

impl<'a> Neighbours<'a> {
    fn new(lattice: &'a Lattice) -> Self {
        let reciprocal = lattice.reciprocal_metric();
        // A point within REACH has fractional coordinates of at most REACH / d, d being the distance of
        // the planes; the nearest whole number to that is at most its ceiling.
        let [u, v, w] =
            [0, 1, 2].map(|i| (REACH * reciprocal[i][i].sqrt()).ceil().min(64.0) as i32);
        let mut images = Vec::new();
        for i in -u..=u {
            for j in -v..=v {
                for k in -w..=w {
                    images.push(lattice.to_cartesian([i, j, k].map(f64::from)));
                }
            }
        }
        Self { lattice, images }
    }

    /// The distances from an atom to all images of another within [`REACH`], but for those that share
    /// its place.
    fn distances(&self, from: &Atom, to: &Atom) -> impl Iterator<Item = f64> {
        let apart = std::array::from_fn(|i| {
            let difference = to.position[i] - from.position[i];
            difference - difference.round()
        });
        let apart = self.lattice.to_cartesian(apart);
        self.images.iter().filter_map(move |image| {
            let moved: [f64; 3] = std::array::from_fn(|i| apart[i] + image[i]);
            let square = dot(moved, moved);
            let counts = (SAME_PLACE * SAME_PLACE..=REACH * REACH).contains(&square);
            counts.then(|| square.sqrt())
        })
    }

    /// The atoms that are anions.
    fn anions<'b>(&self, atoms: &'b [Atom]) -> Vec<&'b Atom> {
        let nonmetal = |atom: &Atom| {
            let symbol = atom.element.symbol();
            NONMETALS.iter().find(|(known, ..)| *known == symbol)
        };
        let candidates: Vec<_> =
            atoms.iter().filter_map(|atom| Some((atom, nonmetal(atom)?))).collect();
        let is_anion = |&&(atom, &(_, strength, radius, forms)): &&_| {
            let takes_from_it = |&(other, &(_, stronger, its, _)): &(&Atom, &_)| {
                let bond: f64 = BONDED * (radius + its);
                stronger > strength && self.distances(atom, other).any(|far| far < bond)
            };
            forms && !candidates.iter().any(takes_from_it)
        };
        candidates.iter().filter(is_anion).map(|(atom, _)| *atom).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::{AsymmetricSite, Occupant};
    use crate::symmetry::Operation;

    fn crystal(lattice: Lattice, atoms: &[(&str, [f64; 3])]) -> Structure {
        let atoms: Vec<_> =
            atoms.iter().map(|(symbol, at)| (symbol.parse().expect("an element"), *at)).collect();
        Structure::from_atoms("x".to_owned(), lattice, &atoms)
    }

    fn cubic(a: f64) -> Lattice {
        Lattice::from_parameters([a; 3], [90.0; 3]).expect("a cube")
    }

    fn lithium(structure: &Structure) -> Environment {
        Environment::of(structure, Element::LITHIUM)
    }

    fn near(found: Option<f64>, expected: f64) {
        let found = found.expect("a number");
        assert!((found - expected).abs() < 1e-9 * expected, "{found} {expected}");
    }

    const CENTRES: [[f64; 3]; 4] = [[0.0; 3], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];

    /// Li₂O, antifluorite: four anions around Li at a√3/4, the next Li at a/2.
    #[test]
    fn antifluorite_is_as_its_geometry_says() {
        let a = 4.619;
        let mut atoms: Vec<(&str, [f64; 3])> = CENTRES.iter().map(|at| ("O", *at)).collect();
        for at in CENTRES {
            for quarter in [0.25, 0.75] {
                atoms.push(("Li", [at[0] + 0.25, at[1] + 0.25, at[2] + quarter]));
            }
        }
        let found = lithium(&crystal(cubic(a), &atoms));
        near(found.coordination, 4.0);
        near(found.anion_distance, a * 3f64.sqrt() / 4.0);
        near(found.ion_distance, a / 2.0);
        near(found.volume_per_ion, a.powi(3) / 8.0);
        near(found.volume_per_anion, a.powi(3) / 4.0);
        near(Some(found.volume_per_atom), a.powi(3) / 12.0);
    }

    /// Rock salt: the primitive cell, its face-centred one and a skewed one are the same crystal.
    #[test]
    fn the_choice_of_the_cell_does_not_matter() {
        let a = 5.13;
        let half = a / 2.0;
        let primitive = [[0.0, half, half], [half, 0.0, half], [half, half, 0.0]];
        // Another basis of the same lattice, with long and narrow cells.
        let [u, v, w] = primitive;
        let sum = |p: [f64; 3], n: f64, q: [f64; 3]| std::array::from_fn(|i| p[i] + n * q[i]);
        let skewed = [u, sum(v, 3.0, u), sum(w, -2.0, sum(v, 1.0, u))];
        let small = [("Li", [0.0; 3]), ("Cl", [0.5; 3])];
        let conventional: Vec<(&str, [f64; 3])> = CENTRES
            .iter()
            .flat_map(|at| [("Li", *at), ("Cl", [at[0] + 0.5, at[1], at[2]])])
            .collect();
        let of_rows = |rows| Lattice::from_rows(rows).expect("a lattice");
        // The point (½, ½, ½) of the primitive basis in the skewed one.
        let chlorine = {
            let cartesian: [f64; 3] = std::array::from_fn(|i| 0.5 * (u[i] + v[i] + w[i]));
            // c' = w − 2(v + u), b' = v + 3u: ½(u + v + w) = ½c' + (3/2)b' − 3u.
            let check: [f64; 3] = std::array::from_fn(|i| {
                0.5 * skewed[2][i] + 1.5 * skewed[1][i] - 3.0 * skewed[0][i]
            });
            assert!(cartesian.iter().zip(check).all(|(a, b)| (a - b).abs() < 1e-9));
            [0.0, 0.5, 0.5]
        };
        let crystals = [
            crystal(of_rows(primitive), &small),
            crystal(cubic(a), &conventional),
            crystal(of_rows(skewed), &[("Li", [0.0; 3]), ("Cl", chlorine)]),
        ];
        for crystal in &crystals {
            let found = lithium(crystal);
            near(found.coordination, 6.0);
            near(found.anion_distance, half);
            near(found.ion_distance, a / 2f64.sqrt());
            near(found.volume_per_anion, a.powi(3) / 4.0);
            near(Some(found.volume_per_atom), a.powi(3) / 8.0);
        }
    }

    #[test]
    fn an_atom_that_a_stronger_one_takes_from_is_no_anion() {
        // One sulphate-like pair, S–O at 1.5 Å, in a large cell; then apart.
        let atoms = |far: f64| {
            let oxygen = [0.1 + far / 8.0, 0.1, 0.1];
            crystal(cubic(8.0), &[("Li", [0.5; 3]), ("S", [0.1; 3]), ("O", oxygen)])
        };
        near(lithium(&atoms(1.5)).volume_per_anion, 512.0);
        near(lithium(&atoms(3.0)).volume_per_anion, 256.0);
        // Carbon is none whatever is around it.
        let carbide = crystal(cubic(8.0), &[("Li", [0.5; 3]), ("C", [0.1; 3])]);
        let found = lithium(&carbide);
        assert_eq!([found.volume_per_anion, found.anion_distance, found.coordination], [None; 3]);
        near(found.volume_per_ion, 512.0);
        // The next lithium is farther away than anything counts.
        near(found.ion_distance, REACH);
    }

    #[test]
    fn a_crystal_without_the_element_has_its_volumes() {
        let salt = crystal(cubic(4.0), &[("Na", [0.0; 3]), ("Cl", [0.5; 3])]);
        let found = lithium(&salt);
        assert_eq!([found.volume_per_ion, found.ion_distance, found.anion_distance], [None; 3]);
        near(found.volume_per_anion, 64.0);
    }

    #[test]
    fn half_occupied_sites_count_half() {
        let site = |symbol: &str, occupancy, position| AsymmetricSite {
            label: symbol.to_owned(),
            occupant: Occupant { occupancy, ..Occupant::of(symbol.parse().expect("an element")) },
            position,
            tolerance: 1e-4,
            displacement_b: None,
        };
        let unit = [site("Li", 0.5, [0.0; 3]), site("F", 1.0, [0.5; 3])];
        let structure =
            Structure::from_asymmetric_unit("x".into(), cubic(4.0), &unit, &[Operation::IDENTITY]);
        let structure = structure.expect("a structure");
        let found = lithium(&structure);
        near(found.volume_per_ion, 128.0);
        near(found.coordination, 8.0);
        near(found.anion_distance, 12f64.sqrt());
        near(found.ion_distance, 4.0);
        near(Some(found.volume_per_atom), 64.0 / 1.5);
    }
}
