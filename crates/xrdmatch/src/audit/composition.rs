//! Formulas as people write them, and what their compositions say.

use std::collections::BTreeMap;

use super::patterns::source;
use super::{Finding, Source, Table};

/// Share of all charges by which a formula may be out of balance: forgives rounded occupancies.
const CHARGE_TOLERANCE: f64 = 0.02;
/// Atomic shares are compared to this: forgives rounded occupancies too.
const SHARE_STEP: f64 = 1e-3;

/// Elements with their lowest and highest common oxidation state, and how they behave: `-` lends
/// itself to be an anion, `+` never does, `~` does unless a stronger one is there.
const ELEMENTS: &str = "H-1+1- He0+0+ Li1+1+ Be2+2+ B-3+3~ C-4+4- N-3+5- O-2-1- F-1-1- Ne0+0+ Na1+1+ \
     Mg2+2+ Al1+3+ Si-4+4~ P-3+5- S-2+6- Cl-1+7- Ar0+0+ K1+1+ Ca2+2+ Sc3+3+ Ti2+4+ V2+5+ Cr2+6+ \
     Mn2+7+ Fe2+6+ Co2+4+ Ni2+4+ Cu1+3+ Zn2+2+ Ga1+3+ Ge-4+4~ As-3+5- Se-2+6- Br-1+7- Kr0+2+ \
     Rb1+1+ Sr2+2+ Y3+3+ Zr2+4+ Nb2+5+ Mo2+6+ Tc4+7+ Ru2+8+ Rh1+4+ Pd2+4+ Ag1+3+ Cd2+2+ In1+3+ \
     Sn-4+4~ Sb-3+5~ Te-2+6- I-1+7- Xe0+8+ Cs1+1+ Ba2+2+ La3+3+ Ce3+4+ Pr3+4+ Nd2+3+ Pm3+3+ Sm2+3+ \
     Eu2+3+ Gd3+3+ Tb3+4+ Dy2+3+ Ho3+3+ Er3+3+ Tm2+3+ Yb2+3+ Lu3+3+ Hf2+4+ Ta2+5+ W2+6+ Re2+7+ \
     Os2+8+ Ir1+6+ Pt2+4+ Au-1+3~ Hg1+2+ Tl1+3+ Pb-4+4~ Bi-3+5~ Po-2+4~ At-1+7- Rn0+2+ Fr1+1+ \
     Ra2+2+ Ac3+3+ Th3+4+ Pa3+5+ U3+6+ Np3+7+ Pu3+6+ Am3+6+ Cm3+4+ Bk3+4+ Cf3+3+";

#[derive(Clone, Copy)]
struct Element {
    lowest: f64,
    highest: f64,
    behaviour: u8,
}

fn element(symbol: &str) -> Option<Element> {
    let entry = ELEMENTS.split_whitespace().find(|entry| {
        entry.strip_prefix(symbol).is_some_and(|rest| !rest.starts_with(|c: char| c.is_lowercase()))
    })?;
    let states = &entry.as_bytes()[symbol.len()..];
    let (behaviour, states) = states.split_last()?;
    let states = std::str::from_utf8(states).ok()?;
    let cut = 1 + states[1..].find(['+', '-'])?;
    let (lowest, highest) = (states[..cut].parse().ok()?, states[cut..].parse().ok()?);
    Some(Element { lowest, highest, behaviour: *behaviour })
}

/// Numbers of atoms by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    atoms: BTreeMap<String, f64>,
}

