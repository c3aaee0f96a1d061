//! The picture, as SVG.

use std::fmt::Write;

use diffraction::Grid;

use crate::fit::Fit;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 20.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;

/// Share of a panel's height for the difference.
const DIFFERENCE: f64 = 0.22;

/// One scan and its simulation.
pub(crate) struct Panel {
    pub(crate) caption: String,
    pub(crate) grid: Grid,
    pub(crate) counts: Vec<f64>,
    pub(crate) fit: Fit,
}

/// Panels one below the other.
pub(crate) fn svg(panels: &[Panel]) -> String {
    let height = HEIGHT * panels.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        panel.draw(HEIGHT * index as f64, &mut text);
    }
    text.push_str("</svg>\n");
    text
}

impl Panel {
    fn draw(&self, top: f64, text: &mut String) {
        // Writing to a string cannot fail.
        let mut put = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        let model: Vec<f64> =
            self.fit.peaks().iter().zip(&self.fit.background).map(|(p, b)| p + b).collect();
        // √counts, so that weak lines are seen as well as strong ones.
        let root = |values: &[f64]| values.iter().map(|v| v.max(0.0).sqrt()).collect::<Vec<f64>>();
        let (counts, model) = (root(&self.counts), root(&model));
        let low = counts.iter().chain(&model).copied().fold(f64::INFINITY, f64::min);
        let high = counts.iter().chain(&model).copied().fold(0.0, f64::max);
        let plot = HEIGHT - TOP - BOTTOM;
        let base = top + TOP + plot * (1.0 - DIFFERENCE);
        let scale = plot * (1.0 - DIFFERENCE) / (high - low);
        let zero = top + TOP + plot * (1.0 - DIFFERENCE / 2.0);
        let (first, last) = (self.grid.start(), self.grid.end());
        let x = |angle: f64| LEFT + (WIDTH - LEFT - RIGHT) * (angle - first) / (last - first);
        let curve = |y: &dyn Fn(usize) -> f64| self.curve(&x, y);
        put(format!(
            "<text x=\"{LEFT}\" y=\"{:.0}\" font-weight=\"bold\">{}</text>",
            top + 20.0,
            self.caption
        ));
        put(format!(
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\"><tspan fill=\"#444444\">— measured</tspan>  <tspan fill=\"#d1495b\">— simulated</tspan>  <tspan fill=\"#2e6f95\">— difference</tspan>  (√counts)</text>",
            WIDTH - RIGHT,
            top + 20.0
        ));
        put(curve_line(&curve(&|i| base - scale * (counts[i] - low)), "#444444", 1.0));
        put(curve_line(&curve(&|i| base - scale * (model[i] - low)), "#d1495b", 0.9));
        put(curve_line(&curve(&|i| zero - scale * (counts[i] - model[i])), "#2e6f95", 0.8));
        let axis = top + HEIGHT - BOTTOM;
        put(format!(
            "<path d=\"M{LEFT} {axis:.1}H{:.1}\" stroke=\"#000000\" fill=\"none\"/>",
            WIDTH - RIGHT
        ));
        let mut angle = (first / 10.0).ceil() * 10.0;
        while angle <= last {
            let at = x(angle);
            put(format!("<path d=\"M{at:.1} {axis:.1}v5\" stroke=\"#000000\"/>"));
            put(format!(
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{angle:.0}°</text>",
                axis + 19.0
            ));
            angle += 10.0;
        }
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">2θ (Cu Kα)</text>",
            WIDTH / 2.0,
            axis + 35.0
        ));
    }

    /// The points of a curve: of every pixel its highest and its lowest.
    fn curve(&self, x: &dyn Fn(f64) -> f64, y: &dyn Fn(usize) -> f64) -> String {
        let mut path = String::new();
        let mut at = 0;
        while at < self.grid.points() {
            let column = x(self.grid.two_theta(at)).floor();
            let (mut lowest, mut highest) = (at, at);
            while at < self.grid.points() && x(self.grid.two_theta(at)).floor() <= column {
                if y(at) < y(lowest) {
                    lowest = at;
                }
                if y(at) > y(highest) {
                    highest = at;
                }
                at += 1;
            }
            let (first, second) = (lowest.min(highest), lowest.max(highest));
            for point in if first == second { vec![first] } else { vec![first, second] } {
                let sign = if path.is_empty() { "M" } else { " " };
                let angle = self.grid.two_theta(point);
                let _ = write!(path, "{sign}{:.1} {:.1}", x(angle), y(point));
            }
        }
        path
    }
}

fn curve_line(path: &str, colour: &str, width: f64) -> String {
    format!(
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
    )
}
