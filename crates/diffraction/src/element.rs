//! The chemical elements.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Symbols in the order of atomic numbers, hydrogen first.
const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl",
    "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As",
    "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In",
    "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb",
    "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl",
    "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk",
    "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh",
    "Fl", "Mc", "Lv", "Ts", "Og",
];

/// A chemical element, by its atomic number; written as its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Element(u8);

/// A text that is no element's symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the symbol of an element")]
pub struct UnknownElement(pub String);

impl Element {
    /// Lithium.
    pub const LITHIUM: Self = Self(3);

    /// The element of an atomic number from 1 to 118.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        (1..=118).contains(&number).then_some(Self(number))
    }

    /// The atomic number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The symbol, such as `Li`.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        SYMBOLS[usize::from(self.0) - 1]
    }

    /// The element with a symbol, whatever the case of its letters.
    pub(crate) fn from_symbol(symbol: &str) -> Option<Self> {
        let at = SYMBOLS.iter().position(|known| known.eq_ignore_ascii_case(symbol))?;
        Some(Self(at as u8 + 1))
    }
}

impl From<Element> for &'static str {
    fn from(element: Element) -> Self {
        element.symbol()
    }
}

impl TryFrom<String> for Element {
    type Error = UnknownElement;

    fn try_from(symbol: String) -> Result<Self, UnknownElement> {
        symbol.parse()
    }
}

impl FromStr for Element {
    type Err = UnknownElement;

    fn from_str(symbol: &str) -> Result<Self, UnknownElement> {
        Self::from_symbol(symbol).ok_or_else(|| UnknownElement(symbol.to_owned()))
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers_are_each_others_inverse() {
        for number in 1..=118 {
            let element = Element::from_number(number).expect("an element");
            assert_eq!(element.symbol().parse(), Ok(element));
            assert_eq!(element.number(), number);
        }
        for (symbol, number) in
            [("Li", 3), ("Fe", 26), ("I", 53), ("Lu", 71), ("U", 92), ("Og", 118)]
        {
            assert_eq!(symbol.parse::<Element>().expect("an element").number(), number);
        }
        assert!("Xx".parse::<Element>().is_err());
        assert_eq!(Element::from_number(0), None);
    }
}
