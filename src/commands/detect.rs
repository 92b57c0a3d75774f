//! `sekisho detect`: the engine of `run`, offline and deterministic.
//!
//! Reading and matching go block by block, on several threads; what depends on order (suppression, correlation,
//! silence, the making of alerts) follows on one, in the order of event time over all inputs. The output is the same
//! bytes for any number of threads.
//!
//! Memory: the rules; 64 MiB of blocks that are read ahead; the engine's state; for alerts, what `sink` says.

mod block;
mod feed;
mod judge;
mod order;
mod setup;
mod sink;
#[cfg(test)]
mod tests;
mod threads;

use std::sync::Arc;

use anyhow::Result;
use detect::Engine;

use self::judge::Keep;
use self::order::{Buffers, Order};
use self::setup::Setup;
use self::sink::Sink;
use self::threads::Blocks;
use crate::cli::{Detect, Emit};
use crate::commands::{DONE, output};

/// Reads every source side by side in event time and writes alerts or matches.
pub fn run(args: &Detect) -> Result<u8> {
    let setup = Setup::load(args)?;
    let mut engine = Engine::new(Arc::clone(&setup.rules), Arc::clone(&setup.tenants));
    engine.set_not_applicable(&setup.not_applicable);
    engine.set_on_extra(&setup.on_extra);
    for source in &setup.sources {
        if let Some(limit) = source.silence_after {
            engine.set_silence(&source.tenant, &source.id, limit);
        }
    }
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let out = output(args.output.as_deref())?;
    let sink = Sink::new(args.emit, out, &setup.rules, setup.lanes.len() > 1, setup.window, threads)?;
    let tenants = setup.tenants.ids().next().is_some().then_some(&setup.tenants);
    std::thread::scope(|scope| {
        let keep = match args.emit {
            Emit::Matches if engine.matches_are_plain() => Keep::Id,
            Emit::Alerts if engine.alerts_are_plain() => Keep::Words,
            _ => Keep::Event,
        };
        let blocks = Blocks::start(scope, threads, &setup.lanes, setup.feeds, &engine, tenants, keep)?;
        let (lanes, buffers) = (Arc::clone(&setup.lanes), Buffers::default());
        Order { blocks, lanes, engine, sink, keep, buffers, received: None }.run()
    })?;
    Ok(DONE)
}
