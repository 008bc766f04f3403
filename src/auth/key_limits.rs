//! How much one caller may ask: requests a minute, of two classes, and requests at once.
//!
//! Requests a minute go by the generic cell rate algorithm (ITU-T I.371): each costs a part of a minute, and a caller may
//! be a minute ahead. So a limit of 100 lets 100 requests through at once, and then one each 0.6 seconds.
//!
//! # One process
//!
//! A request costs one look into a map under a read lock, one short lock of its own counter, and two atomic additions.
//!
//! # Several processes on one Postgres
//!
//! Then the account lies in the table `rate_leases`, and a process leases requests from it ahead of time: as many as it
//! let through lately, at most a fiftieth of the limit, in one statement for all callers at once. Every request that is
//! let through was paid for there, so all processes together never let through more than one would. What a process holds
//! and does not use is missing for the others: with three processes at most a twenty-fifth of a limit, and for no longer
//! than two seconds, after which it is given back. A process that is killed takes no more than that with it, and the
//! account refills by itself.
//!
//! A request finds its lease in memory. Only when there is none left does it wait for the next exchange, which takes
//! everyone who waits along; when the account is empty nobody waits: until then requests are refused from memory. When the
//! database does not answer, each process goes on by itself from what it was last told.
//!
//! Requests at once are counted by each process for itself: they are a bound on its own load.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::principal::{Credential, Principal};
use crate::domain::{
    id::{ApiKeyId, UserId},
    plan::{KeyLimits, Plan},
    time::{Clock, UnixNanos},
};

/// What requests a minute are counted over, in nanoseconds.
const WINDOW: i64 = 60_000_000_000;
/// The part of a limit that a process leases ahead, at most.
const SLICE: u32 = 50;
/// After this long without use, in nanoseconds, a lease is given back.
const IDLE: i64 = 2_000_000_000;
/// After an exchange found an account empty there is no other about it for this long, in nanoseconds: callers who go on
/// asking must not make the database busy.
const PAUSE: i64 = 50_000_000;
/// How long a request waits for an exchange before it is judged by what this process knows.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits of a deployment.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultLimits {
    /// Of each key.
    pub keys: KeyLimits,
    /// Of each user in their login sessions, and of the admin secret.
    pub people: KeyLimits,
}

/// Returns the limits that hold for a caller.
#[must_use]
pub fn effective_limits(principal: &Principal, default: &DefaultLimits) -> KeyLimits {
    match principal.credential {
        Credential::ApiKey(..) => principal.key.as_deref().map_or(default.keys, |key| {
            let plan = key.plan.map_or(default.keys, Plan::limits);
            KeyLimits {
                ingest_per_minute: key.limits.ingest_per_minute.or(plan.ingest_per_minute),
                api_per_minute: key.limits.api_per_minute.or(plan.api_per_minute),
                concurrent: key.limits.concurrent.or(plan.concurrent),
            }
        }),
        Credential::Session(_) | Credential::AdminSecret => default.people,
        Credential::Open => KeyLimits::default(),
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// To take spans.
    Ingest,
    /// Anything else.
    Api,
}

impl Class {
    /// Returns the name that headers and the database have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Api => "api",
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    Key(ApiKeyId),
    User(UserId),
    AdminSecret,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::User(id) => write!(f, "user {id}"),
            Self::AdminSecret => f.write_str("admin secret"),
        }
    }
}

impl Subject {
    fn of(principal: &Principal) -> Option<Self> {
        match principal.credential {
            Credential::ApiKey(id, _) => Some(Self::Key(id)),
            Credential::Session(_) => Some(Self::User(principal.user_id)),
            Credential::AdminSecret => Some(Self::AdminSecret),
            Credential::Open => None,
        }
    }
}

/// How a caller stands with a limit, as headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The class of the request.
    pub class: Class,
    /// Requests a minute.
    pub limit: u32,
    /// Requests that would be let through now.
    pub remaining: u32,
    /// When all of them would be again.
    pub reset_at: UnixNanos,
    /// How long that is.
    pub reset_after: Duration,
}

/// A request that is let through.
#[derive(Debug, Default)]
pub struct Admitted {
    /// Holds its place among the requests at once; to be dropped when the answer is out.
    pub permit: Option<Permit>,
    /// How the caller stands, if there is a limit.
    pub standing: Option<Standing>,
}

/// A request that is one too many.
#[derive(Debug)]
pub struct Exceeded {
    /// What was too much.
    pub detail: &'static str,
    /// How long to wait, in whole seconds.
    pub retry_after: Duration,
    /// How the caller stands.
    pub standing: Option<Standing>,
}

