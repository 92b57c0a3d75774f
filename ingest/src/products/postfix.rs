//! Postfix: smtpd, smtp, lmtp, qmgr, cleanup, pickup, local, virtual, pipe, bounce, anvil, postscreen, and SASL failures,
//! behind the syslog header that Postfix always has (or bare from `maillog_file`).
//!
//! `queue id`, sender, recipient, relay, delays and status become fields; the sender's and recipient's addresses are
//! `email.from.address` and `email.to.address`. `event.outcome` is the status of a delivery, a rejection or a sign-in.
//! Values without an ECS name are kept as `postfix.<key>`. Source: Postfix documentation and source, `src/smtpd`,
//! `src/global/log_adhoc.c`, `POSTSCREEN_README`.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::put::{self, Class};
use crate::syslog;

/// Parser of Postfix's log.
#[derive(Default)]
pub struct Postfix {
    names: Names,
    others: super::system::System,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "postfix"),
    (fields::SERVICE_TYPE, "postfix"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "linux"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "postfix"),
];

const LOGIN_FAILED: Class = Class {
    category: &["authentication", "email"],
    kind: &["start", "denied"],
    action: "sasl_login",
    outcome: "failure",
};
const CONNECT: Class =
    Class { category: &["email", "network"], kind: &["connection", "start"], action: "connect", outcome: "" };
const DISCONNECT: Class =
    Class { category: &["email", "network"], kind: &["connection", "end"], action: "disconnect", outcome: "" };
const REJECT: Class = Class { category: &["email"], kind: &["denied"], action: "reject", outcome: "failure" };

/// Actions of an access table that let the mail go on.
const POLICY: [&str; 8] = ["reject_warning", "filter", "hold", "redirect", "discard", "warn", "prepend", "permit"];

impl Parser for Postfix {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_end_matches([' ', '\r', '\n', '\0']);
        let head = syslog::parse(line, context);
        let program = head.appname.unwrap_or("");
        // A relay may have kept the program in a field of its own, and sent the text alone.
        let bare = program.is_empty() && is_bare(head.message);
        if !bare && !program.contains('/') && !program.starts_with("postfix") {
            if program.is_empty() {
                put::header(&head, event);
                return Err(Reason("no postfix program in the header"));
            }
            // The mail log is other daemons' too: Dovecot, amavis, OpenDKIM.
            self.others.parse(line, context, arena, event)?;
            if !event.has(fields::EVENT_CATEGORY) {
                put::words(fields::EVENT_CATEGORY, &["email"], event);
            }
            return Ok(());
        }
        put::header(&head, event);
        event.push_str(fields::PROCESS_NAME, program);
        event.push_str(fields::MESSAGE, head.message);
        put::constants(CONSTANT, event);
        put::words(fields::EVENT_CATEGORY, &["email"], event);
        let daemon = program.rsplit('/').next().unwrap_or("");
        let (level, text) = level(head.message);
        let (queue, text) = queue_id(text);
        // A header check says how grave it is behind the id.
        let (level, text) = if level.is_empty() { self::level(text) } else { (level, text) };
        event.push_str(fields::LOG_LEVEL, level);
        if !queue.is_empty() && queue != "NOQUEUE" {
            self.own("queue_id", queue, event);
        }
        if daemon == "postscreen" {
            self.postscreen(text, event);
        } else {
            self.message(text, event);
        }
        network_protocol(daemon, event);
        let failed = matches!(level, "error" | "fatal" | "panic");
        put::words(fields::EVENT_TYPE, &[if failed { "error" } else { "info" }], event);
        Ok(())
    }
}

/// Whether a text without a program is one of Postfix's own: a queue id, or what its daemons say of a client.
fn is_bare(text: &str) -> bool {
    const LEADS: [&str; 14] = [
        "NOQUEUE: ",
        "connect from ",
        "disconnect from ",
        "lost connection after ",
        "timeout after ",
        "too many errors after ",
        "statistics: ",
        "warning: ",
        "CONNECT from ",
        "PASS ",
        "Anonymous TLS connection ",
        "Trusted TLS connection ",
        "Untrusted TLS connection ",
        "Verified TLS connection ",
    ];
    LEADS.iter().any(|lead| text.starts_with(lead))
        || text.starts_with(|first: char| first != '{') && {
            let (id, rest) = queue_id(text);
            !id.is_empty() && (rest == "removed" || rest.contains("=<") || rest.contains('['))
        }
}

