//! Behaviour of the embedded log, one case at a time.
