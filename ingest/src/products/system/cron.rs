//! cron, crond, anacron and atd: `(sato) CMD (/usr/bin/backup)`, `(sato) LIST (sato)`, `(sato) RELOAD (crontabs/sato)`.

use stream::fields;

use super::entry::{Class, Entry};

const RUN: Class = Class { category: &["process"], kind: &["start"], action: "cron_command", outcome: "" };
const ENDED: Class = Class { category: &["process"], kind: &["end"], action: "cron_command", outcome: "" };
const EDIT: Class = Class { category: &["configuration"], kind: &["change"], action: "crontab_changed", outcome: "" };
const LIST: Class = Class { category: &["configuration"], kind: &["access"], action: "crontab_listed", outcome: "" };
const DENIED: Class = Class { category: &["process"], kind: &["denied"], action: "cron_denied", outcome: "failure" };

pub(super) fn read(entry: &mut Entry<'_, '_>) {
    if let Some(job) = entry.message.trim_start().strip_prefix("Job `") {
        // anacron: ``Job `cron.daily' started``, `... terminated`
        let (name, state) = job.split_once('\'').unwrap_or((job, ""));
        match state.trim_start() {
            state if state.starts_with("started") => entry.class(&RUN),
            state if state.starts_with("terminated") => entry.class(&ENDED),
            _ => {}
        }
        entry.text(fields::PROCESS_COMMAND_LINE, name);
        return;
    }
    let Some((user, rest)) = entry.message.trim_start().strip_prefix('(').and_then(|text| text.split_once(") ")) else {
        return;
    };
    let (verb, inner) = match rest.split_once(" (") {
        Some((verb, inner)) => (verb, inner.strip_suffix(')').unwrap_or(inner)),
        None => (rest, ""),
    };
    match verb {
        "CMD" | "CMDEND" | "CMDOUT" => {
            entry.class(&RUN);
            entry.text(fields::PROCESS_COMMAND_LINE, inner);
        }
        "REPLACE" | "DELETE" | "RELOAD" | "BEGIN EDIT" | "END EDIT" => entry.class(&EDIT),
        "LIST" => entry.class(&LIST),
        "AUTH" | "WRONG FILE OWNER" | "ALLOW" | "DENY" => entry.class(&DENIED),
        // `(CRON) INFO (Running @reboot jobs)`: the daemon speaks of itself, not of a user.
        _ => {
            if user == "CRON" || user == "crond" {
                return;
            }
        }
    }
    entry.user(user);
}
