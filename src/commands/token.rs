//! `sekisho token`: what machines sign in to the API with. The secret is printed once; the database keeps its hash.

use std::io::Write;

use anyhow::{Result, bail};
use store::{ALL_TENANTS, Database, Role};
use stream::Timestamp;

use crate::cli::{DataDir, Token};
use crate::commands::accounting::data_dir;
use crate::commands::user::{ACTOR, now, role};
use crate::commands::{DONE, output};

/// Makes, lists or revokes tokens.
pub fn run(command: &Token) -> Result<u8> {
    let (Token::Create { place, .. } | Token::List { place } | Token::Revoke { place, .. }) = command;
    let mut out = output(None)?;
    act(command, &open(place)?, now(), &mut *out)?;
    out.flush()?;
    Ok(DONE)
}

fn open(place: &DataDir) -> Result<Database> {
    Ok(Database::open(data_dir(place)?.join("sekisho.db"))?)
}

fn act(command: &Token, database: &Database, now: Timestamp, out: &mut dyn Write) -> Result<()> {
    match command {
        Token::Create { name, role: word, tenant, expires, never_expires, .. } => {
            let role = role(word)?;
            let tenants = match (role, tenant.is_empty()) {
                (Role::SystemAdmin, true) => vec![ALL_TENANTS.to_owned()],
                (_, true) => bail!("say which tenants {name} may see: --tenant ID"),
                (_, false) => tenant.clone(),
            };
            if let Some(known) = database.list_tokens()?.into_iter().find(|known| known.name == *name) {
                let state = if known.revoked { "was revoked, and names are not used again" } else { "exists" };
                bail!("a token {name} {state}; choose another name");
            }
            let end = now.plus_nanos(i64::try_from(expires.as_nanos()).unwrap_or(i64::MAX));
            let end = (!never_expires).then_some(end);
            let secret = database.create_token(name, role, &tenants, end, ACTOR, now)?;
            let until = end.map_or("until it is revoked".to_owned(), |end| format!("until {end}"));
            writeln!(
                out,
                "{name} may read the API as {} {until} with this token, which is shown only now:",
                role.as_str()
            )?;
            writeln!(out, "{secret}")?;
        }
        Token::List { .. } => {
            for token in database.list_tokens()? {
                let state = match token.expires {
                    _ if token.revoked => "revoked".to_owned(),
                    Some(end) if end <= now => format!("ended {end}"),
                    Some(end) => format!("until {end}"),
                    None => "for ever".to_owned(),
                };
                let (role, tenants) = (token.role.as_str(), token.tenants.join(","));
                writeln!(out, "{:<20} {role:<14} {state:<26} {tenants:<16} by {}", token.name, token.created_by)?;
            }
        }
        Token::Revoke { name, .. } => {
            database.revoke_token(name, ACTOR, now)?;
            writeln!(out, "{name} is revoked")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    const NOW: Timestamp = Timestamp(1_800_000_000 * stream::NANOS_PER_SECOND);

    fn sekisho(database: &Database, line: &str) -> Result<String> {
        let parsed = Cli::try_parse_from(line.split(' '))?;
        let Command::Token(command) = parsed.command else { bail!("no token command") };
        let mut out = Vec::new();
        act(&command, database, NOW, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn a_token_is_shown_once_opens_until_it_is_revoked_and_is_audited() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path().join("db")).unwrap();
        let made = sekisho(&database, "sekisho token create siem --role auditor --tenant town --expires 30d").unwrap();
        let secret = made.lines().last().unwrap();
        let account = database.token(secret, NOW).unwrap().unwrap();
        assert_eq!((account.name.as_str(), account.role), ("siem", Role::Auditor));
        assert_eq!(account.tenants, ["town"]);
        let month = NOW.plus_nanos(31 * 86_400 * stream::NANOS_PER_SECOND);
        assert!(database.token(secret, month).unwrap().is_none(), "it ends");
        let listed = sekisho(&database, "sekisho token list").unwrap();
        assert!(listed.starts_with("siem ") && listed.contains("auditor") && !listed.contains(secret), "{listed}");
        sekisho(&database, "sekisho token revoke siem").unwrap();
        assert!(database.token(secret, NOW).unwrap().is_none());
        let rows = database.audit_rows(None, 10).unwrap();
        let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["token.revoke", "token.create"]);
        assert!(rows.iter().all(|row| row.object == "siem" && row.actor == ACTOR));
        for (line, part) in [
            ("sekisho token create siem --role auditor --tenant town", "choose another name"),
            ("sekisho token create x --role auditor", "--tenant"),
            ("sekisho token create x --role king --tenant town", "no role `king`"),
            ("sekisho token revoke nobody", "nobody"),
        ] {
            let error = sekisho(&database, line).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
        let admin = sekisho(&database, "sekisho token create all --role system_admin --never-expires").unwrap();
        let account = database.token(admin.lines().last().unwrap(), Timestamp(i64::MAX)).unwrap().unwrap();
        assert_eq!(account.tenants, [ALL_TENANTS]);
    }
}
