//! Bruker BRML: a zip archive whose `DataContainer.xml` lists the members with raw data.
//!
//! A member holds data routes; the measured ones are read. A `Datum` is a row of numbers; the
//! data views say which columns are the drives and which the detector. Bruker has multiplied the
//! absorber into the stored intensities already.

use super::archive::{Archive, is_raw_data};
use super::axis::{AxisKind, axis_kind};
use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, plausible, positive, stated};
use super::text::{decode, number};
use super::xml::{self, Element};

const FORMAT: ScanFormat = ScanFormat::Brml;

pub(super) fn read(mut archive: Archive<'_>) -> Result<Vec<Measured>, ScanProblem> {
    let mut metadata = ScanMetadata::new(FORMAT);
    let members = raw_data_members(&mut archive, &mut metadata)?;
    let mut scans = Vec::new();
    for member in members {
        let document = xml::parse(FORMAT, &decode(&archive.member(&member)?))?;
        let routes = document.find_all("DataRoute");
        let is_measured = |route: &&&Element| route.attribute("RouteFlag") == Some("Measured");
        let measured: Vec<_> = routes.iter().filter(is_measured).collect();
        let chosen: Vec<_> = if measured.is_empty() { routes.iter().collect() } else { measured };
        for route in chosen {
            let mut metadata = metadata.clone();
            note_raw_data(&document, &mut metadata);
            scans.push(read_route(route, &member, metadata)?);
            check_scans(FORMAT, scans.len())?;
        }
    }
    if scans.is_empty() {
        return Err(ScanProblem::MissingField { format: FORMAT, field: "<DataRoute>" });
    }
    Ok(scans)
}

/// Names of the members with raw data, in the order of the experiment; takes the sample's name.
fn raw_data_members(
    archive: &mut Archive<'_>,
    metadata: &mut ScanMetadata,
) -> Result<Vec<String>, ScanProblem> {
    let container =
        archive.names().iter().find(|name| name.ends_with("DataContainer.xml")).cloned();
    let mut members = Vec::new();
    if let Some(container) = container {
        let document = xml::parse(FORMAT, &decode(&archive.member(&container)?))?;
        if let Some(info) = document.find("MeasurementInfo") {
            metadata.sample = info.attribute("SampleName").and_then(stated);
            metadata.comment = info.attribute("Comment").and_then(stated);
        }
        metadata.instrument = document.find("InstrumentName").and_then(|name| stated(&name.text));
        members = document
            .find_all("RawDataReferenceList")
            .iter()
            .flat_map(|list| &list.children)
            .filter_map(|reference| stated(&reference.text))
            .collect();
    }
    if members.is_empty() {
        members = archive.names().iter().filter(|name| is_raw_data(name)).cloned().collect();
        members.sort();
    }
    if members.is_empty() {
        let member = "RawData0.xml".to_owned();
        return Err(ScanProblem::MissingMember { format: FORMAT, member });
    }
    Ok(members)
}

fn note_raw_data(document: &Element, metadata: &mut ScanMetadata) {
    let value = |name: &str| {
        let element = document.find(name)?;
        element.attribute("Value").and_then(number).or_else(|| element.number())
    };
    metadata.wavelengths = Wavelengths::doublet(
        value("WaveLengthAlpha1").unwrap_or_default(),
        value("WaveLengthAlpha2").unwrap_or_default(),
        value("WaveLengthRatio"),
    );
    metadata.wavelengths.mean = value("WaveLengthAverage").and_then(plausible);
    metadata.wavelengths.beta = value("WaveLengthBeta").and_then(plausible);
    metadata.anode = document.find("TubeMaterial").and_then(|anode| stated(&anode.text));
    metadata.started = document.find("TimeStampStarted").and_then(|time| stated(&time.text));
}

