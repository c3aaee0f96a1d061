//! What each member of an ensemble says about each sample.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::EnsembleError;
use crate::predictions::{POSITIVE_CLASS, Predictions, Sample, most_probable};
use crate::statistics::Summary;

/// One model: its predictions, and the samples it learned the labels of.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Unique within the ensemble, such as `exp_085`.
    pub name: String,
    /// Its predictions, in any order of the samples.
    pub predictions: Predictions,
    /// Names of the samples whose labels it was trained on, or selected by.
    pub trained_on: HashSet<String>,
}

/// Opinions of members on samples; some may be struck out.
#[derive(Debug, Clone)]
pub struct Panel {
    classes: usize,
    members: Vec<String>,
    samples: Vec<Sample>,
    /// `members × samples × classes`.
    probabilities: Vec<f64>,
    /// `members × samples`: trained on it.
    trained_on: Vec<bool>,
    /// `members × samples`: whether the opinion counts.
    counts: Vec<bool>,
}

/// How opinions become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combination {
    /// The mean of the members' probabilities.
    MeanProbability,
    /// Each class has the share of members that hold it most probable as its probability.
    VoteShare,
    /// The mean by one weight per member, over the members whose opinion counts.
    Weighted(Vec<f64>),
}

/// One answer per sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// The samples that any member may judge.
    pub predictions: Predictions,
    /// The number of members behind each row.
    pub judges: Vec<usize>,
    /// The samples that no member may judge.
    pub unjudged: Vec<String>,
}

/// What the members say about the positive class of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Opinions {
    /// Probabilities of the positive class over members.
    pub probability: Summary,
    /// Members that hold it most probable.
    pub votes: usize,
}

/// "At least five of ten": a share of votes that makes a candidate. Where only some members may
/// judge a sample, the same share of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRule {
    at_least: usize,
    of: usize,
}

impl VoteRule {
    /// The rule of the publication.
    pub const PUBLISHED: Self = Self { at_least: 5, of: 10 };

    /// At least so many votes of so many.
    ///
    /// # Errors
    /// [`EnsembleError::VoteRule`] where 0 votes suffice or more are needed than there are.
    pub fn new(at_least: usize, of: usize) -> Result<Self, EnsembleError> {
        if at_least == 0 || at_least > of {
            return Err(EnsembleError::VoteRule { at_least, of });
        }
        Ok(Self { at_least, of })
    }

    /// Whether the votes make a candidate; never without a member that may judge.
    #[must_use]
    pub fn accepts(self, opinions: &Opinions) -> bool {
        opinions.votes * self.of >= self.at_least * opinions.probability.count
    }
}

impl Panel {
    /// Aligns members that all predict the same samples; every opinion counts, those of members on
    /// their own training samples included.
    ///
    /// # Errors
    /// [`EnsembleError`] where the members do not go together.
    pub fn of(members: &[Member]) -> Result<Self, EnsembleError> {
        let first = &members.first().ok_or(EnsembleError::NoMembers)?.predictions;
        let classes = first.classes();
        let mut panel = Self {
            classes,
            members: Vec::with_capacity(members.len()),
            samples: first.samples().to_vec(),
            probabilities: Vec::with_capacity(members.len() * first.probabilities().len()),
            trained_on: Vec::with_capacity(members.len() * first.len()),
            counts: vec![true; members.len() * first.len()],
        };
        for member in members {
            panel.push(member)?;
        }
        Ok(panel)
    }

