//! Where an event's fields stand, worked out once for all events that have the same fields in the same order.
//!
//! Rules ask an event for its fields some thirty times; here each answer is one step, whatever the number of fields.
//! Bounds: [`SHAPES_MAX`] orders of fields are remembered, of fields numbered below [`FIELDS_MAX`] (2 bytes each); what is
//! beyond is found by looking through the event.

use stream::{Event, FieldId, Value};

use crate::beyond::USUAL;

/// Of two orders that fall into the same place the later one stays.
const SHAPES_MAX: usize = 256;
const FIELDS_MAX: usize = 2048;
const NONE: u16 = u16::MAX;
/// Set where more values of the field follow.
const MORE: u16 = 0x8000;
const _: () = assert!(Event::FIELDS_MAX < MORE as usize);

/// The orders of fields met so far.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    known: Vec<Option<Box<Shape>>>,
}

#[derive(Debug)]
struct Shape {
    ids: Box<[FieldId]>,
    /// By the field's number, where it stands first.
    first: Box<[u16]>,
    /// Values of [`USUAL`] fields, in their order: place, and the field's number among those.
    usual: Box<[(u16, u8)]>,
}

/// An event and where its fields stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'p, 'e> {
    event: &'p Event<'e>,
    first: &'p [u16],
    usual: &'p [(u16, u8)],
}

impl Shapes {
    /// The event with the places of its fields.
    pub(crate) fn of<'p, 'e>(&'p mut self, event: &'p Event<'e>) -> Placed<'p, 'e> {
        let ids = event.ids();
        if self.known.is_empty() {
            self.known.resize_with(SHAPES_MAX, || None);
        }
        let known = &mut self.known[(hash_of(ids) >> 32) as usize % SHAPES_MAX];
        if known.as_ref().is_some_and(|shape| !are_same(&shape.ids, ids)) {
            *known = None;
        }
        let shape = known.get_or_insert_with(|| Box::new(Shape::new(ids)));
        Placed { event, first: &shape.first, usual: &shape.usual }
    }
}

/// A number for an order of fields.
pub(crate) fn hash_of(ids: &[FieldId]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |ids: &[FieldId]| ids.iter().fold(0, |word, id| word << 16 ^ id.index() as u64);
    let step = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    // Each step waits for the one before it: four fields a step, in two rows.
    let (eights, rest) = ids.as_chunks::<8>();
    let (mut one, mut two) = (ids.len() as u64, FACTOR);
    for ids in eights {
        (one, two) = (step(one, word(&ids[..4])), step(two, word(&ids[4..])));
    }
    rest.chunks(4).for_each(|ids| one = step(one, word(ids)));
    step(one, two)
}

