//! Long work beside the interpreter: without its lock, and ended by Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

/// Time between two looks for a signal.
const TICK: Duration = Duration::from_millis(50);

/// Lines for people from the work under way, until the interpreter's thread fetches them.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Lines {
    /// Says a line.
    pub(crate) fn say(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn print(&self, py: Python<'_>) -> PyResult<()> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            return Ok(());
        }
        let stderr = py.import("sys")?.getattr("stderr")?;
        for line in lines {
            stderr.call_method1("write", (line + "\n",))?;
        }
        stderr.call_method0("flush").map(|_| ())
    }
}

/// Does work on a thread of its own, while this one waits without the interpreter's lock and looks for
/// signals. Ctrl-C sets the flag that the work is given, waits until the work has ended and raises
/// `KeyboardInterrupt`. `threads` are for the work alone; `None` for as many as there are cores.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce(&AtomicBool, &Lines) -> T + Send,
) -> PyResult<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
    let pool = pool.map_err(|error| pyo3::exceptions::PyOSError::new_err(error.to_string()))?;
    let (stop, done, lines) = (AtomicBool::new(false), AtomicBool::new(false), Lines::default());
    let waiting = thread::current();
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // Also told where the work panics.
            let _ended = Ended { done: &done, waiting: &waiting };
            pool.install(|| work(&stop, &lines))
        });
        let mut raised = None;
        while !done.load(Ordering::Acquire) {
            py.detach(|| thread::park_timeout(TICK));
            if raised.is_none()
                && let Err(error) = py.check_signals().and_then(|()| lines.print(py))
            {
                stop.store(true, Ordering::Relaxed);
                raised = Some(error);
            }
        }
        let ended = py.detach(|| worker.join());
        if let Some(error) = raised {
            return Err(error);
        }
        lines.print(py)?;
        match ended {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

struct Ended<'a> {
    done: &'a AtomicBool,
    waiting: &'a thread::Thread,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.waiting.unpark();
    }
}
