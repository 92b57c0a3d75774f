//! Web pages, REST API and sign-in: what people see of sekisho.
//!
//! Server-rendered HTML (maud escapes by construction), htmx for partial updates and uPlot for charts, all inside the
//! binary. The content security policy allows nothing but this server: no inline script or style, no other host.
//! The URL is the whole state of a page. Every query carries the tenants of the account; what belongs to another
//! tenant answers 404. Blocking store calls run outside the async runtime, at most [`Config::queries_max`] searches
//! at a time.

mod api;
mod assets;
mod auth;
mod config;
mod context;
mod error;
mod export;
mod format;
mod i18n;
mod icons;
mod layout;
mod metrics;
mod pages;
mod params;
mod router;
mod state;
#[cfg(test)]
mod tests;

#[cfg(test)]
extern crate self as dashboards;

pub use config::Config;
pub use error::{Error, Result};
pub use export::spreadsheet_cell;
pub use router::{machine_router, router};
pub use state::{
    Adoption, AdoptionWish, AppState, Clock, ListenerLive, Live, Reload, RuleCoverage, RuleView, SourceLive, Storage,
    TenantView, UnknownLive, ZoneView, clock,
};
