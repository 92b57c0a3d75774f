//! Senders that no source claims: who they are, how much they sent, and what it looks like.
//!
//! Their lines are in the stream like all others, under source `unknown`; this only keeps what somebody needs to declare
//! them. Of each address of a tenant: counts, times, at most [`HOSTS_MAX`] host names of its syslog headers and the last
//! [`LINES_MAX`] of its first, second, fourth, eighth... line, so that what a device says at its start does not stay all
//! there is to see. At most [`SENDERS_MAX`] are remembered; the one that was quiet for longest goes first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use stream::{Record, Timestamp};

use crate::auto::{Guess, guess};
use crate::config::UNKNOWN;
use crate::parser::Context;
use crate::{Error, Result, syslog};

/// Senders that are remembered.
pub const SENDERS_MAX: usize = 1_000;
/// Host names of one sender.
pub const HOSTS_MAX: usize = 16;
/// Lines of one sender.
pub const LINES_MAX: usize = 5;
/// How much of a line is kept.
const LINE_BYTES: usize = 1_024;

/// One sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownSender {
    /// The tenant that the listener gave its lines, or `unknown`.
    pub tenant: String,
    /// Its address.
    pub peer: Option<IpAddr>,
    /// Records since it was first seen.
    pub records: u64,
    /// When it was first seen, nanoseconds since 1970.
    first: i64,
    /// When it was last seen, nanoseconds since 1970.
    last: i64,
    /// Host names that its lines claim.
    pub hosts: Vec<String>,
    /// Some of its lines, older first.
    pub lines: Vec<String>,
}

impl UnknownSender {
    /// When it was last seen.
    pub fn last_seen(&self) -> Timestamp {
        Timestamp(self.last)
    }

    /// What its lines look like: what most of them do, and of these the surest.
    pub fn guess(&self) -> Option<Guess> {
        let context = Context::utc(Timestamp(self.last));
        let guesses: Vec<Guess> = self.lines.iter().map(|line| guess(line, &context)).collect();
        let votes = |guess: &Guess| guesses.iter().filter(|other| other.product == guess.product).count();
        guesses.iter().max_by_key(|guess| (votes(guess), guess.confidence)).copied()
    }
}

/// All of them, shared by the listeners.
#[derive(Debug, Default)]
pub struct Senders {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    by_name: BTreeMap<(String, Option<IpAddr>), UnknownSender>,
    changed: bool,
}

impl Senders {
    /// Those that an earlier process wrote down; none when there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or is something else.
    pub fn load(path: &Path) -> Result<Senders> {
        let senders = Senders::default();
        for sender in read(path)? {
            senders.lock().by_name.insert((sender.tenant.clone(), sender.peer), sender);
        }
        Ok(senders)
    }

    /// Looks at records that became durable.
    pub fn note<'a>(&self, records: impl IntoIterator<Item = &'a Record>) {
        let mut unknown = records.into_iter().filter(|record| *record.source == *UNKNOWN).peekable();
        if unknown.peek().is_none() {
            return;
        }
        let mut seen = self.lock();
        seen.changed = true;
        for record in unknown {
            seen.note(record);
        }
    }

    /// Writes them down if anything has changed.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut seen = self.lock();
        if !std::mem::take(&mut seen.changed) {
            return Ok(());
        }
        let all: Vec<UnknownSender> = seen.by_name.values().cloned().collect();
        drop(seen);
        let text = serde_json::to_vec_pretty(&all).expect("strings and numbers become JSON");
        let temporary = path.with_extension("json.new");
        std::fs::write(&temporary, text)
            .and_then(|()| std::fs::rename(&temporary, path))
            .map_err(Error::io("write", path))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a process wrote down, the busiest first; nothing when there is no such file.
///
/// # Errors
/// The file cannot be read or is something else.
pub fn read(path: &Path) -> Result<Vec<UnknownSender>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let mut all: Vec<UnknownSender> = serde_json::from_slice(&text)
        .map_err(|error| Error::Config(format!("{}: {error}; remove it, it is made again", path.display())))?;
    all.sort_by_key(|sender| std::cmp::Reverse(sender.records));
    Ok(all)
}

