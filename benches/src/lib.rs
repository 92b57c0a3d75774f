//! Seeded corpora, criterion benches and the whole-pipeline bench.
//!
//! Corpora are made in code: the same seed gives the same bytes on every machine. Addresses are those set aside for
//! documentation and private use, names are invented; the shapes and the mix are those of a town office's day.

mod fortigate;
mod random;
mod squid;
mod sshd;
mod windows;

use bumpalo::Bump;
use ingest::{Context, Parser};
use stream::Event;

pub use random::Random;

/// When every corpus begins, in seconds since 1970.
pub const START: i64 = random::START as i64;

/// The mix of a town office's day, in percent.
pub const MIX: &[(Corpus, usize)] =
    &[(Corpus::Fortigate, 50), (Corpus::Squid, 25), (Corpus::Windows, 15), (Corpus::Sshd, 10)];

/// `count` lines of [`MIX`], evenly mixed, with where each is from: about a hundred lines a second.
pub fn mixed(seed: u64, count: usize) -> Vec<(Corpus, String)> {
    let lanes = MIX
        .iter()
        .map(|(corpus, percent)| (*corpus, *percent, corpus.lines(seed, count * percent / 100 + 1).into_iter()));
    let mut lanes: Vec<_> = lanes.collect();
    let mut lines = Vec::with_capacity(count);
    let mut turn = 0;
    while lines.len() < count {
        turn = (turn + 37) % 100;
        let mut below = 0;
        for (corpus, percent, lane) in &mut lanes {
            below += *percent;
            if turn < below {
                lines.extend(lane.next().map(|line| (*corpus, line)));
                break;
            }
        }
    }
    lines
}

/// Whose lines a corpus holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// FortiGate 7.x in its default format behind a priority: mostly traffic, some UTM and event logs; about 600 bytes.
    Fortigate,
    /// Squid's native access.log; about 150 bytes.
    Squid,
    /// sshd behind an RFC 3164 header; about 110 bytes.
    Sshd,
    /// Windows Security events as winlogbeat's JSON; about 1,000 bytes.
    Windows,
}

impl Corpus {
    /// Every corpus.
    pub const ALL: [Corpus; 4] = [Corpus::Fortigate, Corpus::Squid, Corpus::Sshd, Corpus::Windows];

    /// The product name that `ingest::parser` knows.
    pub fn product(self) -> &'static str {
        match self {
            Corpus::Fortigate => "fortinet_fortigate",
            Corpus::Squid => "squid",
            Corpus::Sshd => "system",
            Corpus::Windows => "windows_security",
        }
    }

    /// `count` lines; the same for the same seed.
    pub fn lines(self, seed: u64, count: usize) -> Vec<String> {
        let mut random = Random::new(seed);
        let line = match self {
            Corpus::Fortigate => fortigate::line,
            Corpus::Squid => squid::line,
            Corpus::Sshd => sshd::line,
            Corpus::Windows => windows::line,
        };
        (0..count as u64).map(|index| line(index, &mut random)).collect()
    }
}

/// How many lines share one arena, as in the worker.
pub const BATCH_LINES: usize = 512;

/// Parses every line, batch by batch with one arena; how many fields were set, so that nothing is optimised away.
///
/// # Panics
/// When a line is not understood: a bench of failures would measure nothing.
pub fn parse_all(parser: &mut dyn Parser, context: &Context, lines: &[String], arena: &mut Bump) -> usize {
    let mut fields = 0;
    for batch in lines.chunks(BATCH_LINES) {
        for line in batch {
            let mut event = Event::new_in(arena);
            if let Err(reason) = parser.parse(line, context, arena, &mut event) {
                panic!("{reason}: {line}");
            }
            fields += event.len();
        }
        arena.reset();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::{Timestamp, fields};

    #[test]
    fn corpora_are_seeded_and_understood() {
        for corpus in Corpus::ALL {
            let lines = corpus.lines(1, 500);
            assert_eq!(lines, corpus.lines(1, 500), "{corpus:?}");
            assert_ne!(lines, corpus.lines(2, 500), "{corpus:?}");
            let mut parser = ingest::parser(corpus.product()).unwrap();
            let context = Context::tokyo(Timestamp::from_seconds(1_795_137_330));
            let mut arena = Bump::new();
            let fields_set = parse_all(parser.as_mut(), &context, &lines, &mut arena);
            assert!(fields_set > lines.len() * 10, "{corpus:?}: {fields_set}");
            let mut event = Event::new_in(&arena);
            parser.parse(&lines[0], &context, &arena, &mut event).unwrap();
            assert!(event.has(fields::TIMESTAMP), "{corpus:?}");
        }
    }
}