/// A place among the requests at once.
#[derive(Debug)]
pub struct Permit(Arc<Meter>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Release);
    }
}

/// A limit as an algorithm.
#[derive(Clone, Copy, Debug)]
struct Rate {
    limit: u32,
    /// What one request costs, in nanoseconds.
    cost: i64,
    /// How far ahead of time one may be.
    burst: i64,
}

impl Rate {
    fn new(limit: u32) -> Self {
        let limit = limit.max(1);
        let cost = WINDOW / i64::from(limit);
        Self { limit, cost, burst: cost * i64::from(limit) }
    }

    /// Takes up to `wanted` requests from an account; returns how many. The statement of `rate_leases` says the same.
    fn grant(self, paid_at: &mut i64, wanted: i64, now: i64) -> i64 {
        let from = (*paid_at).max(now);
        let granted = wanted.min((self.burst - (from - now)) / self.cost).max(0);
        *paid_at = from + granted * self.cost;
        granted
    }

    /// Returns when one request will be let through.
    const fn opens_at(self, paid_at: i64) -> i64 {
        paid_at + self.cost - self.burst
    }
}

/// What one caller has used of one limit.
#[derive(Debug, Default)]
struct Account {
    rate: Option<Rate>,
    /// When everything will have been paid for.
    paid_at: i64,
    /// Requests that were paid for and not let through yet.
    leased: i64,
    /// Requests that wait for an exchange.
    waiting: i64,
    /// Requests let through since the last exchange.
    used: i64,
    used_at: i64,
    /// Until then the account is known to be empty.
    closed_until: i64,
}

/// The answer to one look at an account.
enum Take {
    Passed(Standing),
    Refused(Duration, Standing),
    /// Only an exchange can tell.
    Ask,
}

#[derive(Debug, Default)]
struct Bucket {
    account: Mutex<Account>,
    exchanged: Notify,
}

impl Bucket {
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn standing(&self, class: Class, rate: Rate, now: i64) -> Standing {
        let ahead = (self.paid_at - now).max(0);
        let remaining = (rate.burst - ahead).max(0) / rate.cost + self.leased;
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX).min(rate.limit);
        Standing {
            class,
            limit: rate.limit,
            remaining,
            reset_at: UnixNanos(now + ahead),
            reset_after: Duration::from_nanos(ahead.unsigned_abs()),
        }
    }

    /// Lets a request through by what this process knows.
    fn take(&mut self, class: Class, rate: Rate, now: i64) -> Take {
        if self.leased > 0 {
            self.leased -= 1;
        } else if rate.grant(&mut self.paid_at, 1, now) == 0 {
            let wait = Duration::from_nanos((rate.opens_at(self.paid_at) - now).unsigned_abs());
            return Take::Refused(wait, self.standing(class, rate, now));
        }
        Take::Passed(self.standing(class, rate, now))
    }

    /// Lets a request through by its lease.
    fn take_leased(&mut self, class: Class, rate: Rate, now: i64) -> Take {
        self.rate = Some(rate);
        self.used_at = now;
        if self.leased > 0 {
            self.leased -= 1;
            self.used += 1;
            return Take::Passed(self.standing(class, rate, now));
        }
        if self.closed_until > now {
            let wait = Duration::from_nanos((self.closed_until - now).unsigned_abs());
            return Take::Refused(wait, self.standing(class, rate, now));
        }
        Take::Ask
    }

    /// Returns how many requests to lease in an exchange; less than zero gives back, `None` leaves things as they are.
    fn wanted(&mut self, now: i64) -> Option<i64> {
        let rate = self.rate?;
        let used = std::mem::take(&mut self.used);
        if self.waiting == 0 && used == 0 {
            if self.leased > 0 && now - self.used_at >= IDLE {
                // Taken out at once: nobody may use what is being given back.
                return Some(-std::mem::take(&mut self.leased));
            }
            return None;
        }
        if self.closed_until > now {
            return None;
        }
        let slice = i64::from((rate.limit / SLICE).max(1));
        let ahead = (used.min(slice) - self.leased).max(0);
        let wanted = self.waiting + ahead;
        (wanted > 0).then_some(wanted)
    }

    /// Whether an exchange should come before the lease is used up.
    fn is_low(&self, rate: Rate) -> bool {
        self.leased * 2 <= i64::from((rate.limit / SLICE).max(1))
    }

    fn is_idle(&self, now: i64) -> bool {
        self.paid_at <= now && self.leased == 0 && self.waiting == 0
    }
}

#[derive(Debug, Default)]
struct Meter {
    ingest: Bucket,
    api: Bucket,
    in_flight: AtomicU32,
}

