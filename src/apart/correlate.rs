//! A member of `correlate`: correlates while it owns topic `alerts`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bumpalo::Bump;
use stream::Topic;
use stream::log::{Group, Position, Turn};

use super::CORRELATE;
use crate::correlate::{Correlator, Teller};
use crate::raised::{PARTITION, Raiser};
use crate::worker::{POLL, PROGRESS_EVERY, Parts};

/// Correlates whenever the group says so, until told to stop.
pub fn run(parts: &dyn Fn() -> Parts, stop: &AtomicBool) -> Result<()> {
    let Parts { log, clock, .. } = parts();
    let mut group = log.join(CORRELATE, Topic::Alerts)?;
    let mut owner: Option<Correlator> = None;
    let mut arena = Bump::new();
    let (mut committed_at, mut committed) = (Instant::now(), None);
    while !stop.load(Ordering::Acquire) {
        let wait = if owner.is_some() { Duration::ZERO } else { POLL };
        for turn in group.poll(wait)? {
            match turn {
                Turn::Assigned(partitions) if partitions.contains(&PARTITION) => {
                    let from = group.committed(PARTITION)?.map_or(0, |position| position.next);
                    let raiser = Raiser::begin(&log, from, clock())?;
                    owner = Some(Correlator::open(parts(), Teller::Topic(raiser))?);
                }
                Turn::Assigned(_) => {}
                Turn::Wanted(partitions) => {
                    if let Some(mut owner) = owner.take() {
                        owner.finish(stop)?;
                        commit(&group, &owner)?;
                        tracing::info!("another process correlates from here on");
                    }
                    group.give_back(&partitions)?;
                }
                Turn::Lost(_) => {
                    tracing::warn!("another process has taken over correlation");
                    owner = None;
                }
            }
        }
        let Some(owner) = &mut owner else { continue };
        owner.work(POLL, &mut arena, stop)?;
        if committed_at.elapsed() >= PROGRESS_EVERY && committed != position(owner) {
            commit(&group, owner)?;
            (committed_at, committed) = (Instant::now(), position(owner));
        }
    }
    if let Some(mut owner) = owner {
        owner.finish(stop)?;
        commit(&group, &owner)?;
    }
    Ok(())
}

/// Whoever comes next begins to read the topic there.
fn commit(group: &Group, owner: &Correlator) -> Result<()> {
    let Some(next) = position(owner) else { return Ok(()) };
    group.commit(&[(PARTITION, Position { next, note: String::new() })]).map(drop).map_err(Into::into)
}

fn position(owner: &Correlator) -> Option<u64> {
    match owner.teller() {
        Teller::Topic(raiser) => Some(raiser.position()),
        Teller::Database => None,
    }
}
