//! Key tables: which field a product's key stands for, and the values of one line while they are put together.
//!
//! A key that stands in a product's table sets its ECS field, when the value fits the field and the field is free: the
//! first of two keys counts, so that text an attacker chose cannot displace what the device wrote. A key outside the
//! table is kept as `<prefix><key>`, at most [`Names::MAX`] of them. At most [`PAIRS_MAX`] pairs of a line are read.

use std::collections::HashMap;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value};

use crate::device;
use crate::parser::Names;

/// The most pairs of one line.
pub(crate) const PAIRS_MAX: usize = 400;

/// What is done with a key's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    /// Text of this field.
    Text(FieldId),
    /// Every value of this list field.
    Each(FieldId),
    /// Whole number of this field.
    Int(FieldId),
    /// Address of this field; other text is not kept.
    Ip(FieldId),
    /// Address of the first field; a name goes to the second.
    Host(FieldId, FieldId),
    /// MAC address of this field.
    Mac(FieldId),
    /// The product's code sets fields from it; it is kept under the product's own name too.
    Both,
    /// The product's code sets fields from it, and nothing more is kept.
    Held,
}

/// The key table of one product.
pub(crate) struct Keys {
    prefix: &'static str,
    known: HashMap<&'static str, To>,
    names: Names,
}

/// The pairs of one line, in order.
pub(crate) struct Pairs<'a>(BumpVec<'a, (&'a str, Value<'a>)>);

impl Keys {
    /// The table of a product whose own names start with `prefix`; of two lines for one key the first counts.
    pub(crate) fn new(prefix: &'static str, tables: &[&[(&'static str, To)]]) -> Self {
        let mut known = HashMap::new();
        for (key, to) in tables.iter().copied().flatten() {
            known.entry(*key).or_insert(*to);
        }
        Keys { prefix, known, names: Names::default() }
    }

    /// Sets what the pair says alone and holds it for what it says together with others.
    pub(crate) fn put<'a>(
        &mut self,
        key: &'a str,
        value: Value<'a>,
        pairs: &mut Pairs<'a>,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) {
        if is_nothing(value) || pairs.0.len() >= PAIRS_MAX {
            return;
        }
        pairs.0.push((key, value));
        match self.known.get(key) {
            Some(To::Held) => {}
            Some(To::Both) | None => self.own(key, value, event),
            Some(to) => set(*to, value, arena, event),
        }
    }

    /// Keeps a value under the product's own name.
    pub(crate) fn own<'a>(&mut self, key: &str, value: Value<'a>, event: &mut Event<'a>) {
        if let Some(field) = self.names.field(self.prefix, key) {
            event.push(field, value);
        }
    }
}

fn is_nothing(value: Value<'_>) -> bool {
    matches!(value, Value::Str("" | "-" | "N/A" | "n/a" | "(null)" | "(empty)"))
}

fn set<'a>(to: To, value: Value<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let text = text(value, arena);
    match to {
        To::Text(field) if !event.has(field) => event.push_str(field, text.trim()),
        To::Each(field) => event.push_unique(field, Value::Str(text)),
        To::Int(field) if !event.has(field) => device::push_int(field, text, event),
        To::Ip(field) if !event.has(field) => {
            device::push_ip(field, text, event);
        }
        To::Host(field, name) if !event.has(field) => host(field, name, text, event),
        To::Mac(field) if !event.has(field) => device::push_mac(field, text, arena, event),
        _ => {}
    }
}

fn host<'a>(field: FieldId, name: FieldId, text: &'a str, event: &mut Event<'a>) {
    if !device::push_ip(field, text, event) && !event.has(name) {
        event.push_str(name, text);
    }
}

fn text<'a>(value: Value<'a>, arena: &'a Bump) -> &'a str {
    match value {
        Value::Str(text) => text,
        Value::Bool(flag) => {
            if flag {
                "true"
            } else {
                "false"
            }
        }
        Value::Int(number) => bumpalo::format!(in arena, "{}", number).into_bump_str(),
        other => arena.alloc_str(&other.text()),
    }
}

impl<'a> Pairs<'a> {
    /// None yet.
    pub(crate) fn new_in(arena: &'a Bump) -> Self {
        Pairs(BumpVec::with_capacity_in(48, arena))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first value of the key.
    pub(crate) fn value(&self, key: &str) -> Option<Value<'a>> {
        self.0.iter().find(|(held, _)| *held == key).map(|(_, value)| *value)
    }

    /// The first value of the key if it is text, else an empty text.
    pub(crate) fn get(&self, key: &str) -> &'a str {
        match self.value(key) {
            Some(Value::Str(text)) => text,
            _ => "",
        }
    }

    /// The first value of the first of these keys that the line has.
    pub(crate) fn any(&self, keys: &[&str]) -> &'a str {
        keys.iter().map(|key| self.get(key)).find(|text| !text.is_empty()).unwrap_or("")
    }

    /// The first value of the key as a whole number.
    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        match self.value(key)? {
            Value::Int(number) => Some(number),
            Value::Str(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Every pair, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::fields as f;

    #[test]
    fn the_first_of_two_counts_and_must_fit() {
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        let table: &[(&str, To)] = &[
            ("src", To::Host(f::SOURCE_IP, f::SOURCE_DOMAIN)),
            ("from", To::Ip(f::SOURCE_IP)),
            ("sport", To::Int(f::SOURCE_PORT)),
            ("mac", To::Mac(f::SOURCE_MAC)),
            ("aside", To::Held),
        ];
        let mut keys = Keys::new("fw.", &[table]);
        let mut pairs = Pairs::new_in(&arena);
        for (key, value) in [
            ("src", "host1"),
            ("from", "192.0.2.1"),
            ("from", "192.0.2.2"),
            ("sport", "x"),
            ("sport", "53"),
            ("mac", "00:00:5e:00:53:01"),
            ("aside", "7"),
            ("none", "-"),
            ("other", "x"),
        ] {
            keys.put(key, Value::Str(value), &mut pairs, &arena, &mut event);
        }
        let found: Vec<String> =
            event.iter().map(|(field, value)| format!("{}={}", field.name(), value.text())).collect();
        let expected = [
            "source.domain=host1",
            "source.ip=192.0.2.1",
            "source.port=53",
            "source.mac=00-00-5E-00-53-01",
            "fw.other=x",
        ];
        assert_eq!(found, expected);
        assert_eq!((pairs.int("aside"), pairs.get("from"), pairs.any(&["no", "other"])), (Some(7), "192.0.2.1", "x"));
    }
}
