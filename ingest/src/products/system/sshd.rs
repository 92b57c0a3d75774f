//! OpenSSH's server (`sshd`, since 9.8 also `sshd-session` and `sshd-auth`).
//!
//! Messages as written by `auth.c`, `auth2.c`, `packet.c`, `session.c` and `sshd.c` of OpenSSH 5 to 10, and by
//! tcp_wrappers. What is not in the list stays a message without an action.

use stream::{Value, fields};

use super::entry::{Class, Entry, digits, endpoint, ip, origin, port, word};

const LOGIN: Class = Class {
    category: &["authentication", "session"],
    kind: &["authentication_success", "info"],
    action: "ssh_login",
    outcome: "success",
};
const LOGIN_FAILED: Class = Class {
    category: &["authentication"],
    kind: &["authentication_failure", "info"],
    action: "ssh_login",
    outcome: "failure",
};
const REFUSED: Class =
    Class { category: &["authentication"], kind: &["denied"], action: "ssh_login", outcome: "failure" };
const CONNECTED: Class =
    Class { category: &["network"], kind: &["connection", "start"], action: "ssh_connect", outcome: "" };
const DISCONNECTED: Class =
    Class { category: &["network"], kind: &["connection", "end"], action: "ssh_disconnect", outcome: "" };
const PROBE: Class =
    Class { category: &["network"], kind: &["connection", "protocol"], action: "ssh_probe", outcome: "failure" };
const LISTENING: Class = Class { category: &["process"], kind: &["start"], action: "ssh_listen", outcome: "success" };
const STOPPED: Class = Class { category: &["process"], kind: &["end"], action: "ssh_stop", outcome: "" };
const FORWARD_DENIED: Class =
    Class { category: &["network"], kind: &["connection", "denied"], action: "ssh_forward", outcome: "failure" };
const SESSION: Class = Class { category: &["session"], kind: &["start"], action: "ssh_session", outcome: "success" };
const SESSION_END: Class = Class { category: &["session"], kind: &["end"], action: "ssh_session", outcome: "" };

pub(super) fn read(entry: &mut Entry<'_, '_>) {
    let text = entry.message;
    let text = text.strip_prefix("error: ").or_else(|| text.strip_prefix("fatal: ")).unwrap_or(text);
    let text = text.strip_suffix(" [preauth]").unwrap_or(text);
    let (first, rest) = word(text);
    match first {
        "Accepted" | "Failed" | "Postponed" => authentication(entry, first, rest),
        "Invalid" | "Illegal" => {
            if let Some(rest) = rest.strip_prefix("user ") {
                entry.extra(entry.own.ssh_event, first);
                from(entry, rest, &LOGIN_FAILED);
            }
        }
        "maximum" => {
            if let Some(rest) = rest.strip_prefix("authentication attempts exceeded for ") {
                from(entry, strip_invalid(rest), &REFUSED);
            }
        }
        "User" => user_sentence(entry, rest),
        "ROOT" => {
            if let Some(address) = rest.strip_prefix("LOGIN REFUSED FROM ") {
                entry.class(&REFUSED);
                entry.user("root");
                let (address, rest) = word(address);
                entry.source(address);
                entry.source_port(rest.strip_prefix("port ").map_or("", digits));
            }
        }
        "Connection" | "Disconnected" | "Disconnecting" | "Received" | "Timeout," | "Timeout" => {
            connection(entry, first, rest);
        }
        "Starting" | "Close" => session(entry, first, rest),
        "subsystem" => {
            if let Some((_, user)) = rest.split_once(" by user ") {
                entry.class(&SESSION);
                entry.user(word(user).0);
            }
        }
        "PAM:" => pam_failure(entry, rest),
        "Authentication" => {
            // `Authentication refused: bad ownership or modes for directory /home/sato`
            if let Some(why) = rest.strip_prefix("refused: ") {
                entry.class(&REFUSED);
                entry.text(fields::EVENT_REASON, why);
            }
        }
        "kex_exchange_identification:" | "kex_protocol_error:" | "ssh_dispatch_run_fatal:" => {
            entry.class(&PROBE);
            match rest.strip_prefix("Connection from ").and_then(endpoint) {
                Some((who, address, port, why)) if ip(address).is_some() => {
                    // `Connection from authenticating user root 192.0.2.1 port 4: message authentication code incorrect`
                    entry.source(address);
                    entry.source_port(port);
                    entry.user(strip_invalid(who.strip_prefix("authenticating user ").unwrap_or(who)));
                    entry.text(fields::EVENT_REASON, why.trim_start_matches(": "));
                }
                _ => entry.text(fields::EVENT_REASON, rest),
            }
        }
        "Did" | "Bad" | "Unable" | "banner" | "Protocol" | "Write" | "Read" => probe(entry, text),
        "reverse" | "Address" => reverse_mapping(entry, first, rest),
        "refused" => {
            if let Some(peer) = rest.strip_prefix("connect from ") {
                entry.class(&REFUSED);
                let name = word(peer).0;
                entry.source(super::entry::between(peer, "(", ")").unwrap_or(name));
            }
        }
        "drop" => dropped(entry, rest),
        "Server" if rest.starts_with("listening on ") => entry.class(&LISTENING),
        "input_userauth_request:" => {
            if let Some(user) = rest.strip_prefix("invalid user ") {
                entry.class(&LOGIN_FAILED);
                entry.user(user);
            }
        }
        _ => {}
    }
}

