//! Every format, written by the tests and read back.

use diffraction::scan::{IntensityUnit, Scan, ScanFormat, ScanProblem};

use crate::corpus::{archive, brml_raw_data, counts, samples, xrdml};

/// Largest difference of an angle: single precision of the binary formats.
const ANGLE_TOLERANCE: f64 = 1e-5;

#[test]
fn every_format_is_recognised_and_read_back() {
    for sample in samples() {
        let scans = Scan::read_all_bytes(sample.name, &sample.bytes)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scans.len(), 1, "{}", sample.name);
        let scan = &scans[0];
        assert_eq!(scan.metadata().format, sample.format, "{}", sample.name);
        assert_eq!(scan.intensities(), sample.intensities, "{}", sample.name);
        assert_eq!(scan.len(), sample.two_theta.len(), "{}", sample.name);
        for (found, expected) in scan.two_theta().iter().zip(&sample.two_theta) {
            assert!((found - expected).abs() < ANGLE_TOLERANCE, "{}: {found}", sample.name);
        }
    }
}

#[test]
fn the_corpus_has_every_format() {
    for format in ScanFormat::ALL {
        assert!(samples().iter().any(|sample| sample.format == format), "{format}");
    }
}

#[test]
fn content_decides_before_the_extension() {
    for sample in samples() {
        if matches!(sample.format, ScanFormat::Columns | ScanFormat::Chi) {
            continue;
        }
        for name in ["scan", "scan.xy", "scan.csv", "scan.dat"] {
            let scan =
                Scan::read_bytes(name, &sample.bytes).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scan.metadata().format, sample.format, "{name}");
        }
    }
}

#[test]
fn names_of_samples_and_wavelengths_are_kept() {
    for sample in samples() {
        let scan = Scan::read_bytes(sample.name, &sample.bytes).unwrap();
        let metadata = scan.metadata();
        let expected = match sample.format {
            ScanFormat::Columns | ScanFormat::BrukerRaw2 | ScanFormat::RigakuRaw => None,
            ScanFormat::Xrdml => Some("a & b"),
            ScanFormat::PdCif => Some("mixture"),
            _ => Some("a mixture"),
        };
        assert_eq!(metadata.sample.as_deref(), expected, "{}", sample.name);
        let states_wavelength = !matches!(
            sample.format,
            ScanFormat::Columns
                | ScanFormat::StepList
                | ScanFormat::Chi
                | ScanFormat::Gsas
                | ScanFormat::RigakuDat
                | ScanFormat::Rasx
        );
        let wavelength = metadata.wavelengths.effective();
        assert_eq!(wavelength.is_some(), states_wavelength, "{}", sample.name);
        if let Some(wavelength) = wavelength {
            assert!((1.5405..1.5420).contains(&wavelength), "{}: {wavelength}", sample.name);
        }
        if matches!(
            sample.format,
            ScanFormat::Xrdml
                | ScanFormat::Uxd
                | ScanFormat::Brml
                | ScanFormat::BrukerRaw1
                | ScanFormat::BrukerRaw2
                | ScanFormat::BrukerRaw3
                | ScanFormat::BrukerRaw4
        ) {
            assert_eq!(metadata.counting_time, Some(1.5), "{}", sample.name);
        }
    }
}

#[test]
fn uncertainties_come_with_the_formats_that_have_them() {
    for sample in samples() {
        let scan = Scan::read_bytes(sample.name, &sample.bytes).unwrap();
        let has = matches!(sample.name, "three.xye" | "esd.gsa" | "scan.fxye");
        assert_eq!(scan.uncertainties().is_some(), has, "{}", sample.name);
        if let Some(uncertainties) = scan.uncertainties() {
            assert!(uncertainties.iter().all(|&u| u == 2.5), "{}", sample.name);
        }
    }
}

