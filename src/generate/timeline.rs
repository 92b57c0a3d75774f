//! Lines in time order: ordinary traffic by the hour, heartbeats, and what is planted.

use std::collections::VecDeque;

use stream::{NANOS_PER_SECOND, Timestamp};

use super::Request;
use super::background;
use super::incidents::{self, Kind, Planted, Truth, TruthLine};
use super::line::{self, japan};
use super::random::Random;
use super::sites::{self, SOURCES};

const MINUTE: i64 = 60 * NANOS_PER_SECOND;

/// What to generate, and until when.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed, start, number of events, incidents.
    pub request: Request,
    /// How many minutes after the start the timeline ends.
    pub minutes: u64,
}

impl Plan {
    /// Two days from a midnight.
    pub fn two_days(request: Request) -> Self {
        Plan { request, minutes: 48 * 60 }
    }
}

/// One generated line.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it happened.
    pub time: Timestamp,
    /// Index in [`SOURCES`].
    pub source: usize,
    /// The line, without its end.
    pub text: String,
}

/// Iterates over all lines in time order; holds one minute of them at a time.
pub struct Timeline {
    plan: Plan,
    random: Random,
    planted: VecDeque<Planted>,
    truth: Vec<Truth>,
    silence: Option<(Timestamp, Timestamp)>,
    last_before_silence: Option<Line>,
    weights: Vec<u64>,
    weight_total: u64,
    weight_done: u64,
    background_total: u64,
    background_done: u64,
    minute: u64,
    serial: u64,
    ready: VecDeque<Line>,
}

impl Timeline {
    /// Lays out the plan.
    pub fn new(plan: Plan) -> Self {
        let start = plan.request.start;
        let end = start.plus_nanos(plan.minutes as i64 * MINUTE);
        let mut random = Random::new(plan.request.seed, 1);
        let (mut planted, mut truth) = (Vec::new(), Vec::new());
        for kind in plan.request.incidents.iter().copied() {
            let lines = incidents::plant(kind, start, &mut random);
            if lines.last().is_some_and(|last| last.time < end) {
                truth.extend(incidents::truth(kind, &lines));
                planted.extend(lines);
            }
        }
        planted.sort_by_key(|line| line.time);
        let silent = plan.request.incidents.contains(&Kind::SilentFirewall);
        let silence = Some(incidents::silence(start)).filter(|(_, until)| silent && *until < end);
        let weights: Vec<u64> = (0..plan.minutes).map(|minute| weight(at(start, minute))).collect();
        let heartbeats: u64 = (0..plan.minutes).map(|m| heartbeats(start, m, silence).count() as u64).sum();
        Timeline {
            weight_total: weights.iter().sum(),
            background_total: plan.request.events.saturating_sub(planted.len() as u64 + heartbeats),
            random: Random::new(plan.request.seed, 2),
            planted: planted.into(),
            truth,
            silence,
            last_before_silence: None,
            weights,
            weight_done: 0,
            background_done: 0,
            minute: 0,
            serial: 0,
            ready: VecDeque::new(),
            plan,
        }
    }

    /// What was planted; complete once every line has been taken.
    pub fn into_truth(mut self) -> Vec<Truth> {
        if let (Some((from, until)), Some(last)) = (self.silence, self.last_before_silence.take()) {
            let source = &SOURCES[last.source];
            self.truth.push(Truth {
                tenant: source.tenant,
                start: from.to_string(),
                end: until.to_string(),
                kind: Kind::SilentFirewall,
                usecase: Kind::SilentFirewall.usecase(),
                lines: vec![TruthLine { source: source.id, line: last.text }],
            });
        }
        self.truth
    }

    fn fill_minute(&mut self) {
        let start = self.plan.request.start;
        let (from, until) = (at(start, self.minute), at(start, self.minute + 1));
        self.weight_done += self.weights[self.minute as usize];
        let share = u128::from(self.background_total) * u128::from(self.weight_done) / u128::from(self.weight_total);
        let first_day = self.minute < 24 * 60;
        let mut lines: Vec<Line> =
            heartbeats(start, self.minute, self.silence).map(|source| self.heartbeat(source, from)).collect();
        while self.background_done < share as u64 {
            self.background_done += 1;
            lines.push(self.background(from, first_day));
        }
        while self.planted.front().is_some_and(|line| line.time < until) {
            if let Some(Planted { time, source, text }) = self.planted.pop_front() {
                lines.push(Line { time, source, text });
            }
        }
        lines.sort_by_key(|line| line.time);
        if let Some((silent_from, _)) = self.silence {
            let before = |line: &&Line| line.source == sites::TOWN_EDGE && line.time < silent_from;
            if let Some(last) = lines.iter().rev().find(before) {
                self.last_before_silence = Some(last.clone());
            }
        }
        self.ready.extend(lines);
        self.minute += 1;
    }

    fn heartbeat(&mut self, source: usize, from: Timestamp) -> Line {
        let device = background::firewall(source).unwrap_or(("", ""));
        let (cpu, sessions) = (self.random.between(2, 30), self.random.between(200, 900));
        Line { time: from, source, text: line::fortigate_heartbeat(from, device, cpu, sessions) }
    }

    fn background(&mut self, from: Timestamp, first_day: bool) -> Line {
        let time = from.plus_nanos(self.random.below(60_000) as i64 * 1_000_000);
        let mut source = self.pick_source();
        if source == sites::TOWN_EDGE && is_silent(self.silence, time) {
            source = sites::TOWN_PROXY;
        }
        self.serial += 1;
        let text = background::line(source, time, self.serial, first_day, &mut self.random);
        Line { time, source, text }
    }

    fn pick_source(&mut self) -> usize {
        let total: u64 = SOURCES.iter().map(|source| source.weight).sum();
        let mut ticket = self.random.below(total);
        SOURCES
            .iter()
            .position(|source| {
                let hit = ticket < source.weight;
                ticket = ticket.saturating_sub(source.weight);
                hit
            })
            .unwrap_or(0)
    }
}

impl Iterator for Timeline {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while self.ready.is_empty() && self.minute < self.plan.minutes {
            self.fill_minute();
        }
        self.ready.pop_front()
    }
}

fn at(start: Timestamp, minute: u64) -> Timestamp {
    start.plus_nanos(minute as i64 * MINUTE)
}

fn is_silent(silence: Option<(Timestamp, Timestamp)>, time: Timestamp) -> bool {
    silence.is_some_and(|(from, until)| (from..until).contains(&time))
}

/// The firewalls that send their sign of life in this minute.
fn heartbeats(start: Timestamp, minute: u64, silence: Option<(Timestamp, Timestamp)>) -> impl Iterator<Item = usize> {
    (0..SOURCES.len()).filter(move |&source| {
        let quiet = source == sites::TOWN_EDGE && is_silent(silence, at(start, minute));
        minute.is_multiple_of(5) && background::firewall(source).is_some() && !quiet
    })
}

/// How busy a minute is: office hours 8:30 to 17:15 with a dip at noon, quiet nights.
fn weight(time: Timestamp) -> u64 {
    let clock = japan(time);
    match i32::from(clock.hour()) * 60 + i32::from(clock.minute()) {
        510..720 | 780..1035 => 100,
        720..780 => 60,
        450..510 | 1035..1200 => 35,
        _ => 6,
    }
}
