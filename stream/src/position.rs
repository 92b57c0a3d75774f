//! Positions in the `raw` topic, which are the ids of events.

use std::fmt;
use std::str::FromStr;

/// An event's id: where its record stands in the `raw` topic.
///
/// Printed `partition-offset`, or `partition-offset-n` for the n-th event (from 1) of a record that holds several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId {
    /// Partition of the `raw` topic.
    pub partition: u32,
    /// Offset in the partition.
    pub offset: u64,
    /// 0, or the event's number within the record.
    pub sub: u32,
}

impl EventId {
    /// The id of a record's only event.
    pub fn new(partition: u32, offset: u64) -> Self {
        EventId { partition, offset, sub: 0 }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.offset)?;
        if self.sub > 0 { write!(f, "-{}", self.sub) } else { Ok(()) }
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let partition = parts.next().and_then(|p| p.parse().ok()).ok_or(())?;
        let offset = parts.next().and_then(|p| p.parse().ok()).ok_or(())?;
        let sub = match parts.next() {
            None => 0,
            Some(n) => n.parse().ok().filter(|n| *n > 0).ok_or(())?,
        };
        if parts.next().is_some() { Err(()) } else { Ok(EventId { partition, offset, sub }) }
    }
}

impl serde::Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom(format!("not an event id: {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_and_read() {
        for text in ["0-0", "3-18446744073709551615", "1-5-2"] {
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1-", "a-1", "1-2-0", "1-2-3-4", "-1-2"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
