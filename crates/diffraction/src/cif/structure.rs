//! Structures out of the data blocks of a CIF.

use super::atoms;
use super::document::{Block, Document, decode, parse_number};
use super::error::CifError;
use super::species::formula_amounts;
use crate::symmetry::{Operation, SpaceGroupHint, space_group_settings};
use crate::{Element, Lattice, Structure};

const LENGTHS: [&str; 3] = ["_cell_length_a", "_cell_length_b", "_cell_length_c"];
const ANGLES: [&str; 3] = ["_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma"];
const OPERATIONS: [&str; 3] = [
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop_operation_xyz",
    "_space_group_symop_magn_operation_xyz",
];
const HALL: [&str; 2] = ["_symmetry_space_group_name_Hall", "_space_group_name_Hall"];
const HERMANN_MAUGUIN: [&str; 3] =
    ["_symmetry_space_group_name_H-M", "_space_group_name_H-M_alt", "_space_group_name_H-M_full"];
const NUMBER: [&str; 2] = ["_symmetry_Int_Tables_number", "_space_group_IT_number"];

/// Reads every structure of a CIF: one for each data block that has atoms, named after the block.
///
/// # Errors
/// When the bytes are no CIF, when no block has atoms, or when the atoms, the cell or the symmetry
/// of one that has are incomplete or impossible.
pub fn read(bytes: &[u8]) -> Result<Vec<Structure>, CifError> {
    let text = decode(bytes)?;
    let document = Document::parse(&text)?;
    let mut structures = Vec::new();
    for block in &document.blocks {
        structures.extend(read_block(&document, block)?);
    }
    if structures.is_empty() { Err(CifError::NoAtoms) } else { Ok(structures) }
}

fn read_block(document: &Document<'_>, block: &Block<'_>) -> Result<Option<Structure>, CifError> {
    let Some(atoms) = atoms::read(document, block)? else { return Ok(None) };
    let name = || block.name.chars().take(60).collect::<String>();
    let lattice = Lattice::from_parameters(
        numbers(document, block, LENGTHS, None)?,
        numbers(document, block, ANGLES, Some(90.0))?,
    )
    .map_err(|source| CifError::Cell { block: name(), source })?;
    let build = |operations: &[Operation]| {
        Structure::from_asymmetric_unit(block.name.to_owned(), lattice, &atoms, operations)
            .map_err(|source| CifError::Atoms { block: name(), source })
    };
    let settings = operations(document, block, &lattice)?;
    // A named group may leave the origin open: then the file's formula decides, if it can.
    let formula = block.item(&["_chemical_formula_sum"]).and_then(|f| formula_amounts(f.text));
    if let (Some(formula), true) = (formula, settings.len() > 1) {
        let fitting = settings.iter().find_map(|operations| {
            build(operations).ok().filter(|structure| has_formula(structure, &formula))
        });
        if fitting.is_some() {
            return Ok(fitting);
        }
    }
    build(&settings[0]).map(Some)
}

/// How far the ratio of an element's amount in the cell to that in the formula may be from the
/// others', relatively: what forgives rounded occupancies.
const SAME_RATIO: f64 = 0.02;

/// Whether a cell holds the elements of a formula in its proportions; hydrogen, which many files
/// leave out, does not count.
fn has_formula(structure: &Structure, formula: &[(Element, f64)]) -> bool {
    let composition = structure.composition();
    let ratios: Option<Vec<f64>> = formula
        .iter()
        .filter(|(element, amount)| element.number() != 1 && *amount > 0.0)
        .map(|(element, amount)| {
            let found = composition.iter().find(|(known, _)| known == element);
            found.map(|(_, in_cell)| in_cell / amount)
        })
        .collect();
    let Some(ratios) = ratios else { return false };
    let (least, most) =
        ratios.iter().fold((f64::MAX, 0.0_f64), |(l, m), &ratio| (l.min(ratio), m.max(ratio)));
    most - least <= SAME_RATIO * most
}

