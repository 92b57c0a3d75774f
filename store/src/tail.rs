//! Events since the last split.
