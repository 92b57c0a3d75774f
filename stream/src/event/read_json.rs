//! Reads events as [`Event::write_json`] writes them, so that they travel through a topic that other systems read, too.

use std::fmt;

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Event, Value};
use crate::fields::{self, FieldId, Kind};
use crate::{Error, Result, Timestamp};

impl<'a> Event<'a> {
    /// The member that names the event. It counts only where it comes first: whoever writes a log may name a field so, too.
    pub const ID: &'static str = "_id";

    /// Reads one JSON object with dotted names, and the value of its member [`Event::ID`] beside the fields. Addresses and instants
    /// are told by the kind of their field; those of a field without one stay text.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is no such object.
    pub fn read_json(bytes: &'a [u8], arena: &'a Bump) -> Result<(Event<'a>, Option<&'a str>)> {
        let mut read = Read { event: Event::new_in(arena), id: None, arena };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let done = (&mut read).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        done.map_err(|error| Error::Damaged { what: "event", place: "JSON".to_owned(), reason: error.to_string() })?;
        Ok((read.event, read.id))
    }
}

struct Read<'a> {
    event: Event<'a>,
    id: Option<&'a str>,
    arena: &'a Bump,
}

impl<'de> DeserializeSeed<'de> for &mut Read<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Read<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of fields")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut first = true;
        while let Some(name) = map.next_key_seed(Text(self.arena))? {
            if std::mem::take(&mut first) && name == Event::ID {
                self.id = Some(map.next_value_seed(Text(self.arena))?);
                continue;
            }
            let field = fields::intern_again(name);
            map.next_value_seed(Values { read: self, field })?;
        }
        Ok(())
    }
}

/// Text that borrows where nothing is escaped.
struct Text<'a>(&'a Bump);

impl<'de> DeserializeSeed<'de> for Text<'de> {
    type Value = &'de str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'de str, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text<'de> {
    type Value = &'de str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<&'de str, E> {
        Ok(text)
    }

    fn visit_str<E>(self, text: &str) -> Result<&'de str, E> {
        Ok(self.0.alloc_str(text))
    }
}

/// One value or several of a field; of none when this process has no room for its name.
struct Values<'r, 'a> {
    read: &'r mut Read<'a>,
    field: Option<FieldId>,
}

impl<'a> Values<'_, 'a> {
    fn push(self, value: Value<'a>) {
        if let Some(field) = self.field {
            self.read.event.push(field, value);
        }
    }

    fn text(self, text: &'a str) {
        let value = match self.field.map(FieldId::kind) {
            Some(Kind::Ip) => text.parse().map(Value::Ip).ok(),
            Some(Kind::Time) => Timestamp::parse_rfc3339(text).map(Value::Time),
            _ => None,
        };
        self.push(value.unwrap_or(Value::Str(text)));
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, or a list of these")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let text = self.read.arena.alloc_str(text);
        self.text(text);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        let is_float = self.field.is_some_and(|field| field.kind() == Kind::Float);
        self.push(if is_float { Value::Float(number as f64) } else { Value::Int(number) });
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => self.visit_f64(number as f64),
        }
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.push(Value::Float(number));
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.push(Value::Bool(flag));
        Ok(())
    }

    /// How a number that is none is written.
    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Value::Float(f64::NAN));
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut values: S) -> Result<(), S::Error> {
        while values.next_element_seed(Values { read: &mut *self.read, field: self.field })?.is_some() {
            if self.read.event.len() > Event::FIELDS_MAX {
                return Err(S::Error::custom("too many values"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        event.push(fields::TIMESTAMP, Value::Time(Timestamp(1_799_999_999_123_456_789)));
        event.push(fields::SOURCE_IP, Value::Ip("2001:db8::1".parse().unwrap()));
        event.push(fields::SOURCE_PORT, Value::Int(-1));
        event.push(fields::USER_NAME, Value::Str("佐藤 \"x\"\n\\"));
        event.push(fields::SEKISHO_RULE_IDS, Value::Str("one"));
        event.push(fields::SEKISHO_RULE_IDS, Value::Str("two"));
        let own = fields::intern("read_json.own").unwrap();
        event.push(own, Value::Float(0.5));
        event.push(own, Value::Bool(true));
        event.push(own, Value::Int(i64::MAX));
        let mut json = Vec::new();
        event.write_json(&mut json);
        let (back, id) = Event::read_json(&json, &arena).unwrap();
        assert_eq!(back.iter().collect::<Vec<_>>(), event.iter().collect::<Vec<_>>());
        assert_eq!(id, None);
        let json = [b"{\"_id\":\"3-7\",", &json[1..]].concat();
        assert_eq!(Event::read_json(&json, &arena).unwrap().1, Some("3-7"));
        let named = fields::intern(Event::ID).unwrap();
        let (event, id) = Event::read_json(br#"{"_id":"3-7","_id":"0-0"}"#, &arena).unwrap();
        assert_eq!((id, event.get_str(named)), (Some("3-7"), Some("0-0")), "a field is not taken for the event's id");
        assert_eq!(Event::read_json(br#"{"a":1,"_id":"0-0"}"#, &arena).unwrap().1, None);
        for wrong in ["", "[]", "{\"a\":{\"b\":1}}", "{\"_id\":5}", "{} {}", "{\"a\":\"\\ud800\"}"] {
            assert!(Event::read_json(wrong.as_bytes(), &arena).is_err(), "{wrong}");
        }
        for cut in 0..json.len() {
            drop(Event::read_json(&json[..cut], &arena));
        }
    }
}
