//! The labelled compounds: structures and conductivities from the literature.

use diffraction::Structure;
use diffraction::structure::Occupant;
use serde::Deserialize;

use super::unit::{self, Cell, Position};

/// The conductivity (S/cm) from which a compound counts as superionic, label 0; that of the
/// published files.
pub const SUPERIONIC_CONDUCTIVITY: f64 = 5e-5;

/// A compound with a structure and a conductivity.
#[derive(Debug, Clone)]
pub struct Compound {
    /// Short, unique and lower-case, such as `gamma-li3po4`.
    pub id: String,
    /// What a chemist calls it.
    pub name: String,
    /// The composition of `structure` per formula unit, such as `Li1.3Al0.3Ti1.7P3O12`.
    pub formula: String,
    /// The kind of structure, such as `garnet`.
    pub family: String,
    /// Number of the space group.
    pub space_group: u8,
    /// The crystal.
    pub structure: Structure,
    /// Ionic conductivity near 298 K, S/cm.
    pub conductivity: f64,
    /// Whether `conductivity` is a value or a bound.
    pub value: Value,
    /// Where the free coordinates come from.
    pub coordinates: Coordinates,
    /// Where the structure is published.
    pub structure_reference: String,
    /// Where the conductivity is published.
    pub conductivity_reference: String,
    /// What else one must know: total or bulk, scatter between laboratories, models.
    pub note: String,
    #[cfg(test)]
    positions: Vec<Position>,
}

/// What a conductivity stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Measured at, or extrapolated to, room temperature.
    Measured,
    /// The true figure is at or below it.
    #[serde(rename = "upper bound")]
    UpperBound,
}

/// Where the free coordinates of a structure come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coordinates {
    /// There are none: symmetry fixes every position.
    Fixed,
    /// Published for this compound.
    Published,
    /// Published for another compound of the same structure type, which the note names.
    Isotypic,
}

impl Compound {
    /// The class: 0 from [`SUPERIONIC_CONDUCTIVITY`] on, else 1.
    #[must_use]
    pub fn label(&self) -> u8 {
        u8::from(self.conductivity < SUPERIONIC_CONDUCTIVITY)
    }
}

