//! Compounds made from structure types by substitution.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::ops::RangeInclusive;

use diffraction::Structure;

use super::ion::{Ion, Radii};
use super::prototype::{Content, Prototype, PrototypeSite, prototypes};
use super::unit::{self, Position};

/// An ion fits a site when its shortest distance to an ion of the other sign, divided by the sum of
/// the two radii, lies in this range.
///
/// The reference compounds themselves lie between 0.90 and 1.07. Outside the range a real compound
/// would take another structure.
const FITS: RangeInclusive<f64> = 0.82..=1.22;

/// Charges that cancel to this are balanced: forgives the rounding of occupancies such as 0.3333333.
const NEUTRAL: f64 = 1e-3;

/// A compound that a structure type and a choice of ions make.
#[derive(Debug, Clone)]
pub struct Substituted {
    /// Structure type and formula, such as `rocksalt-LiF`; unique.
    pub name: String,
    /// The chemical formula.
    pub formula: String,
    /// The structure type.
    pub prototype: String,
    /// The crystal, in a cell scaled by ionic radii.
    pub structure: Structure,
}

/// Which ion plays each role.
type Choice = BTreeMap<char, Ion>;

/// The unlabelled compounds, in the order of the table of structure types.
///
/// # Panics
/// Never: the tables are part of the program and read whole by a test.
#[must_use]
pub fn unlabeled() -> Vec<Substituted> {
    let radii = Radii::embedded();
    let mut names = HashSet::new();
    let mut compounds = Vec::new();
    for prototype in prototypes() {
        for choice in choices(&prototype) {
            if charge(&prototype, &choice).abs() > NEUTRAL {
                continue;
            }
            let scale = scale(&prototype, &choice, &radii);
            if !fits(&prototype, &choice, &radii, scale) {
                continue;
            }
            let formula = formula(&prototype, &choice);
            let name = format!("{}-{formula}", prototype.id);
            // Two distributions of charge over the same elements are one compound.
            if names.insert(name.clone()) {
                let structure = structure(&prototype, &choice, scale, &name);
                let prototype = prototype.id.clone();
                compounds.push(Substituted { name, formula, prototype, structure });
            }
        }
    }
    compounds
}

/// Every choice of ions for the roles, the last role varying fastest.
fn choices(prototype: &Prototype) -> Vec<Choice> {
    let mut choices = vec![Choice::new()];
    for (&role, ions) in &prototype.roles {
        choices = choices
            .iter()
            .flat_map(|choice| {
                ions.iter().map(|&ion| {
                    let mut next = choice.clone();
                    next.insert(role, ion);
                    next
                })
            })
            .collect();
    }
    choices
}

/// The ions of a site under a choice, with their occupancies.
fn ions<'a>(site: &'a PrototypeSite, choice: &'a Choice) -> impl Iterator<Item = (Ion, f64)> + 'a {
    site.contents.iter().map(|&(content, occupancy)| match content {
        Content::Ion(ion) => (ion, occupancy),
        Content::Role(role) => (choice[&role], occupancy),
    })
}

/// The charge of the cell, in elementary charges.
fn charge(prototype: &Prototype, choice: &Choice) -> f64 {
    let of_site = |site: &PrototypeSite| {
        let charge: f64 = ions(site, choice).map(|(ion, o)| f64::from(ion.charge) * o).sum();
        f64::from(site.multiplicity) * charge
    };
    prototype.sites.iter().map(of_site).sum()
}

/// By how much the lengths of the cell grow: the ratio of the mean bond lengths.
///
/// The sum over all bonds of r(cation) + r(anion) is the sum over all ions of coordination number
/// times radius, whichever ions are bonded; so the ratio needs no list of bonds.
fn scale(prototype: &Prototype, choice: &Choice, radii: &Radii) -> f64 {
    let mut new = 0.0;
    let mut reference = 0.0;
    for site in &prototype.sites {
        let weight = f64::from(site.multiplicity) * f64::from(site.coordination);
        let sum = |ion, occupancy: f64| weight * occupancy * radii.radius(ion, site.coordination);
        new += ions(site, choice).map(|(ion, o)| sum(ion, o)).sum::<f64>();
        reference += site.reference.iter().map(|&(ion, o)| sum(ion, o)).sum::<f64>();
    }
    new / reference
}

/// Whether every cation has the room that it needs, and no more.
fn fits(prototype: &Prototype, choice: &Choice, radii: &Radii, scale: f64) -> bool {
    // Mean radius of what shares a site, and its sign.
    let sizes: Vec<(f64, bool)> = prototype
        .sites
        .iter()
        .map(|site| {
            let mut total = 0.0;
            let mut radius = 0.0;
            let mut cation = false;
            for (ion, occupancy) in ions(site, choice) {
                total += occupancy;
                radius += occupancy * radii.radius(ion, site.coordination);
                cation = ion.charge > 0;
            }
            (radius / total, cation)
        })
        .collect();
    let distances = &prototype.distances;
    sizes.iter().enumerate().filter(|(_, size)| size.1).all(|(from, size)| {
        let closest = sizes
            .iter()
            .enumerate()
            .filter(|(_, other)| !other.1)
            .map(|(to, other)| distances[from][to] * scale / (size.0 + other.0))
            .fold(f64::INFINITY, f64::min);
        FITS.contains(&closest)
    })
}

