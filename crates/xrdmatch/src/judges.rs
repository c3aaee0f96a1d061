//! Networks that are asked about patterns one after another, wherever their weights come from: a run's
//! directory, or a model that was fitted in memory.

use std::path::Path;

use convnet::{Matrix, Network};
use diffraction::Grid;

use crate::config::Config;
use crate::encoder::{Inputs, Sticks};
use crate::fit::{FitError, Fitted};
use crate::members::{Members, MembersError};

/// An ensemble as an explanation sees it: at least one network, all of which see patterns alike.
#[expect(clippy::len_without_is_empty, reason = "there is always a network")]
pub trait Judges {
    /// The settings that all share.
    fn config(&self) -> &Config;

    /// The grid of all patterns.
    fn grid(&self) -> Grid;

    /// Number of networks.
    fn len(&self) -> usize;

    /// What the networks see of patterns that are given by their sticks: prepared values by ascending
    /// grid index. (patterns, numbers that a network sees)
    fn see(&mut self, patterns: &[Sticks]) -> Matrix;

    /// The network with the weights of a member.
    ///
    /// # Errors
    /// If the weights cannot be had.
    fn network(&mut self, member: usize) -> Result<&mut dyn Network, MembersError>;

    /// Whether networks see the grid as it is.
    fn sees_the_grid(&self) -> bool {
        let config = self.config();
        config.input.is_published() && !config.pretrain.is_frozen()
    }

    /// Refuses data on another grid.
    ///
    /// # Errors
    /// [`MembersError::Grid`].
    fn check_grid(&self, data: &Path, found: Grid) -> Result<(), MembersError> {
        let expected = self.grid();
        if found == expected {
            return Ok(());
        }
        Err(MembersError::Grid { data: data.to_owned(), found, expected })
    }
}

impl Judges for Members {
    fn config(&self) -> &Config {
        self.config()
    }

    fn grid(&self) -> Grid {
        self.grid()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn see(&mut self, patterns: &[Sticks]) -> Matrix {
        self.see(patterns)
    }

    fn network(&mut self, member: usize) -> Result<&mut dyn Network, MembersError> {
        self.network(member)
    }
}

/// A fitted model with a network to put its weights into.
pub struct FittedJudges<'a> {
    fitted: &'a Fitted,
    inputs: Inputs,
    network: Box<dyn Network>,
    loaded: usize,
}

impl<'a> FittedJudges<'a> {
    /// Builds the network of a fitted model.
    ///
    /// # Errors
    /// If the weights do not fit it.
    pub fn new(fitted: &'a Fitted) -> Result<Self, FitError> {
        let (inputs, network) = fitted.network(0)?;
        Ok(Self { fitted, inputs, network, loaded: 0 })
    }
}

impl Judges for FittedJudges<'_> {
    fn config(&self) -> &Config {
        self.fitted.config()
    }

    fn grid(&self) -> Grid {
        self.fitted.grid()
    }

    fn len(&self) -> usize {
        self.fitted.len()
    }

    fn see(&mut self, patterns: &[Sticks]) -> Matrix {
        self.inputs.of_sticks(patterns)
    }

    fn network(&mut self, member: usize) -> Result<&mut dyn Network, MembersError> {
        if self.loaded != member {
            let weights = self.fitted.weights(member);
            self.network.load(weights).map_err(|source| MembersError::Fitted { member, source })?;
            self.loaded = member;
        }
        Ok(self.network.as_mut())
    }
}
