//! Rigaku RASX: a zip archive of `Data*/Profile*.txt` (angle, intensity, attenuation) with
//! `Data*/MesurementConditions*.xml` (the spelling is Rigaku's).

use super::archive::{Archive, is_profile};
use super::error::{Place, ScanProblem};
use super::format::ScanFormat;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::{ScanMetadata, Wavelengths, plausible, positive, stated};
use super::ras;
use super::text::{decode, lines};
use super::xml::{self, Element};

const FORMAT: ScanFormat = ScanFormat::Rasx;

pub(super) fn read(mut archive: Archive<'_>) -> Result<Vec<Measured>, ScanProblem> {
    let mut profiles: Vec<String> =
        archive.names().iter().filter(|name| is_profile(name)).cloned().collect();
    profiles.sort_by_key(|name| (name.len(), name.clone()));
    if profiles.is_empty() {
        let member = "Data0/Profile0.txt".to_owned();
        return Err(ScanProblem::MissingMember { format: FORMAT, member });
    }
    check_scans(FORMAT, profiles.len())?;
    let mut scans = Vec::new();
    let mut points = 0;
    for profile in profiles {
        let mut metadata = ScanMetadata::new(FORMAT);
        if let Some(conditions) = conditions_of(&archive, &profile) {
            let document = xml::parse(FORMAT, &decode(&archive.member(&conditions)?))?;
            note_conditions(&document, &mut metadata);
            ras::check_axis(&metadata)?;
        }
        let mut scan = Measured::new(metadata);
        let bytes = archive.member(&profile)?;
        for (line, row) in lines(&decode(&bytes)) {
            let row = row.trim().trim_start_matches('\u{feff}');
            if !row.is_empty() {
                ras::push_row(&mut scan, row, || Place::MemberLine {
                    member: profile.clone(),
                    line,
                })?;
                points += 1;
                check_points(FORMAT, points)?;
            }
        }
        scans.push(scan);
    }
    Ok(scans)
}

/// The conditions in the folder of a profile.
fn conditions_of(archive: &Archive<'_>, profile: &str) -> Option<String> {
    let folder = &profile[..profile.rfind('/').map_or(0, |slash| slash + 1)];
    let is_conditions = |name: &&String| {
        name.strip_prefix(folder).is_some_and(|file| {
            !file.contains('/') && file.contains("Conditions") && file.ends_with(".xml")
        })
    };
    archive.names().iter().find(is_conditions).cloned()
}

fn note_conditions(document: &Element, metadata: &mut ScanMetadata) {
    if let Some(header) = document.child("RASHeader") {
        let pairs: Vec<(&str, &str)> = header
            .children_named("Pair")
            .filter_map(|pair| {
                let [key, value] = &pair.children[..] else { return None };
                Some((key.text.as_str(), value.text.as_str()))
            })
            .collect();
        ras::note_header(metadata, |key| {
            pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
        });
    }
    let text = |path: &[&str]| document.descend(path).and_then(|element| stated(&element.text));
    let real = |path: &[&str]| document.descend(path).and_then(Element::number);
    let general = |item| text(&["GeneralInformation", item]);
    metadata.sample = general("SampleName").or(metadata.sample.take());
    metadata.comment = general("Comment").or(metadata.comment.take());
    metadata.instrument = general("SystemName").or(metadata.instrument.take());
    let tube = |item| ["HWConfigurations", "XrayGenerator", item];
    metadata.anode = text(&tube("TargetName")).or(metadata.anode.take());
    if let Some(alpha1) = real(&tube("WavelengthKalpha1")) {
        let alpha2 = real(&tube("WavelengthKalpha2")).unwrap_or_default();
        metadata.wavelengths = Wavelengths::doublet(alpha1, alpha2, None);
        metadata.wavelengths.beta = real(&tube("WavelengthKbeta")).and_then(plausible);
    }
    let scan = |item| ["ScanInformation", item];
    metadata.axis = text(&scan("AxisName")).or(metadata.axis.take());
    metadata.started = text(&scan("StartTime")).or(metadata.started.take());
    metadata.step = real(&scan("Step")).and_then(positive).or(metadata.step);
    let unit = text(&scan("SpeedUnit")).unwrap_or_default();
    metadata.counting_time =
        ras::counting_time(metadata.step, real(&scan("Speed")), &unit).or(metadata.counting_time);
    if let Some(unit) = text(&scan("IntensityUnit")) {
        metadata.intensity_unit = ras::intensity_unit(&unit);
    }
}
