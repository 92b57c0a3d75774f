//! Sigma: from a parsed rule to a program that judges events.
//!
//! Compiled once: every field name becomes a slot, every value a predicate, equal predicates of different rules are
//! one, a condition is a small tree over predicates. Per event: one pass puts the values of used fields into slots; the
//! index of the event's logsource ([`Partition`]) gives candidate rules; only their trees are walked, and each
//! predicate is decided at most once per event. No YAML, no regex building and no hashing of field names per event.
//!
//! Source: Sigma specification 2.1 (rules, modifiers appendix, correlation rules).

mod compile;
mod encoding;
pub(crate) mod extension;
mod grams;
mod learning;
mod logsource;
mod modifiers;
mod needs;
mod partition;
mod pipeline;
mod predicate;
mod program;
mod text;
mod view;
mod witness;

#[cfg(test)]
mod tests;

pub(crate) use compile::{Compiler, Reason};
pub(crate) use needs::needs;
pub(crate) use partition::may_judge;
pub(crate) use pipeline::{Pipelines, Resolver};
pub(crate) use program::{Entry, Expr, Judge, Logsource, Program, Rule, Suppress};
