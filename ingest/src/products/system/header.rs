//! What the shared header reader leaves to this product: tags with blanks in them.
//!
//! RFC 3164 asks for a tag of letters and digits; macOS writes `Google Chrome[85294]:` and
//! `com.apple.xpc.launchd[1] (com.apple.quicklook[2]):`. So a tag may hold blanks when it ends in `[pid]` or `)`, up to
//! [`TAG_BYTES_MAX`].

use stream::{Event, Value, fields};

use super::entry::digits;
use crate::parser::Context;
use crate::syslog;

/// The longest tag.
const TAG_BYTES_MAX: usize = 128;

/// What the rest of the reader needs from a header.
pub(super) struct Head<'a> {
    pub(super) program: &'a str,
    pub(super) message: &'a str,
    pub(super) facility: Option<u8>,
}

/// Reads the header, sets its fields, and gives program and message.
pub(super) fn read<'a>(line: &'a str, context: &Context, event: &mut Event<'a>) -> Head<'a> {
    let line = line.trim_end_matches(['\r', '\n', '\0', ' ']);
    let mut header = syslog::parse(line, context);
    let known = header.timestamp.is_some() || header.priority.is_some();
    if header.appname.is_none()
        && header.version.is_none()
        && known
        && let Some((program, pid, message)) = tag(header.message)
    {
        header.appname = Some(program);
        header.procid = pid;
        header.message = message;
    }
    header.apply(event);
    if let Some(host) = header.hostname {
        event.push(fields::HOST_NAME, Value::Str(host));
    }
    event.push_str(fields::MESSAGE, header.message);
    Head {
        program: header.appname.unwrap_or(""),
        message: header.message,
        facility: header.priority.map(|priority| priority >> 3),
    }
}

/// Splits `TAG[PID]: MESSAGE`, where the tag may hold blanks.
fn tag(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let window = text.get(..TAG_BYTES_MAX.min(text.len())).unwrap_or(text);
    let at = window.find("]:").map(|at| at + 1).or_else(|| window.find("):").map(|at| at + 1))?;
    let (candidate, message) = (&text[..at], text[at + 1..].trim_start());
    let process = candidate.strip_suffix(']').and_then(|text| text.rsplit_once('['));
    match process {
        Some((name, pid)) if !pid.is_empty() && digits(pid) == pid && name.matches(' ').count() < 4 => {
            // GDM's tag ends in a bracket that was never opened: `gdm-password][1200]:`.
            let name = name.strip_suffix(']').filter(|name| !name.contains('[')).unwrap_or(name);
            Some((name, Some(pid), message))
        }
        None if candidate.contains('[') => Some((candidate, None, message)),
        _ => None,
    }
}