/// Three numbers of the cell; angles that are not given are right ones.
fn numbers(
    document: &Document<'_>,
    block: &Block<'_>,
    tags: [&'static str; 3],
    default: Option<f64>,
) -> Result<[f64; 3], CifError> {
    let mut found = [0.0; 3];
    for (number, tag) in found.iter_mut().zip(tags) {
        *number = match (block.item(&[tag]).filter(|value| !value.is_absent()), default) {
            (Some(value), _) => atoms::number(document, value, tag)?,
            (None, Some(default)) => default,
            (None, None) => {
                let block = block.name.chars().take(60).collect();
                return Err(CifError::Missing { block, tag });
            }
        };
    }
    Ok(found)
}

/// The operations of a block: those it lists, else those of the settings of the group it names, else
/// the identity; at least one set.
fn operations(
    document: &Document<'_>,
    block: &Block<'_>,
    lattice: &Lattice,
) -> Result<Vec<Vec<Operation>>, CifError> {
    let listed = block.find_loop(&OPERATIONS).and_then(|table| {
        let column = table.column(&OPERATIONS)?;
        Some(table.rows().map(move |row| &row[column]).collect::<Vec<_>>())
    });
    let listed = listed.or_else(|| block.item(&OPERATIONS).map(|value| vec![value]));
    let listed: Vec<_> =
        listed.unwrap_or_default().into_iter().filter(|value| !value.is_absent()).collect();
    if !listed.is_empty() {
        let read: Result<Vec<Operation>, CifError> = listed
            .into_iter()
            .map(|value| {
                Operation::parse(value.text).map_err(|error| CifError::Operation {
                    at: document.position(value),
                    found: error.0,
                })
            })
            .collect();
        return Ok(vec![read?]);
    }
    let text = |tags: &[&str]| block.item(tags).filter(|v| !v.is_absent()).map(|v| v.text.trim());
    let number = text(&NUMBER).and_then(parse_number).map(|n| n as i32);
    let (hall, hermann_mauguin) = (text(&HALL), text(&HERMANN_MAUGUIN));
    let hint = SpaceGroupHint { hall, hermann_mauguin, number };
    let named = hall.or(hermann_mauguin).map(str::to_owned).or(number.map(|n| n.to_string()));
    let settings = space_group_settings(hint, lattice);
    match named {
        _ if !settings.is_empty() => Ok(settings),
        None => Ok(vec![vec![Operation::IDENTITY]]),
        Some(found) => {
            let block = block.name.chars().take(60).collect();
            Err(CifError::SpaceGroup { block, found: found.chars().take(60).collect() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROCKSALT: &str = "data_x _cell_length_a 5.64(1) _cell_length_b 5.64 _cell_length_c 5.64\n\
        _cell_angle_alpha 90 _cell_angle_beta 90 _cell_angle_gamma 90\n\
        _symmetry_space_group_name_H-M 'F m -3 m'\n\
        loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n\
        _atom_site_occupancy _atom_site_U_iso_or_equiv\n\
        Na1 0 0 0 1. 0.01 Cl1 0.5(1) 1/2 .5 ? ?\n";

    #[test]
    fn symmetry_by_name_number_and_operations_gives_the_same_atoms() {
        let by_name = read(ROCKSALT.as_bytes()).expect("a structure").remove(0);
        assert_eq!(by_name.formula(), "Na4Cl4");
        let b = by_name.kinds()[0].displacement_b.expect("given");
        assert!((b - 0.789_568).abs() < 1e-6);
        assert_eq!(by_name.kinds()[1].displacement_b, None);
        let number = ROCKSALT
            .replace("_symmetry_space_group_name_H-M 'F m -3 m'", "_space_group.IT_number 225");
        assert_eq!(read(number.as_bytes()).expect("a structure")[0], by_name);
    }

    #[test]
    fn the_formula_decides_where_the_symbol_leaves_the_origin_open() {
        // Silicon in either origin choice of Fd-3m, and spinel's oxygen with it.
        let spinel = |tetrahedral: &str, octahedral: &str, oxygen: &str| {
            let text = format!(
                "data_x _cell_length_a 8.08 _cell_length_b 8.08 _cell_length_c 8.08\n\
                 _chemical_formula_sum 'Al2 Mg O4' _symmetry_space_group_name_H-M 'F d -3 m'\n\
                 loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n\
                 Mg1 {tetrahedral} {tetrahedral} {tetrahedral}\n\
                 Al1 {octahedral} {octahedral} {octahedral} O1 {oxygen} {oxygen} {oxygen}\n"
            );
            read(text.as_bytes()).expect("a structure").remove(0).formula()
        };
        assert_eq!(spinel("0.125", "0.5", "0.2624"), "Mg8Al16O32");
        assert_eq!(spinel("0", "0.625", "0.3874"), "Mg8Al16O32");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |from: &str, to: &str| {
            assert!(ROCKSALT.contains(from), "{from}");
            read(ROCKSALT.replace(from, to).as_bytes()).expect_err("wrong")
        };
        assert!(matches!(
            error("_cell_length_a", "_cell_a"),
            CifError::Missing { tag: "_cell_length_a", .. }
        ));
        assert!(matches!(error("5.64(1)", "-5"), CifError::Cell { .. }));
        assert!(
            matches!(error("5.64(1)", "five"), CifError::NotANumber { at, .. } if at.line == 1)
        );
        assert!(matches!(error("'F m -3 m'", "'Q 1'"), CifError::SpaceGroup { .. }));
        assert!(matches!(error("Cl1", "Qq1"), CifError::Element { at, .. } if at.line == 6));
        assert!(
            matches!(error("0.5(1)", "?"), CifError::NoCoordinate { label, .. } if label == "Cl1")
        );
        assert!(matches!(error("1. 0.01", "7 0.01"), CifError::Atoms { .. }));
        assert!(matches!(error("_atom_site_fract_z", "_atom_site_z"), CifError::Missing { .. }));
        assert_eq!(read(b"data_a _b c").expect_err("no atoms"), CifError::NoAtoms);
        let operations = "_symmetry_equiv_pos_as_xyz 'x,y'";
        let found = error("_symmetry_space_group_name_H-M 'F m -3 m'", operations);
        assert!(matches!(found, CifError::Operation { .. }));
    }
}
