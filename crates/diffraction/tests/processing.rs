//! Whole scans through the pipeline: what is kept, what is said, what is refused.

use diffraction::Grid;
use diffraction::process::{PeakSearch, ProcessError, Processing, Smoothing};
use diffraction::scan::{Scan, ScanFormat, ScanMetadata, Wavelengths};
use proptest::prelude::*;

/// Largest relative difference of areas: the pattern holds `f32`.
const AREA_TOLERANCE: f64 = 1e-6;

/// Nothing but rebinning.
fn rebinning_only() -> Processing {
    Processing { wavelength_to: None, background: None, ..Processing::default() }
}

fn scan(two_theta: Vec<f64>, intensities: Vec<f64>, wavelengths: Wavelengths) -> Scan {
    let mut metadata = ScanMetadata::new(ScanFormat::Columns);
    metadata.wavelengths = wavelengths;
    Scan::new(two_theta, intensities, metadata).expect("a scan")
}

fn trapezoids(scan: &Scan) -> f64 {
    let (x, y) = (scan.two_theta(), scan.intensities());
    x.windows(2).zip(y.windows(2)).map(|(x, y)| 0.5 * (y[0] + y[1]) * (x[1] - x[0])).sum()
}

fn area(pattern: &diffraction::Pattern) -> f64 {
    pattern.intensities.iter().map(|&value| f64::from(value)).sum::<f64>() * pattern.grid.step()
}

/// Gaussian lines (angle, area) of σ = 0.05° on a background, at a wavelength.
fn lines_on(background: impl Fn(f64) -> f64, lines: &[(f64, f64)], wavelength: f64) -> Scan {
    let two_theta: Vec<f64> = (0..8000).map(|i| 5.0 + 0.01 * f64::from(i)).collect();
    let height = 1.0 / (0.05 * std::f64::consts::TAU.sqrt());
    let intensities = two_theta
        .iter()
        .map(|&x| {
            let peak = |&(at, area): &(f64, f64)| {
                area * height * (-0.5 * ((x - at) / 0.05_f64).powi(2)).exp()
            };
            background(x) + lines.iter().map(peak).sum::<f64>()
        })
        .collect();
    scan(two_theta, intensities, Wavelengths::single(wavelength))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rebinning_keeps_the_area(
        start in 0.1..40.0_f64,
        steps in prop::collection::vec((0.005..0.2_f64, 0.0..1e5_f64), 2..300),
        step in 0.02..0.2_f64,
    ) {
        let mut angle = start;
        let (x, y): (Vec<f64>, Vec<f64>) = steps.into_iter().map(|(step, y)| {
            angle += step;
            (angle, y)
        }).unzip();
        let scan = scan(x, y, Wavelengths::default());
        let grid = Grid::new(0.0, step, (110.0 / step) as usize).expect("a grid");
        let processed = rebinning_only().apply(&scan, "s", &grid).expect("a pattern");
        let before = trapezoids(&scan);
        prop_assert!((area(&processed.pattern) - before).abs() <= AREA_TOLERANCE * before.max(1e-3));
        prop_assert!(processed.report.remarks().is_empty());
    }

    #[test]
    fn conversion_keeps_the_area(
        lines in prop::collection::vec((20.0..45.0_f64, 1.0..1e4_f64), 1..6), to in 0.7..1.6_f64,
    ) {
        let scan = lines_on(|_| 0.0, &lines, 1.0);
        let settings = Processing { wavelength_to: Some(to), ..rebinning_only() };
        let grid = Grid::new(0.0, 0.02, 9001).expect("a grid");
        let processed = settings.apply(&scan, "s", &grid).expect("a pattern");
        let before = trapezoids(&scan);
        prop_assert!((area(&processed.pattern) - before).abs() <= 1e-5 * before);
    }
}

#[test]
fn a_flat_background_vanishes_and_peaks_stay() {
    let lines = [(20.0, 500.0), (33.3, 80.0), (60.0, 1000.0)];
    for background in [0.0, 50.0, 3000.0] {
        let scan = lines_on(|_| background, &lines, 1.54184);
        let processed =
            Processing::default().apply(&scan, "s", &Grid::published()).expect("a pattern");
        let total: f64 = lines.iter().map(|line| line.1).sum();
        let kept = area(&processed.pattern);
        assert!((kept - total).abs() < 0.02 * total, "background {background}: {kept}");
        let between = processed.pattern.grid.nearest(45.0).expect("on the grid");
        assert!(processed.pattern.intensities[between] < 1e-3 * 3000.0);
    }
}

#[test]
fn sticks_stand_at_braggs_angles_of_the_new_wavelength() {
    let molybdenum = 0.70932;
    let spacings: [f64; 3] = [4.2, 3.1, 1.9];
    let angle = |d: f64, wavelength: f64| 2.0 * (wavelength / (2.0 * d)).asin().to_degrees();
    let lines: Vec<(f64, f64)> = spacings.iter().map(|&d| (angle(d, molybdenum), 300.0)).collect();
    let scan = lines_on(|x| 100.0 - 0.5 * x, &lines, molybdenum);
    let settings = Processing { sticks: Some(PeakSearch::default()), ..Processing::default() };
    let grid = Grid::published();
    let processed = settings.apply(&scan, "s", &grid).expect("a pattern");
    assert_eq!(processed.peaks.len(), 3, "{:?}", processed.peaks);
    assert!(processed.report.points_beyond_reach > 0);
    assert!(!processed.report.remarks().is_empty());
    for (peak, &d) in processed.peaks.iter().zip(&spacings) {
        assert!((peak.two_theta - angle(d, 1.54184)).abs() < 5e-3, "{peak:?}");
        assert!((peak.area - 300.0).abs() < 9.0, "{peak:?}");
        let index = grid.nearest(peak.two_theta).expect("on the grid");
        let stick = f64::from(processed.pattern.intensities[index]) * grid.step();
        assert!((stick - peak.area).abs() < 1e-3 * peak.area);
    }
    let sticks = processed.pattern.intensities.iter().filter(|&&value| value > 0.0).count();
    assert_eq!(sticks, 3);
}

