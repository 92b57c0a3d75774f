//! `sekisho source`: senders that no source claims, and how they become sources.
//!
//! `crate::adopt` declares them; here they are printed, and a running process is asked to take them over.

use std::fs;
use std::io::Write;

use anyhow::{Context, Result};
use ingest::UNKNOWN;

use crate::adopt::{self, Wish, unclaimed};
use crate::cli::{Adopt, Source};
use crate::commands::search::holder;
use crate::commands::{DONE, output};
use crate::config::Config;

/// Lists or adopts.
pub fn run(command: &Source) -> Result<u8> {
    let mut out = output(None)?;
    match command {
        Source::List { config } => list(&Config::load(config)?, &mut *out)?,
        Source::Adopt(args) => {
            let config = Config::load(&args.config)?;
            adopt(args, &config, &mut *out)?;
            take_over(&config, &mut *out)?;
        }
    }
    out.flush()?;
    Ok(DONE)
}

fn list(config: &Config, out: &mut dyn Write) -> Result<()> {
    let senders = unclaimed(config)?;
    if senders.is_empty() {
        writeln!(out, "no unknown sender")?;
    }
    for sender in senders {
        let peer = sender.peer.map_or("?".to_owned(), |peer| peer.to_string());
        let (tenant, records, last) = (plain(&sender.tenant), sender.records, sender.last_seen());
        writeln!(out, "{peer}  tenant {tenant}, {records} records, last {last}")?;
        if let Some(guess) = sender.guess() {
            writeln!(out, "    looks like: {} ({} %)", guess.product, guess.confidence)?;
        }
        if !sender.hosts.is_empty() {
            let hosts: Vec<String> = sender.hosts.iter().map(|host| plain(host)).collect();
            writeln!(out, "    host names: {}", hosts.join(", "))?;
        }
        for line in &sender.lines {
            writeln!(out, "    | {}", plain(line))?;
        }
    }
    Ok(())
}

/// Text of a sender, without what would move a terminal's cursor or turn its text around.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

fn adopt(args: &Adopt, config: &Config, out: &mut dyn Write) -> Result<()> {
    let wish = Wish {
        address: args.address,
        id: args.id.clone(),
        tenant: args.tenant.clone(),
        product: args.product.clone(),
        hosts: args.host.clone(),
        tz: args.tz.clone(),
        charset: args.charset.clone(),
        zone: args.zone.clone(),
    };
    let adopted = adopt::adopt(&wish, config)?;
    writeln!(out, "{adopted} is declared in {}", config.sources.display())?;
    let peer = args.address.to_canonical();
    writeln!(out, "what {peer} sent before stays findable: sekisho search 'sekisho.source.id:{UNKNOWN}'")?;
    Ok(())
}

/// Asks the process that has the data folder open to read its configuration again.
pub fn take_over(config: &Config, out: &mut dyn Write) -> Result<()> {
    let running = holder(&config.data).filter(|process| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        // Only `run` takes SIGHUP as a request; it would end anything else.
        line.split(|byte| *byte == 0).nth(1) == Some(b"run")
    });
    let Some(process) = running else {
        writeln!(out, "it takes effect at the next `sekisho run`")?;
        return Ok(());
    };
    let pid = process.parse().ok().and_then(rustix::process::Pid::from_raw).context("a process id is a number")?;
    match rustix::process::kill_process(pid, rustix::process::Signal::HUP) {
        Ok(()) => writeln!(out, "process {process} was asked to take it over; its log says that it did")?,
        Err(error) => writeln!(out, "process {process} could not be asked to take it over ({error}); send it SIGHUP")?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ingest::Sources;

    use super::*;
    use crate::builtin;

    fn town() -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        builtin::write_config("alpha-town", dir.path()).unwrap();
        let config = Config::load(&dir.path().join("sekisho.toml")).unwrap();
        fs::create_dir_all(&config.data).unwrap();
        (dir, config)
    }

    fn send(config: &Config, tenant: &str, peer: &str, line: &str) {
        let senders = ingest::senders::Senders::load(&config.senders()).unwrap();
        senders.note(&[stream::Record {
            kind: stream::RecordKind::Data,
            tenant: tenant.into(),
            source: UNKNOWN.into(),
            peer: Some(peer.parse().unwrap()),
            received: stream::Timestamp::from_seconds(1_795_137_330),
            raw: line.as_bytes().to_vec().into(),
        }]);
        senders.write(&config.senders()).unwrap();
    }

    fn args(address: &str, id: &str, tenant: Option<&str>) -> Adopt {
        Adopt {
            address: address.parse().unwrap(),
            id: id.into(),
            tenant: tenant.map(str::to_owned),
            product: None,
            host: Vec::new(),
            tz: None,
            charset: None,
            zone: None,
            config: "unused".into(),
        }
    }

    fn listed(config: &Config) -> String {
        let mut out = Vec::new();
        list(config, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_sender_is_listed_and_adopted_by_what_its_lines_look_like() {
        let (_dir, config) = town();
        assert_eq!(listed(&config), "no unknown sender\n");
        let tenant = Sources::load(&config.sources).unwrap().iter().next().unwrap().tenant.clone();
        send(
            &config,
            UNKNOWN,
            "203.0.113.77",
            "<38>Nov 20 10:00:01 web9 sshd[1]: Failed password for a\u{1b}[2J\u{202e}",
        );
        send(&config, &tenant, "203.0.113.78", "something else");
        let text = listed(&config);
        assert!(
            text.contains("203.0.113.77  tenant unknown, 1 records") && text.contains("looks like: system"),
            "{text}"
        );
        assert!(text.contains("web9") && text.contains("a\\u{1b}[2J\\u{202e}"), "{text}");

        let mut out = Vec::new();
        let said = adopt(&args("203.0.113.77", "web9", None), &config, &mut out).unwrap_err().to_string();
        assert!(said.contains("--tenant"), "{said}");
        let said = adopt(&args("203.0.113.78", "x", None), &config, &mut out).unwrap_err().to_string();
        assert!(said.contains("--product"), "{said}");
        let said = adopt(&args("203.0.113.77", "x", Some("nobody")), &config, &mut out).unwrap_err().to_string();
        assert!(said.contains("no tenant nobody"), "{said}");

        adopt(&args("203.0.113.77", "web9", Some(&tenant)), &config, &mut out).unwrap();
        let sources = Sources::load(&config.sources).unwrap();
        let adopted = sources.by_peer("203.0.113.77".parse().unwrap()).unwrap();
        assert_eq!((adopted.id.as_str(), adopted.product.as_str()), ("web9", "system"));
        assert!(!listed(&config).contains("203.0.113.77"));

        let before = fs::read_to_string(&config.sources).unwrap();
        let said =
            format!("{:#}", adopt(&args("203.0.113.77", "again", Some(&tenant)), &config, &mut out).unwrap_err());
        assert!(said.contains("address of two sources"), "{said}");
        let by_host = Adopt {
            host: vec!["web9".into()],
            product: Some("squid".into()),
            ..args("203.0.113.79", "h", Some(&tenant))
        };
        assert_eq!(fs::read_to_string(&config.sources).unwrap(), before, "a refused entry changes nothing");
        adopt(&by_host, &config, &mut out).unwrap();
        assert_eq!(Sources::load(&config.sources).unwrap().get(&tenant, "h").unwrap().hosts, ["web9"]);
    }
}
