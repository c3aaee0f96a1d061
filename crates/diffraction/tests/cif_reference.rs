//! CIFs from several sources, against sticks of an independent program.

mod shared;

use std::fmt::Write;

use diffraction::cif;
use diffraction::simulate::{Recipe, Wavelength, simulate};
use serde_json::Value;

/// The largest difference of a stick's angle, degrees.
const ANGLE: f64 = 1e-4;
/// The largest difference of an intensity, of 100.
const INTENSITY: f64 = 0.02;
/// Sticks below this, of 100, are not compared.
const COMPARED: f64 = 0.1;

/// What is wrong with a list of sticks, if anything is.
fn difference(found: &[(f64, f64)], expected: &[(f64, f64)]) -> Option<String> {
    let mut wrong = String::new();
    for (one, other, side) in [(expected, found, "missing"), (found, expected, "extra")] {
        for &(angle, intensity) in one.iter().filter(|stick| stick.1 >= COMPARED) {
            let near = other
                .iter()
                .filter(|stick| (stick.0 - angle).abs() <= ANGLE)
                .min_by(|a, b| (a.1 - intensity).abs().total_cmp(&(b.1 - intensity).abs()));
            match near {
                None => write!(wrong, "{side} {intensity:.3} at {angle:.5}; "),
                Some(stick) if (stick.1 - intensity).abs() > INTENSITY => {
                    write!(wrong, "{:.3} for {intensity:.3} at {angle:.5}; ", stick.1)
                }
                Some(_) => Ok(()),
            }
            .expect("a string takes text");
        }
    }
    (!wrong.is_empty()).then_some(wrong)
}

#[test]
fn sticks_of_every_cif_agree_with_the_reference() {
    let Some(data) = shared::data("sticks_of_every_cif_agree_with_the_reference") else { return };
    let reference = std::fs::read_to_string(data.join("reference_sticks.jsonl")).expect("there");
    let (mut compared, mut wrong) = (0, 0);
    for line in reference.lines() {
        let expected: Value = serde_json::from_str(line).expect("json");
        let file = expected["file"].as_str().expect("a name");
        let bytes = std::fs::read(data.join("cifs").join(file)).expect("there");
        let structures = cif::read(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let structure = &structures[0];
        let sites = expected["n_sites"].as_u64().expect("a number");
        let volume = expected["volume"].as_f64().expect("a number");
        assert!((structure.lattice.volume() - volume).abs() < 1e-3, "{file}: volume");
        for (key, wavelength) in
            [("CuKa_1_54184", Wavelength::CU_KA), ("CuKa1_1_54056", Wavelength::CU_KA1)]
        {
            let column = |name: &str| {
                let values = expected[key][name].as_array().expect("a list").iter();
                values.map(|v| v.as_f64().expect("a number")).collect::<Vec<_>>()
            };
            let recipe = Recipe { wavelength, ..Recipe::paper() };
            let peaks = simulate(structure, &recipe).unwrap_or_else(|e| panic!("{file}: {e}"));
            let found: Vec<_> = peaks.iter().map(|p| (p.two_theta, p.intensity)).collect();
            let wanted: Vec<_> = column("two_theta").into_iter().zip(column("intensity")).collect();
            compared += 1;
            if let Some(how) = difference(&found, &wanted) {
                wrong += 1;
                let atoms = structure.sites().len();
                let how: String = how.chars().take(200).collect();
                println!("{file} ({atoms} sites, reference {sites}), {key}: {how}");
            }
        }
    }
    println!("{compared} patterns compared, {wrong} differ");
    assert!(f64::from(wrong) <= 0.01 * f64::from(compared), "{wrong} of {compared} differ");
}
