//! How often somebody may ask: a bucket of requests a minute for each token and each address, full at first, filled again as time passes. It takes no more memory than a
//! limited number of askers need; who is not in it has a full bucket.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many askers are told apart at once.
const ASKERS_MAX: usize = 50_000;
const MINUTE_MS: u64 = 60_000;

/// Who asks: a hash of a token or an address.
pub(super) type Asker = [u8; 32];

/// Buckets.
#[derive(Debug)]
pub(super) struct Limits {
    per_minute: u64,
    /// What is left at an instant, in requests times a minute's milliseconds.
    buckets: Mutex<HashMap<Asker, (u64, Instant)>>,
}

impl Limits {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute: u64::from(per_minute), buckets: Mutex::new(HashMap::new()) }
    }

    fn full(&self) -> u64 {
        self.per_minute * MINUTE_MS
    }

    fn left(&self, bucket: Option<&(u64, Instant)>, now: Instant) -> u64 {
        let Some((left, at)) = bucket else { return self.full() };
        let passed = u64::try_from(now.saturating_duration_since(*at).as_millis()).unwrap_or(u64::MAX);
        left.saturating_add(passed.saturating_mul(self.per_minute)).min(self.full())
    }

    /// Whether the asker may ask.
    pub(super) fn has_room(&self, asker: &Asker, now: Instant) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        self.left(buckets.get(asker), now) >= MINUTE_MS
    }

    /// Takes a request from the asker's bucket; `false` when it has none left.
    pub(super) fn take(&self, asker: &Asker, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ASKERS_MAX && !buckets.contains_key(asker) {
            buckets.retain(|_, (_, at)| now.saturating_duration_since(*at) < Duration::from_millis(MINUTE_MS));
            if buckets.len() >= ASKERS_MAX {
                return false;
            }
        }
        let left = self.left(buckets.get(asker), now);
        let taken = left.checked_sub(MINUTE_MS);
        buckets.insert(*asker, (taken.unwrap_or(left), now));
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_emptied_and_filled_again() {
        let limits = Limits::new(3);
        let (one, other, now) = ([1; 32], [2; 32], Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!([0; 4].map(|_| limits.take(&one, now)), [true, true, true, false]);
        assert!(!limits.has_room(&one, now) && limits.take(&other, now));
        assert!(!limits.take(&one, after(19)) && limits.take(&one, after(20)) && !limits.take(&one, after(21)));
        assert_eq!([0; 4].map(|_| limits.take(&one, after(600))), [true, true, true, false], "never more than full");
    }

    #[test]
    fn many_askers_take_no_more_memory_than_there_is_for_them() {
        let limits = Limits::new(3);
        let now = Instant::now();
        let asker = |index: usize| crate::crypto::sha256(&index.to_be_bytes());
        assert!((0..ASKERS_MAX).all(|index| limits.take(&asker(index), now)));
        assert!(!limits.take(&asker(ASKERS_MAX), now));
        assert!(limits.take(&asker(ASKERS_MAX), now + Duration::from_secs(61)));
    }
}
