//! Counting the values of a field: by ordinal of a column where there is one, else from the stored events.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

use bumpalo::Bump;
use stream::{Event, Value, fields};
use tantivy::columnar::{Column, StrColumn};

use super::Searcher;
use crate::index::schema::Shape;
use crate::index::split::Opened;
use crate::query::{FieldRef, as_int, as_ip};
use crate::{Error, Result};

/// Values with how many events have them.
pub(super) type Counted = HashMap<String, u64>;

pub(super) fn add(counted: &mut Counted, value: &str, count: u64) {
    if let Some(known) = counted.get_mut(value) {
        *known += count;
    } else if counted.len() < Searcher::VALUES_MAX {
        counted.insert(value.to_owned(), count);
    }
}

/// Counts the values of one event.
pub(super) fn count_event(field: &FieldRef, event: &Event<'_>, counted: &mut Counted) {
    let shape = field.id.and_then(crate::index::schema::column_of);
    for (_, value) in event.iter().filter(|(id, _)| field.is(*id)) {
        match shape {
            Some(Shape::Int) => as_int(value).into_iter().for_each(|number| add(counted, &number.to_string(), 1)),
            Some(Shape::Ip) => as_ip(value).into_iter().for_each(|ip| add(counted, &ip.to_string(), 1)),
            _ => match value {
                Value::Str(text) => add(counted, text, 1),
                other => add(counted, &other.text(), 1),
            },
        }
    }
}

/// Counts a field's values over documents of one split.
pub(super) struct ValueCounter {
    opened: Arc<Opened>,
    source: Source,
}

enum Source {
    /// Column with the count of each ordinal, and the ordinals that have one.
    Text(StrColumn, Vec<u64>, Vec<u64>),
    Int(Column<i64>, HashMap<i64, u64>),
    Ip(Column<Ipv6Addr>, HashMap<Ipv6Addr, u64>),
    Tenant(String, u64),
    Stored(FieldRef, Counted),
    /// No event of the split has the field.
    Nothing,
}

impl ValueCounter {
    pub(super) fn new(opened: &Arc<Opened>, tenant: &str, field: &FieldRef) -> Result<ValueCounter> {
        let columns = opened.reader.fast_fields();
        let column = field.id.and_then(|id| opened.schema.column(id));
        let source = match column.map(|column| (column.shape, column.name.as_str())) {
            Some((Shape::Keyword, name)) => match columns.str(name).map_err(opened.failed("count"))? {
                Some(column) => {
                    let counts = vec![0; column.num_terms()];
                    Source::Text(column, counts, Vec::new())
                }
                None => Source::Nothing,
            },
            Some((Shape::Int, name)) => match columns.column_opt::<i64>(name).map_err(opened.failed("count"))? {
                Some(column) => Source::Int(column, HashMap::new()),
                None => Source::Nothing,
            },
            Some((Shape::Ip, name)) => match columns.column_opt::<Ipv6Addr>(name).map_err(opened.failed("count"))? {
                Some(column) => Source::Ip(column, HashMap::new()),
                None => Source::Nothing,
            },
            None if field.id == Some(fields::SEKISHO_TENANT) => Source::Tenant(tenant.to_owned(), 0),
            None => Source::Stored(field.clone(), Counted::new()),
        };
        Ok(ValueCounter { opened: opened.clone(), source })
    }

    pub(super) fn add(&mut self, doc: u32) -> Result<()> {
        match &mut self.source {
            Source::Text(column, counts, met) => {
                for ordinal in column.term_ords(doc) {
                    let count = &mut counts[ordinal as usize];
                    if *count == 0 {
                        met.push(ordinal);
                    }
                    *count += 1;
                }
            }
            Source::Int(column, counts) => {
                column.values_for_doc(doc).for_each(|number| bounded(counts, number));
            }
            Source::Ip(column, counts) => {
                column.values_for_doc(doc).for_each(|ip| bounded(counts, ip));
            }
            Source::Tenant(_, count) => *count += 1,
            Source::Stored(field, counted) => {
                let arena = Bump::new();
                count_event(field, &self.opened.event(doc, &arena)?, counted);
            }
            Source::Nothing => {}
        }
        Ok(())
    }

    /// Adds what was counted to `counted` and starts again from nothing.
    pub(super) fn drain(&mut self, counted: &mut Counted) -> Result<()> {
        match &mut self.source {
            Source::Text(column, counts, met) => {
                let mut text = String::new();
                for ordinal in met.drain(..) {
                    text.clear();
                    column.ord_to_str(ordinal, &mut text).map_err(Error::io("read a column of", ""))?;
                    add(counted, &text, std::mem::take(&mut counts[ordinal as usize]));
                }
            }
            Source::Int(_, counts) => {
                counts.drain().for_each(|(number, count)| add(counted, &number.to_string(), count))
            }
            Source::Ip(_, counts) => {
                counts.drain().for_each(|(ip, count)| add(counted, &ip.to_canonical().to_string(), count));
            }
            Source::Tenant(tenant, count) if *count > 0 => add(counted, tenant, std::mem::take(count)),
            Source::Stored(_, stored) => stored.drain().for_each(|(value, count)| add(counted, &value, count)),
            Source::Tenant(..) | Source::Nothing => {}
        }
        Ok(())
    }
}

fn bounded<T: std::hash::Hash + Eq>(counts: &mut HashMap<T, u64>, value: T) {
    if counts.len() < Searcher::VALUES_MAX || counts.contains_key(&value) {
        *counts.entry(value).or_default() += 1;
    }
}
