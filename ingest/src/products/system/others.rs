//! systemd-logind, login, polkit and the few other daemons whose lines name a user or an address.

use stream::fields;

use super::entry::{Class, Entry, digits, unquote, word};

const OPENED: Class = Class { category: &["session"], kind: &["start"], action: "logged-on", outcome: "success" };
const CLOSED: Class = Class { category: &["session"], kind: &["end"], action: "logged-off", outcome: "" };

/// `New session 5 of user sato.`, `Session 5 logged out. Waiting for processes to exit.`, `Removed session 5.`
pub(super) fn logind(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    if let Some(rest) = text.strip_prefix("New session ") {
        entry.class(&OPENED);
        entry.extra(entry.own.session_id, digits(rest));
        // systemd 254 and later: `New session '5' of user 'sato' with class 'user' and type 'tty'.`
        let user = rest.split_once(" of user ").map_or("", |(_, user)| word(user).0);
        entry.user(unquote(user.trim_end_matches('.')));
        entry.extra(entry.own.session_id, unquote(word(rest).0));
    } else if let Some(rest) = text.strip_prefix("Session ") {
        if rest.contains(" logged out") {
            entry.class(&CLOSED);
        }
        entry.extra(entry.own.session_id, unquote(word(rest).0));
    } else if let Some(rest) = text.strip_prefix("Removed session ") {
        entry.class(&CLOSED);
        entry.extra(entry.own.session_id, unquote(rest.trim_end_matches('.')));
    } else if text.starts_with("System is ") || text.starts_with("Power key pressed") {
        entry.class(&Class { category: &["host"], kind: &["info"], action: "system-power", outcome: "" });
    }
}

/// `FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure`, `LOGIN ON tty1 BY sato`, `ROOT LOGIN ON tty1`,
/// `LOGIN FAILURE FROM 192.0.2.1, sato`
pub(super) fn login(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let failed = Class { category: &["authentication"], kind: &["start"], action: "logon-failed", outcome: "failure" };
    let logged =
        Class { category: &["authentication", "session"], kind: &["start"], action: "logged-on", outcome: "success" };
    if text.starts_with("FAILED LOGIN") || text.starts_with("LOGIN FAILURE") {
        entry.class(&failed);
        if let Some((_, rest)) = text.split_once(" FROM ") {
            entry.source(rest.split([',', ' ']).next().unwrap_or(""));
            // BSD: `LOGIN FAILURE FROM 192.0.2.1, sato`
            if let Some((_, user)) = rest.split_once(", ").filter(|_| !rest.contains(" FOR ")) {
                entry.user(unquote(user));
            }
        }
        let user = text.split_once(" FOR ").map(|(_, rest)| rest.split_once(',').unwrap_or((rest, "")));
        if let Some((user, why)) = user {
            entry.user(unquote(user));
            entry.text(fields::EVENT_REASON, why);
        }
    } else if text.starts_with("ROOT LOGIN") {
        entry.class(&logged);
        entry.user("root");
    } else if let Some((_, user)) = text.strip_prefix("LOGIN ON ").and_then(|rest| rest.split_once(" BY ")) {
        entry.class(&logged);
        entry.user(word(user).0);
        if let Some((_, host)) = user.split_once(" FROM ") {
            entry.source(host);
        }
    }
}

/// `Operator of unix-process:5:6 ... authenticated as unix-user:root`, `Registered Authentication Agent for ...`
pub(super) fn polkit(entry: &mut Entry<'_, '_>) {
    let text = entry.message;
    if let Some((_, rest)) = text.split_once("unix-user:") {
        entry.user(rest.split([' ', ')', ',']).next().unwrap_or(""));
        let failed = text.contains("FAILED to authenticate");
        entry.class(&Class {
            category: &["authentication"],
            kind: &["info"],
            action: "polkit_authentication",
            outcome: if failed { "failure" } else { "success" },
        });
    }
}

/// `DHCPACK from 192.0.2.1`, `DHCPACK of 192.0.2.10 from 192.0.2.1`, `bound to 192.0.2.10 -- renewal in 1800 seconds.`
pub(super) fn dhcp_client(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let server = text.split_once(" from ").filter(|_| text.starts_with("DHCP")).map(|(_, rest)| word(rest).0);
    if let Some(server) = server.and_then(super::entry::ip) {
        entry.event.set(fields::SERVER_IP, stream::Value::Ip(server));
    }
    let own = text.strip_prefix("bound to ").or_else(|| text.split_once(" of ").map(|(_, rest)| rest));
    if let Some(own) = own.and_then(|rest| super::entry::ip(word(rest).0)) {
        entry.event.push(fields::CLIENT_IP, stream::Value::Ip(own));
    }
}
