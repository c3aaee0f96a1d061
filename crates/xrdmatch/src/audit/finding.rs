//! The findings, and what each means.

use serde::{Deserialize, Serialize};

use super::Part;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Numbers got from the data as it is will be wrong.
    Alarm,
    /// Numbers may be optimistic, or a row may be wrong.
    Warning,
    /// Good to know.
    Note,
}

/// A sample and the table it stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The table.
    pub table: String,
    /// What the table is for.
    pub part: Part,
    /// Name of the sample.
    pub name: String,
    /// Its class, where labelled.
    pub label: Option<u8>,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.label {
            Some(label) => write!(f, "{} [{label}]", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One thing that was found. Columns are counted from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// A column that holds one of a few fixed values in most rows, which no diffraction does.
    MarkerColumn {
        /// Column.
        column: usize,
        /// Share of rows in which it is not 0, in the tables in which it is a marker.
        occupied: f64,
        /// Its values with their numbers of labelled rows of class 0, of class 1 and unlabelled.
        values: Vec<(f32, [usize; 3])>,
        /// Area under the receiver operating characteristic of the column for the label, ½ or more;
        /// `None` without labels of both classes.
        auc: Option<f64>,
        /// Probability of such an association by chance, over all columns and statistics tested.
        p: Option<f64>,
    },
    /// A column that says more about the label than chance allows.
    LeakingColumn {
        /// Column.
        column: usize,
        /// As in [`MarkerColumn`](Self::MarkerColumn).
        auc: f64,
        /// As in [`MarkerColumn`](Self::MarkerColumn).
        p: f64,
    },
    /// A number that does not depend on where the peaks are, and says more about the label than
    /// chance allows.
    LeakingStatistic {
        /// Which number.
        statistic: String,
        /// As in [`MarkerColumn`](Self::MarkerColumn).
        auc: f64,
        /// As in [`MarkerColumn`](Self::MarkerColumn).
        p: f64,
    },
    /// Two patterns that are one, point by point.
    Duplicates {
        /// The samples.
        samples: [Source; 2],
    },
    /// Two patterns that nearly coincide.
    NearTwins {
        /// The samples.
        samples: [Source; 2],
        /// Cosine of their blurred patterns.
        cosine: f32,
    },
    /// One name in several rows.
    RepeatedName {
        /// The rows' tables, in order.
        samples: Vec<Source>,
    },
    /// One composition in both classes.
    MixedComposition {
        /// The composition, normalised.
        composition: String,
        /// The samples, with the formulas as they are written.
        samples: Vec<(Source, String)>,
    },
    /// Several rows of one class with one composition.
    RepeatedComposition {
        /// The composition, normalised.
        composition: String,
        /// The samples, with the formulas as they are written.
        samples: Vec<(Source, String)>,
    },
    /// A formula of a labelled row that cannot be read.
    UnreadableFormula {
        /// The sample.
        sample: Source,
        /// The formula.
        formula: String,
    },
    /// A formula of a labelled row whose charges cannot balance.
    UnbalancedFormula {
        /// The sample.
        sample: Source,
        /// The formula.
        formula: String,
        /// The least and the largest sum of charges by common oxidation states.
        charge: [f64; 2],
    },
    /// A conductivity that is not a positive number.
    BadConductivity {
        /// The sample.
        sample: Source,
        /// The value.
        conductivity: f64,
    },
    /// A label that contradicts the threshold which most labels follow.
    LabelAgainstConductivity {
        /// The sample.
        sample: Source,
        /// Its conductivity in S/cm.
        conductivity: f64,
        /// The threshold: class 0 from here on.
        threshold: f64,
    },
    /// The labels follow a threshold of conductivity, and some rows lie within a factor of two.
    Borderline {
        /// Largest conductivity of class 1 and smallest of class 0, in S/cm.
        gap: [f64; 2],
        /// The samples near it, with their conductivities.
        samples: Vec<(Source, f64)>,
    },
    /// How many rows each class has.
    ClassBalance {
        /// Rows of class 0 and of class 1.
        counts: [usize; 2],
        /// Macro-F1 of always predicting the larger class: what any model has to beat.
        always_larger_f1: f64,
    },
    /// A label other than 0 and 1.
    UnknownLabel {
        /// The sample.
        sample: Source,
    },
    /// A pattern without intensity, or the same everywhere.
    FlatPattern {
        /// The sample.
        sample: Source,
    },
    /// A pattern with hardly any peaks.
    FewPeaks {
        /// The sample.
        sample: Source,
        /// Number of points that are not 0.
        peaks: usize,
    },
    /// A pattern whose largest intensity differs from that of nearly all others.
    Unnormalised {
        /// The sample.
        sample: Source,
        /// Its largest intensity.
        maximum: f32,
        /// That of the others.
        usual: f32,
    },
    /// Tables on different grids.
    GridsDiffer {
        /// Each table with its number of points.
        tables: Vec<(String, usize)>,
    },
}

/// A finding as it is reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// How serious it is.
    pub severity: Severity,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// What it means, and what to do.
    pub verdict: String,
}

