//! Samples: events beside a rule that must set it off (`hit.ndjson`) and that must not (`miss.ndjson`).
//!
//! `samples/<rule file name>/` beside the rules' root or beside the rule file; flat JSON objects, one event a line, with
//! dotted ECS names. Fields of addresses and times are read as such. A line is the raw record of its event; its source is
//! `sekisho.source.id`, its tenant `sekisho.tenant`, each `sample` when absent. `event.created` is the receipt time.
//! Tenants, with their ledgers and calendars, are those of `tenants/` beside `samples/`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bumpalo::Bump;
use stream::{Event, EventId, Kind, Timestamp, Value, fields};

use super::{RuleKind, RuleSet};
use crate::engine::{Engine, Meta, Outcome};
use crate::{Problem, Tenants};

/// What the samples of one rule file showed.
#[derive(Clone, Debug)]
pub struct SampleResult {
    /// The rule file.
    pub file: PathBuf,
    /// Events of the hit sample, none when there is no such file.
    pub hits: Option<usize>,
    /// Events of the miss sample, none when there is no such file.
    pub misses: Option<usize>,
    /// What is wrong, empty when both do what they must.
    pub problems: Vec<Problem>,
}

/// The samples folder of a rule file: the nearest `samples/<stem>` going up from the file.
pub(super) fn folder_of(file: &Path) -> Option<PathBuf> {
    let stem = file.file_stem()?;
    let found = file.ancestors().skip(1).take(RuleSet::DEPTH_MAX).map(|dir| dir.join("samples").join(stem));
    found.into_iter().find(|dir| dir.is_dir())
}

/// So many groups fill the tables of all rules in a sample of a rule with `overflow`.
const OVERFLOW_GROUPS: usize = 10;

/// Runs the samples of every rule file of a set. Silence is judged at the end of a sample, with a limit of 15 minutes
/// for every source whose rule leaves it to the source. In a sample of a rule with `overflow` all tables hold 10 groups.
pub fn run_samples(rules: &Arc<RuleSet>) -> Vec<SampleResult> {
    let mut files: Vec<&Path> = rules.rules.iter().map(|rule| rule.file.as_path()).collect();
    files.dedup();
    let mut known = HashMap::new();
    files.into_iter().map(|file| run_file(rules, file, &mut known)).collect()
}

/// The tenants of samples by folder, and what is wrong with them.
type Known = HashMap<PathBuf, (Arc<Tenants>, Vec<Problem>)>;

/// The tenants of a samples folder; the problems are given once.
fn tenants_of(folder: &Path, known: &mut Known) -> (Arc<Tenants>, Vec<Problem>) {
    let dir = folder.ancestors().nth(2).unwrap_or(folder).join("tenants");
    let (tenants, problems) =
        known.entry(dir).or_insert_with_key(|dir| match dir.is_dir().then(|| Tenants::load(dir)) {
            None => Default::default(),
            Some(Ok(tenants)) => (Arc::new(tenants), Vec::new()),
            Some(Err(problems)) => (Arc::default(), problems),
        });
    (Arc::clone(tenants), std::mem::take(problems))
}

fn run_file(rules: &Arc<RuleSet>, file: &Path, known: &mut Known) -> SampleResult {
    let mut result = SampleResult { file: file.to_owned(), hits: None, misses: None, problems: Vec::new() };
    let Some(folder) = folder_of(file) else {
        let folder = format!("samples/{}/", file.file_stem().unwrap_or_default().to_string_lossy());
        result.problems.push(Problem::whole(
            file,
            "no samples",
            format!("add {folder}hit.ndjson and {folder}miss.ndjson"),
        ));
        return result;
    };
    let (tenants, problems) = tenants_of(&folder, known);
    result.problems.extend(problems);
    for hit in [true, false] {
        let path = folder.join(if hit { "hit.ndjson" } else { "miss.ndjson" });
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let advice = "add it: one JSON object a line";
                result.problems.push(Problem::whole(&path, format!("no sample: {error}"), advice));
                continue;
            }
        };
        let count = if hit { &mut result.hits } else { &mut result.misses };
        match play(rules, &tenants, file, &path, &text) {
            Err(problem) => result.problems.push(problem),
            Ok((events, fired)) => {
                *count = Some(events);
                judge(rules, file, &path, hit, &fired, &mut result.problems);
            }
        }
    }
    result
}

