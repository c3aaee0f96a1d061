//! Crystals, powder patterns, the map between them, and the files that hold them.
