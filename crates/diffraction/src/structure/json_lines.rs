//! Structures as JSON, one to a line.
//!
//! ```json
//! {"id": "mp-210", "lattice": [[…], […], […]], "species": ["Ba", …], "frac": [[…], …]}
//! ```
//! Lattice vectors are rows in Å, coordinates fractional; every atom of the cell is listed. Further
//! members (`formula`, `sg`, …) are passed over.

use serde::Deserialize;

use super::Structure;
use crate::lattice::LatticeError;
use crate::{Element, Lattice, UnknownElement};

/// Why a line is no structure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonLineError {
    /// It is not JSON, or has not the members.
    #[error("it is no structure: {0}")]
    Json(#[from] serde_json::Error),
    /// Not as many coordinates as species.
    #[error("it has {species} species and {coordinates} coordinates")]
    Lengths {
        /// Species.
        species: usize,
        /// Coordinates.
        coordinates: usize,
    },
    /// A coordinate that is no number of a sensible size.
    #[error("atom {atom} has the coordinate {found}")]
    Coordinate {
        /// Which atom, counted from 1.
        atom: usize,
        /// The value.
        found: f64,
    },
    /// A species that is no element.
    #[error(transparent)]
    Element(#[from] UnknownElement),
    /// The vectors are no lattice.
    #[error(transparent)]
    Cell(#[from] LatticeError),
}

#[derive(Deserialize)]
struct Line {
    #[serde(default, alias = "name")]
    id: String,
    lattice: [[f64; 3]; 3],
    species: Vec<String>,
    #[serde(alias = "coords")]
    frac: Vec<[f64; 3]>,
}

/// Reads one line; the structure is named by its `id`.
///
/// # Errors
/// When the line is no structure of that form.
pub fn read_json_line(text: &str) -> Result<Structure, JsonLineError> {
    let line: Line = serde_json::from_str(text)?;
    if line.species.len() != line.frac.len() || line.species.is_empty() {
        let (species, coordinates) = (line.species.len(), line.frac.len());
        return Err(JsonLineError::Lengths { species, coordinates });
    }
    let lattice = Lattice::from_rows(line.lattice)?;
    let mut atoms: Vec<(Element, [f64; 3])> = Vec::with_capacity(line.frac.len());
    for (at, (symbol, position)) in line.species.iter().zip(&line.frac).enumerate() {
        if let Some(&found) = position.iter().find(|x| x.is_nan() || x.abs() > 1e3) {
            return Err(JsonLineError::Coordinate { atom: at + 1, found });
        }
        atoms.push((symbol.parse()?, *position));
    }
    Ok(Structure::from_atoms(line.id, lattice, &atoms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"x","sg":225,"lattice":[[2.0,0,0],[0,2,0],[0,0,2]],"species":["Li","F"],"frac":[[0,0,0],[0.5,0.5,0.5]]}"#;

    #[test]
    fn a_line_is_a_structure() {
        let structure = read_json_line(LINE).expect("a structure");
        assert_eq!((structure.name.as_str(), structure.formula().as_str()), ("x", "LiF"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let error =
            |from: &str, to: &str| read_json_line(&LINE.replace(from, to)).expect_err("wrong");
        assert!(matches!(error("\"F\"", "\"Qq\""), JsonLineError::Element(_)));
        assert!(matches!(
            error(",\"F\"", ""),
            JsonLineError::Lengths { species: 1, coordinates: 2 }
        ));
        assert!(matches!(error("[0,2,0]", "[0,0,0]"), JsonLineError::Cell(_)));
        assert!(matches!(
            error("[0.5,0.5,0.5]", "[1e9,0,0]"),
            JsonLineError::Coordinate { atom: 2, .. }
        ));
        assert!(matches!(error("{", ""), JsonLineError::Json(_)));
    }
}
