//! Documents whose column holds a value in a range, read block by block so that "newest 20" stops early.
//!
//! Used instead of tantivy's own range query, whose document set cannot be asked to go back in a nested exclusion (its
//! subtraction of positions overflows in 0.27.0).

use std::fmt::Debug;
use std::ops::RangeInclusive;

use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::query::{ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, TERMINATED};

/// A value of a column.
pub(crate) trait Item: Copy + PartialOrd + Debug + Send + Sync + 'static {}

impl<T: Copy + PartialOrd + Debug + Send + Sync + 'static> Item for T {}

#[derive(Clone)]
pub(crate) struct ColumnRange<T: Item> {
    pub(crate) column: Column<T>,
    pub(crate) range: RangeInclusive<T>,
}

impl<T: Item> Debug for ColumnRange<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "values in {:?}", self.range)
    }
}

impl<T: Item> Query for ColumnRange<T> {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl<T: Item> Weight for ColumnRange<T> {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut walk =
            Walk { of: self.clone(), docs: Vec::new(), at: 0, next: 0, end: reader.max_doc(), block: BLOCK_MIN };
        walk.fill();
        Ok(Box::new(ConstScorer::new(walk, boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("values in a range", 1.0))
    }
}

const BLOCK_MIN: u32 = 128;
const BLOCK_MAX: u32 = 65_536;

struct Walk<T: Item> {
    of: ColumnRange<T>,
    /// Matches of the block read last.
    docs: Vec<DocId>,
    at: usize,
    /// Where the next block begins.
    next: DocId,
    end: DocId,
    /// Grows while the walk goes straight on, and starts again after a jump.
    block: u32,
}

impl<T: Item> Walk<T> {
    /// Reads blocks until there is a match at `at` or no more documents.
    fn fill(&mut self) {
        while self.at >= self.docs.len() && self.next < self.end {
            self.docs.clear();
            self.at = 0;
            let end = self.next.saturating_add(self.block).min(self.end);
            self.of.column.get_docids_for_value_range(self.of.range.clone(), self.next..end, &mut self.docs);
            self.docs.dedup();
            self.next = end;
            self.block = (self.block * 2).min(BLOCK_MAX);
        }
    }
}

impl<T: Item> DocSet for Walk<T> {
    fn advance(&mut self) -> DocId {
        self.at += 1;
        self.fill();
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let rest = self.docs.get(self.at..).unwrap_or(&[]);
        self.at += rest.partition_point(|doc| *doc < target);
        if self.at >= self.docs.len() {
            if target > self.next {
                self.next = target;
                self.block = BLOCK_MIN;
            }
            self.fill();
        }
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.docs.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        self.end / 10
    }
}