impl Meter {
    const fn bucket(&self, class: Class) -> &Bucket {
        match class {
            Class::Ingest => &self.ingest,
            Class::Api => &self.api,
        }
    }

    /// Takes a place among the requests at once.
    fn enter(self: &Arc<Self>, limit: u32) -> Option<Permit> {
        let entered =
            self.in_flight.fetch_update(Ordering::Acquire, Ordering::Relaxed, |n| (n < limit).then_some(n + 1));
        entered.ok().map(|_| Permit(Arc::clone(self)))
    }
}

/// Counts the requests of each caller; cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyLimiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    default: DefaultLimits,
    meters: RwLock<HashMap<Subject, Arc<Meter>>>,
    /// Whether accounts are shared with other processes.
    shared: AtomicBool,
    /// Somebody waits for an exchange.
    now: Notify,
    /// Some lease is nearly used up.
    soon: Notify,
    /// A request waited in vain: until an exchange succeeds again nobody waits.
    stalled: AtomicBool,
}

/// One line of an exchange with the other processes.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose account.
    pub subject: String,
    /// Which.
    pub class: Class,
    /// Requests to lease, or to give back.
    pub wanted: i64,
    /// What one costs.
    pub cost: i64,
    /// How far ahead the account may be.
    pub burst: i64,
    meter: Arc<Meter>,
    rate: Rate,
}

impl KeyLimiter {
    /// Returns a limiter for one process.
    #[must_use]
    pub fn new(clock: Clock, default: DefaultLimits) -> Self {
        Self(Arc::new(Inner {
            clock,
            default,
            meters: RwLock::default(),
            shared: AtomicBool::new(false),
            now: Notify::new(),
            soon: Notify::new(),
            stalled: AtomicBool::new(false),
        }))
    }

    /// Says whether accounts are shared: someone carries out exchanges from now on, or no longer.
    pub fn share(&self, shared: bool) {
        self.0.shared.store(shared, Ordering::Release);
    }

    /// Whether anything limits a caller, so that [`KeyLimiter::admit`] must be asked.
    #[must_use]
    pub fn applies_to(&self, principal: &Principal) -> bool {
        effective_limits(principal, &self.0.default) != KeyLimits::default()
    }

