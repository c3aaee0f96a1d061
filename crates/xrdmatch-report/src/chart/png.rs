//! SVG painted into PNG, with the fonts of this machine.

use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::ReportError;

/// Paints figures.
pub struct Painter {
    options: Options<'static>,
}

impl std::fmt::Debug for Painter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Painter").field("fonts", &self.options.fontdb.len()).finish()
    }
}

impl Painter {
    /// A painter with the fonts of this machine.
    ///
    /// # Errors
    /// [`ReportError::NoFonts`]: text would be missing.
    pub fn new() -> Result<Self, ReportError> {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        let Some(first) = fonts.faces().next() else { return Err(ReportError::NoFonts) };
        let name = |face: &fontdb::FaceInfo| face.families.first().map(|family| family.0.clone());
        let wanted = ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans", "Noto Sans"];
        let found = wanted.into_iter().find(|wanted| {
            fonts.faces().any(|face| face.families.iter().any(|family| family.0 == *wanted))
        });
        if let Some(family) = found.map(str::to_owned).or_else(|| name(first)) {
            fonts.set_sans_serif_family(family);
        }
        Ok(Self { options: Options { fontdb: Arc::new(fonts), ..Options::default() } })
    }

    /// Paints an SVG at `scale` pixels a point, on white.
    ///
    /// # Errors
    /// [`ReportError::Picture`].
    pub fn paint(&self, figure: &str, svg: &str, scale: f32) -> Result<Vec<u8>, ReportError> {
        let failed = |reason: String| ReportError::Picture { figure: figure.to_owned(), reason };
        let tree = Tree::from_str(svg, &self.options).map_err(|error| failed(error.to_string()))?;
        let size = tree
            .size()
            .to_int_size()
            .scale_by(scale)
            .ok_or_else(|| failed("it has no size".to_owned()))?;
        let mut pixels = Pixmap::new(size.width(), size.height())
            .ok_or_else(|| failed("it is too large".to_owned()))?;
        pixels.fill(Color::WHITE);
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| failed(error.to_string()))
    }
}
