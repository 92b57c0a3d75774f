//! What routers and switches say of themselves, beside packets and logins.
//!
//! | Text | What is read |
//! |---|---|
//! | `Interface GE0.0, changed state to down`, `Tunnel1 up`, `IPCP up` | interface; `link-down`, `tunnel-up` |
//! | `DHCPACK on 192.0.2.9 to 00:00:5e:00:53:01 via vlan1`, `assigned 192.0.2.9 to 00:00:5e:00:53:01` | client, interface |
//! | `[sato@192.0.2.50]show log`, `sato(tty1):# show log` | user and command |
//! | `Web-Authentication failed for sato, Mac 0000.5e00.5301` | 802.1X, MAC and Web authentication |
//! | `Configuration saved by sato`, `restart`, `port scan detected from ...` | change, start, attack |
//! | `block http://www.example.com/ from 192.0.2.10` | web site |
//!
//! Words count whole and in either case. Nothing is set that does not stand in the text. Source: the message lists of
//! UNIVERGE IX, SEIL, AlliedWare Plus, AX and FITELnet.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::products::dhcpd::mac;
use crate::{flow_text, put};

/// The most words of a text that are looked at.
const WORDS_MAX: usize = 40;

/// The words of a text.
pub(super) struct Words<'a> {
    words: [&'a str; WORDS_MAX],
    count: usize,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut words = Words { words: [""; WORDS_MAX], count: 0 };
        for word in flow_text::words(text).take(WORDS_MAX) {
            words.words[words.count] = word;
            words.count += 1;
        }
        words
    }

    fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.words[..self.count].iter().copied()
    }

    /// The first of its words that is in the list, as the list has it.
    pub(super) fn first(&self, list: &[&'static str]) -> Option<&'static str> {
        self.iter().find_map(|word| list.iter().copied().find(|known| known.eq_ignore_ascii_case(word)))
    }

    pub(super) fn has(&self, list: &[&'static str]) -> bool {
        self.first(list).is_some()
    }

    /// The first MAC address among them.
    fn hardware(&self, arena: &'a Bump) -> Option<&'a str> {
        self.iter().filter(|word| matches!(word.len(), 14 | 17)).find_map(|word| mac(word, arena))
    }

    /// The word behind the first of these.
    fn after(&self, list: &[&str]) -> Option<&'a str> {
        let at = self.iter().position(|word| list.iter().any(|known| known.eq_ignore_ascii_case(word)))?;
        self.iter().nth(at + 1)
    }
}

const GOOD: &[&str] = &[
    "established",
    "established.",
    "success",
    "succeeded",
    "successful",
    "successfully",
    "completed",
    "complete",
    "activated",
    "up",
    "connected",
    "accepted",
    "authorized",
    "authenticated",
    "created",
    "assigned",
    "ack",
];
const BAD: &[&str] = &[
    "failed",
    "failure",
    "fail",
    "failing",
    "error",
    "timeout",
    "rejected",
    "refused",
    "denied",
    "mismatch",
    "invalid",
    "unreachable",
    "unauthorized",
    "nak",
    "incorrect",
    "unsuccessful",
];

pub(super) fn outcome(words: &Words<'_>, event: &mut Event<'_>) {
    let word = if words.has(BAD) {
        "failure"
    } else if words.has(GOOD) {
        "success"
    } else {
        return;
    };
    event.set(fields::EVENT_OUTCOME, Value::Str(word));
}

/// `user=sato`, `user 'sato'`, `by sato`.
pub(super) fn user<'a>(words: &Words<'a>, event: &mut Event<'a>) {
    let name = words.after(&["user", "username", "by"]).unwrap_or("");
    let taken = ["name", "is", "from", "on", "logged", "to", "for"].iter().any(|word| word.eq_ignore_ascii_case(name));
    if name.is_empty() || taken || put::ip(name).is_some() || name.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return;
    }
    if !event.has(fields::USER_NAME) {
        put::user(name, event);
    }
}

pub(super) fn interface<'a>(words: &Words<'a>, event: &mut Event<'a>) -> Option<&'a str> {
    let found = words.iter().find(|word| flow_text::is_interface(word))?;
    put::text(fields::OBSERVER_INGRESS_INTERFACE_NAME, found, event);
    Some(found)
}

fn first_address<'a>(words: &Words<'a>, event: &mut Event<'a>) {
    if let Some(address) = words.iter().find(|word| put::ip(word).is_some()) {
        put::end(&put::SOURCE, address, event);
    }
}