    /// Counts a request.
    pub async fn admit(&self, principal: &Principal, class: Class) -> Result<Admitted, Exceeded> {
        let limits = effective_limits(principal, &self.0.default);
        let Some(subject) = Subject::of(principal) else { return Ok(Admitted::default()) };
        let meter = self.meter(subject);
        let permit = match limits.concurrent {
            None => None,
            Some(limit) => Some(meter.enter(limit).ok_or(Exceeded {
                detail: "Too many requests at once with this credential",
                retry_after: Duration::from_secs(1),
                standing: None,
            })?),
        };
        let per_minute = match class {
            Class::Ingest => limits.ingest_per_minute,
            Class::Api => limits.api_per_minute,
        };
        let Some(per_minute) = per_minute else { return Ok(Admitted { permit, standing: None }) };
        match self.take(&meter, class, Rate::new(per_minute)).await {
            Take::Passed(standing) => Ok(Admitted { permit, standing: Some(standing) }),
            Take::Refused(wait, standing) => {
                let seconds = wait.as_nanos().div_ceil(1_000_000_000);
                Err(Exceeded {
                    detail: "The rate limit of this credential is exceeded",
                    retry_after: Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX).max(1)),
                    standing: Some(standing),
                })
            }
            Take::Ask => Ok(Admitted { permit, standing: None }),
        }
    }

    fn meter(&self, subject: Subject) -> Arc<Meter> {
        if let Some(meter) = self.0.meters.read().unwrap_or_else(PoisonError::into_inner).get(&subject) {
            return Arc::clone(meter);
        }
        Arc::clone(self.0.meters.write().unwrap_or_else(PoisonError::into_inner).entry(subject).or_default())
    }

    /// Never answers [`Take::Ask`].
    async fn take(&self, meter: &Meter, class: Class, rate: Rate) -> Take {
        let bucket = meter.bucket(class);
        let alone = |account: &mut Account| account.take(class, rate, self.0.clock.now().0);
        if !self.0.shared.load(Ordering::Acquire) {
            return alone(&mut bucket.account());
        }
        loop {
            // Enabled before the look: an exchange that ends in between is not missed.
            let mut exchanged = std::pin::pin!(bucket.exchanged.notified());
            exchanged.as_mut().enable();
            let waiting = {
                let mut account = bucket.account();
                let taken = account.take_leased(class, rate, self.0.clock.now().0);
                if !matches!(taken, Take::Ask) {
                    if account.is_low(rate) {
                        self.0.soon.notify_one();
                    }
                    return taken;
                }
                if self.0.stalled.load(Ordering::Relaxed) {
                    account.used += 1;
                    self.0.soon.notify_one();
                    return account.take(class, rate, self.0.clock.now().0);
                }
                account.waiting += 1;
                Waiting(bucket)
            };
            self.0.now.notify_one();
            let answered = tokio::time::timeout(PATIENCE, exchanged).await.is_ok();
            drop(waiting);
            if !answered {
                self.0.stalled.store(true, Ordering::Relaxed);
                return alone(&mut bucket.account());
            }
        }
    }

    /// Returns when an exchange is due: at once when somebody waits, within `pace` when a lease is nearly used up, and
    /// after `idle` at the latest.
    pub async fn due(&self, pace: Duration, idle: Duration) {
        tokio::select! {
            () = self.0.now.notified() => {}
            () = self.0.soon.notified() => {
                tokio::select! {
                    () = self.0.now.notified() => {}
                    () = tokio::time::sleep(pace) => {}
                }
            }
            () = tokio::time::sleep(idle) => {}
        }
    }

    /// Returns the present instant, as accounts are kept by.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.0.clock.now()
    }

    /// Returns what an exchange should ask for, sorted.
    #[must_use]
    pub fn wishes(&self) -> Vec<Wish> {
        self.collect(Account::wanted)
    }

    /// Takes every lease back, to be returned before the process ends.
    #[must_use]
    pub fn leases(&self) -> Vec<Wish> {
        self.collect(|account, _| Some(-std::mem::take(&mut account.leased)).filter(|n| *n < 0))
    }

    fn collect(&self, wanted: impl Fn(&mut Account, i64) -> Option<i64>) -> Vec<Wish> {
        let now = self.0.clock.now().0;
        let meters: Vec<_> = {
            let meters = self.0.meters.read().unwrap_or_else(PoisonError::into_inner);
            meters.iter().map(|(subject, meter)| (*subject, Arc::clone(meter))).collect()
        };
        let mut wishes = Vec::new();
        for (subject, meter) in meters {
            for class in [Class::Ingest, Class::Api] {
                let mut account = meter.bucket(class).account();
                let Some((wanted, rate)) = wanted(&mut account, now).zip(account.rate) else { continue };
                drop(account);
                let (subject, meter) = (subject.to_string(), Arc::clone(&meter));
                wishes.push(Wish { subject, class, wanted, cost: rate.cost, burst: rate.burst, meter, rate });
            }
        }
        wishes.sort_by(|a, b| (&a.subject, a.class.as_str()).cmp(&(&b.subject, b.class.as_str())));
        wishes
    }

    /// Takes in what an exchange gave: requests granted and when the account will have paid; `None` when it failed, and
    /// this process must judge by itself.
    pub fn settle(&self, wish: &Wish, answer: Option<(i64, UnixNanos)>) {
        if answer.is_some() {
            self.0.stalled.store(false, Ordering::Relaxed);
        }
        let bucket = wish.meter.bucket(wish.class);
        let mut account = bucket.account();
        if wish.wanted > 0 {
            let (granted, paid_at) = answer.unwrap_or_else(|| {
                let mut paid_at = account.paid_at;
                let granted = wish.rate.grant(&mut paid_at, wish.wanted, self.0.clock.now().0);
                (granted, UnixNanos(paid_at))
            });
            account.leased += granted;
            account.paid_at = paid_at.0;
            let now = self.0.clock.now().0;
            account.closed_until = if granted == 0 { wish.rate.opens_at(paid_at.0).max(now + PAUSE) } else { 0 };
        } else if let Some((_, paid_at)) = answer {
            account.paid_at = paid_at.0;
        }
        drop(account);
        bucket.exchanged.notify_waiters();
    }

    /// Forgets callers who would start afresh anyway.
    pub fn forget_idle(&self) {
        let now = self.0.clock.now().0;
        self.0.meters.write().unwrap_or_else(PoisonError::into_inner).retain(|_, meter| {
            // A request that is under way holds another reference.
            Arc::strong_count(meter) > 1
                || [Class::Ingest, Class::Api].iter().any(|class| !meter.bucket(*class).account().is_idle(now))
        });
    }
}

