//! Who held an address at an instant: read back from what DHCP servers, RADIUS servers and sign-ins logged.
//!
//! Nothing is learned and nothing is kept: the answer is a function of the indexed events, looked at backwards from the
//! instant, so it is the same today, after a crash, and for a night three years ago. It is an inference: it is shown to
//! people and never written into an event.
//!
//! | Kind | Event | Names | Holds |
//! |---|---|---|---|
//! | lease | DHCP: granted, renewed | terminal, MAC | for the seconds the server wrote, else [`Binding::LEASE_SECONDS`]; until a release or expiry, or a grant to another MAC |
//! | session | RADIUS: accepted, accounting start or interim; by address, or by the MAC of the lease | person or terminal, MAC | [`Binding::SESSION_SECONDS`], or until its stop |
//! | sign-in | a successful authentication from the address (Windows 4624 and 4768, sshd, VPN, ...) | person; the account `NAME$` names the terminal | [`Binding::SIGN_IN_SECONDS`] |
//!
//! A session or sign-in from before the address changed hands is left out. Of sessions and of sign-ins the newest of each
//! person, at most [`Binding::NAMES_MAX`] each, is given; of each kind at most [`Binding::EVENTS_MAX`] events are looked at, of leases those of
//! [`Binding::LEASE_SECONDS`] (a terminal that is in use renews a lease when half of it has passed).
//! Source: RFC 2131 §4.4.5 (leases), RFC 2866 (accounting), RFC 4120 (a ticket's lifetime, by default 10 hours in Windows).

use std::net::IpAddr;

use serde_json::{Map, Value};
use stream::{EventId, FieldId, NANOS_PER_SECOND, Timestamp, fields};

use crate::{Hit, Result, SearchRequest, Searcher};

/// The seconds of a lease: what dhcpd and Kea, and FortiGate write.
const LEASE_FIELDS: [&str; 2] = ["dhcp.lease_seconds", "fortigate.lease"];

/// What a binding was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingKind {
    /// A DHCP lease.
    Lease,
    /// A RADIUS session.
    Session,
    /// A sign-in.
    SignIn,
}

impl BindingKind {
    /// `lease`, `session` or `sign_in`.
    pub fn as_str(self) -> &'static str {
        match self {
            BindingKind::Lease => "lease",
            BindingKind::Session => "session",
            BindingKind::SignIn => "sign_in",
        }
    }
}

/// Who or what held an address. At least one of `mac`, `host` and `user` says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What it was read from.
    pub kind: BindingKind,
    /// Hardware address as ECS writes it (`00-00-5E-00-53-01`), or empty.
    pub mac: String,
    /// Name of the terminal, or empty.
    pub host: String,
    /// Name of the person's account, or empty.
    pub user: String,
    /// Time of the event that says so.
    pub since: Timestamp,
    /// How long it can hold at most; what ended it after the instant asked about is not looked for.
    pub until: Timestamp,
    /// The event that says so.
    pub event: EventId,
}

impl Binding {
    /// How long a lease holds whose server does not write it: 8 days, what Windows gives unless told otherwise.
    pub const LEASE_SECONDS: i64 = 8 * 86_400;
    /// How long a RADIUS session is believed without a word of it.
    pub const SESSION_SECONDS: i64 = 86_400;
    /// How long a sign-in is believed.
    pub const SIGN_IN_SECONDS: i64 = 10 * 3_600;
    /// The most names of one kind.
    pub const NAMES_MAX: usize = 5;
    /// The most events of one kind that are looked at.
    pub const EVENTS_MAX: usize = 200;

    /// The JSON object that the API and `sekisho who` give.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "kind": self.kind.as_str(),
            "host": self.host,
            "user": self.user,
            "mac": self.mac,
            "since": self.since.to_string(),
            "until": self.until.to_string(),
            "event": self.event.to_string(),
        })
    }
}