/// The formula, elements in the order of the structure type, each once.
fn formula(prototype: &Prototype, choice: &Choice) -> String {
    let mut amounts: Vec<(&str, f64)> = Vec::new();
    for (part, amount) in &prototype.formula {
        let role = part.chars().next().filter(|_| part.len() == 1).and_then(|c| choice.get(&c));
        let symbol = role.map_or(part.as_str(), |ion| ion.element.symbol());
        match amounts.iter_mut().find(|(known, _)| *known == symbol) {
            Some((_, sum)) => *sum += amount,
            None => amounts.push((symbol, *amount)),
        }
    }
    let mut text = String::new();
    for (symbol, amount) in amounts {
        text += symbol;
        if amount != 1.0 {
            write!(text, "{amount}").expect("writing to a string");
        }
    }
    text
}

fn structure(prototype: &Prototype, choice: &Choice, scale: f64, name: &str) -> Structure {
    let positions: Vec<Position> =
        prototype.sites.iter().map(|site| site.position(ions(site, choice))).collect();
    let lattice = prototype.cell.lattice(prototype.space_group, scale);
    unit::structure(name, lattice, &prototype.operations, &positions)
}

#[cfg(test)]
mod tests {
    use super::super::unit::checks::{formula_deviation, shortest_distance};
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn there_are_thousands_and_each_is_named_once() {
        let compounds = unlabeled();
        let names: HashSet<&str> = compounds.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names.len(), compounds.len());
        assert!(compounds.len() >= 2000, "{}", compounds.len());
        assert!(names.contains("rocksalt-LiF"));
        assert!(names.contains("olivine-LiMnPO4"));
        assert!(names.contains("garnet-li7-Li7La3Zr2O12"));
    }

    #[test]
    fn every_prototype_makes_compounds() {
        let compounds = unlabeled();
        for prototype in prototypes() {
            let made = compounds.iter().filter(|c| c.prototype == prototype.id).count();
            assert!(made >= 3, "{} makes {made}", prototype.id);
        }
    }

    #[test]
    fn every_formula_is_that_of_its_structure_and_holds_lithium() {
        unlabeled().par_iter().for_each(|compound| {
            let deviation = formula_deviation(&compound.structure, &compound.formula);
            assert!(deviation < 2e-3, "{}: {deviation}", compound.name);
            assert!(compound.formula.starts_with("Li") || compound.formula.contains("Li"));
        });
    }

    #[test]
    fn no_substitution_pushes_atoms_into_each_other() {
        unlabeled().par_iter().for_each(|compound| {
            let shortest = shortest_distance(&compound.structure, 1.35);
            // The shortest real bonds here: B–O 1.47 Å (LiBO2), P–O 1.53 Å.
            assert!(shortest > 1.3, "{}: {shortest} Å", compound.name);
        });
    }

    #[test]
    fn the_reference_compound_keeps_its_cell() {
        let compounds = unlabeled();
        for (name, a) in [
            ("rocksalt-LiF", 4.0173),
            ("olivine-LiFePO4", 10.332),
            ("nasicon-LiTi2P3O12", 8.511),
            ("layered-LiCoO2", 2.8161),
            ("spinel-LiMn2O4", 8.2476),
        ] {
            let compound = compounds.iter().find(|c| c.name == name).expect(name);
            let found = compound.structure.lattice.parameters().0[0];
            assert!((found - a).abs() < 1e-9, "{name}: {found}");
        }
    }

    #[test]
    fn scaled_cells_are_near_measured_ones() {
        // Measured: Wyckoff 1963 for the halides, Geller 1960 for LiMnPO4, and others.
        let compounds = unlabeled();
        for (name, a) in [
            ("rocksalt-LiCl", 5.130),
            ("rocksalt-LiBr", 5.501),
            ("antifluorite-Li2S", 5.708),
            ("layered-LiNiO2", 2.878),
            ("layered-LiCrO2", 2.896),
            ("olivine-LiMnPO4", 10.431),
            ("nasicon-LiGe2P3O12", 8.276),
            ("elpasolite-Cs2LiLuCl6", 10.42),
            ("garnet-li5-Li5La3Nb2O12", 12.80),
        ] {
            let compound = compounds.iter().find(|c| c.name == name).expect(name);
            let found = compound.structure.lattice.parameters().0[0];
            assert!((found / a - 1.0).abs() < 0.06, "{name}: {found} instead of {a}");
        }
    }
}
