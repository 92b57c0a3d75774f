//! What the database knows of rules: when each last raised an alert.

use std::collections::HashMap;

use rusqlite::named_params;
use stream::Timestamp;

use super::{Database, TENANT_ALLOWED, tenants_json};
use crate::{Error, Result};

impl Database {
    /// Event time of the newest alert by rule id, of the tenants that are allowed.
    ///
    /// # Errors
    /// The database refused.
    pub fn last_alerts(&self, tenants: &[String]) -> Result<HashMap<String, Timestamp>> {
        let failed = Error::database("read the last alert of each rule");
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(&format!(
                "SELECT rule_id, max(timestamp) FROM alerts WHERE {TENANT_ALLOWED} GROUP BY rule_id"
            ))
            .map_err(&failed)?;
        let rows = statement
            .query_map(named_params! { ":tenants": tenants_json(tenants) }, |row| {
                Ok((row.get(0)?, Timestamp(row.get(1)?)))
            })
            .map_err(&failed)?;
        rows.collect::<std::result::Result<_, _>>().map_err(&failed)
    }
}