impl Searcher {
    /// What held an address of a tenant at an instant: the lease, then sessions, then sign-ins, each newest first.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn bindings(&self, tenant: &str, address: IpAddr, at: Timestamp) -> Result<Vec<Binding>> {
        let address = address.to_canonical();
        let find = |query: String, seconds: i64| -> Result<Vec<Hit>> {
            let request = SearchRequest {
                tenants: vec![tenant.to_owned()],
                query,
                from: earlier(at, seconds),
                to: Timestamp(at.0.saturating_add(1)),
                limit: Binding::EVENTS_MAX,
                ..SearchRequest::default()
            };
            Ok(self.search(&request)?.hits)
        };
        let leases = format!(
            "source.ip:\"{address}\" network.protocol:dhcp (event.outcome:success OR event.type:end OR event.type:deletion)"
        );
        let tenancy = Tenancy::of(&find(leases, Binding::LEASE_SECONDS)?, at);
        let by_mac = tenancy.lease.as_ref().filter(|lease| is_mac(&lease.mac));
        let station = by_mac.map(|lease| format!(" OR source.mac:\"{}\"", lease.mac)).unwrap_or_default();
        let sessions =
            format!("(source.ip:\"{address}\"{station}) sekisho.logsource.service:(radius OR nps) user.name:*");
        let sessions = sessions_of(&find(sessions, Binding::SESSION_SECONDS)?);
        let sign_ins = format!(
            "source.ip:\"{address}\" event.category:authentication event.outcome:success user.name:* NOT sekisho.logsource.service:(radius OR nps)"
        );
        let sign_ins = sign_ins_of(&find(sign_ins, Binding::SIGN_IN_SECONDS)?);
        // A station signs in to its port before it asks for an address: by MAC it is the same station all the while.
        let same = |binding: &Binding| {
            let own = by_mac.is_some_and(|lease| binding.kind == BindingKind::Session && binding.mac == lease.mac);
            own || tenancy.began.is_none_or(|began| binding.since >= began)
        };
        let others = newest_of_each(sessions).into_iter().chain(newest_of_each(sign_ins)).filter(same);
        Ok(tenancy.lease.clone().into_iter().chain(others).collect())
    }
}

/// What the DHCP server says of an address.
#[derive(Debug, Default, PartialEq)]
struct Tenancy {
    /// The lease that holds at the instant.
    lease: Option<Binding>,
    /// Since when nobody else has held the address, as far as that is known.
    began: Option<Timestamp>,
}

impl Tenancy {
    /// Reads a server's events about one address, newest first.
    fn of(hits: &[Hit], at: Timestamp) -> Tenancy {
        let mut said = hits.iter().filter(|hit| grants(&hit.event) || ends(&hit.event));
        let Some(newest) = said.next() else { return Tenancy::default() };
        if ends(&newest.event) {
            return Tenancy { lease: None, began: Some(newest.timestamp) };
        }
        let lease = lease(newest);
        if lease.until < at {
            // Run out: whoever signs in from there afterwards may be somebody else.
            return Tenancy { lease: None, began: Some(lease.until) };
        }
        let mut first = newest.timestamp;
        for hit in said {
            if ends(&hit.event) || text(&hit.event, fields::SOURCE_MAC) != lease.mac {
                return Tenancy { lease: Some(lease), began: Some(first) };
            }
            first = hit.timestamp;
        }
        Tenancy { lease: Some(lease), began: None }
    }
}

fn lease(hit: &Hit) -> Binding {
    Binding {
        kind: BindingKind::Lease,
        mac: text(&hit.event, fields::SOURCE_MAC).to_owned(),
        host: terminal(text(&hit.event, fields::SOURCE_DOMAIN)).to_owned(),
        user: String::new(),
        since: hit.timestamp,
        until: later(hit.timestamp, lease_seconds(&hit.event)),
        event: hit.id,
    }
}

/// Whether the server gave or renewed a lease; an update of the DNS gives none.
fn grants(event: &Map<String, Value>) -> bool {
    let action = text(event, fields::EVENT_ACTION);
    has(event, fields::EVENT_TYPE, "allowed")
        && text(event, fields::EVENT_OUTCOME) == "success"
        && !action.ends_with("dns-update")
}

/// Whether the address was given back, ran out or was deleted.
fn ends(event: &Map<String, Value>) -> bool {
    has(event, fields::EVENT_TYPE, "end") || has(event, fields::EVENT_TYPE, "deletion")
}

