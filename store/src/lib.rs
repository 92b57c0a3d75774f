//! Search index, search language and the database.
//!
//! - [`Store`]: immutable, time-sorted splits per tenant, a catalogue that names them with the offsets they cover, and a
//!   memory tail that makes an event searchable as soon as it is published.
//!   With [`StoreKind::Elasticsearch`], indices of an OpenSearch or Elasticsearch cluster in place of the splits.
//! - [`Searcher`]: newest first with early stop, counts, histograms, top values, the zone matrix.
//! - [`Binding`]: who held an address at an instant, read back from leases, sessions and sign-ins.
//! - [`Query`]: the search language; one syntax tree, one plain evaluator, one compiler to the index.
//! - [`archive`]: what was received, sealed, in a bucket or a folder elsewhere.
//! - [`Database`]: SQLite for alerts, outbox, accounts, sessions, audit and accounting.

pub mod archive;
mod bindings;
mod catalogue;
mod config;
mod database;
mod elasticsearch;
mod error;
mod index;
pub mod metrics;
mod query;
mod search;
mod store;
mod tail;

pub use bindings::{Binding, BindingKind};
pub use catalogue::Retired;
pub use config::{StoreConfig, StoreKind};
pub use database::*;
pub use elasticsearch::ElasticsearchConfig;
pub use error::{Error, Result};
pub use query::Query;
pub use search::{Bucket, Hit, Hits, MatrixCell, SearchRequest, Searcher};
pub use store::{Damage, Indexer, Renew, Retained, Rewritten, Store, StoreStats};

/// The name that stands for every tenant in a list of allowed tenants; no tenant can be called so.
pub const ALL_TENANTS: &str = "*";

pub(crate) fn tenant_allowed(tenants: &[String], tenant: &str) -> bool {
    tenants.iter().any(|allowed| allowed == tenant || allowed == ALL_TENANTS)
}
