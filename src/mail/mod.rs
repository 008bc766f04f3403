//! Outgoing mail: a bounded queue and the one task that works through it, off every request's path.
//!
//! What is queued is not a mail but the work that leads to one (a look-up, a token, a letter), so that whoever asks
//! waits for none of it and learns nothing by how long it takes. A mail that is not taken is tried three times more
//! within some minutes, then given up; what is queued at a stop is tried once within a time limit. Mails are kept in
//! memory alone: what they carry should not lie in a database, and whoever misses one asks for another.

mod letter;
mod smtp;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lettre::message::Mailbox;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use letter::{AlertMail, FirstStep, Letter, ResetLink, Site};
pub use smtp::SmtpOptions;

use crate::error::Result;

/// The longest e-mail address (RFC 3696, erratum 1690), in bytes.
const MAX_ADDRESS: usize = 254;

/// Whether a text is an address that mails can go to.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.len() <= MAX_ADDRESS && text.parse::<lettre::Address>().is_ok()
}

use smtp::{Failure, Smtp};

/// Pieces of work that may wait, and mails that may wait for another try.
const QUEUE: usize = 256;
/// How long a mail waits before it is tried again, each time.
const BACKOFF: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(150)];
/// How long a stop waits for what is queued.
const PATIENCE: Duration = Duration::from_secs(10);

type Work = Pin<Box<dyn Future<Output = Option<Parcel>> + Send>>;

/// A letter, and who waits to hear what came of it; such a letter is tried once.
#[derive(Debug)]
struct Parcel {
    letter: Letter,
    report: Option<oneshot::Sender<Result<(), Undelivered>>>,
}

/// Why a mail was not taken. The text holds no address and nothing that the other side made up.
#[derive(Clone, Debug)]
pub struct Undelivered {
    /// What happened.
    pub text: String,
    /// Whether another try is of no use.
    pub is_final: bool,
}

/// The way to the queue; cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    queue: mpsc::Sender<Work>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// Where mails go to.
#[derive(Debug)]
enum Way {
    Smtp(Box<Smtp>),
    Memory(Outbox),
}

impl Mailer {
    /// Starts the task that sends through an SMTP server. Fails only if certificates cannot be used; the server is
    /// asked when there is a mail.
    pub fn smtp(options: &SmtpOptions, from: Mailbox) -> Result<Self> {
        Ok(Self::start(Way::Smtp(Box::new(Smtp::new(options)?)), from, BACKOFF))
    }

    /// Starts a mailer that keeps what it sends, to be looked at.
    #[must_use]
    pub fn memory(from: Mailbox) -> (Self, Outbox) {
        let outbox = Outbox::default();
        (Self::start(Way::Memory(outbox.clone()), from, BACKOFF), outbox)
    }

    fn start(way: Way, from: Mailbox, backoff: [Duration; 3]) -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let carrier = Carrier { way, from, backoff, waiting: Vec::new(), stop: stop.clone() };
        let stopped = stop.clone();
        tracker.spawn(async move {
            let patience = async {
                stopped.cancelled().await;
                tokio::time::sleep(PATIENCE).await;
            };
            tokio::select! {
                () = carrier.run(work) => {}
                () = patience => tracing::warn!("mails were left when the time to stop was up"),
            }
        });
        tracker.close();
        Self { queue, tracker, stop }
    }

    /// Queues work that may lead to a letter; returns whether there was room. Never waits.
    pub fn queue(&self, work: impl Future<Output = Option<Letter>> + Send + 'static) -> bool {
        let parcel = async { work.await.map(|letter| Parcel { letter, report: None }) };
        let queued = self.queue.try_send(Box::pin(parcel)).is_ok();
        if !queued {
            tracing::warn!("mail dropped: too many wait, or the server is stopping");
        }
        queued
    }

    /// Sends a letter once, after what is queued, and returns what came of it.
    pub async fn deliver(&self, letter: Letter) -> Result<(), Undelivered> {
        let undelivered = |text: &str| Undelivered { text: text.to_owned(), is_final: false };
        let (report, answer) = oneshot::channel();
        let parcel = std::future::ready(Some(Parcel { letter, report: Some(report) }));
        if self.queue.try_send(Box::pin(parcel)).is_err() {
            return Err(undelivered("Too many mails wait"));
        }
        answer.await.unwrap_or_else(|_| Err(undelivered("The server stopped before the mail was sent")))
    }

    /// Takes nothing more, tries once what is queued, and returns when that is done or its time is up.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tracker.wait().await;
    }
}

/// A mail that waits for another try.
#[derive(Debug)]
struct Waiting {
    letter: Letter,
    tries: usize,
    due: Instant,
}

#[derive(Debug)]
struct Carrier {
    way: Way,
    from: Mailbox,
    backoff: [Duration; 3],
    waiting: Vec<Waiting>,
    stop: CancellationToken,
}