impl Composition {
    /// Reads a formula such as `Li(AlSi3O8)`, `Li6.5Si0.5P1.5O8` or `b_Li3PS4(EES)`: nested round
    /// and square brackets, decimal numbers, hydrates after `·` or `*`. What is written around the
    /// formula is taken off: bracketed remarks at its end that are no formula, and a name of the
    /// phase before an underscore. `None` where nothing is left that can be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_suffix(')').and_then(|inner| inner.rsplit_once('('));
        let candidates = [
            Some(text),
            bare.map(|(bare, _)| bare),
            text.rsplit_once('_').map(|(_, last)| last),
            bare.and_then(|(bare, _)| bare.rsplit_once('_')).map(|(_, last)| last),
        ];
        candidates.into_iter().flatten().find_map(Self::read)
    }

    fn read(text: &str) -> Option<Self> {
        let mut atoms = BTreeMap::new();
        for part in text.split(['·', '*', '•']) {
            let mut reader = Reader { rest: part.trim() };
            let factor =
                if part.starts_with(|c: char| c.is_ascii_digit()) { reader.number()? } else { 1.0 };
            for (symbol, count) in reader.group(0)? {
                *atoms.entry(symbol).or_insert(0.0) += factor * count;
            }
            if !reader.rest.is_empty() {
                return None;
            }
        }
        atoms.retain(|_, count| *count > 0.0);
        (!atoms.is_empty()).then_some(Self { atoms })
    }

    /// Each element's share of the atoms, in alphabetical order.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        let total: f64 = self.atoms.values().sum();
        self.atoms.iter().map(move |(symbol, count)| (symbol.as_str(), count / total))
    }

    /// The same for all formulas of one composition: elements in alphabetical order, with their
    /// shares of the atoms in thousandths.
    #[must_use]
    pub fn key(&self) -> Vec<(&str, u32)> {
        let total: f64 = self.atoms.values().sum();
        let share = |count: &f64| (count / total / SHARE_STEP).round() as u32;
        self.atoms.iter().map(|(symbol, count)| (symbol.as_str(), share(count))).collect()
    }

    /// The least and the largest sum of charges by common oxidation states, where these cannot
    /// balance. Metalloids count as cations as soon as there is a stronger anion; metals always do,
    /// so that a compound of them alone, which is no ionic conductor, does not balance either.
    #[must_use]
    pub fn imbalance(&self) -> Option<[f64; 2]> {
        let elements: Vec<(Element, f64)> = self
            .atoms
            .iter()
            .map(|(symbol, count)| Some((element(symbol)?, *count)))
            .collect::<Option<_>>()?;
        let strong = elements.iter().any(|(element, _)| element.behaviour == b'-');
        let (mut least, mut largest, mut size) = (0.0, 0.0, 0.0);
        for (element, count) in elements {
            let cation = strong && element.behaviour == b'~';
            let lowest = if cation { element.lowest.max(1.0) } else { element.lowest };
            least += count * lowest;
            largest += count * element.highest;
            size += count * lowest.abs().max(element.highest.abs());
        }
        let tolerance = CHARGE_TOLERANCE * size;
        (least > tolerance || largest < -tolerance).then_some([least, largest])
    }
}

impl std::fmt::Display for Composition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (symbol, count) in &self.atoms {
            match (count * 1e3).round() / 1e3 {
                1.0 => write!(f, "{symbol}")?,
                count => write!(f, "{symbol}{count}")?,
            }
        }
        Ok(())
    }
}

/// Brackets are not nested deeper in any formula that is one.
const DEEPEST: usize = 8;

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<f64> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        digits.parse().ok().filter(|number: &f64| number.is_finite() && *number < 1e6)
    }

    /// A count where there is one, 1 otherwise.
    fn count(&mut self) -> Option<f64> {
        if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            self.number()
        } else {
            Some(1.0)
        }
    }

    fn group(&mut self, depth: usize) -> Option<Vec<(String, f64)>> {
        let mut atoms = Vec::new();
        while let Some(first) = self.rest.chars().next() {
            if first == '(' || first == '[' {
                self.rest = &self.rest[1..];
                let inner = (depth < DEEPEST).then(|| self.group(depth + 1))??;
                let closing = if first == '(' { ')' } else { ']' };
                self.rest = self.rest.strip_prefix(closing)?;
                let count = self.count()?;
                atoms.extend(inner.into_iter().map(|(symbol, own)| (symbol, own * count)));
            } else if first.is_ascii_uppercase() {
                let second = self.rest[1..].starts_with(|c: char| c.is_ascii_lowercase());
                let (symbol, rest) = self.rest.split_at(1 + usize::from(second));
                // Deuterium is hydrogen here.
                let symbol = if symbol == "D" { "H" } else { symbol };
                element(symbol)?;
                self.rest = rest;
                atoms.push((symbol.to_owned(), self.count()?));
            } else {
                break;
            }
        }
        (!atoms.is_empty()).then_some(atoms)
    }
}

/// A composition with the samples that have it and their formulas.
type Rows = (Composition, Vec<(Source, String)>);

