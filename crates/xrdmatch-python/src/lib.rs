//! The Python package `xrdmatch`: bindings without logic of their own.
//!
//! Whatever takes long runs without the interpreter's lock and can be interrupted (`interrupt`); errors
//! become exceptions with the text that the command line prints (`raised`). The package around it lies
//! in `python/xrdmatch`.

#![expect(clippy::needless_pass_by_value, reason = "arguments come from Python by value")]

mod arrays;
mod dataset;
mod explain;
mod fitted;
mod interrupt;
mod raised;
mod scan;
mod screen;
mod simulate;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::dataset::Dataset;
    #[pymodule_export]
    use crate::explain::explain;
    #[pymodule_export]
    use crate::fitted::{Fitted, config, fit, presets};
    #[pymodule_export]
    use crate::scan::{Scan, import_scans, read_scan, read_scans};
    #[pymodule_export]
    use crate::screen::screen;
    #[pymodule_export]
    use crate::simulate::simulate;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