#[test]
fn counts_behind_an_attenuator_are_multiplied_and_intensities_are_not() {
    let factors = (0..24).map(|i| if i == 9 { "10" } else { "1" }).collect::<Vec<_>>().join(" ");
    let with_factors = xrdml().replace(
        "<intensities",
        &format!("<beamAttenuationFactors>{factors}</beamAttenuationFactors><intensities"),
    );
    let corrected = Scan::read_bytes("a.xrdml", with_factors.as_bytes()).unwrap();
    assert_eq!(corrected.intensities()[9], f64::from(counts(9)));
    let raw = with_factors.replace("intensities", "counts");
    let raw = Scan::read_bytes("a.xrdml", raw.as_bytes()).unwrap();
    assert_eq!(raw.intensities()[9], 10.0 * f64::from(counts(9)));
    assert_eq!(raw.metadata().notes.len(), 1);
    assert_eq!(raw.metadata().intensity_unit, IntensityUnit::Counts);
    let ras =
        "*RAS_HEADER_START\n*RAS_HEADER_END\n*RAS_INT_START\n10 5 1\n11 6 100.5\n*RAS_INT_END\n";
    let ras = Scan::read_bytes("a.ras", ras.as_bytes()).unwrap();
    assert_eq!(ras.intensities(), [5.0, 603.0]);
    assert_eq!(ras.metadata().notes.len(), 1);
}

#[test]
fn scans_along_another_axis_are_refused_by_name() {
    let omega = xrdml()
        .replace("Gonio", "Omega")
        .replace("<startPosition>10</startPosition>", "<commonPosition>10</commonPosition>");
    let brml = brml_raw_data().replace("AxisId=\"TwoTheta\"", "AxisId=\"Phi\"");
    let brml = archive(&[("Experiment0/RawData0.xml", brml.as_bytes())]);
    let uxd = "_DRIVE='PHI'\n_START=0\n_STEPSIZE=1\n_COUNTS\n1 2 3\n";
    for (name, bytes) in
        [("a.xrdml", omega.into_bytes()), ("a.brml", brml), ("a.uxd", uxd.as_bytes().to_vec())]
    {
        let error = Scan::read_bytes(name, &bytes).expect_err(name);
        assert!(matches!(*error.problem, ScanProblem::NotTwoTheta { .. }), "{error}");
    }
}

#[test]
fn all_scans_of_a_file_are_counted_and_numbered() {
    let one = xrdml();
    let scan = &one[one.find("<scan ").unwrap()..one.find("</scan>").unwrap() + 7];
    let three = one.replace(scan, &scan.repeat(3));
    let scans = Scan::read_all_bytes("a.xrdml", three.as_bytes()).unwrap();
    assert_eq!(scans.len(), 3);
    for (index, scan) in scans.iter().enumerate() {
        assert_eq!(scan.metadata().index, index);
        assert_eq!(scan.metadata().scans_in_file, 3);
    }
    let uxd = "_DRIVE='COUPLED'\n_START=10\n_STEPSIZE=0.5\n_COUNTS\n1 2 3\n\
               _START=20\n_2THETACPS\n20 4\n20.25 5\n";
    let scans = Scan::read_all_bytes("a.uxd", uxd.as_bytes()).unwrap();
    assert_eq!(scans[0].two_theta(), [10.0, 10.5, 11.0]);
    assert_eq!(scans[1].two_theta(), [20.0, 20.25]);
    assert_eq!(scans[1].metadata().intensity_unit, IntensityUnit::CountsPerSecond);
    // Early RAW 1 files leave the mark out of later ranges.
    let mut raw = samples().into_iter().find(|s| s.format == ScanFormat::BrukerRaw1).unwrap().bytes;
    let single = raw.clone();
    raw[152] = 1;
    let with_mark = [raw.clone(), single.clone()].concat();
    let without = [raw, single[4..].to_vec()].concat();
    for bytes in [with_mark, without] {
        assert_eq!(Scan::read_all_bytes("a.raw", &bytes).unwrap().len(), 2);
    }
}
