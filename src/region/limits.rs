//! How often somebody may ask: a bucket of requests a minute for each token and each address, full at first, filled again as time passes. It takes no more memory than a
//! limited number of askers need; who is not in it has a full bucket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

use crate::crypto::sha256;

/// So many askers are told apart at once.
const ASKERS_MAX: usize = 50_000;
const MINUTE_MS: u64 = 60_000;

/// Who asks: a hash of a token or an address.
pub(super) type Asker = [u8; 32];

/// Whose address counts: the peer's, or the one that a proxy which is believed says last.
fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let said = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let said = said.and_then(|list| list.rsplit(',').next()).map(str::trim).filter(|_| proxies.contains(&peer));
    said.and_then(|text| text.parse().ok()).unwrap_or(peer)
}

/// Who asks from an address. Of one of IPv6 the network of 64 bits counts: whoever has one address has them all.
pub(super) fn asker(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &[IpAddr]) -> Asker {
    match peer.map(|peer| address(peer, headers, proxies).to_canonical()) {
        None => sha256(&[]),
        Some(IpAddr::V4(address)) => sha256(&address.octets()),
        Some(IpAddr::V6(address)) => sha256(&address.octets()[..8]),
    }
}

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
    fn only_a_proxy_that_is_believed_says_whom_it_speaks_for() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let table = [
            ("10.0.0.1", "1.2.3.4, 5.6.7.8", "5.6.7.8"),
            ("10.0.0.1", "nonsense", "10.0.0.1"),
            ("9.9.9.9", "5.6.7.8", "9.9.9.9"),
        ];
        for (peer, said, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            assert_eq!(address(peer.parse().unwrap(), &headers, &[proxy]).to_string(), expected, "{peer} {said}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_asker() {
        let of = |peer: &str| asker(Some(peer.parse().unwrap()), &HeaderMap::new(), &[]);
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

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
