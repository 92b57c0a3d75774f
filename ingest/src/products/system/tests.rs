//! Lines of every kind.
