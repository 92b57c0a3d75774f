//! The postings of one split while it is being written: which documents hold which term of which field.
//!
//! Every word is looked up once, in one table for all fields; a document's terms are a list of numbers, and documents are
//! counted into postings at the end. That is five times cheaper than handing words to tantivy one by one. What is written
//! is tantivy's own format. Memory: 24 bytes and the text per distinct term, 8 bytes per posting, bounded by what one cut
//! takes from the tail.
//!
//! Words are chosen by whoever writes the log, so places in the table come from a hash keyed anew in every process.

use std::cmp::Ordering;
use std::hash::{BuildHasher as _, RandomState};

use tantivy::index::Segment;
use tantivy::postings::InvertedIndexSerializer;
use tantivy::schema::Field;

/// A term's number, for giving it again without looking it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TermId(u32);

struct Known {
    start: usize,
    length: u32,
    place: u32,
    /// The document, counted from 1, that has it already.
    last: u32,
    /// How many documents have it.
    count: u32,
}

/// Collects the terms of one document after the other.
pub(super) struct Terms {
    /// Hash in the upper half; number of the term, counted from 1, in the lower; 0 is free. A power of two of places.
    table: Vec<u64>,
    known: Vec<Known>,
    text: Vec<u8>,
    /// Terms of all documents, one document after the other.
    given: Vec<u32>,
    /// Where in `given` each document begins.
    begins: Vec<usize>,
    keys: [u64; 2],
}

impl Default for Terms {
    fn default() -> Self {
        let random = RandomState::new();
        Terms {
            table: vec![0; 1 << 14],
            known: Vec::new(),
            text: Vec::new(),
            given: Vec::new(),
            begins: Vec::new(),
            keys: [random.hash_one(1) | 1, random.hash_one(2)],
        }
    }
}

impl Terms {
    /// Starts the next document.
    pub(super) fn start(&mut self) {
        self.begins.push(self.given.len());
    }

    /// Gives the document a term of a field; a second time changes nothing.
    pub(super) fn add(&mut self, place: Field, term: &str) -> TermId {
        let id = self.intern(place, term);
        self.add_again(id);
        id
    }

    /// As [`Terms::add`], by number.
    pub(super) fn add_again(&mut self, id: TermId) {
        let document = self.begins.len() as u32;
        let known = &mut self.known[id.0 as usize];
        if known.last != document {
            known.last = document;
            known.count += 1;
            self.given.push(id.0);
        }
    }

    /// Marks a term as found elsewhere, so that this document is not given it.
    pub(super) fn pass_over(&mut self, place: Field, term: &str) -> TermId {
        let id = self.intern(place, term);
        self.pass_over_again(id);
        id
    }

    /// As [`Terms::pass_over`], by number.
    pub(super) fn pass_over_again(&mut self, id: TermId) {
        self.known[id.0 as usize].last = self.begins.len() as u32;
    }

    /// The number of a term, which no document needs to have.
    pub(super) fn number(&mut self, place: Field, term: &str) -> TermId {
        self.intern(place, term)
    }

    /// As [`Terms::has`], by number.
    pub(super) fn has_number(&self, id: TermId) -> bool {
        self.known[id.0 as usize].last == self.begins.len() as u32
    }

    /// Whether the document was given the term, or is to pass over it.
    pub(super) fn has(&self, place: Field, term: &str) -> bool {
        let hash = self.hash(place, term.as_bytes());
        self.find(hash, place, term).is_ok_and(|id| self.known[id as usize].last == self.begins.len() as u32)
    }

    fn intern(&mut self, place: Field, term: &str) -> TermId {
        let hash = self.hash(place, term.as_bytes());
        let free = match self.find(hash, place, term) {
            Ok(id) => return TermId(id),
            Err(free) => free,
        };
        let id = self.known.len() as u32;
        self.table[free] = u64::from(hash) << 32 | u64::from(id + 1);
        let (start, length) = (self.text.len(), term.len() as u32);
        self.known.push(Known { start, length, place: place.field_id(), last: 0, count: 0 });
        self.text.extend_from_slice(term.as_bytes());
        if self.known.len() * 2 > self.table.len() {
            self.grow();
        }
        TermId(id)
    }

