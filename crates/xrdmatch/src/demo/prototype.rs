//! Structure types with roles in place of ions.

use std::collections::BTreeMap;

use diffraction::Structure;
use diffraction::structure::Occupant;
use diffraction::symmetry::Operation;
use serde::Deserialize;

use super::ion::Ion;
use super::unit::{self, Cell, Position};

/// A structure type: sites that hold fixed ions or roles, and the cell of one compound of it.
pub(super) struct Prototype {
    /// First part of the names of its compounds.
    pub(super) id: String,
    pub(super) space_group: u8,
    pub(super) cell: Cell,
    /// Elements or roles with their amounts, in the order of formulas.
    pub(super) formula: Vec<(String, f64)>,
    pub(super) sites: Vec<PrototypeSite>,
    /// The ions that may play each role, each once.
    pub(super) roles: BTreeMap<char, Vec<Ion>>,
    pub(super) operations: Vec<Operation>,
    /// Shortest distance (Å) from each site to each site in the reference cell.
    pub(super) distances: Vec<Vec<f64>>,
}

/// One Wyckoff position of a structure type.
pub(super) struct PrototypeSite {
    pub(super) wyckoff: String,
    pub(super) multiplicity: u16,
    pub(super) at: [f64; 3],
    /// Contents with occupancies.
    pub(super) contents: Vec<(Content, f64)>,
    /// What sits there in the compound that the cell belongs to.
    pub(super) reference: Vec<(Ion, f64)>,
    /// How many neighbours of the other sign the site has.
    pub(super) coordination: u8,
}

/// What a site holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Content {
    /// The same in every compound.
    Ion(Ion),
    /// To be chosen.
    Role(char),
}

/// All structure types, in the order of the table.
pub(super) fn prototypes() -> Vec<Prototype> {
    let table: Table =
        toml::from_str(include_str!("prototypes.toml")).expect("the table of prototypes is valid");
    let Table { sets, prototype } = table;
    prototype.into_iter().map(|entry| entry.into_prototype(&sets)).collect()
}

impl PrototypeSite {
    /// The site with its reference ions.
    fn reference_position(&self) -> Position {
        self.position(self.reference.iter().copied())
    }

    /// The site with given ions.
    pub(super) fn position(&self, ions: impl Iterator<Item = (Ion, f64)>) -> Position {
        let occupants = ions
            .map(|(ion, occupancy)| Occupant {
                occupancy,
                charge: Some(f64::from(ion.charge)),
                ..Occupant::of(ion.element)
            })
            .collect();
        Position { wyckoff: self.wyckoff.clone(), at: self.at, occupants }
    }
}

/// Shortest distance (Å) between two points of a crystal and any of their lattice translates.
pub(super) fn distance(structure: &Structure, from: [f64; 3], to: [f64; 3]) -> f64 {
    let difference: [f64; 3] = std::array::from_fn(|i| {
        let raw = to[i] - from[i];
        raw - raw.round()
    });
    let mut shortest = f64::INFINITY;
    for shift in 0..27_u8 {
        let moved: [f64; 3] =
            std::array::from_fn(|i| difference[i] + f64::from(shift / [1, 3, 9][i] % 3) - 1.0);
        let length = structure.lattice.to_cartesian(moved).iter().map(|x| x * x).sum::<f64>();
        // Not the point itself.
        if length > 1e-6 {
            shortest = shortest.min(length.sqrt());
        }
    }
    shortest
}

