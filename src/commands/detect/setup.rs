//! What the arguments name: rules, tenants, and the inputs with what their records are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use detect::{RuleSet, Tenants};
use ingest::{SourceConfig, Sources};
use stream::log::{Log, LogConfig};
use stream::{Timestamp, Topic};

use super::feed::{BLOCK_BYTES_MAX, Feed, Stored};
use super::judge::{Form, Lane};
use crate::cli::Detect;
use crate::config::Config;
use crate::setup;

/// What all inputs' blocks may take together.
const BLOCKS_BYTES_MAX: usize = 64 << 20;
/// The smallest block.
const BLOCK_BYTES_MIN: usize = 4 << 10;

/// See the module.
pub(super) struct Setup {
    pub(super) rules: Arc<RuleSet>,
    pub(super) tenants: Arc<Tenants>,
    /// Sources with a declared silence limit.
    pub(super) sources: Vec<SourceConfig>,
    pub(super) not_applicable: Vec<String>,
    pub(super) on_extra: Vec<String>,
    pub(super) lanes: Arc<[Lane]>,
    pub(super) feeds: Vec<Feed>,
    /// Event times that are told.
    pub(super) window: (Timestamp, Timestamp),
    /// The stored stream, held while it is read.
    _log: Option<Log>,
}

impl Setup {
    pub(super) fn load(args: &Detect) -> Result<Setup> {
        let config = args.config.as_deref().map(Config::load).transpose()?;
        let rules = match (&args.rules, &config) {
            // Events in their own names are asked for what the rules write, unless the folder has pipelines of its own.
            (Some(dir), None) if is_ndjson(args) => setup::rules_alone(dir)?,
            (Some(dir), _) => setup::rules(std::slice::from_ref(dir))?,
            (None, Some(config)) => setup::rules(&config.rules)?,
            (None, None) => setup::rules(&[])?,
        };
        let tenants = tenants(args, config.as_ref())?;
        let now: Timestamp = jiff::Timestamp::now().into();
        let limit = |text: &Option<String>, open| match text {
            Some(text) => super::super::search::instant(text, now),
            None => Ok(open),
        };
        let window = (limit(&args.from, Timestamp(i64::MIN))?, limit(&args.to, Timestamp::MAX)?);
        ensure!(window.0 < window.1, "--from is not before --to");
        let inputs = match &args.input {
            Some(path) if path.is_dir() => folder(path)?,
            Some(path) => one(args, path)?,
            None => stored(args, config.as_ref())?,
        };
        ensure!(!inputs.feeds.is_empty(), "no source names a file; sources.toml needs `file = \"...\"`");
        Ok(Setup {
            rules,
            tenants: Arc::new(tenants),
            sources: inputs.sources,
            on_extra: config.as_ref().map(|config| config.rules_on_extra.clone()).unwrap_or_default(),
            not_applicable: config.map(|config| config.rules_not_applicable).unwrap_or_default(),
            lanes: inputs.lanes.into(),
            feeds: inputs.feeds,
            window,
            _log: inputs.log,
        })
    }
}

fn is_ndjson(args: &Detect) -> bool {
    args.input_format == "ndjson" && args.input.as_ref().is_some_and(|input| !input.is_dir())
}

#[derive(Default)]
struct Inputs {
    lanes: Vec<Lane>,
    feeds: Vec<Feed>,
    sources: Vec<SourceConfig>,
    log: Option<Log>,
}

fn tenants(args: &Detect, config: Option<&Config>) -> Result<Tenants> {
    match (&args.tenant_dir, config, &args.input) {
        (Some(dir), _, _) => setup::tenant(dir),
        (None, Some(config), _) => setup::tenants_of(config),
        (None, None, Some(input)) if input.join("tenants").is_dir() => setup::tenants(&input.join("tenants")),
        (None, None, _) => Ok(Tenants::default()),
    }
}

