//! API tokens: like a session that does not belong to a person and may not end. Only the SHA-256 is kept.

use rusqlite::{OptionalExtension, params};
use stream::Timestamp;

use super::accounts::{Account, Role, check_name, parse_role, random_token, token_hash};
use super::{Database, audit, tenants_json};
use crate::{Error, Result};

/// An API token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What it may see.
    pub tenants: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends, if ever.
    pub expires: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Database {
    /// Makes a token and gives its secret, which cannot be read again.
    ///
    /// # Errors
    /// The name is bad or taken.
    pub fn create_token(
        &self,
        name: &str,
        role: Role,
        tenants: &[String],
        expires: Option<Timestamp>,
        actor: &str,
        now: Timestamp,
    ) -> Result<String> {
        check_name("token name", name)?;
        let token = random_token()?;
        self.write("create token", |transaction| {
            transaction
                .execute(
                    "INSERT INTO tokens (hash, name, role, tenants, created, created_by, expires, revoked)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
                    params![
                        token_hash(&token),
                        name,
                        role.as_str(),
                        tenants_json(tenants),
                        now.0,
                        actor,
                        expires.map(|expires| expires.0)
                    ],
                )
                .map_err(Error::database("create token"))?;
            audit::insert(transaction, actor, "token.create", name, now)?;
            Ok(token)
        })
    }

    /// What a token may do, if it is known, not ended and not revoked.
    ///
    /// # Errors
    /// The database refused.
    pub fn token(&self, token: &str, now: Timestamp) -> Result<Option<Account>> {
        self.lock()
            .prepare_cached(
                "SELECT name, role, tenants, created FROM tokens
                 WHERE hash = ?1 AND revoked = 0 AND (expires IS NULL OR expires > ?2)",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![token_hash(token), now.0], |row| {
                        let (role, tenants): (String, String) = (row.get(1)?, row.get(2)?);
                        Ok(Account {
                            name: row.get(0)?,
                            role: parse_role(&role),
                            tenants: serde_json::from_str(&tenants).unwrap_or_default(),
                            disabled: false,
                            created: Timestamp(row.get(3)?),
                        })
                    })
                    .optional()
            })
            .map_err(Error::database("read token"))
    }

    /// Revokes a token; its name stays taken, for the record.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn revoke_token(&self, name: &str, actor: &str, now: Timestamp) -> Result<()> {
        self.write("revoke token", |transaction| {
            let changed = transaction
                .execute("UPDATE tokens SET revoked = 1 WHERE name = ?1", [name])
                .map_err(Error::database("revoke token"))?;
            if changed == 0 {
                return Err(Error::NotFound { what: "token", id: name.into() });
            }
            audit::insert(transaction, actor, "token.revoke", name, now)
        })
    }

    /// Every token, by name.
    ///
    /// # Errors
    /// The database refused.
    pub fn list_tokens(&self) -> Result<Vec<TokenRow>> {
        let failed = Error::database("list tokens");
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(
                "SELECT name, role, tenants, created, created_by, expires, revoked FROM tokens ORDER BY name",
            )
            .map_err(&failed)?;
        let rows = statement
            .query_map([], |row| {
                let (role, tenants): (String, String) = (row.get(1)?, row.get(2)?);
                Ok(TokenRow {
                    name: row.get(0)?,
                    role: parse_role(&role),
                    tenants: serde_json::from_str(&tenants).unwrap_or_default(),
                    created: Timestamp(row.get(3)?),
                    created_by: row.get(4)?,
                    expires: row.get::<_, Option<i64>>(5)?.map(Timestamp),
                    revoked: row.get(6)?,
                })
            })
            .map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// A stored setting (a generated key, a saved preference).
    ///
    /// # Errors
    /// The database refused.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        self.lock()
            .query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(Error::database("read setting"))
    }

    /// Stores a setting.
    ///
    /// # Errors
    /// The database refused.
    pub fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        self.lock()
            .execute(
                "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )
            .map_err(Error::database("write setting"))?;
        Ok(())
    }
}
