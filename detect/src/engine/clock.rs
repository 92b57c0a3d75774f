//! What an event's time may do to a clock.
//!
//! An event keeps the time its line gives, however wrong: it is judged, shown and stored under it. But one line dated
//! 2099 must not end every window, make a silent source look alive, or make all others late. So whatever lives longer
//! than the event (watermarks, the newest time of a table, the last sign of a source) takes [`believed`] instead: no later
//! than the receipt and the lateness that is allowed anyway. What has to do with the past, such as when watching
//! began, asks [`may_begin`].
//!
//! A receipt is known where sekisho itself received the record, or was told when somebody did (`last_received`, the
//! file's time on import). `sekisho detect` over a file knows none and says so with [`Timestamp::default`]; the
//! event's own time is all there is then.

use stream::Timestamp;

use crate::correlation::LATENESS_NANOS;

/// How long before its receipt an event may be for watching to begin with it: 35 days, a month's file and some.
const BEGIN_NANOS: i64 = 35 * 86_400 * stream::NANOS_PER_SECOND;

/// The event's time as a clock may take it: at most the allowed lateness after its receipt.
pub(crate) fn believed(time: Timestamp, received: Timestamp) -> Timestamp {
    match is_known(received) {
        true => time.min(received.plus_nanos(LATENESS_NANOS)),
        false => time,
    }
}

/// The event's time as a watermark may take it: no later than its receipt.
pub(crate) fn not_ahead(time: Timestamp, received: Timestamp) -> Timestamp {
    if is_known(received) { time.min(received) } else { time }
}

/// Whether watching may begin with an event of this time: not with one dated long before anybody received it.
pub(crate) fn may_begin(time: Timestamp, received: Timestamp) -> bool {
    !is_known(received) || time >= received.plus_nanos(-BEGIN_NANOS)
}

fn is_known(received: Timestamp) -> bool {
    received != Timestamp::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_the_receipt_where_there_is_one() {
        let (early, received) = (Timestamp::from_seconds(1_700_000_000), Timestamp::from_seconds(1_800_000_000));
        let late = Timestamp::from_seconds(4_000_000_000);
        let limit = received.plus_nanos(LATENESS_NANOS);
        assert_eq!((believed(early, received), believed(late, received)), (early, limit));
        assert_eq!((not_ahead(early, received), not_ahead(late, received)), (early, received));
        assert_eq!((believed(late, Timestamp::default()), not_ahead(late, Timestamp::default())), (late, late));
        assert!(!may_begin(early, received) && may_begin(early, Timestamp::default()));
        assert!(may_begin(Timestamp::from_seconds(1_800_000_000 - 30 * 86_400), received) && may_begin(late, received));
    }
}
