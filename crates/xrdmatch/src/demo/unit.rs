//! Structures as the tables of the demonstration write them down.

#[cfg(test)]
use diffraction::Element;
use diffraction::structure::{AsymmetricSite, Occupant};
use diffraction::symmetry::{Operation, SpaceGroupHint, space_group_operations};
use diffraction::{Lattice, Structure};
use serde::Deserialize;

/// How far apart, in fractional coordinates, two images of a site may lie and still be one atom.
///
/// Forgives the rounding of thirds (ten digits) and of coordinates such as 0.1667; no site of the
/// tables lies closer than 0.002 to a special position that it does not occupy.
const SAME_ATOM: f64 = 1e-4;

/// Cell lengths (Å) and angles (degrees); what the crystal system fixes may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cell {
    a: f64,
    b: Option<f64>,
    c: Option<f64>,
    beta: Option<f64>,
}

impl Cell {
    /// The lattice of the cell in the standard setting of a space group above 2, every length
    /// multiplied by `scale`.
    pub(super) fn lattice(&self, space_group: u8, scale: f64) -> Lattice {
        let b = self.b.unwrap_or(self.a);
        let c = self.c.unwrap_or(self.a);
        let gamma = if (143..=194).contains(&space_group) { 120.0 } else { 90.0 };
        let lengths = [self.a, b, c].map(|length| length * scale);
        Lattice::from_parameters(lengths, [90.0, self.beta.unwrap_or(90.0), gamma])
            .expect("the cells of the demonstration are possible ones")
    }
}

/// One Wyckoff position and what sits there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    /// Multiplicity and letter, such as `24d`.
    pub(super) wyckoff: String,
    /// Fractional coordinates of one of the equivalent points.
    pub(super) at: [f64; 3],
    /// The species that share it; their occupancies sum to at most 1.
    pub(super) occupants: Vec<Occupant>,
}

/// The operations of a space group in its standard setting (unique axis b, cell choice 1, hexagonal
/// axes, origin choice 2).
pub(super) fn standard_operations(space_group: u8, lattice: &Lattice) -> Vec<Operation> {
    let hint = SpaceGroupHint { number: Some(i32::from(space_group)), ..Default::default() };
    space_group_operations(hint, lattice).expect("the space groups of the demonstration exist")
}

/// Every atom of the cell; the kinds of the structure are the positions, in their order.
pub(super) fn structure(
    name: &str,
    lattice: Lattice,
    operations: &[Operation],
    positions: &[Position],
) -> Structure {
    let sites: Vec<AsymmetricSite> = positions
        .iter()
        .flat_map(|position| {
            position.occupants.iter().map(|&occupant| AsymmetricSite {
                label: position.wyckoff.clone(),
                occupant,
                position: position.at,
                tolerance: SAME_ATOM,
                displacement_b: None,
            })
        })
        .collect();
    Structure::from_asymmetric_unit(name.to_owned(), lattice, &sites, operations)
        .expect("the structures of the demonstration are possible ones")
}

/// What a list such as `Ti 0.85, Al 0.15` says; an amount that is left out is 1.
pub(super) fn amounts(text: &str) -> impl Iterator<Item = (&str, f64)> {
    text.split(',').map(|part| {
        let part = part.trim();
        match part.split_once(' ') {
            Some((what, amount)) => (what, amount.trim().parse().expect("occupancies are numbers")),
            None => (part, 1.0),
        }
    })
}

#[cfg(test)]
pub(super) mod checks {
    use super::{Element, Position, Structure};

    /// Elements and amounts of a formula without brackets, such as `Li1.3Al0.3Ti1.7P3O12`.
    pub(super) fn composition(formula: &str) -> Vec<(Element, f64)> {
        let mut parts: Vec<(Element, f64)> = Vec::new();
        let mut rest = formula;
        while !rest.is_empty() {
            let symbol =
                rest[1..].find(|c: char| !c.is_ascii_lowercase()).map_or(rest.len(), |at| at + 1);
            let amount = rest[symbol..]
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .map_or(rest.len(), |at| symbol + at);
            let element = rest[..symbol].parse().expect("formulas hold elements");
            let count = match &rest[symbol..amount] {
                "" => 1.0,
                number => number.parse().expect("formulas hold numbers"),
            };
            parts.push((element, count));
            rest = &rest[amount..];
        }
        parts
    }

    /// The largest difference between the amounts of a formula and those of a cell, per formula
    /// unit.
    pub(in crate::demo) fn formula_deviation(structure: &Structure, formula: &str) -> f64 {
        let (found, stated) = (structure.composition(), composition(formula));
        let total = |parts: &[(Element, f64)]| parts.iter().map(|p| p.1).sum::<f64>();
        let units = total(&found) / total(&stated);
        let stated_amount = |element| {
            stated.iter().filter(|part| part.0 == element).map(|part| part.1).sum::<f64>()
        };
        assert!(stated.iter().all(|part| found.iter().any(|f| f.0 == part.0)), "{formula}");
        found
            .iter()
            .map(|&(element, amount)| (amount / units - stated_amount(element)).abs())
            .fold(0.0, f64::max)
    }

    /// Every position has as many atoms as its Wyckoff symbol says.
    pub(in crate::demo) fn assert_multiplicities(structure: &Structure, positions: &[Position]) {
        let name = &structure.name;
        assert_eq!(structure.kinds().len(), positions.len(), "{name}: positions that coincide");
        for (kind, position) in positions.iter().enumerate() {
            let stated: usize = position
                .wyckoff
                .trim_end_matches(|c: char| c.is_ascii_alphabetic())
                .parse()
                .expect("a multiplicity");
            let found = structure.sites().iter().filter(|site| site.kind as usize == kind).count();
            assert_eq!(found, stated, "{name}, {}", position.wyckoff);
        }
    }

    /// The shortest distance (Å) between atoms of two sites of which at least one pair must be
    /// occupied together: the occupancies sum to more than `together`.
    pub(in crate::demo) fn shortest_distance(structure: &Structure, together: f64) -> f64 {
        let occupancy: Vec<f64> = structure
            .kinds()
            .iter()
            .map(|kind| kind.occupants.iter().map(|occupant| occupant.occupancy).sum())
            .collect();
        let sites = structure.sites();
        let mut shortest = f64::INFINITY;
        for (i, one) in sites.iter().enumerate() {
            for other in &sites[..i] {
                if occupancy[one.kind as usize] + occupancy[other.kind as usize] > together {
                    let distance =
                        super::super::prototype::distance(structure, one.position, other.position);
                    shortest = shortest.min(distance);
                }
            }
        }
        shortest
    }
}

#[cfg(test)]
mod tests {
    use super::checks::composition;
    use super::*;

    #[test]
    fn formulas_and_site_contents_are_read() {
        let read: Vec<(String, f64)> = composition("Li0.34La0.51TiO2.94")
            .into_iter()
            .map(|(element, amount)| (element.symbol().to_owned(), amount))
            .collect();
        let expected = [("Li", 0.34), ("La", 0.51), ("Ti", 1.0), ("O", 2.94)];
        assert_eq!(read, expected.map(|(symbol, amount)| (symbol.to_owned(), amount)));
        assert_eq!(amounts("Ti 0.85, Al 0.15").collect::<Vec<_>>(), [("Ti", 0.85), ("Al", 0.15)]);
        assert_eq!(amounts("O").collect::<Vec<_>>(), [("O", 1.0)]);
    }
}