    fn push(&mut self, member: &Member) -> Result<(), EnsembleError> {
        let Member { name, predictions, trained_on } = member;
        let (expected, found) = (self.classes, predictions.classes());
        if found != expected {
            return Err(EnsembleError::ClassesDiffer { member: name.clone(), expected, found });
        }
        if self.members.contains(name) {
            return Err(EnsembleError::DuplicateMember { member: name.clone() });
        }
        let rows: HashMap<&str, usize> = (0..)
            .zip(predictions.samples())
            .map(|(row, sample)| (sample.name.as_str(), row))
            .collect();
        for sample in &self.samples {
            let Some(row) = rows.get(sample.name.as_str()) else {
                let (member, sample) = (name.clone(), sample.name.clone());
                return Err(EnsembleError::SamplesDiffer { member, sample });
            };
            let row = predictions.row(*row);
            if row.truth != sample.truth {
                return Err(EnsembleError::TruthDiffers {
                    member: name.clone(),
                    sample: sample.name.clone(),
                    first: sample.truth,
                    second: row.truth,
                });
            }
            self.probabilities.extend_from_slice(row.probabilities);
            self.trained_on.push(trained_on.contains(&sample.name));
        }
        if predictions.len() > self.samples.len() {
            let known: HashSet<&str> = self.samples.iter().map(|s| s.name.as_str()).collect();
            let extra = predictions.samples().iter().find(|s| !known.contains(s.name.as_str()));
            let sample = extra.map(|sample| sample.name.clone()).unwrap_or_default();
            let member = self.members.first().unwrap_or(name).clone();
            return Err(EnsembleError::SamplesDiffer { member, sample });
        }
        self.members.push(name.clone());
        Ok(())
    }

    /// The same panel without the opinions of members on samples they were trained on.
    #[must_use]
    pub fn out_of_bag(&self) -> Self {
        let counts = self.counts.iter().zip(&self.trained_on).map(|(c, t)| *c && !t).collect();
        Self { counts, ..self.clone() }
    }

    /// Names of the members.
    #[must_use]
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// The samples that the members speak about.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What the members whose opinion counts say about a sample: member number and probabilities.
    pub(super) fn opinions_on(&self, sample: usize) -> impl Iterator<Item = (usize, &[f64])> {
        (0..self.members.len()).filter_map(move |member| {
            let cell = member * self.samples.len() + sample;
            let start = cell * self.classes;
            self.counts[cell].then(|| (member, &self.probabilities[start..start + self.classes]))
        })
    }

    /// What the members say about the positive class, per sample; `None` where no member may
    /// judge.
    #[must_use]
    pub fn opinions(&self) -> Vec<Option<Opinions>> {
        let on = |sample: usize| {
            let positive = usize::from(POSITIVE_CLASS);
            let scores: Vec<f64> = self.opinions_on(sample).map(|(_, p)| p[positive]).collect();
            let votes =
                self.opinions_on(sample).filter(|(_, p)| most_probable(p) == POSITIVE_CLASS);
            Some(Opinions { votes: votes.count(), probability: Summary::of(&scores)? })
        };
        (0..self.samples.len()).map(on).collect()
    }