fn nearest_distances(structure: &Structure) -> Vec<Vec<f64>> {
    let kinds = structure.kinds().len();
    let of_kind =
        |kind: usize| structure.sites().iter().filter(move |site| site.kind as usize == kind);
    (0..kinds)
        .map(|from| {
            let origin = of_kind(from).next().expect("a kind has a site").position;
            (0..kinds)
                .map(|to| {
                    of_kind(to)
                        .map(|site| distance(structure, origin, site.position))
                        .fold(f64::INFINITY, f64::min)
                })
                .collect()
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sets: BTreeMap<String, Vec<String>>,
    prototype: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    space_group: u8,
    cell: Cell,
    #[expect(dead_code, reason = "for readers of the table")]
    source: String,
    formula: Vec<String>,
    sites: Vec<SiteEntry>,
    roles: BTreeMap<char, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteEntry {
    wyckoff: String,
    at: [f64; 3],
    ions: String,
    coordination: u8,
    reference: String,
}

impl Entry {
    fn into_prototype(self, sets: &BTreeMap<String, Vec<String>>) -> Prototype {
        let mut roles: BTreeMap<char, Vec<Ion>> = BTreeMap::new();
        for (role, choices) in &self.roles {
            let ions = roles.entry(*role).or_default();
            for choice in choices {
                for ion in sets.get(choice).unwrap_or(&vec![choice.clone()]) {
                    let ion = ion.parse().expect("roles are played by ions or sets of them");
                    if !ions.contains(&ion) {
                        ions.push(ion);
                    }
                }
            }
        }
        let sites: Vec<PrototypeSite> =
            self.sites.into_iter().map(|site| site.into_site(&roles)).collect();
        let formula = self.formula.iter().map(|part| split_amount(part)).collect();
        let lattice = self.cell.lattice(self.space_group, 1.0);
        let operations = unit::standard_operations(self.space_group, &lattice);
        let positions: Vec<Position> =
            sites.iter().map(PrototypeSite::reference_position).collect();
        let reference = unit::structure(&self.name, lattice, &operations, &positions);
        Prototype {
            id: self.id,
            space_group: self.space_group,
            cell: self.cell,
            formula,
            distances: nearest_distances(&reference),
            sites,
            roles,
            operations,
        }
    }
}

impl SiteEntry {
    fn into_site(self, roles: &BTreeMap<char, Vec<Ion>>) -> PrototypeSite {
        let content = |token: &str| match token.parse() {
            Ok(ion) => Content::Ion(ion),
            Err(()) => {
                let role = token.chars().next().expect("a site holds something");
                assert!(token.len() == 1 && roles.contains_key(&role), "`{token}` is no role");
                Content::Role(role)
            }
        };
        let multiplicity = self.wyckoff.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        PrototypeSite {
            multiplicity: multiplicity.parse().expect("a Wyckoff symbol starts with a number"),
            at: self.at,
            contents: unit::amounts(&self.ions).map(|(t, amount)| (content(t), amount)).collect(),
            reference: unit::amounts(&self.reference)
                .map(|(ion, amount)| (ion.parse().expect("references are ions"), amount))
                .collect(),
            coordination: self.coordination,
            wyckoff: self.wyckoff,
        }
    }
}

/// `Li2` → `Li`, 2.
fn split_amount(part: &str) -> (String, f64) {
    let digits = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
    let amount = match &part[digits..] {
        "" => 1.0,
        number => number.parse().expect("formulas hold numbers"),
    };
    (part[..digits].to_owned(), amount)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::unit::checks::{assert_multiplicities, shortest_distance};
    use super::*;

    fn reference(prototype: &Prototype) -> (Structure, Vec<Position>) {
        let positions: Vec<Position> =
            prototype.sites.iter().map(PrototypeSite::reference_position).collect();
        let lattice = prototype.cell.lattice(prototype.space_group, 1.0);
        let structure = unit::structure(&prototype.id, lattice, &prototype.operations, &positions);
        (structure, positions)
    }

    #[test]
    fn every_prototype_has_its_multiplicities_and_no_short_distance() {
        for prototype in prototypes() {
            let (structure, positions) = reference(&prototype);
            assert_multiplicities(&structure, &positions);
            let shortest = shortest_distance(&structure, 1.35);
            assert!(shortest > 1.5, "{}: {shortest} Å", prototype.id);
        }
    }

    #[test]
    fn every_reference_is_neutral() {
        for prototype in prototypes() {
            let charge: f64 = prototype
                .sites
                .iter()
                .map(|site| {
                    let per_site: f64 = site
                        .reference
                        .iter()
                        .map(|&(ion, occupancy)| f64::from(ion.charge) * occupancy)
                        .sum();
                    f64::from(site.multiplicity) * per_site
                })
                .sum();
            assert!(charge.abs() < 1e-3, "{}: {charge}", prototype.id);
        }
    }

    #[test]
    fn prototypes_are_named_once() {
        let prototypes = prototypes();
        let ids: HashSet<&str> = prototypes.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids.len(), prototypes.len());
    }
}
