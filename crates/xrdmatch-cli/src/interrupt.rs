//! Ctrl-C and termination.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Signals closer together than this are one: a scheduler that ends a job may tell the shell, which
/// passes it on, and the program itself.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

/// A flag that is raised by the first Ctrl-C (or termination), which is answered with `message`; the
/// second one, a second later or more, ends the program. A command that runs another shares its flag, and its message.
pub(crate) fn stop_on_signals(message: &'static str) -> Result<Arc<AtomicBool>, Failure> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(stop) = STOP.get() {
        return Ok(Arc::clone(stop));
    }
    let stop = Arc::clone(STOP.get_or_init(Arc::default));
    let raised = Arc::clone(&stop);
    let mut first = None;
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            if first.get_or_insert_with(Instant::now).elapsed() >= ONE_SIGNAL {
                std::process::exit(130);
            }
            return;
        }
        first = Some(Instant::now());
        eprintln!("\n{message}; press Ctrl-C again to stop at once");
    })
    .map_err(|error| Failure::data(format!("listen to Ctrl-C: {error}")))?;
    Ok(stop)
}