/// Reads a line about a web site that was asked for: `block http://www.example.com/ from 192.0.2.10`.
pub(crate) fn site<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let Some(at) = text.find("http://").or_else(|| text.find("https://")) else { return false };
    let url = text[at..].split([' ', '"', '\'', ',', ')']).next().unwrap_or("");
    if !flow_text::verdict(text, event) {
        return false;
    }
    event.push_str(fields::URL_ORIGINAL, url);
    event.push_str(fields::URL_FULL, url);
    crate::products::squid::url::push(url, event);
    let (before, after) = (Words::of(&text[..at]), Words::of(&text[at + url.len()..]));
    first_address(&after, event);
    first_address(&before, event);
    user(&after, event);
    put::words(fields::EVENT_CATEGORY, &["network", "web"], event);
    put::words(fields::EVENT_TYPE, &["access"], event);
    flow_text::outcome(event);
    true
}

/// Reads every other line that is known; whether it is.
pub(crate) fn read<'a>(program: &str, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    if command(text, event) {
        return true;
    }
    let words = Words::of(text);
    lease(program, &words, arena, event)
        || port_access(&words, arena, event)
        || link(&words, event)
        || change(&words, event)
        || start(&words, event)
        || attack(program, &words, arena, event)
}

/// `[sato@192.0.2.50]show log`, `sato@192.0.2.50: show log`, `sato(tty1):# show log`.
fn command<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let (who, command) = if let Some(inner) = text.strip_prefix('[') {
        match inner.split_once(']').filter(|(who, _)| who.contains('@') || *who == "SCRIPT") {
            Some(split) => split,
            None => return false,
        }
    } else {
        let Some((who, rest)) = text.split_once(':') else { return false };
        // The mode may stand in brackets before the prompt.
        let prompt = rest.trim_start();
        let mode = prompt.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let prompt = mode.map_or(prompt, |(_, prompt)| prompt);
        match prompt.strip_prefix(['#', '>']) {
            Some(command) => (who, command),
            None if who.contains('@') => (who, rest),
            None => return false,
        }
    };
    let (name, from) = who.split_once(['@', '(']).unwrap_or((who, ""));
    if name.is_empty() || command.trim().is_empty() || !put::is_name(name) {
        return false;
    }
    event.push_str(fields::USER_NAME, name);
    if put::ip(from).is_some() {
        put::end(&put::SOURCE, from, event);
    }
    event.push_str(fields::PROCESS_COMMAND_LINE, command.trim());
    put::words(fields::EVENT_CATEGORY, &["configuration"], event);
    put::words(fields::EVENT_TYPE, &["access"], event);
    event.push(fields::EVENT_ACTION, Value::Str("command"));
    true
}

/// `DHCPACK on 192.0.2.9 to 00:00:5e:00:53:01 via vlan1`, `assigned 192.0.2.9 to 00:00:5e:00:53:01`.
fn lease<'a>(program: &str, words: &Words<'a>, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    let named = program.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("dhcp"));
    let verb = words.iter().find(|word| word.starts_with("DHCP") && word.len() > 6);
    let hardware = words.hardware(arena);
    if !(verb.is_some() || named && hardware.is_some()) {
        return false;
    }
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection"], event);
    event.push(fields::NETWORK_PROTOCOL, Value::Str("dhcp"));
    const VERBS: &[&str] =
        &["assigned", "assign", "allocated", "leased", "released", "release", "expired", "renewed", "declined"];
    let verb = verb.or(words.first(VERBS)).unwrap_or("");
    event.push_str(fields::EVENT_ACTION, verb);
    first_address(words, event);
    if let Some(hardware) = hardware {
        event.push(fields::SOURCE_MAC, Value::Str(hardware));
    }
    if let Some(place) = words.after(&["via"]) {
        put::text(fields::OBSERVER_INGRESS_INTERFACE_NAME, place, event);
    }
    interface(words, event);
    match verb {
        "DHCPACK" | "assigned" | "allocated" | "leased" | "renewed" => {
            put::words(fields::EVENT_TYPE, &["allowed"], event);
            event.set(fields::EVENT_OUTCOME, Value::Str("success"));
        }
        "DHCPRELEASE" | "released" | "release" | "expired" => put::words(fields::EVENT_TYPE, &["end"], event),
        "DHCPNAK" | "DHCPDECLINE" => event.set(fields::EVENT_OUTCOME, Value::Str("failure")),
        _ => {}
    }
    true
}

/// `Web-Authentication successful for sato, IP 192.0.2.10, Mac 0000.5e00.5301, Port port1.0.5`.
fn port_access<'a>(words: &Words<'a>, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    const NAMES: &[&str] = &[
        "authentication",
        "authorization",
        "web-authentication",
        "mac-authentication",
        "802.1x-authentication",
        "authenticated",
        "802.1x",
        "dot1x",
        "supplicant",
        "unauthorized",
        "authorized",
    ];
    if !words.has(NAMES) || !(words.has(GOOD) || words.has(BAD)) {
        return false;
    }
    put::words(fields::EVENT_CATEGORY, &["authentication"], event);
    put::words(fields::EVENT_TYPE, &["start"], event);
    event.push(fields::EVENT_ACTION, Value::Str("authentication"));
    outcome(words, event);
    if let Some(hardware) = words.hardware(arena) {
        event.push(fields::SOURCE_MAC, Value::Str(hardware));
    }
    first_address(words, event);
    interface(words, event);
    user(words, event);
    let name = words.after(&["for", "supplicant"]).unwrap_or("");
    let kind = ["client", "user", "the", "port", "interface", "supplicant", "host"];
    let known = kind.iter().any(|kind| kind.eq_ignore_ascii_case(name)) || flow_text::is_interface(name);
    if !known && mac(name, arena).is_none() && put::ip(name).is_none() && !event.has(fields::USER_NAME) {
        put::user(name, event);
    }
    true
}

