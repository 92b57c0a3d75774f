//! What a rule asks for that events with only certain fields never have.
//!
//! Judged on the compiled condition: a question about a field that never comes is answered no (`null` and
//! `exists: false`: yes), every other question either way. A condition that then cannot hold can never match.

use std::collections::BTreeSet;

use stream::FieldId;

use super::predicate::{Op, Place, Slot};
use super::program::{Expr, Program};

/// What a condition asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Whether it cannot hold.
    pub(crate) never: bool,
    /// Names of the fields that it asks about and that never come.
    pub(crate) missing: BTreeSet<&'static str>,
}

/// What the condition asks for beyond the fields that `has` knows.
pub(crate) fn needs(program: &Program, condition: &Expr, has: &dyn Fn(FieldId) -> bool) -> Needs {
    let mut field_of = vec![None; program.slots];
    for (index, slot) in program.slot_of.iter().enumerate().filter(|(_, slot)| **slot != u16::MAX) {
        if let Some(place) = field_of.get_mut(usize::from(*slot)) {
            *place = FieldId::at(index);
        }
    }
    let mut search = Search { program, has, field_of, missing: BTreeSet::new() };
    let never = !search.answers(condition).yes;
    Needs { never, missing: search.missing }
}

/// Which answers are possible.
#[derive(Clone, Copy)]
struct Answers {
    yes: bool,
    no: bool,
}

struct Search<'p> {
    program: &'p Program,
    has: &'p dyn Fn(FieldId) -> bool,
    /// By slot.
    field_of: Vec<Option<FieldId>>,
    missing: BTreeSet<&'static str>,
}

impl Search<'_> {
    fn answers(&mut self, expr: &Expr) -> Answers {
        match expr {
            Expr::Is(predicate) => self.predicate(*predicate),
            Expr::Not(part) => {
                let part = self.answers(part);
                Answers { yes: part.no, no: part.yes }
            }
            Expr::All(parts) => self.at_least(parts.len(), parts),
            Expr::Any(parts) => self.at_least(1, parts),
            Expr::AtLeast(count, parts) => self.at_least(usize::try_from(*count).unwrap_or(usize::MAX), parts),
        }
    }

    fn at_least(&mut self, count: usize, parts: &[Expr]) -> Answers {
        let answers: Vec<Answers> = parts.iter().map(|part| self.answers(part)).collect();
        let can = answers.iter().filter(|answer| answer.yes).count();
        let must = answers.iter().filter(|answer| !answer.no).count();
        Answers { yes: can >= count, no: must < count }
    }

    fn predicate(&mut self, predicate: u32) -> Answers {
        let predicate = &self.program.predicates[predicate as usize];
        let here = match &predicate.place {
            Place::Anywhere => true,
            Place::Fields(slots) => self.comes(slots),
        };
        let other = match &predicate.op {
            Op::FieldRef { other, .. } => self.comes(other),
            _ => true,
        };
        match &predicate.op {
            _ if here && other => Answers { yes: true, no: true },
            Op::Null | Op::Exists(false) => Answers { yes: true, no: false },
            _ => Answers { yes: false, no: true },
        }
    }

    /// Whether one of the fields that a name stands for comes.
    fn comes(&mut self, slots: &[Slot]) -> bool {
        let fields = slots.iter().filter_map(|slot| self.field_of.get(usize::from(*slot)).copied().flatten());
        let fields: Vec<FieldId> = fields.collect();
        if fields.iter().any(|field| (self.has)(*field)) {
            return true;
        }
        // The name that the rule writes is the one that no table knows, where a pipeline adds others.
        let written = fields.iter().find(|field| !field.is_static()).or(fields.first());
        self.missing.extend(written.map(|field| field.name()));
        false
    }
}
