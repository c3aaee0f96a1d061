//! From an asymmetric unit and symmetry operations to every atom of the cell.

use std::collections::HashMap;

use super::{Kind, Occupant, Site, Structure};
use crate::Lattice;
use crate::symmetry::{Operation, Symmetry, wrap};

/// The most atoms in a cell: bounds memory and time for hostile files.
const MAX_SITES: usize = 200_000;

/// The most sites of an asymmetric unit: bounds the time that sites take which crowd into one spot.
const MAX_UNIT: usize = 50_000;

/// The most comparisons of images of one site with each other, over all sites: bounds time.
const MAX_COMPARISONS: usize = 1_000_000_000;

/// Images farther apart than this (Å) are different atoms however roughly they are written.
const MAX_MERGE_DISTANCE: f64 = 0.1;

/// Occupancies of a site may exceed 1 by this much, as refined and rounded values do; they are then
/// scaled to 1.
const OVERFULL: f64 = 0.1;

/// One site of an asymmetric unit.
#[derive(Debug, Clone, PartialEq)]
pub struct AsymmetricSite {
    /// The label, such as `O2`.
    pub label: String,
    /// What sits there.
    pub occupant: Occupant,
    /// Fractional coordinates.
    pub position: [f64; 3],
    /// How far apart, in each fractional coordinate, two images of the site may lie and still be
    /// one atom: what forgives the rounding of the coordinates. At most 1/64.
    pub tolerance: f64,
    /// Isotropic displacement factor B, Å².
    pub displacement_b: Option<f64>,
}

/// Why an asymmetric unit is no structure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// No atoms.
    #[error("the structure has no atoms")]
    Empty,
    /// More atoms than a cell can have.
    #[error("the cell holds more than {limit} atoms")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// More sites in the asymmetric unit than is sensible.
    #[error("the file lists more than {limit} sites")]
    TooManySites {
        /// The bound.
        limit: usize,
    },
    /// Occupancies on one position that sum to far more than 1.
    #[error("site `{label}` is occupied {total:.3} times")]
    Overfull {
        /// The first label of the site.
        label: String,
        /// The sum.
        total: f64,
    },
    /// A coordinate or an occupancy is no possible one.
    #[error("site `{label}` has {quantity} {found}")]
    Impossible {
        /// The label.
        label: String,
        /// `coordinate`, `occupancy`, ….
        quantity: &'static str,
        /// The value.
        found: f64,
    },
}

impl Structure {
    /// A structure from its asymmetric unit and all operations of its space group.
    ///
    /// 1. A site whose images nearly coincide with itself is moved onto the special position: the
    ///    mean of those images.
    /// 2. Sites of the unit that coincide, as given or through an operation, share one position
    ///    (mixed sites). A fully occupied site that is listed again with the same element counts
    ///    once: some files list atoms that the operations repeat.
    /// 3. The images are written out, each position once.
    ///
    /// When the operations are not a group, the atoms are those the operations give, and the
    /// structure has no [`Symmetry`].
    ///
    /// # Errors
    /// When there are no atoms or too many, or when a coordinate or occupancy is impossible.
    pub fn from_asymmetric_unit(
        name: String,
        lattice: Lattice,
        unit: &[AsymmetricSite],
        operations: &[Operation],
    ) -> Result<Self, ExpandError> {
        if unit.is_empty() {
            return Err(ExpandError::Empty);
        }
        if unit.len() > MAX_UNIT {
            return Err(ExpandError::TooManySites { limit: MAX_UNIT });
        }
        let images = unit.len().saturating_mul(operations.len().max(1));
        if images > 10 * MAX_SITES || images.saturating_mul(operations.len()) > MAX_COMPARISONS {
            return Err(ExpandError::TooMany { limit: MAX_SITES });
        }
        let symmetry = Symmetry::of(operations);
        let listed;
        let (cosets, centring) = match &symmetry {
            Some(symmetry) => (&symmetry.cosets[..], &symmetry.centring[..]),
            None if operations.is_empty() => (&[Operation::IDENTITY][..], &[[0.0; 3]][..]),
            None => {
                listed = operations.to_vec();
                (&listed[..], &[[0.0; 3]][..])
            }
        };
        let near = Nearness { metric: lattice.metric(), centring };
        let mut orbits: Vec<Orbit> = Vec::with_capacity(unit.len());
        let mut places = Places::default();
        for site in unit {
            check(site)?;
            let position = near.special_position(site, cosets);
            let images = near.images(position, site.tolerance, cosets);
            let home = places.find(position, centring, |at, image| {
                let tolerance = site.tolerance.max(orbits[at].tolerance);
                near.coincide(image, position, tolerance)
            });
            match home {
                Some(at) => orbits[at].join(site),
                None => {
                    places.add(orbits.len(), &images);
                    orbits.push(Orbit::new(site, images));
                }
            }
        }
        let mut kinds = Vec::with_capacity(orbits.len());
        let mut block = Vec::new();
        for orbit in orbits {
            let kind = kinds.len() as u32;
            block.extend(orbit.images.iter().map(|&position| Site { kind, position }));
            kinds.push(orbit.finish()?);
            if block.len() * centring.len() > MAX_SITES {
                return Err(ExpandError::TooMany { limit: MAX_SITES });
            }
        }
        let mut sites = Vec::with_capacity(block.len() * centring.len());
        for shift in centring {
            sites.extend(block.iter().map(|site| Site {
                position: std::array::from_fn(|i| wrap(site.position[i] + shift[i])),
                ..*site
            }));
        }
        let symmetry = symmetry.unwrap_or_else(Symmetry::none);
        Ok(Self { name, lattice, kinds, sites, symmetry })
    }
}