/// The protocol that a daemon speaks, where the line names a peer or the daemon speaks nothing else.
fn network_protocol(daemon: &str, event: &mut Event<'_>) {
    let peer = event.has(fields::SOURCE_IP) || event.has(fields::DESTINATION_IP);
    let protocol = match daemon {
        "lmtp" => "lmtp",
        "smtp" | "smtpd" | "smtps" | "submission" | "postscreen" => "smtp",
        _ if peer => "smtp",
        _ => return,
    };
    event.push(fields::NETWORK_PROTOCOL, Value::Str(protocol));
}

/// `warning: `, `error: `, `fatal: `, `panic: ` at the start.
fn level(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((level @ ("warning" | "error" | "fatal" | "panic"), rest)) => (level, rest),
        _ => ("", text),
    }
}

/// `4F9D195432C: `, a long id, or `NOQUEUE: `.
fn queue_id(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((id, rest)) if id.len() >= 5 && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            let mixed =
                id.bytes().any(|byte| byte.is_ascii_digit()) || id.bytes().all(|byte| byte.is_ascii_uppercase());
            if mixed { (id, rest) } else { ("", text) }
        }
        _ => ("", text),
    }
}

impl Postfix {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("postfix.", key) {
            event.push_str(field, value);
        }
    }

    fn message<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        if let Some(client) = text.strip_prefix("connect from ") {
            put::class(&CONNECT, event);
            peer(&put::SOURCE, client, event);
        } else if let Some(client) = text.strip_prefix("disconnect from ") {
            put::class(&DISCONNECT, event);
            peer(&put::SOURCE, client, event);
            self.pairs(put::word(client).1, ' ', event);
        } else if let Some((what, client)) = text.split_once(" from ").filter(|(what, _)| {
            [
                "lost connection",
                "timeout after",
                "too many errors",
                "SSL_accept error",
                "improper command",
                "non-SMTP command",
                "Anonymous TLS",
                "Trusted TLS",
                "Untrusted TLS",
                "Verified TLS",
            ]
            .iter()
            .any(|lead| what.starts_with(lead))
        }) {
            peer(&put::SOURCE, client, event);
            event.push_str(fields::EVENT_REASON, what);
            tls(client, event);
            put::words(fields::EVENT_TYPE, &[if what.contains("TLS") { "info" } else { "error" }], event);
        } else if text.contains(" TLS connection established to ") {
            let (_, server) = text.split_once(" to ").unwrap_or(("", ""));
            peer(&put::DESTINATION, server, event);
            tls(server, event);
        } else if let Some((verb, rest)) =
            text.split_once(": ").filter(|(verb, _)| verb.ends_with("reject") || POLICY.contains(verb))
        {
            self.reject(verb, rest, event);
        } else if let Some((client, reason)) = text.split_once(": SASL ") {
            put::class(&LOGIN_FAILED, event);
            peer(&put::SOURCE, client, event);
            let (method, reason) = put::word(reason);
            self.own("sasl_method", method, event);
            let (reason, rest) = reason.split_once(", sasl_username=").unwrap_or((reason, ""));
            event.push_str(fields::EVENT_REASON, reason);
            event.push_str(fields::USER_NAME, rest.split(',').next().unwrap_or(""));
        } else if let Some((_, rest)) = text.split_once(" does not resolve to address ") {
            put::end(&put::SOURCE, put::word(rest).0.trim_end_matches(':'), event);
            event.push_str(fields::EVENT_REASON, text);
        } else if let Some(header) = text.strip_prefix("info: ").unwrap_or(text).strip_prefix("header ") {
            self.header(header, event);
        } else if let Some((_, service)) = text.split_once(" for (").filter(|_| text.starts_with("statistics: ")) {
            // `statistics: max connection rate 3/60s for (smtp:192.0.2.5) at Nov 20 10:00:00`.
            let client = service.split(')').next().unwrap_or("");
            put::end(&put::SOURCE, client.split_once(':').map_or("", |(_, client)| client), event);
        } else if let Some((server, reply)) = text
            .strip_prefix("host ")
            .and_then(|text| text.split_once(" said: ").or_else(|| text.split_once(" refused to talk to me: ")))
        {
            peer(&put::DESTINATION, server, event);
            event.push_str(fields::EVENT_REASON, reply.rsplit_once(" (in reply to ").map_or(reply, |(reply, _)| reply));
            put_code(reply, event);
        } else if text.contains('=') {
            self.pairs(text, ',', event);
        } else if text == "removed" {
            put::class(&Class { action: "removed", ..Class::default() }, event);
        }
    }

    /// `Subject: text from host[ip]; from=<a> to=<b> proto=ESMTP helo=<c>`, which a header check writes.
    fn header<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        let (line, pairs) = match text.rfind("; from=<") {
            Some(at) => (&text[..at], &text[at + 2..]),
            None => (text, ""),
        };
        let (line, client) = line.rsplit_once(" from ").unwrap_or((line, ""));
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("Subject") {
            event.push_str(fields::EMAIL_SUBJECT, value);
        } else if let Some(file) = value.split_once("name=").map(|(_, file)| file) {
            let quoted = put::quoted(file).map(|(file, _)| file);
            event.push_str(fields::FILE_NAME, quoted.unwrap_or_else(|| file.split([';', ' ']).next().unwrap_or("")));
        }
        peer(&put::SOURCE, client, event);
        self.pairs(pairs, ' ', event);
    }

    /// `RCPT from host[ip]: 554 5.7.1 <a>: reason; from=<b> to=<c> proto=ESMTP helo=<d>`.
    fn reject<'a>(&mut self, verb: &'a str, text: &'a str, event: &mut Event<'a>) {
        put::class(&REJECT, event);
        event.set(fields::EVENT_ACTION, Value::Str(verb));
        if !verb.ends_with("reject") {
            event.remove(fields::EVENT_OUTCOME);
            event.remove(fields::EVENT_TYPE);
        }
        let (stage, rest) = text.split_once(" from ").unwrap_or(("", text));
        self.own("stage", stage, event);
        peer(&put::SOURCE, rest, event);
        let reply = rest.split_once(']').and_then(|(_, after)| after.split_once(": ")).map_or(rest, |(_, reply)| reply);
        let (reason, pairs) =
            reply.rsplit_once("; from=").map_or((reply, ""), |(reason, _)| (reason, &reply[reason.len() + 2..]));
        event.push_str(fields::EVENT_REASON, reason);
        put_code(reason, event);
        self.pairs(pairs, ' ', event);
    }

    /// `key=value` separated by commas or blanks; addresses stand between `<` and `>`.
    fn pairs<'a>(&mut self, text: &'a str, separator: char, event: &mut Event<'a>) {
        let mut rest = text;
        while let Some((key, after)) = rest.split_once('=') {
            let key = key.trim_matches([',', ' ', ';']);
            let (value, next) = match after.strip_prefix('<').and_then(|inner| inner.split_once('>')) {
                Some((value, next)) => (value, next),
                // The reply in brackets is the last.
                None if key == "status" => (after, ""),
                None => match after.find([separator, ' ']) {
                    Some(at) => (&after[..at], &after[at..]),
                    None => (after, ""),
                },
            };
            rest = next;
            // Text between pairs is not a key.
            let key = key.rsplit(' ').next().unwrap_or("");
            self.pair(key, value.trim().trim_end_matches(','), event);
        }
    }

    fn pair<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        match key {
            "client" => {
                put::class(&Class { action: "client", ..Class::default() }, event);
                peer(&put::SOURCE, value, event);
            }
            "sasl_username" => {
                event.push_str(fields::USER_NAME, value);
                put::class(
                    &Class {
                        category: &["authentication"],
                        kind: &["start", "allowed"],
                        action: "sasl_login",
                        outcome: "success",
                    },
                    event,
                );
            }
            "from" => event.push_str(fields::EMAIL_FROM_ADDRESS, value),
            "to" => event.push_str(fields::EMAIL_TO_ADDRESS, value),
            "message-id" => event.push_str(fields::EMAIL_MESSAGE_ID, value),
            "uid" => event.push_str(fields::USER_ID, value),
            "relay" => {
                let (host, port) = value.rsplit_once(':').unwrap_or((value, ""));
                if value != "none" && value.contains('[') {
                    peer(&put::DESTINATION, host, event);
                    put::port(fields::DESTINATION_PORT, port, event);
                }
                self.own("relay", value, event);
            }
            "status" => self.status(value, event),
            "size" => put::count(fields::SOURCE_BYTES, value, event),
            "" => {}
            _ => self.own(key, value, event),
        }
    }

    /// `sent (250 2.0.0 Ok: queued as 1)`.
    fn status<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        let (status, rest) = put::word(text);
        let outcome = match status {
            "sent" | "delivered" | "deliverable" => "success",
            "bounced" | "expired" | "undeliverable" => "failure",
            "deferred" => "failure",
            _ => "",
        };
        event.set(fields::EVENT_ACTION, Value::Str(status));
        if !outcome.is_empty() {
            event.set(fields::EVENT_OUTCOME, Value::Str(outcome));
        }
        event.push_str(
            fields::EVENT_REASON,
            rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest),
        );
        put_code(rest.trim_start_matches('('), event);
    }

    /// `CONNECT from [192.0.2.1]:5000 to [198.51.100.1]:25`, `PASS NEW [192.0.2.1]:5000`, `DNSBL rank 3 for [192.0.2.1]:5000`.
    fn postscreen<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        if text.starts_with("NOQUEUE") || text.starts_with("reject") {
            let (_, rest) = text.split_once("reject: ").unwrap_or(("", text));
            self.reject("reject", rest, event);
            return;
        }
        let Some(at) = text.find('[') else { return };
        let (address, rest) = put::word(&text[at..]);
        put::end_with_port(&put::SOURCE, address.trim_end_matches(':'), event);
        let verb = text[..at].trim_end();
        let verb = verb.strip_suffix(" from").or_else(|| verb.strip_suffix(" for")).unwrap_or(verb);
        event.push_str(fields::EVENT_ACTION, verb);
        if let Some(target) = rest.strip_prefix("to ") {
            put::end_with_port(&put::DESTINATION, target, event);
            put::words(fields::EVENT_CATEGORY, &["network"], event);
            put::words(fields::EVENT_TYPE, &["connection", "start"], event);
        } else if verb.starts_with("PASS") || verb.starts_with("ALLOWLISTED") || verb.starts_with("WHITELISTED") {
            put::words(fields::EVENT_TYPE, &["allowed"], event);
        } else if ["DENYLISTED", "BLACKLISTED", "PREGREET", "DNSBL", "HANGUP", "COMMAND", "BARE"]
            .iter()
            .any(|word| verb.starts_with(word))
        {
            put::words(fields::EVENT_TYPE, &["info"], event);
            event.push_str(fields::EVENT_REASON, text);
        }
    }
}

