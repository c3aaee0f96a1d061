//! One symmetry operation in fractional coordinates.

/// Translations are multiples of 1/24 in every setting of every space group; text within this of
/// one is taken for it (`0.3333` for ⅓).
const TRANSLATION_ROUNDING: f64 = 2e-3;

/// x′ = **R** x + **t** in fractional coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// The linear part **R**, by rows.
    pub rotation: [[i8; 3]; 3],
    /// The translation **t**, each component in 0..1.
    pub translation: [f64; 3],
}

/// A text that is no symmetry operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a symmetry operation such as `-x, y+1/2, -z`")]
pub struct OperationError(pub String);

impl Operation {
    /// The operation that moves nothing.
    pub const IDENTITY: Self =
        Self { rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation: [0.0; 3] };

    /// Reads the coordinates of an image, as in `-y, x-y, z+1/3`.
    ///
    /// Terms may stand in any order; translations may be fractions or decimals. A fourth part, the
    /// time reversal of magnetic files, is passed over.
    ///
    /// # Errors
    /// When the text is something else, or its linear part is not invertible over the integers.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        Self::read(text).ok_or_else(|| OperationError(text.chars().take(60).collect()))
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut rotation = [[0_i8; 3]; 3];
        let mut translation = [0.0; 3];
        for (row, shift) in rotation.iter_mut().zip(&mut translation) {
            *shift = reduce(read_coordinate(parts.next()?, row)?);
        }
        if parts.count() > 1 {
            return None;
        }
        let operation = Self { rotation, translation };
        (operation.determinant().abs() == 1).then_some(operation)
    }

    /// The determinant of the linear part.
    pub(crate) fn determinant(&self) -> i32 {
        let r = self.rotation.map(|row| row.map(i32::from));
        r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1])
            - r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0])
            + r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0])
    }

    /// The image of a point; not reduced to the cell.
    #[must_use]
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| {
            let row = self.rotation[i];
            f64::from(row[0]) * point[0]
                + f64::from(row[1]) * point[1]
                + f64::from(row[2]) * point[2]
                + self.translation[i]
        })
    }

    /// The operation that does `first`, then `self`.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let (a, b) = (self.rotation, first.rotation);
        let rotation = std::array::from_fn(|i| {
            std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum())
        });
        Self { rotation, translation: self.apply(first.translation).map(reduce) }
    }
}

/// One coordinate: fills the row of the matrix and returns the translation.
fn read_coordinate(text: &str, row: &mut [i8; 3]) -> Option<f64> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut translation = 0.0;
    let mut terms = 0;
    let skip_space = |at: &mut usize| {
        while bytes.get(*at).is_some_and(u8::is_ascii_whitespace) {
            *at += 1;
        }
    };
    loop {
        skip_space(&mut at);
        let mut sign = 1.0;
        match bytes.get(at) {
            None => return (terms > 0).then_some(translation),
            Some(b'+') => at += 1,
            Some(b'-') => {
                sign = -1.0;
                at += 1;
            }
            Some(_) if terms == 0 => {}
            Some(_) => return None,
        }
        skip_space(&mut at);
        let mut value = None;
        let digits = number_length(&bytes[at..]);
        if digits > 0 {
            let mut number: f64 = text[at..at + digits].parse().ok()?;
            at += digits;
            skip_space(&mut at);
            if bytes.get(at) == Some(&b'/') {
                at += 1;
                skip_space(&mut at);
                let digits = number_length(&bytes[at..]);
                let divisor: f64 = text[at..at + digits].parse().ok()?;
                number /= divisor;
                at += digits;
            }
            skip_space(&mut at);
            if bytes.get(at) == Some(&b'*') {
                at += 1;
                skip_space(&mut at);
            }
            value = Some(number);
        }
        let axis = match bytes.get(at).map(u8::to_ascii_lowercase) {
            Some(b'x') => Some(0),
            Some(b'y') => Some(1),
            Some(b'z') => Some(2),
            _ => None,
        };
        if let Some(axis) = axis {
            at += 1;
            let factor = sign * value.unwrap_or(1.0);
            let total = f64::from(row[axis]) + factor;
            if factor.fract() != 0.0 || total.abs() > 3.0 {
                return None;
            }
            row[axis] = total as i8;
        } else {
            let shift = sign * value?;
            if shift.is_nan() || shift.abs() > 100.0 {
                return None;
            }
            translation += shift;
        }
        terms += 1;
    }
}

fn number_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count()
}

/// The nearest multiple of 1/24, if it is near.
fn snap(translation: f64) -> f64 {
    let nearest = (translation * 24.0).round() / 24.0;
    if (translation - nearest).abs() < TRANSLATION_ROUNDING { nearest } else { translation }
}

/// A translation in 0..1, snapped last so that equal ones are equal to the bit.
fn reduce(translation: f64) -> f64 {
    wrap(snap(wrap(translation)))
}

/// Into 0..1; values that round up to 1 become 0.
pub(crate) fn wrap(coordinate: f64) -> f64 {
    let wrapped = coordinate - coordinate.floor();
    if wrapped >= 1.0 { 0.0 } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_in_every_usual_spelling() {
        let half = Operation {
            rotation: [[-1, 0, 0], [1, -1, 0], [0, 0, 1]],
            translation: [0.5, 0.0, 1.0 / 3.0],
        };
        for text in [
            "-x+1/2, x-y, z+1/3",
            "1/2-X,X-Y,1/3+Z",
            " - x + .5 , x - y , z + 0.3333",
            "1/2-x, -y+x, z-2/3",
            "-1x+0.5, 1*x - 1*y, z+1/3, +1",
        ] {
            assert_eq!(Operation::parse(text), Ok(half), "{text}");
        }
        assert_eq!(Operation::parse("x,y,z"), Ok(Operation::IDENTITY));
    }

    #[test]
    fn what_is_no_operation_is_refused() {
        for text in [
            "",
            "x",
            "x,y",
            "x,y,w",
            "x,x,z",
            "x,y,z,+1,2",
            "x y,y,z",
            "1/0+x,y,z",
            "x/2,y,z",
            "x,y,",
        ] {
            assert!(Operation::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_operation_after_its_inverse_moves_nothing() {
        let screw = Operation::parse("-y,x-y,z+1/3").expect("an operation");
        let twice = screw.after(&screw);
        assert_eq!(twice.after(&screw), Operation::IDENTITY);
    }
}
