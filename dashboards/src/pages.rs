//! One file per page.

pub(crate) mod alert;
pub(crate) mod alerts;
pub(crate) mod board;
pub(crate) mod charts;
pub(crate) mod event;
pub(crate) mod hits;
pub(crate) mod holders;
pub(crate) mod rules;
pub(crate) mod search;
pub(crate) mod sign_in;
pub(crate) mod sources;
pub(crate) mod zones;
