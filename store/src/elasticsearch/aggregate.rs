//! Figures that the engine counts itself: steps of time, values of columns, the matrix of zones.
//!
//! All are composite aggregations: exact over any number of shards, in pages of [`PAGE`] buckets. They are taken where the query
//! is exact in terms and the field has a column; events whose columns do not say all (`sekisho.store.read`) are left out
//! of them and read by the caller ([`Remote::each`] with [`read`]).

use serde_json::{Value, json};
use stream::{FieldId, NANOS_PER_SECOND, fields};

use super::search::Remote;
use super::template::{READ, SECOND, TERMS};
use super::terms::value_term;
use crate::index::schema::{Shape, column_of};
use crate::query::FieldRef;
use crate::{Result, Searcher};

/// Buckets of one page.
const PAGE: usize = 10_000;
/// The longest step in seconds; a longer one holds all times there are.
const STEP_SECONDS_MAX: u64 = 9_223_372_036;

/// The filter of events that are to be read.
pub(crate) fn read() -> Value {
    json!({"term": {READ: true}})
}

/// Whether the engine can count a field's values.
pub(crate) fn is_counted(field: &FieldRef) -> bool {
    field.id.is_some_and(|id| id == fields::SEKISHO_TENANT || column_of(id).is_some())
}

impl Remote {
    /// First and last second with events of the tenants and times, whatever the query, in nanoseconds.
    pub(crate) fn span(&self) -> Result<Option<(i64, i64)>> {
        let mut body = self.body(self.covered(), None);
        body["size"] = 0.into();
        body["aggs"] = json!({"first": {"min": {"field": SECOND}}, "last": {"max": {"field": SECOND}}});
        let Some(answer) = self.ask(&body)? else { return Ok(None) };
        let nanos = |name: &str| {
            let second = answer["aggregations"][name]["value"].as_f64()?;
            Some((second as i64).saturating_mul(NANOS_PER_SECOND))
        };
        Ok(nanos("first").zip(nanos("last")))
    }

    /// Calls for every step of time with its start in nanoseconds and its events.
    pub(crate) fn steps(&self, seconds: u64, mut step: impl FnMut(i64, u64)) -> Result<()> {
        let sources = json!([step_source(seconds)]);
        self.composite(sources, None, None, Searcher::BUCKETS_MAX as usize, |bucket| {
            step(start_of(bucket), count_of(bucket));
        })
    }

    /// Calls for every value of a column, in every step of time where such are asked for: start, value, events.
    pub(crate) fn values(
        &self,
        seconds: Option<u64>,
        field: &FieldRef,
        mut value: impl FnMut(i64, String, u64),
    ) -> Result<()> {
        let shape = field.id.and_then(column_of);
        let mut sources: Vec<Value> = seconds.map(step_source).into_iter().collect();
        sources.push(json!({"value": {"terms": {"field": field.name}}}));
        self.composite(sources.into(), Some(&read()), None, Searcher::VALUES_MAX, |bucket| {
            let key = &bucket["key"]["value"];
            let shown = match shape {
                Some(Shape::Int) => key.as_i64().map(|number| number.to_string()),
                // Written as everywhere here, however the engine does.
                Some(Shape::Ip) => key
                    .as_str()
                    .map(|ip| ip.parse().map_or(ip.to_owned(), |ip: std::net::IpAddr| ip.to_canonical().to_string())),
                _ => key.as_str().map(str::to_owned),
            };
            if let Some(shown) = shown {
                value(start_of(bucket), shown, count_of(bucket));
            }
        })
    }

    /// Calls for every pair of zones: source, destination, events, of those with one of the values `denied`.
    pub(crate) fn zones(&self, denied: &[(FieldId, &str)], mut pair: impl FnMut(&str, &str, u64, u64)) -> Result<()> {
        let column = |name: &str, field: FieldId| json!({name: {"terms": {"field": field.name()}}});
        let sources =
            json!([column("source", fields::SEKISHO_SOURCE_ZONE), column("target", fields::SEKISHO_DESTINATION_ZONE)]);
        let terms: Vec<String> = denied.iter().map(|(field, value)| value_term(field.name(), value)).collect();
        let also = json!({"denied": {"filter": {"terms": {TERMS: terms}}}});
        self.composite(sources, Some(&read()), Some(also), Searcher::VALUES_MAX, |bucket| {
            let key = &bucket["key"];
            if let (Some(source), Some(target)) = (key["source"].as_str(), key["target"].as_str()) {
                pair(source, target, count_of(bucket), bucket["denied"]["doc_count"].as_u64().unwrap_or(0));
            }
        })
    }

    /// Pages through buckets, at least up to `most` of them.
    fn composite(
        &self,
        sources: Value,
        but: Option<&Value>,
        also: Option<Value>,
        most: usize,
        mut each: impl FnMut(&Value),
    ) -> Result<()> {
        let mut body = self.body(self.candidates(), None);
        if let (Some(but), Value::Array(excluded)) = (but, &mut body["query"]["bool"]["must_not"]) {
            excluded.push(but.clone());
        }
        body["size"] = 0.into();
        body["track_total_hits"] = false.into();
        body["aggs"] = json!({"all": {"composite": {"size": PAGE, "sources": sources}}});
        if let Some(also) = also {
            body["aggs"]["all"]["aggs"] = also;
        }
        let mut met = 0;
        while let Some(mut answer) = self.ask(&body)? {
            let all = &mut answer["aggregations"]["all"];
            let buckets = all["buckets"].as_array().map_or(&[][..], Vec::as_slice);
            buckets.iter().for_each(&mut each);
            met += buckets.len();
            if buckets.len() < PAGE || met >= most {
                break;
            }
            body["aggs"]["all"]["composite"]["after"] = all["after_key"].take();
        }
        Ok(())
    }
}

fn step_source(seconds: u64) -> Value {
    json!({"step": {"histogram": {"field": SECOND, "interval": seconds.clamp(1, STEP_SECONDS_MAX)}}})
}

fn start_of(bucket: &Value) -> i64 {
    let second = bucket["key"]["step"].as_f64().unwrap_or(0.0);
    (second as i64).saturating_mul(NANOS_PER_SECOND)
}

fn count_of(bucket: &Value) -> u64 {
    bucket["doc_count"].as_u64().unwrap_or(0)
}
