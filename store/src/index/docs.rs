//! A query that is a list of documents found beforehand, for patterns over a split's terms.

use std::sync::Arc;

use tantivy::index::SegmentReader;
use tantivy::query::{ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, TERMINATED};

/// Sorted documents of one split.
#[derive(Clone, Debug)]
pub(crate) struct Docs(Arc<Vec<DocId>>);

impl Docs {
    /// Every document with a term that begins with `prefix` and passes; `passes` gets the rest of the term.
    pub(crate) fn scan(
        reader: &SegmentReader,
        field: Field,
        prefix: &[u8],
        skip: usize,
        passes: impl Fn(&str) -> bool,
    ) -> tantivy::Result<Vec<DocId>> {
        let index = reader.inverted_index(field)?;
        let mut terms = index.terms().range().ge(prefix).into_stream()?;
        let mut docs = Vec::new();
        while terms.advance() {
            let key = terms.key();
            if !key.starts_with(prefix) {
                break;
            }
            if !std::str::from_utf8(&key[skip..]).is_ok_and(&passes) {
                continue;
            }
            let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            let mut doc = postings.doc();
            while doc != TERMINATED {
                docs.push(doc);
                doc = postings.advance();
            }
        }
        Ok(docs)
    }

    pub(crate) fn new(mut docs: Vec<DocId>) -> Docs {
        docs.sort_unstable();
        docs.dedup();
        Docs(Arc::new(docs))
    }
}

impl Query for Docs {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Docs {
    fn scorer(&self, _: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(Box::new(ConstScorer::new(Walk { docs: self.0.clone(), at: 0 }, boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("list of documents", 1.0))
    }
}

struct Walk {
    docs: Arc<Vec<DocId>>,
    at: usize,
}

impl DocSet for Walk {
    fn advance(&mut self) -> DocId {
        self.at += 1;
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let rest = self.docs.get(self.at..).unwrap_or(&[]);
        self.at += rest.partition_point(|doc| *doc < target);
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.docs.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        self.docs.len().saturating_sub(self.at) as u32
    }
}
