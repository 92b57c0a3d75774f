//! `sekisho accounting`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use store::{ALL_TENANTS, SearchRequest, Store, StoreConfig};
use stream::fields;

use crate::accounting::Book;
use crate::cli::{Accounting, DataDir};
use crate::commands::search::visible;
use crate::commands::{DONE, FAILED, output};
use crate::config::Config;

/// Forms of unparsed lines that are told apart.
const KINDS_MAX: usize = 10_000;
/// How much of a line is shown.
const SAMPLE_CHARACTERS: usize = 160;

/// The data folder that the arguments name.
///
/// # Errors
/// Neither a configuration nor a folder was named, or the configuration cannot be read.
pub fn data_dir(place: &DataDir) -> Result<PathBuf> {
    match (&place.config, &place.data) {
        (Some(config), _) => Ok(Config::load(config)?.data),
        (None, Some(data)) => Ok(data.clone()),
        (None, None) if std::path::Path::new("data/sekisho.db").exists() => Ok("data".into()),
        (None, None) => bail!("say where the data is: --config FILE or --data DIR"),
    }
}

/// The data folder that the arguments name, and its events for searching.
///
/// # Errors
/// As [`data_dir`]; there is no index.
pub fn open_events(place: &DataDir) -> Result<(PathBuf, Store)> {
    let (data, config) = match &place.config {
        Some(file) => {
            let config = Config::load(file)?;
            (config.data, config.store)
        }
        None => {
            let data = data_dir(place)?;
            let config = StoreConfig { dir: data.join("store"), ..StoreConfig::default() };
            (data, config)
        }
    };
    let hint = match place.config {
        None => "open the index; when it is on OpenSearch or Elasticsearch, say --config FILE",
        Some(_) => "open the index",
    };
    let store = Store::open_read_only(config).context(hint)?;
    Ok((data, store))
}

/// Prints the figures of every source; fails when they do not balance.
pub fn run(args: &Accounting) -> Result<u8> {
    let place = &args.place;
    if args.unparsed {
        return unparsed(&open_events(place)?.1);
    }
    let data = data_dir(place)?;
    let mut out = output(None)?;
    let forwarding = data.join("forward.json");
    if forwarding.exists() {
        return collector(&forwarding, &mut *out);
    }
    let book = Book::read(&data.join("accounting.json"))?;
    writeln!(
        out,
        "{:<12} {:<16} {:>12} {:>12} {:>10} {:>10} {:>10} {:>10}",
        "tenant", "source", "received", "indexed", "filtered", "in flight", "unparsed", "retired"
    )?;
    let mut total = 0;
    for row in &book.sources {
        total += row.received;
        writeln!(
            out,
            "{:<12} {:<16} {:>12} {:>12} {:>10} {:>10} {:>10} {:>10}",
            row.tenant,
            row.source,
            row.received,
            row.indexed,
            row.filtered,
            row.in_flight,
            row.parse_failures,
            row.retired
        )?;
    }
    writeln!(
        out,
        "{total} received as of {}; {}",
        book.as_of,
        if book.balanced { "balanced" } else { "NOT BALANCED" }
    )?;
    out.flush()?;
    Ok(if book.balanced { DONE } else { FAILED })
}

/// Prints how far a collector has pushed; fails while the centre is not connected.
fn collector(path: &Path, out: &mut dyn std::io::Write) -> Result<u8> {
    let figures = ingest::forward::link::read_figures(path)?;
    writeln!(out, "spool      {}  {} bytes", figures.spool, figures.held_bytes)?;
    writeln!(out, "received   {}", figures.end)?;
    writeln!(out, "at centre  {}", figures.acknowledged)?;
    writeln!(out, "waiting    {}", figures.end.saturating_sub(figures.acknowledged))?;
    let state = if figures.connected { "connected" } else { "NOT CONNECTED" };
    let last = figures.last_acknowledged.as_deref().unwrap_or("never");
    writeln!(out, "{} {state} as of {}; last acknowledged {last}", figures.to, figures.as_of)?;
    if let Some(error) = &figures.last_error {
        writeln!(out, "the last connection ended: {error}")?;
    }
    out.flush()?;
    Ok(if figures.connected { DONE } else { FAILED })
}

/// A kind of line that no parser knows.
struct Kind {
    count: u64,
    reason: String,
    sample: String,
}

/// Lists the forms of unparsed lines by how often they came.
fn unparsed(store: &Store) -> Result<u8> {
    let searcher = store.searcher();
    let mut request = SearchRequest {
        tenants: vec![ALL_TENANTS.to_owned()],
        query: format!("{}:*", fields::SEKISHO_PARSE_REASON.name()),
        limit: SearchRequest::LIMIT_MAX,
        ..SearchRequest::default()
    };
    let mut kinds: BTreeMap<(String, String, String), Kind> = BTreeMap::new();
    let mut more = 0u64;
    loop {
        let hits = searcher.search(&request)?.hits;
        for hit in &hits {
            let text = |field: stream::FieldId| hit.event.get(field.name()).and_then(|value| value.as_str());
            let line = text(fields::EVENT_ORIGINAL).unwrap_or("");
            // Events of before the form was stored have none.
            let form = text(fields::SEKISHO_PARSE_FORM).map_or_else(|| ingest::form::fingerprint(line), str::to_owned);
            let owned = |field| text(field).unwrap_or("").to_owned();
            let key = (owned(fields::SEKISHO_TENANT), owned(fields::SEKISHO_SOURCE_ID), form);
            let full = kinds.len() >= KINDS_MAX;
            match kinds.get_mut(&key) {
                Some(kind) => kind.count += 1,
                None if full => more += 1,
                None => {
                    let reason = owned(fields::SEKISHO_PARSE_REASON);
                    kinds
                        .insert(key, Kind { count: 1, reason, sample: line.chars().take(SAMPLE_CHARACTERS).collect() });
                }
            }
        }
        request.before = match hits.last() {
            Some(last) if hits.len() == request.limit => Some((last.timestamp, last.id)),
            _ => break,
        };
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|(a_key, a), (b_key, b)| b.count.cmp(&a.count).then_with(|| a_key.cmp(b_key)));
    let mut out = output(None)?;
    for ((tenant, source, form), kind) in &kinds {
        writeln!(
            out,
            "{:>10}  {form}  {}/{}  {}",
            kind.count,
            visible(tenant),
            visible(source),
            visible(&kind.reason)
        )?;
        writeln!(out, "            | {}", visible(&kind.sample))?;
    }
    if more > 0 {
        writeln!(out, "{more} lines of more forms than the {KINDS_MAX} above")?;
    }
    if kinds.is_empty() {
        writeln!(out, "every indexed line was parsed")?;
    } else {
        writeln!(out, "look at one: sekisho search '{}:FORM'", fields::SEKISHO_PARSE_FORM.name())?;
    }
    out.flush()?;
    Ok(DONE)
}
