//! Lattice planes of a known structure.

use std::path::Path;

use diffraction::simulate::{Recipe, Wavelength, simulate};
use diffraction::structure::StructureReader;
use serde::{Deserialize, Serialize};

use super::ExplainError;

/// A family of lattice planes and its peak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planes {
    /// Miller indices.
    pub hkl: [i32; 3],
    /// Angle, degrees two-theta.
    pub two_theta: f64,
    /// Spacing, Å.
    pub d: f64,
    /// Calculated intensity; the strongest peak has 100.
    pub intensity: f64,
}

/// The lattice planes of the first structure of a file (CIF, POSCAR or lines of JSON).
///
/// # Errors
/// If the file cannot be read or its structure not be simulated.
pub fn planes_of(path: &Path, wavelength: Wavelength) -> Result<Vec<Planes>, ExplainError> {
    let first = StructureReader::open(path)?.next();
    let structure = first.ok_or_else(|| ExplainError::NoStructure { path: path.to_owned() })??;
    let recipe = Recipe { wavelength, ..Recipe::paper() };
    let peaks = simulate(&structure, &recipe)
        .map_err(|source| ExplainError::Simulate { path: path.to_owned(), source })?;
    let planes = |peak: &diffraction::simulate::Peak| Planes {
        hkl: peak.hkl,
        two_theta: peak.two_theta,
        d: peak.d,
        intensity: peak.intensity,
    };
    Ok(peaks.iter().map(planes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_come_from_the_first_structure_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("POSCAR");
        let salt =
            "CsCl\n1.0\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n";
        std::fs::write(&path, salt).unwrap();
        let planes = planes_of(&path, Wavelength::CU_KA).unwrap();
        let strongest = planes.iter().find(|planes| planes.intensity == 100.0).unwrap();
        assert_eq!(strongest.hkl, [1, 1, 0]);
        assert!((strongest.d - 4.12 / 2f64.sqrt()).abs() < 1e-9);
        let absent = planes_of(&directory.path().join("absent"), Wavelength::CU_KA);
        assert!(matches!(absent, Err(ExplainError::Structure(_))));
    }
}
