//! Takes due rows from the outbox and hands them to their channels until told to stop.
//!
//! On cancellation no new attempt starts; running ones end within their timeout and are recorded, if they can be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use store::{Database, OutboxRow};
use stream::{NANOS_PER_SECOND, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backoff::pause;
use crate::channel::attempt;
use crate::metrics::METRICS;
use crate::{Channel, Config, Error, Result};

/// Bytes kept of an error.
const ERROR_CHARS_MAX: usize = 500;
/// How long a record that was refused waits before it is tried again.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// Gives the current instant.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Delivers the outbox.
pub struct Deliverer {
    config: Arc<Config>,
    channels: HashMap<String, Arc<Channel>>,
    database: Database,
    clock: Clock,
}

impl Deliverer {
    /// Checks the configuration and tells the database for which channels alerts write outbox rows.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub fn new(config: Config, database: Database) -> Result<Deliverer> {
        config.validate()?;
        database.set_channels(config.channel_names());
        let channels =
            config.channels.iter().map(|channel| (channel.name().to_owned(), Arc::new(channel.clone()))).collect();
        let clock: Clock = Arc::new(|| jiff::Timestamp::now().into());
        Ok(Deliverer { config: Arc::new(config), channels, database, clock })
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Deliverer {
        self.clock = clock;
        self
    }

    /// Delivers until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut running = Running::default();
        let poll = Duration::from_millis(self.config.poll_ms);
        while !cancel.is_cancelled() {
            match self.due().await {
                Ok(rows) => self.start(rows, &mut running, &cancel),
                Err(error) => tracing::error!(error = %error, "cannot read the outbox; pages wait"),
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(poll) => {}
                Some(done) = running.tasks.join_next(), if !running.tasks.is_empty() => running.ended(done.ok()),
            }
            while let Some(done) = running.tasks.try_join_next() {
                running.ended(done.ok());
            }
        }
        while running.tasks.join_next().await.is_some() {}
    }

    async fn due(&self) -> Result<Vec<OutboxRow>> {
        let (database, now) = (self.database.clone(), (self.clock)());
        // Rows that are being sent are still due: one share for them, one for what starts next.
        let channel_rows_max = self.share() * 2;
        let read = tokio::task::spawn_blocking(move || {
            let stats = database.outbox_stats()?;
            METRICS.pending.set(i64::try_from(stats.pending).unwrap_or(i64::MAX));
            METRICS.failed.set(i64::try_from(stats.failed).unwrap_or(i64::MAX));
            Ok(if stats.pending == 0 { Vec::new() } else { database.outbox_due(now, channel_rows_max)? })
        });
        read.await.unwrap_or_else(|_| Err(Error::Refused("reading the outbox panicked".into())))
    }

    /// Attempts that one channel may have at once.
    fn share(&self) -> usize {
        (self.config.deliveries_max / 2).max(1)
    }

    /// Starts attempts for rows that are not running, within the limits.
    fn start(&self, rows: Vec<OutboxRow>, running: &mut Running, cancel: &CancellationToken) {
        let share = self.share();
        for row in rows {
            if running.rows.len() >= self.config.deliveries_max {
                return;
            }
            if running.rows.contains_key(&row.id) || running.of(&row.channel) >= share {
                continue;
            }
            running.rows.insert(row.id, row.channel.clone());
            let work = Work {
                channel: self.channels.get(&row.channel).cloned(),
                config: Arc::clone(&self.config),
                database: self.database.clone(),
                clock: Arc::clone(&self.clock),
                cancel: cancel.clone(),
            };
            running.tasks.spawn_blocking(move || {
                work.deliver(&row);
                row.id
            });
        }
    }
}

#[derive(Default)]
struct Running {
    tasks: JoinSet<i64>,
    rows: HashMap<i64, String>,
}

impl Running {
    fn of(&self, channel: &str) -> usize {
        self.rows.values().filter(|running| *running == channel).count()
    }

