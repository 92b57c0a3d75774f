//! Accounts and sessions.
//!
//! Passwords are kept as argon2id PHC strings (RFC 9106), 12 to 1,024 bytes long. A session is a random 256-bit token of which only
//! the SHA-256 is kept. After [`FAILURES_MAX`] wrong passwords within [`FAILURES_WINDOW`] a name is locked for as long,
//! whether the account exists or not.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};
use stream::{NANOS_PER_SECOND, Timestamp};

use super::{Database, audit};
use crate::{Error, Result};

const FAILURES_MAX: i64 = 5;
const FAILURES_WINDOW: i64 = 15 * 60 * NANOS_PER_SECOND;
/// What is kept of a name that somebody typed; no account's name is longer.
const NAME_CHARS_MAX: usize = 128;
/// The actor of a failed sign-in whose name no account has.
const NOBODY: &str = "(not signed in)";

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watches the boards.
    Operator,
    /// Searches and handles alerts.
    Analyst,
    /// Handles alerts when paged.
    Oncall,
    /// Reads everything of the tenants, audit log included, and changes nothing.
    Auditor,
    /// Administers the tenants of the account.
    TenantAdmin,
    /// Administers everything.
    SystemAdmin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 6] =
        [Role::Operator, Role::Analyst, Role::Oncall, Role::Auditor, Role::TenantAdmin, Role::SystemAdmin];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Analyst => "analyst",
            Role::Oncall => "oncall",
            Role::Auditor => "auditor",
            Role::TenantAdmin => "tenant_admin",
            Role::SystemAdmin => "system_admin",
        }
    }

    /// The word on the screens.
    pub fn label(self) -> &'static str {
        match self {
            Role::Operator => "監視員",
            Role::Analyst => "分析担当",
            Role::Oncall => "当番",
            Role::Auditor => "監査",
            Role::TenantAdmin => "団体管理者",
            Role::SystemAdmin => "システム管理者",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// Account or token name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What it may see; [`crate::ALL_TENANTS`] stands for every tenant.
    pub tenants: Vec<String>,
    /// Whether it is shut off.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl Database {
    /// The fewest bytes of a password.
    pub const PASSWORD_BYTES_MIN: usize = 12;

    /// Adds an account, or gives an existing one a new password, role and tenants. Its sessions end.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name or a short password.
    pub fn add_user(
        &self,
        name: &str,
        password: &str,
        role: Role,
        tenants: &[String],
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_name("user name", name)?;
        if password.len() < Self::PASSWORD_BYTES_MIN || password.len() > 1024 {
            let reason = format!("must be {} to 1024 bytes long", Self::PASSWORD_BYTES_MIN);
            return Err(Error::Invalid { what: "password", reason });
        }
        let hash = hash_password(password)?;
        self.write("add account", |transaction| {
            let failed = Error::database("add account");
            transaction.execute("DELETE FROM sessions WHERE name = ?1", [name]).map_err(&failed)?;
            transaction
                .execute(
                    "INSERT INTO accounts (name, password, role, tenants, disabled, created) VALUES (?1, ?2, ?3, ?4, 0, ?5)
                     ON CONFLICT (name) DO UPDATE SET password = excluded.password, role = excluded.role,
                         tenants = excluded.tenants, disabled = 0",
                    params![name, hash, role.as_str(), super::tenants_json(tenants), now.0],
                )
                .map_err(&failed)?;
            transaction.execute("DELETE FROM login_failures WHERE name = ?1", [name]).map_err(&failed)?;
            audit::insert(transaction, actor, "account.add", &format!("{name} {}", role.as_str()), now)
        })
    }

    /// Checks a password. `None` when the account does not exist, is disabled, or the password is wrong: the caller
    /// cannot tell which, nor can a clock.
    ///
    /// # Errors
    /// [`Error::Locked`] after too many wrong ones.
    pub fn verify_password(&self, name: &str, password: &str, now: Timestamp) -> Result<Option<Account>> {
        let failed = Error::database("check password");
        let typed = typed_name(name);
        let (locked, stored) = {
            let connection = self.lock();
            let locked: Option<i64> = connection
                .query_row("SELECT locked_until FROM login_failures WHERE name = ?1", [&typed], |row| row.get(0))
                .optional()
                .map_err(&failed)?;
            let stored: Option<String> = connection
                .query_row("SELECT password FROM accounts WHERE name = ?1 AND disabled = 0", [name], |row| row.get(0))
                .optional()
                .map_err(&failed)?;
            (locked.map(Timestamp), stored)
        };
        if let Some(until) = locked.filter(|until| *until > now) {
            return Err(Error::Locked { name: typed, until });
        }
        // The lock is not held here: hashing takes tens of milliseconds.
        let right = match &stored {
            Some(hash) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
            None => hash_password(password).is_err(),
        };
        self.write("record sign-in", |transaction| {
            if !right {
                record_failure(transaction, &typed, now)?;
                // Who typed a name that no account has is not known: the name is what was tried, not who did it.
                let known = account(transaction, name)?.is_some();
                let (actor, object) = if known { (name, "") } else { (NOBODY, typed.as_str()) };
                audit::insert(transaction, actor, "sign_in.failed", object, now)?;
                return Ok(None);
            }
            transaction.execute("DELETE FROM login_failures WHERE name = ?1", [name]).map_err(&failed)?;
            audit::insert(transaction, name, "sign_in", "", now)?;
            account(transaction, name)
        })
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// The database refused.
    pub fn list_users(&self) -> Result<Vec<Account>> {
        let failed = Error::database("list accounts");
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT name, role, tenants, disabled, created FROM accounts ORDER BY name")
            .map_err(&failed)?;
        let rows = statement.query_map([], account_row).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Shuts an account off and ends its sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn disable_user(&self, name: &str, actor: &str, now: Timestamp) -> Result<()> {
        self.write("disable account", |transaction| {
            let failed = Error::database("disable account");
            let changed =
                transaction.execute("UPDATE accounts SET disabled = 1 WHERE name = ?1", [name]).map_err(&failed)?;
            if changed == 0 {
                return Err(Error::NotFound { what: "account", id: name.into() });
            }
            transaction.execute("DELETE FROM sessions WHERE name = ?1", [name]).map_err(&failed)?;
            audit::insert(transaction, actor, "account.disable", name, now)
        })
    }

    /// Starts a session of an account and gives its token, 43 URL-safe characters. Ended sessions are removed.
    ///
    /// # Errors
    /// The account does not exist.
    pub fn create_session(&self, name: &str, now: Timestamp, seconds: u64) -> Result<String> {
        let token = random_token()?;
        let expires = now.plus_nanos(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(NANOS_PER_SECOND));
        self.write("create session", |transaction| {
            let failed = Error::database("create session");
            transaction.execute("DELETE FROM sessions WHERE expires <= ?1", [now.0]).map_err(&failed)?;
            transaction
                .execute(
                    "INSERT INTO sessions (hash, name, created, expires) VALUES (?1, ?2, ?3, ?4)",
                    params![token_hash(&token), name, now.0, expires.0],
                )
                .map_err(&failed)?;
            Ok(token)
        })
    }

    /// Who a session token belongs to, if it has not ended and the account is not shut off.
    ///
    /// # Errors
    /// The database refused.
    pub fn session(&self, token: &str, now: Timestamp) -> Result<Option<Account>> {
        self.lock()
            .prepare_cached(
                "SELECT a.name, a.role, a.tenants, a.disabled, a.created FROM sessions s JOIN accounts a ON a.name = s.name
                 WHERE s.hash = ?1 AND s.expires > ?2 AND a.disabled = 0",
            )
            .and_then(|mut statement| statement.query_row(params![token_hash(token), now.0], account_row).optional())
            .map_err(Error::database("read session"))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database refused.
    pub fn delete_session(&self, token: &str) -> Result<()> {
        self.lock()
            .execute("DELETE FROM sessions WHERE hash = ?1", [token_hash(token)])
            .map_err(Error::database("delete session"))?;
        Ok(())
    }
}

pub(super) fn check_name(what: &'static str, name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
        return Err(Error::Invalid { what, reason: "must be 1 to 128 bytes of letters, digits and - _ . @".into() });
    }
    Ok(())
}

/// A name as somebody typed it at the sign-in, fit to be kept: at most [`NAME_CHARS_MAX`] characters, none of which
/// moves a terminal's cursor or turns the direction of writing.
fn typed_name(name: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    name.chars().take(NAME_CHARS_MAX).map(|c| if hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

pub(super) fn parse_role(text: &str) -> Role {
    // An unknown word can only come from a newer version; the least role is then the safe reading.
    text.parse().unwrap_or(Role::Operator)
}

pub(super) fn random_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Invalid { what: "system random source", reason: error.to_string() })?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

pub(super) fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn hash_password(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Invalid { what: "password", reason: error.to_string() })
}

fn record_failure(connection: &Connection, name: &str, now: Timestamp) -> Result<()> {
    let failed = Error::database("record failed sign-in");
    let stale = now.0.saturating_sub(FAILURES_WINDOW);
    connection
        .execute("DELETE FROM login_failures WHERE first_at < ?1 AND locked_until < ?2", params![stale, now.0])
        .map_err(&failed)?;
    connection
        .execute(
            "INSERT INTO login_failures (name, count, first_at, locked_until) VALUES (?1, 1, ?2, 0)
             ON CONFLICT (name) DO UPDATE SET count = CASE WHEN locked_until > 0 THEN 1 ELSE count + 1 END,
                 locked_until = CASE WHEN locked_until = 0 AND count + 1 >= ?3 THEN ?4 ELSE 0 END",
            params![name, now.0, FAILURES_MAX, now.0.saturating_add(FAILURES_WINDOW)],
        )
        .map_err(&failed)?;
    Ok(())
}

fn account(connection: &Connection, name: &str) -> Result<Option<Account>> {
    connection
        .query_row("SELECT name, role, tenants, disabled, created FROM accounts WHERE name = ?1", [name], account_row)
        .optional()
        .map_err(Error::database("read account"))
}

fn account_row(row: &Row<'_>) -> rusqlite::Result<Account> {
    let (role, tenants): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(Account {
        name: row.get(0)?,
        role: parse_role(&role),
        tenants: serde_json::from_str(&tenants).unwrap_or_default(),
        disabled: row.get(3)?,
        created: Timestamp(row.get(4)?),
    })
}
