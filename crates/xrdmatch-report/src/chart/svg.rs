//! A chart drawn as SVG, for papers, print, and pages without scripts.
//!
//! Colours are those of Okabe and Ito, told apart by people with any kind of colour vision; every
//! style has its own dash and marker too, so that a grey copy can be read.

use std::fmt::Write;

use super::{Axis, Chart, Series, Shape, ticks};

/// Colour, dash and marker by [`Series::style`].
const STYLES: [(&str, &str); 7] = [
    ("#0072B2", ""),
    ("#D55E00", "7 3"),
    ("#009E73", "2 2.5"),
    ("#CC79A7", "9 3 2 3"),
    ("#E69F00", "4 2"),
    ("#56B4E9", "1 3"),
    ("#767676", "5 4"),
];

/// Size of a figure in points of its own grid.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
/// Space for ticks and labels.
const LEFT: f64 = 68.0;
const RIGHT: f64 = 18.0;
const BOTTOM: f64 = 56.0;
const TOP: f64 = 14.0;
const LEGEND_LINE: f64 = 20.0;

/// Width of a letter as a part of its height: an average of sans-serif fonts, on the wide side.
const LETTER: f64 = 0.56;

/// Text for XML, inside and outside of attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Not allowed in XML at all.
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Draws a chart.
#[must_use]
pub fn draw(chart: &Chart) -> String {
    let named: Vec<&Series> = chart.series.iter().filter(|s| !s.name.is_empty()).collect();
    let rows = legend_rows(&named);
    let top = TOP + rows.len() as f64 * LEGEND_LINE + if rows.is_empty() { 0.0 } else { 6.0 };
    let frame = Frame { left: LEFT, right: WIDTH - RIGHT, top, bottom: HEIGHT - BOTTOM };
    let mut svg = String::new();
    let id = escape(&chart.id);
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
         font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" \
         font-size=\"13\" fill=\"#1a1a1a\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\
         <clipPath id=\"{id}-c\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>",
        escape(&chart.title),
        escape(&chart.caption),
        frame.left - 5.0,
        frame.top - 5.0,
        frame.right - frame.left + 10.0,
        frame.bottom - frame.top + 10.0,
    );
    axes(&mut svg, chart, &frame);
    let _ = write!(svg, "<g clip-path=\"url(#{id}-c)\">");
    for series in &chart.series {
        draw_series(&mut svg, chart, &frame, series);
    }
    svg.push_str("</g>");
    legend(&mut svg, &rows);
    svg.push_str("</svg>");
    svg
}

/// Where the data is drawn.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn x(&self, axis: &Axis, value: f64) -> f64 {
        self.left + axis.place(value) * (self.right - self.left)
    }

    fn y(&self, axis: &Axis, value: f64) -> f64 {
        self.bottom - axis.place(value) * (self.bottom - self.top)
    }
}

fn axes(svg: &mut String, chart: &Chart, frame: &Frame) {
    let Frame { left, right, top, bottom } = *frame;
    svg.push_str("<g stroke=\"#d9d9d9\" stroke-width=\"1\">");
    let (across, up) = (ticks(&chart.x, 8), ticks(&chart.y, 6));
    for tick in &across {
        let x = frame.x(&chart.x, tick.value);
        let _ = write!(svg, "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
    }
    for tick in &up {
        let y = frame.y(&chart.y, tick.value);
        let _ = write!(svg, "<path d=\"M{left:.1} {y:.1}H{right:.1}\"/>");
    }
    svg.push_str("</g>");
    let _ = write!(
        svg,
        "<path d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\" fill=\"none\" stroke=\"#1a1a1a\"/>"
    );
    for tick in &across {
        let x = frame.x(&chart.x, tick.value);
        let _ = write!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            raised(&tick.text)
        );
    }
    for tick in &up {
        let y = frame.y(&chart.y, tick.value);
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            y + 4.5,
            raised(&tick.text)
        );
    }
    let (middle, height) = (0.5 * (left + right), 0.5 * (top + bottom));
    let _ = write!(
        svg,
        "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"14\">{}</text>\
         <text transform=\"translate(18 {height:.1}) rotate(-90)\" text-anchor=\"middle\" \
         font-size=\"14\">{}</text>",
        HEIGHT - 14.0,
        escape(&chart.x.text()),
        escape(&chart.y.text()),
    );
}

/// The text of a tick; the power of ten is raised, as few fonts have all digits so.
fn raised(text: &str) -> String {
    let digit = |c: char| match c {
        '⁻' => '−',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁰' => '0',
        '⁴'..='⁹' => char::from(b'0' + u8::try_from(u32::from(c) - 0x2070).unwrap_or(0)),
        other => other,
    };
    match text.strip_prefix("10") {
        Some(power) if power.starts_with(|c: char| digit(c) != c) => {
            let power: String = power.chars().map(digit).collect();
            format!("10<tspan dy=\"-5\" font-size=\"9.5\">{power}</tspan>")
        }
        _ => escape(text),
    }
}