impl Carrier {
    async fn run(mut self, mut queue: mpsc::Receiver<Work>) {
        loop {
            let next = self.waiting.iter().map(|w| w.due).min();
            let due = async {
                match next {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = due => self.try_again(Instant::now()).await,
                work = queue.recv() => match work {
                    Some(work) => self.work(work).await,
                    None => break,
                },
            }
        }
        queue.close();
        while let Some(work) = queue.recv().await {
            self.work(work).await;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            self.deliver(waiting.letter, waiting.tries).await;
        }
    }

    async fn work(&mut self, work: Work) {
        match work.await {
            None => {}
            Some(Parcel { letter, report: None }) => self.deliver(letter, 0).await,
            Some(Parcel { letter, report: Some(report) }) => {
                let undelivered = |f: Failure| Undelivered { text: f.text, is_final: f.is_final };
                let sent = self.send(&letter).await.map_err(undelivered);
                if sent.is_ok() {
                    tracing::info!(mail.subject = %letter.subject, "mail sent");
                }
                let _ = report.send(sent);
            }
        }
    }

    async fn try_again(&mut self, now: Instant) {
        let (due, later) = std::mem::take(&mut self.waiting).into_iter().partition(|w| w.due <= now);
        self.waiting = later;
        let due: Vec<Waiting> = due;
        for Waiting { letter, tries, .. } in due {
            self.deliver(letter, tries).await;
        }
    }

    /// Makes one attempt.
    async fn send(&self, letter: &Letter) -> Result<(), Failure> {
        let Ok(message) = letter.message(&self.from) else {
            return Err(Failure { text: "the address is none".to_owned(), is_final: true });
        };
        match &self.way {
            Way::Smtp(smtp) => smtp.send(&message).await,
            Way::Memory(outbox) => outbox.take(letter),
        }
    }

    async fn deliver(&mut self, letter: Letter, tries: usize) {
        let Err(failure) = self.send(&letter).await else {
            tracing::info!(user.id = letter.user.0, mail.subject = %letter.subject, "mail sent");
            return;
        };
        let may_wait = !failure.is_final && !self.stop.is_cancelled() && self.waiting.len() < QUEUE;
        let Some(pause) = self.backoff.get(tries).filter(|_| may_wait) else {
            tracing::error!(
                user.id = letter.user.0,
                mail.subject = %letter.subject,
                error = failure.text,
                tries = tries + 1,
                "mail not sent: given up"
            );
            return;
        };
        tracing::warn!(
            user.id = letter.user.0,
            mail.subject = %letter.subject,
            error = failure.text,
            retry_after_s = pause.as_secs(),
            "mail not sent yet"
        );
        self.waiting.push(Waiting { letter, tries: tries + 1, due: Instant::now() + *pause });
    }
}

/// The mails that a mailer in memory has sent.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    letters: Vec<Letter>,
    failures: Vec<Failure>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox(…)")
    }
}

impl Outbox {
    /// Returns what has been sent since the last look.
    #[must_use]
    pub fn drain(&self) -> Vec<Letter> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).letters)
    }

    fn take(&self, letter: &Letter) -> Result<(), Failure> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = kept.failures.pop() {
            return Err(failure);
        }
        kept.letters.push(letter.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{letter::tests::user, *};

    fn letter(email: &str) -> Letter {
        let site = Site { url: "https://phoenix.example".to_owned(), contact: None };
        Letter::welcome(&user("Ann", email), &site, &FirstStep::UseGivenPassword).unwrap()
    }

    fn start(backoff: Duration, failures: Vec<Failure>) -> (Mailer, Outbox) {
        let outbox = Outbox(Arc::new(Mutex::new(Kept { letters: Vec::new(), failures })));
        let from = "noreply@example.com".parse().unwrap();
        (Mailer::start(Way::Memory(outbox.clone()), from, [backoff; 3]), outbox)
    }

    fn send(mailer: &Mailer, letter: Letter) -> bool {
        mailer.queue(std::future::ready(Some(letter)))
    }

    fn failure(is_final: bool) -> Failure {
        Failure { text: "out of order".to_owned(), is_final }
    }

    async fn arrived(outbox: &Outbox, count: usize) {
        let mut seen = 0;
        for _ in 0..2_000 {
            seen += outbox.drain().len();
            if seen == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{seen} of {count}");
    }

    #[tokio::test]
    async fn a_mail_is_tried_three_times_more() {
        let (mailer, outbox) = start(Duration::from_millis(1), (0..3).map(|_| failure(false)).collect());
        assert!(send(&mailer, letter("ann@example.com")));
        arrived(&outbox, 1).await;
        mailer.close().await;
        assert!(!send(&mailer, letter("ann@example.com")), "closed");
    }

    #[tokio::test]
    async fn a_mail_is_given_up_and_the_next_one_goes_its_way() {
        let (mailer, outbox) = start(Duration::from_millis(1), (0..4).map(|_| failure(false)).collect());
        send(&mailer, letter("ann@example.com"));
        while !outbox.0.lock().unwrap().failures.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        send(&mailer, letter("bob@example.com"));
        arrived(&outbox, 1).await;
        outbox.0.lock().unwrap().failures.push(failure(true));
        send(&mailer, letter("ann@example.com"));
        send(&mailer, letter("not an address"));
        mailer.close().await;
        assert!(outbox.drain().is_empty(), "a refusal for good is not tried again");
    }

    #[tokio::test]
    async fn a_stop_tries_once_more_what_is_queued_and_what_waits() {
        let (mailer, outbox) = start(Duration::from_hours(1), vec![failure(false)]);
        send(&mailer, letter("ann@example.com"));
        while !outbox.0.lock().unwrap().failures.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        send(&mailer, letter("bob@example.com"));
        mailer.close().await;
        let sent: Vec<String> = outbox.drain().into_iter().map(|l| l.address).collect();
        assert_eq!(sent, ["bob@example.com", "ann@example.com"]);
    }

    #[tokio::test]
    async fn a_full_queue_takes_no_more_and_keeps_nobody_waiting() {
        let (mailer, outbox) = start(Duration::from_millis(1), Vec::new());
        let (go, gate) = tokio::sync::oneshot::channel::<()>();
        mailer.queue(async move {
            let _ = gate.await;
            None
        });
        let queued = (0..QUEUE + 10).filter(|_| send(&mailer, letter("ann@example.com"))).count();
        assert!((QUEUE - 1..=QUEUE).contains(&queued), "{queued}");
        go.send(()).unwrap();
        mailer.close().await;
        assert_eq!(outbox.drain().len(), queued);
    }
}
