//! Wavelengths, by name or by value.

use std::str::FromStr;

/// Characteristic lines and their wavelengths, Å: the values that pymatgen and the published files
/// use. `Ka` without a number is the weighted mean of the doublet.
pub const NAMED_WAVELENGTHS: [(&str, f64); 24] = [
    ("CuKa", 1.54184),
    ("CuKa1", 1.54056),
    ("CuKa2", 1.54439),
    ("CuKb1", 1.39222),
    ("MoKa", 0.71073),
    ("MoKa1", 0.70930),
    ("MoKa2", 0.71359),
    ("MoKb1", 0.63229),
    ("CrKa", 2.29100),
    ("CrKa1", 2.28970),
    ("CrKa2", 2.29361),
    ("CrKb1", 2.08487),
    ("FeKa", 1.93735),
    ("FeKa1", 1.93604),
    ("FeKa2", 1.93998),
    ("FeKb1", 1.75661),
    ("CoKa", 1.79026),
    ("CoKa1", 1.78896),
    ("CoKa2", 1.79285),
    ("CoKb1", 1.63079),
    ("AgKa", 0.560885),
    ("AgKa1", 0.559421),
    ("AgKa2", 0.563813),
    ("AgKb1", 0.497082),
];

/// An X-ray wavelength from 0.05 to 10 Å.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Wavelength(f64);

/// A text that is neither a line's name nor a possible wavelength.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither the name of a line, such as CuKa1, nor a wavelength from 0.05 to 10 Å")]
pub struct WavelengthError(pub String);

impl Wavelength {
    /// Copper Kα, the mean of the doublet: the wavelength of the published files.
    pub const CU_KA: Self = Self(1.54184);
    /// Copper Kα₁.
    pub const CU_KA1: Self = Self(1.54056);

    /// A wavelength in Å.
    ///
    /// # Errors
    /// When it is not from 0.05 to 10 Å.
    pub fn new(angstrom: f64) -> Result<Self, WavelengthError> {
        if (0.05..=10.0).contains(&angstrom) {
            Ok(Self(angstrom))
        } else {
            Err(WavelengthError(angstrom.to_string()))
        }
    }

    /// Kα₁ and Kα₂ of the anode whose mean Kα a text names (`CuKa`, `Cu`); `None` for a single line or
    /// a value.
    #[must_use]
    pub fn doublet(text: &str) -> Option<(Self, Self)> {
        let text = text.trim();
        let anode = NAMED_WAVELENGTHS.iter().find_map(|(name, _)| {
            let anode = name.strip_suffix("Ka")?;
            (name.eq_ignore_ascii_case(text) || anode.eq_ignore_ascii_case(text)).then_some(anode)
        })?;
        let line = |suffix: &str| format!("{anode}{suffix}").parse().ok();
        Some((line("Ka1")?, line("Ka2")?))
    }

    /// The wavelength in Å.
    #[must_use]
    pub fn angstrom(self) -> f64 {
        self.0
    }
}

impl FromStr for Wavelength {
    type Err = WavelengthError;

    /// Reads a name (`CuKa1`, `MoKa`, `Cu`) or a value in Å; case does not matter.
    fn from_str(text: &str) -> Result<Self, WavelengthError> {
        let text = text.trim();
        let named = NAMED_WAVELENGTHS.iter().find(|(name, _)| {
            name.eq_ignore_ascii_case(text)
                || name.strip_suffix("Ka").is_some_and(|anode| anode.eq_ignore_ascii_case(text))
        });
        let angstrom = named.map(|&(_, angstrom)| angstrom).or_else(|| text.parse().ok());
        angstrom
            .and_then(|angstrom| Self::new(angstrom).ok())
            .ok_or_else(|| WavelengthError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wavelengths_are_read_by_name_and_by_value() {
        assert_eq!("CuKa".parse(), Ok(Wavelength::CU_KA));
        assert_eq!("cu".parse(), Ok(Wavelength::CU_KA));
        assert_eq!("cuka1".parse(), Ok(Wavelength::CU_KA1));
        assert_eq!(" 0.4133 ".parse(), Wavelength::new(0.4133));
        for text in ["", "Kryptonite", "-1", "0", "nan", "inf", "100"] {
            assert_eq!(text.parse::<Wavelength>(), Err(WavelengthError(text.into())));
        }
    }

    #[test]
    fn a_mean_wavelength_has_two_lines_and_a_line_has_none() {
        let copper = (Wavelength::CU_KA1, Wavelength(1.54439));
        assert_eq!(Wavelength::doublet("cuka"), Some(copper));
        assert_eq!(Wavelength::doublet("Cu"), Some(copper));
        for single in ["CuKa1", "CuKb1", "1.54184", "x"] {
            assert_eq!(Wavelength::doublet(single), None);
        }
    }

    #[test]
    fn the_mean_of_a_doublet_is_two_parts_to_one() {
        for chunk in NAMED_WAVELENGTHS.chunks(4) {
            let mean = (2.0 * chunk[1].1 + chunk[2].1) / 3.0;
            assert!((mean - chunk[0].1).abs() < 2e-5, "{}", chunk[0].0);
        }
    }
}