/// `Interface GE0.0, changed state to down`, `Tunnel1 up`, `IPCP up`, `Port up notification received for port1.0.1`.
fn link<'a>(words: &Words<'a>, event: &mut Event<'a>) -> bool {
    const STATES: &[&str] = &["up", "down", "linkup", "linkdown", "link-up", "link-down", "opened", "closed"];
    let Some(state) = words.first(STATES) else { return false };
    let place = interface(words, event);
    const KINDS: &[&str] =
        &["link", "port", "interface", "protocol", "tunnel", "ipcp", "lcp", "session", "pppoe", "ppp"];
    if place.is_none() && !words.has(KINDS) {
        return false;
    }
    let up = matches!(state, "up" | "linkup" | "link-up" | "opened");
    let tunnel = words.has(&["tunnel"])
        || place.is_some_and(|name| name.len() >= 5 && ["tunne", "ipsec"].contains(&&*name[..5].to_ascii_lowercase()));
    let action = match (tunnel, up) {
        (true, true) => "tunnel-up",
        (true, false) => "tunnel-down",
        (false, true) => "link-up",
        (false, false) => "link-down",
    };
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["info", "change"], event);
    event.push(fields::EVENT_ACTION, Value::Str(action));
    true
}

/// `Configuration saved by sato`.
fn change<'a>(words: &Words<'a>, event: &mut Event<'a>) -> bool {
    const WHAT: &[&str] = &["config", "configuration", "running-config", "startup-config", "setting", "settings"];
    const VERBS: &[&str] = &[
        "saved",
        "save",
        "changed",
        "change",
        "modified",
        "updated",
        "update",
        "loaded",
        "restored",
        "committed",
        "written",
        "configured",
        "deleted",
        "erased",
        "copied",
    ];
    let (true, Some(verb)) = (words.has(WHAT), words.first(VERBS)) else { return false };
    put::words(fields::EVENT_CATEGORY, &["configuration"], event);
    put::words(fields::EVENT_TYPE, &["change"], event);
    let saved = matches!(verb, "saved" | "save" | "written" | "copied");
    let action = if saved { "configuration-saved" } else { "configuration-changed" };
    event.push(fields::EVENT_ACTION, Value::Str(action));
    user(words, event);
    first_address(words, event);
    true
}

fn start<'a>(words: &Words<'a>, event: &mut Event<'a>) -> bool {
    const VERBS: &[&str] = &[
        "restart",
        "restarted",
        "reboot",
        "rebooted",
        "rebooting",
        "reload",
        "reloaded",
        "starts",
        "booted",
        "boot",
        "coldstart",
        "power-on",
    ];
    if !words.has(VERBS) {
        return false;
    }
    put::words(fields::EVENT_CATEGORY, &["host"], event);
    put::words(fields::EVENT_TYPE, &["start"], event);
    event.push(fields::EVENT_ACTION, Value::Str("restart"));
    user(words, event);
    true
}

/// `port scan detected from 198.51.100.7`.
fn attack<'a>(program: &str, words: &Words<'a>, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    const NAMES: &[&str] = &[
        "scan",
        "portscan",
        "flood",
        "flooding",
        "spoof",
        "spoofing",
        "spoofed",
        "attack",
        "intrusion",
        "virus",
        "malware",
        "smurf",
        "land",
        "loop",
        "storm",
    ];
    let Some(name) = words.first(NAMES) else { return false };
    if !(words.has(&["detect", "detected", "detection"]) || program.eq_ignore_ascii_case("IDS")) {
        return false;
    }
    interface(words, event);
    first_address(words, event);
    if let Some(hardware) = words.hardware(arena) {
        event.push(fields::SOURCE_MAC, Value::Str(hardware));
    }
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["info"], event);
    if matches!(name, "loop" | "storm") {
        event.push(fields::EVENT_ACTION, Value::Str("loop-detected"));
        return true;
    }
    event.set(fields::EVENT_KIND, Value::Str("alert"));
    put::words(fields::EVENT_CATEGORY, &["intrusion_detection"], event);
    event.push(fields::EVENT_ACTION, Value::Str("attack-detected"));
    true
}