    /// One answer per sample that any member may judge.
    ///
    /// # Errors
    /// [`EnsembleError::Weights`].
    pub fn combine(&self, combination: &Combination) -> Result<Combined, EnsembleError> {
        if let Combination::Weighted(weights) = combination {
            let usable = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
            let (members, count) = (self.members.len(), weights.len());
            if count != members || !usable || weights.iter().all(|weight| *weight == 0.0) {
                return Err(EnsembleError::Weights { members, weights: count });
            }
        }
        let mut samples = Vec::new();
        let mut probabilities = Vec::new();
        let mut judges = Vec::new();
        let mut unjudged = Vec::new();
        for (number, sample) in self.samples.iter().enumerate() {
            let mut sum = vec![0.0; self.classes];
            let (mut total, mut count) = (0.0, 0);
            for (member, opinion) in self.opinions_on(number) {
                let weight = match combination {
                    Combination::Weighted(weights) => weights[member],
                    Combination::MeanProbability | Combination::VoteShare => 1.0,
                };
                if *combination == Combination::VoteShare {
                    sum[usize::from(most_probable(opinion))] += 1.0;
                } else {
                    sum.iter_mut().zip(opinion).for_each(|(sum, p)| *sum += weight * p);
                }
                total += weight;
                count += usize::from(weight > 0.0);
            }
            if total > 0.0 {
                samples.push(sample.clone());
                // Division may round a certainty to just above 1.
                probabilities.extend(sum.iter().map(|sum| (sum / total).min(1.0)));
                judges.push(count);
            } else {
                unjudged.push(sample.name.clone());
            }
        }
        let predictions = Predictions::new(self.classes, samples, probabilities)?;
        Ok(Combined { predictions, judges, unjudged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, rows: &[(&str, f64)], trained_on: &[&str]) -> Member {
        let sample = |(name, _): &(&str, f64)| Sample::new(*name, 0);
        let probabilities = rows.iter().flat_map(|(_, p)| [*p, 1.0 - p]).collect();
        Member {
            name: name.to_owned(),
            predictions: Predictions::new(2, rows.iter().map(sample).collect(), probabilities)
                .unwrap(),
            trained_on: trained_on.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_member_does_not_judge_what_it_was_trained_on() {
        let panel = Panel::of(&[
            member("m1", &[("a", 0.75), ("b", 0.25), ("c", 1.0)], &["a", "c"]),
            member("m2", &[("c", 0.0), ("a", 0.25), ("b", 0.75)], &["c"]),
        ])
        .unwrap();
        let all = panel.combine(&Combination::MeanProbability).unwrap();
        assert_eq!(all.predictions.scores().collect::<Vec<_>>(), [0.5; 3]);
        assert_eq!(all.judges, [2, 2, 2]);
        let honest = panel.out_of_bag().combine(&Combination::MeanProbability).unwrap();
        assert_eq!(honest.predictions.scores().collect::<Vec<_>>(), [0.25, 0.5]);
        assert_eq!(honest.judges, [1, 2]);
        assert_eq!(honest.unjudged, ["c"]);
        let votes = panel.out_of_bag().combine(&Combination::VoteShare).unwrap();
        assert_eq!(votes.predictions.scores().collect::<Vec<_>>(), [0.0, 0.5]);
        let weighted = panel.combine(&Combination::Weighted(vec![3.0, 1.0])).unwrap();
        assert_eq!(weighted.predictions.scores().collect::<Vec<_>>(), [0.625, 0.375, 0.75]);
    }

    #[test]
    fn votes_are_counted_among_those_who_may_judge() {
        let members: Vec<Member> = (0..4)
            .map(|m| {
                let score = if m < 2 { 0.9 } else { 0.1 };
                member(&format!("m{m}"), &[("a", score)], if m == 3 { &["a"] } else { &[] })
            })
            .collect();
        let panel = Panel::of(&members).unwrap();
        let all = panel.opinions()[0].unwrap();
        assert_eq!((all.votes, all.probability.count), (2, 4));
        assert!(VoteRule::PUBLISHED.accepts(&all));
        let strict = VoteRule::new(3, 5).unwrap();
        assert!(!strict.accepts(&all));
        assert!(strict.accepts(&panel.out_of_bag().opinions()[0].unwrap()));
        assert!(VoteRule::new(0, 5).is_err() && VoteRule::new(6, 5).is_err());
    }

    #[test]
    fn members_that_saw_different_data_are_refused_by_name() {
        let a = member("m1", &[("a", 0.5)], &[]);
        let panel = |b: Member| Panel::of(&[a.clone(), b]).map(|_| ());
        let differ = |member: &str, sample: &str| {
            Err(EnsembleError::SamplesDiffer { member: member.into(), sample: sample.into() })
        };
        assert_eq!(panel(member("m2", &[("b", 0.5)], &[])), differ("m2", "a"));
        assert_eq!(panel(member("m2", &[("a", 0.5), ("b", 0.5)], &[])), differ("m1", "b"));
        assert!(matches!(panel(a.clone()), Err(EnsembleError::DuplicateMember { .. })));
        let mut other = member("m2", &[("a", 0.5)], &[]);
        other.predictions = Predictions::new(2, vec![Sample::new("a", 1)], vec![0.5, 0.5]).unwrap();
        assert!(matches!(panel(other), Err(EnsembleError::TruthDiffers { .. })));
        assert_eq!(Panel::of(&[]).map(|_| ()), Err(EnsembleError::NoMembers));
        for weights in [vec![], vec![0.0], vec![-1.0], vec![f64::NAN]] {
            let alone = Panel::of(std::slice::from_ref(&a)).unwrap();
            let found = alone.combine(&Combination::Weighted(weights));
            assert!(matches!(found, Err(EnsembleError::Weights { members: 1, .. })));
        }
    }
}
