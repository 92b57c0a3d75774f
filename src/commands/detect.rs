//! `sekisho detect`: the engine of `run`, offline and deterministic.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bumpalo::Bump;
use detect::{Engine, Meta, Outcome, RuleSet, Tenants};
use ingest::{Decoder, SourceConfig, Sources};
use stream::{Alert, EventId, RecordKind, RecordRef, Timestamp, fields};

use crate::cli::{Detect, Emit};
use crate::commands::{DONE, output};
use crate::setup;

/// An arena that grew past this is given back instead of kept.
const ARENA_BYTES_KEPT: usize = 8 << 20;

/// Reads every source side by side in event time and writes alerts or matches.
pub fn run(args: &Detect) -> Result<u8> {
    let setup = Setup::load(args)?;
    let mut engine = Engine::new(Arc::clone(&setup.rules), Arc::clone(&setup.tenants));
    engine.set_not_applicable(&setup.not_applicable);
    for source in &setup.sources {
        if let Some(limit) = source.silence_after {
            engine.set_silence(&source.tenant, &source.id, limit);
        }
    }
    let mut out = output(args.output.as_deref())?;
    let mut sink = Sink { emit: args.emit, alerts: BTreeMap::new(), order: Vec::new() };
    let mut feeds = setup.feeds()?;
    let (mut arena, mut outcomes) = (Bump::new(), Vec::new());
    while let Some(index) = earliest(&feeds) {
        feeds[index].observe(index, &setup.tenants, &mut engine, &arena, &mut outcomes);
        let feed = &feeds[index];
        match args.emit {
            Emit::Matches => write_matches(feed, &engine, &setup.rules, &mut out)?,
            Emit::Alerts => outcomes.drain(..).for_each(|outcome| sink.take(outcome)),
        }
        outcomes.clear();
        feeds[index].advance()?;
        if arena.allocated_bytes() > ARENA_BYTES_KEPT {
            arena = Bump::new();
        }
        arena.reset();
    }
    engine.finish(&mut outcomes);
    outcomes.drain(..).for_each(|outcome| sink.take(outcome));
    sink.write(&mut out)?;
    out.flush()?;
    Ok(DONE)
}

/// Rules, tenants and sources that the arguments name.
struct Setup {
    rules: Arc<RuleSet>,
    tenants: Arc<Tenants>,
    sources: Vec<SourceConfig>,
    base: PathBuf,
    not_applicable: Vec<String>,
}

impl Setup {
    fn load(args: &Detect) -> Result<Setup> {
        let config = args.config.as_deref().map(crate::config::Config::load).transpose()?;
        let rules = match (&args.rules, &config) {
            (Some(dir), _) => setup::rules(std::slice::from_ref(dir))?,
            (None, Some(config)) => setup::rules(&config.rules)?,
            (None, None) => setup::rules(&[])?,
        };
        let folder = args.input.is_dir();
        let tenants = match (&args.tenant_dir, &config) {
            (Some(dir), _) => setup::tenant(dir)?,
            (None, Some(config)) => setup::tenants(&config.tenants)?,
            (None, None) if folder && args.input.join("tenants").is_dir() => {
                setup::tenants(&args.input.join("tenants"))?
            }
            (None, None) => Tenants::default(),
        };
        let sources: Vec<SourceConfig> = if folder {
            let path = args.input.join("sources.toml");
            ensure!(
                path.is_file(),
                "{} holds no sources.toml; name a file, or a folder that `generate` wrote",
                args.input.display()
            );
            Sources::load(&path)?.iter().cloned().collect()
        } else {
            let product = match args.input_format.split_once(':') {
                Some(("raw", product)) => product,
                None if args.input_format == "ndjson" => "json",
                _ => bail!("--input-format {}: write ndjson or raw:PRODUCT", args.input_format),
            };
            let tenant =
                args.tenant_dir.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            let mut source = SourceConfig::of_product(product, "Asia/Tokyo", "auto")?;
            source.tenant = tenant.unwrap_or_default();
            source.file = Some(args.input.clone());
            vec![source]
        };
        let base = if folder { args.input.clone() } else { PathBuf::new() };
        let not_applicable = config.map(|config| config.rules_not_applicable).unwrap_or_default();
        Ok(Setup { rules, tenants: Arc::new(tenants), sources, base, not_applicable })
    }

    fn feeds(&self) -> Result<Vec<Feed>> {
        let named = self.sources.iter().filter(|source| source.file.is_some());
        let mut feeds = named.map(|source| Feed::open(source, &self.base)).collect::<Result<Vec<_>>>()?;
        ensure!(!feeds.is_empty(), "no source names a file; sources.toml needs `file = \"...\"`");
        feeds.sort_by(|a, b| (&a.source.tenant, &a.source.id).cmp(&(&b.source.tenant, &b.source.id)));
        Ok(feeds)
    }
}

/// One source's file, standing at a line whose time is known.
struct Feed {
    source: SourceConfig,
    decoder: Decoder,
    lines: Box<dyn Iterator<Item = Result<Vec<u8>>>>,
    line: Option<Vec<u8>>,
    time: Timestamp,
    number: u64,
    received: Timestamp,
    event_id: Option<String>,
    scratch: Bump,
}

