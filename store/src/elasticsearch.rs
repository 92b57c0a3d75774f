//! Events in an OpenSearch or Elasticsearch cluster, in place of splits of this machine.
//!
//! What stays the same: [`crate::Store`] with its memory tail, its one writer, its errors; the query language, its evaluator
//! and every answer. What differs is where a cut goes and where the rest of a search comes from:
//!
//! - A cut ([`commit`]) sends what waits by `_bulk` with `_id` = event id into indices whose names follow from the event alone
//!   ([`names`]), refreshes them, and only then writes how far each raw partition is (`PREFIX-state`, one document per
//!   partition). A crash between the two sends the same documents under the same ids again.
//! - A search ([`search`], [`aggregate`]) asks for documents *below those positions* and adds the tail, which begins there: what is
//!   sent and not yet confirmed is found in the tail alone, never twice.
//! - Candidates come from [`query`], over the same terms as the local index has; where they may be too many, each is read
//!   and checked by [`crate::Query::matches`], from bytes that give the event back exactly ([`document`]).
//! - Retention ([`retention`]) deletes whole indices.
//!
//! Quickwit is refused: its `_bulk` appends and has no `_id`, so a repeat would be a second event.

mod aggregate;
mod client;
mod commit;
mod config;
mod document;
mod names;
mod query;
mod retention;
mod rewrite;
mod search;
mod template;
mod terms;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use config::ElasticsearchConfig;

use self::client::{Client, Request, refused};
use self::names::Names;
use crate::catalogue::{Catalogue, Retired};
use crate::{Error, Result};

pub(crate) use aggregate::{is_counted, read};
pub(crate) use commit::commit;
pub(crate) use document::Stored;
pub(crate) use search::{Remote, event};

/// How long a request that changes something may take.
const CHANGE: Duration = Duration::from_secs(60);
/// How long a request that only looks may take.
const LOOK: Duration = Duration::from_secs(10);
/// How long a start waits for an engine that does not answer.
const START: Duration = Duration::from_secs(30);
/// What is known of the cluster is asked for again when it is older.
const KNOWN_AGE_MAX: Duration = Duration::from_secs(1);
/// Documents of `PREFIX-state` in one answer.
const STATE_PAGE: usize = 1000;

/// The engine, as one process sees it.
pub(crate) struct Engine {
    config: ElasticsearchConfig,
    client: Client,
    names: Names,
    /// Indices that were made or met.
    made: Mutex<HashSet<String>>,
    known: Mutex<Option<Known>>,
}

/// What the cluster held when it was asked.
#[derive(Clone)]
pub(crate) struct Known {
    /// None once something changed.
    at: Option<Instant>,
    /// Next raw offset by partition.
    pub(crate) positions: BTreeMap<u32, u64>,
    /// Of each index: its written tenant, events, bytes.
    pub(crate) indices: BTreeMap<String, (String, u64, u64)>,
}

impl Engine {
    /// Connects, and for a writer puts the template and the index of positions. Waits up to 30 s for an engine that does not answer.
    pub(crate) fn open(config: &ElasticsearchConfig, writes: bool) -> Result<Engine> {
        let engine = Engine {
            client: Client::new(config)?,
            names: Names::new(&config.index_prefix, config.index_days),
            config: config.clone(),
            made: Mutex::default(),
            known: Mutex::default(),
        };
        let until = Instant::now() + START;
        loop {
            match engine.prepare(writes) {
                Err(Error::Engine { again: true, action, place, reason, .. }) if Instant::now() < until => {
                    tracing::warn!(action, place, reason, "the search engine does not answer yet; waiting");
                    // Parked, not slept: nobody signals that it is there.
                    std::thread::park_timeout(Duration::from_millis(500));
                }
                result => return result.map(|()| engine),
            }
        }
    }

    fn prepare(&self, writes: bool) -> Result<()> {
        let about = self.look("ask for the version of", "GET", "/", None)?;
        let version = &about["version"];
        let number = version["number"].as_str().unwrap_or("");
        let major: u32 = number.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        let what = match version["distribution"].as_str() {
            Some("opensearch") if major >= 2 => "OpenSearch",
            None if major >= 8 => "Elasticsearch",
            other => {
                let reason = format!(
                    "{} {number} cannot hold the events; OpenSearch 2 or Elasticsearch 8 and newer can",
                    other.unwrap_or("Elasticsearch")
                );
                return Err(refused("use", self.place(), reason, false));
            }
        };
        if writes {
            let template = template::template(&self.config, &self.names);
            self.ask(
                "put the index template",
                "PUT",
                &format!("/_index_template/{}", self.names.events()),
                Some(&template),
            )?;
            self.create(&self.names.state(), &template::state(&self.config))?;
            tracing::info!(engine = what, number, prefix = self.config.index_prefix, "events go to the search engine");
        }
        Ok(())
    }