/// How long a lease holds.
fn lease_seconds(event: &Map<String, Value>) -> i64 {
    let seconds = LEASE_FIELDS.iter().find_map(|name| match event.get(*name)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    });
    seconds.filter(|seconds| *seconds > 0).unwrap_or(Binding::LEASE_SECONDS)
}

/// Sessions that have not ended, newest first.
fn sessions_of(hits: &[Hit]) -> Vec<Binding> {
    let mut ended: Vec<&str> = Vec::new();
    let mut sessions = Vec::new();
    for hit in hits {
        let event = &hit.event;
        let id = text(event, fields::EVENT_ID);
        let accounting = has(event, fields::EVENT_CATEGORY, "session");
        if accounting && has(event, fields::EVENT_TYPE, "end") {
            ended.push(id);
        } else if !ended.contains(&id) && (accounting || text(event, fields::EVENT_OUTCOME) == "success") {
            sessions.extend(named(BindingKind::Session, hit, Binding::SESSION_SECONDS));
        }
    }
    sessions
}

fn sign_ins_of(hits: &[Hit]) -> Vec<Binding> {
    let starts = |hit: &&Hit| !has(&hit.event, fields::EVENT_TYPE, "end");
    hits.iter().filter(starts).filter_map(|hit| named(BindingKind::SignIn, hit, Binding::SIGN_IN_SECONDS)).collect()
}

/// The binding of an event's `user.name`: a person's, or that of a terminal (`PC-001$`, `host/pc-001.example.jp`).
fn named(kind: BindingKind, hit: &Hit, seconds: i64) -> Option<Binding> {
    let name = text(&hit.event, fields::USER_NAME);
    let machine = name.strip_suffix('$').or_else(|| name.strip_prefix("host/"));
    let (host, user) = match machine {
        Some(host) => (host, ""),
        None => (terminal(text(&hit.event, fields::SOURCE_DOMAIN)), name),
    };
    // Windows' own names for nobody in particular.
    if user.eq_ignore_ascii_case("ANONYMOUS LOGON") || user == "-" || (user.is_empty() && host.is_empty()) {
        return None;
    }
    Some(Binding {
        kind,
        mac: text(&hit.event, fields::SOURCE_MAC).to_owned(),
        host: host.to_owned(),
        user: user.to_owned(),
        since: hit.timestamp,
        until: later(hit.timestamp, seconds),
        event: hit.id,
    })
}

/// Of bindings newest first, the newest of each person and of each terminal that is named alone.
fn newest_of_each(bindings: Vec<Binding>) -> Vec<Binding> {
    let mut kept: Vec<Binding> = Vec::new();
    for binding in bindings {
        let same = |other: &Binding| match binding.user.is_empty() {
            true => other.user.is_empty() && other.host.eq_ignore_ascii_case(&binding.host),
            false => other.user.eq_ignore_ascii_case(&binding.user),
        };
        if kept.len() < Binding::NAMES_MAX && !kept.iter().any(same) {
            kept.push(binding);
        }
    }
    kept
}

/// A terminal's name; an address or a dash is none.
fn terminal(name: &str) -> &str {
    if name == "-" || name.parse::<IpAddr>().is_ok() { "" } else { name }
}

fn is_mac(text: &str) -> bool {
    text.len() == 17 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn text(event: &Map<String, Value>, field: FieldId) -> &str {
    match event.get(field.name()) {
        Some(Value::String(text)) => text,
        Some(Value::Array(values)) => values.first().and_then(Value::as_str).unwrap_or(""),
        _ => "",
    }
}

fn has(event: &Map<String, Value>, field: FieldId, wanted: &str) -> bool {
    match event.get(field.name()) {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Array(values)) => values.iter().any(|value| value.as_str() == Some(wanted)),
        _ => false,
    }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(time.0.saturating_add(seconds.saturating_mul(NANOS_PER_SECOND)))
}

fn earlier(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(time.0.saturating_sub(seconds.saturating_mul(NANOS_PER_SECOND)))
}

#[cfg(test)]
mod tests;
