//! Semi-supervised learning of material properties from powder diffraction.