    /// What the catalogue says of a local store, asked of the cluster.
    pub(crate) fn catalogue(&self) -> Result<Catalogue> {
        let state = self.names.state();
        self.ask("refresh", "POST", &format!("/{state}/_refresh?ignore_unavailable=true"), None)?;
        let known = self.known()?;
        Ok(Catalogue::of(known.positions, self.retired()?))
    }

    /// What the cluster holds now, not more than a second ago.
    pub(crate) fn known(&self) -> Result<Known> {
        if let Some(known) = &*self.lock(&self.known)
            && known.at.is_some_and(|at| at.elapsed() < KNOWN_AGE_MAX)
        {
            return Ok(known.clone());
        }
        let at = Some(Instant::now());
        let known = Known { at, positions: self.positions()?, indices: self.indices()? };
        *self.lock(&self.known) = Some(known.clone());
        Ok(known)
    }

    /// What was known last, without asking: for figures of pages.
    pub(crate) fn last_known(&self) -> Option<Known> {
        self.lock(&self.known).clone()
    }

    fn forget(&self) {
        if let Some(known) = &mut *self.lock(&self.known) {
            known.at = None;
        }
    }

    fn positions(&self) -> Result<BTreeMap<u32, u64>> {
        let mut positions = BTreeMap::new();
        for document in self.state("position")? {
            let partition = document["partition"].as_u64().and_then(|number| u32::try_from(number).ok());
            if let (Some(partition), Some(next)) = (partition, document["next_offset"].as_u64()) {
                positions.insert(partition, next);
            }
        }
        Ok(positions)
    }

    fn retired(&self) -> Result<Retired> {
        let mut retired = Retired::new();
        for document in self.state("retired")? {
            retention::add(&document, &mut retired);
        }
        Ok(retired)
    }

    /// The documents of one kind in `PREFIX-state`.
    fn state(&self, kind: &str) -> Result<Vec<Value>> {
        const ACTION: &str = "read the positions";
        let mut body = json!({"size": STATE_PAGE, "query": {"term": {"kind": kind}}, "sort": [{"id": "asc"}]});
        let path = format!("/{}/_search?ignore_unavailable=true", self.names.state());
        let mut documents = Vec::new();
        loop {
            let mut answer = self.look(ACTION, "POST", &path, Some(&body))?;
            search::check_shards(ACTION, self.place(), &answer)?;
            let Value::Array(hits) = answer["hits"]["hits"].take() else { return Ok(documents) };
            let count = hits.len();
            for mut hit in hits {
                body["search_after"] = hit["sort"].take();
                documents.push(hit["_source"].take());
            }
            if count < STATE_PAGE {
                return Ok(documents);
            }
        }
    }

    fn indices(&self) -> Result<BTreeMap<String, (String, u64, u64)>> {
        let path =
            format!("/_cat/indices/{}-*?format=json&bytes=b&h=index,docs.count,pri.store.size", self.names.events());
        let listed = self.look("list the indices", "GET", &path, None)?;
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut indices = BTreeMap::new();
        for row in listed.as_array().into_iter().flatten() {
            let Some(name) = row["index"].as_str() else { continue };
            if let Some((tenant, _)) = self.names.parts(name) {
                let held = (tenant.to_owned(), number(&row["docs.count"]), number(&row["pri.store.size"]));
                indices.insert(name.to_owned(), held);
            }
        }
        Ok(indices)
    }

    /// Makes an index, unless it is there.
    fn create(&self, index: &str, body: &Value) -> Result<()> {
        if self.lock(&self.made).contains(index) {
            return Ok(());
        }
        let bytes = body.to_string();
        let request = Request {
            action: "make the index",
            method: "PUT",
            path: &format!("/{index}"),
            body: Some(bytes.as_bytes()),
            timeout: CHANGE,
        };
        let answer = self.client.send(&request)?;
        if answer.status == 400 {
            let error: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
            if error["error"]["type"] != "resource_already_exists_exception" {
                return Err(answer.refused(request.action));
            }
        } else {
            answer.good(request.action)?;
            self.forget();
        }
        self.lock(&self.made).insert(index.to_owned());
        Ok(())
    }

    /// Asks for something that takes its time.
    fn ask(&self, action: &'static str, method: &'static str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.request(action, method, path, body, CHANGE)
    }

    /// Asks for something that is there at once.
    fn look(&self, action: &'static str, method: &'static str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.request(action, method, path, body, LOOK)
    }

    fn request(
        &self,
        action: &'static str,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Value> {
        let bytes = body.map(|body| body.to_string());
        let body = bytes.as_ref().map(|bytes| bytes.as_bytes());
        self.client.send(&Request { action, method, path, body, timeout })?.good(action)
    }

    /// Where it is, for errors.
    fn place(&self) -> &str {
        self.config.urls.first().map_or("", String::as_str)
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
