//! Where listeners put what they received: a [`Sink`] that answers once the records are durable.

use std::collections::BTreeMap;
use std::pin::Pin;

use stream::log::Log;
use stream::{Record, Topic};

use crate::collect::notes::collector_of;
use crate::collect::partition_of;
use crate::{Error, Result};

/// Resolves when the records are durable, or to why they may not be.
pub type Durable<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Takes received records.
pub trait Sink: Send + Sync + 'static {
    /// Appends the records in their order; waits while the stream's buffers are full, and until they are durable.
    ///
    /// # Errors
    /// [`Error::Append`] when the stream did not take them: some of them may still be in it.
    fn append(&self, records: Vec<Record>) -> Durable<'_>;
}

/// Appends to topic `raw`, each record to the partition of its tenant and source, what a collector sent to that of the collector.
impl Sink for Log {
    fn append(&self, records: Vec<Record>) -> Durable<'_> {
        Box::pin(async move {
            let log = self.clone();
            // The append itself may wait for buffer room, so it leaves the async threads; the ack is awaited here.
            let acks = tokio::task::spawn_blocking(move || {
                by_partition(&log, records)
                    .into_iter()
                    .map(|(partition, records)| log.append(Topic::Raw, partition, records))
                    .collect::<stream::Result<Vec<_>>>()
            })
            .await
            .map_err(|error| Error::Append(error.to_string()))?
            .map_err(|error| Error::Append(error.to_string()))?;
            for ack in acks {
                ack.await.map_err(|error| Error::Append(error.to_string()))?;
            }
            Ok(())
        })
    }
}

fn by_partition(log: &Log, records: Vec<Record>) -> BTreeMap<u32, Vec<Record>> {
    if log.partitions(Topic::Raw) == 1 {
        return BTreeMap::from([(0, records)]);
    }
    // What a collector sent stays together with what tells of it.
    if let Some(collector) = records.iter().find_map(collector_of) {
        return BTreeMap::from([(partition_of(log, &collector), records)]);
    }
    let mut partitions: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
    for record in records {
        let partition = log.partition_for(Topic::Raw, &record.tenant, &record.source);
        partitions.entry(partition).or_default().push(record);
    }
    partitions
}
