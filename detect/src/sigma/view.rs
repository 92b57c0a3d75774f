//! The event as the program sees it: values by slot, text and lower-case text made at most once per value.

use stream::{Event, FieldId, Value};

use super::predicate::Slot;
use super::text::fold_into;

const NONE: u16 = u16::MAX;

/// Buffers that live from event to event, so that judging allocates nothing once they are warm.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    fields: Vec<FieldId>,
    values: Vec<Value<'static>>,
    /// Per slot, the index of its first value.
    first: Vec<u16>,
    /// Per value, the index of the next value of the same slot.
    next: Vec<u16>,
    used: Vec<Slot>,
    buffer: String,
    /// Per value, where in `buffer` its text stands, for values that are not text.
    texts: Vec<Option<(u32, u32)>>,
    /// Per value, where in `buffer` its lower-case text stands.
    folds: Vec<Option<(u32, u32)>>,
}

/// One event, loaded into the scratch.
pub(crate) struct View<'s, 'a> {
    scratch: &'s mut Scratch,
    values: Vec<Value<'a>>,
}

/// Gives an empty vector of another lifetime the allocation of this one.
fn recycle<'from, 'to>(mut values: Vec<Value<'from>>) -> Vec<Value<'to>> {
    values.clear();
    values.into_iter().map(|_| Value::Bool(false)).collect()
}

impl<'s, 'a> View<'s, 'a> {
    /// Loads what of the event the rules may ask for. `slot_of` gives each field's slot by its index; fields that no
    /// rule of the event's logsource uses have none, and are loaded only when `all` are, for keywords.
    pub(crate) fn new(scratch: &'s mut Scratch, event: &Event<'a>, slot_of: &[u16], slots: usize, all: bool) -> Self {
        let mut values: Vec<Value<'a>> = recycle(std::mem::take(&mut scratch.values));
        scratch.fields.clear();
        scratch.used.clear();
        scratch.buffer.clear();
        scratch.first.clear();
        scratch.first.resize(slots, NONE);
        for (field, value) in event.iter() {
            if all || slot_of.get(field.index()).is_some_and(|slot| *slot != NONE) {
                scratch.fields.push(field);
                values.push(value);
            }
        }
        for list in [&mut scratch.texts, &mut scratch.folds] {
            list.clear();
            list.resize(values.len(), None);
        }
        scratch.next.clear();
        scratch.next.resize(values.len(), NONE);
        for (index, field) in scratch.fields.iter().enumerate().rev() {
            let slot = slot_of.get(field.index()).copied().unwrap_or(NONE);
            if slot != NONE {
                let first = &mut scratch.first[usize::from(slot)];
                if *first == NONE {
                    scratch.used.push(slot);
                }
                scratch.next[index] = *first;
                *first = index as u16;
            }
        }
        View { scratch, values }
    }

    /// Gives the buffers back.
    pub(crate) fn close(self) {
        self.scratch.values = recycle(self.values);
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The slots that hold something.
    pub(super) fn used(&self) -> usize {
        self.scratch.used.len()
    }

    pub(super) fn used_slot(&self, at: usize) -> Slot {
        self.scratch.used[at]
    }

    /// Whether the value came from the event itself and was not added by us.
    pub(super) fn is_content(&self, index: usize) -> bool {
        let field = self.scratch.fields[index];
        !(field.is_static() && field.name().starts_with("sekisho."))
    }

    pub(super) fn value(&self, index: usize) -> Value<'a> {
        self.values[index]
    }

    pub(super) fn first(&self, slot: Slot) -> Option<usize> {
        match self.scratch.first[usize::from(slot)] {
            NONE => None,
            index => Some(usize::from(index)),
        }
    }

    pub(super) fn next(&self, index: usize) -> Option<usize> {
        match self.scratch.next[index] {
            NONE => None,
            next => Some(usize::from(next)),
        }
    }

    pub(super) fn present(&self, slots: &[Slot]) -> bool {
        slots.iter().any(|slot| self.first(*slot).is_some())
    }

    /// The value's text.
    pub(super) fn text(&mut self, index: usize) -> &str {
        if let Value::Str(text) = self.values[index] {
            return text;
        }
        let span = match self.scratch.texts[index] {
            Some(span) => span,
            None => {
                let start = self.scratch.buffer.len();
                self.scratch.buffer.push_str(&self.values[index].text());
                self.mark(start, index, false)
            }
        };
        self.span(span)
    }

    /// The value's text in lower case.
    pub(super) fn folded(&mut self, index: usize) -> &str {
        let span = match self.scratch.folds[index] {
            Some(span) => span,
            None => {
                let start = self.scratch.buffer.len();
                fold_into(&self.values[index].text(), &mut self.scratch.buffer);
                self.mark(start, index, true)
            }
        };
        self.span(span)
    }

    /// The texts of two values.
    pub(super) fn pair(&mut self, left: usize, right: usize, folded: bool) -> (&str, &str) {
        if folded {
            self.folded(left);
            self.folded(right);
        } else {
            self.text(left);
            self.text(right);
        }
        (self.held(left, folded), self.held(right, folded))
    }

    fn held(&self, index: usize, folded: bool) -> &str {
        let span = if folded { self.scratch.folds[index] } else { self.scratch.texts[index] };
        match (span, self.values[index]) {
            (Some(span), _) => self.span(span),
            (None, Value::Str(text)) => text,
            (None, _) => "",
        }
    }

    fn mark(&mut self, start: usize, index: usize, folded: bool) -> (u32, u32) {
        let span = (start as u32, self.scratch.buffer.len() as u32);
        let list = if folded { &mut self.scratch.folds } else { &mut self.scratch.texts };
        list[index] = Some(span);
        span
    }

    fn span(&self, (start, end): (u32, u32)) -> &str {
        &self.scratch.buffer[start as usize..end as usize]
    }
}