/// `host[192.0.2.1]`, `host[192.0.2.1]:25`, `unknown[2001:db8::1]`.
fn peer<'a>(end: &put::End, text: &'a str, event: &mut Event<'a>) {
    let Some((name, rest)) = text.split_once('[') else { return };
    let Some((address, rest)) = rest.split_once(']') else { return };
    let name = name.rsplit(' ').next().unwrap_or("");
    put::end(end, address.strip_prefix("IPv6:").unwrap_or(address), event);
    if name != "unknown" && put::is_name(name) && put::ip(name).is_none() && !event.has(end.domain) {
        event.push_str(end.domain, name);
    }
    if let Some(port) = rest.strip_prefix(':') {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        put::port(end.port, &port[..digits], event);
    }
}

/// `...: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)`.
fn tls<'a>(text: &'a str, event: &mut Event<'a>) {
    let Some((_, rest)) = text.split_once(": TLSv") else { return };
    let (version, rest) = put::word(rest);
    event.push_str(fields::TLS_VERSION, version);
    event.push_str(fields::TLS_CIPHER, put::word(rest.strip_prefix("with cipher ").unwrap_or("")).0);
}

/// The three digits of an SMTP reply.
fn put_code<'a>(reply: &'a str, event: &mut Event<'a>) {
    let reply = reply.split_once("said: ").map_or(reply, |(_, reply)| reply);
    let code = put::word(reply).0.split('-').next().unwrap_or("");
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        event.push_str(fields::EVENT_CODE, code);
    }
}
