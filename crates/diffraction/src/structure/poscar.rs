//! POSCAR: the structure format of VASP.

use super::Structure;
use crate::lattice::LatticeError;
use crate::{Element, Lattice};

/// The most atoms of a file.
const MAX_ATOMS: usize = 200_000;

/// Why a text is no POSCAR.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PoscarError {
    /// The text ends too early.
    #[error("it ends before {expected}")]
    Short {
        /// What should have come.
        expected: &'static str,
    },
    /// A line that should hold something else.
    #[error("line {line}: `{found}` is not {expected}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// The elements are nowhere named.
    #[error(
        "the elements are named neither above the numbers of atoms nor in the first line nor after the coordinates"
    )]
    NoElements,
    /// The vectors are no lattice.
    #[error(transparent)]
    Cell(#[from] LatticeError),
}

/// Reads a POSCAR or CONTCAR; the structure is named after the first line.
///
/// Versions 4 (elements in the first line or after the coordinates) and 5 (elements above their
/// numbers); a scale, a negative one being the volume, or three of them; direct and Cartesian
/// coordinates; selective dynamics are passed over.
///
/// # Errors
/// When a line does not hold what it should.
pub fn read_poscar(text: &str) -> Result<Structure, PoscarError> {
    let mut lines = Lines { lines: text.lines(), number: 0 };
    let title = lines.next("the title")?.trim();
    let lattice = read_lattice(&mut lines)?;
    let first = lines.next("the numbers of atoms")?;
    let named: Option<Vec<Element>> = first.split_whitespace().map(element).collect();
    let counts_line = match &named {
        Some(_) => lines.next("the numbers of atoms")?,
        None => first,
    };
    let counts: Option<Vec<usize>> = counts_line
        .split_whitespace()
        .map_while(|w| (!w.starts_with(['!', '#'])).then(|| w.parse().ok()))
        .collect();
    let counts = counts.filter(|c| {
        let total = c.iter().fold(0_usize, |sum, &n| sum.saturating_add(n));
        !c.is_empty() && (1..=MAX_ATOMS).contains(&total)
    });
    let counts = counts.ok_or_else(|| lines.wrong(counts_line, "a list of numbers of atoms"))?;
    let mut mode = lines.next("the kind of coordinates")?;
    if mode.trim_start().starts_with(['s', 'S']) {
        mode = lines.next("the kind of coordinates")?;
    }
    let is_cartesian = mode.trim_start().starts_with(['c', 'C', 'k', 'K']);
    let from_title: Option<Vec<Element>> = title.split_whitespace().map(element).collect();
    let per_kind = named.or(from_title).filter(|elements| elements.len() == counts.len());
    let mut atoms = Vec::new();
    for (kind, &count) in counts.iter().enumerate() {
        for _ in 0..count {
            let line = lines.next("the last coordinates")?;
            let position = lines.vector(line)?;
            let position = if is_cartesian { to_fractional(&lattice, position) } else { position };
            let written = || line.split_whitespace().skip(3).find_map(element);
            let known = per_kind.as_ref().map(|elements| elements[kind]);
            atoms.push((known.or_else(written).ok_or(PoscarError::NoElements)?, position));
        }
    }
    let (lattice, _) = lattice;
    Ok(Structure::from_atoms(title.to_owned(), lattice, &atoms))
}

/// The lattice and the scale of Cartesian coordinates.
fn read_lattice(lines: &mut Lines<'_>) -> Result<(Lattice, [f64; 3]), PoscarError> {
    let line = lines.next("the scale")?;
    let scales: Vec<f64> = line.split_whitespace().map_while(number).collect();
    let mut rows = [[0.0; 3]; 3];
    let bad_scale = lines.wrong(line, "a scale");
    for row in &mut rows {
        let line = lines.next("the lattice vectors")?;
        *row = lines.vector(line)?;
    }
    let scale = match scales[..] {
        [scale] if scale > 0.0 => [scale; 3],
        [volume] if volume < 0.0 => [(-volume / Lattice::from_rows(rows)?.volume()).cbrt(); 3],
        [x, y, z] if x > 0.0 && y > 0.0 && z > 0.0 => [x, y, z],
        _ => return Err(bad_scale),
    };
    let rows = rows.map(|row| std::array::from_fn(|i| row[i] * scale[i]));
    Ok((Lattice::from_rows(rows)?, scale))
}

