//! The database: SQLite in write-ahead mode, one file beside the index.
//!
//! Guarantees: every change that belongs together is one transaction; `synchronous=FULL`, so a committed alert survives a
//! power cut; every statement is parameterised; every read of tenants' data is filtered by the tenants the caller names;
//! the audit table can only grow (triggers refuse change and removal).
//! One connection behind a lock: a town makes a few writes a second, a prefecture a few hundred.

mod accounts;
mod actions;
mod alerts;
mod audit;
mod detection;
mod outbox;
mod rules;
mod schema;
mod sources;
mod tokens;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{ALL_TENANTS, Error, Result};

pub use accounts::{Account, Role};
pub use alerts::{AlertCounts, AlertFilter, AlertHistory, AlertRow, AlertState, Verdict};
pub use audit::AuditRow;
pub use detection::{AlertChange, Applied, DetectionBatch, StatePart};
pub use outbox::{OutboxRow, OutboxStats};
pub use sources::{SourceDelta, SourceRow};
pub use tokens::TokenRow;

/// The database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    connection: Arc<Mutex<Connection>>,
    channels: Arc<RwLock<Vec<String>>>,
    path: PathBuf,
}

impl Database {
    /// How long a statement waits for another process (a backup, a command) to let go of the file.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

    /// Opens or creates the database and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        let path = path.as_ref();
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        }
        let failed = Error::database("open");
        let mut connection = Connection::open(path).map_err(&failed)?;
        connection.busy_timeout(Self::BUSY_TIMEOUT).map_err(&failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(&failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::migrate(&mut connection)?;
        Ok(Database {
            connection: Arc::new(Mutex::new(connection)),
            channels: Arc::new(RwLock::new(Vec::new())),
            path: path.to_path_buf(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names the channels that a new paging alert gets an outbox row for.
    pub fn set_channels(&self, channels: Vec<String>) {
        *self.channels.write().unwrap_or_else(PoisonError::into_inner) = channels;
    }

    /// The channels named last.
    pub fn channels(&self) -> Vec<String> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Copies the database, consistently and while it is in use, into a new file.
    ///
    /// # Errors
    /// The file exists already or cannot be written.
    pub fn backup(&self, target: &Path) -> Result<()> {
        let name = target.to_string_lossy();
        self.lock().execute("VACUUM INTO ?1", [name.as_ref()]).map_err(Error::database("back up"))?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back, so the connection is sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, action: &'static str, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.lock();
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Error::database(action))?;
        let result = work(&transaction)?;
        #[cfg(feature = "failpoints")]
        fail::fail_point!("store::database::before_commit", |kind| Err(crate::store::injected(action, kind)));
        transaction.commit().map_err(Error::database(action))?;
        #[cfg(feature = "failpoints")]
        fail::fail_point!("store::database::after_commit", |kind| Err(crate::store::injected(action, kind)));
        Ok(result)
    }
}

/// The tenants a caller may see, as one JSON parameter for [`TENANT_ALLOWED`].
fn tenants_json(tenants: &[String]) -> String {
    serde_json::to_string(tenants).unwrap_or_else(|_| "[]".into())
}

/// SQL condition: the row's `tenant` is in the JSON list `:tenants`, or the list holds [`ALL_TENANTS`].
const TENANT_ALLOWED: &str = "(tenant IN (SELECT value FROM json_each(:tenants)) OR EXISTS (SELECT 1 FROM json_each(:tenants) WHERE value = '*'))";

const _: () = assert!(ALL_TENANTS.len() == 1 && ALL_TENANTS.as_bytes()[0] == b'*');
