//! Rule sets: every rule found under a list of folders, compiled once, and what people are told about each.
//!
//! A rule that cannot be used stays in the list with its problem, so that it is seen wherever rules are shown; it
//! never stops the others. Bounds: [`RuleSet::FILES_MAX`] files of at most [`RuleSet::FILE_BYTES_MAX`] bytes,
//! folders nested at most [`RuleSet::DEPTH_MAX`] deep; what is beyond is a [`Problem`].
//! Format: Sigma specification 2.1 (rules, correlations, filters), our own keys under `sekisho:`
//! ([`crate::sigma::extension`]), field pipelines as pySigma writes them in `pipelines/*.yml`.

mod build;
mod check;
mod load;
mod needs;
mod placeholders;
mod samples;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use stream::Level;

pub use check::{Check, check};
pub use needs::Missing;
#[cfg(test)]
pub(crate) use samples::read_event;
pub use samples::{SampleResult, run_samples};

use crate::Problem;
use crate::correlation::Correlation;
use crate::correlation::table::GROUPS_MAX;
use crate::sigma::extension::Overflow;
use crate::sigma::{Program, Rule};

/// What a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// A Sigma detection rule: judges one event.
    Detection,
    /// A Sigma correlation rule: judges several.
    Correlation,
    /// A detection rule with `sekisho.absence`: fires when such events stop, or when another does not come with them.
    Absence,
    /// A detection rule with `sekisho.beacon`: judges the intervals between events.
    Beacon,
    /// A detection rule with `sekisho.baseline`: judges an hour against the weeks before.
    Baseline,
    /// A detection rule with `sekisho.first_seen`: judges whether something is new.
    FirstSeen,
    /// A detection rule with `sekisho.ioc`: judges by the tenant's indicators.
    Ioc,
    /// A detection rule with `sekisho.ledger`: judges by the tenant's registers.
    Ledger,
    /// A detection rule with `sekisho.calendar`: judges at certain times only.
    Calendar,
}

impl RuleKind {
    /// The word for it in lists: the key that makes it one.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Detection => "detection",
            RuleKind::Correlation => "correlation",
            RuleKind::Absence => "absence",
            RuleKind::Beacon => "beacon",
            RuleKind::Baseline => "baseline",
            RuleKind::FirstSeen => "first_seen",
            RuleKind::Ioc => "ioc",
            RuleKind::Ledger => "ledger",
            RuleKind::Calendar => "calendar",
        }
    }
}

/// The logsource of a rule, as written; empty for a correlation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleLogsource {
    /// `logsource.product`.
    pub product: Option<String>,
    /// `logsource.category`.
    pub category: Option<String>,
    /// `logsource.service`.
    pub service: Option<String>,
}

/// What people are told about a rule.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// Sigma id; the file's path below the loaded folder, and position, when the rule has none.
    pub id: String,
    /// English title.
    pub title: String,
    /// Japanese title (`sekisho.title`), else the English one.
    pub title_ja: String,
    /// What kind of rule it is.
    pub kind: RuleKind,
    /// Severity; medium when the rule names none.
    pub level: Level,
    /// Which events it judges.
    pub logsource: RuleLogsource,
    /// Use-case ids of the catalogue (`X01`).
    pub usecase: Vec<String>,
    /// Sigma tags (`attack.t1110`).
    pub tags: Vec<String>,
    /// The file it came from.
    pub file: PathBuf,
    /// Line of the file on which its document starts, from 1.
    pub line: u32,
    /// First 12 hex digits of the BLAKE3 hash of its text.
    pub version: String,
    /// 何が起きたか.
    pub what: String,
    /// なぜ問題か.
    pub why: String,
    /// まず何をするか.
    pub first: String,
    /// The clause of the security policy that it serves.
    pub clause: String,
    /// Known false positives.
    pub falsepositives: Vec<String>,
    /// Whether it judges only tenants that ask for one of its use cases in `rules_on_extra`.
    pub off: bool,
    /// Whether its alerts page.
    pub page: bool,
    /// Sigma status (`stable`, `test`, `experimental`...), empty when not given.
    pub status: String,
    /// Whether it raises alerts of its own: false for a rule that only feeds correlations.
    pub alerts: bool,
    /// Why it is not in use, when it is not.
    pub problem: Option<Problem>,
    /// Set off by full tables, not by events.
    pub(crate) overflow: Option<Overflow>,
    /// How many groups it keeps, where the rule says so.
    pub(crate) groups: Option<u32>,
}

impl RuleInfo {
    /// How many groups it keeps at most, those at half their threshold not counted.
    pub(crate) fn groups(&self) -> usize {
        self.groups.map_or(GROUPS_MAX, |groups| groups as usize)
    }
}

/// All rules, compiled.
#[derive(Debug, Default)]
pub struct RuleSet {
    pub(crate) rules: Vec<RuleInfo>,
    /// One per entry of `rules`, in the same order.
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) program: Program,
}

/// The compiled form of one rule.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// Not in use.
    Broken,
    /// A detection or absence rule.
    Rule(Box<Rule>),
    /// A correlation.
    Correlation(Box<Correlation>),
}

impl RuleSet {
    /// The most rule files one load reads.
    pub const FILES_MAX: usize = 50_000;
    /// The largest rule file in bytes.
    pub const FILE_BYTES_MAX: u64 = 1 << 20;
    /// How deep folders may nest.
    pub const DEPTH_MAX: usize = 16;

    /// Reads every `*.yml` and `*.yaml` below the folders (files may be named too), in the order of their paths.
    /// Files in a folder named `pipelines` are field pipelines, those in `samples` are not rules. Never fails: what
    /// is wrong comes back as problems, and the rules without a problem are in use.
    pub fn load(dirs: &[PathBuf]) -> (RuleSet, Vec<Problem>) {
        load::load(dirs)
    }

    /// What there is to say about every rule, in load order; [`crate::Engine::matches`] gives indexes into this.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.rules
    }
}