/// Whether two orders of fields are the same, eight fields a step.
pub(crate) fn are_same(a: &[FieldId], b: &[FieldId]) -> bool {
    let ((eights_a, rest_a), (eights_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let all = |a: &[FieldId], b: &[FieldId]| a.iter().zip(b).fold(true, |same, (a, b)| same & (a == b));
    a.len() == b.len() && eights_a.iter().zip(eights_b).all(|(a, b)| all(a, b)) && all(rest_a, rest_b)
}

impl Shape {
    fn new(ids: &[FieldId]) -> Shape {
        let room = ids.iter().map(|id| id.index() + 1).filter(|room| *room <= FIELDS_MAX).max().unwrap_or(0);
        let mut first = vec![NONE; room];
        for (at, id) in ids.iter().enumerate().rev() {
            if let Some(first) = first.get_mut(id.index()) {
                *first = at as u16 | if *first == NONE { 0 } else { MORE };
            }
        }
        let usual = ids.iter().enumerate().filter_map(|(at, id)| {
            let number = USUAL.iter().position(|usual| usual == id)?;
            Some((at as u16, number as u8))
        });
        Shape { ids: ids.into(), first: first.into(), usual: usual.collect() }
    }
}

impl<'p, 'e> Placed<'p, 'e> {
    pub(crate) fn event(&self) -> &'p Event<'e> {
        self.event
    }

    /// The places of all values of fields among [`USUAL`], each with the field's number there.
    pub(crate) fn usual(&self) -> &'p [(u16, u8)] {
        self.usual
    }

    /// Where the field stands first, and whether it may stand again.
    #[inline]
    fn place(&self, field: FieldId) -> Option<(usize, bool)> {
        match self.first.get(field.index()) {
            Some(&NONE) => None,
            Some(&at) => Some((usize::from(at & !MORE), at & MORE != 0)),
            None if field.index() < FIELDS_MAX => None,
            None => self.event.ids().iter().position(|id| *id == field).map(|at| (at, true)),
        }
    }

    /// The field's first value.
    #[inline]
    pub(crate) fn get(&self, field: FieldId) -> Option<Value<'e>> {
        self.place(field).map(|(at, _)| self.event.values()[at])
    }

    /// The field's first value, if it is text.
    pub(crate) fn get_str(&self, field: FieldId) -> Option<&'e str> {
        match self.get(field) {
            Some(Value::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the field has a value.
    #[inline]
    pub(crate) fn has(&self, field: FieldId) -> bool {
        self.place(field).is_some()
    }

    /// The places of all values of the field.
    pub(crate) fn places(self, field: FieldId) -> impl Iterator<Item = usize> + 'p {
        let (first, mut more) = match self.place(field) {
            Some((first, more)) => (Some(first), more),
            None => (None, false),
        };
        let mut next = first;
        std::iter::from_fn(move || {
            let at = next?;
            next = match more {
                true => self.event.ids()[at + 1..].iter().position(|id| *id == field).map(|further| at + 1 + further),
                false => None,
            };
            more &= next.is_some();
            Some(at)
        })
    }

    /// The value at a place.
    pub(crate) fn value(&self, at: usize) -> Value<'e> {
        self.event.values()[at]
    }

    /// All values of the field.
    pub(crate) fn all(self, field: FieldId) -> impl Iterator<Item = Value<'e>> + 'p {
        self.places(field).map(move |at| self.event.values()[at])
    }

    /// The first value of the fields that one name of a rule stands for.
    #[inline]
    pub(crate) fn first_of(&self, fields: &[FieldId]) -> Option<Value<'e>> {
        fields.iter().find_map(|field| self.get(*field))
    }

    /// Every value of the fields that one name of a rule stands for.
    pub(crate) fn all_of(self, fields: &'p [FieldId]) -> impl Iterator<Item = Value<'e>> + 'p {
        fields.iter().flat_map(move |field| self.all(*field))
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use proptest::prelude::*;
    use stream::fields::{self, intern};

    use super::*;

    #[test]
    fn orders_are_told_apart() {
        let fields: Vec<FieldId> = (0..40).filter_map(|number| intern(&format!("places.order_{number}"))).collect();
        for length in 0..fields.len() {
            let order = &fields[..length];
            let copy = order.to_vec();
            assert!(are_same(order, &copy) && hash_of(order) == hash_of(&copy));
            assert!(!are_same(order, &fields[..length + 1]));
            for place in 0..length {
                let mut other = order.to_vec();
                other[place] = fields[39];
                assert!(!are_same(order, &other) && hash_of(order) != hash_of(&other), "{length} {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn finds_what_the_event_holds(events in prop::collection::vec(prop::collection::vec(0..9usize, 0..12), 1..20)) {
            let arena = Bump::new();
            let fields: Vec<FieldId> = [fields::SOURCE_IP, fields::USER_NAME, fields::TIMESTAMP, fields::URL_DOMAIN]
                .into_iter()
                .chain((0..5).filter_map(|number| intern(&format!("places.of_{number}"))))
                .collect();
            let mut shapes = Shapes::default();
            for ids in &events {
                let mut event = Event::new_in(&arena);
                for (at, id) in ids.iter().enumerate() {
                    event.push(fields[*id], Value::Int(at as i64));
                }
                let placed = shapes.of(&event);
                for field in &fields {
                    prop_assert_eq!(placed.get(*field), event.get(*field));
                    prop_assert_eq!(placed.has(*field), event.has(*field));
                    prop_assert_eq!(placed.all(*field).collect::<Vec<_>>(), event.all(*field).collect::<Vec<_>>());
                }
            }
        }
    }
}
