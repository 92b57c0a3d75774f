//! PAM modules, whatever program they run in: `pam_unix(sshd:session): session opened for user sato(uid=1000) by (uid=0)`.
//!
//! Messages of Linux-PAM's pam_unix, pam_succeed_if, pam_faillock, pam_tally2 and pam_access, and of SSSD's pam_sss.
//! A session's `by` is the actor (`user.name`) and its `for` the identity taken on (`user.effective.name`); where
//! nobody is named after `by` (a daemon opened it), the `for` user is `user.name`.

use stream::{Value, fields};

use super::entry::{Class, Entry, between, digits, unquote, word};

const OPENED: Class = Class { category: &["session"], kind: &["start"], action: "logged-on", outcome: "success" };
const CLOSED: Class = Class { category: &["session"], kind: &["end"], action: "logged-off", outcome: "" };
const FAILED: Class =
    Class { category: &["authentication"], kind: &["info"], action: "authentication_failure", outcome: "failure" };
const SUCCEEDED: Class =
    Class { category: &["authentication"], kind: &["info"], action: "authentication_success", outcome: "success" };
const LOCKED: Class =
    Class { category: &["authentication"], kind: &["info"], action: "account-locked", outcome: "failure" };
const DENIED: Class =
    Class { category: &["authentication"], kind: &["denied"], action: "access_denied", outcome: "failure" };
const PASSWORD: Class =
    Class { category: &["iam"], kind: &["user", "change"], action: "password-changed", outcome: "success" };

/// Whether a message is a PAM module's.
pub(super) fn speaks(message: &str) -> bool {
    let message = message.trim_start();
    message.starts_with("pam_") || message.starts_with("PAM ") || message.starts_with("(pam_")
}

pub(super) fn read(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let mut body = text;
    if let Some((head, rest)) = text.split_once(": ").filter(|(head, _)| head.starts_with("pam_")) {
        let (module, place) = head.split_once('(').unwrap_or((head, ""));
        entry.extra(entry.own.pam_module, module);
        entry.extra(entry.own.pam_service, place.split([':', ')']).next().unwrap_or(""));
        body = rest;
    } else if let Some((_, rest)) = text.strip_prefix("(pam_").and_then(|text| text.split_once(") ")) {
        body = rest;
    }
    words(entry, body);
}

