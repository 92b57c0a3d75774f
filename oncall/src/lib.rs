//! From the outbox to people: signed webhooks and mail.
//!
//! - Delivery is at least once: a row of the outbox is done only when the channel accepted it. The idempotency key of
//!   a row never changes, so that a receiver can drop a repeat.
//! - A failed attempt is repeated with exponential back-off and jitter that is a function of key and attempt; after
//!   [`Config::attempts_max`] attempts the row is `failed` and stays visible.
//! - Bounded: at most [`Config::deliveries_max`] attempts at once, of which one channel takes at most half, so that a
//!   channel that hangs does not hold up the others, nor does its queue: due rows are taken per channel. Each attempt
//!   ends after the timeout of its channel.
//! - Alerts carry text that attackers wrote: control characters never reach a header.

mod backoff;
mod channel;
mod config;
mod deliverer;
mod error;
mod mail;
mod message;
pub mod metrics;
#[cfg(test)]
mod tests;
mod webhook;

pub use config::{Channel, Config, Secret, Smtp, Tls, Webhook};
pub use deliverer::{Clock, Deliverer};
pub use error::{Error, Result};
pub use webhook::verify;