/// `Accepted publickey for sato from 192.0.2.1 port 50022 ssh2: ED25519 SHA256:...`
fn authentication<'a>(entry: &mut Entry<'_, 'a>, verb: &'a str, rest: &'a str) {
    let (method, rest) = word(rest);
    let Some(who) = rest.strip_prefix("for ") else { return };
    let Some((user, address, port)) = origin(who) else { return };
    match verb {
        "Accepted" => entry.class(&LOGIN),
        "Failed" => entry.class(&LOGIN_FAILED),
        _ => entry.class(&Class {
            category: &["authentication"],
            kind: &["info"],
            action: "ssh_login",
            outcome: "unknown",
        }),
    }
    entry.user(strip_invalid(user));
    entry.source(address);
    entry.source_port(port);
    entry.extra(entry.own.ssh_event, verb);
    entry.extra(entry.own.ssh_method, method);
    if let Some((_, signature)) = who.rsplit_once(" ssh2: ") {
        entry.extra(entry.own.ssh_signature, signature);
    }
}

fn strip_invalid(user: &str) -> &str {
    user.strip_prefix("invalid user ").or_else(|| user.strip_prefix("illegal user ")).unwrap_or(user)
}

/// `USER from ADDRESS [port N]`
fn from<'a>(entry: &mut Entry<'_, 'a>, text: &'a str, class: &Class) {
    entry.class(class);
    match origin(text) {
        Some((user, address, port)) => {
            entry.user(user);
            entry.source(address);
            entry.source_port(port);
        }
        None => match text.strip_prefix("from ") {
            // An empty user name: `Invalid user  from 192.0.2.1 port 50022`.
            Some(rest) => {
                let (address, rest) = word(rest);
                entry.source(address);
                entry.source_port(rest.strip_prefix("port ").map_or("", digits));
            }
            None => entry.user(word(text).0),
        },
    }
}

/// `User sato from 192.0.2.1 not allowed because not listed in AllowUsers`, `User child is on pid 5`,
/// `User sato not allowed because account is locked`.
fn user_sentence<'a>(entry: &mut Entry<'_, 'a>, rest: &'a str) {
    let Some((who, why)) = rest.split_once(" not allowed because ") else { return };
    from(entry, who, &REFUSED);
    entry.text(fields::EVENT_REASON, why);
}

