//! Stacking: members weighed by how well they predict samples they did not learn from.
//!
//! The weights `w` minimise, over samples `i` with judges `J(i)`,
//! `−Σ_i ln(Σ_{m∈J(i)} w_m p_im / Σ_{m∈J(i)} w_m) − λ Σ_m (1/M) ln(M·w_m / Σ w)`,
//! where `p_im` is the probability that member `m` gives to the truth. The second term pulls
//! towards equal weights with the strength of `λ` samples. Minimised by minorisation: with `S_i`
//! the sum of the judges' weights, `w_m ← (Σ_i r_im + λ/M) / (Σ_{i: m∈J(i)} 1/S_i + λ/S)`, where
//! `r_im` is the member's share in the mixture; no step makes the loss larger.

use serde::{Deserialize, Serialize};

use super::{Combination, Combined, EnsembleError, Panel};
use crate::predictions::Predictions;
use crate::statistics::stratified_folds;

/// The least probability a member may give to the truth: forgives votes of 0 and 1, which would
/// otherwise forbid a sample altogether.
const FLOOR: f64 = 1e-6;
/// Relative change of every weight at which the fit counts as settled.
const SETTLED: f64 = 1e-12;
const MAX_ROUNDS: usize = 20_000;

/// One weight per member, summing to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackedWeights {
    /// The members' names.
    pub members: Vec<String>,
    /// Their weights.
    pub weights: Vec<f64>,
}

impl StackedWeights {
    /// Fits the weights on the out-of-bag opinions of the panel, whether or not others count in
    /// it. `shrinkage` is λ; the number of members is a good choice.
    ///
    /// # Errors
    /// [`EnsembleError::NothingToFit`] and [`EnsembleError::Shrinkage`].
    pub fn fit(panel: &Panel, shrinkage: f64) -> Result<Self, EnsembleError> {
        let samples: Vec<usize> = (0..panel.samples().len()).collect();
        Self::fit_on(&panel.out_of_bag(), &samples, shrinkage)
    }

    fn fit_on(panel: &Panel, samples: &[usize], shrinkage: f64) -> Result<Self, EnsembleError> {
        if !(shrinkage.is_finite() && shrinkage > 0.0) {
            return Err(EnsembleError::Shrinkage { shrinkage });
        }
        // Per sample, each judge with the probability it gives to the truth.
        let judged = |sample: &usize| {
            let truth = usize::from(panel.samples()[*sample].truth?);
            let opinions = panel.opinions_on(*sample);
            let judges: Vec<(usize, f64)> =
                opinions.map(|(member, p)| (member, p[truth].max(FLOOR))).collect();
            (!judges.is_empty()).then_some(judges)
        };
        let judged: Vec<Vec<(usize, f64)>> = samples.iter().filter_map(judged).collect();
        if judged.is_empty() {
            return Err(EnsembleError::NothingToFit);
        }
        let members = panel.members().len();
        let mut weights = vec![1.0 / members as f64; members];
        for _ in 0..MAX_ROUNDS {
            let mut gain = vec![shrinkage / members as f64; members];
            let mut cost = vec![shrinkage; members]; // the weights sum to 1
            for judges in &judged {
                let total: f64 = judges.iter().map(|(member, _)| weights[*member]).sum();
                let mixture: f64 = judges.iter().map(|(member, p)| weights[*member] * p).sum();
                for (member, p) in judges {
                    gain[*member] += weights[*member] * p / mixture;
                    cost[*member] += 1.0 / total;
                }
            }
            let mut next: Vec<f64> =
                gain.iter().zip(&cost).map(|(gain, cost)| gain / cost).collect();
            let sum: f64 = next.iter().sum();
            next.iter_mut().for_each(|weight| *weight /= sum);
            let settled = next.iter().zip(&weights).all(|(a, b)| (a - b).abs() <= SETTLED * b);
            weights = next;
            if settled {
                break;
            }
        }
        Ok(Self { members: panel.members().to_vec(), weights })
    }
}

/// The stack's out-of-bag answer in which no sample has a say in the weights that judge it: the
/// weights for a fold are fitted on the others. Samples without truth are judged by the weights of
/// all.
///
/// # Errors
/// As [`StackedWeights::fit`], and [`EnsembleError::Folds`] where a class has fewer samples than
/// there are folds.
pub fn cross_fit_stack(
    panel: &Panel,
    shrinkage: f64,
    folds: usize,
    seed: u64,
) -> Result<Combined, EnsembleError> {
    let panel = panel.out_of_bag();
    let known: Vec<usize> =
        (0..panel.samples().len()).filter(|s| panel.samples()[*s].truth.is_some()).collect();
    let truth: Vec<u8> = known.iter().filter_map(|s| panel.samples()[*s].truth).collect();
    let fold_of = stratified_folds(&truth, folds, seed)?;
    let weighted = |samples: &[usize]| {
        let fitted = StackedWeights::fit_on(&panel, samples, shrinkage)?;
        panel.combine(&Combination::Weighted(fitted.weights))
    };
    // Every combination judges the same samples, as all weights are positive.
    let all = weighted(&known)?;
    let mut probabilities = all.predictions.probabilities().to_vec();
    let row_of = |sample: usize| {
        let name = &panel.samples()[sample].name;
        all.predictions.samples().iter().position(|sample| sample.name == *name)
    };
    for fold in 0..folds {
        let in_fold = |chosen: bool| {
            let chosen = known.iter().zip(&fold_of).filter(move |(_, f)| (**f == fold) == chosen);
            chosen.map(|(sample, _)| *sample).collect::<Vec<usize>>()
        };
        let fitted = weighted(&in_fold(false))?;
        for row in in_fold(true).into_iter().filter_map(row_of) {
            let classes = panel.classes();
            probabilities[row * classes..(row + 1) * classes]
                .copy_from_slice(fitted.predictions.row(row).probabilities);
        }
    }
    let samples = all.predictions.samples().to_vec();
    Ok(Combined { predictions: Predictions::new(panel.classes(), samples, probabilities)?, ..all })
}