fn draw_series(svg: &mut String, chart: &Chart, frame: &Frame, series: &Series) {
    let (colour, dash) = STYLES[usize::from(series.style) % STYLES.len()];
    let at = |x: f64, y: f64| (frame.x(&chart.x, x), frame.y(&chart.y, y));
    match &series.shape {
        Shape::Line { x, y, steps } => {
            let points = x.iter().zip(y).map(|(x, y)| y.map(|y| at(*x, y)));
            let d = path(points, *steps);
            let _ = write!(
                svg,
                "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-linejoin=\"round\" stroke-dasharray=\"{}\"/>",
                if dash.is_empty() { "none" } else { dash }
            );
        }
        Shape::Strands { x, lines } => {
            let _ = write!(
                svg,
                "<g fill=\"none\" stroke=\"{colour}\" stroke-width=\"0.7\" stroke-opacity=\"{}\">",
                if lines.len() > 20 { "0.18" } else { "0.4" }
            );
            for line in lines {
                let points = x.iter().zip(line).map(|(x, y)| y.map(|y| at(*x, y)));
                let _ = write!(svg, "<path d=\"{}\"/>", path(points, false));
            }
            svg.push_str("</g>");
        }
        Shape::Band { x, low, high } => {
            for piece in pieces(x, low, high) {
                let lower = piece.iter().map(|(x, low, _)| Some(at(*x, *low)));
                let upper = piece.iter().rev().map(|(x, _, high)| Some(at(*x, *high)));
                let d = path(lower.chain(upper), false);
                let _ = write!(
                    svg,
                    "<path d=\"{d}Z\" fill=\"{colour}\" fill-opacity=\"0.2\" stroke=\"none\"/>"
                );
            }
        }
        Shape::Points { x, y, low, high, .. } => {
            for (number, (x, y)) in x.iter().zip(y).enumerate() {
                let (px, py) = at(*x, *y);
                if !(px.is_finite() && py.is_finite()) {
                    continue;
                }
                if let (Some(low), Some(high)) = (low.get(number), high.get(number)) {
                    let (a, b) = (at(*x, *low).1, at(*x, *high).1);
                    let _ = write!(
                        svg,
                        "<path d=\"M{px:.1} {a:.1}V{b:.1}\" stroke=\"{colour}\" stroke-opacity=\"0.45\"/>"
                    );
                }
                marker(svg, series.style, px, py);
            }
        }
        Shape::Sticks { x, y } => {
            let mut d = String::new();
            for (x, y) in x.iter().zip(y) {
                let ((px, py), (_, zero)) = (at(*x, *y), at(*x, 0.0));
                if px.is_finite() && py.is_finite() {
                    let _ = write!(d, "M{px:.1} {zero:.1}V{py:.1}");
                }
            }
            let _ = write!(svg, "<path d=\"{d}\" stroke=\"{colour}\" stroke-width=\"1.4\"/>");
        }
    }
}

/// The parts of a band without gaps.
fn pieces(x: &[f64], low: &[Option<f64>], high: &[Option<f64>]) -> Vec<Vec<(f64, f64, f64)>> {
    let mut pieces = vec![Vec::new()];
    for ((x, low), high) in x.iter().zip(low).zip(high) {
        match (low, high) {
            (Some(low), Some(high)) => {
                if let Some(piece) = pieces.last_mut() {
                    piece.push((*x, *low, *high));
                }
            }
            _ => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

fn path(points: impl Iterator<Item = Option<(f64, f64)>>, steps: bool) -> String {
    let mut d = String::new();
    let mut pen_down = false;
    for point in points {
        let Some((x, y)) = point.filter(|(x, y)| x.is_finite() && y.is_finite()) else {
            pen_down = false;
            continue;
        };
        let _ = match (pen_down, steps) {
            (false, _) => write!(d, "M{x:.1} {y:.1}"),
            (true, true) => write!(d, "H{x:.1}V{y:.1}"),
            (true, false) => write!(d, "L{x:.1} {y:.1}"),
        };
        pen_down = true;
    }
    d
}

/// A marker: its form tells the style without colour.
fn marker(svg: &mut String, style: u8, x: f64, y: f64) {
    let (colour, _) = STYLES[usize::from(style) % STYLES.len()];
    let filled = format!("fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"0.8\"");
    let open = format!("fill=\"#ffffff\" stroke=\"{colour}\" stroke-width=\"1.6\"");
    let _ = match style % 6 {
        0 => write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.4\" {filled}/>"),
        1 => write!(svg, "<path d=\"M{x:.1} {:.1}l4.6 8h-9.2z\" {open}/>", y - 5.0),
        2 => write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"7.6\" height=\"7.6\" {filled}/>",
            x - 3.8,
            y - 3.8
        ),
        3 => write!(svg, "<path d=\"M{x:.1} {:.1}l5.2 5.2l-5.2 5.2l-5.2 -5.2z\" {open}/>", y - 5.2),
        4 => write!(svg, "<path d=\"M{x:.1} {:.1}l4.6 -8h-9.2z\" {filled}/>", y + 5.0),
        _ => write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" {open}/>"),
    };
}

