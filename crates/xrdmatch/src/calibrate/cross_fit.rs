//! Calibration in which no row has a say in its own probability.

use super::{CalibrateError, CalibrationMethod};
use crate::metrics::Outcomes;
use crate::predictions::Predictions;
use crate::statistics::stratified_folds;

/// Calibrates every row by a map that was fitted on the other folds. Metrics of the result are
/// honest; to calibrate new rows, fit the method on all of these.
///
/// # Errors
/// [`CalibrateError`]: a row without truth, one class only, or fewer rows of a class than folds.
pub fn cross_fit(
    predictions: &Predictions,
    method: CalibrationMethod,
    folds: usize,
    seed: u64,
) -> Result<Predictions, CalibrateError> {
    let outcomes = Outcomes::of(predictions)?;
    let fold_of = stratified_folds(outcomes.truth(), folds, seed)?;
    let classes = outcomes.classes();
    let mut probabilities = predictions.probabilities().to_vec();
    let mut others = outcomes.clone();
    for fold in 0..folds {
        let rows: Vec<usize> = (0..outcomes.len()).filter(|row| fold_of[*row] != fold).collect();
        if rows.is_empty() {
            return Err(CalibrateError::OneClass);
        }
        others.resample(&outcomes, &rows);
        let calibration = method.fit(&others)?;
        for (row, values) in probabilities.chunks_exact_mut(classes).enumerate() {
            if fold_of[row] == fold {
                calibration.apply_row(values);
            }
        }
    }
    Ok(predictions.clone().with_probabilities(probabilities)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Sample;

    fn predictions() -> Predictions {
        let truth = |row: usize| u8::from(row.is_multiple_of(3));
        let samples = (0..30).map(|row| Sample::new(format!("s{row}"), truth(row))).collect();
        let score = |row: usize| 0.1 + 0.8 * f64::from(u8::try_from(row * 7 % 30).unwrap()) / 30.0;
        let probabilities = (0..30).flat_map(|row| [score(row), 1.0 - score(row)]).collect();
        Predictions::new(2, samples, probabilities).unwrap()
    }

    #[test]
    fn every_row_is_calibrated_by_the_other_folds() {
        let all = predictions();
        let truth: Vec<u8> = all.samples().iter().map(|sample| sample.truth.unwrap()).collect();
        let fold_of = stratified_folds(&truth, 3, 1).unwrap();
        let number = |name: &str| name[1..].parse::<usize>().unwrap();
        for method in
            [CalibrationMethod::Temperature, CalibrationMethod::Platt, CalibrationMethod::Isotonic]
        {
            let found = cross_fit(&all, method, 3, 1).unwrap();
            for fold in 0..3 {
                let others = all.filter(|row| fold_of[number(row.name)] != fold);
                let calibration = method.fit(&Outcomes::of(&others).unwrap()).unwrap();
                let own = |p: &Predictions| p.filter(|row| fold_of[number(row.name)] == fold);
                assert_eq!(own(&found), calibration.apply(&own(&all)).unwrap());
            }
        }
    }

    #[test]
    fn what_cannot_be_calibrated_is_refused() {
        let all = predictions();
        let folds = cross_fit(&all, CalibrationMethod::Platt, 11, 0);
        assert!(matches!(folds, Err(CalibrateError::Folds(_))), "{folds:?}");
        let one = all.filter(|row| row.truth == Some(0));
        for method in
            [CalibrationMethod::Temperature, CalibrationMethod::Platt, CalibrationMethod::Isotonic]
        {
            assert_eq!(cross_fit(&one, method, 2, 0), Err(CalibrateError::OneClass));
        }
        let three = Predictions::new(
            3,
            vec![Sample::new("a", 0), Sample::new("b", 1)],
            vec![0.5, 0.5, 0.0, 0.2, 0.2, 0.6],
        )
        .unwrap();
        let outcomes = Outcomes::of(&three).unwrap();
        assert_eq!(
            CalibrationMethod::Isotonic.fit(&outcomes),
            Err(CalibrateError::NotBinary { classes: 3 })
        );
        assert!(CalibrationMethod::Temperature.fit(&outcomes).is_ok());
    }
}