/// The labelled compounds, in the order of the table in `docs/demo.md`.
///
/// # Panics
/// Never: the table is part of the program and read whole by a test.
#[must_use]
pub fn labeled() -> Vec<Compound> {
    let table: Table =
        toml::from_str(include_str!("compounds.toml")).expect("the table of compounds is valid");
    table.compound.into_iter().map(Entry::into_compound).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    compound: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    formula: String,
    family: String,
    space_group: u8,
    cell: Cell,
    sites: Vec<SiteEntry>,
    conductivity: f64,
    value: Value,
    coordinates: Coordinates,
    structure_reference: String,
    conductivity_reference: String,
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteEntry {
    wyckoff: String,
    at: [f64; 3],
    atoms: String,
}

impl Entry {
    fn into_compound(self) -> Compound {
        let positions: Vec<Position> = self.sites.iter().map(SiteEntry::position).collect();
        let lattice = self.cell.lattice(self.space_group, 1.0);
        let operations = unit::standard_operations(self.space_group, &lattice);
        let structure = unit::structure(&self.name, lattice, &operations, &positions);
        Compound {
            id: self.id,
            name: self.name,
            formula: self.formula,
            family: self.family,
            space_group: self.space_group,
            structure,
            conductivity: self.conductivity,
            value: self.value,
            coordinates: self.coordinates,
            structure_reference: self.structure_reference,
            conductivity_reference: self.conductivity_reference,
            note: self.note,
            #[cfg(test)]
            positions,
        }
    }
}

impl SiteEntry {
    fn position(&self) -> Position {
        let occupants = unit::amounts(&self.atoms)
            .map(|(symbol, occupancy)| {
                let element = symbol.parse().expect("sites hold elements");
                Occupant { occupancy, ..Occupant::of(element) }
            })
            .collect();
        Position { wyckoff: self.wyckoff.clone(), at: self.at, occupants }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write;

    use super::super::unit::checks::{assert_multiplicities, formula_deviation, shortest_distance};
    use super::*;

    #[test]
    fn every_formula_is_recovered_from_the_occupancies() {
        for compound in labeled() {
            let deviation = formula_deviation(&compound.structure, &compound.formula);
            assert!(deviation < 2e-3, "{}: {deviation}", compound.id);
        }
    }

    #[test]
    fn every_site_has_its_stated_multiplicity() {
        for compound in labeled() {
            assert_multiplicities(&compound.structure, &compound.positions);
        }
    }

    #[test]
    fn atoms_that_occur_together_keep_their_distance() {
        for compound in labeled() {
            let shortest = shortest_distance(&compound.structure, 1.35);
            let has = |symbol: &str| compound.formula.contains(symbol);
            // N–H 0.82 Å (as X-rays see it), C–O 1.27 Å, B–N 1.34 Å, P–O 1.48 Å; else Si–O 1.59 Å.
            let limit = match () {
                () if has("NH") || has("BH") || has("AlH") => 0.8,
                () if has("C") || has("B") => 1.2,
                () if has("P") => 1.45,
                () => 1.55,
            };
            assert!(shortest > limit, "{}: {shortest} Å", compound.id);
        }
    }

    #[test]
    fn labels_follow_the_threshold_and_bounds_lie_below_it() {
        let compounds = labeled();
        for compound in &compounds {
            assert_eq!(compound.label() == 0, compound.conductivity >= 5e-5, "{}", compound.id);
            assert!((1e-20..1.0).contains(&compound.conductivity), "{}", compound.id);
            if compound.value == Value::UpperBound {
                assert_eq!(compound.label(), 1, "{}: a bound tells no superionic", compound.id);
            }
        }
        let superionic = compounds.iter().filter(|compound| compound.label() == 0).count();
        assert!(superionic >= 15 && compounds.len() - superionic >= 35);
    }

    #[test]
    fn compounds_are_named_once_and_have_their_references() {
        let compounds = labeled();
        let ids: HashSet<&str> = compounds.iter().map(|compound| compound.id.as_str()).collect();
        assert_eq!(ids.len(), compounds.len());
        for compound in &compounds {
            assert_eq!(compound.id, compound.id.to_lowercase());
            for reference in [&compound.structure_reference, &compound.conductivity_reference] {
                let year = (1900..2030).any(|year| reference.contains(&format!("({year})")));
                assert!(year, "{}: `{reference}` has no year", compound.id);
            }
            if compound.coordinates == Coordinates::Isotypic {
                let named = ["oordinates of", "Framework coordinates"];
                assert!(named.iter().any(|n| compound.note.contains(n)), "{}", compound.id);
            }
        }
    }

    /// `XRDMATCH_UPDATE_DOCS=1` writes the table anew.
    #[test]
    fn the_document_lists_every_compound() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/demo.md");
        let document = std::fs::read_to_string(path).expect("docs/demo.md");
        let (start, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
        let (head, rest) = document.split_once(start).expect("the table begins");
        let (_, tail) = rest.split_once(end).expect("the table ends");
        let expected = format!("{head}{start}{}{end}{tail}", table());
        if std::env::var_os("XRDMATCH_UPDATE_DOCS").is_some() {
            std::fs::write(path, expected).expect("docs/demo.md is written");
        } else {
            assert!(document == expected, "docs/demo.md is stale: set XRDMATCH_UPDATE_DOCS=1");
        }
    }

    fn table() -> String {
        let mut text = String::from(
            "| compound | family | space group | σ, S/cm | label | coordinates | structure | conductivity | note |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for compound in labeled() {
            let bound = if compound.value == Value::UpperBound { "≤ " } else { "" };
            let coordinates = match compound.coordinates {
                Coordinates::Fixed => "fixed",
                Coordinates::Published => "published",
                Coordinates::Isotypic => "isotypic",
            };
            writeln!(
                text,
                "| {} | {} | {} | {bound}{:.1e} | {} | {coordinates} | {} | {} | {} |",
                compound.name,
                compound.family,
                compound.space_group,
                compound.conductivity,
                compound.label(),
                compound.structure_reference,
                compound.conductivity_reference,
                compound.note,
            )
            .expect("writing to a string");
        }
        text
    }
}