/// The entries of the legend, line by line, each with its place from the left.
fn legend_rows<'a>(named: &[&'a Series]) -> Vec<Vec<(f64, &'a Series)>> {
    let mut rows: Vec<Vec<(f64, &Series)>> = Vec::new();
    let mut place = f64::INFINITY;
    for series in named {
        let width = 34.0 + series.name.chars().count() as f64 * LETTER * 13.0 + 16.0;
        if place + width > WIDTH - RIGHT {
            rows.push(Vec::new());
            place = LEFT;
        }
        if let Some(row) = rows.last_mut() {
            row.push((place, *series));
        }
        place += width;
    }
    rows
}

fn legend(svg: &mut String, rows: &[Vec<(f64, &Series)>]) {
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + number as f64 * LEGEND_LINE + 6.0;
        for (x, series) in row {
            let (colour, dash) = STYLES[usize::from(series.style) % STYLES.len()];
            let dash = if dash.is_empty() { "none" } else { dash };
            let _ = match series.shape {
                Shape::Points { .. } => {
                    marker(svg, series.style, x + 14.0, y);
                    Ok(())
                }
                Shape::Band { .. } => write!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"28\" height=\"11\" fill=\"{colour}\" \
                     fill-opacity=\"0.25\"/>",
                    y - 5.5
                ),
                _ => write!(
                    svg,
                    "<path d=\"M{x:.1} {y:.1}h28\" stroke=\"{colour}\" stroke-width=\"2\" \
                     stroke-dasharray=\"{dash}\"/>"
                ),
            };
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 34.0,
                y + 4.5,
                escape(&series.name)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>) -> Chart {
        Chart {
            id: "test".into(),
            title: "A <title> & more".into(),
            caption: "What \"is\" seen".into(),
            x: Axis::new("epoch", [0.0, 10.0]),
            y: Axis::new("conductivity", [1e-6, 1.0]).log().unit("S/cm"),
            series,
        }
    }

    #[test]
    fn text_is_escaped_and_axes_have_units() {
        let svg = draw(&chart(vec![Series::line("<b>", 0, [(0.0, Some(0.1))])]));
        assert!(
            svg.contains("A &lt;title&gt; &amp; more") && svg.contains("What &quot;is&quot; seen")
        );
        assert!(svg.contains("conductivity / S/cm") && svg.contains("&lt;b&gt;"));
        assert!(!svg.contains("<b>"));
        assert_eq!(escape("a\u{0}b"), "a\u{fffd}b");
    }

    #[test]
    fn powers_of_ten_are_raised() {
        assert!(raised("10⁻¹⁰").ends_with(">−10</tspan>") && raised("10⁷").ends_with(">7</tspan>"));
        assert_eq!([raised("10"), raised("100"), raised("0.5")], ["10", "100", "0.5"]);
    }

    #[test]
    fn gaps_break_lines_and_bands() {
        let line = Series::line(
            "",
            0,
            [(0.0, Some(0.1)), (1.0, None), (2.0, Some(0.1)), (3.0, Some(0.2))],
        );
        let svg = draw(&chart(vec![line]));
        let d = svg.split("stroke-linejoin").next().expect("a path").rsplit("d=\"").next();
        let d = d.expect("a path");
        assert_eq!((d.matches('M').count(), d.matches('L').count()), (2, 1), "{d}");
        let band = Series::band(
            "",
            1,
            [
                (0.0, Some((0.1, 0.2))),
                (1.0, Some((0.1, 0.2))),
                (2.0, None),
                (3.0, Some((0.1, 0.2))),
            ],
        );
        let svg = draw(&chart(vec![band]));
        assert_eq!(svg.matches("fill-opacity=\"0.2\"").count(), 1, "a single point is no band");
    }

    #[test]
    fn what_an_axis_cannot_show_is_left_out_and_no_number_is_broken() {
        let points = [(1.0, 0.0), (2.0, -1.0), (f64::NAN, 0.1), (3.0, 0.1)];
        let points = points.map(|(x, y)| (x, y, String::new()));
        let svg = draw(&chart(vec![Series::points("p", 0, points)]));
        assert_eq!(svg.matches("<circle").count(), 2, "one point and the legend");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn every_style_has_its_own_marker_or_dash() {
        let mut seen = std::collections::HashSet::new();
        for style in 0..6 {
            let mut svg = String::new();
            marker(&mut svg, style, 0.0, 0.0);
            let colourless = svg.replace(STYLES[usize::from(style)].0, "");
            assert!(seen.insert(colourless), "style {style}");
            assert!(
                (0..style)
                    .all(|other| STYLES[usize::from(other)].1 != STYLES[usize::from(style)].1)
            );
        }
    }

    #[test]
    fn a_long_legend_is_broken_into_lines() {
        let name = "a name of some length that fills much of a line";
        let series: Vec<Series> =
            (0..4).map(|s| Series::line(name, s, [(0.0, Some(0.1))])).collect();
        let named: Vec<&Series> = series.iter().collect();
        let rows = legend_rows(&named);
        assert!(rows.len() > 1);
        assert_eq!(rows.iter().map(Vec::len).sum::<usize>(), 4);
    }
}