    /// The term's number, or the free place for it.
    fn find(&self, hash: u32, place: Field, term: &str) -> Result<u32, usize> {
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.table[at];
            if slot == 0 {
                return Err(at);
            }
            if (slot >> 32) as u32 == hash {
                let id = slot as u32 - 1;
                let known = &self.known[id as usize];
                if known.place == place.field_id() && self.text(known) == term.as_bytes() {
                    return Ok(id);
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn text(&self, known: &Known) -> &[u8] {
        &self.text[known.start..known.start + known.length as usize]
    }

    fn grow(&mut self) {
        let mut table = vec![0; self.table.len() * 2];
        let mask = table.len() - 1;
        for slot in self.table.iter().filter(|slot| **slot != 0) {
            let mut at = (slot >> 32) as usize & mask;
            while table[at] != 0 {
                at = (at + 1) & mask;
            }
            table[at] = *slot;
        }
        self.table = table;
    }

    /// Multiplies and folds eight bytes at a time, keyed.
    fn hash(&self, place: Field, bytes: &[u8]) -> u32 {
        let mix = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            product as u64 ^ (product >> 64) as u64
        };
        let mut hash = self.keys[1] ^ (u64::from(place.field_id()) << 32 | bytes.len() as u64);
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            hash = mix(hash ^ u64::from_le_bytes(*chunk), self.keys[0]);
        }
        if !rest.is_empty() {
            let last = match bytes.last_chunk::<8>() {
                Some(last) => u64::from_le_bytes(*last),
                None => rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte)),
            };
            hash = mix(hash ^ last, self.keys[0]);
        }
        (mix(hash, self.keys[0]) >> 32) as u32
    }

    /// Writes the postings of every document met.
    pub(super) fn write(self, segment: &Segment) -> tantivy::Result<()> {
        let order = self.order();
        let (documents, ends) = self.documents();
        let mut serializer = InvertedIndexSerializer::open(segment)?;
        for terms in order.chunk_by(|a, b| self.place(*a) == self.place(*b)) {
            let Some(first) = terms.first() else { continue };
            let postings = terms.iter().map(|id| u64::from(self.known[*id as usize].count)).sum();
            let mut field = serializer.new_field(Field::from_field_id(self.place(*first)), postings, None)?;
            for id in terms {
                let known = &self.known[*id as usize];
                let end = ends[*id as usize];
                field.new_term(self.text(known), known.count, false)?;
                for document in &documents[end - known.count as usize..end] {
                    field.write_doc(*document, 0, &[]);
                }
                field.close_term()?;
            }
            field.close()?;
        }
        serializer.close()?;
        Ok(())
    }

    fn place(&self, id: u32) -> u32 {
        self.known[id as usize].place
    }

    /// The terms that some document has, by field and bytes.
    fn order(&self) -> Vec<u32> {
        let used = self.known.iter().enumerate().filter(|(_, known)| known.count > 0);
        let mut order: Vec<(u32, u64, u32)> = used
            .map(|(id, known)| {
                let mut head = [0; 8];
                let text = self.text(known);
                let length = text.len().min(8);
                head[..length].copy_from_slice(&text[..length]);
                (known.place, u64::from_be_bytes(head), id as u32)
            })
            .collect();
        order.sort_unstable_by(|a, b| match (a.0, a.1).cmp(&(b.0, b.1)) {
            Ordering::Equal => self.text(&self.known[a.2 as usize]).cmp(self.text(&self.known[b.2 as usize])),
            other => other,
        });
        order.into_iter().map(|(_, _, id)| id).collect()
    }

    /// The documents of every term, and where those of each term end.
    fn documents(&self) -> (Vec<u32>, Vec<usize>) {
        let mut next = Vec::with_capacity(self.known.len());
        let mut total = 0;
        for known in &self.known {
            next.push(total);
            total += known.count as usize;
        }
        let mut documents = vec![0; total];
        for (document, begin) in self.begins.iter().enumerate() {
            let end = self.begins.get(document + 1).copied().unwrap_or(self.given.len());
            for id in &self.given[*begin..end] {
                let at = &mut next[*id as usize];
                documents[*at] = document as u32;
                *at += 1;
            }
        }
        (documents, next)
    }
}
