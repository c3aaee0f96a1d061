//! Ions and their radii.

use std::collections::HashMap;
use std::str::FromStr;

use diffraction::Element;

/// An element with a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ion {
    /// The element.
    pub(super) element: Element,
    /// The charge, in elementary charges; never 0.
    pub(super) charge: i8,
}

impl FromStr for Ion {
    type Err = ();

    /// Reads `Li+`, `Ti4+`, `O2-`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (rest, sign) = match text.strip_suffix('+') {
            Some(rest) => (rest, 1),
            None => (text.strip_suffix('-').ok_or(())?, -1),
        };
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let size: i8 = match &rest[digits..] {
            "" => 1,
            number => number.parse().map_err(drop)?,
        };
        let element = rest[..digits].parse().map_err(drop)?;
        if size == 0 { Err(()) } else { Ok(Self { element, charge: sign * size }) }
    }
}

/// Ionic radii by coordination number, Å.
///
/// Shannon's effective ionic radii (Acta Crystallogr. A 32, 751, 1976); Pauling's for the anions
/// that Shannon does not list.
pub(super) struct Radii {
    by_ion: HashMap<Ion, Vec<(u8, f64)>>,
}

impl Radii {
    /// The table inside the program.
    pub(super) fn embedded() -> Self {
        let mut by_ion: HashMap<Ion, Vec<(u8, f64)>> = HashMap::new();
        let table = include_str!("radii.csv");
        for line in table.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let mut cells = line.split(',');
            let mut cell = || cells.next().expect("radii have four columns");
            let ion = cell().parse().expect("the first column is an ion");
            let coordination = cell().parse().expect("the second is a coordination number");
            let radius = cell().parse().expect("the third is a radius");
            by_ion.entry(ion).or_default().push((coordination, radius));
        }
        Self { by_ion }
    }

    /// The radius of an ion (Å) in a coordination; where the table lacks it, that in the nearest
    /// tabulated coordination, the lower of two.
    pub(super) fn radius(&self, ion: Ion, coordination: u8) -> f64 {
        let listed = self.by_ion.get(&ion).expect("every ion of the demonstration has a radius");
        let nearest = listed.iter().min_by_key(|(n, _)| (n.abs_diff(coordination), *n));
        nearest.expect("an ion is listed with at least one radius").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ions_are_read_with_their_charge() {
        let charge = |text: &str| text.parse::<Ion>().map(|ion| ion.charge);
        assert_eq!(charge("Li+"), Ok(1));
        assert_eq!(charge("Ti4+"), Ok(4));
        assert_eq!(charge("O2-"), Ok(-2));
        for wrong in ["Li", "Xx+", "4+", "", "+", "Ti0+"] {
            assert_eq!(wrong.parse::<Ion>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_coordination_stands_in_for_a_missing_one() {
        let radii = Radii::embedded();
        let radius = |ion: &str, n| radii.radius(ion.parse().expect("an ion"), n);
        assert_eq!(radius("Li+", 4), 0.59);
        assert_eq!(radius("Li+", 6), 0.76);
        // 4 and 6 are listed, 5 is not: the lower one.
        assert_eq!(radius("Li+", 5), 0.59);
        assert_eq!(radius("Cl-", 12), 1.81);
    }

    #[test]
    fn radii_grow_with_coordination() {
        for (ion, listed) in &Radii::embedded().by_ion {
            for &(n, r) in listed {
                assert!((0.0..2.5).contains(&r), "{ion:?}");
                assert!(listed.iter().all(|&(m, s)| m <= n || s >= r - 0.041), "{ion:?}");
            }
        }
    }
}
