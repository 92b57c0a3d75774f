//! Making events anew in the engine: the same ids, in the indices where they are.
//!
//! Each index is read as it was at the beginning (scroll), in the order of the log, and what was made anew is sent over it.
//! A crash leaves some events new and some old; doing it again ends it.

use std::sync::Arc;

use bumpalo::Bump;
use serde_json::{Value, json};
use stream::{Timestamp, fields};

use super::Engine;
use super::commit::{Bulk, unreadable};
use super::document::Stored;
use super::names::written;
use super::search::{check_shards, event};
use super::template::TIME;
use super::terms::value_term;
use crate::query::fold_keyword;
use crate::store::{Renew, Rewritten};
use crate::{Error, Result};

const ACTION: &str = "read events of";
/// Documents of one answer.
const PAGE: usize = 1000;
/// How long the engine keeps its place for the next page.
const SCROLL: &str = "5m";

impl Engine {
    /// As [`crate::Store::rewrite`].
    pub(crate) fn rewrite(
        self: &Arc<Self>,
        from: Timestamp,
        to: Timestamp,
        source: Option<&str>,
        renew: &mut Renew<'_>,
    ) -> Result<Rewritten> {
        let mut done = Rewritten::default();
        let mut filter = vec![json!({"range": {TIME: {"gte": from.0, "lt": to.0}}})];
        if let Some(source) = source {
            let folded = fold_keyword(stream::Value::Str(source));
            filter
                .push(json!({"term": {super::template::TERMS: value_term(fields::SEKISHO_SOURCE_ID.name(), &folded)}}));
        }
        let body = json!({
            "size": PAGE,
            "query": {"bool": {"filter": filter}},
            "_source": Stored::source(),
            "sort": Stored::BY_ID,
        });
        for index in self.indices()?.into_keys() {
            let before = done.wanted;
            let mut answer = self.ask(ACTION, "POST", &format!("/{index}/_search?scroll={SCROLL}"), Some(&body))?;
            loop {
                check_shards(ACTION, self.place(), &answer)?;
                let Value::Array(hits) = answer["hits"]["hits"].take() else { break };
                if hits.is_empty() {
                    break;
                }
                self.renew(&index, hits, source, renew, &mut done)?;
                let next = json!({"scroll": SCROLL, "scroll_id": answer["_scroll_id"]});
                answer = self.ask(ACTION, "POST", "/_search/scroll", Some(&next))?;
            }
            let place = json!({"scroll_id": [answer["_scroll_id"]]});
            // It would end by itself in a while.
            drop(self.ask("end reading", "DELETE", "/_search/scroll", Some(&place)));
            done.splits += u64::from(done.wanted > before);
        }
        Ok(done)
    }

    fn renew(
        &self,
        index: &str,
        hits: Vec<Value>,
        source: Option<&str>,
        renew: &mut Renew<'_>,
        done: &mut Rewritten,
    ) -> Result<()> {
        let (mut bulk, mut arena) = (Bulk::new(self), Bump::new());
        for mut hit in hits {
            let stored = Stored::read(&mut hit, &Stored::BY_ID).ok_or_else(|| Error::Damaged {
                what: "event",
                place: format!("{index} {}", hit["_id"].as_str().unwrap_or("")),
                reason: "not a document of sekisho's".into(),
            })?;
            let was = event(&stored, &arena).map_err(|_| unreadable(stored.id))?;
            if source.is_none_or(|source| was.get_str(fields::SEKISHO_SOURCE_ID) == Some(source)) {
                done.wanted += 1;
                if let Some(mut renewed) = renew(stored.id, &was, &arena) {
                    for field in [fields::SEKISHO_RULE_IDS, fields::SEKISHO_RULE_NAMES, fields::SEKISHO_LATE] {
                        renewed.remove(field);
                        was.all(field).for_each(|value| renewed.push(field, value));
                    }
                    let tenant = written(was.get_str(fields::SEKISHO_TENANT).unwrap_or(""));
                    bulk.add_to(index.to_owned(), stored.id, &tenant, &renewed)?;
                    done.renewed += 1;
                }
            }
            drop(was);
            arena.reset();
        }
        bulk.finish()
    }
}
