//! Zones, flow policy, ledgers, Sigma and correlation: pure and clock-free.

mod beyond;
mod by_source;
mod calendar;
mod correlation;
mod csv;
mod engine;
mod error;
mod flows;
mod geo;
mod hash;
mod ledger;
mod metrics;
mod places;
mod problem;
mod rules;
mod sigma;
mod silence;
mod suppress;
mod tenant;
mod zones;

pub use calendar::{Calendar, Day, Days, Hours, Moment, Validity};
pub use engine::{
    AlertBook, Checkpoint, Clock, Costs, Engine, LINE_BYTES_MAX, Matcher, Meta, Outcome, PlainBook, Said, Stats,
};
pub use error::{Error, Result};
pub use flows::{Direction, FlowRow, Flows, PAIRS_MAX, Ports, Protocols, Verdict};
pub use geo::{Geo, Located};
pub use ledger::{Indicators, Ledger, LedgerRow, Ledgers, Mac};
pub use metrics::Metrics;
pub use problem::{PROBLEMS_MAX, Problem, Problems};
pub use rules::{Check, Missing, RuleInfo, RuleKind, RuleLogsource, RuleSet, SampleResult, check, run_samples};
pub use tenant::{Endpoint, Flow, Judgement, Model, Profile, TENANTS_MAX, Tenant, Tenants, ZoneInfo};
pub use zones::labels::{zone_id, zone_labels};
pub use zones::{UNMAPPED, ZONES_MAX, ZoneRow};
