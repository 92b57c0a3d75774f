//! What the engine needs to know of a source for each of its events, found in one step.
//!
//! None of it is state: it is worked out when a source is first heard of, and where values of the source stand in the
//! state. Bound: [`KNOWN_MAX`] sources; where more fall together than are looked at, the later one stays.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use super::{Engine, Meta};
use crate::by_source::Hint;
use crate::hash::Seeded;
use crate::rules::RuleSet;
use crate::{Tenant, Tenants};

/// Places for sources, and how many of them are tried for one.
const KNOWN_MAX: usize = 8192;
const TRIED_MAX: usize = 8;

/// One source.
#[derive(Debug)]
pub(super) struct Known {
    tenant: Box<str>,
    /// Its id, shared by all that is kept of its events.
    pub(super) source: Arc<str>,
    pub(super) rules: Arc<RuleSet>,
    tenants: Arc<Tenants>,
    body: Option<usize>,
    /// Which rules do not apply to its tenant.
    pub(super) excluded: Arc<[bool]>,
    /// How long it may be silent, if it declares that, in nanoseconds.
    pub(super) limit: Option<i64>,
    /// Where its newest event time stands, and its life for absences.
    pub(super) newest: Hint,
    pub(super) heard: crate::beyond::Heard,
    /// Where its last sign of life stands, for one rule of silence.
    pub(super) sign: (Cell<Option<u32>>, Hint),
}

/// The sources known; a place is empty while an event of its source is at hand.
#[derive(Debug, Default)]
pub(super) struct Sources {
    places: Vec<Option<Box<Known>>>,
    seeded: Seeded,
}

impl Known {
    fn is_of(&self, meta: &Meta<'_>) -> bool {
        *self.source == *meta.source && *self.tenant == *meta.tenant
    }

    /// The tenant's ledgers and calendar; none for a tenant without a folder.
    pub(super) fn body(&self) -> Option<&Tenant> {
        self.tenants.at(self.body?)
    }
}

impl Sources {
    /// Where the source stands, or where it can be put.
    fn place_of(&self, meta: &Meta<'_>) -> usize {
        let mut hasher = self.seeded.build_hasher();
        hasher.write(meta.tenant.as_bytes());
        hasher.write(meta.source.as_bytes());
        let first = hasher.finish() as usize;
        let fits = |place: &usize| match self.places.get(*place) {
            Some(Some(known)) => known.is_of(meta),
            _ => true,
        };
        (0..TRIED_MAX).map(|step| (first + step) % KNOWN_MAX).find(fits).unwrap_or(first % KNOWN_MAX)
    }
}

impl Engine {
    /// Takes out what is known of the event's source, to be put back with [`Engine::put_back`].
    pub(super) fn take_known(&mut self, meta: &Meta<'_>) -> (usize, Box<Known>) {
        let place = self.sources.place_of(meta);
        let held = self.sources.places.get_mut(place).and_then(Option::take);
        match held.filter(|known| known.is_of(meta)) {
            Some(known) => (place, known),
            None => (place, self.get_to_know(meta)),
        }
    }

    pub(super) fn put_back(&mut self, place: usize, known: Box<Known>) {
        if self.sources.places.is_empty() {
            self.sources.places.resize_with(KNOWN_MAX, || None);
        }
        self.sources.places[place] = Some(known);
    }

    /// Forgets what was worked out, because what it was worked out from changed.
    pub(super) fn forget_known(&mut self) {
        self.sources.places.clear();
        self.excluded.clear();
        self.recent = None;
    }

    fn get_to_know(&mut self, meta: &Meta<'_>) -> Box<Known> {
        Box::new(Known {
            tenant: meta.tenant.into(),
            source: meta.source.into(),
            rules: Arc::clone(&self.rules),
            tenants: Arc::clone(&self.tenants),
            body: self.tenants.position(meta.tenant),
            excluded: self.excluded_for(meta.tenant),
            limit: self.limits.get(meta.tenant).and_then(|sources| sources.get(meta.source)).copied(),
            newest: Hint::default(),
            heard: Default::default(),
            sign: Default::default(),
        })
    }
}
