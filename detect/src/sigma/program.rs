//! The program: all predicates and all rules of a set, and how they are judged.

use stream::Event;

use super::partition::{Call, Indexes, Partitions, Repeats};
use super::predicate::{Predicate, Slot};
use super::view::{Scratch, Shapes, View};
use super::witness::{Key, witness};

/// A condition over predicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// This predicate.
    Is(u32),
    /// All of them.
    All(Box<[Expr]>),
    /// One of them.
    Any(Box<[Expr]>),
    /// At least so many of them.
    AtLeast(u64, Box<[Expr]>),
    /// The opposite.
    Not(Box<Expr>),
}

/// One compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Expr,
    pub(crate) suppress: Option<Suppress>,
    /// `sekisho.absence` with `silence`, for rules of silence.
    pub(crate) absence: Option<super::extension::Silence>,
    /// The keys that narrow it further.
    pub(crate) beyond: Option<Box<crate::beyond::Beyond>>,
    pub(crate) logsource: Logsource,
}

impl Rule {
    /// Whether its matches are told to correlations and absences: those of an absence rule are questions of its own.
    pub(crate) fn is_plain(&self) -> bool {
        self.absence.is_none() && self.beyond.as_ref().is_none_or(|beyond| beyond.without.is_none())
    }
}

/// `sekisho.suppress`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Suppress {
    /// Name as written and the fields it stands for.
    pub(crate) by: Vec<(String, Vec<stream::FieldId>)>,
    /// Nanoseconds without a match after which the next match is a new alert.
    pub(crate) quiet_nanos: i64,
    /// So many alerts before the summary; none where the first alert takes all further matches.
    pub(crate) first: Option<u64>,
}

/// A rule's place in the partition table: its logsource, lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logsource {
    pub(crate) product: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) service: Option<String>,
}

/// Everything that judges single events.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) predicates: Vec<Predicate>,
    /// Slot by field index; `u16::MAX` for fields no rule uses.
    pub(crate) slot_of: Vec<u16>,
    pub(crate) slots: usize,
    /// Detection rules: index in the rule list, condition, logsource.
    pub(crate) rules: Vec<Entry>,
    /// Per rule, its witness; none when it may match without one.
    witnesses: Vec<Option<Box<[Key<'static>]>>>,
    /// Found and made as events come; they never change what matches.
    pub(super) indexes: Indexes,
}

impl Program {
    pub(crate) fn new(predicates: Vec<Predicate>, (slot_of, slots): (Vec<u16>, usize), rules: Vec<Entry>) -> Program {
        let find = |entry: &Entry| {
            let keys = witness(&entry.condition, &predicates)?;
            Some(keys.iter().map(Key::to_owned_key).collect())
        };
        let witnesses = rules.iter().map(find).collect();
        Program { predicates, slot_of, slots, rules, witnesses, indexes: Indexes::default() }
    }

    /// The rule's witness; none when it may match without one.
    pub(super) fn witness(&self, entry: u32) -> Option<&[Key<'static>]> {
        self.witnesses[entry as usize].as_deref()
    }
}

/// A detection rule of the program.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) index: u32,
    pub(crate) condition: Expr,
    pub(crate) logsource: Logsource,
}

/// What is kept between events to judge them quickly. It never changes what matches.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    scratch: Scratch,
    shapes: Shapes,
    partitions: Partitions,
    repeats: Repeats,
    /// Per predicate: generation x 2 + answer.
    memo: Vec<u64>,
    generation: u64,
    candidates: Vec<u32>,
    /// Per rule: generation x 4 + the witnesses that spoke.
    marked: Vec<u64>,
    /// Per rule, the part of its condition that did not hold last time: it is asked first, as events are alike.
    failed: Vec<u16>,
}

