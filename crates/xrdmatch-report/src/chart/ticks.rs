//! Where an axis is marked, and with what.

use super::{Axis, Scale};

/// A mark of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The value.
    pub value: f64,
    /// Its text; empty for a mark between two that have one.
    pub text: String,
}

/// Marks of an axis with about `wanted` texts: round values within its range.
#[must_use]
pub fn ticks(axis: &Axis, wanted: usize) -> Vec<Tick> {
    let [first, last] = axis.range;
    if !(first.is_finite() && last.is_finite() && first < last) || wanted == 0 {
        return Vec::new();
    }
    match axis.scale {
        Scale::Linear => linear(first, last, wanted),
        Scale::Mirrored => {
            let unsigned = |tick: Tick| Tick { text: tick.text.replace('−', ""), ..tick };
            linear(first, last, wanted).into_iter().map(unsigned).collect()
        }
        Scale::Log => logarithmic(first, last, wanted),
    }
}

fn linear(first: f64, last: f64, wanted: usize) -> Vec<Tick> {
    let rough = (last - first) / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= 0.999 * rough)
        .unwrap_or(10.0 * power);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few decimals")]
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    // A thousandth of a step forgives the rounding of the ends.
    let begin = (first / step - 1e-3).ceil();
    let count = ((last / step + 1e-3).floor() - begin).max(-1.0) as i64 + 1;
    (0..count)
        .map(|number| {
            let value = (begin + number as f64) * step;
            // No "-0".
            let value = if value.abs() < 1e-9 * step { 0.0 } else { value };
            Tick { value, text: format!("{value:.decimals$}").replace('-', "−") }
        })
        .collect()
}

fn logarithmic(first: f64, last: f64, wanted: usize) -> Vec<Tick> {
    if first <= 0.0 {
        return Vec::new();
    }
    let (low, high) = ((first.log10() - 1e-9).ceil() as i32, (last.log10() + 1e-9).floor() as i32);
    let decades = usize::try_from(high - low + 1).unwrap_or(0);
    let every = i32::try_from(decades.div_ceil(wanted).max(1)).unwrap_or(1);
    (low..=high)
        .map(|power| {
            let text = if (power - low) % every == 0 { power_of_ten(power) } else { String::new() };
            Tick { value: 10f64.powi(power), text }
        })
        .collect()
}

/// `10⁻⁴`
pub(crate) fn power_of_ten(power: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    format!("10{}", power.to_string().chars().map(digit).collect::<String>())
}

/// A number of two digits, as `7.2·10⁻⁵`.
#[must_use]
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}");
    match text.split_once('e').and_then(|(digits, power)| Some((digits, power.parse().ok()?))) {
        Some((digits, power)) => format!("{}·{}", digits.replace('-', "−"), power_of_ten(power)),
        // Not finite.
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, wanted: usize) -> Vec<String> {
        ticks(axis, wanted).into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_round_and_within_the_range() {
        assert_eq!(texts(&Axis::share("p"), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&Axis::new("epoch", [0.0, 99.0]), 5), ["0", "20", "40", "60", "80"]);
        assert_eq!(texts(&Axis::new("x", [-0.3, 0.3]), 3), ["−0.2", "0.0", "0.2"]);
        let mirrored = Axis::new("x", [-0.3, 0.3]).mirrored();
        assert_eq!(texts(&mirrored, 3), ["0.2", "0.0", "0.2"]);
        let narrow = Axis::new("x", [0.70011, 0.70019]);
        for tick in ticks(&narrow, 4) {
            assert!((0.70011..=0.70019).contains(&tick.value), "{tick:?}");
        }
    }

    #[test]
    fn a_logarithmic_axis_is_marked_by_powers_of_ten() {
        let axis = Axis::new("σ", [1e-10, 1e-2]).log();
        assert_eq!(texts(&axis, 9)[0], "10⁻¹⁰");
        assert_eq!(texts(&axis, 9).len(), 9);
        let shown =
            |wanted| texts(&axis, wanted).into_iter().filter(|text| !text.is_empty()).count();
        assert_eq!(shown(5), 5);
    }

    #[test]
    fn numbers_are_written_with_powers_of_ten() {
        assert_eq!(scientific(7.16e-5), "7.2·10⁻⁵");
        assert_eq!(scientific(-1e12), "−1.0·10¹²");
        assert_eq!(scientific(f64::NAN), "NaN");
    }

    #[test]
    fn an_axis_without_extent_has_no_ticks() {
        for range in [[1.0, 1.0], [2.0, 1.0], [f64::NAN, 1.0], [0.0, f64::INFINITY]] {
            assert!(ticks(&Axis::new("x", range), 5).is_empty(), "{range:?}");
        }
        assert!(ticks(&Axis::new("x", [0.0, 1.0]).log(), 5).is_empty());
    }
}
