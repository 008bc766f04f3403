//! Sums in memory, taken by the writer.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::geo::Geography;
use crate::domain::{
    access::{Access, CountryRow, HOUR, KeyUsage, LastUsed, NO_ROUTE, Sums, UsageRow},
    id::ApiKeyId,
    time::UnixNanos,
};

/// Locks among which the keys are divided, so that requests of different keys seldom meet.
const SHARDS: usize = 16;

type Shard = HashMap<ApiKeyId, Counted>;

/// What each key was used for since the last look.
#[derive(Debug)]
pub(super) struct Counters {
    shards: [Mutex<Shard>; SHARDS],
    /// Whether addresses are counted: nobody asks for them without a database of countries.
    by_address: bool,
}

/// What one key was used for.
#[derive(Debug)]
pub(super) struct Counted {
    /// By hour, route and class of status.
    sums: HashMap<(i64, Arc<str>, i64), Sums>,
    /// By hour and address.
    addresses: HashMap<(i64, IpAddr), i64>,
    at: UnixNanos,
    address: IpAddr,
    user_agent: Option<String>,
}

impl Counters {
    pub(super) fn new(by_address: bool) -> Self {
        Self { shards: Default::default(), by_address }
    }

    fn shard(&self, key: ApiKeyId) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(key.0.rem_euclid(16)).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, if it came with a key.
    pub(super) fn count(&self, access: &Access) {
        let Some(key) = access.actor.key_id() else { return };
        let hour = access.at.0.div_euclid(HOUR) * HOUR;
        let route = access.route.clone().unwrap_or_else(|| NO_ROUTE.into());
        let class = i64::from(access.status / 100);
        let sums = Sums {
            requests: 1,
            latency_us: i64::try_from(access.latency.as_micros()).unwrap_or(i64::MAX),
            bytes_in: i64::try_from(access.bytes_in).unwrap_or(i64::MAX),
            bytes_out: i64::try_from(access.bytes_out).unwrap_or(i64::MAX),
            spans: i64::try_from(access.spans).unwrap_or(i64::MAX),
        };
        let mut shard = self.shard(key);
        let counted = shard.entry(key).or_insert_with(|| Counted::begin(access));
        counted.sums.entry((hour, route, class)).or_default().add(&sums);
        if self.by_address {
            *counted.addresses.entry((hour, access.address)).or_default() += 1;
        }
        if access.at >= counted.at {
            counted.at = access.at;
            counted.address = access.address;
            counted.user_agent.clone_from(&access.user_agent);
        }
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> HashMap<ApiKeyId, Counted> {
        let mut all = HashMap::new();
        for shard in &self.shards {
            all.extend(std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner)));
        }
        all
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, all: HashMap<ApiKeyId, Counted>) {
        for (key, counted) in all {
            let mut shard = self.shard(key);
            match shard.get_mut(&key) {
                Some(later) => later.merge(counted),
                None => drop(shard.insert(key, counted)),
            }
        }
    }
}

impl Counted {
    fn begin(access: &Access) -> Self {
        Self {
            sums: HashMap::new(),
            addresses: HashMap::new(),
            at: access.at,
            address: access.address,
            user_agent: access.user_agent.clone(),
        }
    }

    /// Adds what was counted before.
    fn merge(&mut self, earlier: Self) {
        for (at, sums) in earlier.sums {
            self.sums.entry(at).or_default().add(&sums);
        }
        for (at, requests) in earlier.addresses {
            *self.addresses.entry(at).or_default() += requests;
        }
    }

    /// Returns the rows that this adds to.
    pub(super) fn rows(
        &self,
        key: ApiKeyId,
        geography: Option<&Geography>,
        clean: impl Fn(&str) -> String,
    ) -> KeyUsage {
        let row = |((hour, route, class), sums): (&(i64, Arc<str>, i64), &Sums)| UsageRow {
            start: UnixNanos(*hour),
            route: Arc::clone(route),
            status_class: *class,
            sums: *sums,
        };
        let mut countries: HashMap<(i64, String), i64> = HashMap::new();
        if let Some(geography) = geography {
            for ((hour, address), requests) in &self.addresses {
                let country = geography.country(*address).unwrap_or_default();
                *countries.entry((*hour, country)).or_default() += requests;
            }
        }
        let countries = countries.into_iter().map(|((hour, country), requests)| CountryRow {
            start: UnixNanos(hour),
            country,
            requests,
        });
        KeyUsage {
            key,
            rows: self.sums.iter().map(row).collect(),
            countries: countries.collect(),
            last: LastUsed {
                at: self.at,
                address: self.address.to_string(),
                user_agent: self.user_agent.as_deref().map(clean),
                country: geography.and_then(|g| g.country(self.address)),
            },
        }
    }
}
