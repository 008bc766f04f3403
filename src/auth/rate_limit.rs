//! How often one client address may knock: the generic cell rate algorithm (ITU-T I.371), one instant per address.
//!
//! In memory and per process: it sheds load. What protects accounts is counted in the database (`login_failures`).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::time::UnixNanos;

/// Addresses that are remembered before those that may knock again anyway are forgotten.
const MAX_ADDRESSES: usize = 50_000;

/// A limit for each address.
#[derive(Debug)]
pub struct RateLimiter {
    /// One request costs this much time.
    interval: Duration,
    /// How far ahead of time an address may be.
    burst: Duration,
    /// When each address will have paid for what it asked.
    paid_at: Mutex<HashMap<IpAddr, UnixNanos>>,
}

impl RateLimiter {
    /// Returns a limiter that lets `burst` requests through at once and then one each `interval`.
    #[must_use]
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst: interval * burst, paid_at: Mutex::default() }
    }

    /// Counts a request; returns how long to wait when it is one too many.
    pub fn admit(&self, address: IpAddr, now: UnixNanos) -> Result<(), Duration> {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        if paid_at.len() >= MAX_ADDRESSES {
            paid_at.retain(|_, at| *at > now);
            if paid_at.len() >= MAX_ADDRESSES {
                // More addresses at once than any deployment has people: nobody new until some have paid.
                return Err(self.interval);
            }
        }
        let due = paid_at.entry(network(address)).or_insert(now);
        let next = (*due).max(now).plus(self.interval);
        let ahead = next.since(now);
        if let Some(wait) = ahead.checked_sub(self.burst).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        *due = next;
        Ok(())
    }
}

/// Returns what stands for one client: an IPv4 address, or the /64 that one IPv6 host has to itself.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let limiter = RateLimiter::new(Duration::from_secs(5), 12);
        let one = IpAddr::from([192, 0, 2, 1]);
        let mut now = UnixNanos(1_800_000_000_000_000_000);
        for _ in 0..12 {
            assert_eq!(limiter.admit(one, now), Ok(()));
        }
        assert_eq!(limiter.admit(one, now), Err(Duration::from_secs(5)));
        assert_eq!(limiter.admit(IpAddr::from([192, 0, 2, 2]), now), Ok(()));
        now = now.plus(Duration::from_secs(4));
        assert_eq!(limiter.admit(one, now), Err(Duration::from_secs(1)));
        now = now.plus(Duration::from_secs(1));
        assert_eq!(limiter.admit(one, now), Ok(()));
        assert!(limiter.admit(one, now).is_err());
    }

    #[test]
    fn a_host_cannot_hide_in_its_own_network() {
        let limiter = RateLimiter::new(Duration::from_secs(5), 1);
        let now = UnixNanos(0);
        assert!(limiter.admit("2001:db8::1".parse().unwrap(), now).is_ok());
        assert!(limiter.admit("2001:db8::2".parse().unwrap(), now).is_err());
        assert!(limiter.admit("2001:db8:0:1::2".parse().unwrap(), now).is_ok());
    }
}
