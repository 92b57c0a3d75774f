//! Saving and restoring the engine's state.
//!
//! Format: a version byte, then postcard. State is kept by rule id and version, so that a restore into a changed rule
//! set keeps what still means the same. Declared silence limits are configuration and not saved.
//!
//! What is stored at each commit is a chain: first all of the state, then what changed in the tables since, with all of what
//! is small (and the last signs of sources). When the changes are together larger than the whole was, or more than
//! [`PARTS_MAX`], the next is a whole one: so no more than twice the state is stored and read back, and a commit costs
//! what changed since the one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stream::Timestamp;

use super::{Engine, Stats};
use crate::beyond::SavedState;
use crate::by_source::BySource;
use crate::correlation::Window;
use crate::correlation::table::SavedTable;
use crate::rules::RuleInfo;
use crate::silence::Watch;
use crate::suppress::Episode;
use crate::{Error, Result};

const VERSION: u8 = 6;
/// The most changes after a whole state.
const PARTS_MAX: u32 = 256;
/// So many bytes of changes are no reason for a whole state.
const CHANGES_BYTES_MIN: usize = 1 << 20;

/// One part of the stored state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// 0 for the whole state, which replaces all parts before it; else its number among the changes after that, from 1.
    pub part: u32,
    /// What [`Engine::resume`] reads.
    pub bytes: Vec<u8>,
}

/// What is stored of an engine: the parts that the next one comes after.
#[derive(Debug, Default)]
pub(super) struct Chain {
    parts: u32,
    whole_bytes: usize,
    changes_bytes: usize,
    /// Of the newest of them.
    last_bytes: usize,
}

impl Chain {
    fn add(&mut self, part: u32, bytes: usize) {
        if part == 0 {
            *self = Chain { parts: 1, whole_bytes: bytes, ..Chain::default() };
        } else {
            self.parts += 1;
            self.changes_bytes += bytes;
            self.last_bytes = bytes;
        }
    }

    fn next(&self) -> u32 {
        let long = self.parts > PARTS_MAX || self.changes_bytes > self.whole_bytes.max(CHANGES_BYTES_MIN);
        if long { 0 } else { self.parts }
    }

    /// About what the part will take: room made ready at once is not copied as it grows.
    fn room(&self, part: u32) -> usize {
        let like = if part == 0 { self.whole_bytes } else { self.last_bytes };
        like + like / 8
    }
}

#[derive(Serialize)]
struct Saved<'e> {
    part: u32,
    stats: [u64; 4],
    newest: &'e BySource<Timestamp>,
    /// Correlations that events may be handed on to, by the index that entries name.
    outer: Vec<(u32, String)>,
    /// Day, names of the rules, tenant, groups.
    overflows: Vec<(i64, String, String, &'e str, u64)>,
    untold: &'e BTreeMap<String, u64>,
    episodes: Vec<(String, SavedTable<&'e Episode>)>,
    windows: Vec<(String, SavedTable<&'e Window>)>,
    watches: Vec<(String, &'e Watch)>,
    beyond: SavedState,
}

#[derive(Deserialize)]
struct Loaded {
    part: u32,
    stats: [u64; 4],
    newest: BySource<Timestamp>,
    outer: Vec<(u32, String)>,
    overflows: Vec<(i64, String, String, String, u64)>,
    untold: BTreeMap<String, u64>,
    episodes: Vec<(String, SavedTable<Episode>)>,
    windows: Vec<(String, SavedTable<Window>)>,
    watches: Vec<(String, Watch)>,
    beyond: SavedState,
}

fn name(info: &RuleInfo) -> String {
    format!("{} {}", info.id, info.version)
}

impl Engine {
    /// All state, in a form that [`Engine::restore`] reads. The same state gives the same bytes.
    ///
    /// # Errors
    /// When the state cannot be written down; a defect.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        save(self, 0)
    }

    /// The next part to store: what changed since the one before it, or all of it. The caller stores it before
    /// the next one, or not at all and then none after it; [`Engine::resume`] takes all that are stored.
    ///
    /// # Errors
    /// When the state cannot be written down; a defect. The next one is then a whole one.
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        let part = self.chain.next();
        self.each_table(&mut |_, table| table.begin(part == 0));
        let saved = save(self, part);
        self.each_table(&mut |_, table| table.end(saved.is_ok()));
        match &saved {
            Ok(bytes) => self.chain.add(part, bytes.len()),
            Err(_) => self.chain = Chain::default(),
        }
        Ok(Checkpoint { part, bytes: saved? })
    }

    /// Takes over the state of a snapshot. State of rules that are gone or were changed since is left out.
    ///
    /// # Errors
    /// When the bytes are not a snapshot; the engine is then as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        *self = restored(self, &[bytes])?;
        Ok(())
    }

    /// Takes over the state that is stored in these parts, in their order, and goes on with the next one.
    ///
    /// # Errors
    /// When they are not the parts of one state; the engine is then as it was.
    pub fn resume(&mut self, parts: &[&[u8]]) -> Result<()> {
        let mut fresh = restored(self, parts)?;
        fresh.each_table(&mut |_, table| table.end(true));
        parts.iter().zip(0..).for_each(|(bytes, part)| fresh.chain.add(part, bytes.len()));
        *self = fresh;
        Ok(())
    }
}

