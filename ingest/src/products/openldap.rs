//! OpenLDAP slapd: the `stats` log level: connections, binds, searches, changes, results, behind a syslog header or with
//! slapd's own hexadecimal time stamp (2.5 and later, `logfile-format`).
//!
//! Lines of one operation share `openldap.conn` and `openldap.op`; the address stands in the `ACCEPT` line only.
//! Source: OpenLDAP Administrator's Guide, loglevel; `servers/slapd/*.c` (Statslog).

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::put::{self, Class};
use crate::syslog;

/// Parser of slapd's log.
#[derive(Default)]
pub struct Openldap {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "openldap"),
    (fields::NETWORK_PROTOCOL, "ldap"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "openldap"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "ldap"),
];

impl Parser for Openldap {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        _arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let head = syslog::parse(line, context);
        put::header(&head, event);
        event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
        let text = own_time(head.message, event);
        event.push_str(fields::MESSAGE, text);
        let known = head.appname.is_some_and(|name| name.contains("slapd"));
        if !self.operation(text, event) && !known {
            return Err(Reason("no conn= of slapd"));
        }
        put::constants(CONSTANT, event);
        if !event.has(fields::EVENT_TYPE) {
            put::words(fields::EVENT_TYPE, &["info"], event);
        }
        Ok(())
    }
}

/// Cuts off slapd's own `66f0a1b2.1234abcd 0x7f..`: seconds and a fraction in hexadecimal, and the thread.
fn own_time<'a>(text: &'a str, event: &mut Event<'a>) -> &'a str {
    let (stamp, rest) = put::word(text);
    let Some((seconds, nanos)) = stamp.split_once('.') else { return text };
    let (Ok(seconds), Ok(nanos), 8) = (i64::from_str_radix(seconds, 16), i64::from_str_radix(nanos, 16), seconds.len())
    else {
        return text;
    };
    if nanos >= 1_000_000_000 {
        return text;
    }
    event.set(fields::TIMESTAMP, Value::Time(stream::Timestamp::from_seconds(seconds).plus_nanos(nanos)));
    let (thread, after) = put::word(rest);
    if thread.starts_with("0x") { after } else { rest }
}

impl Openldap {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("openldap.", key) {
            event.push_str(field, value);
        }
    }

    /// `conn=1000 op=1 VERB key=value ...`.
    fn operation<'a>(&mut self, text: &'a str, event: &mut Event<'a>) -> bool {
        let Some(rest) = text.strip_prefix("conn=") else { return false };
        let (connection, mut rest) = put::word(rest);
        self.own("conn", connection, event);
        for key in ["op", "fd"] {
            if let Some(after) = rest.strip_prefix(key).and_then(|after| after.strip_prefix('=')) {
                let (value, next) = put::word(after);
                self.own(key, value, event);
                rest = next;
            }
        }
        let (verb, parameters) = match rest.strip_prefix("SEARCH RESULT") {
            Some(parameters) => ("SEARCH RESULT", parameters.trim_start()),
            None => put::word(rest),
        };
        put::class(&class_of(verb), event);
        event.set(fields::EVENT_ACTION, Value::Str(verb.trim_end_matches([',', ':'])));
        self.parameters(verb, parameters, event);
        true
    }

    fn parameters<'a>(&mut self, verb: &str, text: &'a str, event: &mut Event<'a>) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let key = before.rsplit([' ', '(']).next().unwrap_or("");
            let (value, next) = match put::quoted(after) {
                Some((value, next)) => (value, next),
                // The server's text is the last and may hold blanks.
                None if key == "text" => (after, ""),
                None => after.split_at(after.find([' ', ')']).unwrap_or(after.len())),
            };
            rest = next;
            match (verb, key) {
                ("ACCEPT", "IP") if !event.has(fields::SOURCE_IP) => put::end_with_port(&put::SOURCE, value, event),
                ("ACCEPT", "IP") => {
                    let (host, port) = value.rsplit_once(':').unwrap_or((value, ""));
                    put::port(fields::DESTINATION_PORT, port, event);
                    // `0.0.0.0` and `[::]` only say that every address is listened on.
                    if let Some(ip) = put::ip(host).filter(|ip| !ip.is_unspecified()) {
                        event.push(fields::DESTINATION_IP, Value::Ip(ip));
                    }
                }
                ("ADD" | "DEL" | "MOD" | "MODRDN", "dn") | ("PASSMOD", "id") => {
                    self.own(key, value, event);
                    // Of other entries the name is no user's.
                    let name = value.split(',').next().unwrap_or("");
                    event.push_str(fields::USER_TARGET_NAME, name.strip_prefix("uid=").unwrap_or(""));
                }
                (_, "etime") => {
                    if let Some(seconds) = value.parse::<f64>().ok().filter(|seconds| (0.0..1e9).contains(seconds)) {
                        event.push(fields::EVENT_DURATION, Value::Int((seconds * 1e9).round() as i64));
                    }
                    self.own(key, value, event);
                }
                ("BIND", "dn") => {
                    self.own("dn", value, event);
                    let name = value.split(',').next().unwrap_or("");
                    event.push_str(fields::USER_NAME, name.split_once('=').map_or(name, |(_, name)| name));
                }
                (_, "err") => {
                    event.push_str(fields::EVENT_CODE, value);
                    if matches!(verb, "RESULT" | "SEARCH RESULT") {
                        let fine = matches!(value, "0" | "14");
                        event.set(fields::EVENT_OUTCOME, Value::Str(if fine { "success" } else { "failure" }));
                    }
                }
                (_, "text") => event.push_str(fields::EVENT_REASON, value),
                ("TLS", "tls_proto") => {
                    event.push_str(fields::TLS_VERSION, value.strip_prefix("TLSv").unwrap_or(value))
                }
                ("TLS", "tls_cipher") => event.push_str(fields::TLS_CIPHER, value),
                ("RESULT", "tag") if value == "97" => {
                    put::words(fields::EVENT_CATEGORY, &["authentication"], event);
                    self.own(key, value, event);
                }
                ("", _) => {}
                _ => self.own(key, value, event),
            }
        }
        if verb == "closed" && !text.is_empty() {
            event.push_str(fields::EVENT_REASON, text.trim_matches(['(', ')']));
        }
    }
}

fn class_of(verb: &str) -> Class {
    let of =
        |category: &'static [&'static str], kind: &'static [&'static str]| Class { category, kind, ..Class::default() };
    match verb {
        "ACCEPT" => of(&["network"], &["connection", "start", "info"]),
        "TLS" => of(&["network"], &["connection", "info"]),
        "closed" => of(&["network"], &["connection", "end"]),
        "BIND" => of(&["authentication"], &["start", "info"]),
        "UNBIND" => of(&["authentication", "session"], &["end"]),
        "ADD" => of(&["iam"], &["creation"]),
        "DEL" => of(&["iam"], &["deletion"]),
        "MOD" | "MODRDN" => of(&["iam"], &["change"]),
        "PASSMOD" => of(&["iam"], &["user", "change"]),
        "SRCH" | "CMP" => of(&["database", "network"], &["access", "info"]),
        "SEARCH RESULT" => of(&["database", "network"], &["info"]),
        _ => of(&["network"], &["info"]),
    }
}