impl Feed {
    fn open(source: &SourceConfig, base: &Path) -> Result<Feed> {
        let path = base.join(source.file.as_deref().unwrap_or(Path::new("")));
        let modified = std::fs::metadata(&path).and_then(|meta| meta.modified());
        let modified = modified.with_context(|| format!("open {}", path.display()))?;
        let modified = jiff::Timestamp::try_from(modified).map_or(Timestamp::default(), Timestamp::from);
        let lines = ingest::import::records(&path)?;
        let mut feed = Feed {
            decoder: Decoder::single(source.clone())?,
            received: source.last_received.unwrap_or(modified),
            source: source.clone(),
            lines: Box::new(lines.map(|line| line.map_err(anyhow::Error::from))),
            line: None,
            time: Timestamp::default(),
            number: 0,
            event_id: None,
            scratch: Bump::new(),
        };
        feed.advance()?;
        feed.number -= 1;
        Ok(feed)
    }

    /// Goes to the next line and learns its time, by which the sources are merged.
    fn advance(&mut self) -> Result<()> {
        loop {
            self.line = self.lines.next().transpose()?;
            self.number += 1;
            // A blank line is no record, here as on the wire.
            if self.line.as_ref().is_none_or(|line| !line.is_empty()) {
                break;
            }
        }
        if let Some(line) = &self.line {
            self.scratch.reset();
            let record = record(&self.source, self.number, self.received, line);
            let event = self.decoder.decode(&record, &self.scratch);
            // A line without a time of its own stays where it stands among its neighbours.
            if !event.has(fields::SEKISHO_PARSE_REASON) {
                self.time = event.time();
            }
        }
        Ok(())
    }

    fn observe<'a>(
        &'a mut self,
        partition: usize,
        tenants: &Tenants,
        engine: &mut Engine,
        arena: &'a Bump,
        out: &mut Vec<Outcome>,
    ) {
        let Some(line) = &self.line else { return };
        let record = record(&self.source, self.number, self.received, line);
        let mut event = self.decoder.decode(&record, arena);
        tenants.judge(&mut event, arena);
        let meta = Meta {
            id: EventId::new(partition as u32, self.number),
            tenant: &self.source.tenant,
            source: &self.source.id,
            received: self.received,
            raw: line,
        };
        engine.observe(&meta, &mut event, out);
        self.event_id =
            stream::fields::lookup("_id").and_then(|field| event.get(field)).map(|id| id.text().into_owned());
    }
}

fn record<'a>(source: &'a SourceConfig, offset: u64, received: Timestamp, raw: &'a [u8]) -> RecordRef<'a> {
    let (tenant, source) = (source.tenant.as_str(), source.id.as_str());
    RecordRef { offset, kind: RecordKind::Data, tenant, source, peer: None, received, raw }
}

/// The feed whose line comes next: the earliest, the first of equals.
fn earliest(feeds: &[Feed]) -> Option<usize> {
    let waiting = feeds.iter().enumerate().filter(|(_, feed)| feed.line.is_some());
    waiting.min_by_key(|(index, feed)| (feed.time, *index)).map(|(index, _)| index)
}

fn write_matches(feed: &Feed, engine: &Engine, rules: &RuleSet, out: &mut dyn Write) -> Result<()> {
    for &index in engine.matches() {
        let mut row = serde_json::Map::new();
        row.insert("line".into(), (feed.number + 1).into());
        if let Some(id) = &feed.event_id {
            row.insert("event_id".into(), id.as_str().into());
        }
        row.insert("rule_id".into(), rules.rules()[index].id.as_str().into());
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Collects alerts with everything that came to support them; written at the end, in the order of event time.
///
/// Memory: one entry per alert, at most [`Alert::EVIDENCE_MAX`] lines in each.
struct Sink {
    emit: Emit,
    alerts: BTreeMap<String, Alert>,
    order: Vec<String>,
}

impl Sink {
    fn take(&mut self, outcome: Outcome) {
        match outcome {
            _ if self.emit == Emit::Matches => {}
            Outcome::Alert(alert) => {
                if !self.alerts.contains_key(&alert.id) {
                    self.order.push(alert.id.clone());
                    self.alerts.insert(alert.id.clone(), alert);
                }
            }
            Outcome::Evidence { alert_id, events, evidence, count } => {
                if let Some(alert) = self.alerts.get_mut(&alert_id) {
                    alert.event_count = alert.event_count.max(count);
                    let room = Alert::EVIDENCE_MAX.saturating_sub(alert.events.len());
                    alert.events.extend(events.into_iter().take(room));
                    let room = Alert::EVIDENCE_MAX.saturating_sub(alert.evidence.len());
                    alert.evidence.extend(evidence.into_iter().take(room));
                }
            }
        }
    }

    fn write(mut self, out: &mut dyn Write) -> Result<()> {
        self.order.sort_by_key(|id| (self.alerts[id].timestamp, id.clone()));
        for id in &self.order {
            serde_json::to_writer(&mut *out, &self.alerts[id])?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}
