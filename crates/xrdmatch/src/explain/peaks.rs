//! The peaks of a prepared pattern: sticks, or the humps of a measured scan.

/// Zeros between sticks of one peak, at most.
const GAP: usize = 2;

/// A valley this part of the lower of its two peaks, or lower, divides them.
const VALLEY: f32 = 0.5;

/// The points `from..to` of a peak, and its highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// First point.
    pub from: usize,
    /// One beyond the last point.
    pub to: usize,
    /// The highest point; of equals, the first.
    pub top: usize,
}

/// The peaks of a pattern by ascending angle: runs of non-zero points with no more than two zeros
/// between them, divided where a valley is half as high as the lower of the peaks beside it.
#[must_use]
pub fn spans(signal: &[f32]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut run: Option<(usize, usize)> = None;
    for (point, value) in signal.iter().enumerate() {
        if *value <= 0.0 {
            continue;
        }
        run = match run {
            Some((from, to)) if point - to <= GAP => Some((from, point + 1)),
            Some((from, to)) => {
                divide(signal, from, to, &mut found);
                Some((point, point + 1))
            }
            None => Some((point, point + 1)),
        };
    }
    if let Some((from, to)) = run {
        divide(signal, from, to, &mut found);
    }
    found
}

/// Divides a run at its valleys; a valley is the first point of the peak behind it.
fn divide(signal: &[f32], from: usize, to: usize, found: &mut Vec<Span>) {
    let (mut start, mut top) = (from, from);
    // The lowest point since the top, once there is one behind it.
    let mut valley: Option<usize> = None;
    for point in (from + 1..to).filter(|point| signal[*point] > 0.0) {
        if let Some(lowest) = valley {
            let lower_peak = signal[top].min(signal[point]);
            if point > lowest && signal[lowest] <= VALLEY * lower_peak {
                found.push(Span { from: start, to: lowest, top });
                (start, top, valley) = (lowest, point, None);
                continue;
            }
        }
        if signal[point] > signal[top] {
            (top, valley) = (point, None);
        } else if valley.is_none_or(|lowest| signal[point] < signal[lowest]) {
            valley = Some(point);
        }
    }
    found.push(Span { from: start, to, top });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sticks_apart_are_peaks_and_sticks_together_are_one() {
        let mut signal = vec![0.0; 40];
        for (point, value) in [(3, 0.5), (10, 1.0), (11, 0.9), (13, 0.95), (30, 0.2)] {
            signal[point] = value;
        }
        let found: Vec<_> = spans(&signal).iter().map(|s| (s.from, s.to, s.top)).collect();
        assert_eq!(found, [(3, 4, 3), (10, 14, 10), (30, 31, 30)]);
        assert!(spans(&[0.0; 5]).is_empty());
    }

    #[test]
    fn humps_are_divided_at_deep_valleys_only() {
        let signal = [0.0, 0.2, 0.6, 1.0, 0.6, 0.2, 0.5, 0.9, 0.8, 0.85, 0.3, 0.0];
        let found: Vec<_> = spans(&signal).iter().map(|s| (s.from, s.to, s.top)).collect();
        assert_eq!(found, [(1, 5, 3), (5, 11, 7)]);
    }

    proptest! {
        #[test]
        fn every_point_with_intensity_lies_in_exactly_one_peak(
            signal in prop::collection::vec(prop_oneof![Just(0.0f32), 0.1f32..1.0], 0..60),
        ) {
            let found = spans(&signal);
            for (point, value) in signal.iter().enumerate() {
                let holding = found.iter().filter(|s| (s.from..s.to).contains(&point)).count();
                prop_assert!(holding <= 1);
                prop_assert!(*value <= 0.0 || holding == 1);
            }
            for span in found {
                let top = signal[span.from..span.to].iter().copied().fold(0.0, f32::max);
                prop_assert!((span.from..span.to).contains(&span.top));
                prop_assert_eq!(signal[span.top], top);
            }
        }
    }
}
