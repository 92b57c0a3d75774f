//! Saving and restoring the engine's state.
//!
//! Format: a version byte, then postcard. State is kept by rule id and version, so that a restore into a changed rule
//! set keeps what still means the same. Declared silence limits are configuration and not saved.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stream::Timestamp;

use super::{Engine, Stats};
use crate::beyond::SavedState;
use crate::correlation::Window;
use crate::correlation::table::SavedTable;
use crate::rules::RuleInfo;
use crate::silence::Watch;
use crate::suppress::Episode;
use crate::{Error, Result};

const VERSION: u8 = 4;

#[derive(Serialize)]
struct Saved<'e> {
    stats: [u64; 4],
    newest: &'e BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// Correlations that events may be handed on to, by the index that entries name.
    outer: Vec<(u32, String)>,
    untold: &'e BTreeMap<String, u64>,
    episodes: Vec<(String, SavedTable<&'e Episode>)>,
    windows: Vec<(String, SavedTable<&'e Window>)>,
    watches: Vec<(String, &'e Watch)>,
    beyond: SavedState,
}

#[derive(Deserialize)]
struct Loaded {
    stats: [u64; 4],
    newest: BTreeMap<String, BTreeMap<String, Timestamp>>,
    outer: Vec<(u32, String)>,
    untold: BTreeMap<String, u64>,
    episodes: Vec<(String, SavedTable<Episode>)>,
    windows: Vec<(String, SavedTable<Window>)>,
    watches: Vec<(String, Watch)>,
    beyond: SavedState,
}

fn name(info: &RuleInfo) -> String {
    format!("{} {}", info.id, info.version)
}

pub(super) fn save(engine: &Engine) -> Vec<u8> {
    let name = |index: &u32| name(&engine.rules.rules[*index as usize]);
    let stats = engine.stats;
    let saved = Saved {
        stats: [stats.events, stats.matches, stats.alerts, stats.evidence],
        newest: &engine.newest,
        outer: {
            let outer: BTreeSet<u32> = engine.ancestors.iter().flatten().copied().collect();
            outer.iter().map(|index| (*index, name(index))).collect()
        },
        untold: &engine.untold,
        episodes: engine.episodes.iter().map(|(index, table)| (name(index), table.save())).collect(),
        windows: engine.windows.iter().map(|(index, windows)| (name(index), windows.save())).collect(),
        watches: engine.watches.iter().map(|(index, watch)| (name(index), watch)).collect(),
        beyond: engine.beyond.save(|index| name(&index)),
    };
    // Plain data in memory: nothing postcard could refuse.
    postcard::to_extend(&saved, vec![VERSION]).unwrap_or_default()
}

pub(super) fn restore(engine: &mut Engine, bytes: &[u8]) -> Result<()> {
    let damaged = |reason: String| Error::Snapshot { what: "detection state", reason };
    let (version, body) = bytes.split_first().ok_or_else(|| damaged("no bytes".into()))?;
    if *version != VERSION {
        return Err(damaged(format!("version {version}, not {VERSION}")));
    }
    let loaded: Loaded = postcard::from_bytes(body).map_err(|error| damaged(error.to_string()))?;
    let mut fresh = Engine::new(std::sync::Arc::clone(&engine.rules), std::sync::Arc::clone(&engine.tenants));
    fresh.limits = engine.limits.clone();
    fresh.not_applicable = engine.not_applicable.clone();
    let [events, matches, alerts, evidence] = loaded.stats;
    fresh.stats = Stats { events, matches, alerts, evidence, ..Stats::default() };
    fresh.newest = loaded.newest;
    fresh.untold = loaded.untold;
    let names: BTreeMap<String, u32> = {
        let infos = fresh.rules.rules.iter().enumerate();
        infos.map(|(index, info)| (name(info), index as u32)).collect()
    };
    let outer = loaded.outer.iter().filter_map(|(was, name)| Some((*was, *names.get(name)?)));
    let outer: BTreeMap<u32, u32> = outer.collect();
    for (name, saved) in loaded.episodes {
        if let Some(table) = names.get(&name).and_then(|index| fresh.episodes.get_mut(index)) {
            table.restore(saved);
        }
    }
    for (name, saved) in loaded.windows {
        if let Some(windows) = names.get(&name).and_then(|index| fresh.windows.get_mut(index)) {
            windows.restore(saved, &outer);
        }
    }
    for (name, saved) in loaded.watches {
        if let Some(watch) = names.get(&name).and_then(|index| fresh.watches.get_mut(index)) {
            *watch = saved;
        }
    }
    if !fresh.beyond.restore(loaded.beyond, |name| names.get(name).copied()) {
        return Err(damaged("a rule's memory".into()));
    }
    *engine = fresh;
    Ok(())
}
