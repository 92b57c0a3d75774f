//! `sekisho user`

use anyhow::{Context, Result, bail};
use store::{Database, Role};

use crate::cli::User;
use crate::commands::accounting::data_dir;
use crate::commands::{DONE, output};

/// Letters of a generated password: none that look alike.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Who the audit log names for what this command does.
pub const ACTOR: &str = "command line";

/// Adds, lists or disables accounts.
pub fn run(command: &User) -> Result<u8> {
    let mut out = output(None)?;
    match command {
        User::Add { name, role, tenant, place } => {
            let database = Database::open(data_dir(place)?.join("sekisho.db"))?;
            let role = self::role(role)?;
            if tenant.is_empty() && role != Role::SystemAdmin {
                bail!("say which tenants {name} may see: --tenant ID");
            }
            let password = add(&database, name, role, tenant)?;
            writeln!(out, "{name} may sign in with this password, which is shown only now:\n{password}")?;
        }
        User::List { place } => {
            for account in Database::open(data_dir(place)?.join("sekisho.db"))?.list_users()? {
                let state = if account.disabled { "disabled" } else { "active" };
                writeln!(
                    out,
                    "{:<20} {:<14} {:<9} {}",
                    account.name,
                    account.role.as_str(),
                    state,
                    account.tenants.join(",")
                )?;
            }
        }
        User::Disable { name, place } => {
            Database::open(data_dir(place)?.join("sekisho.db"))?.disable_user(name, ACTOR, now())?;
            writeln!(out, "{name} is disabled and signed out")?;
        }
    }
    out.flush()?;
    Ok(DONE)
}

/// Adds an account with a generated password and gives the password.
///
/// # Errors
/// The name is taken, or the database refused.
pub fn add(database: &Database, name: &str, role: Role, tenants: &[String]) -> Result<String> {
    let password = password()?;
    database.add_user(name, &password, role, tenants, ACTOR, now())?;
    Ok(password)
}

/// Reads a role.
///
/// # Errors
/// There is no such role.
pub fn role(word: &str) -> Result<Role> {
    word.parse().map_err(|()| {
        anyhow::anyhow!("no role `{word}`; write operator, analyst, oncall, auditor, tenant_admin or system_admin")
    })
}

/// The current instant.
pub fn now() -> stream::Timestamp {
    jiff::Timestamp::now().into()
}

/// Four groups of five letters: 100 bits.
fn password() -> Result<String> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).context("get random bytes from the system")?;
    let letters: Vec<u8> = bytes.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]).collect();
    let groups: Vec<_> = letters.chunks(5).map(String::from_utf8_lossy).collect();
    Ok(groups.join("-"))
}
