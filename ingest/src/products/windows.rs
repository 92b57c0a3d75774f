//! Windows event log (`windows_security`, alias `windows`): every channel, however it was shipped.
//!
//! Formats: JSON of Winlogbeat, Elastic Agent, NXLog, Fluent Bit and of the evtx library; XML; the rendered text in
//! English or Japanese; Snare. Each may follow a syslog header. All event data is kept as `winlog.event_data.<Name>`
//! under Windows' own names, which Sigma rules use; beside it stand the ECS fields, in the words of elastic's
//! integrations. `sekisho.logsource.service` is the channel as SigmaHQ names it, `...category` what Sysmon's event ids
//! and 4688 stand for (several values where Sigma has several).
//!
//! Limits: 300 items of event data per event, 100 of them unnamed; 4,096 names per parser; objects 12 deep. What is over
//! stays in `event.original`.

mod audit;
mod channels;
mod codes;
mod inserts;
mod json;
mod keys;
mod labels;
mod others;
mod reading;
mod record;
mod scan;
mod sysmon;
#[cfg(test)]
mod tests;
mod text;
mod xml;

use bumpalo::Bump;
use memchr::memmem;
use stream::Event;

use self::keys::Keys;
use self::reading::Reading;
use self::record::Record;
use crate::parser::{Context, Parser, Reason};

/// Parser of this product.
#[derive(Default)]
pub struct Windows {
    keys: Keys,
}

impl Parser for Windows {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut reading = Reading { record: Record::new(), keys: &mut self.keys, event, arena, context, unnamed: 0 };
        let (form, body) = form(line);
        let known = match form {
            Form::Json => json::read(body, &mut reading),
            Form::Xml => xml::read(body, &mut reading),
            Form::Snare => text::snare(body, &mut reading),
            Form::Text => text::read(body, &mut reading),
        };
        reading.record.finish(event, arena);
        if known { Ok(()) } else { Err(Reason("no Windows event with an event id")) }
    }
}

enum Form {
    Json,
    Xml,
    Snare,
    Text,
}

/// How far into a line the payload may start after a syslog header.
const HEADER_BYTES: usize = 512;

/// The form of a line, and where its payload starts.
fn form(line: &str) -> (Form, &str) {
    let body = line.trim_start_matches('\u{feff}').trim_start();
    match body.as_bytes().first() {
        Some(b'{') => return (Form::Json, body),
        Some(b'<') if body.starts_with("<Event") || body.starts_with("<?xml") => return (Form::Xml, body),
        _ => {}
    }
    let head = &body.as_bytes()[..body.len().min(HEADER_BYTES)];
    let after = |at: usize| body.get(at..).unwrap_or("");
    if let Some(at) = memmem::find(head, b"MSWinEventLog") {
        (Form::Snare, after(at))
    } else if let Some(at) = memmem::find(head, b"<Event ").or_else(|| memmem::find(head, b"<Event>")) {
        (Form::Xml, after(at))
    } else if let Some(at) = memmem::find(head, b"{\"") {
        (Form::Json, after(at))
    } else {
        (Form::Text, body)
    }
}
