//! Plain names at the top of a JSON object (`src_ip`, `user`, `level`, `status`...): what they mean in ECS, set beside them.
//!
//! The names are those of `key_value`. A field that the object sets by its ECS name stays; the plain name is kept as well.
//! At most [`SET_MAX`] fields of an event are set so; what a name means is asked once per name.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Kind, Value, fields as f};

use super::{To, key_value, outcome_of, push_end_with_port, push_fitting, push_transport, push_user};
use crate::parser::Context;

/// The most fields set of one event.
const SET_MAX: usize = 64;

/// What the names seen so far mean, by the number of their field; the table of fields bounds it.
#[derive(Default)]
pub(super) struct Plain {
    known: Vec<Option<Option<To>>>,
}

impl Plain {
    /// Sets what the plain names say.
    pub(super) fn settle<'a>(&mut self, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
        let mut found = BumpVec::new_in(arena);
        for (field, value) in event.iter().filter(|(field, _)| !field.is_static()) {
            if let Some(to) = self.to(field)
                && found.len() < SET_MAX
            {
                found.push((to, value));
            }
        }
        for (to, value) in found {
            match value {
                Value::Str(text) => set(to, text, context, event),
                Value::Int(number) => set_number(to, number, event),
                _ => {}
            }
        }
    }

    fn to(&mut self, field: FieldId) -> Option<To> {
        let index = field.index();
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
        }
        *self.known[index].get_or_insert_with(|| key_value::of(field.name()))
    }
}

fn set<'a>(to: To, text: &'a str, context: &Context, event: &mut Event<'a>) {
    if text.is_empty() || text == "-" {
        return;
    }
    match to {
        To::Field(field) if event.has(field) || field.kind() == Kind::Time => {}
        To::Field(field) => {
            let fits = push_fitting(field, text, context, event) || push_end_with_port(field, text, event);
            if fits && field == f::URL_ORIGINAL && text.contains("://") {
                event.push_str(f::URL_FULL, text);
                crate::products::squid::url::push(text, event);
            }
        }
        To::Transport if !event.has(f::NETWORK_TRANSPORT) => _ = push_transport(text, event),
        To::User if !event.has(f::USER_NAME) => push_user(text, event),
        To::Direction if !event.has(f::NETWORK_DIRECTION) => event.push_str(f::NETWORK_DIRECTION, text),
        To::Status => match text.parse::<i64>() {
            Ok(status) => set_number(To::Status, status, event),
            Err(_) => outcome(text, event),
        },
        To::Outcome => outcome(text, event),
        _ => {}
    }
}

fn outcome(text: &str, event: &mut Event<'_>) {
    if let Some(word) = outcome_of(text).filter(|_| !event.has(f::EVENT_OUTCOME)) {
        event.push(f::EVENT_OUTCOME, Value::Str(word));
    }
}

fn set_number(to: To, number: i64, event: &mut Event<'_>) {
    match to {
        To::Field(field) if !event.has(field) && matches!(field.kind(), Kind::Int | Kind::Keyword) => {
            event.push(field, Value::Int(number));
        }
        To::Status if (100..=599).contains(&number) && !event.has(f::HTTP_RESPONSE_STATUS_CODE) => {
            event.push(f::HTTP_RESPONSE_STATUS_CODE, Value::Int(number));
        }
        _ => {}
    }
}
