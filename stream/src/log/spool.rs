//! What a log needs to be a spool, which holds records only until they are safe elsewhere.

use std::sync::Arc;

use super::Log;
use super::embedded::Embedded;
use super::partition::Partition;
use super::retention::{Retained, remove};
use crate::{Result, Topic};

impl Log {
    /// Bytes of a partition's segments on the disk; 0 for a partition that does not exist or is not on this machine.
    pub fn held_bytes(&self, topic: Topic, partition: u32) -> u64 {
        let Some(log) = self.embedded() else { return 0 };
        let partition = log.partition(topic, partition);
        partition.map_or(0, |partition| partition.lock().segments.iter().map(|segment| segment.bytes()).sum())
    }

    /// Unlinks whole segments that hold nothing at or above offset `below`; never the one that is written to.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn trim(&self, topic: Topic, partition: u32, below: u64) -> Result<Retained> {
        let mut retained = Retained::default();
        if let Some(log) = self.embedded() {
            trim(log.partition(topic, partition)?, below, &mut retained)?;
        }
        Ok(retained)
    }

    fn embedded(&self) -> Option<&Embedded> {
        match self {
            Log::Embedded(log) => Some(log),
            #[allow(unreachable_patterns, reason = "a log on a server of its own has nothing to trim here")]
            _ => None,
        }
    }
}

fn trim(partition: &Arc<Partition>, below: u64, retained: &mut Retained) -> Result<()> {
    let segments = partition.lock().segments.clone();
    let gone = segments.windows(2).take_while(|pair| pair[1].base <= below).count();
    if gone == 0 {
        return Ok(());
    }
    remove(partition, &segments[..gone], segments[gone].base, retained)
}