/// The forms that end or start a connection.
fn connection<'a>(entry: &mut Entry<'_, 'a>, first: &str, rest: &'a str) {
    if rest.starts_with("signal ") {
        entry.class(&STOPPED);
        entry.text(fields::EVENT_REASON, entry.message);
    } else if let Some(asked) = rest.strip_prefix("request from ") {
        forward(entry, asked);
    } else if let Some(peers) = rest.strip_prefix("before authentication for connection from ") {
        // `... connection from 192.0.2.1 to 198.51.100.1, pid = 5`
        entry.class(&DISCONNECTED);
        let (address, tail) = word(peers);
        entry.source(address);
        if let Some(own) = tail.strip_prefix("to ").and_then(|own| ip(own.split([',', ' ']).next()?)) {
            entry.event.push(fields::DESTINATION_IP, Value::Ip(own));
        }
    } else if let Some(rest) = rest.strip_prefix("disconnect from ") {
        // The client chooses the text after the second colon; the address comes first.
        let (address, rest) = word(rest);
        entry.class(&DISCONNECTED);
        entry.source(address.trim_end_matches(':'));
        let tail = rest.strip_prefix("port ").unwrap_or("");
        entry.source_port(digits(tail));
        let reason = if tail.is_empty() { rest } else { tail[digits(tail).len()..].trim_start_matches(':') };
        entry.text(fields::EVENT_REASON, reason.split_once(": ").map_or(reason, |(_, reason)| reason));
    } else if let (true, Some((client, server))) = (rest.starts_with("from "), rest.split_once(" on ")) {
        entry.class(&CONNECTED);
        peer(entry, &client[5..]);
        if let Some((_, address, port, _)) = endpoint(server) {
            if let Some(ip) = ip(address) {
                entry.event.push(fields::DESTINATION_IP, Value::Ip(ip));
            }
            if let Some(port) = super::entry::port(port) {
                entry.event.push(fields::DESTINATION_PORT, Value::Int(port));
            }
        }
    } else if let Some(peer_text) =
        ["closed by ", "reset by ", "from ", "before authentication for ", "client not responding from "]
            .iter()
            .find_map(|lead| rest.strip_prefix(lead))
    {
        entry.class(&DISCONNECTED);
        let text = peer_text.strip_prefix("connection from ").unwrap_or(peer_text);
        peer(entry, text);
    } else if first == "Disconnecting" {
        entry.class(&DISCONNECTED);
        peer(entry, rest);
        if let Some((_, _, _, tail)) = endpoint(rest) {
            entry.text(fields::EVENT_REASON, tail.trim_start_matches(": "));
            if tail.contains("Too many authentication failures") {
                entry.class(&REFUSED);
            }
        } else if let Some(user) = rest.strip_prefix("Too many authentication failures for ") {
            entry.class(&REFUSED);
            entry.user(word(strip_invalid(user)).0);
        }
    }
}

/// `192.0.2.1 port 50022 to connect to host 198.51.100.9 port 3389, but the request was denied.`
fn forward<'a>(entry: &mut Entry<'_, 'a>, asked: &'a str) {
    let Some((client, target)) = asked.split_once(" to connect to host ") else { return };
    entry.class(&FORWARD_DENIED);
    peer(entry, client);
    let (host, rest) = word(target);
    match ip(host) {
        Some(ip) => entry.event.push(fields::DESTINATION_IP, Value::Ip(ip)),
        None => entry.text(fields::DESTINATION_DOMAIN, host),
    }
    if let Some(port) = rest.strip_prefix("port ").and_then(|port_text| port(digits(port_text))) {
        entry.event.push(fields::DESTINATION_PORT, Value::Int(port));
    }
}

/// `[[authenticating|invalid] user NAME ]ADDRESS[ port N]`
fn peer<'a>(entry: &mut Entry<'_, 'a>, text: &'a str) {
    let (who, address, port) = match endpoint(text) {
        Some((who, address, port, _)) => (who, address, port),
        None => match text.rsplit_once(' ') {
            Some((who, address)) => (who, address, ""),
            None => ("", text, ""),
        },
    };
    entry.source(address);
    entry.source_port(port);
    for lead in ["invalid user ", "authenticating user ", "user "] {
        if let Some(user) = who.strip_prefix(lead) {
            entry.user(user);
            break;
        }
    }
}

