//! The file that names the splits.
