//! When API keys raise alerts, and who may be told. Serves `app`, which hands the values to `service` and `notify`.

use std::time::Duration;

use clap::ArgAction;

use super::{boolean, value, whole};
use crate::domain::alert::Thresholds;

/// Alerts about API keys.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Alerts")]
pub struct AlertsConfig {
    /// Days without a use after which an API key raises the alert `unused`; 0 = never.
    #[arg(
        long,
        env = "PHOENIX_ALERT_UNUSED_DAYS",
        default_value = "30",
        value_parser = value(|v| whole(v, 0..=3_650_u32))
    )]
    pub alert_unused_days: u32,

    /// Failed requests of a hundred (status 400 and above) beyond which an API key raises the alert `error_rate`;
    /// 0 = never.
    #[arg(
        long,
        env = "PHOENIX_ALERT_ERROR_RATE_PERCENT",
        default_value = "5",
        value_parser = value(|v| whole(v, 0..=99_u8))
    )]
    pub alert_error_rate_percent: u8,

    /// Requests that an API key must have made before its error rate counts.
    #[arg(
        long,
        env = "PHOENIX_ALERT_ERROR_RATE_MIN_REQUESTS",
        default_value = "20",
        value_parser = value(|v| whole(v, 1..=1_000_000_000_u32))
    )]
    pub alert_error_rate_min_requests: u32,

    /// Whole hours before the present one that the error rate is taken over, together with it.
    #[arg(
        long,
        env = "PHOENIX_ALERT_ERROR_RATE_WINDOW_HOURS",
        default_value = "1",
        value_parser = value(|v| whole(v, 0..=168_u32))
    )]
    pub alert_error_rate_window_hours: u32,

    /// Days before its expiry from which on an API key raises the alert `expiring`; 0 = never.
    #[arg(
        long,
        env = "PHOENIX_ALERT_EXPIRING_DAYS",
        default_value = "7",
        value_parser = value(|v| whole(v, 0..=3_650_u32))
    )]
    pub alert_expiring_days: u32,

    /// Days from the first use of an API key on in which its countries are learnt. A country that is new after that
    /// raises the alert `unexpected_geography` for as many days; 0 = never. Needs `PHOENIX_GEOIP_DATABASE`.
    #[arg(
        long,
        env = "PHOENIX_ALERT_GEOGRAPHY_BASELINE_DAYS",
        default_value = "7",
        value_parser = value(|v| whole(v, 0..=365_u32))
    )]
    pub alert_geography_baseline_days: u32,

    /// Lets webhooks go to this host and to private networks. Addresses of a link (such as 169.254.169.254, where
    /// clouds keep the secrets of a machine) are never asked.
    #[arg(
        id = "alert_webhook_private_networks",
        long = "alert-webhook-private-networks",
        env = "PHOENIX_ALERT_WEBHOOK_PRIVATE_NETWORKS",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub alert_webhook_private_networks: bool,
}

impl AlertsConfig {
    /// Returns when keys raise alerts.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let days = |days: u32| (days > 0).then(|| Duration::from_hours(24) * days);
        Thresholds {
            unused: days(self.alert_unused_days),
            error_percent: Some(self.alert_error_rate_percent).filter(|percent| *percent > 0),
            min_requests: self.alert_error_rate_min_requests,
            window: Duration::from_hours(1) * self.alert_error_rate_window_hours,
            expiring: days(self.alert_expiring_days),
            accustomed: days(self.alert_geography_baseline_days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, refusal};

    #[test]
    fn zero_turns_an_alert_off() {
        let usual = config(&[]).alerts.thresholds();
        assert_eq!(usual.unused, Some(Duration::from_hours(720)));
        assert_eq!((usual.error_percent, usual.min_requests), (Some(5), 20));
        assert_eq!(usual.expiring, Some(Duration::from_hours(168)));
        let off = config(&[
            "--alert-unused-days=0",
            "--alert-error-rate-percent=0",
            "--alert-expiring-days=0",
            "--alert-geography-baseline-days=0",
        ])
        .alerts
        .thresholds();
        assert!(off.unused.is_none() && off.error_percent.is_none());
        assert!(off.expiring.is_none() && off.accustomed.is_none());
        for bad in ["--alert-unused-days=-1", "--alert-error-rate-percent=100", "--alert-error-rate-min-requests=0"] {
            let line = refusal(&[bad]);
            assert!(line.contains("PHOENIX_ALERT_") && line.contains("allowed"), "{line}");
        }
    }
}
