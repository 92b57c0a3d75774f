//! systemd's own lines: units that start, stop and fail, sessions and slices.
//!
//! Messages of systemd 219 to 257 (`Started X.`, `Stopped X.`, `x.service: Main process exited, code=exited, status=1`).

use stream::fields;

use super::entry::{Class, Entry, digits, unquote, word};

const STARTED: Class =
    Class { category: &["process"], kind: &["start"], action: "service-started", outcome: "success" };
const STARTING: Class = Class { category: &["process"], kind: &["start"], action: "service-starting", outcome: "" };
const STOPPED: Class = Class { category: &["process"], kind: &["end"], action: "service-stopped", outcome: "" };
const STOPPING: Class = Class { category: &["process"], kind: &["end"], action: "service-stopping", outcome: "" };
const FAILED: Class =
    Class { category: &["process"], kind: &["error", "end"], action: "service-failed", outcome: "failure" };
const RELOADED: Class =
    Class { category: &["configuration"], kind: &["change"], action: "service-reloaded", outcome: "" };
const SESSION: Class = Class { category: &["session"], kind: &["start"], action: "logged-on", outcome: "success" };

/// `Started Session 12 of User sato.`, `Started nginx.service - A high performance web server.`, `nginx.service: Failed
/// with result 'exit-code'.`
pub(super) fn read(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim();
    let (verb, rest) = word(text);
    match verb {
        "Started" if rest.starts_with("Session ") || rest.starts_with("session-") => session(entry, rest),
        "Started" => named(entry, &STARTED, rest),
        "Starting" => named(entry, &STARTING, rest),
        "Stopped" => named(entry, &STOPPED, rest),
        "Stopping" => named(entry, &STOPPING, rest),
        "Finished" => named(entry, &STOPPED, rest),
        "Reloaded" | "Reloading" if !rest.is_empty() => named(entry, &RELOADED, rest),
        "Failed" if rest.starts_with("to start ") => named(entry, &FAILED, &rest["to start ".len()..]),
        _ => unit(entry, text),
    }
}

/// The unit by its name or its description; systemd 249 and later may write both.
fn named<'a>(entry: &mut Entry<'_, 'a>, class: &Class, rest: &'a str) {
    entry.class(class);
    let name = rest.split(" - ").next().unwrap_or(rest);
    entry.text(fields::SERVICE_NAME, name.trim_end_matches('.'));
}

fn session<'a>(entry: &mut Entry<'_, 'a>, rest: &'a str) {
    entry.class(&SESSION);
    let lower = rest.split_once(" of User ").or_else(|| rest.split_once(" of user "));
    entry.user(unquote(lower.map_or("", |(_, user)| user.trim_end_matches('.'))));
    let number = rest.trim_start_matches("session-").trim_start_matches("Session ");
    entry.extra(entry.own.session_id, digits(number));
}

/// `UNIT: what happened to it`.
fn unit<'a>(entry: &mut Entry<'_, 'a>, text: &'a str) {
    let Some((name, what)) = text.split_once(": ") else { return };
    if name.contains(' ') || !name.contains('.') {
        return;
    }
    entry.text(fields::SERVICE_NAME, name);
    if what.starts_with("Main process exited") {
        let failed = !what.contains("status=0");
        entry.class(if failed { &FAILED } else { &STOPPED });
        entry.text(fields::EVENT_REASON, what);
    } else if what.starts_with("Failed with result") || what.starts_with("Unit entered failed state") {
        entry.class(&FAILED);
        entry.text(fields::EVENT_REASON, what.trim_end_matches('.'));
    } else if what.starts_with("Deactivated successfully") || what.starts_with("Succeeded") {
        entry.class(&STOPPED);
    } else if what.starts_with("Scheduled restart job") {
        entry.class(&STARTING);
    }
}