/// Whether each rule of the file did what the sample must show.
fn judge(rules: &RuleSet, file: &Path, path: &Path, hit: bool, fired: &[bool], problems: &mut Vec<Problem>) {
    let own = || rules.rules.iter().zip(fired).filter(|(rule, _)| rule.file == file && rule.problem.is_none());
    let alerting = own().any(|(rule, _)| rule.alerts);
    for (rule, fired) in own() {
        if hit && !fired {
            let message = format!("does not set off `{}` ({})", rule.title, rule.id);
            problems.push(Problem::whole(path, message, "correct the rule or the sample"));
        }
        if !hit && *fired && (rule.alerts || !alerting) {
            let message = format!("sets off `{}` ({})", rule.title, rule.id);
            problems.push(Problem::whole(path, message, "correct the rule or the sample"));
        }
    }
}

/// Plays a sample; gives the number of events and, by rule, whether it was set off: a rule that raises alerts by an alert, another by
/// a match.
fn play(
    rules: &Arc<RuleSet>,
    tenants: &Arc<Tenants>,
    file: &Path,
    path: &Path,
    text: &str,
) -> Result<(usize, Vec<bool>), Problem> {
    let mut engine = Engine::new(Arc::clone(rules), Arc::clone(tenants));
    if rules.rules.iter().any(|rule| rule.file == file && rule.overflow.is_some()) {
        engine.bound_groups(OVERFLOW_GROUPS);
    }
    let mut fired = vec![false; rules.rules.len()];
    let mut out = Vec::new();
    let mut arena = Bump::new();
    let mut events = 0;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        arena.reset();
        let mut event = read_event(line, &arena).map_err(|reason| {
            Problem::new(path, number as u32 + 1, 1, reason, "write one flat JSON object of ECS fields a line")
        })?;
        let (tenant, source) = (name(&event, fields::SEKISHO_TENANT), name(&event, fields::SEKISHO_SOURCE_ID));
        engine.set_silence(tenant, source, std::time::Duration::from_secs(900));
        let received = match event.get(fields::EVENT_CREATED) {
            Some(Value::Time(time)) => time,
            _ => event.time(),
        };
        let meta = Meta { id: EventId::new(0, events as u64), tenant, source, received, raw: line.as_bytes() };
        engine.observe(&meta, &mut event, &mut out);
        engine.matches().iter().for_each(|index| fired[*index] |= !rules.rules[*index].alerts);
        events += 1;
    }
    engine.finish(&mut out);
    for outcome in out {
        if let Outcome::Alert(alert) = outcome
            && let Some(index) = rules.rules.iter().position(|rule| rule.id == alert.rule.id)
        {
            fired[index] = true;
        }
    }
    // A correlation that only feeds others shows itself through them.
    for index in 0..fired.len() {
        let rule = &rules.rules[index];
        if rule.kind == RuleKind::Correlation && !rule.alerts && rule.file == file {
            fired[index] =
                rules.rules.iter().zip(&fired).any(|(other, fired)| other.file == file && other.alerts && *fired);
        }
    }
    Ok((events, fired))
}

fn name<'a>(event: &Event<'a>, field: stream::FieldId) -> &'a str {
    event.get_str(field).unwrap_or("sample")
}

/// Reads a flat JSON object of ECS fields.
///
/// # Errors
/// What is wrong with the line.
pub(crate) fn read_event<'a>(line: &str, arena: &'a Bump) -> Result<Event<'a>, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
    let mut event = Event::new_in(arena);
    for (name, value) in &object {
        let field = stream::intern(name).ok_or_else(|| format!("no room for the field `{name}`"))?;
        match value {
            serde_json::Value::Array(list) => {
                for value in list {
                    push(&mut event, field, value, arena)?;
                }
            }
            value => push(&mut event, field, value, arena)?,
        }
    }
    Ok(event)
}

fn push<'a>(
    event: &mut Event<'a>,
    field: stream::FieldId,
    value: &serde_json::Value,
    arena: &'a Bump,
) -> Result<(), String> {
    let value = match value {
        serde_json::Value::Null => return Ok(()),
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => match field.kind() {
            Kind::Ip => Value::Ip(text.parse().map_err(|_| format!("`{text}` is no address"))?),
            Kind::Time => {
                Value::Time(Timestamp::parse_rfc3339(text).ok_or_else(|| format!("`{text}` is no RFC 3339 time"))?)
            }
            _ => Value::Str(arena.alloc_str(text)),
        },
        nested => return Err(format!("`{}` is not flat: {nested}", field.name())),
    };
    event.push(field, value);
    Ok(())
}