fn check(site: &AsymmetricSite) -> Result<(), ExpandError> {
    let impossible = |quantity, found| {
        Err(ExpandError::Impossible { label: site.label.clone(), quantity, found })
    };
    if let Some(&found) = site.position.iter().find(|x| !is_sensible(**x)) {
        return impossible("coordinate", found);
    }
    let occupancy = site.occupant.occupancy;
    if !(0.0..=1.0 + OVERFULL).contains(&occupancy) {
        return impossible("occupancy", occupancy);
    }
    if !(0.0..=1.0 / f64::from(BINS)).contains(&site.tolerance) {
        return impossible("tolerance", site.tolerance);
    }
    match site.displacement_b {
        Some(found) if !is_sensible(found) => impossible("displacement factor", found),
        _ => Ok(()),
    }
}

/// Whether a coordinate or a displacement factor is a number of a possible size.
fn is_sensible(number: f64) -> bool {
    number.abs() <= 1e3
}

/// Equivalent positions modulo the centring, and what shares them.
struct Orbit {
    kind: Kind,
    images: Vec<[f64; 3]>,
    tolerance: f64,
}

impl Orbit {
    fn new(site: &AsymmetricSite, images: Vec<[f64; 3]>) -> Self {
        let kind = Kind {
            label: site.label.clone(),
            occupants: vec![site.occupant],
            displacement_b: site.displacement_b,
        };
        Self { kind, images, tolerance: site.tolerance }
    }

    fn join(&mut self, site: &AsymmetricSite) {
        let new = site.occupant;
        let full = |occupant: &Occupant| occupant.occupancy > 1.0 - 1e-6;
        let same =
            |occupant: &Occupant| occupant.element == new.element && occupant.charge == new.charge;
        match self.kind.occupants.iter_mut().find(|o| same(o)) {
            Some(listed) if full(listed) && full(&new) => {}
            Some(listed) => listed.occupancy += new.occupancy,
            None => self.kind.occupants.push(new),
        }
    }

    /// Checks the sum of the occupancies.
    fn finish(mut self) -> Result<Kind, ExpandError> {
        let total: f64 = self.kind.occupants.iter().map(|o| o.occupancy).sum();
        if total > 1.0 + OVERFULL {
            return Err(ExpandError::Overfull { label: self.kind.label, total });
        }
        if total > 1.0 {
            for occupant in &mut self.kind.occupants {
                occupant.occupancy /= total;
            }
        }
        self.kind.occupants.retain(|o| o.occupancy > 0.0);
        Ok(self.kind)
    }
}

/// Finds what lies near a position without comparing it with everything: images by the bin of the cell
/// they lie in.
#[derive(Default)]
struct Places(HashMap<[i8; 3], Vec<(usize, [f64; 3])>>);

/// Bins along each axis. A bin is wider than the coarsest tolerance (0.015), so that two coordinates of
/// one atom lie in the same bin or in neighbours.
const BINS: i8 = 64;

impl Places {
    fn bin(position: [f64; 3]) -> [i8; 3] {
        position.map(|x| ((wrap(x) * f64::from(BINS)) as i8).min(BINS - 1))
    }

