//! The event as the program sees it: values by slot, text and lower-case text made at most once per value.

use stream::{Event, FieldId, Value};

use super::logsource::Hint;
use super::predicate::Slot;
use super::program::Program;
use super::text::{dash_into, fold_into, has_ascii_case_only};
use crate::places::{are_same, hash_of};

const NONE: u16 = u16::MAX;
/// A field whose slot was not asked for yet.
const PENDING: u16 = u16::MAX - 1;

/// What there is to know of events with these very fields in this order. A source writes few different ones.
#[derive(Debug)]
pub(super) struct Shape {
    /// Given once, so that others may remember what they found out for a shape.
    number: u64,
    ids: Box<[FieldId]>,
    /// Per slot, the index of its first value.
    first: Box<[u16]>,
    /// Per value, the index of the next value of the same slot.
    next: Box<[u16]>,
    used: Box<[Slot]>,
    hints: Box<[(u16, Hint)]>,
    /// Values that came from the event itself and were not added by us.
    content: Box<[u16]>,
}

/// The shapes met, at most [`Shapes::MAX`]; of two that fall into the same place the later one stays.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Option<Box<Shape>>>,
    /// Slot by field index, asked for once per field.
    slot_of: Vec<u16>,
    made: u64,
}

impl Shapes {
    const MAX: usize = 512;

    /// The shape of an event.
    pub(super) fn of(&mut self, program: &Program, event: &Event<'_>) -> &Shape {
        let ids = event.ids();
        let hash = hash_of(ids);
        if self.known.is_empty() {
            self.known.resize_with(Self::MAX, || None);
        }
        let at = (hash >> 32) as usize % Self::MAX;
        if self.known[at].as_ref().is_none_or(|shape| !are_same(&shape.ids, ids)) {
            self.known[at] = None;
            let shape = self.add(program, ids);
            self.known[at] = Some(Box::new(shape));
        }
        // Present: it was put there above if it was not.
        self.known[at].get_or_insert_with(|| Box::new(Shape::empty()))
    }

    fn add(&mut self, program: &Program, ids: &[FieldId]) -> Shape {
        self.made += 1;
        let mut shape = Shape {
            number: self.made,
            ids: ids.into(),
            first: vec![NONE; program.slots].into(),
            next: vec![NONE; ids.len()].into(),
            ..Shape::empty()
        };
        let (mut used, mut hints, mut content) = (Vec::new(), Vec::new(), Vec::new());
        for (index, field) in ids.iter().enumerate().rev() {
            if !(field.is_static() && field.name().starts_with("sekisho.")) {
                content.push(index as u16);
            }
            if let Some(hint) = Hint::of(*field) {
                hints.push((index as u16, hint));
            }
            let slot = self.slot_of(program, *field);
            if slot != NONE {
                let first = &mut shape.first[usize::from(slot)];
                if *first == NONE {
                    used.push(slot);
                }
                shape.next[index] = *first;
                *first = index as u16;
            }
        }
        hints.reverse();
        content.reverse();
        (shape.used, shape.hints, shape.content) = (used.into(), hints.into(), content.into());
        shape
    }

    fn slot_of(&mut self, program: &Program, field: FieldId) -> u16 {
        if self.slot_of.len() <= field.index() {
            self.slot_of.resize(field.index() + 1, PENDING);
        }
        let slot = &mut self.slot_of[field.index()];
        if *slot == PENDING {
            let own = |field: FieldId| program.slot_of.get(field.index()).copied().unwrap_or(NONE);
            *slot = own(field);
            if *slot == NONE
                && let Some(plain) = plain_name(field.name()).and_then(stream::fields::lookup)
            {
                *slot = own(plain);
            }
        }
        *slot
    }
}

