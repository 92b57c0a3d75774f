//! sudo's own log lines (sudoers(5), "LOG FORMAT"): `user : [reason ;] HOST= ; TTY= ; PWD= ; USER= ; ... ; COMMAND=`.

use stream::fields;

use super::entry::{Class, Entry, between};

const RUN: Class = Class { category: &["process"], kind: &["start"], action: "sudo_command", outcome: "success" };
const DENIED: Class =
    Class { category: &["authentication", "process"], kind: &["denied"], action: "sudo_command", outcome: "failure" };

/// The names sudo writes before a value; a part that starts with none of them is the reason of a refusal.
const KEYS: [&str; 9] = ["HOST=", "TTY=", "CHROOT=", "PWD=", "USER=", "GROUP=", "TSID=", "ENV=", "COMMAND="];

pub(super) fn read(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let Some((user, rest)) = text.split_once(" : ") else {
        if let Some(user) = between(text, "could not identify password for [", "]") {
            entry.class(&DENIED);
            entry.user(user);
        }
        return;
    };
    entry.user(user);
    if let Some(more) = rest.strip_prefix("(command continued) ") {
        entry.class(&RUN);
        entry.text(fields::PROCESS_COMMAND_LINE, more);
        return;
    }
    let mut reason = "";
    let mut rest = rest;
    loop {
        if let Some(command) = rest.strip_prefix("COMMAND=") {
            entry.extra(entry.own.sudo_command, command);
            entry.text(fields::PROCESS_COMMAND_LINE, command);
            break;
        }
        let (part, more) = rest.split_once(" ; ").unwrap_or((rest, ""));
        match part.split_once('=') {
            Some(("TTY", tty)) => entry.extra(entry.own.sudo_tty, tty),
            Some(("PWD", pwd)) => {
                entry.extra(entry.own.sudo_pwd, pwd);
                entry.text(fields::PROCESS_WORKING_DIRECTORY, pwd);
            }
            Some(("USER", user)) => {
                entry.extra(entry.own.sudo_user, user);
                entry.text(fields::USER_EFFECTIVE_NAME, user);
            }
            Some(("GROUP", group)) => entry.text(fields::USER_EFFECTIVE_GROUP_NAME, group),
            _ if reason.is_empty() && !KEYS.iter().any(|key| part.starts_with(key)) => reason = part,
            _ => {}
        }
        if more.is_empty() {
            break;
        }
        rest = more;
    }
    if reason.is_empty() {
        entry.class(&RUN);
    } else {
        entry.class(&DENIED);
        entry.text(fields::EVENT_REASON, reason);
        entry.extra(entry.own.sudo_error, reason);
    }
}
