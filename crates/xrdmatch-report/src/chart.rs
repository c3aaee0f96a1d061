//! A chart as data: axes with units, series, and a sentence that says what is to be seen.

mod matrix;
mod png;
pub mod svg;
mod ticks;

use serde::{Deserialize, Serialize};

pub use matrix::Matrix;
pub(crate) use matrix::class_names;
pub use png::Painter;
pub use ticks::{Tick, scientific, ticks};

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Unique in a view; names the file of the figure.
    pub id: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What is to be seen, in words and numbers: the chart's alternative for those who do not see it.
    pub caption: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the last on top.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// What is measured.
    pub label: String,
    /// Its unit; empty for a pure number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// How values lie along it.
    #[serde(default)]
    pub scale: Scale,
    /// The range that is shown.
    pub range: [f64; 2],
}

/// How values are laid along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal distances are equal differences.
    #[default]
    Linear,
    /// Equal distances are equal ratios; the range is above 0.
    Log,
    /// As linear; what hangs below 0 is told without its sign.
    Mirrored,
}

/// Something drawn in a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name in the legend; empty for what needs none.
    pub name: String,
    /// Which colour, dash and marker, from 0 to 5: told apart without colour too. 6 is a neutral
    /// grey for what only guides the eye.
    pub style: u8,
    /// What it consists of.
    #[serde(flatten)]
    pub shape: Shape,
}

/// The numbers of a series. Lists run in step; `null` is a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Shape {
    /// A line through points.
    Line {
        /// Along the horizontal axis.
        x: Vec<f64>,
        /// Along the vertical axis.
        y: Vec<Option<f64>>,
        /// Whether it goes level to the next point and then up or down.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        steps: bool,
    },
    /// The area between two lines.
    Band {
        /// Along the horizontal axis.
        x: Vec<f64>,
        /// Lower edge.
        low: Vec<Option<f64>>,
        /// Upper edge.
        high: Vec<Option<f64>>,
    },
    /// Many faint lines over the same points, one an experiment.
    Strands {
        /// Along the horizontal axis.
        x: Vec<f64>,
        /// Each line.
        lines: Vec<Vec<Option<f64>>>,
    },
    /// Markers, with whiskers where `low` and `high` are given.
    Points {
        /// Along the horizontal axis.
        x: Vec<f64>,
        /// Along the vertical axis.
        y: Vec<f64>,
        /// Lower ends of whiskers; empty for none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        low: Vec<f64>,
        /// Upper ends of whiskers; empty for none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        high: Vec<f64>,
        /// What each is, for hovering; empty for none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<String>,
    },
    /// Upright sticks from 0, as a diffraction pattern has them.
    Sticks {
        /// Along the horizontal axis.
        x: Vec<f64>,
        /// Heights; negative ones hang down.
        y: Vec<f64>,
    },
}

impl Axis {
    /// An axis of a pure number.
    #[must_use]
    pub fn new(label: &str, range: [f64; 2]) -> Self {
        Self { label: label.to_owned(), unit: String::new(), scale: Scale::Linear, range }
    }

    /// A share, from 0 to 1.
    #[must_use]
    pub fn share(label: &str) -> Self {
        Self::new(label, [0.0, 1.0])
    }

    /// The same axis with a unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// The same axis, logarithmic.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.scale = Scale::Log;
        self
    }

    /// The same axis, told on both sides of 0 without sign: for a pattern that hangs below another.
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        self.scale = Scale::Mirrored;
        self
    }

    /// Label and unit as they stand at the axis.
    #[must_use]
    pub fn text(&self) -> String {
        if self.unit.is_empty() {
            self.label.clone()
        } else {
            format!("{} / {}", self.label, self.unit)
        }
    }

    /// Where a value lies in the range: 0 at its beginning, 1 at its end. Not finite for values that
    /// the axis cannot show.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        let on = |value: f64| match self.scale {
            Scale::Linear | Scale::Mirrored => value,
            Scale::Log => value.log10(),
        };
        let (first, last) = (on(self.range[0]), on(self.range[1]));
        (on(value) - first) / (last - first)
    }
}

impl Series {
    /// A line through points.
    #[must_use]
    pub fn line(
        name: &str,
        style: u8,
        points: impl IntoIterator<Item = (f64, Option<f64>)>,
    ) -> Self {
        let (x, y) = points.into_iter().map(|(x, y)| (brief(x), y.map(brief))).unzip();
        Self { name: name.to_owned(), style, shape: Shape::Line { x, y, steps: false } }
    }

    /// A band between two lines.
    #[must_use]
    pub fn band(
        name: &str,
        style: u8,
        points: impl IntoIterator<Item = (f64, Option<(f64, f64)>)>,
    ) -> Self {
        let (mut x, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
        for (at, ends) in points {
            x.push(brief(at));
            low.push(ends.map(|ends| brief(ends.0)));
            high.push(ends.map(|ends| brief(ends.1)));
        }
        Self { name: name.to_owned(), style, shape: Shape::Band { x, low, high } }
    }

    /// Markers without whiskers.
    #[must_use]
    pub fn points(
        name: &str,
        style: u8,
        points: impl IntoIterator<Item = (f64, f64, String)>,
    ) -> Self {
        let (mut x, mut y, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for (at, value, label) in points {
            x.push(brief(at));
            y.push(brief(value));
            labels.push(label);
        }
        let shape = Shape::Points { x, y, low: Vec::new(), high: Vec::new(), labels };
        Self { name: name.to_owned(), style, shape }
    }
}

/// A number with five significant digits: more than can be seen, and half the size in a file.
#[must_use]
pub fn brief(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.4e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_its_place_on_either_scale() {
        let linear = Axis::new("a", [2.0, 4.0]);
        assert_eq!((linear.place(2.0), linear.place(3.0), linear.place(5.0)), (0.0, 0.5, 1.5));
        let log = Axis::new("b", [1e-6, 1e-2]).log();
        assert!((log.place(1e-4) - 0.5).abs() < 1e-12);
        assert!(!log.place(0.0).is_finite() && !log.place(-1.0).is_finite());
    }

    #[test]
    fn numbers_are_cut_to_five_digits() {
        assert_eq!(brief(0.123_456_789), 0.12346);
        assert_eq!(brief(-1.234_567e-9), -1.2346e-9);
        assert_eq!((brief(0.0), brief(100.0)), (0.0, 100.0));
    }

    #[test]
    fn a_chart_survives_json() {
        let chart = Chart {
            id: "roc".into(),
            title: "ROC".into(),
            caption: "A line.".into(),
            x: Axis::share("false positives"),
            y: Axis::new("angle", [0.0, 90.0]).unit("°"),
            series: vec![
                Series::line("a", 0, [(0.0, Some(1.0)), (1.0, None)]),
                Series::band("b", 1, [(0.0, Some((0.0, 1.0))), (1.0, None)]),
                Series::points("c", 2, [(0.5, 0.5, "x".to_owned())]),
            ],
        };
        let json = serde_json::to_string(&chart).expect("a chart is JSON");
        assert_eq!(serde_json::from_str::<Chart>(&json).expect("read"), chart);
    }
}
