//! The algorithms by name, each with what it does and where it comes from.

use serde::{Deserialize, Serialize};

use crate::training::Teacher;

/// The algorithms: one consistency objective under different rules, losses and teachers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Labelled patterns only.
    Supervised,
    /// Every pseudo-label counts (Lee 2013).
    PseudoLabel,
    /// Two noisy passes agree (Laine and Aila 2017).
    PiModel,
    /// The network agrees with its own running average (Tarvainen and Valpola 2017).
    MeanTeacher,
    /// Softened pseudo-labels above one threshold (Xie et al. 2020).
    Uda,
    /// One fixed threshold (Sohn et al. 2020).
    Fixmatch,
    /// Thresholds from what the whole pool was last predicted to be (Zhang et al. 2021).
    Flexmatch,
    /// Thresholds from running ratios of accepted to predicted, as in PaddleScience.
    ClassRatio,
    /// Thresholds from running means of confidence (Wang et al. 2023).
    Freematch,
    /// A weight instead of a threshold (Chen et al. 2023).
    Softmatch,
    /// A threshold relative to the labelled batch, labels aligned to a prior (Berthelot et al. 2022).
    Adamatch,
    /// FixMatch, and a second head with classes balanced (Lee et al. 2021).
    Abc,
}

/// What there is to say of an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Description {
    /// As in settings.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Supervised,
        Self::PseudoLabel,
        Self::PiModel,
        Self::MeanTeacher,
        Self::Uda,
        Self::Fixmatch,
        Self::Flexmatch,
        Self::ClassRatio,
        Self::Freematch,
        Self::Softmatch,
        Self::Adamatch,
        Self::Abc,
    ];

    /// What there is to say of it.
    pub fn description(self) -> Description {
        let (name, summary, source) = match self {
            Self::Supervised => {
                ("supervised", "labelled patterns only; the pool is not looked at", "–")
            }
            Self::PseudoLabel => (
                "pseudo-label",
                "the class of the weak view is the label of the strong one, always",
                "Lee, ICML 2013 workshop on challenges in representation learning",
            ),
            Self::PiModel => (
                "pi-model",
                "two noisy passes of one pattern give the same probabilities",
                "Laine and Aila, ICLR 2017, arXiv:1610.02242",
            ),
            Self::MeanTeacher => (
                "mean-teacher",
                "the network gives the probabilities of its own running average",
                "Tarvainen and Valpola, NeurIPS 2017, arXiv:1703.01780",
            ),
            Self::Uda => (
                "uda",
                "softened pseudo-labels where the weak view is confident",
                "Xie et al., NeurIPS 2020, arXiv:1904.12848",
            ),
            Self::Fixmatch => (
                "fixmatch",
                "pseudo-labels above one fixed threshold",
                "Sohn et al., NeurIPS 2020, arXiv:2001.07685",
            ),
            Self::Flexmatch => (
                "flexmatch",
                "thresholds per class from what the whole pool was last predicted to be",
                "Zhang et al., NeurIPS 2021, arXiv:2110.08263",
            ),
            Self::ClassRatio => (
                "class-ratio",
                "thresholds per class from running ratios of accepted to predicted",
                "PaddleScience, example xrdmatch",
            ),
            Self::Freematch => (
                "freematch",
                "thresholds per class from running means of confidence and of probabilities",
                "Wang et al., ICLR 2023, arXiv:2205.07246",
            ),
            Self::Softmatch => (
                "softmatch",
                "a weight that falls with the distance below the mean confidence",
                "Chen et al., ICLR 2023, arXiv:2301.10921",
            ),
            Self::Adamatch => (
                "adamatch",
                "labels aligned to the prior, above a threshold relative to the labelled batch",
                "Berthelot et al., ICLR 2022, arXiv:2106.04732",
            ),
            Self::Abc => (
                "abc",
                "fixmatch, and a second head that frequent classes do not drown rare ones for",
                "Lee et al., NeurIPS 2021, arXiv:2110.10368",
            ),
        };
        Description { name, summary, source }
    }

    /// The algorithm of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.description().name == name)
    }

    /// The teacher that the algorithm is defined by, if it is by one.
    pub fn teacher(self) -> Option<Teacher> {
        match self {
            Self::PiModel => Some(Teacher::Train),
            Self::MeanTeacher => Some(Teacher::Average),
            _ => None,
        }
    }

    /// Whether probabilities are compared by their squared difference, not by cross-entropy.
    pub(super) fn squares(self) -> bool {
        matches!(self, Self::PiModel | Self::MeanTeacher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_settings_and_lead_back() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.description().name;
            assert_eq!(Algorithm::named(name), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).expect("a word"), name);
        }
        assert_eq!(Algorithm::named("fixmatsch"), None);
    }
}