    fn add(&mut self, orbit: usize, images: &[[f64; 3]]) {
        for &image in images {
            self.0.entry(Self::bin(image)).or_default().push((orbit, image));
        }
    }

    /// The first orbit, in their order, one of whose images is the position's atom.
    fn find(
        &self,
        position: [f64; 3],
        centring: &[[f64; 3]],
        is_same: impl Fn(usize, [f64; 3]) -> bool,
    ) -> Option<usize> {
        let mut first: Option<usize> = None;
        for shift in centring {
            let bin = Self::bin(std::array::from_fn(|i| position[i] + shift[i]));
            for number in 0..27 {
                let offset = [number % 3 - 1, number / 3 % 3 - 1, number / 9 - 1];
                let near = std::array::from_fn(|i| (bin[i] + offset[i]).rem_euclid(BINS));
                for &(orbit, image) in self.0.get(&near).into_iter().flatten() {
                    if first.is_none_or(|first| orbit < first) && is_same(orbit, image) {
                        first = Some(orbit);
                    }
                }
            }
        }
        first
    }
}

/// Which positions are one, up to lattice translations and centring.
struct Nearness<'a> {
    metric: [[f64; 3]; 3],
    centring: &'a [[f64; 3]],
}

impl Nearness<'_> {
    /// `to − from`, brought near zero by a lattice or centring translation, if both are one atom.
    fn difference(&self, from: [f64; 3], to: [f64; 3], tolerance: f64) -> Option<[f64; 3]> {
        for shift in self.centring {
            let difference: [f64; 3] = std::array::from_fn(|i| {
                let raw = to[i] + shift[i] - from[i];
                raw - raw.round()
            });
            if difference.iter().any(|d| d.abs() > tolerance) {
                continue;
            }
            let length = crate::lattice::dot(
                difference,
                self.metric.map(|row| crate::lattice::dot(row, difference)),
            );
            if length <= MAX_MERGE_DISTANCE * MAX_MERGE_DISTANCE {
                return Some(difference);
            }
        }
        None
    }

    fn coincide(&self, a: [f64; 3], b: [f64; 3], tolerance: f64) -> bool {
        self.difference(a, b, tolerance).is_some()
    }

    /// The mean of the images that nearly coincide with a site: its special position.
    fn special_position(&self, site: &AsymmetricSite, cosets: &[Operation]) -> [f64; 3] {
        let mut shift = [0.0; 3];
        let mut count = 0.0;
        for operation in cosets {
            let image = operation.apply(site.position);
            if let Some(difference) = self.difference(site.position, image, site.tolerance) {
                for (sum, d) in shift.iter_mut().zip(difference) {
                    *sum += d;
                }
                count += 1.0;
            }
        }
        // The identity may be missing in a set that is no group.
        let count = f64::max(count, 1.0);
        std::array::from_fn(|i| wrap(site.position[i] + shift[i] / count))
    }

    /// The distinct images of a position.
    fn images(&self, position: [f64; 3], tolerance: f64, cosets: &[Operation]) -> Vec<[f64; 3]> {
        let mut images: Vec<[f64; 3]> = Vec::with_capacity(cosets.len());
        for operation in cosets {
            let image = operation.apply(position).map(wrap);
            if !images.iter().any(|&known| self.coincide(known, image, tolerance)) {
                images.push(image);
            }
        }
        images
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symmetry::{SpaceGroupHint, space_group_operations};

    fn site(symbol: &str, occupancy: f64, position: [f64; 3]) -> AsymmetricSite {
        let element = symbol.parse().expect("an element");
        AsymmetricSite {
            label: symbol.into(),
            occupant: Occupant { occupancy, ..Occupant::of(element) },
            position,
            tolerance: 2e-4,
            displacement_b: None,
        }
    }

    fn expand(group: &str, unit: &[AsymmetricSite]) -> Result<Structure, ExpandError> {
        let lattice = Lattice::from_parameters([8.0; 3], [90.0; 3]).expect("a lattice");
        let hint = SpaceGroupHint { hermann_mauguin: Some(group), ..Default::default() };
        let operations = space_group_operations(hint, &lattice).expect("a group");
        Structure::from_asymmetric_unit("s".into(), lattice, unit, &operations)
    }

    #[test]
    fn spinel_has_its_fifty_six_atoms() {
        let unit = [
            site("Li", 1.0, [0.125, 0.125, 0.125]),
            site("Mn", 1.0, [0.5, 0.5, 0.5]),
            // 0.2632 is rounded: 32 positions x, x, x, not 96 or 192.
            site("O", 1.0, [0.2632, 0.26319, 0.26321]),
        ];
        let spinel = expand("F d -3 m :2", &unit).expect("a structure");
        assert_eq!(spinel.formula(), "Li8Mn16O32");
        assert_eq!(spinel.reduced_formula(), "LiMn2O4");
        assert_eq!(spinel.sites().len(), 56);
        assert_eq!(spinel.primitive_sites().len(), 14);
        let oxygen = spinel.sites().iter().find(|s| s.kind == 2).expect("oxygen").position;
        assert!(oxygen.iter().all(|x| (x - 0.2632).abs() < 1e-12));
    }

    #[test]
    fn neighbours_across_the_edge_of_the_cell_are_found() {
        let unit = [
            site("Fe", 0.6, [0.99995, 0.5, 0.25]),
            site("Mn", 0.4, [0.00002, 0.49999, 0.25001]),
            site("O", 1.0, [0.4999, 0.015_624, 0.0]),
            site("O", 1.0, [0.5, 0.015_626, 0.99999]),
        ];
        assert_eq!(expand("P1", &unit).expect("a structure").formula(), "Fe0.6Mn0.4O");
    }

    #[test]
    fn crowds_of_sites_and_operations_are_refused_or_done_in_bounded_time() {
        let many = |n: u32| -> Vec<AsymmetricSite> {
            let at = |i: u32| {
                [
                    f64::from(i % 37) / 37.0,
                    f64::from(i / 37 % 37) / 37.0,
                    f64::from(i / 1369) / 37.0,
                ]
            };
            (0..n).map(|i| site("O", 1.0, at(i))).collect()
        };
        assert_eq!(expand("P1", &many(50_000)).expect("a structure").sites().len(), 50_000);
        assert!(matches!(expand("P1", &many(50_001)), Err(ExpandError::TooManySites { .. })));
        // Translations by the ten-thousandth that are no group, and some that would be a vast one.
        let lattice = Lattice::from_parameters([80.0; 3], [90.0; 3]).expect("a lattice");
        let shifts = |n: u32, step: f64| -> Vec<Operation> {
            let shift = |i: u32| [wrap(f64::from(i) * step), 0.0, 0.0];
            (0..n).map(|i| Operation { translation: shift(i), ..Operation::IDENTITY }).collect()
        };
        let expand = |n, step| {
            Structure::from_asymmetric_unit(
                "s".into(),
                lattice,
                &[site("O", 1.0, [0.1; 3])],
                &shifts(n, step),
            )
        };
        assert_eq!(expand(1000, 1e-3).expect("a structure").sites().len(), 1000);
        assert!(matches!(expand(100_000, 1e-5), Err(ExpandError::TooMany { .. })));
    }

    #[test]
    fn mixed_and_repeated_sites_share_a_position() {
        let unit = [
            site("Fe", 0.6, [0.0, 0.0, 0.0]),
            site("Mn", 0.4, [0.5, 0.5, 0.0]),
            site("O", 1.0, [0.5, 0.0, 0.0]),
            site("O", 1.0, [0.0, 0.5, 0.0]),
        ];
        let rocksalt = expand("Fm-3m", &unit).expect("a structure");
        assert_eq!(rocksalt.formula(), "Fe2.4Mn1.6O4");
        assert_eq!(rocksalt.kinds().len(), 2);
    }

    #[test]
    fn impossible_units_are_refused() {
        assert_eq!(expand("P1", &[]), Err(ExpandError::Empty));
        let error = expand("P1", &[site("Fe", 0.8, [0.0; 3]), site("Mn", 0.8, [0.0; 3])]);
        assert!(matches!(error, Err(ExpandError::Overfull { total, .. }) if total == 1.6));
        let error = expand("P1", &[site("Fe", 1.0, [f64::NAN, 0.0, 0.0])]);
        assert!(matches!(error, Err(ExpandError::Impossible { quantity: "coordinate", .. })));
        let error = expand("P1", &[site("Fe", -1.0, [0.0; 3])]);
        assert!(matches!(error, Err(ExpandError::Impossible { quantity: "occupancy", .. })));
    }

    #[test]
    fn rounded_occupancies_are_scaled_to_one() {
        let unit = [site("Fe", 0.5, [0.0; 3]), site("Mn", 0.502, [0.0; 3])];
        let structure = expand("P1", &unit).expect("a structure");
        let total: f64 = structure.kinds()[0].occupants.iter().map(|o| o.occupancy).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }
}