fn damaged(reason: impl Into<String>) -> Error {
    Error::Snapshot { what: "detection state", reason: reason.into() }
}

fn save(engine: &Engine, part: u32) -> Result<Vec<u8>> {
    let name = |index: &u32| name(&engine.rules.rules[*index as usize]);
    let stats = engine.stats;
    let refused = |error: postcard::Error| damaged(format!("cannot be written: {error}"));
    let saved = Saved {
        part,
        stats: [stats.events, stats.matches, stats.alerts, stats.evidence],
        newest: &engine.newest,
        outer: {
            let outer: BTreeSet<u32> = engine.ancestors.iter().flatten().copied().collect();
            outer.iter().map(|index| (*index, name(index))).collect()
        },
        overflows: {
            let told = engine.overflows.iter();
            told.map(|((day, teller, of, tenant), count)| (*day, name(teller), name(of), tenant.as_str(), *count))
                .collect()
        },
        untold: &engine.untold,
        episodes: engine.episodes.iter().map(|(index, table)| (name(&index), table.save())).collect(),
        windows: engine.windows.iter().map(|(index, windows)| (name(&index), windows.save())).collect(),
        watches: engine.watches.iter().map(|(index, watch)| (name(&index), watch)).collect(),
        beyond: engine.beyond.save(|index| name(&index)).map_err(refused)?,
    };
    let mut bytes = Vec::with_capacity(engine.chain.room(part) + 1);
    bytes.push(VERSION);
    postcard::to_extend(&saved, bytes).map_err(refused)
}

/// An engine like this one with the state of these parts.
fn restored(engine: &Engine, parts: &[&[u8]]) -> Result<Engine> {
    let mut fresh = Engine::new(Arc::clone(&engine.rules), Arc::clone(&engine.tenants));
    fresh.limits = engine.limits.clone();
    fresh.not_applicable = engine.not_applicable.clone();
    fresh.on_extra = engine.on_extra.clone();
    let infos = fresh.rules.rules.iter().enumerate();
    let names: BTreeMap<String, u32> = infos.map(|(index, info)| (name(info), index as u32)).collect();
    for (bytes, part) in parts.iter().zip(0..) {
        let (version, body) = bytes.split_first().ok_or_else(|| damaged("no bytes"))?;
        if *version != VERSION {
            return Err(damaged(format!("version {version}, not {VERSION}")));
        }
        let loaded: Loaded = postcard::from_bytes(body).map_err(|error| damaged(error.to_string()))?;
        if loaded.part != part {
            return Err(damaged(format!("part {} in the place of part {part}", loaded.part)));
        }
        apply(&mut fresh, loaded, &names)?;
    }
    Ok(fresh)
}

/// Takes over one part, on top of those before it.
fn apply(fresh: &mut Engine, loaded: Loaded, names: &BTreeMap<String, u32>) -> Result<()> {
    let [events, matches, alerts, evidence] = loaded.stats;
    fresh.stats = Stats { events, matches, alerts, evidence, ..Stats::default() };
    fresh.newest = loaded.newest;
    fresh.untold = loaded.untold;
    let told = loaded.overflows.into_iter().filter_map(|(day, teller, of, tenant, count)| {
        Some(((day, *names.get(&teller)?, *names.get(&of)?, tenant), count))
    });
    fresh.overflows = told.collect();
    let outer = loaded.outer.iter().filter_map(|(was, name)| Some((*was, *names.get(name)?)));
    let outer: BTreeMap<u32, u32> = outer.collect();
    for (name, saved) in loaded.episodes {
        if let Some(table) = names.get(&name).and_then(|index| fresh.episodes.get_mut(*index)) {
            table.restore(saved);
        }
    }
    for (name, saved) in loaded.windows {
        if let Some(windows) = names.get(&name).and_then(|index| fresh.windows.get_mut(*index)) {
            windows.restore(saved, &outer);
        }
    }
    for (name, saved) in loaded.watches {
        if let Some(watch) = names.get(&name).and_then(|index| fresh.watches.get_mut(*index)) {
            *watch = saved;
        }
    }
    if !fresh.beyond.restore(loaded.beyond, |name| names.get(name).copied()) {
        return Err(damaged("a rule's memory"));
    }
    Ok(())
}