/// `Starting session: shell on pts/0 for sato from 192.0.2.1 port 50022 id 0`,
/// `Close session: user sato from 192.0.2.1 port 50022 id 0`
fn session<'a>(entry: &mut Entry<'_, 'a>, first: &str, rest: &'a str) {
    let Some(rest) = rest.strip_prefix("session: ") else { return };
    entry.class(if first == "Starting" { &SESSION } else { &SESSION_END });
    let Some((who, address, port)) = origin(rest) else { return };
    entry.source(address);
    entry.source_port(port);
    let user = who.strip_prefix("user ").or_else(|| who.rsplit_once(" for ").map(|(_, user)| user));
    entry.user(user.unwrap_or(""));
}

/// `PAM: Authentication failure for illegal user root from 192.0.2.1`
fn pam_failure<'a>(entry: &mut Entry<'_, 'a>, rest: &'a str) {
    if let Some((_, who)) = rest.split_once("uthentication failure for ") {
        from(entry, strip_invalid(who), &LOGIN_FAILED);
    } else if let Some((why, who)) = rest.split_once(" for ") {
        from(entry, strip_invalid(who), &LOGIN_FAILED);
        entry.text(fields::EVENT_REASON, why);
    }
}

/// Messages of port scanners and broken clients, all of which end in `from ADDRESS [port N]` or name it before a colon.
fn probe<'a>(entry: &mut Entry<'_, 'a>, text: &'a str) {
    let probe = [
        "Did not receive identification",
        "Bad protocol version",
        "Bad remote protocol",
        "banner exchange",
        "Unable to negotiate",
        "Protocol major versions differ",
    ];
    if !probe.iter().any(|lead| text.starts_with(lead)) {
        return;
    }
    entry.class(&PROBE);
    if let Some(rest) = text.strip_prefix("Unable to negotiate with ") {
        let (address, rest) = word(rest);
        entry.source(address.trim_end_matches(':'));
        entry.source_port(rest.strip_prefix("port ").map_or("", digits));
        return;
    }
    match origin(text) {
        Some((_, address, port)) => {
            entry.source(address);
            entry.source_port(port);
        }
        None => {
            let address = text.rsplit_once(" for ").map_or("", |(_, address)| word(address).0);
            entry.source(address.trim_end_matches(':'));
        }
    }
}

/// `reverse mapping checking getaddrinfo for NAME [192.0.2.1] failed`, `Address 192.0.2.1 maps to NAME, but this does not
/// map back to the address`
fn reverse_mapping<'a>(entry: &mut Entry<'_, 'a>, first: &str, rest: &'a str) {
    let class = Class { category: &["network"], kind: &["info"], action: "reverse_mapping_failed", outcome: "failure" };
    if first == "Address" {
        let (address, tail) = word(rest);
        if let Some(name) = tail.strip_prefix("maps to ") {
            entry.class(&class);
            entry.source(address);
            entry.text(fields::SOURCE_DOMAIN, name.split(',').next().unwrap_or(""));
        }
    } else if let Some((_, who)) = rest.split_once(" for ") {
        entry.class(&class);
        let (name, tail) = word(who);
        match super::entry::between(tail, "[", "]") {
            Some(address) => {
                entry.source(address);
                entry.text(fields::SOURCE_DOMAIN, name.trim_end_matches('.'));
            }
            None => entry.source(name),
        }
    }
}

/// `drop connection #10 from [192.0.2.1]:50022 on [198.51.100.1]:22 past MaxStartups`
fn dropped<'a>(entry: &mut Entry<'_, 'a>, rest: &'a str) {
    let Some((_, peer)) = rest.split_once(" from [") else { return };
    let Some((address, tail)) = peer.split_once("]:") else { return };
    entry.class(&Class {
        category: &["network"],
        kind: &["connection", "denied"],
        action: "ssh_connect",
        outcome: "failure",
    });
    entry.source(address);
    entry.source_port(digits(tail));
}
