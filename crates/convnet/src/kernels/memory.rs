//! Memory for kernels: aligned, in large pages, and shared by tasks that write different parts.
#![expect(unsafe_code, reason = "views of raw memory as values")]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memmap2::MmapMut;

/// Values of a cache line.
const LINE: usize = 16;
/// From this many bytes on, memory comes in large pages where the system has them.
const LARGE: usize = 4 << 20;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Values that begin at a cache line, zero at first.
pub(crate) struct Buffer {
    memory: Memory,
    len: usize,
}

enum Memory {
    Lines(Vec<Line>),
    Pages(MmapMut),
}

impl Buffer {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let bytes = len * size_of::<f32>();
        if bytes >= LARGE
            && !cfg!(miri)
            && let Ok(pages) = MmapMut::map_anon(bytes)
        {
            #[cfg(target_os = "linux")]
            // Advice only: without large pages it is slower and as right.
            let _ = pages.advise(memmap2::Advice::HugePage);
            return Self { memory: Memory::Pages(pages), len };
        }
        Self { memory: Memory::Lines(vec![Line([0.0; LINE]); len.div_ceil(LINE)]), len }
    }

    /// No values.
    pub(crate) fn empty() -> Self {
        Self { memory: Memory::Lines(Vec::new()), len: 0 }
    }

    /// Grows to `len` values if there are fewer; what was there is lost then.
    pub(crate) fn reserve(&mut self, len: usize) {
        if self.len < len {
            // Dropped before the larger one is taken.
            *self = Self::empty();
            *self = Self::zeros(len);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let start = match &self.memory {
            Memory::Lines(lines) => lines.as_ptr().cast::<f32>(),
            Memory::Pages(pages) => pages.as_ptr().cast::<f32>(),
        };
        // SAFETY: both hold at least `len` initialised values, aligned to more than a value.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let start = match &mut self.memory {
            Memory::Lines(lines) => lines.as_mut_ptr().cast::<f32>(),
            Memory::Pages(pages) => pages.as_mut_ptr().cast::<f32>(),
        };
        // SAFETY: as above, and borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.len)
    }
}

/// A slice whose parts are written by several tasks at once.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a, T> {
    start: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: `part` and `start` are unsafe and demand that tasks keep to their own parts.
unsafe impl<T: Send> Send for Parts<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(crate) fn new(values: &'a mut [T]) -> Self {
        Self { start: values.as_mut_ptr(), len: values.len(), owner: PhantomData }
    }

    /// One part.
    ///
    /// # Safety
    /// No other living part overlaps it.
    ///
    /// # Panics
    /// When it reaches beyond the slice.
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "a part within the slice");
        // SAFETY: in bounds by the assertion, alone by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Where the slice begins, for kernels that write rows of their own in between others'.
    pub(crate) fn start(&self) -> *mut T {
        self.start
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Values as halves, two in the place of one.
pub(crate) fn halves(values: &mut [f32]) -> &mut [u16] {
    // SAFETY: the same memory, of which every pattern of bits is a value of either type; a half
    // needs less alignment.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), 2 * values.len()) }
}

/// The same for reading.
pub(crate) fn read_halves(values: &[f32]) -> &[u16] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), 2 * values.len()) }
}

/// Runs `work` on a thread of the pool, so that the loops within need not wake one each.
pub(crate) fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// How long a thread without work stays awake: longer than the way from one loop of a pass to the next.
const PATIENCE: Duration = Duration::from_micros(100);

/// The same, with all threads of the pool awake: a pass of one sample has some thirty loops of 20 to 200
/// microseconds, and waking a thread takes as long as one of them.
pub(crate) fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let over = AtomicBool::new(false);
    rayon::scope(|scope| {
        let own = rayon::current_thread_index();
        let over = &over;
        scope.spawn_broadcast(move |_, context| {
            if Some(context.index()) != own {
                wait(over);
            }
        });
        let _over = Over(over);
        work()
    })
}

/// Does what there is to do in the pool until it is over, or nothing came for a while: two passes in one
/// pool may each wait like this within the other's loops.
fn wait(over: &AtomicBool) {
    let mut last = Instant::now();
    while !over.load(Ordering::Acquire) {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            last = Instant::now();
        } else if last.elapsed() > PATIENCE {
            return;
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Sets all values to zero.
pub(crate) fn clear(values: &mut [f32]) {
    use rayon::prelude::*;
    values.par_chunks_mut(1 << 16).for_each(|piece| piece.fill(0.0));
}

/// Runs `task` for `0..count` rows of three memories, each given with the size of its rows.
pub(crate) fn spread_rows<A: Send, B: Send, C: Send>(
    count: usize,
    (a, a_size): (&mut [A], usize),
    (b, b_size): (&mut [B], usize),
    (c, c_size): (&mut [C], usize),
    task: impl Fn(usize, &mut [A], &mut [B], &mut [C]) + Sync + Send,
) {
    use rayon::prelude::*;
    a[..count * a_size]
        .par_chunks_mut(a_size)
        .zip(b[..count * b_size].par_chunks_mut(b_size))
        .zip(c[..count * c_size].par_chunks_mut(c_size))
        .enumerate()
        .for_each(|(n, ((a, b), c))| task(n, a, b, c));
}

/// Runs `task` for every piece of up to `piece` values of every row of `size` values, with the
/// numbers of the row and of the piece in it.
pub(crate) fn spread_pieces(
    values: &mut [f32],
    size: usize,
    piece: usize,
    task: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
) {
    let (rows, pieces) = (values.len() / size, size.div_ceil(piece));
    let values = Parts::new(values);
    spread(true, rows * pieces, |i| {
        let (row, n) = (i / pieces, i % pieces);
        let range = row * size + n * piece..row * size + size.min((n + 1) * piece);
        // SAFETY: the pieces do not overlap.
        task(row, n, unsafe { values.part(range) });
    });
}

/// Runs `task` for `0..count`: by several threads or, where the caller is already one of many, in
/// order.
pub(crate) fn spread(threads: bool, count: usize, task: impl Fn(usize) + Sync + Send) {
    use rayon::prelude::*;
    if threads && count > 1 {
        (0..count).into_par_iter().with_max_len(1).for_each(task);
    } else {
        (0..count).for_each(task);
    }
}
