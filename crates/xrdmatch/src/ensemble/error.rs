//! Why members form no ensemble.

use crate::predictions::PredictionsError;
use crate::statistics::StatisticsError;

/// Members that form no ensemble.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EnsembleError {
    /// There is no member.
    #[error("combine the predictions of no member")]
    NoMembers,
    /// Members distinguish different numbers of classes.
    #[error("combine member `{member}` of {found} classes with others of {expected}")]
    ClassesDiffer {
        /// The member's name.
        member: String,
        /// Classes of the first member.
        expected: usize,
        /// Classes of this one.
        found: usize,
    },
    /// A member has no prediction for a sample that another has one for.
    #[error(
        "combine member `{member}` with the others: it has no prediction for `{sample}`, so it saw other data"
    )]
    SamplesDiffer {
        /// The member's name.
        member: String,
        /// A sample without its prediction.
        sample: String,
    },
    /// Two members do not agree on the true class of a sample.
    #[error(
        "accept class {second:?} as the truth of `{sample}` from member `{member}`: an earlier one has {first:?}"
    )]
    TruthDiffers {
        /// The later member's name.
        member: String,
        /// The sample.
        sample: String,
        /// The class of the earlier member, where known.
        first: Option<u8>,
        /// The class of the later member, where known.
        second: Option<u8>,
    },
    /// Two members carry one name.
    #[error("accept two members named `{member}`")]
    DuplicateMember {
        /// The name.
        member: String,
    },
    /// The weights do not go with the members.
    #[error(
        "weigh {members} members by {weights} weights; it takes one for each, not negative and not all zero"
    )]
    Weights {
        /// Number of members.
        members: usize,
        /// Number of weights.
        weights: usize,
    },
    /// A vote that no number of votes can win, or that needs none.
    #[error("ask for at least {at_least} of {of} votes")]
    VoteRule {
        /// Votes needed.
        at_least: usize,
        /// Members asked.
        of: usize,
    },
    /// Nothing to fit a stack on.
    #[error(
        "fit the weights of a stack: no sample has both a known class and a member that may judge it"
    )]
    NothingToFit,
    /// The strength of a stack's pull towards equal weights is not a positive number.
    #[error("fit the weights of a stack with shrinkage {shrinkage}; it must be positive")]
    Shrinkage {
        /// The value given.
        shrinkage: f64,
    },
    /// The samples cannot be dealt into folds.
    #[error("fit the weights of a stack by cross-fitting")]
    Folds(#[from] StatisticsError),
    /// Combined values that are no probabilities.
    #[error("combine predictions")]
    Combined(#[from] PredictionsError),
}
