//! Ctrl-C and termination.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

/// A flag that is raised by the first Ctrl-C (or termination), which is answered with `message`; the
/// second one ends the program.
pub(crate) fn stop_on_signals(message: &'static str) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\n{message}; press Ctrl-C again to stop at once");
    })
    .map_err(|error| Failure::data(format!("listen to Ctrl-C: {error}")))?;
    Ok(stop)
}