/// Reads a module's message, also without the module's name (`sshd(pam_unix)[1]: session opened ...`).
pub(super) fn words<'a>(entry: &mut Entry<'_, 'a>, body: &'a str) {
    if let Some(names) = body.strip_prefix("session opened for user ") {
        opened(entry, names);
    } else if let Some(name) = body.strip_prefix("session closed for user ") {
        entry.class(&CLOSED);
        named(entry, name);
    } else if body.contains("authentication failure") {
        entry.class(&FAILED);
        key_values(entry, body);
    } else if body.starts_with("authentication success") {
        entry.class(&SUCCEEDED);
        key_values(entry, body);
    } else if let Some(name) = body.strip_prefix("password changed for ") {
        entry.class(&PASSWORD);
        let name = word(name).0;
        entry.user(name);
        entry.text(fields::USER_TARGET_NAME, name);
    } else if let Some((_, rest)) = body.split_once("onsecutive login failures for user ") {
        entry.class(&LOCKED);
        entry.user(word(rest).0);
    } else if let Some(rest) = body.strip_prefix("user ").filter(|rest| rest.contains(" tally ")) {
        entry.class(&LOCKED);
        entry.user(word(rest).0);
    } else if let Some((_, rest)) = body.split_once("not met by user ") {
        // What follows from it the stack of modules decides.
        entry.user(unquote(rest));
        entry.text(fields::EVENT_REASON, body);
    } else if let Some(name) = between(body, "could not identify password for [", "]") {
        entry.class(&FAILED);
        entry.user(name);
    } else if body.starts_with("conversation failed") || body.starts_with("Invalid verification code") {
        entry.class(&FAILED);
        entry.text(fields::EVENT_REASON, body);
        entry.user(body.split_once(" for ").map_or("", |(_, name)| word(name).0));
    } else if let Some(name) = body.strip_prefix("Accepted google_authenticator for ") {
        entry.class(&SUCCEEDED);
        entry.user(word(name).0);
    } else if let Some(rest) = body.strip_prefix("user '") {
        // pam_winbind: `user 'CITY\\sato' granted access`, `user 'sato' denied access (incorrect password ...)`
        let (name, verdict) = rest.split_once('\'').unwrap_or((rest, ""));
        match verdict.trim_start() {
            verdict if verdict.starts_with("granted access") => entry.class(&SUCCEEDED),
            verdict if verdict.starts_with("denied access") => {
                entry.class(&DENIED);
                entry.text(fields::EVENT_REASON, between(verdict, "(", ")").unwrap_or(""));
            }
            _ => {}
        }
        entry.user(name);
    } else if let Some(rest) = body.strip_prefix("access denied for user ") {
        entry.class(&DENIED);
        let (user, from) = rest.split_once(" from ").unwrap_or((rest, ""));
        entry.user(unquote(user));
        entry.source(unquote(from));
    } else if let Some(rest) = body.strip_prefix("account ").filter(|rest| rest.contains(" has expired")) {
        entry.class(&DENIED);
        entry.user(word(rest).0);
        entry.text(fields::EVENT_REASON, body);
    } else if let Some(rest) = body.strip_prefix("received for user ") {
        entry.class(&FAILED);
        entry.user(rest.split(": ").next().unwrap_or(""));
        entry.text(fields::EVENT_REASON, between(rest, "(", ")").unwrap_or(""));
    } else if body.starts_with("check pass; user unknown") {
        entry.class(&FAILED);
    } else if let Some(user) = between(body, "password check failed for user (", ")") {
        entry.class(&FAILED);
        entry.user(user);
    }
}

/// `root(uid=0) by sato(uid=1000)`, `root by (uid=0)`, `sato`
fn opened<'a>(entry: &mut Entry<'_, 'a>, names: &'a str) {
    entry.class(&OPENED);
    let (target, actor) = names.split_once(" by ").unwrap_or((names, ""));
    let (actor_name, actor_uid) = name_and_uid(actor);
    if actor_name.is_empty() {
        named(entry, target);
        return;
    }
    entry.user(actor_name);
    entry.text(fields::USER_ID, actor_uid);
    let (target_name, target_uid) = name_and_uid(target);
    entry.text(fields::USER_EFFECTIVE_NAME, target_name);
    entry.text(fields::USER_EFFECTIVE_ID, target_uid);
}

fn named<'a>(entry: &mut Entry<'_, 'a>, text: &'a str) {
    let (name, uid) = name_and_uid(text);
    entry.user(name);
    entry.text(fields::USER_ID, uid);
}

/// `sato(uid=1000)` and `sato`, with or without quotes.
fn name_and_uid(text: &str) -> (&str, &str) {
    let (name, rest) = text.split_once("(uid=").unwrap_or((text, ""));
    (unquote(name), digits(rest))
}

/// `authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root`
fn key_values<'a>(entry: &mut Entry<'_, 'a>, body: &'a str) {
    if let Some((count, _)) = body.split_once(" more authentication failure") {
        let digits = count.rsplit(' ').next().unwrap_or("");
        if let (Some(field), Ok(count)) = (stream::fields::lookup("system.auth.pam.failures"), digits.parse()) {
            entry.event.push(field, Value::Int(count));
        }
    }
    let Some((head, tail)) = body.split_once(" rhost=") else { return };
    let (host, rest) = tail.split_once(' ').unwrap_or((tail, ""));
    entry.source(host);
    let user = rest.trim_start().strip_prefix("user=").unwrap_or("");
    let actor = head.rsplit_once(" ruser=").map_or("", |(_, actor)| actor);
    if actor.is_empty() || actor == user {
        entry.user(user);
    } else {
        entry.user(actor);
        entry.text(fields::USER_EFFECTIVE_NAME, user);
    }
}
