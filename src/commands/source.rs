//! `sekisho source`: senders that no source claims, and how they become sources.
//!
//! What such a sender sent is in the stream all the while, under source `unknown`. Adopting it writes a `[[source]]` into
//! sources.toml, checked as a whole before it takes the file's place, and asks a running process to take it over.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ingest::senders::{UnknownSender, read};
use ingest::{Sources, UNKNOWN};

use crate::cli::{Adopt, Source};
use crate::commands::search::holder;
use crate::commands::{DONE, output};
use crate::config::Config;

/// From this confidence on, in percent, a guessed product is written down unasked.
const SURE: u8 = 60;

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

/// Senders that sources.toml does not claim.
fn unclaimed(config: &Config) -> Result<Vec<UnknownSender>> {
    let sources = Sources::load(&config.sources)?;
    let mut senders = read(&config.senders())?;
    senders.retain(|sender| sender.peer.is_none_or(|peer| sources.by_peer(peer).is_none()));
    Ok(senders)
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
    let peer: IpAddr = args.address.to_canonical();
    let mut seen = read(&config.senders())?.into_iter().filter(|sender| sender.peer == Some(peer));
    let sender = match &args.tenant {
        Some(tenant) => seen.find(|sender| sender.tenant == *tenant || sender.tenant == UNKNOWN),
        None => seen.next(),
    };
    let of_listener = sender.as_ref().map(|sender| sender.tenant.as_str()).filter(|tenant| *tenant != UNKNOWN);
    let Some(tenant) = args.tenant.as_deref().or(of_listener) else {
        bail!("the listener does not tell whose {peer} is; say --tenant ID");
    };
    let guess = sender.as_ref().and_then(UnknownSender::guess).filter(|guess| guess.confidence >= SURE);
    let Some(product) = args.product.as_deref().or(guess.map(|guess| guess.product)) else {
        bail!(
            "what {peer} sends looks like nothing that is known for sure; say --product NAME (docs/sources.md lists them)"
        );
    };
    let mut entry = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| drop(entry.insert(key.to_owned(), value));
    let list = |values: Vec<String>| toml::Value::Array(values.into_iter().map(toml::Value::String).collect());
    set("tenant", tenant.into());
    set("id", args.id.as_str().into());
    set("product", product.into());
    match args.host.is_empty() {
        true => set("from", list(vec![peer.to_string()])),
        false => set("hosts", list(args.host.clone())),
    }
    for (key, value) in [("tz", &args.tz), ("charset", &args.charset), ("zone", &args.zone)] {
        if let Some(value) = value {
            set(key, value.as_str().into());
        }
    }
    let tenants = crate::setup::tenants(&config.tenants)?;
    ensure!(tenants.get(tenant).is_some(), "{} has no tenant {tenant}", config.tenants.display());
    append(&config.sources, "source", &entry)?;
    writeln!(out, "{tenant}/{} is declared in {}", args.id, config.sources.display())?;
    writeln!(out, "what {peer} sent before stays findable: sekisho search 'sekisho.source.id:{UNKNOWN}'")?;
    Ok(())
}

/// Adds the entry to the array of this name, once the file with it is as it should be.
pub fn append(sources: &Path, array: &str, entry: &toml::Table) -> Result<()> {
    let path = fs::canonicalize(sources).with_context(|| format!("read {}", sources.display()))?;
    let mut text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("\n[[{array}]]\n{entry}"));
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".sources").suffix(".toml").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    // The message names the temporary file, whose entries are numbered as they will be.
    let refused = || format!("the {array} cannot be declared like this; sources.toml is as it was");
    Sources::load(file.path()).with_context(refused)?;
    file.persist(&path).with_context(|| format!("write {}", path.display()))?;
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