    fn ended(&mut self, id: Option<i64>) {
        match id {
            Some(id) => {
                self.rows.remove(&id);
            }
            // A task that panicked does not say which row it had: let all be tried again once no task runs.
            None if self.tasks.is_empty() => self.rows.clear(),
            None => {}
        }
    }
}

struct Work {
    channel: Option<Arc<Channel>>,
    config: Arc<Config>,
    database: Database,
    clock: Clock,
    cancel: CancellationToken,
}

/// How an attempt ended.
enum Outcome {
    Delivered,
    Failed(String),
    Retry { next: Timestamp, error: String },
}

impl Work {
    /// One attempt and its record. While the record is refused the row stays with this task: what a receiver has is not sent
    /// again because the disk is full.
    fn deliver(&self, row: &OutboxRow) {
        let result = match &self.channel {
            Some(channel) => attempt(channel, row, self.config.public_url.as_deref(), (self.clock)()),
            None => Err(Error::Permanent(format!("channel {} is not configured any more", row.channel))),
        };
        let ended = (self.clock)();
        let outcome = self.outcome(row, result, ended);
        // Only channels of the configuration become labels.
        let label = self.channel.as_ref().map_or("none", |channel| channel.name());
        METRICS.attempts.with_label_values(&[label, outcome.name()]).inc();
        let mut told = false;
        while let Err(error) = self.record(row.id, &outcome, ended) {
            if !told {
                tracing::error!(alert = %row.alert_id, channel = label, error = %error, "cannot record a delivery; its page is held until it can be");
                told = true;
            }
            if self.cancelled_within(RECORD_AGAIN) {
                tracing::error!(alert = %row.alert_id, channel = label, "a delivery was not recorded; it is repeated after the next start");
                return;
            }
        }
    }

    fn outcome(&self, row: &OutboxRow, result: Result<()>, now: Timestamp) -> Outcome {
        let error = match result {
            Ok(()) => {
                METRICS.seconds.observe(now.since(row.created) as f64 / NANOS_PER_SECOND as f64);
                return Outcome::Delivered;
            }
            Err(error) => error,
        };
        let text: String = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
        if matches!(error, Error::Permanent(_)) || row.attempts + 1 >= self.config.attempts_max {
            tracing::error!(alert = %row.alert_id, channel = %row.channel, attempts = row.attempts + 1, error = %text, "page given up; tell the duty officer by hand");
            return Outcome::Failed(text);
        }
        let own =
            pause(&row.idempotency_key, row.attempts, self.config.backoff_seconds_min, self.config.backoff_seconds_max);
        let wait = match error {
            Error::Wait { seconds, .. } => own.max(Duration::from_secs(seconds)),
            _ => own,
        };
        tracing::warn!(alert = %row.alert_id, channel = %row.channel, attempts = row.attempts + 1, error = %text, wait_ms = wait.as_millis() as u64, "page not delivered; trying again");
        let next = now.plus_nanos(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
        Outcome::Retry { next, error: text }
    }

    fn record(&self, id: i64, outcome: &Outcome, ended: Timestamp) -> store::Result<()> {
        match outcome {
            Outcome::Delivered => self.database.outbox_done(id, ended),
            Outcome::Failed(error) => self.database.outbox_failed(id, ended, error),
            Outcome::Retry { next, error } => self.database.outbox_retry(id, *next, error),
        }
    }

    /// Waits on this thread, which is one of those that may block; gives whether the wait ended early.
    fn cancelled_within(&self, wait: Duration) -> bool {
        tokio::runtime::Handle::current()
            .block_on(async { tokio::time::timeout(wait, self.cancel.cancelled()).await.is_ok() })
    }
}

impl Outcome {
    /// As metrics call it.
    fn name(&self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Failed(_) => "failed",
            Outcome::Retry { .. } => "retried",
        }
    }
}
