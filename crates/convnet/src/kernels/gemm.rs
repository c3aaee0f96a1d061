//! Matrix products on slices: bounds checked once, then the `gemm` crate.
#![expect(unsafe_code, reason = "the gemm crate takes pointers")]

/// A matrix inside a slice: element `(i, j)` lies at `i · rows + j · cols`. Rows may overlap.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// Where the matrix lies.
    pub(crate) values: &'a [f32],
    /// Distance from one row to the next.
    pub(crate) rows: usize,
    /// Distance from one column to the next.
    pub(crate) cols: usize,
}

impl View<'_> {
    fn last(&self, m: usize, n: usize) -> usize {
        (m - 1) * self.rows + (n - 1) * self.cols
    }
}

/// `out (m × n) = [out +] a (m × k) · b (k × n)`; `out` is row-major with `stride` between rows,
/// at least `n` of them.
///
/// # Panics
/// When a matrix reaches beyond its slice.
pub(crate) fn multiply(
    (m, n, k): (usize, usize, usize),
    out: (&mut [f32], usize),
    add: bool,
    a: View<'_>,
    b: View<'_>,
) {
    if m == 0 || n == 0 {
        return;
    }
    let (out, stride) = out;
    assert!(k > 0 && stride >= n, "shape of the product");
    assert!((m - 1) * stride + n <= out.len(), "the product reaches beyond its slice");
    assert!(a.last(m, k) < a.values.len(), "the left factor reaches beyond its slice");
    assert!(b.last(k, n) < b.values.len(), "the right factor reaches beyond its slice");
    // SAFETY: the largest offset into each slice was checked above, the strides are not negative,
    // and rows of `out` do not overlap, as `stride >= n`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            add,
            a.values.as_ptr(),
            a.cols as isize,
            a.rows as isize,
            b.values.as_ptr(),
            b.cols as isize,
            b.rows as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_overlapping_rows_equal_the_plain_sum() {
        let a: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin()).collect();
        let b: Vec<f32> = (0..30).map(|i| (i as f32 * 1.3).cos()).collect();
        // Seven rows of five values, three apart.
        let mut out = vec![1.0; 7 * 8];
        let (left, right) =
            (View { values: &a, rows: 3, cols: 1 }, View { values: &b, rows: 6, cols: 1 });
        multiply((7, 6, 5), (&mut out, 8), true, left, right);
        for i in 0..7 {
            for j in 0..6 {
                let sum: f32 = (0..5).map(|k| a[i * 3 + k] * b[k * 6 + j]).sum();
                assert!((out[i * 8 + j] - 1.0 - sum).abs() < 1e-5);
            }
            assert_eq!(out[i * 8 + 6..(i + 1) * 8], [1.0, 1.0], "the gap between rows stays");
        }
    }
}
