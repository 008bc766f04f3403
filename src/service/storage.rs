//! The guard of the disk: looks at the size of the database, refuses what would make it grow when it is full, and tells
//! administrators in time. Reads and deletes go on whatever the size.
//!
//! Acts for nobody, but for the two functions that take a proof. Each process looks for itself; the mail goes out once a
//! crossing for all of them.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Services, cx::Cx};
use crate::{
    domain::{
        scope::ProjectsRead,
        storage::{StorageLevel, StorageLimits, StorageUse, TableSize},
    },
    error::{Error, Result},
    mail::Letter,
    store,
    telemetry::metrics::StorageMetrics,
};

/// How often there is a look.
pub const INTERVAL: Duration = Duration::from_mins(1);

/// What is known of the size of the database.
#[derive(Debug)]
pub struct Storage {
    limits: StorageLimits,
    used: AtomicU64,
    metrics: StorageMetrics,
    refusal: OnceLock<String>,
}

impl Storage {
    pub(super) fn new(limits: StorageLimits) -> Self {
        Self { limits, used: AtomicU64::new(0), metrics: StorageMetrics::default(), refusal: OnceLock::new() }
    }

    /// Returns what is measured.
    #[must_use]
    pub fn metrics(&self) -> &StorageMetrics {
        &self.metrics
    }

    /// Returns how full the database was at the last look.
    #[must_use]
    pub fn usage(&self) -> StorageUse {
        self.limits.judge(self.used.load(Ordering::Relaxed))
    }

    fn note(&self, used: u64) -> StorageUse {
        self.used.store(used, Ordering::Relaxed);
        let usage = self.usage();
        self.metrics.used_bytes.set(i64::try_from(used).unwrap_or(i64::MAX));
        self.metrics.used_ratio.set(usage.used_percent.unwrap_or(0.0) / 100.0);
        self.metrics.blocked.set(i64::from(usage.level == StorageLevel::Full));
        usage
    }
}

impl Services {
    /// Returns what is known of the size of the database.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// Refuses what would make the database grow, if it is full.
    pub fn refuse_when_full(&self) -> Result<()> {
        if self.0.storage.usage().level < StorageLevel::Full {
            return Ok(());
        }
        let text = self.0.storage.refusal.get_or_init(|| {
            let help = match &self.settings().site.contact {
                Some(contact) => format!(" Need help? Contact us at {contact}"),
                None => String::new(),
            };
            format!(
                "Database operations are disabled due to insufficient storage. Please delete old data or increase \
                 storage.{help}"
            )
        });
        Err(Error::InsufficientStorage(text.clone().into()))
    }
}

/// Looks once.
pub async fn look(services: &Services) -> Result<()> {
    let inner = &services.0;
    let (used, warned) = {
        let mut reader = inner.db.read().await?;
        let used = store::storage::size(reader.conn()).await?;
        (u64::try_from(used).unwrap_or(0), store::storage::is_warned(reader.conn()).await?)
    };
    let before = inner.storage.usage().level;
    let usage = inner.storage.note(used);
    if usage.level != before {
        tracing::warn!(
            database.bytes = used,
            database.percent = usage.used_percent,
            level = usage.level.as_str(),
            "how full the database is has changed"
        );
    }
    if usage.level >= StorageLevel::Warning && inner.storage.limits.warning_percent.is_some() {
        if !warned {
            warn(services, usage).await?;
        }
    } else if warned && inner.storage.limits.is_calm(used) {
        let mut tx = inner.db.begin().await?;
        store::storage::end_warning(tx.conn()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Mails administrators, unless another process has. Without mail nothing is noted: who turns it on is told.
async fn warn(services: &Services, usage: StorageUse) -> Result<()> {
    let inner = &services.0;
    let Some(mailer) = &inner.mailer else { return Ok(()) };
    let mut tx = inner.db.begin().await?;
    if !store::storage::begin_warning(tx.conn(), inner.clock.now()).await? {
        return Ok(());
    }
    let admins = store::users::lock_active_admins(tx.conn()).await?;
    let admins = store::users::list_by_ids(tx.conn(), &admins).await?;
    tx.commit().await?;
    for admin in admins {
        let letter = Letter::storage(&admin, &inner.settings.site, &usage);
        let queued = mailer
            .queue(async move { letter.inspect_err(|error| tracing::error!(error = ?error, "mail not written")).ok() });
        if queued {
            inner.storage.metrics.warnings.inc();
        }
    }
    Ok(())
}

/// Returns how full the database is. Only callers that are bound to no projects are told: it is the size of everything.
pub fn usage(cx: &Cx<ProjectsRead>) -> Result<StorageUse> {
    cx.refuse_bound("see the size of the database")?;
    Ok(cx.services().storage().usage())
}

/// Returns the size of each table, as they are now.
pub async fn table_sizes(cx: &Cx<ProjectsRead>) -> Result<Vec<TableSize>> {
    cx.refuse_bound("see the size of the database")?;
    let mut reader = cx.read().await?;
    store::storage::table_sizes(reader.conn()).await
}
