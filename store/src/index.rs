//! One split.