/// A file or stdin.
fn one(args: &Detect, path: &Path) -> Result<Inputs> {
    let tenant = args.tenant_dir.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let tenant = tenant.unwrap_or_default();
    let (form, source) = match args.input_format.split_once(':') {
        None if args.input_format == "ndjson" => (Form::Ndjson(ingest::time::Zone::tokyo()), "json".to_owned()),
        Some(("raw", product)) => {
            let mut source = SourceConfig::of_product(product, "Asia/Tokyo", "auto")?;
            source.tenant.clone_from(&tenant);
            let id = source.id.clone();
            (Form::Raw(Box::new(source)), id)
        }
        _ => bail!("--input-format {}: write ndjson or raw:PRODUCT", args.input_format),
    };
    let received = if path == Path::new("-") { Timestamp::default() } else { modified(path)? };
    let mut inputs = Inputs::default();
    inputs.feeds.push(Feed::open(path, BLOCK_BYTES_MAX)?);
    inputs.lanes.push(Lane { tenant, source, received, told: Timestamp::default(), form });
    Ok(inputs)
}

/// A folder with sources.toml.
fn folder(base: &Path) -> Result<Inputs> {
    let path = base.join("sources.toml");
    ensure!(path.is_file(), "{} holds no sources.toml; name a file, or a folder that `generate` wrote", base.display());
    let mut inputs = Inputs { sources: Sources::load(&path)?.iter().cloned().collect(), ..Inputs::default() };
    let mut named: Vec<&SourceConfig> = inputs.sources.iter().filter(|source| source.file.is_some()).collect();
    named.sort_by(|a, b| (&a.tenant, &a.id).cmp(&(&b.tenant, &b.id)));
    let block_bytes = (BLOCKS_BYTES_MAX / (2 * named.len().max(1))).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
    for source in named {
        let file = base.join(source.file.as_deref().unwrap_or(Path::new("")));
        inputs.feeds.push(Feed::open(&file, block_bytes)?);
        inputs.lanes.push(Lane {
            tenant: source.tenant.clone(),
            source: source.id.clone(),
            received: match source.last_received {
                Some(received) => received,
                None => modified(&file)?,
            },
            told: source.last_received.unwrap_or_default(),
            form: Form::Raw(Box::new(source.clone())),
        });
    }
    Ok(inputs)
}

/// The raw stream of a data folder, from its start, so that what came before `--from` counts as it did in production.
fn stored(args: &Detect, config: Option<&Config>) -> Result<Inputs> {
    let (log, sources) = match (config, &args.data) {
        (Some(config), data) => {
            let mut log = config.stream.clone();
            if let Some(data) = data {
                log.dir = data.join("stream");
                // A folder that `archive fetch` wrote holds records itself, wherever the configuration's stream is.
                if log.dir.join(Topic::Raw.name()).is_dir() {
                    log = LogConfig::in_dir(log.dir);
                }
            }
            (log, Sources::load(&config.sources)?)
        }
        (None, Some(data)) => (LogConfig::in_dir(data.join("stream")), Sources::default()),
        (None, None) => {
            bail!("nothing to read; give --input FILE, or --config FILE for the stored events of its data folder")
        }
    };
    ensure!(log.dir.is_dir(), "there is no stream in {}; give the data folder of a configuration", log.dir.display());
    let log =
        Log::open(log).context("open the stored stream; stop `run` first, or give --data a copy of its folder")?;
    let mut inputs = Inputs {
        sources: sources.iter().filter(|source| source.silence_after.is_some()).cloned().collect(),
        ..Inputs::default()
    };
    let sources = Arc::new(sources);
    for partition in 0..log.partitions(Topic::Raw) {
        let start = log.start_offset(Topic::Raw, partition);
        let stored = Stored {
            reader: log.reader(Topic::Raw, partition, start)?,
            end: log.end_offset(Topic::Raw, partition),
            tenant: args.tenant.clone(),
            names: BTreeMap::new(),
        };
        inputs.feeds.push(Feed::stored(stored, BLOCK_BYTES_MAX));
        inputs.lanes.push(Lane {
            tenant: String::new(),
            source: String::new(),
            received: Timestamp::default(),
            told: Timestamp::default(),
            form: Form::Stored(Arc::clone(&sources)),
        });
    }
    inputs.log = Some(log);
    Ok(inputs)
}

/// When a file was last written: the receipt time of lines that do not tell.
fn modified(path: &Path) -> Result<Timestamp> {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
    let modified = modified.with_context(|| format!("open {}", path.display()))?;
    Ok(jiff::Timestamp::try_from(modified).map_or(Timestamp::default(), Timestamp::from))
}
