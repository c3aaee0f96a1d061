use diffraction::Grid;
use proptest::prelude::*;

use super::*;

/// The part of the axis below a position, times the points of the grid less one.
fn place(axis: Axis, grid: Grid, position: f64) -> f64 {
    let sine = |x: f64| (0.5 * (grid.start() + grid.step() * x)).to_radians().sin();
    let last = (grid.points() - 1) as f64;
    match axis {
        Axis::TwoTheta => position,
        Axis::Q => (sine(position) - sine(0.0)) / (sine(last) - sine(0.0)) * last,
        Axis::LogQ => {
            let low = sine(0.0).max(sine(last) / 32.0);
            (sine(position) / low).ln() / (sine(last) / low).ln() * last
        }
    }
}

/// Steps 1 to 3 as they stand in the module's documentation, in f64, over all sticks and bins.
fn reference(input: Input, grid: Grid, sticks: &[Stick], broadening: f64) -> Vec<f64> {
    let width = (input.bin / grid.step()).max(1.0);
    let sigma = input.blur / grid.step() * broadening;
    let bins = (grid.points() as f64 / width) as usize;
    let mut signal: Vec<f64> = (0..bins)
        .map(|bin| {
            let center = (bin as f64 + 0.5) * width - 0.5;
            let part = |stick: &Stick| {
                let (x, s) =
                    (place(input.axis, grid, stick.position.into()), f64::from(stick.intensity));
                if sigma > 0.0 {
                    s / broadening * (-0.5 * ((center - x) / sigma).powi(2)).exp()
                } else if (x + 0.5 >= bin as f64 * width) && (x + 0.5 < (bin + 1) as f64 * width) {
                    s
                } else {
                    0.0
                }
            };
            sticks.iter().map(part).sum()
        })
        .collect();
    if input.transform == Transform::Sqrt {
        signal.iter_mut().for_each(|value| *value = value.sqrt());
    }
    let unit = match input.scale {
        Scale::Peak => signal.iter().copied().fold(0.0, f64::max),
        Scale::Rms => (signal.iter().map(|v| v * v).sum::<f64>() / bins as f64).sqrt(),
    };
    // Every peak may lie in the rest of the grid that fills no whole bin: nothing stays nothing.
    signal.iter().map(|value| if unit > 0.0 { value / unit } else { 0.0 }).collect()
}

proptest! {
    #[test]
    fn a_signal_is_the_sum_of_its_peaks(
        peaks in prop::collection::vec((0.0f32..299.0, 0.05f32..1.0), 1..12),
        (blur, bin) in prop_oneof![
            Just((0.0, 0.0)), Just((0.0, 0.4)), (0.05f64..1.0).prop_map(|blur| (blur, 1.5 * blur)),
            (0.05f64..1.0).prop_map(|blur| (blur, 0.0)),
        ],
        broadening in 1.0f32..2.0,
        axis in prop_oneof![Just(Axis::TwoTheta), Just(Axis::Q), Just(Axis::LogQ)],
        root: bool,
        rms: bool,
    ) {
        let input = Input {
            transform: if root { Transform::Sqrt } else { Transform::None },
            axis,
            blur,
            bin,
            scale: if rms { Scale::Rms } else { Scale::Peak },
        };
        let grid = Grid::new(5.0, 0.05, 300).unwrap();
        let sticks: Vec<Stick> = peaks
            .into_iter()
            .map(|(x, intensity)| Stick { position: x.floor() + 0.25, intensity })
            // Off any bin's edge, where f32 and f64 would disagree.
            .filter(|stick| {
                let width = (bin / grid.step()).max(1.0);
                let edge = (place(axis, grid, stick.position.into()) + 0.5) / width;
                (0.01..0.99).contains(&edge.rem_euclid(1.0))
            })
            .collect();
        let renderer = input.renderer(grid).unwrap();
        let mut signal = vec![f32::NAN; renderer.bins()];
        renderer.profile(&sticks, broadening, &mut signal);
        renderer.finish(&mut signal);
        let expected = reference(input, grid, &sticks, f64::from(broadening));
        prop_assert_eq!(signal.len(), expected.len());
        // What lies beyond the reach of the blur, and its root, as a part of the highest point.
        let highest = expected.iter().copied().fold(1.0, f64::max);
        let tolerance = highest * if root { 0.06 } else { 2e-3 };
        for (found, expected) in signal.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < tolerance, "{found} {expected}");
        }
    }
}

#[test]
fn a_broader_peak_keeps_its_area() {
    let input = Input { blur: 0.4, bin: 0.1, ..Input::default() };
    let renderer = input.renderer(Grid::published()).unwrap();
    let area = |broadening| {
        let mut signal = vec![0.0; renderer.bins()];
        renderer.profile(&[Stick { position: 2000.3, intensity: 1.0 }], broadening, &mut signal);
        signal.iter().sum::<f32>()
    };
    assert!((area(1.0) / area(1.7) - 1.0).abs() < 1e-3, "{} {}", area(1.0), area(1.7));
}

#[test]
fn a_profile_of_nothing_stays_nothing() {
    let input = Input { blur: 0.4, scale: Scale::Rms, ..Input::default() };
    let renderer = input.renderer(Grid::published()).unwrap();
    let mut signal = vec![1.0; renderer.bins()];
    renderer.profile(&[Stick { position: -900.0, intensity: 1.0 }], 1.0, &mut signal);
    renderer.finish(&mut signal);
    assert!(signal.iter().all(|value| *value == 0.0));
}

#[test]
fn the_default_is_the_grid_as_it_is() {
    assert!(Input::default().is_published());
    assert_eq!(Input::default().renderer(Grid::published()).unwrap().bins(), 4501);
    let input = Input { blur: 0.3, bin: 0.2, ..Input::default() };
    assert_eq!(input.renderer(Grid::published()).unwrap().bins(), 450);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let of = |blur, bin| Input { blur, bin, ..Input::default() }.renderer(Grid::published());
    assert!(matches!(of(f64::NAN, 0.0), Err(InputError::Width { setting: "blur", .. })));
    assert!(matches!(of(0.0, -1.0), Err(InputError::Width { setting: "bin", .. })));
    assert!(matches!(of(0.1, 0.5), Err(InputError::BinBeyondBlur { .. })));
    assert!(matches!(of(0.0, 40.0), Err(InputError::TooFewBins { bins: 2, points: 4501, .. })));
}
