//! A one-dimensional convolutional classifier that learns.
