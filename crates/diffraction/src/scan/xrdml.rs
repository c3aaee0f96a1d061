//! PANalytical XRDML, schemas 1.0 to 2.3.
//!
//! `intensities` are corrected for the beam attenuator, `counts` (schema 2.x) are not: they are
//! multiplied by the attenuation factors here. Divergence corrections are not applied.

use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::check_scans;
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, plausible, positive, stated};
use super::xml::{self, Element};

const FORMAT: ScanFormat = ScanFormat::Xrdml;

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let root = xml::parse(FORMAT, text)?;
    if root.name != "xrdMeasurements" {
        return Err(ScanProblem::BadField {
            format: FORMAT,
            place: Place::Byte(0),
            field: "root element",
            found: excerpt(&root.name),
            expected: "xrdMeasurements",
        });
    }
    let sample = root.child("sample").and_then(|sample| {
        ["name", "id"].iter().find_map(|&item| stated(&sample.child(item)?.text))
    });
    let comment = root.descend(&["comment", "entry"]).and_then(|entry| stated(&entry.text));
    let mut scans = Vec::new();
    for measurement in root.children_named("xrdMeasurement") {
        let mut metadata = ScanMetadata::new(FORMAT);
        metadata.sample.clone_from(&sample);
        metadata.comment.clone_from(&comment);
        metadata.wavelengths = wavelengths(measurement);
        metadata.anode = measurement
            .descend(&["incidentBeamPath", "xRayTube", "anodeMaterial"])
            .and_then(|anode| stated(&anode.text));
        for scan in measurement.children_named("scan") {
            scans.push(read_scan(scan, metadata.clone())?);
            check_scans(FORMAT, scans.len())?;
        }
    }
    if scans.is_empty() {
        return Err(ScanProblem::MissingField { format: FORMAT, field: "<scan>" });
    }
    Ok(scans)
}

fn wavelengths(measurement: &Element) -> Wavelengths {
    let Some(used) = measurement.child("usedWavelength") else { return Wavelengths::default() };
    let value = |name: &str| used.child(name).and_then(Element::number);
    let mut lines = Wavelengths::doublet(
        value("kAlpha1").unwrap_or_default(),
        value("kAlpha2").unwrap_or_default(),
        value("ratioKAlpha2KAlpha1"),
    );
    lines.beta = value("kBeta").and_then(plausible);
    lines
}

fn read_scan(scan: &Element, mut metadata: ScanMetadata) -> Result<Measured, ScanProblem> {
    metadata.axis = scan.attribute("scanAxis").and_then(stated);
    metadata.started =
        scan.descend(&["header", "startTimeStamp"]).and_then(|time| stated(&time.text));
    metadata.instrument = scan
        .descend(&["header", "source", "instrumentControlSoftware"])
        .and_then(|program| stated(&program.text));
    let data = scan
        .child("dataPoints")
        .ok_or(ScanProblem::MissingField { format: FORMAT, field: "<dataPoints>" })?;
    let corrected = data.child("intensities");
    let list = corrected
        .or_else(|| data.child("counts"))
        .ok_or(ScanProblem::MissingField { format: FORMAT, field: "<intensities> or <counts>" })?;
    metadata.intensity_unit = match list.attribute("unit") {
        Some("cps") => IntensityUnit::CountsPerSecond,
        _ => IntensityUnit::Counts,
    };
    let mut measured = Measured::new(metadata);
    measured.intensities = list.numbers(FORMAT)?;
    if measured.intensities.is_empty() {
        return Err(ScanProblem::NoPoints { format: FORMAT });
    }
    place_points(data, &mut measured)?;
    if corrected.is_none() {
        apply_attenuation(data, &mut measured)?;
    }
    if data.child("divergenceCorrections").or(data.child("commonDivergenceCorrection")).is_some() {
        measured.metadata.notes.push("divergence correction of the file not applied".to_owned());
    }
    measured.metadata.counting_time = counting_time(data)?;
    Ok(measured)
}

/// Sets the angles from the `2Theta` positions: a list, or start and end of constant steps.
fn place_points(data: &Element, measured: &mut Measured) -> Result<(), ScanProblem> {
    let positions = data
        .children_named("positions")
        .find(|positions| positions.attribute("axis") == Some("2Theta"))
        .ok_or(ScanProblem::MissingField {
            format: FORMAT,
            field: "positions of the 2Theta axis",
        })?;
    let points = measured.intensities.len();
    if let Some(list) = positions.child("listPositions") {
        measured.two_theta = list.numbers(FORMAT)?;
        if measured.two_theta.len() != points {
            return Err(ScanProblem::PointCount {
                format: FORMAT,
                place: Place::Value { element: "listPositions".to_owned(), index: points },
                declared: measured.two_theta.len(),
                found: points,
            });
        }
        return Ok(());
    }
    let position = |name: &'static str| {
        let element = positions.child(name)?;
        Some(element.number().ok_or_else(|| ScanProblem::BadRow {
            format: FORMAT,
            place: Place::Value { element: name.to_owned(), index: 1 },
            expected: "an angle in degrees",
            found: excerpt(&element.text),
        }))
    };
    let (Some(start), Some(end)) = (position("startPosition"), position("endPosition")) else {
        let axis = measured.metadata.axis.clone().unwrap_or_else(|| "fixed 2Theta".to_owned());
        return Err(ScanProblem::NotTwoTheta { format: FORMAT, axis });
    };
    let (start, end) = (start?, end?);
    if points < 2 {
        return Err(ScanProblem::SinglePoint { format: FORMAT });
    }
    measured.step_from(start, (end - start) / (points - 1) as f64);
    Ok(())
}

fn apply_attenuation(data: &Element, measured: &mut Measured) -> Result<(), ScanProblem> {
    let factors = if let Some(list) = data.child("beamAttenuationFactors") {
        list.numbers(FORMAT)?
    } else if let Some(common) = data.child("commonBeamAttenuationFactor").and_then(Element::number)
    {
        vec![common; measured.intensities.len()]
    } else {
        return Ok(());
    };
    let element = "beamAttenuationFactors";
    if factors.len() != measured.intensities.len() {
        return Err(ScanProblem::PointCount {
            format: FORMAT,
            place: Place::Value { element: element.to_owned(), index: factors.len() },
            declared: factors.len(),
            found: measured.intensities.len(),
        });
    }
    if let Some(index) = factors.iter().position(|&factor| factor <= 0.0) {
        return Err(ScanProblem::BadField {
            format: FORMAT,
            place: Place::Value { element: element.to_owned(), index: index + 1 },
            field: "attenuation factor",
            found: factors[index].to_string(),
            expected: "a positive number",
        });
    }
    if factors.iter().any(|&factor| factor != 1.0) {
        for (intensity, factor) in measured.intensities.iter_mut().zip(&factors) {
            *intensity *= factor;
        }
        measured.metadata.notes.push("counts multiplied by the attenuation factors".to_owned());
    }
    Ok(())
}

/// Seconds per point; the mean when they differ.
fn counting_time(data: &Element) -> Result<Option<f64>, ScanProblem> {
    if let Some(common) = data.child("commonCountingTime") {
        return Ok(common.number().and_then(positive));
    }
    let Some(list) = data.child("countingTimes") else { return Ok(None) };
    let times = list.numbers(FORMAT)?;
    Ok(positive(times.iter().sum::<f64>() / times.len() as f64))
}