/// The name that rules use for a field of a Windows event that is nested as Windows writes XML or as Winlogbeat does.
fn plain_name(name: &str) -> Option<&str> {
    let data = ["winlog.event_data.", "Event.EventData.", "EventData."].iter().find_map(|head| name.strip_prefix(head));
    if data.is_some() {
        return data;
    }
    let within = ["winlog.user_data.", "Event.UserData.", "UserData."].iter().find_map(|head| name.strip_prefix(head));
    if let Some(rest) = within {
        return Some(rest.rsplit_once('.').map_or(rest, |(_, last)| last));
    }
    let header = ["winlog.", "Event.System.", "System."].iter().find_map(|head| name.strip_prefix(head))?;
    Some(match header {
        "EventID" | "EventID.#text" | "event_id" => "EventID",
        "Channel" | "channel" => "Channel",
        "Provider_Name" | "Provider.Name" | "Provider.@Name" | "Provider.#attributes.Name" | "provider_name" => {
            "Provider_Name"
        }
        "Computer" | "computer_name" => "Computer",
        "EventRecordID" | "record_id" => "EventRecordID",
        "Level" | "level" => "Level",
        "Task" | "task" => "Task",
        "Keywords" | "keywords" => "Keywords",
        "Opcode" | "opcode" => "Opcode",
        _ => return None,
    })
}

impl Shape {
    fn empty() -> Shape {
        Shape {
            number: 0,
            ids: Box::default(),
            first: Box::default(),
            next: Box::default(),
            used: Box::default(),
            hints: Box::default(),
            content: Box::default(),
        }
    }

    /// Its number: another shape, even one that took its place, has another.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The slots that hold something.
    pub(super) fn used(&self) -> &[Slot] {
        &self.used
    }

    /// The indexes of a slot's values.
    pub(super) fn of_slot(&self, slot: Slot) -> impl Iterator<Item = u16> + '_ {
        let mut next = self.first[usize::from(slot)];
        std::iter::from_fn(move || {
            let index = (next != NONE).then_some(next)?;
            next = self.next[usize::from(index)];
            Some(index)
        })
    }

    /// What of the event tells its logsource.
    pub(super) fn hints<'e, 'a>(&'e self, event: &'e Event<'a>) -> impl Iterator<Item = (Hint, &'e Value<'a>)> + 'e {
        self.hints.iter().map(|(index, hint)| (*hint, &event.values()[usize::from(*index)]))
    }

    /// The indexes of the values that came from the event itself.
    pub(super) fn content(&self) -> &[u16] {
        &self.content
    }

    fn first(&self, slot: Slot) -> Option<usize> {
        self.first.get(usize::from(slot)).filter(|index| **index != NONE).map(|index| usize::from(*index))
    }
}

/// Buffers that live from event to event, so that judging allocates nothing once they are warm.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffer: String,
    /// Per value and form, where in `buffer` its text stands; [`UNMADE`] when not made.
    spans: Vec<[(u32, u32); FORMS]>,
    /// Values of which some form was made.
    made: Vec<u16>,
}

const FORMS: usize = 4;
const UNMADE: (u32, u32) = (u32::MAX, 0);

/// One event, with its shape and room for its texts.
pub(super) struct View<'s, 'a> {
    shape: &'s Shape,
    values: &'s [Value<'a>],
    scratch: &'s mut Scratch,
}

impl<'s, 'a> View<'s, 'a> {
    pub(super) fn new(scratch: &'s mut Scratch, shape: &'s Shape, event: &'s Event<'a>) -> Self {
        scratch.buffer.clear();
        for index in scratch.made.drain(..) {
            scratch.spans[usize::from(index)] = [UNMADE; FORMS];
        }
        if scratch.spans.len() < event.len() {
            scratch.spans.resize(event.len(), [UNMADE; FORMS]);
        }
        View { shape, values: event.values(), scratch }
    }