impl Judge {
    /// Puts the indexes of all rules that match into `matched`, in ascending order.
    pub(crate) fn judge(&mut self, program: &Program, event: &Event<'_>, matched: &mut Vec<u32>) {
        self.generation += 1;
        self.memo.resize(program.predicates.len(), 0);
        self.marked.resize(program.rules.len(), 0);
        self.failed.resize(program.rules.len(), 0);
        let shape = self.shapes.of(program, event);
        let partition = self.partitions.of(program, shape, event);
        let mut view = View::new(&mut self.scratch, shape, event);
        self.candidates.clear();
        let (candidates, marked, generation) = (&mut self.candidates, &mut self.marked, self.generation);
        partition.candidates(program, shape, &mut view, &mut self.repeats, |call| {
            let (entry, witnesses) = Call::read(call);
            let mark = &mut marked[entry as usize];
            let spoke = if *mark >> 2 == generation { *mark & 3 } else { 0 };
            let speak = spoke | u64::from(witnesses);
            if speak != spoke {
                *mark = generation << 2 | speak;
                if speak == u64::from(Call::BOTH) {
                    candidates.push(entry);
                }
            }
        });
        let mut walk = Walk { predicates: &program.predicates, memo: &mut self.memo, generation, view: &mut view };
        let start = matched.len();
        for &at in candidates.iter() {
            let entry = &program.rules[at as usize];
            if walk.holds_all(&entry.condition, &mut self.failed[at as usize]) {
                matched.push(entry.index);
            }
        }
        matched[start..].sort_unstable();
        if partition.learns() {
            partition.learn(program, shape, &mut view, candidates);
        }
    }
}

impl Judge {
    /// Hands over every rule whose condition is walked for the event, with that walk, each without the answers of the
    /// others: for measuring.
    pub(crate) fn each_alone(
        &mut self,
        program: &Program,
        event: &Event<'_>,
        mut each: impl FnMut(u32, &mut dyn FnMut() -> bool),
    ) {
        self.judge(program, event, &mut Vec::new());
        let shape = self.shapes.of(program, event);
        for entry in &self.candidates {
            self.generation += 1;
            let (memo, generation) = (&mut self.memo, self.generation);
            let mut view = View::new(&mut self.scratch, shape, event);
            let mut walk = Walk { predicates: &program.predicates, memo, generation, view: &mut view };
            let entry = &program.rules[*entry as usize];
            each(entry.index, &mut || walk.holds(&entry.condition));
        }
    }
}

struct Walk<'w, 's, 'a> {
    predicates: &'w [Predicate],
    memo: &'w mut [u64],
    generation: u64,
    view: &'w mut View<'s, 'a>,
}

impl Walk<'_, '_, '_> {
    /// Whether a whole condition holds; `failed` is the part that is asked first, and then the one that did not hold.
    fn holds_all(&mut self, expr: &Expr, failed: &mut u16) -> bool {
        let Expr::All(parts) = expr else { return self.holds(expr) };
        if parts.get(usize::from(*failed)).is_some_and(|part| !self.holds(part)) {
            return false;
        }
        match parts.iter().position(|part| !self.holds(part)) {
            Some(at) => {
                *failed = at as u16;
                false
            }
            None => true,
        }
    }

    fn holds(&mut self, expr: &Expr) -> bool {
        match expr {
            Expr::Is(predicate) => self.is(*predicate),
            Expr::All(parts) => parts.iter().all(|part| self.holds(part)),
            Expr::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Expr::AtLeast(count, parts) => {
                let mut missing = *count;
                parts.iter().any(|part| {
                    missing -= u64::from(missing > 0 && self.holds(part));
                    missing == 0
                }) || missing == 0
            }
            Expr::Not(part) => !self.holds(part),
        }
    }

    fn is(&mut self, predicate: u32) -> bool {
        let at = predicate as usize;
        // Asking some again is cheaper than looking up what they answered.
        if self.predicates[at].is_cheap() {
            return self.predicates[at].test(self.view);
        }
        if self.memo[at] >> 1 != self.generation {
            let answer = self.predicates[at].test(self.view);
            self.memo[at] = self.generation << 1 | u64::from(answer);
        }
        self.memo[at] & 1 == 1
    }
}

/// Numbers the fields that rules use.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slot_of: Vec<u16>,
    count: usize,
}

impl Slots {
    /// The slot of a field, given now if it has none.
    pub(crate) fn slot(&mut self, field: stream::FieldId) -> Slot {
        if self.slot_of.len() <= field.index() {
            self.slot_of.resize(field.index() + 1, u16::MAX);
        }
        let slot = &mut self.slot_of[field.index()];
        if *slot == u16::MAX {
            *slot = self.count as u16;
            self.count += 1;
        }
        *slot
    }

    pub(crate) fn finish(self) -> (Vec<u16>, usize) {
        (self.slot_of, self.count)
    }
}
