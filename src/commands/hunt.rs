//! `sekisho hunt`: looks for indicators of compromise in the events that are stored already.
//!
//! Indicators come from a CSV with the columns `type` and `value` (the tenants' `ioc.csv`), or one a line; defanged ones
//! (`hxxp://`, `example[.]com`) are read as what they stand for. A domain stands for everything below it too.
//!
//! Bounds: [`INDICATORS_MAX`] indicators, `--limit` events of each; indicators are asked together in queries of at most
//! [`LEAVES_MAX`] conditions, and one by one only where a query found something.

mod indicator;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use store::{ALL_TENANTS, SearchRequest, Searcher};
use stream::{Timestamp, fields};

use self::indicator::Indicator;
use crate::cli::Hunt;
use crate::commands::accounting::open_events;
use crate::commands::search::instant;
use crate::commands::{DONE, output};

/// The most indicators of one hunt.
const INDICATORS_MAX: usize = 100_000;
/// The most conditions of one query.
const LEAVES_MAX: usize = 128;
/// The most bytes of one query.
const QUERY_BYTES_MAX: usize = 6 << 10;

/// Prints the events that hold an indicator, newest first for each, as JSON lines.
pub fn run(args: &Hunt) -> Result<u8> {
    let indicators = read(&args.ioc)?;
    let searcher = open_events(&args.place)?.1.searcher();
    let now = Timestamp::from(jiff::Timestamp::now());
    let request = SearchRequest {
        tenants: vec![args.tenant.clone().unwrap_or_else(|| ALL_TENANTS.to_owned())],
        from: args.from.as_deref().map_or(Ok(Timestamp::MIN), |text| instant(text, now))?,
        to: args.to.as_deref().map_or(Ok(Timestamp::MAX), |text| instant(text, now))?,
        limit: args.limit.clamp(1, SearchRequest::LIMIT_MAX),
        ..SearchRequest::default()
    };
    let mut out = output(None)?;
    let (mut found, mut events) = (0, 0);
    for batch in batches(&indicators) {
        let together = batch.iter().map(|one| one.query.as_str()).collect::<Vec<_>>().join(" OR ");
        if searcher.count(&SearchRequest { query: together, ..request.clone() })? == 0 {
            continue;
        }
        for one in batch {
            let count = print(&searcher, one, &request, &mut out)?;
            found += usize::from(count > 0);
            events += count;
        }
    }
    out.flush()?;
    eprintln!("{} indicators, {found} of them in {events} events", indicators.len());
    Ok(DONE)
}

/// Prints the newest events of one indicator; gives how many there are.
fn print(searcher: &Searcher, one: &Indicator, request: &SearchRequest, out: &mut dyn Write) -> Result<u64> {
    let request = SearchRequest { query: one.query.clone(), ..request.clone() };
    let count = searcher.count(&request)?;
    if count == 0 {
        return Ok(0);
    }
    for hit in searcher.search(&request)?.hits {
        let of = |field: stream::FieldId| hit.event.get(field.name()).cloned().unwrap_or_default();
        let row = serde_json::json!({
            "indicator": one.value,
            "type": one.kind.as_str(),
            "events": count,
            "_id": hit.id.to_string(),
            "@timestamp": hit.timestamp.to_string(),
            "tenant": of(fields::SEKISHO_TENANT),
            "source": of(fields::SEKISHO_SOURCE_ID),
            "line": of(fields::EVENT_ORIGINAL),
        });
        writeln!(out, "{row}")?;
    }
    Ok(count)
}

/// Indicators in groups that fit one query.
fn batches(indicators: &[Indicator]) -> impl Iterator<Item = &[Indicator]> {
    let mut rest = indicators;
    std::iter::from_fn(move || {
        let (mut leaves, mut bytes, mut count) = (0, 0, 0);
        for one in rest {
            leaves += one.leaves;
            bytes += one.query.len() + " OR ".len();
            if count > 0 && (leaves > LEAVES_MAX || bytes > QUERY_BYTES_MAX) {
                break;
            }
            count += 1;
        }
        let (batch, after) = rest.split_at(count);
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

/// The indicators of a file; what is none is named on stderr and left out.
fn read(path: &Path) -> Result<Vec<Indicator>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut indicators = Vec::new();
    for (number, value) in indicator::values(&text)? {
        match Indicator::of(&value) {
            Some(one) => indicators.push(one),
            None => {
                eprintln!("{}:{number}: `{}` is no address, domain, URL or hash", path.display(), value.escape_debug())
            }
        }
        ensure!(
            indicators.len() <= INDICATORS_MAX,
            "{} holds more than {INDICATORS_MAX} indicators; hunt in parts",
            path.display()
        );
    }
    ensure!(!indicators.is_empty(), "{} holds no indicators", path.display());
    Ok(indicators)
}

#[cfg(test)]
mod tests {
    use store::{Store, StoreConfig};

    use super::*;

    #[test]
    fn every_indicator_is_in_one_batch() {
        let all: Vec<Indicator> = (0..500).filter_map(|at| Indicator::of(&format!("host{at}.example.com"))).collect();
        let batches: Vec<&[Indicator]> = batches(&all).collect();
        assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 500);
        assert!(
            batches.len() > 10
                && batches.iter().all(|batch| batch.iter().map(|one| one.leaves).sum::<usize>() <= LEAVES_MAX)
        );
    }

    #[test]
    fn stored_events_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { dir: dir.path().join("store"), ..StoreConfig::default() }).unwrap();
        let mut indexer = store.indexer();
        let arena = bumpalo::Bump::new();
        for (offset, host) in ["www.bad.example", "bad.example", "good.example"].into_iter().enumerate() {
            let mut event = stream::Event::new_in(&arena);
            event.push(fields::TIMESTAMP, stream::Value::Time(Timestamp::from_seconds(1_800_000_000)));
            event.push(fields::SEKISHO_TENANT, stream::Value::Str("town"));
            event.push(fields::URL_DOMAIN, stream::Value::Str(host));
            event.push(fields::EVENT_ORIGINAL, stream::Value::Str(host));
            indexer.add(stream::EventId::new(0, offset as u64), &event);
        }
        indexer.publish(0, 3);
        indexer.commit().unwrap();
        let request = SearchRequest {
            tenants: vec![ALL_TENANTS.to_owned()],
            from: Timestamp::MIN,
            to: Timestamp::MAX,
            limit: 10,
            ..SearchRequest::default()
        };
        let mut out = Vec::new();
        let one = Indicator::of("bad[.]example").unwrap();
        assert_eq!(print(&store.searcher(), &one, &request, &mut out).unwrap(), 2);
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() == 2 && text.contains("www.bad.example"), "{text}");
    }
}
