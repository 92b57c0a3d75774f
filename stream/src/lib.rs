//! What the stages agree on: records, events, alerts, and the log they flow through.
//!
//! Nothing here knows a product, a rule or an index. A type belongs here only when two stages must agree on it.
//!
//! - [`Record`]: raw bytes as received, the unit of the `raw` topic.
//! - [`Event`]: ECS fields of one parsed record, borrowing from the record and a per-batch arena.
//! - [`Alert`]: what detection hands to people; its id is a pure function of rule, group and evidence.
//! - [`log`]: topics of durable records, the embedded segmented log.
//! - [`fields`]: the one table of field names; a raw field string anywhere else is an error.
//! - [`zones`]: the one table of zone names: what ledgers may write, screens show and people type in a search.

mod alert;
mod error;
mod event;
pub mod fields;
pub mod log;
pub mod metrics;
mod position;
mod record;
mod time;
pub mod zones;

pub use alert::{Alert, AlertDetail, AlertFlow, AlertRule, Evidence, Level, alert_id, alert_number};
pub use error::{Error, Result};
pub use event::{Event, Value};
pub use fields::{FieldId, Kind, intern};
pub use position::EventId;
pub use record::{Fingerprint, Record, RecordKind, RecordRef, Topic, fingerprint};
pub use time::{NANOS_PER_SECOND, Timestamp};