/// A request that waits for an exchange.
struct Waiting<'b>(&'b Bucket);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.account().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api_key::KeyKind;

    fn key(id: i64) -> Principal {
        Principal { credential: Credential::ApiKey(ApiKeyId(id), KeyKind::User), ..Principal::open() }
    }

    fn limiter(keys: KeyLimits) -> (KeyLimiter, Clock) {
        let clock = Clock::manual(UnixNanos(1_800_000_000_000_000_000));
        (KeyLimiter::new(clock.clone(), DefaultLimits { keys, people: KeyLimits::default() }), clock)
    }

    #[tokio::test]
    async fn a_minutes_worth_passes_at_once_and_then_one_after_the_other() {
        let (limiter, clock) = limiter(KeyLimits { concurrent: None, ..Plan::Free.limits() });
        for n in 1..=100 {
            let standing = limiter.admit(&key(1), Class::Ingest).await.unwrap().standing.unwrap();
            assert_eq!((standing.limit, standing.remaining), (100, 100 - n));
        }
        let refused = limiter.admit(&key(1), Class::Ingest).await.unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        assert_eq!(refused.standing.unwrap().reset_after, Duration::from_mins(1));
        assert!(limiter.admit(&key(1), Class::Api).await.is_ok());
        assert!(limiter.admit(&key(2), Class::Ingest).await.is_ok());
        clock.advance(Duration::from_millis(600));
        assert!(limiter.admit(&key(1), Class::Ingest).await.is_ok());
        assert!(limiter.admit(&key(1), Class::Ingest).await.is_err());
        assert!(!limiter.applies_to(&Principal::open()));
        limiter.forget_idle();
        assert!(limiter.admit(&key(1), Class::Ingest).await.is_err());
        clock.advance(Duration::from_mins(1));
        limiter.forget_idle();
        assert!(limiter.0.meters.read().unwrap().is_empty());
    }

    #[tokio::test]
    async fn places_are_given_back_when_permits_are_dropped() {
        let (limiter, _) = limiter(KeyLimits { concurrent: Some(2), ..KeyLimits::default() });
        let one = limiter.admit(&key(1), Class::Api).await.unwrap();
        let _two = limiter.admit(&key(1), Class::Ingest).await.unwrap();
        assert!(limiter.admit(&key(1), Class::Api).await.is_err());
        drop(one);
        assert!(limiter.admit(&key(1), Class::Api).await.is_ok());
    }

    #[tokio::test]
    async fn an_exchange_takes_everyone_who_waits_along_and_an_idle_lease_is_given_back() {
        let (limiter, clock) = limiter(KeyLimits { api_per_minute: Some(100), ..KeyLimits::default() });
        limiter.share(true);
        let exchanges = async {
            let mut paid_at = 0;
            loop {
                limiter.due(Duration::ZERO, Duration::from_hours(1)).await;
                for wish in limiter.wishes() {
                    let granted = wish.rate.grant(&mut paid_at, wish.wanted, clock.now().0);
                    limiter.settle(&wish, Some((granted, UnixNanos(paid_at))));
                }
            }
        };
        let requests = async {
            let mut passed = 0;
            for _ in 0..120 {
                passed += i32::from(limiter.admit(&key(1), Class::Api).await.is_ok());
            }
            passed
        };
        let passed = tokio::select! {
            passed = requests => passed,
            () = exchanges => 0,
        };
        assert_eq!(passed, 100);
        let bucket = &limiter.meter(Subject::Key(ApiKeyId(1))).api;
        bucket.account().leased = 2;
        bucket.account().used = 0;
        clock.advance(Duration::from_secs(1));
        assert!(limiter.wishes().is_empty());
        clock.advance(Duration::from_secs(1));
        let wishes = limiter.wishes();
        assert_eq!(wishes.iter().map(|w| w.wanted).collect::<Vec<_>>(), [-2]);
        assert_eq!(bucket.account().leased, 0);
    }

    #[tokio::test]
    async fn without_an_answer_one_request_waits_and_then_this_process_judges_by_itself() {
        let (limiter, _) = limiter(KeyLimits { api_per_minute: Some(10), ..KeyLimits::default() });
        limiter.share(true);
        let started = std::time::Instant::now();
        for _ in 0..10 {
            assert!(limiter.admit(&key(1), Class::Api).await.is_ok());
        }
        assert!(limiter.admit(&key(1), Class::Api).await.is_err());
        assert!(started.elapsed() < 2 * PATIENCE, "{:?}", started.elapsed());
        // What is asked for next finds out whether there is an answer again.
        let wishes = limiter.wishes();
        assert!(!wishes.is_empty());
        limiter.settle(&wishes[0], Some((1, UnixNanos(0))));
        assert!(!limiter.0.stalled.load(Ordering::Relaxed));
    }
}