impl Seen {
    fn note(&mut self, record: &Record) {
        let name = (record.tenant.to_string(), record.peer.map(|peer| peer.to_canonical()));
        if !self.by_name.contains_key(&name) && self.by_name.len() >= SENDERS_MAX {
            let quietest = self.by_name.iter().min_by_key(|(_, sender)| sender.last).map(|(name, _)| name.clone());
            quietest.and_then(|name| self.by_name.remove(&name));
        }
        let time = record.received.0;
        let sender = self.by_name.entry(name).or_insert_with_key(|(tenant, peer)| UnknownSender {
            tenant: tenant.clone(),
            peer: *peer,
            records: 0,
            first: time,
            last: time,
            hosts: Vec::new(),
            lines: Vec::new(),
        });
        sender.records += 1;
        sender.last = sender.last.max(time);
        if sender.records.is_power_of_two() {
            sender.sample(&record.raw);
        }
    }
}

impl UnknownSender {
    fn sample(&mut self, raw: &[u8]) {
        let line = String::from_utf8_lossy(&raw[..raw.len().min(LINE_BYTES)]).into_owned();
        let host = syslog::parse(&line, &Context::utc(Timestamp(self.last))).hostname.map(str::to_owned);
        if let Some(host) = host.filter(|host| self.hosts.len() < HOSTS_MAX && !self.hosts.contains(host)) {
            self.hosts.push(host);
        }
        if self.lines.len() >= LINES_MAX {
            self.lines.remove(0);
        }
        self.lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(source: &str, peer: &str, second: i64, raw: &str) -> Record {
        Record {
            kind: stream::RecordKind::Data,
            tenant: "t".into(),
            source: source.into(),
            peer: Some(peer.parse().unwrap()),
            received: Timestamp::from_seconds(1_795_137_330 + second),
            raw: raw.as_bytes().to_vec().into(),
        }
    }

    #[test]
    fn unknown_senders_are_remembered_with_what_they_look_like() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("senders.json");
        let senders = Senders::load(&path).unwrap();
        let line = "<38>Nov 20 10:00:01 web01 sshd[1]: Failed password for alpha from 203.0.113.9 port 4 ssh2";
        senders.note(&[record("known", "192.0.2.9", 0, line)]);
        senders.write(&path).unwrap();
        assert!(!path.exists(), "nothing to tell");
        for second in 0..100 {
            senders.note(&[record(UNKNOWN, "::ffff:192.0.2.1", second, line)]);
        }
        senders.note(&[record(UNKNOWN, "192.0.2.2", 5, "\u{0}\u{1b}[31m")]);
        senders.write(&path).unwrap();
        // Goes on where it was, also in another process.
        let later = Senders::load(&path).unwrap();
        later.note(&[record(UNKNOWN, "192.0.2.2", 6, "x")]);
        later.write(&path).unwrap();
        let read = read(&path).unwrap();
        assert_eq!(read.iter().map(|sender| sender.records).collect::<Vec<_>>(), [100, 2]);
        assert_eq!((read[0].hosts.as_slice(), read[0].lines.len()), (&["web01".to_owned()][..], LINES_MAX));
        assert_eq!(read[0].guess().unwrap().product, "system");
        assert_eq!(read[0].last_seen(), Timestamp::from_seconds(1_795_137_330 + 99));
    }

    #[test]
    fn at_most_so_many_are_remembered_and_the_quietest_goes() {
        let senders = Senders::default();
        for number in 0..SENDERS_MAX as i64 + 10 {
            let peer = format!("10.0.{}.{}", number / 250, number % 250);
            senders.note(&[record(UNKNOWN, &peer, number, "x"), record(UNKNOWN, "10.9.9.9", number, "y")]);
        }
        let seen = senders.lock();
        assert_eq!(seen.by_name.len(), SENDERS_MAX);
        assert!(seen.by_name.keys().any(|(_, peer)| *peer == Some("10.9.9.9".parse().unwrap())));
        assert!(!seen.by_name.keys().any(|(_, peer)| *peer == Some("10.0.0.0".parse().unwrap())));
    }
}
