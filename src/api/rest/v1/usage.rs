//! What keys were used for. This API is documented in camelCase.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access_logs::instant;
use crate::{
    api::{
        extract::{Path, Query},
        rest::{Routes, problem::Answer, route},
    },
    domain::{
        access::{LastUsed as DomainLastUsed, Sums, UsageRow},
        id::ApiKeyId,
        scope::SignedIn,
        time::UnixNanos,
    },
    error::Error,
    service::{
        cx::Cx,
        usage::{self, Interval},
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(get_api_key_usage))
}

/// What a key was used for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyUsage {
    /// Begin of the first interval.
    #[schema(format = DateTime)]
    start: String,
    /// End of the last interval.
    #[schema(format = DateTime)]
    end: String,
    /// `hour` or `day`.
    interval: &'static str,
    /// Everything.
    totals: UsageSums,
    /// Share of requests with a status of 400 or above; 0 without requests.
    error_rate: f64,
    /// By route, the most requests first.
    by_route: Vec<RouteUsage>,
    /// By interval, empty ones too.
    series: Vec<IntervalUsage>,
    /// The last use, whenever that was.
    last_used: Option<LastUsed>,
    /// By country, the most requests first; empty without a database of countries.
    by_country: Vec<CountryUsage>,
}

/// Sums.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageSums {
    /// Requests.
    requests: i64,
    /// Requests with a status of 400 or above.
    errors: i64,
    /// Spans that were stored.
    spans: i64,
    /// Bytes of bodies that were read.
    bytes_in: i64,
    /// Bytes of answers.
    bytes_out: i64,
    /// Mean time from head to end of answer, in milliseconds.
    mean_latency_ms: f64,
}

/// The sums of a route.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteUsage {
    /// Template of the route; `(none)` for requests that none took.
    route: String,
    #[serde(flatten)]
    sums: UsageSums,
}

/// The sums of an interval.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntervalUsage {
    /// Begin of the interval.
    #[schema(format = DateTime)]
    start: String,
    #[serde(flatten)]
    sums: UsageSums,
}

/// When, from where and by what a key was used last.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastUsed {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// From which address.
    ip: String,
    /// By what client.
    user_agent: Option<String>,
    /// From which country.
    country: Option<String>,
}

impl From<DomainLastUsed> for LastUsed {
    fn from(last: DomainLastUsed) -> Self {
        Self { at: last.at.to_rfc3339(), ip: last.address, user_agent: last.user_agent, country: last.country }
    }
}

/// Requests from a country.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountryUsage {
    /// ISO 3166-1 alpha-2; null for addresses that the database does not know.
    country: Option<String>,
    /// Requests.
    requests: i64,
}

#[derive(Default)]
struct Tally {
    sums: Sums,
    errors: i64,
}

impl Tally {
    fn add(&mut self, row: &UsageRow) {
        self.sums.add(&row.sums);
        if row.status_class >= 4 {
            self.errors += row.sums.requests;
        }
    }
}

impl From<Tally> for UsageSums {
    fn from(Tally { sums, errors }: Tally) -> Self {
        Self {
            requests: sums.requests,
            errors,
            spans: sums.spans,
            bytes_in: sums.bytes_in,
            bytes_out: sums.bytes_out,
            mean_latency_ms: ratio(sums.latency_us, sums.requests) / 1e3,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Over what time, and by what intervals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyUsageQuery {
    /// Begin, rounded down to an interval; 24 hours or 30 days before the end when not given.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<String>,
    /// End, rounded up to an interval; now when not given.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<String>,
    /// Length of the intervals.
    #[param(inline)]
    #[serde(default)]
    interval: IntervalName,
}

/// Length of an interval.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IntervalName {
    /// An hour.
    Hour,
    /// A day, in UTC.
    #[default]
    Day,
}

/// Sums up what a key was used for
///
/// One's own key, or any with the scope `admin`. The last second or two may be missing.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{api_key_id}/usage", tag = "access_logs",
    params(("api_key_id" = String, Path, description = "Id of the key"), ApiKeyUsageQuery),
    responses((status = 200, body = ApiKeyUsage), (status = 404), (status = 422))
)]
async fn get_api_key_usage(
    cx: Cx<SignedIn>,
    Path(id): Path<String>,
    Query(query): Query<ApiKeyUsageQuery>,
) -> Answer<axum::Json<ApiKeyUsage>> {
    let (start, end) = (instant("start", query.start.as_deref())?, instant("end", query.end.as_deref())?);
    let (interval, name) = match query.interval {
        IntervalName::Hour => (Interval::Hour, "hour"),
        IntervalName::Day => (Interval::Day, "day"),
    };
    let usage = usage::of_key(&cx, key_id(&id)?, start, end, interval).await?;
    Ok(axum::Json(view(usage, interval, name)))
}

fn view(usage: usage::Usage, interval: Interval, name: &'static str) -> ApiKeyUsage {
    let mut totals = Tally::default();
    let mut routes: BTreeMap<Arc<str>, Tally> = BTreeMap::new();
    let mut series: BTreeMap<UnixNanos, Tally> = BTreeMap::new();
    let mut at = usage.start;
    while at < usage.end {
        series.insert(at, Tally::default());
        at = UnixNanos(at.0.saturating_add(interval.nanos()));
    }
    for row in &usage.rows {
        totals.add(row);
        routes.entry(Arc::clone(&row.route)).or_default().add(row);
        series.entry(row.start).or_default().add(row);
    }
    let mut by_route: Vec<RouteUsage> =
        routes.into_iter().map(|(route, tally)| RouteUsage { route: route.to_string(), sums: tally.into() }).collect();
    by_route.sort_by_key(|route| std::cmp::Reverse(route.sums.requests));
    let by_country = usage
        .countries
        .into_iter()
        .map(|(country, requests)| CountryUsage { country: Some(country).filter(|c| !c.is_empty()), requests });
    ApiKeyUsage {
        start: usage.start.to_rfc3339(),
        end: usage.end.to_rfc3339(),
        interval: name,
        error_rate: ratio(totals.errors, totals.sums.requests),
        totals: totals.into(),
        by_route,
        series: series
            .into_iter()
            .map(|(start, tally)| IntervalUsage { start: start.to_rfc3339(), sums: tally.into() })
            .collect(),
        last_used: usage.last.map(LastUsed::from),
        by_country: by_country.collect(),
    }
}

/// Reads the id of a key. What is none is the id of no key.
pub(super) fn key_id(text: &str) -> Result<ApiKeyId, Error> {
    ApiKeyId::parse(text).ok_or_else(|| Error::NotFound("API key not found".into()))
}
