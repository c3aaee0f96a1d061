//! The charts of a view as files for a paper: SVG, and PNG at three pixels a point.

use std::path::{Path, PathBuf};

use xrdmatch::disk::write_atomically;

use crate::chart::{Painter, svg};
use crate::{ReportError, View};

/// Pixels a point of a PNG: 300 dots an inch at a width of 16 cm.
const SCALE: f32 = 3.0;

/// Writes every figure of a view into a directory, `NAME.svg` and `NAME.png`; gives the paths.
///
/// # Errors
/// [`ReportError`]: a file cannot be written, or there are no fonts for PNG (the SVG are then all
/// written).
pub fn write(view: &View, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    std::fs::create_dir_all(directory).map_err(ReportError::io("create", directory))?;
    let charts = view.charts().map(|chart| (chart.id.clone(), svg::draw(chart)));
    let matrices = view.matrices().map(|matrix| (matrix.id.clone(), matrix.svg()));
    let figures: Vec<(String, String)> = charts.chain(matrices).collect();
    let mut written = Vec::new();
    let mut keep = |name: String, bytes: &[u8]| {
        let path = directory.join(name);
        write_atomically(&path, bytes).map_err(ReportError::io("write", &path))?;
        written.push(path);
        Ok::<(), ReportError>(())
    };
    for (id, svg) in &figures {
        keep(format!("{id}.svg"), svg.as_bytes())?;
    }
    let painter = Painter::new()?;
    for (id, svg) in &figures {
        keep(format!("{id}.png"), &painter.paint(id, svg, SCALE)?)?;
    }
    Ok(written)
}
