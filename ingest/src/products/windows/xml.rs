//! Events rendered as XML: `<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">`, on one line or many,
//! with or without `RenderingInfo`, as `wevtutil`, WEF, Winlogbeat's `include_xml` and agents write them.
//!
//! The first `<Event>` is read; damaged XML gives what stood before the damage. Entities are the five predefined ones
//! and character references; nothing is ever fetched or expanded.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event as Xml};

use super::reading::Reading;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    System,
    EventData,
    UserData,
    Rendering,
}

/// Where the reader stands.
struct Place<'a> {
    section: Section,
    section_depth: usize,
    depth: usize,
    /// The element opened last, while nothing else has been opened or closed since.
    leaf: Option<&'a str>,
    leaf_start: usize,
    /// `Name` of the current `Data` element.
    name: &'a str,
}

/// Reads the event in `text`, which starts at its first `<`; `false` when there is none.
pub(super) fn read<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) -> bool {
    let mut reader = Reader::from_str(text);
    let mut place = Place { section: Section::None, section_depth: 0, depth: 0, leaf: None, leaf_start: 0, name: "" };
    loop {
        let before = position(&reader);
        match reader.read_event() {
            Ok(Xml::Start(tag)) => {
                place.depth += 1;
                open(text, &tag, &mut place, reading);
                place.leaf_start = position(&reader);
            }
            Ok(Xml::Empty(tag)) => {
                place.depth += 1;
                open(text, &tag, &mut place, reading);
                close("", &mut place, reading);
            }
            Ok(Xml::End(tag)) => {
                let inner = text.get(place.leaf_start..before).unwrap_or("");
                close(inner, &mut place, reading);
                if tag.local_name().as_ref() == "Event" {
                    break;
                }
            }
            Ok(Xml::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    !reading.record.header.event_id.is_empty()
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn open<'a>(text: &'a str, tag: &BytesStart<'_>, place: &mut Place<'a>, reading: &mut Reading<'_, 'a>) {
    let local = tag.local_name();
    let leaf = within(text, local.as_ref()).unwrap_or("");
    place.leaf = Some(leaf);
    place.name = "";
    if place.section == Section::None {
        place.section = match leaf {
            "System" => Section::System,
            "EventData" | "BinaryEventData" => Section::EventData,
            "UserData" => Section::UserData,
            "RenderingInfo" => Section::Rendering,
            _ => Section::None,
        };
        place.section_depth = place.depth;
        return;
    }
    for attribute in tag.attributes().with_checks(false).flatten() {
        let Some(value) = within(text, &attribute.value).map(|value| plain(value, reading)) else { continue };
        let header = &mut reading.record.header;
        match (place.section, leaf, attribute.key.as_ref()) {
            (Section::EventData, _, "Name") => place.name = value,
            (Section::System, "Provider", "Name") => header.provider = value,
            (Section::System, "Provider", "Guid") => header.provider_guid = value,
            (Section::System, "Provider", "EventSourceName") if header.provider.is_empty() => header.provider = value,
            (Section::System, "TimeCreated", "SystemTime") => {
                let instant = crate::time::iso(value, &crate::time::Zone::utc());
                reading.record.header.time = instant;
            }
            (Section::System, "Correlation", "ActivityID") => header.activity_id = value,
            (Section::System, "Correlation", "RelatedActivityID") => header.related_activity_id = value,
            (Section::System, "Execution", "ProcessID") => header.process_id = value,
            (Section::System, "Execution", "ThreadID") => header.thread_id = value,
            (Section::System, "Security", "UserID") => header.user_sid = value,
            _ => {}
        }
    }
}

fn close<'a>(inner: &'a str, place: &mut Place<'a>, reading: &mut Reading<'_, 'a>) {
    if let Some(leaf) = place.leaf.take() {
        let inside = place.depth > place.section_depth;
        match place.section {
            Section::System if inside => {
                let value = plain(inner.trim(), reading);
                reading.header(leaf, value);
            }
            Section::EventData if inside => {
                let value = plain(inner, reading);
                let name = if leaf == "Data" { place.name } else { leaf };
                reading.data(name, value);
            }
            Section::UserData if inside && place.depth > place.section_depth + 1 => {
                let value = plain(inner, reading);
                reading.data(leaf, value);
            }
            Section::Rendering if inside => rendering(leaf, inner, reading),
            _ => {}
        }
    }
    if place.section != Section::None && place.depth == place.section_depth {
        place.section = Section::None;
    }
    place.depth = place.depth.saturating_sub(1);
}

/// Texts that Windows rendered: they say more than the numbers.
fn rendering<'a>(leaf: &str, inner: &'a str, reading: &mut Reading<'_, 'a>) {
    let value = plain(inner.trim(), reading);
    let header = &mut reading.record.header;
    match leaf {
        _ if value.is_empty() => {}
        "Message" => header.message = value,
        "Task" => header.task = value,
        "Opcode" => header.opcode = value,
        "Keyword" => reading.keyword(value),
        _ => {}
    }
}

/// The value without entities and CDATA marks; borrowed when it has none.
fn plain<'a>(raw: &'a str, reading: &Reading<'_, 'a>) -> &'a str {
    if let Some(inner) = raw.trim().strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>")) {
        return inner;
    }
    if !raw.contains('&') {
        return raw;
    }
    match unescape(raw) {
        Ok(text) => reading.arena.alloc_str(&text),
        Err(_) => raw,
    }
}

/// `part` as a piece of `whole`, when it is one.
fn within<'a>(whole: &'a str, part: &str) -> Option<&'a str> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    whole.get(start..start.checked_add(part.len())?).filter(|found| *found == part)
}
