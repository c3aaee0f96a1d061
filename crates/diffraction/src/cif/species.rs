//! Which element a type symbol or an atom label means.

use crate::Element;

/// A species as a file writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Species {
    pub(super) element: Element,
    pub(super) charge: Option<f64>,
    pub(super) isotope: Option<u16>,
}

/// Reads a type symbol or a label: `Fe3+`, `O2-`, `Li1`, `FE2`, `D`, `OW1`, `Wat`.
///
/// Two letters are tried before one. Where the second is a capital, as in `CO1`, the file's formula
/// decides: `in_formula` says whether it names an element.
pub(super) fn species(text: &str, in_formula: impl Fn(Element) -> Option<bool>) -> Option<Species> {
    let text = text.trim();
    let letters: &str = &text[..text.bytes().take_while(u8::is_ascii_alphabetic).count()];
    let rest = &text[letters.len()..];
    let of = |element| Some(Species { element, charge: charge(rest), isotope: None });
    let named = |symbol: &str| Element::from_symbol(symbol).and_then(of);
    // Water and hydroxide oxygen, in the spellings that occur.
    match letters {
        "Wat" | "wat" | "WAT" | "Ow" | "OW" | "OH" | "Oh" => return named("O"),
        "Hw" | "HW" => return named("H"),
        _ => {}
    }
    let one = letters.get(..1)?;
    let isotope = match one {
        "D" | "d" => Some(2),
        "T" => Some(3),
        _ => None,
    };
    let heavy_hydrogen = || {
        let hydrogen = named("H")?;
        isotope.map(|isotope| Species { isotope: Some(isotope), ..hydrogen })
    };
    let Some(two) = letters.get(..2) else {
        return heavy_hydrogen().or_else(|| named(one));
    };
    let second_is_capital = two.as_bytes()[1].is_ascii_uppercase();
    let known_two = Element::from_symbol(two);
    let known_one = Element::from_symbol(one);
    if let (Some(both), Some(first)) = (known_two, known_one)
        && second_is_capital
        && in_formula(both) == Some(false)
        && in_formula(first) == Some(true)
    {
        return of(first);
    }
    known_two.and_then(of).or_else(heavy_hydrogen).or_else(|| known_one.and_then(of))
}

/// The oxidation state after the element: `3+`, `+3`, `2-`, `1.5+`; none after a plain number.
fn charge(rest: &str) -> Option<f64> {
    let sign = rest.find(['+', '-'])?;
    let factor = if rest.as_bytes()[sign] == b'+' { 1.0 } else { -1.0 };
    let (before, after) = (rest[..sign].trim(), rest[sign + 1..].trim());
    match (before.is_empty(), after.is_empty()) {
        (true, true) => Some(factor),
        (false, _) => before.parse().ok(),
        (true, false) => after.parse().ok(),
    }
    .map(|size: f64| factor * size)
    .filter(|c| c.abs() <= 10.0)
}

/// The elements of a chemical formula such as `Li2 (C O3)`.
pub(super) fn formula_elements(formula: &str) -> Vec<Element> {
    symbols(formula).map(|(element, _)| element).collect()
}

/// The amounts of a formula without brackets, such as `Li1.5 Al0.5 Ti1.5 P3 O12`.
pub(super) fn formula_amounts(formula: &str) -> Option<Vec<(Element, f64)>> {
    if formula.contains(['(', '[', '{', '*', 'x', ',']) {
        return None;
    }
    let mut amounts: Vec<(Element, f64)> = Vec::new();
    for (element, rest) in symbols(formula) {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let amount: f64 = if digits == 0 { 1.0 } else { rest[..digits].parse().ok()? };
        match amounts.iter_mut().find(|(known, _)| *known == element) {
            Some((_, known)) => *known += amount,
            None => amounts.push((element, amount)),
        }
    }
    (!amounts.is_empty()).then_some(amounts)
}

/// The elements of a formula, each with the text behind its symbol.
fn symbols(formula: &str) -> impl Iterator<Item = (Element, &str)> {
    let bytes = formula.as_bytes();
    let capitals = (0..bytes.len()).filter(move |&at| bytes[at].is_ascii_uppercase());
    capitals.filter_map(move |at| {
        let is_two = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let end = at + 1 + usize::from(is_two);
        let symbol = &formula[at..end];
        let symbol = if matches!(symbol, "D" | "T") { "H" } else { symbol };
        Element::from_symbol(symbol).map(|element| (element, &formula[end..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, formula: &str) -> Option<(&'static str, Option<f64>, Option<u16>)> {
        let elements = formula_elements(formula);
        let known = !elements.is_empty();
        let species = species(text, |e| known.then(|| elements.contains(&e)))?;
        Some((species.element.symbol(), species.charge, species.isotope))
    }

    #[test]
    fn symbols_and_labels_are_understood() {
        for (text, expected) in [
            ("Fe3+", ("Fe", Some(3.0), None)),
            ("O2-", ("O", Some(-2.0), None)),
            ("Li+1", ("Li", Some(1.0), None)),
            ("Na+", ("Na", Some(1.0), None)),
            ("FE2", ("Fe", None, None)),
            ("o1A", ("O", None, None)),
            ("D1", ("H", None, Some(2))),
            ("D", ("H", None, Some(2))),
            ("T", ("H", None, Some(3))),
            ("Dy1", ("Dy", None, None)),
            ("Ti4+", ("Ti", Some(4.0), None)),
            ("OW2", ("O", None, None)),
            ("Wat1", ("O", None, None)),
            ("Xy", ("Xy", None, None)),
        ] {
            if expected.0 == "Xy" {
                assert_eq!(read(text, ""), None);
            } else {
                assert_eq!(read(text, ""), Some(expected), "{text}");
            }
        }
        assert_eq!(read("", ""), None);
        assert_eq!(read("1Fe", ""), None);
    }

    #[test]
    fn the_formula_decides_between_carbon_and_cobalt() {
        assert_eq!(read("CO1", "Li2 C O3").map(|s| s.0), Some("C"));
        assert_eq!(read("CO1", "Li Co O2").map(|s| s.0), Some("Co"));
        assert_eq!(read("CO1", "").map(|s| s.0), Some("Co"));
        assert_eq!(read("Co1", "Li2 C O3").map(|s| s.0), Some("Co"));
    }
}