fn read_route(
    route: &Element,
    member: &str,
    mut metadata: ScanMetadata,
) -> Result<Measured, ScanProblem> {
    let information = route.child("ScanInformation");
    let value =
        |name: &str| information.and_then(|info| info.child(name)).and_then(Element::number);
    metadata.counting_time =
        value("TimePerStepEffective").or(value("TimePerStep")).and_then(positive);
    metadata.axis = information.and_then(|info| {
        info.attribute("VisibleName").or(info.attribute("ScanName")).and_then(stated)
    });
    metadata.intensity_unit = IntensityUnit::Counts;
    let columns = Columns::of(route, &metadata)?;
    if let Some(axes) = information.and_then(|info| info.child("ScanAxes")) {
        metadata.step = axes
            .children
            .iter()
            .find(|axis| is_two_theta(axis))
            .and_then(|axis| axis.child("Increment")?.number())
            .map(f64::abs)
            .and_then(positive);
    }
    let mut measured = Measured::new(metadata);
    for (index, datum) in route.children_named("Datum").enumerate() {
        let field =
            |column: usize| datum.text.split(',').nth(column).map(str::trim).and_then(number);
        let (Some(angle), Some(intensity)) = (field(columns.angle), field(columns.intensity))
        else {
            return Err(ScanProblem::BadRow {
                format: FORMAT,
                place: Place::Value { element: format!("Datum in {member}"), index: index + 1 },
                expected: "numbers in the columns of 2θ and intensity",
                found: excerpt(&datum.text),
            });
        };
        measured.two_theta.push(angle);
        measured.intensities.push(intensity);
        check_points(FORMAT, measured.intensities.len())?;
    }
    Ok(measured)
}

/// Which numbers of a row are 2θ and intensity, counted from 0.
struct Columns {
    angle: usize,
    intensity: usize,
}

impl Columns {
    fn of(route: &Element, metadata: &ScanMetadata) -> Result<Self, ScanProblem> {
        let not_two_theta = || ScanProblem::NotTwoTheta {
            format: FORMAT,
            axis: metadata.axis.clone().unwrap_or_else(|| "unnamed".to_owned()),
        };
        let Some(views) = route.child("DataViews") else {
            return Self::without_views(route).ok_or_else(not_two_theta);
        };
        let (mut angle, mut intensity) = (None, None);
        for view in views.children_named("RawDataView") {
            let kind = view.attribute("type").unwrap_or_default();
            let start = column(view, "Start")?;
            let length = column(view, "Length")?;
            if kind.ends_with("VaryingRawDataView") && angle.is_none() {
                let fields = view.find_all("FieldDefinitions");
                angle = fields
                    .iter()
                    .take(length)
                    .position(|field| is_two_theta(field))
                    .map(|offset| start + offset);
            } else if kind.ends_with("RecordedRawDataView") && intensity.is_none() {
                if length != 1 {
                    return Err(ScanProblem::Unsupported {
                        format: FORMAT,
                        what: format!("a detector frame of {length} channels per point"),
                        instead: "integrate it in DIFFRAC and export a scan",
                    });
                }
                intensity = Some(start);
            }
        }
        let angle = angle.ok_or_else(not_two_theta)?;
        let intensity = intensity
            .ok_or(ScanProblem::MissingField { format: FORMAT, field: "recorded intensity" })?;
        Ok(Self { angle, intensity })
    }

    /// Files of the first versions have no views: time, absorption, the scan axes, the detector.
    fn without_views(route: &Element) -> Option<Self> {
        let axes = route.descend(&["ScanInformation", "ScanAxes"])?;
        let axis = axes.children.iter().position(is_two_theta)?;
        let fields = route.child("Datum")?.text.split(',').count();
        let (angle, intensity) = (2 + axis, fields.checked_sub(1)?);
        (angle < intensity).then_some(Self { angle, intensity })
    }
}

fn is_two_theta(axis: &Element) -> bool {
    ["AxisId", "AxisName", "FieldName"]
        .iter()
        .filter_map(|key| axis.attribute(key))
        .any(|name| axis_kind(name) == AxisKind::TwoTheta)
}

/// A column number of a view: small, so that sums of two cannot overflow.
fn column(view: &Element, name: &'static str) -> Result<usize, ScanProblem> {
    let text = view.attribute(name).unwrap_or_default();
    text.trim().parse::<u32>().map(|column| column as usize).map_err(|_| ScanProblem::BadField {
        format: FORMAT,
        place: Place::Value { element: "RawDataView".to_owned(), index: 1 },
        field: name,
        found: excerpt(text),
        expected: "a column number",
    })
}
