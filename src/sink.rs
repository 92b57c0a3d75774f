//! Where listeners put records: the stream, with accounting once they are durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::senders::Senders;
use ingest::{Durable, Sink};
use stream::log::Log;
use stream::{Record, RecordKind, Timestamp};

use crate::accounting::Accounting;

/// Appends to topic `raw`.
pub struct LogSink {
    log: Log,
    accounting: Arc<Accounting>,
    senders: Arc<Senders>,
}

impl LogSink {
    /// A sink for this log.
    pub fn new(log: Log, accounting: Arc<Accounting>, senders: Arc<Senders>) -> LogSink {
        LogSink { log, accounting, senders }
    }
}

impl Sink for LogSink {
    fn append(&self, records: Vec<Record>) -> Durable<'_> {
        Box::pin(async move {
            let mut counts: BTreeMap<(Arc<str>, Arc<str>), (u64, Timestamp)> = BTreeMap::new();
            self.senders.note(&records);
            for record in records.iter().filter(|record| record.kind == RecordKind::Data) {
                let count = counts.entry((Arc::clone(&record.tenant), Arc::clone(&record.source))).or_default();
                *count = (count.0 + 1, record.received);
            }
            // A task of its own: when the caller goes away in the middle, what becomes durable is still counted.
            let (log, accounting) = (self.log.clone(), Arc::clone(&self.accounting));
            let appended = tokio::spawn(async move {
                Sink::append(&log, records).await?;
                for ((tenant, source), (count, received)) in counts {
                    accounting.received(&tenant, &source, count, received);
                }
                Ok(())
            });
            appended.await.map_err(|error| ingest::Error::Append(error.to_string()))?
        })
    }
}