#[test]
fn wavelengths_that_are_needed_and_not_stated_are_assumed_or_refused() {
    let mut scan = lines_on(|_| 10.0, &[(30.0, 100.0)], 1.0);
    scan.metadata_mut().wavelengths = Wavelengths::default();
    let grid = Grid::published();
    let assumed = Processing::default().apply(&scan, "s", &grid).expect("a pattern");
    assert!(assumed.report.wavelength_assumed);
    assert_eq!(assumed.report.remarks(), ["no wavelength stated; taken as 1.54184 Å"]);
    let strict = Processing { unstated_wavelength: None, ..Processing::default() };
    let refused = strict.apply(&scan, "s", &grid).expect_err("no wavelength");
    assert_eq!(refused, ProcessError::NoWavelength { name: "s".to_owned() });
    let strip = Processing { strip_ka2: true, ..Processing::default() };
    let refused = strip.apply(&scan, "s", &grid).expect_err("no doublet");
    assert_eq!(refused, ProcessError::NoDoublet { name: "s".to_owned() });
}

#[test]
fn scans_that_leave_nothing_are_refused_with_their_range() {
    let grid = Grid::new(100.0, 0.02, 500).expect("a grid");
    let scan = lines_on(|_| 10.0, &[], 1.54184);
    let refused = rebinning_only().apply(&scan, "s", &grid).expect_err("outside");
    assert!(
        matches!(refused, ProcessError::OutsideGrid { first, .. } if (first - 5.0).abs() < 1e-9)
    );
    let sticks = Processing { sticks: Some(PeakSearch::default()), ..Processing::default() };
    let refused = sticks.apply(&scan, "s", &Grid::published()).expect_err("no peaks");
    assert_eq!(refused, ProcessError::NoPeaks { name: "s".to_owned() });
    let below = (0..50).map(|i| -60.0 + f64::from(i)).collect();
    let below = self::scan(below, vec![1.0; 50], Wavelengths::single(1.0));
    let refused = rebinning_only().apply(&below, "s", &Grid::published()).expect_err("below zero");
    assert!(matches!(refused, ProcessError::NothingLeft { .. }));
}

#[test]
fn shared_scans_become_patterns_under_every_setting() {
    let root = std::env::var_os("XRDMATCH_DATA").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    if !root.join("scans").is_dir() {
        let required = std::env::var_os("XRDMATCH_REQUIRE_DATA").is_some_and(|value| value == "1");
        assert!(!required, "needs shared data, which is not in {}", root.display());
        eprintln!(
            "NOT RUN: shared_scans_become_patterns_under_every_setting: needs shared data \
             (set XRDMATCH_DATA)"
        );
        return;
    }
    let grid = Grid::published();
    let all = [
        Processing::default(),
        rebinning_only(),
        Processing { smooth: Some(Smoothing::default()), ..Processing::default() },
        Processing { sticks: Some(PeakSearch::default()), ..Processing::default() },
    ];
    for entry in std::fs::read_dir(root.join("scans")).expect("scans") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            continue;
        }
        let scan = Scan::read(&path).unwrap_or_else(|error| panic!("{error}"));
        for settings in &all {
            match settings.apply(&scan, "scan", &grid) {
                Ok(processed) => {
                    let area = area(&processed.pattern);
                    assert!(area.is_finite() && area > 0.0, "{}", path.display());
                }
                // 28 points of background, and 0.6° of a synchrotron, hold no peak.
                Err(ProcessError::NoPeaks { .. }) => {
                    assert!(scan.len() < 800, "{}", path.display());
                }
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

#[test]
fn a_stripped_laboratory_scan_loses_a_third_of_its_area() {
    let lines = Wavelengths::doublet(1.540598, 1.544426, Some(0.5));
    let single = lines_on(|_| 0.0, &[(30.0, 1000.0), (60.0, 500.0)], 1.540598);
    let second = |at: f64| {
        let sine = (0.5 * at.to_radians()).sin() * 1.544426 / 1.540598;
        2.0 * sine.asin().to_degrees()
    };
    let doublet = lines_on(
        |_| 0.0,
        &[(30.0, 1000.0), (60.0, 500.0), (second(30.0), 500.0), (second(60.0), 250.0)],
        1.540598,
    );
    let doublet = scan(doublet.two_theta().to_vec(), doublet.intensities().to_vec(), lines);
    let settings = Processing { strip_ka2: true, ..rebinning_only() };
    let grid = Grid::published();
    let stripped = settings.apply(&doublet, "s", &grid).expect("a pattern");
    let pure = rebinning_only().apply(&single, "s", &grid).expect("a pattern");
    let highest = pure.pattern.intensities.iter().copied().fold(0.0, f32::max);
    for (a, b) in stripped.pattern.intensities.iter().zip(&pure.pattern.intensities) {
        assert!((a - b).abs() < 0.02 * highest);
    }
    assert!((area(&stripped.pattern) - 1500.0).abs() < 5.0);
}
