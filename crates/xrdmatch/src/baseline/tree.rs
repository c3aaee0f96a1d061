//! One tree of a forest: splits that lessen the Gini impurity, down to pure leaves.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{ForestKind, ForestSettings};
use crate::fingerprint::Fingerprints;

/// Values of a feature that differ by less are one: forgives rounding in the features.
const SAME: f32 = 1e-7;

/// A tree as its nodes, the root first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Node {
    /// Rows with `feature ≤ threshold` go left, which is the next node; the others right.
    Split { feature: u32, threshold: f32, right: u32 },
    /// Share of the positive class.
    Leaf { share: f64 },
}

/// What a tree is grown from.
pub(super) struct Ground<'a> {
    pub(super) rows: &'a Fingerprints,
    pub(super) positive: &'a [bool],
    /// Weight of each row: how often a bootstrap drew it, or that of its class.
    pub(super) weights: &'a [f64],
    pub(super) settings: &'a ForestSettings,
    pub(super) features_per_split: usize,
}

struct Split {
    feature: usize,
    threshold: f32,
    quality: f64,
}

impl Tree {
    /// Grows a tree on the rows whose weight is not 0.
    pub(super) fn grow(ground: &Ground<'_>, rng: &mut ChaCha8Rng) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        let mut rows: Vec<usize> =
            (0..ground.rows.len()).filter(|row| ground.weights[*row] > 0.0).collect();
        let mut features: Vec<usize> = (0..ground.rows.width()).collect();
        // Subtrees to grow: the rows, and the split whose right side it is.
        let mut pending = vec![(0, rows.len(), None)];
        while let Some((start, end, parent)) = pending.pop() {
            let number = u32::try_from(tree.nodes.len()).expect("a tree has few nodes");
            if let Some(parent) = parent {
                let parent: usize = parent;
                if let Node::Split { right, .. } = &mut tree.nodes[parent] {
                    *right = number;
                }
            }
            let own = &mut rows[start..end];
            match ground.split(own, &mut features, rng) {
                None => tree.nodes.push(Node::Leaf { share: ground.share(own) }),
                Some(Split { feature, threshold, .. }) => {
                    let goes_left = |row: &usize| ground.rows.row(*row)[feature] <= threshold;
                    own.sort_by_key(|row| !goes_left(row));
                    let middle = start + own.partition_point(goes_left);
                    tree.nodes.push(Node::Split {
                        feature: u32::try_from(feature).expect("patterns have few points"),
                        threshold,
                        right: 0,
                    });
                    // The left side is grown next, so that it follows its split.
                    pending.push((middle, end, Some(number as usize)));
                    pending.push((start, middle, None));
                }
            }
        }
        tree
    }

    /// Share of the positive class in the leaf that a row falls into.
    pub(super) fn share(&self, row: &[f32]) -> f64 {
        let mut number = 0;
        loop {
            match self.nodes[number] {
                Node::Leaf { share } => return share,
                Node::Split { feature, threshold, right } => {
                    let left = row[feature as usize] <= threshold;
                    number = if left { number + 1 } else { right as usize };
                }
            }
        }
    }
}

impl Ground<'_> {
    fn totals(&self, rows: &[usize]) -> (f64, f64) {
        rows.iter().fold((0.0, 0.0), |(positive, all), row| {
            let weight = self.weights[*row];
            (positive + if self.positive[*row] { weight } else { 0.0 }, all + weight)
        })
    }

    fn share(&self, rows: &[usize]) -> f64 {
        let (positive, all) = self.totals(rows);
        positive / all
    }

    /// The best split among features drawn at random: as many as the settings say, and further ones
    /// until one varies over the rows. `None` for a leaf.
    fn split(&self, rows: &[usize], features: &mut [usize], rng: &mut ChaCha8Rng) -> Option<Split> {
        let first = self.positive[*rows.first()?];
        if rows.len() < 2 * self.settings.min_leaf
            || rows.iter().all(|row| self.positive[*row] == first)
        {
            return None;
        }
        let mut best: Option<Split> = None;
        let mut order: Vec<(f32, usize)> = Vec::with_capacity(rows.len());
        let mut any_varies = false;
        for drawn in 0..features.len() {
            if drawn >= self.features_per_split && any_varies {
                break;
            }
            features.swap(drawn, rng.random_range(drawn..features.len()));
            let feature = features[drawn];
            order.clear();
            order.extend(rows.iter().map(|row| (self.rows.row(*row)[feature], *row)));
            let extremes = (f32::INFINITY, f32::NEG_INFINITY);
            let (least, largest) = order
                .iter()
                .fold(extremes, |(least, largest), (v, _)| (least.min(*v), largest.max(*v)));
            if largest - least <= SAME {
                continue;
            }
            any_varies = true;
            order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let found = match self.settings.kind {
                ForestKind::RandomForest => self.best_threshold(&order, feature),
                ForestKind::ExtraTrees => {
                    let threshold = least + rng.random::<f32>() * (largest - least);
                    // The largest value has to go right.
                    let threshold = if threshold < largest { threshold } else { least };
                    self.quality_at(&order, feature, threshold)
                }
            };
            if let Some(found) = found
                && best.as_ref().is_none_or(|best| found.quality > best.quality)
            {
                best = Some(found);
            }
        }
        best
    }

    /// Of all thresholds between distinct values, the best.
    fn best_threshold(&self, order: &[(f32, usize)], feature: usize) -> Option<Split> {
        let rows: (f64, f64) = order.iter().fold((0.0, 0.0), |(positive, all), (_, row)| {
            let weight = self.weights[*row];
            (positive + if self.positive[*row] { weight } else { 0.0 }, all + weight)
        });
        let (mut positive, mut all) = (0.0, 0.0);
        let mut best: Option<Split> = None;
        for (count, pair) in (1..).zip(order.windows(2)) {
            let (value, row) = pair[0];
            positive += if self.positive[row] { self.weights[row] } else { 0.0 };
            all += self.weights[row];
            let next = pair[1].0;
            let min_leaf = self.settings.min_leaf;
            if next - value <= SAME || count < min_leaf || order.len() - count < min_leaf {
                continue;
            }
            let quality = purity(positive, all) + purity(rows.0 - positive, rows.1 - all);
            if best.as_ref().is_none_or(|best| quality > best.quality) {
                let middle = 0.5 * (value + next);
                let threshold = if middle < next { middle } else { value };
                best = Some(Split { feature, threshold, quality });
            }
        }
        best
    }

    fn quality_at(&self, order: &[(f32, usize)], feature: usize, threshold: f32) -> Option<Split> {
        let at = order.partition_point(|(value, _)| *value <= threshold);
        let (left, right) = order.split_at(at);
        if left.len().min(right.len()) < self.settings.min_leaf.max(1) {
            return None;
        }
        let purity_of = |side: &[(f32, usize)]| {
            let (mut positive, mut all) = (0.0, 0.0);
            for (_, row) in side {
                positive += if self.positive[*row] { self.weights[*row] } else { 0.0 };
                all += self.weights[*row];
            }
            purity(positive, all)
        };
        Some(Split { feature, threshold, quality: purity_of(left) + purity_of(right) })
    }
}

/// Weight times `Σ share²`: the larger the sum over both sides, the smaller their Gini impurity.
fn purity(positive: f64, all: f64) -> f64 {
    let negative = all - positive;
    (positive * positive + negative * negative) / all
}
