//! One attempt through one channel.

use store::OutboxRow;
use stream::{Alert, Timestamp};

use crate::config::Channel;
use crate::{Error, Result, mail, message, webhook};

/// Sends a row of the outbox once. Blocks at most about the channel's timeout.
pub(crate) fn attempt(channel: &Channel, row: &OutboxRow, public_url: Option<&str>, now: Timestamp) -> Result<()> {
    let alert: Alert = serde_json::from_str(&row.payload)
        .map_err(|error| Error::Permanent(format!("outbox row {}: not an alert: {error}", row.id)))?;
    let text = message::compose(&alert, public_url);
    match channel {
        Channel::Webhook(channel) => webhook::send(channel, &row.idempotency_key, &alert, &text, now),
        Channel::Smtp(channel) => mail::send(channel, &row.idempotency_key, &text, now),
    }
}
