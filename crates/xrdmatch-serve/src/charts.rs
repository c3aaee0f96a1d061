//! The charts of a pattern, in the form of the report's.

use diffraction::Grid;
use xrdmatch::explain::Explanation;
use xrdmatch::screen::Neighbour;
use xrdmatch_report::Chart;
use xrdmatch_report::chart::{Axis, Series, Shape, brief, scientific};

use crate::ensemble::{Look, Models, Peaks, STICKS};
use crate::reading::{Kind, Measured, Sample};

/// Room above the highest peak.
const ABOVE: f64 = 1.08;
/// How far above its peak a mark stands.
const MARK: f64 = 0.06;
/// Of intensities whose unit the file does not state.
const NO_UNIT: &str = "arb. units";
/// How near, degrees, a stick must be to a mark to stand under it.
const UNDER: f64 = 0.3;

fn angles(range: [f64; 2]) -> Axis {
    Axis::new("two-theta", range).unit("°")
}

fn whole(grid: Grid) -> [f64; 2] {
    [grid.start(), grid.end()]
}

/// A pattern as a series: sticks where it has few points, else a line. `sign` −1 lets it hang.
fn series(name: &str, style: u8, peaks: &Peaks, grid: Grid, sign: f64) -> Series {
    let points = grid.points();
    if peaks.two_theta.len() as f64 <= STICKS * points as f64 {
        let x = peaks.two_theta.iter().copied().map(brief).collect();
        let y = peaks.heights.iter().map(|height| brief(sign * height)).collect();
        return Series { name: name.to_owned(), style, shape: Shape::Sticks { x, y } };
    }
    let points = peaks.two_theta.iter().zip(&peaks.heights);
    Series::line(name, style, points.map(|(x, y)| (*x, Some(sign * y))))
}

/// The pattern as it came.
pub(crate) fn measured(sample: &Sample, models: &Models) -> Chart {
    let name = &sample.row.name;
    let (title, said) = match sample.kind {
        Kind::Scan => ("As measured", "as measured"),
        Kind::Structure => ("As simulated from the structure", "simulated for Cu Kα, 1.54184 Å"),
        Kind::Table => ("As in the table", "as the table has it"),
    };
    let (x, y, series) = match &sample.measured {
        Measured::Profile { two_theta, intensities, unit } => {
            let low = intensities.iter().copied().fold(0.0, f64::min);
            let high = intensities.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            let ends = [two_theta.first(), two_theta.last()].map(|end| end.copied().unwrap_or(0.0));
            let points = two_theta.iter().zip(intensities).map(|(x, y)| (*x, Some(*y)));
            let unit = if unit.is_empty() { NO_UNIT } else { unit };
            let y = Axis::new("intensity", [low, ABOVE * high]).unit(unit);
            (angles(ends), y, Series::line(name, 0, points))
        }
        Measured::Row => {
            let peaks = row_peaks(sample, models.grid);
            let y = Axis::new("relative intensity", [0.0, ABOVE]);
            (angles(whole(models.grid)), y, series(name, 0, &peaks, models.grid, 1.0))
        }
    };
    let peaks = match &sample.measured {
        Measured::Profile { two_theta, .. } => format!("{} points", two_theta.len()),
        Measured::Row => format!("{} points with intensity", sample.row.indices.len()),
    };
    let caption = format!("{name}, {said}: {peaks} from {:.2}° to {:.2}°.", x.range[0], x.range[1]);
    Chart {
        id: "measured".to_owned(),
        title: title.to_owned(),
        caption,
        x,
        y,
        series: vec![series],
    }
}

fn row_peaks(sample: &Sample, grid: Grid) -> Peaks {
    let largest = sample.row.values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let angle = |index: &u16| grid.two_theta(usize::from(*index));
    Peaks {
        two_theta: sample.row.indices.iter().map(angle).collect(),
        heights: sample.row.values.iter().map(|value| f64::from(value / largest)).collect(),
    }
}

/// The pattern as the models see it.
pub(crate) fn seen(sample: &Sample, look: &Look, models: &Models) -> Chart {
    let high = look.seen.heights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let name = &sample.row.name;
    let shown = if look.on_the_grid {
        series(name, 0, &look.seen, models.grid, 1.0)
    } else {
        let points = look.seen.two_theta.iter().zip(&look.seen.heights);
        Series::line(name, 0, points.map(|(x, y)| (*x, Some(*y))))
    };
    Chart {
        id: "seen".to_owned(),
        title: "As the models see it".to_owned(),
        caption: format!("{name} on the models' grid, {}.", models.preparation),
        x: angles(whole(models.grid)),
        y: Axis::new("prepared intensity", [0.0, ABOVE * high]),
        series: vec![shown],
    }
}