pub(super) fn findings(tables: &[Table<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // By the key of the composition.
    let mut rows: BTreeMap<Vec<(String, u32)>, Rows> = BTreeMap::new();
    for table in tables {
        for (number, row) in table.rows.iter().enumerate() {
            let (Some(text), Some(0 | 1)) = (row.formula, row.label) else { continue };
            let (sample, formula) = (source(table, number), text.to_owned());
            let Some(composition) = Composition::parse(text) else {
                findings.push(Finding::UnreadableFormula { sample, formula });
                continue;
            };
            if let Some(charge) = composition.imbalance() {
                let (sample, formula) = (sample.clone(), formula.clone());
                findings.push(Finding::UnbalancedFormula { sample, formula, charge });
            }
            let key = composition.key().into_iter().map(|(s, n)| (s.to_owned(), n)).collect();
            rows.entry(key).or_insert((composition, Vec::new())).1.push((sample, formula));
        }
    }
    for (composition, samples) in rows.into_values().filter(|(_, samples)| samples.len() > 1) {
        let composition = composition.to_string();
        let first = samples[0].0.label;
        findings.push(if samples.iter().any(|(sample, _)| sample.label != first) {
            Finding::MixedComposition { composition, samples }
        } else {
            Finding::RepeatedComposition { composition, samples }
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        Composition::parse(text).map_or_else(|| "nothing".into(), |found| found.to_string())
    }

    #[test]
    fn formulas_are_read_as_people_write_them() {
        for (text, expected) in [
            ("Li(AlSi3O8)", "AlLiO8Si3"),
            ("Li4(BH4)(NH2)3", "BH10Li4N3"),
            ("a_Li6NBr3", "Br3Li6N"),
            ("tetragonal_Li7La3Zr2O12", "La3Li7O12Zr2"),
            ("Li7(P3S11)(EES)", "Li7P3S11"),
            ("b_Li3BiO3(nc_error)", "BiLi3O3"),
            ("Li6.5Si0.5P1.5O8", "Li6.5O8P1.5Si0.5"),
            ("LiCl·2H2O", "ClH4LiO2"),
            ("[Li(NH3)4]2Se", "H24Li2N8Se"),
            ("Co", "Co"),
            ("CO", "CO"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for bad in [
            "",
            "   ",
            "hello",
            "Li3Xx",
            "Li(PO4",
            "Li)",
            "()",
            "Li0",
            "_",
            "Li3..2",
            "((((((((((Li))))))))))",
        ] {
            assert_eq!(read(bad), "nothing", "{bad}");
        }
    }

    #[test]
    fn one_composition_has_one_key_however_it_is_written() {
        let key = |text: &str| format!("{:?}", Composition::parse(text).unwrap().key());
        assert_eq!(key("b_Li3PS4"), key("Li6(PS4)2"));
        assert_eq!(key("Li7La3Zr2O12"), key("tetragonal_O12Zr2La3Li7"));
        assert_ne!(key("Li3PS4"), key("Li7P3S11"));
    }

    #[test]
    fn charges_that_cannot_balance_are_found() {
        for balanced in [
            "Li10GeP2S12",
            "LiAlH4",
            "Li4(BH4)(NH2)3",
            "Li2O2",
            "LiIO3",
            "LiBiO2",
            "Li4P2S6",
            "Li3P",
            "Li0.87Hf2.032P3O12",
            "Li9.81Sn0.81P2.19S12",
            "Li15Si4",
            "Li3N",
            "Li6FeCl8",
            "Li5NI2",
        ] {
            assert_eq!(Composition::parse(balanced).unwrap().imbalance(), None, "{balanced}");
        }
        for broken in ["Li2.667Mg0.667", "Li15Ge3V2O4", "Li14.8Ge3.4W0.6O4", "Li3O", "LiIr"] {
            assert!(Composition::parse(broken).unwrap().imbalance().is_some(), "{broken}");
        }
    }

    #[test]
    fn every_element_can_be_found() {
        assert_eq!(ELEMENTS.split_whitespace().count(), 98);
        for entry in ELEMENTS.split_whitespace() {
            let symbol = entry.split(['+', '-', '~']).next().unwrap();
            let symbol = symbol.trim_end_matches(|c: char| c.is_ascii_digit());
            assert!(element(symbol).is_some(), "{entry}");
        }
        assert!(element("").is_none() && element("X").is_none() && element("L").is_none());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[A-Za-z0-9().\\[\\]·*_ é-]{0,30}") {
            if let Some(found) = Composition::parse(&text) {
                let _ = (found.key(), found.imbalance(), found.to_string());
            }
        }
    }
}
