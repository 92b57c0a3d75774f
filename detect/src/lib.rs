//! Zones, flow policy, ledgers, Sigma and correlation: pure and clock-free.

mod correlation;
mod engine;
mod error;
mod metrics;
mod problem;
mod rules;
mod sigma;
mod silence;
mod suppress;
mod tenant;

pub use engine::{Engine, LINE_BYTES_MAX, Meta, Outcome, Stats};
pub use error::{Error, Result};
pub use metrics::Metrics;
pub use problem::{PROBLEMS_MAX, Problem, Problems};
pub use rules::{Check, RuleInfo, RuleKind, RuleLogsource, RuleSet, SampleResult, check, run_samples};
pub use tenant::{Tenant, Tenants};
