//! Retention: whole indices go once all that was received in their period is older than it may be.
//!
//! What they held, by tenant and source, is written to `PREFIX-state` first, under the index's name: a crash before the
//! deletion writes the same again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stream::fields;

use super::Engine;
use crate::catalogue::Retired;
use crate::store::Retained;
use crate::{Result, Searcher};

/// Buckets of one page.
const PAGE: usize = 1000;

impl Engine {
    /// Deletes the indices whose period ended at `end` or before; gives what they held, and all that was removed ever.
    pub(crate) fn retain(self: &Arc<Self>, end: i64) -> Result<(Retained, Retired)> {
        let mut retained = Retained::default();
        for (index, (_, events, bytes)) in self.indices()? {
            if self.names.parts(&index).is_none_or(|(_, until)| until > end) {
                continue;
            }
            let sources = self.sources_of(&index)?;
            let document = json!({"kind": "retired", "index": index, "sources": sources});
            self.put_state(
                "write down what retention removes",
                "index",
                std::iter::once((format!("retired-{index}"), document)),
            )?;
            self.ask("delete", "DELETE", &format!("/{index}?ignore_unavailable=true"), None)?;
            self.lock(&self.made).remove(&index);
            retained.splits += 1;
            retained.events += events;
            retained.bytes += bytes;
        }
        self.forget();
        self.known()?;
        Ok((retained, self.retired()?))
    }

    /// Events of an index by tenant and source.
    fn sources_of(&self, index: &str) -> Result<Vec<Value>> {
        let until = Instant::now() + Duration::from_secs(Searcher::SECONDS_MAX);
        let column = |name: &str, field: stream::FieldId| json!({name: {"terms": {"field": field.name(), "missing_bucket": true}}});
        let by = json!([column("tenant", fields::SEKISHO_TENANT), column("source", fields::SEKISHO_SOURCE_ID)]);
        let mut body = json!({"size": 0, "aggs": {"all": {"composite": {"size": PAGE, "sources": by}}}});
        let mut sources = Vec::new();
        loop {
            let mut answer = self.ask("count the events of", "POST", &format!("/{index}/_search"), Some(&body))?;
            super::search::check_shards("count the events of", self.place(), &answer)?;
            let all = &mut answer["aggregations"]["all"];
            let buckets = all["buckets"].as_array().map_or(&[][..], Vec::as_slice);
            sources.extend(buckets.iter().map(|bucket| {
                let text = |name: &str| bucket["key"][name].as_str().unwrap_or("").to_owned();
                json!({"tenant": text("tenant"), "source": text("source"), "events": bucket["doc_count"]})
            }));
            if buckets.len() < PAGE || Instant::now() > until {
                return Ok(sources);
            }
            body["aggs"]["all"]["composite"]["after"] = all["after_key"].take();
        }
    }
}

/// Adds what a document of `PREFIX-state` says was removed.
pub(super) fn add(document: &Value, retired: &mut Retired) {
    for row in document["sources"].as_array().into_iter().flatten() {
        let text = |name: &str| row[name].as_str().unwrap_or("").to_owned();
        *retired.entry(text("tenant")).or_default().entry(text("source")).or_default() +=
            row["events"].as_u64().unwrap_or(0);
    }
}