impl Reported {
    pub(super) fn of(finding: Finding) -> Self {
        Self { severity: finding.severity(), verdict: finding.verdict(), finding }
    }
}

/// Whether two samples have different labels.
fn across(samples: &[Source]) -> bool {
    let mut labels = samples.iter().filter_map(|sample| sample.label);
    let first = labels.next();
    labels.any(|label| Some(label) != first)
}

/// Whether one sample is for testing, and another, with a label, for training.
fn spoils_the_test(samples: &[Source]) -> bool {
    let holds = |part| samples.iter().any(|sample| sample.part == part);
    holds(Part::Test) && holds(Part::Labelled)
}

/// Whether samples stand in more than one table.
fn straddle(samples: &[Source]) -> bool {
    samples.iter().any(|sample| sample.table != samples[0].table)
}

impl Finding {
    /// The name of the kind, as in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MarkerColumn { .. } => "marker_column",
            Self::LeakingColumn { .. } => "leaking_column",
            Self::LeakingStatistic { .. } => "leaking_statistic",
            Self::Duplicates { .. } => "duplicates",
            Self::NearTwins { .. } => "near_twins",
            Self::RepeatedName { .. } => "repeated_name",
            Self::MixedComposition { .. } => "mixed_composition",
            Self::RepeatedComposition { .. } => "repeated_composition",
            Self::UnreadableFormula { .. } => "unreadable_formula",
            Self::UnbalancedFormula { .. } => "unbalanced_formula",
            Self::BadConductivity { .. } => "bad_conductivity",
            Self::LabelAgainstConductivity { .. } => "label_against_conductivity",
            Self::Borderline { .. } => "borderline",
            Self::ClassBalance { .. } => "class_balance",
            Self::UnknownLabel { .. } => "unknown_label",
            Self::FlatPattern { .. } => "flat_pattern",
            Self::FewPeaks { .. } => "few_peaks",
            Self::Unnormalised { .. } => "unnormalised",
            Self::GridsDiffer { .. } => "grids_differ",
        }
    }

    /// How serious it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::MarkerColumn { .. }
            | Self::LeakingColumn { .. }
            | Self::LeakingStatistic { .. }
            | Self::BadConductivity { .. }
            | Self::LabelAgainstConductivity { .. }
            | Self::UnknownLabel { .. }
            | Self::FlatPattern { .. }
            | Self::GridsDiffer { .. } => Severity::Alarm,
            Self::Duplicates { samples } if across(samples) => Severity::Alarm,
            Self::Duplicates { samples } | Self::NearTwins { samples, .. }
                if spoils_the_test(samples) =>
            {
                Severity::Alarm
            }
            Self::RepeatedName { samples } if spoils_the_test(samples) => Severity::Alarm,
            Self::RepeatedName { samples } if !straddle(samples) => Severity::Alarm,
            Self::Duplicates { samples } | Self::NearTwins { samples, .. }
                if samples.iter().all(|sample| sample.label.is_none()) =>
            {
                Severity::Note
            }
            Self::Duplicates { .. }
            | Self::NearTwins { .. }
            | Self::RepeatedName { .. }
            | Self::MixedComposition { .. }
            | Self::UnreadableFormula { .. }
            | Self::UnbalancedFormula { .. }
            | Self::FewPeaks { .. } => Severity::Warning,
            Self::ClassBalance { counts, .. } if counts.contains(&0) => Severity::Alarm,
            Self::RepeatedComposition { .. }
            | Self::Borderline { .. }
            | Self::ClassBalance { .. }
            | Self::Unnormalised { .. } => Severity::Note,
        }
    }

    /// Whom or what it is about, for a table: columns counted from 1 as in the file's header.
    #[must_use]
    pub fn subject(&self) -> String {
        let names = |samples: &mut dyn Iterator<Item = &Source>| {
            let samples: Vec<&Source> = samples.collect();
            let several = samples.iter().any(|sample| sample.table != samples[0].table);
            let name = |sample: &&Source| match several {
                true => format!("{sample} in {}", sample.table),
                false => sample.to_string(),
            };
            let names: Vec<String> = samples.iter().map(name).collect();
            match &names[..] {
                [first, second, third, _, ..] if names.len() > 4 => {
                    format!("{first}, {second}, {third} and {} more", names.len() - 3)
                }
                _ => names.join(", "),
            }
        };
        match self {
            Self::MarkerColumn { column, .. } | Self::LeakingColumn { column, .. } => {
                format!("v{}", column + 1)
            }
            Self::LeakingStatistic { statistic, .. } => statistic.clone(),
            Self::Duplicates { samples } => names(&mut samples.iter()),
            Self::NearTwins { samples, cosine } => {
                format!("{} ({cosine:.3})", names(&mut samples.iter()))
            }
            Self::RepeatedName { samples } => names(&mut samples.iter()),
            Self::MixedComposition { composition, samples }
            | Self::RepeatedComposition { composition, samples } => {
                format!("{composition}: {}", names(&mut samples.iter().map(|(sample, _)| sample)))
            }
            Self::UnreadableFormula { sample, .. }
            | Self::UnbalancedFormula { sample, .. }
            | Self::BadConductivity { sample, .. }
            | Self::LabelAgainstConductivity { sample, .. }
            | Self::UnknownLabel { sample }
            | Self::FlatPattern { sample }
            | Self::FewPeaks { sample, .. }
            | Self::Unnormalised { sample, .. } => sample.to_string(),
            Self::Borderline { samples, .. } => {
                names(&mut samples.iter().map(|(sample, _)| sample))
            }
            Self::ClassBalance { counts, .. } => format!("{} : {}", counts[0], counts[1]),
            Self::GridsDiffer { tables } => {
                let points: Vec<String> =
                    tables.iter().map(|(table, points)| format!("{table} {points}")).collect();
                points.join(", ")
            }
        }
    }

    /// What it means, and what to do.
    #[must_use]
    pub fn verdict(&self) -> String {
        match self {
            Self::MarkerColumn { column, occupied, values, auc, p } => {
                let kind = format!(
                    "column v{} holds one of {} fixed values in {:.0} % of the rows, which no \
                     diffraction does: it is a marker",
                    column + 1,
                    values.len(),
                    100.0 * occupied
                );
                match (auc, p) {
                    (Some(auc), Some(p)) if *p < 0.05 => format!(
                        "{kind}, and it leaks the label (AUC {auc:.3}, p = {p:.3} over all columns); \
                         drop it before anything else"
                    ),
                    _ => format!("{kind}; drop it"),
                }
            }
            Self::LeakingColumn { column, auc, p } => format!(
                "column v{} alone ranks the classes with AUC {auc:.3} (p = {p:.3} over all \
                 columns); a single point of a pattern has no reason to, so find out how it came in",
                column + 1
            ),
            Self::LeakingStatistic { statistic, auc, p } => format!(
                "the {statistic} alone ranks the classes with AUC {auc:.3} (p = {p:.3}); if that is \
                 how the files were made and not the compounds, a model will learn it instead of \
                 chemistry"
            ),
            Self::Duplicates { samples } if across(samples) => {
                "one pattern with two labels: at least one is wrong, or the pattern is not the \
                 compound's own; take both out"
                    .to_owned()
            }
            Self::Duplicates { samples } | Self::NearTwins { samples, .. }
                if spoils_the_test(samples) =>
            {
                "a test row has its like among the rows that train: what a model says about it is \
                 memory, and the test score counts it as skill; take it out of the test"
                    .to_owned()
            }
            Self::RepeatedName { samples } if spoils_the_test(samples) => {
                "one sample for training and for testing: take it out of the test".to_owned()
            }
            Self::Duplicates { samples } | Self::NearTwins { samples, .. }
                if samples.iter().any(|sample| sample.label.is_none()) =>
            {
                "the same structure, or nearly; if one is labelled, what a model says about the \
                 other is memory and no prediction"
                    .to_owned()
            }
            Self::NearTwins { samples, cosine } if across(samples) => format!(
                "nearly the same pattern (cosine {cosine:.3}) with two labels: diffraction cannot \
                 tell these apart, so no model should be blamed, and no split should hold one for \
                 training and the other for evaluation"
            ),
            Self::Duplicates { .. } | Self::NearTwins { .. } => {
                "one structure family with one label: keep it on one side of every split, or the \
                 evaluation counts memory as skill"
                    .to_owned()
            }
            Self::RepeatedName { samples } if straddle(samples) => {
                "one sample in several tables: make sure that its label is not evaluated where it \
                 was seen"
                    .to_owned()
            }
            Self::RepeatedName { .. } => "one name in several rows: which is meant?".to_owned(),
            Self::MixedComposition { composition, .. } => format!(
                "{composition} stands in both classes: true polymorphs, told apart by structure \
                 alone, or a wrong label; anything that knows the composition will be misled"
            ),
            Self::RepeatedComposition { composition, .. } => format!(
                "{composition} stands in several rows of one class: polymorphs or repeats; keep \
                 them on one side of a split"
            ),
            Self::UnreadableFormula { formula, .. } => {
                format!("`{formula}` is no formula; checks of composition pass this row over")
            }
            Self::UnbalancedFormula { formula, charge, .. } => format!(
                "the charges of `{formula}` sum to {:.1} at least and {:.1} at most by common \
                 oxidation states, so part of the formula is missing or wrong",
                charge[0], charge[1]
            ),
            Self::BadConductivity { conductivity, .. } => {
                format!("{conductivity} S/cm is no conductivity")
            }
            Self::LabelAgainstConductivity { sample, conductivity, threshold } => format!(
                "{conductivity:e} S/cm with label {:?} contradicts the threshold of {threshold:e} S/cm \
                 that the other labels follow; one of the two is wrong",
                sample.label.unwrap_or_default()
            ),
            Self::Borderline { gap, samples } => format!(
                "class 0 begins between {:e} and {:e} S/cm; measurements of one compound scatter by \
                 more than a factor of two, so the labels of these {} rows are a matter of chance",
                gap[0],
                gap[1],
                samples.len()
            ),
            Self::ClassBalance { counts, .. } if counts.contains(&0) => {
                "one class is missing: nothing can be learned or judged".to_owned()
            }
            Self::ClassBalance { counts, always_larger_f1 } => format!(
                "{} rows of class 0 and {} of class 1; always predicting the larger class has \
                 macro-F1 {always_larger_f1:.3}",
                counts[0], counts[1]
            ),
            Self::UnknownLabel { sample } => {
                format!("label {} is neither 0 nor 1", sample.label.unwrap_or_default())
            }
            Self::FlatPattern { .. } => {
                "no peak at all: normalising it divides by zero; take it out".to_owned()
            }
            Self::FewPeaks { peaks, .. } => {
                format!("only {peaks} points carry intensity: hardly a pattern")
            }
            Self::Unnormalised { maximum, usual, .. } => format!(
                "its largest intensity is {maximum}, where nearly all have {usual}; normalising on \
                 reading takes care of it"
            ),
            Self::GridsDiffer { .. } => {
                "the same column means different angles in these tables: bring them onto one grid"
                    .to_owned()
            }
        }
    }
}