/// The pattern above, and a labelled one hanging below.
pub(crate) fn beside(
    number: usize,
    name: &str,
    own: &Peaks,
    neighbour: &Neighbour,
    other: &Peaks,
    grid: Grid,
) -> Chart {
    let class = match neighbour.label {
        Some(0) => ", superionic",
        Some(_) => ", not superionic",
        None => "",
    };
    let sigma =
        neighbour.conductivity.map_or_else(String::new, |s| format!(", {} S/cm", scientific(s)));
    let caption = format!(
        "{name} above; hanging below, the labelled compound {}{class}{sigma}. Cosine of the blurred patterns {:.2}.",
        neighbour.name, neighbour.cosine
    );
    Chart {
        id: format!("neighbour-{number}"),
        title: format!("Beside {}", neighbour.name),
        caption,
        x: angles(whole(grid)),
        y: Axis::new("relative intensity", [-ABOVE, ABOVE]).mirrored(),
        series: vec![
            series(name, 0, own, grid, 1.0),
            series(&neighbour.name, 1, other, grid, -1.0),
        ],
    }
}

/// The pattern by itself.
pub(crate) fn alone(name: &str, own: &Peaks, grid: Grid) -> Chart {
    Chart {
        id: "pattern".to_owned(),
        title: "Its pattern".to_owned(),
        caption: format!("{name}: its {} strongest peaks.", own.two_theta.len()),
        x: angles(whole(grid)),
        y: Axis::new("relative intensity", [0.0, ABOVE]),
        series: vec![series(name, 0, own, grid, 1.0)],
    }
}

/// Marks peaks that speak for or against: angles and how much.
pub(crate) fn mark(chart: &mut Chart, peaks: &[(f64, f64)], own: &Peaks) {
    for (name, style, sign) in [("speaks for superionic", 4, 1.0), ("speaks against", 3, -1.0)] {
        let chosen: Vec<_> = peaks.iter().filter(|(_, weight)| sign * weight > 0.0).collect();
        if !chosen.is_empty() {
            let points = chosen.into_iter().map(|(angle, weight)| {
                let label = format!("weight {weight:.2}").replace('-', "−");
                (*angle, above(own, *angle), label)
            });
            chart.series.push(Series::points(name, style, points));
            chart.y.range[1] = ABOVE + MARK;
        }
    }
}

/// Where a mark stands above the peaks near an angle.
fn above(own: &Peaks, angle: f64) -> f64 {
    let near = own.two_theta.iter().zip(&own.heights);
    let near = near.filter(|(x, _)| (*x - angle).abs() < UNDER).map(|(_, y)| *y);
    near.fold(0.0, f64::max) + MARK
}

/// The pattern with the peaks that drive what is said of it.
pub(crate) fn driving(explanation: &Explanation, own: &Peaks, grid: Grid) -> Chart {
    let marks = |name: &str, style: u8, wanted: fn(f64) -> bool| {
        let chosen = explanation.reasons.iter().filter(|reason| wanted(reason.attribution));
        let named = chosen.clone().any(|reason| reason.named);
        // Of the predicted class the named peaks; of the other as many as are worth a look.
        let chosen: Vec<_> = chosen
            .filter(|reason| if named { reason.named } else { reason.attribution.abs() > 0.05 })
            .collect();
        let points = chosen.iter().map(|reason| {
            let planes: Vec<String> = reason
                .planes
                .iter()
                .map(|plane| format!("({})", plane.hkl.map(|index| index.to_string()).join(" ")))
                .collect();
            let label = format!("{:+.2} {}", reason.attribution, planes.join(" "));
            (reason.two_theta, above(own, reason.two_theta), label.trim().replace('-', "−"))
        });
        Series::points(name, style, points)
    };
    let mut all = vec![series(&explanation.sample, 0, own, grid, 1.0)];
    all.push(marks("speaks for superionic", 4, |part| part > 0.0));
    all.push(marks("speaks against", 3, |part| part < 0.0));
    all.retain(|series| !matches!(&series.shape, Shape::Points { x, .. } if x.is_empty()));
    let named: Vec<String> = explanation
        .reasons
        .iter()
        .filter(|reason| reason.named)
        .map(|reason| format!("{:.2}°", reason.two_theta))
        .collect();
    let caption = match named.as_slice() {
        [] => format!("{}: no peak speaks for the prediction.", explanation.sample),
        named => format!(
            "{}: the prediction rests most on the peaks at {}.",
            explanation.sample,
            named.join(", ")
        ),
    };
    Chart {
        id: "driving".to_owned(),
        title: "Peaks that drive the prediction".to_owned(),
        caption,
        x: angles(whole(grid)),
        y: Axis::new("relative intensity", [0.0, ABOVE + MARK]),
        series: all,
    }
}