fn to_fractional((lattice, scale): &(Lattice, [f64; 3]), cartesian: [f64; 3]) -> [f64; 3] {
    let scaled: [f64; 3] = std::array::from_fn(|i| cartesian[i] * scale[i]);
    // x_i = r · b_i, the reciprocal vectors b_i = Σ G*_ij a_j.
    let (metric, rows) = (lattice.reciprocal_metric(), lattice.rows());
    let along = rows.map(|row| crate::lattice::dot(scaled, row));
    metric.map(|row| crate::lattice::dot(row, along))
}

fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|x: &f64| x.is_finite() && x.abs() < 1e9)
}

/// An element, possibly with the suffix of a pseudopotential (`Li_sv`, `O/abc`).
fn element(word: &str) -> Option<Element> {
    let symbol = word.split(['_', '/', '.']).next().unwrap_or(word);
    symbol.parse().ok()
}

struct Lines<'a> {
    lines: std::str::Lines<'a>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self, expected: &'static str) -> Result<&'a str, PoscarError> {
        self.number += 1;
        self.lines.next().ok_or(PoscarError::Short { expected })
    }

    fn wrong(&self, line: &str, expected: &'static str) -> PoscarError {
        let found = line.trim().chars().take(60).collect();
        PoscarError::Line { line: self.number, found, expected }
    }

    fn vector(&self, line: &str) -> Result<[f64; 3], PoscarError> {
        let mut words = line.split_whitespace().map(number);
        let mut next = || words.next().flatten();
        match (next(), next(), next()) {
            (Some(x), Some(y), Some(z)) => Ok([x, y, z]),
            _ => Err(self.wrong(line, "three numbers")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_5: &str = "rock salt\n 1.0\n 0 2.82 2.82\n 2.82 0 2.82\n 2.82 2.82 0\n Na_pv Cl\n 1 1\n\
                             Selective dynamics\nDirect\n 0 0 0 T T T\n 0.5 0.5 0.5 F F F\n";

    #[test]
    fn versions_scales_and_coordinates_give_the_same_structure() {
        let plain = read_poscar(VERSION_5).expect("a structure");
        assert_eq!(plain.formula(), "NaCl");
        let cartesian = VERSION_5
            .replace("Direct\n 0 0 0", "Cartesian\n 0 0 0")
            .replace("0.5 0.5 0.5", "2.82 2.82 2.82");
        let volume = VERSION_5.replace(" 1.0\n", " -44.851536\n");
        let version_4 = VERSION_5.replace("rock salt", "Na Cl").replace(" Na_pv Cl\n", "");
        let trailing =
            VERSION_5.replace(" Na_pv Cl\n", "").replace("T T T", "Na").replace("F F F", "Cl");
        for text in [&cartesian, &volume, &version_4, &trailing] {
            let other = read_poscar(text).expect("a structure");
            assert_eq!(other.formula(), "NaCl", "{text}");
            assert!((other.lattice.volume() - plain.lattice.volume()).abs() < 1e-4);
            for (a, b) in other.sites().iter().zip(plain.sites()) {
                assert!(a.position.iter().zip(b.position).all(|(x, y)| (x - y).abs() < 1e-9));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let error = |from: &str, to: &str| {
            read_poscar(&VERSION_5.replacen(from, to, 1)).expect_err("wrong")
        };
        assert!(matches!(error("1.0", "zero"), PoscarError::Line { line: 2, .. }));
        assert!(matches!(error("2.82 0 2.82", "2.82 0"), PoscarError::Line { line: 4, .. }));
        assert!(matches!(error(" 1 1", " 1 -1"), PoscarError::Line { line: 7, .. }));
        assert!(matches!(error(" 1 1", " 1 99999999999"), PoscarError::Line { line: 7, .. }));
        assert!(matches!(error(" 0.5 0.5 0.5 F F F\n", ""), PoscarError::Short { .. }));
        assert!(matches!(error(" Na_pv Cl\n", ""), PoscarError::NoElements));
        assert!(matches!(error(" 0 2.82 2.82", " 2.82 0 2.82"), PoscarError::Cell(_)));
        assert!(matches!(read_poscar(""), Err(PoscarError::Short { .. })));
    }
}
