//! Zones, flow policy, ledgers, Sigma and correlation: pure and clock-free.

mod error;
mod problem;
mod tenant;

pub use error::{Error, Result};
pub use problem::{PROBLEMS_MAX, Problem, Problems};
pub use tenant::{Tenant, Tenants};
