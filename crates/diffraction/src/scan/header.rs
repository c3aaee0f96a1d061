//! Metadata in free-form headers: `# Calibrated wavelength = 0.4146`, `Anode: "Cu"`.

use super::metadata::{ScanMetadata, Wavelengths, plausible, positive, stated};
use super::text::number;

/// Takes what one line of a header says. What is set already stays.
pub(super) fn note_header_line(metadata: &mut ScanMetadata, line: &str) {
    let line = line.trim_start_matches(['#', '!', ';', '\'', '/', '*', '%', ' ', '\t']);
    for (key, value) in pairs(line) {
        note_pair(metadata, &key.trim().to_lowercase(), value);
    }
}

/// `key: "value"` as often as it occurs, else one `key = value`, `key: value` or `key,value`.
fn pairs(line: &str) -> Vec<(&str, &str)> {
    let mut quoted = Vec::new();
    let mut rest = line;
    while let Some((key, tail)) = rest.split_once(": \"") {
        let Some((value, next)) = tail.split_once('"') else { break };
        quoted.push((key, value));
        rest = next;
    }
    if !quoted.is_empty() {
        return quoted;
    }
    line.split_once('=')
        .or_else(|| line.split_once(':'))
        .or_else(|| line.split_once([',', ';', '\t']))
        .into_iter()
        .collect()
}

fn note_pair(metadata: &mut ScanMetadata, key: &str, value: &str) {
    let value = value.trim().trim_matches(['"', '\'']);
    let first_number =
        || value.split([' ', '\t', ',', ';']).find(|token| !token.is_empty()).and_then(number);
    let line = &mut metadata.wavelengths;
    match key {
        "sample" | "sample name" | "user sample name" | "id" | "sample identification" => {
            metadata.sample = metadata.sample.take().or_else(|| stated(value));
        }
        "comment" | "sample comment" => {
            metadata.comment = metadata.comment.take().or_else(|| stated(value));
        }
        "scan time" | "date" | "file date and time" | "measurement date and time" => {
            metadata.started = metadata.started.take().or_else(|| stated(value));
        }
        "anode" | "anode material" | "tube anode" | "target" => {
            metadata.anode = metadata.anode.take().or_else(|| stated(value));
        }
        "scantype" | "scan axis" => {
            metadata.axis = metadata.axis.take().or_else(|| stated(value));
        }
        "time per step" | "time per step (sec)" | "timeperstep" | "step time" => {
            metadata.counting_time =
                metadata.counting_time.or_else(|| first_number().and_then(positive));
        }
        "scan step size" | "step size" | "stepsize" => {
            metadata.step = metadata.step.or_else(|| first_number().and_then(positive));
        }
        "k-alpha1 wavelength" | "k-alpha1" | "wl1" => {
            line.alpha1 = line.alpha1.or_else(|| first_number().and_then(plausible));
        }
        "k-alpha2 wavelength" | "k-alpha2" | "wl2" => {
            line.alpha2 = line.alpha2.or_else(|| first_number().and_then(plausible));
        }
        "ratio k-alpha2/k-alpha1" | "wlratio" => {
            line.alpha2_ratio = line
                .alpha2_ratio
                .or_else(|| first_number().filter(|ratio| (0.0..=1.0).contains(ratio)));
        }
        _ if (key.ends_with("wavelength") || key == "lambda" || key == "wavelength (a)")
            && *line == Wavelengths::default() =>
        {
            // Ångström unless the line says nanometres, or metres as pyFAI does.
            let unit = value.trim_start_matches(|c: char| !c.is_alphabetic() || c == 'e');
            let scale = match unit.trim() {
                "m" => 1e10,
                "nm" => 10.0,
                _ => 1.0,
            };
            line.alpha1 = first_number().map(|length| length * scale).and_then(plausible);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ScanFormat;

    fn read(lines: &[&str]) -> ScanMetadata {
        let mut metadata = ScanMetadata::new(ScanFormat::Columns);
        for line in lines {
            note_header_line(&mut metadata, line);
        }
        metadata
    }

    #[test]
    fn headers_of_a_beamline_a_program_and_a_vendor_are_understood() {
        let beamline = read(&[
            "# User sample name =      eel69B",
            "# Time per step (sec) =   0.1",
            "# Calibrated wavelength = 0.414581",
        ]);
        assert_eq!(beamline.sample.as_deref(), Some("eel69B"));
        assert_eq!(beamline.counting_time, Some(0.1));
        assert_eq!(beamline.wavelengths.alpha1, Some(0.414581));
        let program = read(&["'Id: \"LMO\" Comment: \"x y\" Anode: \"Cu\" TimePerStep: \"96\" "]);
        assert_eq!(program.sample.as_deref(), Some("LMO"));
        assert_eq!(program.comment.as_deref(), Some("x y"));
        assert_eq!(program.anode.as_deref(), Some("Cu"));
        assert_eq!(program.counting_time, Some(96.0));
        let vendor = read(&["K-Alpha1 wavelength,1.540598", "K-Alpha2 wavelength,1.544426"]);
        assert_eq!(vendor.wavelengths, Wavelengths::doublet(1.540598, 1.544426, None));
        assert_eq!(read(&["# Wavelength: 1e-10 m"]).wavelengths.alpha1, Some(1.0));
    }
}
