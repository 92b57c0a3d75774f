//! How long to wait before the next attempt.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// `min * 2^attempts`, at most `max`, times 0.75 to 1.25 as a hash of key and attempt says: the same row waits the same
/// time in every run, and rows that failed together do not return together.
pub(crate) fn pause(key: &str, attempts: u32, min_seconds: u64, max_seconds: u64) -> Duration {
    let doubled = min_seconds.saturating_mul(1u64.checked_shl(attempts.min(32)).unwrap_or(u64::MAX));
    let base_ms = doubled.min(max_seconds).saturating_mul(1000);
    let hash = Sha256::new().chain_update(key.as_bytes()).chain_update(attempts.to_le_bytes()).finalize();
    let jitter = u64::from(u16::from_le_bytes([hash[0], hash[1]]));
    Duration::from_millis(base_ms * 3 / 4 + base_ms * jitter / (2 * 65_536))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_limit_and_is_deterministic() {
        let wait = |attempt| pause("alert:duty", attempt, 2, 900);
        assert_eq!(wait(3), wait(3));
        for (attempt, base) in [(0, 2.0), (1, 4.0), (4, 32.0), (9, 900.0), (u32::MAX, 900.0)] {
            let seconds = wait(attempt).as_secs_f64();
            assert!((base * 0.75..base * 1.25).contains(&seconds), "{attempt}: {seconds}");
        }
        assert_ne!(wait(3), pause("other:duty", 3, 2, 900));
    }
}
