//! Writes the events of one split, in order, as one segment in tantivy's own format.
//!
//! Columns, postings and stored events are made with tantivy's serialisers, without its indexer: words are interned once
//! ([`super::terms`]), events are stored without what repeats ([`super::shapes`]), and nothing is copied in between.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;

use stream::{Event, EventId, FieldId, Value};
use tantivy::columnar::{ColumnType, ColumnarWriter};
use tantivy::directory::{Directory as _, MmapDirectory, TerminatingWrite as _};
use tantivy::fieldnorm::FieldNormsSerializer;
use tantivy::index::{Segment, SegmentComponent};
use tantivy::store::StoreWriter;
use tantivy::{Index, IndexSettings};

use super::numbers::is_in_columns;
use super::schema::{self, Column, IndexSchema, Shape};
use super::shapes::Shapes;
use super::terms::{TermId, Terms};
use super::words::WordMaker;
use crate::query::text::words;
use crate::query::{as_int, as_ip, fold_keyword};

/// A split being written.
pub(super) struct SplitWriter<'a> {
    schema: &'a IndexSchema,
    shapes: &'a mut Shapes,
    segment: Segment,
    columns: ColumnarWriter,
    store: StoreWriter,
    terms: Terms,
    words: WordMaker,
    /// By field: what the last event with the field had.
    recent: Vec<Recent>,
    events: u32,
    stored: Vec<u8>,
}

/// The last value of a keyword column, which most events have again.
#[derive(Default)]
struct Recent {
    text: String,
    term: Option<TermId>,
    word: Option<TermId>,
}

impl<'a> SplitWriter<'a> {
    pub(super) fn create(
        path: &Path,
        schema: &'a IndexSchema,
        settings: IndexSettings,
        shapes: &'a mut Shapes,
    ) -> tantivy::Result<SplitWriter<'a>> {
        let index = Index::create(MmapDirectory::open(path)?, schema.schema.clone(), settings.clone())?;
        let segment = index.new_segment();
        let store = StoreWriter::new(
            segment.open_write(SegmentComponent::Store)?,
            settings.docstore_compression,
            settings.docstore_blocksize,
            settings.docstore_compress_dedicated_thread,
        )?;
        let mut columns = ColumnarWriter::default();
        columns.record_column_type(schema::TIME, ColumnType::I64, false);
        for name in [schema::PARTITION, schema::OFFSET, schema::SUB] {
            columns.record_column_type(name, ColumnType::U64, false);
        }
        for column in schema.all_columns() {
            let kind = match column.shape {
                Shape::Keyword => ColumnType::Str,
                Shape::Int => ColumnType::I64,
                Shape::Ip => ColumnType::IpAddr,
            };
            columns.record_column_type(&column.name, kind, false);
        }
        shapes.start();
        Ok(SplitWriter {
            schema,
            shapes,
            segment,
            columns,
            store,
            terms: Terms::default(),
            words: WordMaker::default(),
            recent: FieldId::all_static().map(|_| Recent::default()).collect(),
            events: 0,
            stored: Vec::new(),
        })
    }

    pub(super) fn add(&mut self, id: EventId, event: &Event<'_>) -> tantivy::Result<()> {
        let document = self.events;
        self.events += 1;
        self.stored.clear();
        let shape = self.shapes.put(event, &mut self.stored);
        self.store.store_bytes(&self.stored)?;
        self.columns.record_numerical(document, schema::TIME, event.time().0);
        self.columns.record_numerical(document, schema::PARTITION, u64::from(id.partition));
        self.columns.record_numerical(document, schema::OFFSET, id.offset);
        self.columns.record_numerical(document, schema::SUB, u64::from(id.sub));
        self.terms.start();
        self.words.numbers.start(event.time().0);
        for (field, value) in event.iter() {
            if let Some(column) = self.schema.column(field) {
                self.add_column(document, field, column, value);
            }
        }
        self.words.text(self.schema, event, shape, &mut self.terms);
        self.words.others(self.schema, event, &mut self.terms);
        Ok(())
    }

    fn add_column(&mut self, document: u32, field: FieldId, column: &Column, value: Value<'_>) {
        match column.shape {
            Shape::Int => {
                if let Some(number) = as_int(value) {
                    self.columns.record_numerical(document, &column.name, number);
                    if is_in_columns(field) {
                        self.words.numbers.put(number);
                    }
                }
            }
            Shape::Keyword => match value {
                Value::Str(text) => self.add_keyword(document, field, column, text),
                other => self.add_keyword(document, field, column, &other.text()),
            },
            Shape::Ip => {
                let Some(ip) = as_ip(value) else { return };
                let wide = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                self.columns.record_ip_addr(document, &column.name, wide);
                let text = ip.to_string();
                self.terms.add(column.terms, &text);
                if is_word(&text) {
                    self.terms.pass_over(self.schema.words, &text);
                }
            }
        }
    }

    /// Words that are the whole value of a column are found there and not given again.
    fn add_keyword(&mut self, document: u32, field: FieldId, column: &Column, text: &str) {
        self.columns.record_str(document, &column.name, text);
        let recent = &mut self.recent[field.index()];
        match recent.term {
            Some(term) if recent.text == text => self.terms.add_again(term),
            _ => {
                let folded = fold_keyword(Value::Str(text));
                recent.term = Some(self.terms.add(column.terms, &folded));
                recent.word = is_word(&folded).then(|| self.terms.pass_over(self.schema.words, &folded));
                recent.text.clear();
                recent.text.push_str(text);
            }
        }
        if let Some(word) = recent.word {
            self.terms.pass_over_again(word);
        }
    }

    /// Writes what was collected. Nothing is synced yet.
    pub(super) fn finish(self, path: &Path, split: &str) -> crate::Result<()> {
        self.shapes.save(path)?;
        self.finish_segment().map_err(crate::Error::index("write", split))
    }

    fn finish_segment(mut self) -> tantivy::Result<()> {
        self.store.close()?;
        FieldNormsSerializer::from_write(self.segment.open_write(SegmentComponent::FieldNorms)?)?.close()?;
        self.terms.write(&self.segment)?;
        let mut columns = self.segment.open_write(SegmentComponent::FastFields)?;
        self.columns.serialize(self.events, None, &mut columns)?;
        columns.flush()?;
        columns.terminate()?;
        let index = self.segment.index();
        let mut metas = index.load_metas()?;
        metas.segments = vec![self.segment.meta().clone().with_max_doc(self.events)];
        let metas = serde_json::to_vec(&metas).map_err(std::io::Error::from)?;
        index.directory().atomic_write(Path::new("meta.json"), &metas)?;
        Ok(())
    }
}

/// Whether folded text is one word.
fn is_word(folded: &str) -> bool {
    words(folded).next().is_some_and(|word| word.len() == folded.len())
}