    /// Indexes of the values that came from the event itself.
    pub(super) fn content(&self) -> &'s [u16] {
        self.shape.content()
    }

    pub(super) fn value(&self, index: usize) -> Value<'a> {
        self.values[index]
    }

    pub(super) fn first(&self, slot: Slot) -> Option<usize> {
        self.shape.first(slot)
    }

    pub(super) fn next(&self, index: usize) -> Option<usize> {
        match self.shape.next[index] {
            NONE => None,
            next => Some(usize::from(next)),
        }
    }

    pub(super) fn present(&self, slots: &[Slot]) -> bool {
        slots.iter().any(|slot| self.first(*slot).is_some())
    }

    /// The value's text.
    pub(super) fn text(&mut self, index: usize) -> &str {
        self.form(index, false, false)
    }

    /// The value's text in lower case.
    pub(super) fn folded(&mut self, index: usize) -> &str {
        self.form(index, true, false)
    }

    /// The value's text, in lower case or not, with every dash of `windash` as `-` or not.
    pub(super) fn form(&mut self, index: usize, folded: bool, dashed: bool) -> &str {
        if let (Value::Str(text), false, false) = (self.values[index], folded, dashed) {
            return text;
        }
        let form = usize::from(folded) + 2 * usize::from(dashed);
        if self.scratch.spans[index][form] == UNMADE {
            let start = self.scratch.buffer.len();
            let text = self.values[index].text();
            match (folded, dashed) {
                (false, false) => self.scratch.buffer.push_str(&text),
                (true, false) => fold_into(&text, &mut self.scratch.buffer),
                (folded, true) => dash_into(&text, folded, &mut self.scratch.buffer),
            }
            self.scratch.spans[index][form] = (start as u32, self.scratch.buffer.len() as u32);
            self.scratch.made.push(index as u16);
        }
        let (start, end) = self.scratch.spans[index][form];
        &self.scratch.buffer[start as usize..end as usize]
    }

    /// The value's text as the index reads it: as it is when only its ASCII letters have a case, else in lower case. None of
    /// whole numbers and of other values but text unless they are wanted.
    #[inline]
    pub(super) fn scanned(&mut self, index: usize, integers: bool, others: bool) -> Option<&[u8]> {
        match &self.values[index] {
            Value::Str(text) if has_ascii_case_only(text) => return Some(text.as_bytes()),
            Value::Int(_) if !integers => return None,
            Value::Str(_) | Value::Int(_) => {}
            _ if !others => return None,
            _ => {}
        }
        Some(self.folded(index).as_bytes())
    }

    /// The texts of all values that came from the event itself and that `wanted` picks, one after the other, as the index
    /// reads them: what stands in one of them stands in it.
    pub(super) fn joined(&mut self, wanted: impl Fn(&Value<'a>) -> bool) -> &[u8] {
        let shape = self.shape;
        let start = self.scratch.buffer.len();
        for index in &shape.content {
            let value = &self.values[usize::from(*index)];
            match value {
                _ if !wanted(value) => continue,
                Value::Str(text) => self.scratch.buffer.push_str(text),
                value => self.scratch.buffer.push_str(&value.text()),
            }
            self.scratch.buffer.push('\n');
        }
        let joined = &mut self.scratch.buffer[start..];
        if has_ascii_case_only(joined) {
            joined.make_ascii_lowercase();
            return &self.scratch.buffer.as_bytes()[start..];
        }
        let joined = self.scratch.buffer.split_off(start);
        fold_into(&joined, &mut self.scratch.buffer);
        &self.scratch.buffer.as_bytes()[start..]
    }

    /// The texts of two values.
    pub(super) fn pair(&mut self, left: usize, right: usize, folded: bool) -> (&str, &str) {
        self.form(left, folded, false);
        self.form(right, folded, false);
        (self.held(left, folded), self.held(right, folded))
    }

    fn held(&self, index: usize, folded: bool) -> &str {
        match (self.scratch.spans[index][usize::from(folded)], self.values[index]) {
            (UNMADE, Value::Str(text)) => text,
            (UNMADE, _) => "",
            ((start, end), _) => &self.scratch.buffer[start as usize..end as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn nested_fields_have_the_names_of_rules() {
        for (name, plain) in [
            ("winlog.event_data.Image", Some("Image")),
            ("Event.EventData.TargetObject", Some("TargetObject")),
            ("Event.UserData.EventXML.User", Some("User")),
            ("Event.System.EventID", Some("EventID")),
            ("Event.System.Provider.#attributes.Name", Some("Provider_Name")),
            ("winlog.channel", Some("Channel")),
            ("winlog.activity_id", None),
            ("Image", None),
        ] {
            assert_eq!(plain_name(name), plain, "{name}");
        }
    }
}
