//! Roles as processes of their own, on one Kafka: `process` and `correlate`, and what `serve` reads of them.
//!
//! ```text
//! collect ──> raw ──> process ──> matches ──> correlate ──> alerts ──> serve: database, pages, delivery
//!                        └──────> events ────────────────────────────> serve: index, accounting
//! ```
//!
//! Who does what is decided by groups. Members of `process` share the partitions of `raw`; what they do is a function of the
//! records, so that nothing has to move with a partition but how far it was done: the group's offset, with the revision
//! that judges there. One member of `correlate` owns `alerts`; the others wait. Whoever takes over reads from `alerts`
//! how far was told, and goes on from its own last state or from the beginning of `matches`, telling nothing twice.
//!
//! Exactly once in effect: `process` commits once Kafka has what it told; what is told twice is known by its offset in `raw`,
//! to the owner of `alerts` and to the index, each of which keeps how far it has come with its own results.

mod correlate;
mod process;
mod serve;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, ensure};
use stream::log::{Log, StreamKind};

use crate::cli::Role;
use crate::config::Config;
use crate::revision::{Loaded, Revisions};
use crate::worker::Parts;

pub use serve::{AlertTaker, Unpacking};

/// Group of those who process.
const PROCESS: &str = "sekisho-process";
/// Group of those who correlate.
const CORRELATE: &str = "sekisho-correlate";

/// The roles that one process takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(HashSet<Role>);

impl Roles {
    /// All of them in one process.
    pub fn all() -> Roles {
        Roles([Role::Collect, Role::Process, Role::Correlate, Role::Serve].into())
    }

    /// Those of the command line; all when it names none.
    ///
    /// # Errors
    /// Roles are apart and the stream is not on Kafka.
    pub fn of(named: &[Role], config: &Config) -> Result<Roles> {
        if named.is_empty() {
            return Ok(Roles::all());
        }
        let roles = Roles(named.iter().copied().collect());
        ensure!(
            roles == Roles::all() || config.stream.kind == StreamKind::Kafka,
            "--role: with the embedded stream one process takes every role; leave --role out, say --role collect with [forward] in a zone, or set [stream] kind = \"kafka\""
        );
        Ok(roles)
    }

    /// Whether others take some role.
    pub fn are_apart(&self) -> bool {
        *self != Roles::all()
    }

    /// Whether this process takes it.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

/// Parses, judges, matches and tells until told to stop: one member of the group.
///
/// # Errors
/// The log failed; what was not committed is done again by whoever gets the partitions.
pub fn process(log: &Log, revisions: &Revisions, loaded: &Arc<Loaded>, stop: &AtomicBool) -> Result<()> {
    process::Member::join(log, revisions, loaded)?.run(stop)
}

/// Correlates while this process owns `alerts`, until told to stop. `parts` makes what a correlator needs.
///
/// # Errors
/// The log or the database failed.
pub fn correlate(parts: &dyn Fn() -> Parts, stop: &AtomicBool) -> Result<()> {
    correlate::run(parts, stop)
}
