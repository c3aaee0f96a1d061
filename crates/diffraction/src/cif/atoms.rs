//! The atom-site loop of a data block.

use std::collections::HashMap;

use super::document::{Block, Document, Loop, Value, parse_number};
use super::error::CifError;
use super::species::{Species, formula_elements, species};
use crate::Element;
use crate::structure::{AsymmetricSite, Occupant};

/// Coordinates with many decimals are still compared no finer than this (fractional).
const FINEST_TOLERANCE: f64 = 1e-4;

/// Coordinates with few decimals are compared no coarser than this (fractional).
const COARSEST_TOLERANCE: f64 = 1.5e-2;

pub(super) const FRACTIONS: [&str; 3] =
    ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"];

/// Reads the atoms of a block; `None` when it has no loop of them.
pub(super) fn read(
    document: &Document<'_>,
    block: &Block<'_>,
) -> Result<Option<Vec<AsymmetricSite>>, CifError> {
    let Some(table) = block.find_loop(&FRACTIONS) else { return Ok(None) };
    let mut columns = [0; 3];
    for (column, tag) in columns.iter_mut().zip(FRACTIONS) {
        *column = table.column(&[tag]).ok_or_else(|| missing(block, tag))?;
    }
    let labels = table.column(&["_atom_site_label"]);
    let symbols = table.column(&["_atom_site_type_symbol"]);
    let Some(naming) = symbols.or(labels) else { return Err(missing(block, "_atom_site_label")) };
    let occupancies = table.column(&["_atom_site_occupancy"]);
    let formula = block.item(&["_chemical_formula_sum", "_chemical_formula_structural"]);
    let elements = formula.map(|f| formula_elements(f.text)).unwrap_or_default();
    let in_formula = |e: Element| (!elements.is_empty()).then(|| elements.contains(&e));
    let charges = charges(block, &in_formula);
    let displacement = Displacement::of(block, table);
    let mut atoms = Vec::with_capacity(table.values.len() / table.tags.len());
    for row in table.rows() {
        let name = &row[naming];
        let label = labels.map_or(name, |at| &row[at]);
        // A type symbol may be missing or say less than the label does.
        let found = species(name.text, in_formula).or_else(|| species(label.text, in_formula));
        let Some(found) = found else {
            if is_vacancy(name.text) {
                continue;
            }
            let at = document.position(name);
            return Err(CifError::Element { at, found: name.text.chars().take(60).collect() });
        };
        let mut position = [0.0; 3];
        let mut decimals = 0;
        for ((coordinate, &at), tag) in position.iter_mut().zip(&columns).zip(FRACTIONS) {
            let value = &row[at];
            if value.is_absent() {
                let (at, label) = (document.position(value), label.text.chars().take(60).collect());
                return Err(CifError::NoCoordinate { at, label, tag });
            }
            *coordinate = number(document, value, tag)?;
            decimals = decimals.max(precision(value.text));
        }
        let occupancy = match occupancies.map(|at| &row[at]) {
            Some(value) if !value.is_absent() => number(document, value, "_atom_site_occupancy")?,
            _ => 1.0,
        };
        if occupancy == 0.0 {
            continue;
        }
        let charge = found.charge.or_else(|| charges.get(name.text).copied());
        let Species { element, isotope, .. } = found;
        let tolerance = 2.0 * 10_f64.powi(-decimals);
        atoms.push(AsymmetricSite {
            label: label.text.to_owned(),
            occupant: Occupant { element, occupancy, charge, isotope },
            position,
            tolerance: tolerance.clamp(FINEST_TOLERANCE, COARSEST_TOLERANCE),
            displacement_b: displacement.of_atom(row, label.text),
        });
    }
    Ok(Some(atoms))
}

/// Symbols that files give to empty positions.
fn is_vacancy(symbol: &str) -> bool {
    ["Vac", "Va", "X", "□", "."].iter().any(|known| symbol.eq_ignore_ascii_case(known))
}

fn missing(block: &Block<'_>, tag: &'static str) -> CifError {
    CifError::Missing { block: block.name.chars().take(60).collect(), tag }
}

pub(super) fn number(
    document: &Document<'_>,
    value: &Value<'_>,
    tag: &'static str,
) -> Result<f64, CifError> {
    parse_number(value.text).ok_or_else(|| CifError::NotANumber {
        at: document.position(value),
        tag,
        found: value.text.chars().take(60).collect(),
    })
}

/// Digits after the decimal point; many for a fraction, which is exact.
fn precision(text: &str) -> i32 {
    if text.contains('/') {
        return 12;
    }
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count().min(12) as i32
}

/// Oxidation states by type symbol.
fn charges<'a>(
    block: &Block<'a>,
    in_formula: &impl Fn(Element) -> Option<bool>,
) -> HashMap<&'a str, f64> {
    let tags = ["_atom_type_oxidation_number"];
    let Some(table) = block.find_loop(&tags) else { return HashMap::new() };
    let (Some(symbols), Some(numbers)) =
        (table.column(&["_atom_type_symbol"]), table.column(&tags))
    else {
        return HashMap::new();
    };
    // Of a symbol that is listed twice the first entry counts: `collect` keeps the last.
    table
        .rows()
        .rev()
        .filter(|row| species(row[symbols].text, in_formula).is_some())
        .filter_map(|row| Some((row[symbols].text, parse_number(row[numbers].text)?)))
        .filter(|(_, charge)| charge.abs() <= 10.0)
        .collect()
}

/// Where displacement factors stand.
struct Displacement<'a> {
    b_iso: Option<usize>,
    u_iso: Option<usize>,
    /// The mean of the diagonal of U, as B, by label.
    anisotropic: HashMap<&'a str, f64>,
}

/// B = 8π²U.
const B_OF_U: f64 = 8.0 * std::f64::consts::PI * std::f64::consts::PI;

impl<'a> Displacement<'a> {
    fn of(block: &Block<'a>, table: &Loop<'a>) -> Self {
        let b_iso = table.column(&["_atom_site_B_iso_or_equiv"]);
        let u_iso = table.column(&["_atom_site_U_iso_or_equiv"]);
        let diagonal = |scale, tags: [&str; 3]| {
            let table = block.find_loop(&tags[..1])?;
            let label = table.column(&["_atom_site_aniso_label"])?;
            let mut columns = [0; 3];
            for (column, tag) in columns.iter_mut().zip(tags) {
                *column = table.column(&[tag])?;
            }
            let mean = |row: &[Value<'_>]| {
                let mut sum = 0.0;
                for column in columns {
                    sum += parse_number(row[column].text)?;
                }
                Some(scale * sum / 3.0)
            };
            let rows = table.rows().rev();
            Some(rows.filter_map(|row| Some((row[label].text, mean(row)?))).collect())
        };
        let u = ["_atom_site_aniso_U_11", "_atom_site_aniso_U_22", "_atom_site_aniso_U_33"];
        let b = ["_atom_site_aniso_B_11", "_atom_site_aniso_B_22", "_atom_site_aniso_B_33"];
        let anisotropic = diagonal(B_OF_U, u).or_else(|| diagonal(1.0, b)).unwrap_or_default();
        Self { b_iso, u_iso, anisotropic }
    }

    /// B of an atom, Å²; values that are no number are taken for not given.
    fn of_atom(&self, row: &[Value<'_>], label: &str) -> Option<f64> {
        let given = |column: Option<usize>| column.and_then(|at| parse_number(row[at].text));
        given(self.b_iso)
            .or_else(|| given(self.u_iso).map(|u| B_OF_U * u))
            .or_else(|| self.anisotropic.get(label).copied())
    }
}
