//! The index's fields.
//!
//! Columns with postings are for what people filter and group by. The full text is indexed once, in `words`, without
//! positions: a phrase is checked on the stored line, which is cheaper than 48 bytes of positions per event. A test on
//! any other field takes the events that have the field and the words of its value, from `words` or from `others` (words
//! of values that are not in the text), and checks them on the stored event. See [`super::words`] for the terms.

use std::sync::{Arc, LazyLock};

use stream::{FieldId, fields};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, IpAddrOptions, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};

/// How an explicit field is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Column of the value as written, postings of the folded value.
    Keyword,
    /// Column.
    Int,
    /// Column, and postings of the canonical text.
    Ip,
}

/// An explicit field in the index.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) shape: Shape,
    /// Name of the column.
    pub(crate) name: String,
    /// The postings; the column itself for integers, which have none.
    pub(crate) terms: Field,
}

const KEYWORDS: &[FieldId] = &[
    fields::SEKISHO_SOURCE_ID,
    fields::SEKISHO_SOURCE_ZONE,
    fields::SEKISHO_DESTINATION_ZONE,
    fields::SEKISHO_FLOW_VERDICT,
    fields::SEKISHO_FLOW_RULE,
    fields::SEKISHO_RULE_IDS,
    fields::EVENT_KIND,
    fields::EVENT_CATEGORY,
    fields::EVENT_TYPE,
    fields::EVENT_ACTION,
    fields::EVENT_CODE,
    fields::EVENT_OUTCOME,
    fields::EVENT_DATASET,
    fields::USER_NAME,
    fields::USER_TARGET_NAME,
    fields::SOURCE_USER_NAME,
    fields::HOST_NAME,
    fields::OBSERVER_NAME,
    fields::URL_DOMAIN,
    fields::DESTINATION_DOMAIN,
    fields::HTTP_REQUEST_METHOD,
    fields::NETWORK_TRANSPORT,
    fields::NETWORK_PROTOCOL,
    fields::NETWORK_APPLICATION,
    fields::PROCESS_NAME,
    fields::RULE_NAME,
    fields::DNS_QUESTION_NAME,
    fields::LOG_LEVEL,
    fields::SERVICE_NAME,
    fields::OBSERVER_INGRESS_ZONE,
    fields::OBSERVER_EGRESS_ZONE,
];
const INTS: &[FieldId] = &[
    fields::SOURCE_PORT,
    fields::DESTINATION_PORT,
    fields::SOURCE_BYTES,
    fields::DESTINATION_BYTES,
    fields::NETWORK_BYTES,
    fields::HTTP_RESPONSE_STATUS_CODE,
    fields::HTTP_RESPONSE_BYTES,
    fields::EVENT_SEVERITY,
    fields::EVENT_DURATION,
];
const IPS: &[FieldId] = &[fields::SOURCE_IP, fields::DESTINATION_IP];

static SHAPES: LazyLock<Vec<Option<Shape>>> = LazyLock::new(|| {
    let mut shapes = vec![None; FieldId::all_static().count()];
    for (list, shape) in [(KEYWORDS, Shape::Keyword), (INTS, Shape::Int), (IPS, Shape::Ip)] {
        for field in list {
            shapes[field.index()] = Some(shape);
        }
    }
    shapes
});

/// How a field is indexed, if it is one of the explicit ones.
pub(crate) fn column_of(field: FieldId) -> Option<Shape> {
    SHAPES.get(field.index()).copied().flatten()
}

/// Names of the columns that every event has.
pub(crate) const TIME: &str = "time";
pub(crate) const PARTITION: &str = "partition";
pub(crate) const OFFSET: &str = "offset";
pub(crate) const SUB: &str = "sub";

/// The schema with its fields at hand.
#[derive(Clone, Debug)]
pub(crate) struct IndexSchema {
    pub(crate) schema: Schema,
    pub(crate) words: Field,
    /// Words of values that neither the text nor a column has.
    pub(crate) others: Field,
    columns: Vec<Option<Column>>,
}

impl IndexSchema {
    pub(crate) fn new() -> Arc<IndexSchema> {
        let mut builder = Schema::builder();
        // Terms are cut before they are given; "raw" is the name of the tokenizer that every index has.
        let postings = TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let terms = || TextOptions::default().set_indexing_options(postings.clone());
        let fast = || NumericOptions::default().set_fast();
        builder.add_i64_field(TIME, fast());
        builder.add_u64_field(PARTITION, fast());
        builder.add_u64_field(OFFSET, fast());
        builder.add_u64_field(SUB, fast());
        let words = builder.add_text_field("words", terms());
        let others = builder.add_text_field("others", terms());
        let mut columns = vec![None; SHAPES.len()];
        for field in FieldId::all_static() {
            let Some(shape) = column_of(field) else { continue };
            // A dot would be read as a path into a JSON field.
            let name = field.name().replace('.', "_");
            let terms = match shape {
                Shape::Keyword => builder.add_text_field(&name, terms() | FAST),
                Shape::Int => builder.add_i64_field(&name, fast()),
                Shape::Ip => {
                    builder.add_ip_addr_field(&name, IpAddrOptions::default().set_fast());
                    builder.add_text_field(&format!("{name}_text"), terms())
                }
            };
            columns[field.index()] = Some(Column { shape, name, terms });
        }
        Arc::new(IndexSchema { schema: builder.build(), words, others, columns })
    }

    /// The column of a field, if it is one of the explicit ones.
    pub(crate) fn column(&self, field: FieldId) -> Option<&Column> {
        self.columns.get(field.index()).and_then(Option::as_ref)
    }

    /// Every explicit field.
    pub(crate) fn all_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().flatten()
    }

    /// Every explicit field whose values take part in free text.
    pub(crate) fn text_columns(&self) -> impl Iterator<Item = &Column> {
        self.all_columns().filter(|column| column.shape != Shape::Int)
    }
}
