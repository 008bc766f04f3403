//! How records of the access log lie in a block: rows of small numbers over a table of texts, each text once, encoded
//! with `postcard` and compressed. A record costs some tens of bytes, and next to nothing to write.
//!
//! The first byte of a block is its version. Fields are never removed or moved within a version.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        access::AccessRecord,
        id::{ApiKeyId, UserId},
        time::UnixNanos,
    },
    error::{Error, Result},
};

const VERSION: u8 = 1;
/// Records of a block, at most.
pub(super) const MAX_RECORDS: usize = 4_096;
/// Bytes that a block may decompress to; [`MAX_RECORDS`] of the longest texts come to less.
const MAX_BYTES: usize = 16 << 20;

#[derive(Default, Serialize, Deserialize)]
struct Encoded<'a> {
    /// The first is empty and stands for none.
    #[serde(borrow)]
    texts: Vec<&'a str>,
    rows: Vec<Row>,
}

/// One record; texts by their place.
#[derive(Serialize, Deserialize)]
struct Row {
    id: i64,
    /// Nanoseconds since the row before.
    after: i64,
    principal: u32,
    user_id: Option<i64>,
    key_id: Option<i64>,
    key_name: u32,
    method: u32,
    path: u32,
    route: u32,
    status: i64,
    latency_us: i64,
    bytes_in: i64,
    bytes_out: i64,
    address: u32,
    user_agent: u32,
    project_name: u32,
    request_id: u32,
    error: u32,
}

#[derive(Default)]
struct Texts<'a> {
    places: HashMap<&'a str, u32>,
    texts: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn place(&mut self, text: &'a str) -> u32 {
        let next = u32::try_from(self.texts.len()).unwrap_or(0);
        *self.places.entry(text).or_insert_with(|| {
            self.texts.push(text);
            next
        })
    }

    fn maybe(&mut self, text: Option<&'a str>) -> u32 {
        self.place(text.unwrap_or_default())
    }
}

/// A record that is to be encoded.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) id: i64,
    pub(super) at: UnixNanos,
    pub(super) principal: &'a str,
    pub(super) user_id: Option<UserId>,
    pub(super) key_id: Option<ApiKeyId>,
    pub(super) key_name: Option<&'a str>,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) route: Option<&'a str>,
    pub(super) status: i64,
    pub(super) latency_us: i64,
    pub(super) bytes_in: i64,
    pub(super) bytes_out: i64,
    pub(super) address: &'a str,
    pub(super) user_agent: Option<&'a str>,
    pub(super) project_name: Option<&'a str>,
    pub(super) request_id: &'a str,
    pub(super) error: Option<&'a str>,
}

impl<'a> From<&'a AccessRecord> for View<'a> {
    fn from(r: &'a AccessRecord) -> Self {
        Self {
            id: r.id,
            at: r.at,
            principal: &r.principal,
            user_id: r.user_id,
            key_id: r.key_id,
            key_name: r.key_name.as_deref(),
            method: &r.method,
            path: &r.path,
            route: r.route.as_deref(),
            status: r.status,
            latency_us: r.latency_us,
            bytes_in: r.bytes_in,
            bytes_out: r.bytes_out,
            address: &r.address,
            user_agent: r.user_agent.as_deref(),
            project_name: r.project_name.as_deref(),
            request_id: &r.request_id,
            error: r.error.as_deref(),
        }
    }
}

/// Encodes records, at most [`MAX_RECORDS`], in their order.
pub(super) fn encode(records: &[View<'_>]) -> Result<Vec<u8>> {
    let mut texts = Texts::default();
    texts.place("");
    let mut before = 0;
    let rows = records
        .iter()
        .map(|r| Row {
            id: r.id,
            after: r.at.0.wrapping_sub(std::mem::replace(&mut before, r.at.0)),
            principal: texts.place(r.principal),
            user_id: r.user_id.map(|id| id.0),
            key_id: r.key_id.map(|id| id.0),
            key_name: texts.maybe(r.key_name),
            method: texts.place(r.method),
            path: texts.place(r.path),
            route: texts.maybe(r.route),
            status: r.status,
            latency_us: r.latency_us,
            bytes_in: r.bytes_in,
            bytes_out: r.bytes_out,
            address: texts.place(r.address),
            user_agent: texts.maybe(r.user_agent),
            project_name: texts.maybe(r.project_name),
            request_id: texts.place(r.request_id),
            error: texts.maybe(r.error),
        })
        .collect();
    let plain = postcard::to_allocvec(&Encoded { texts: texts.texts, rows }).map_err(Error::internal)?;
    let mut data = vec![VERSION];
    data.extend(zstd::bulk::compress(&plain, 1).map_err(Error::internal)?);
    Ok(data)
}

/// A block whose records are read one by one.
pub(super) struct Block {
    plain: Vec<u8>,
}

impl Block {
    /// Opens what [`encode`] made.
    pub(super) fn open(data: &[u8]) -> Result<Self> {
        match data.split_first() {
            Some((&VERSION, data)) => {
                Ok(Self { plain: zstd::bulk::decompress(data, MAX_BYTES).map_err(Error::internal)? })
            }
            _ => Err(Error::internal("a block of the access log is of an unknown version")),
        }
    }

    /// Returns the records that are wanted, newest first, as long as `more` says so.
    pub(super) fn newest_first(
        &self,
        mut wanted: impl FnMut(&Glance<'_>) -> bool,
        mut take: impl FnMut(AccessRecord) -> bool,
    ) -> Result<()> {
        let Encoded { texts, rows } = postcard::from_bytes(&self.plain).map_err(Error::internal)?;
        let mut at = rows.iter().map(|row| row.after).fold(0, i64::wrapping_add);
        for row in rows.iter().rev() {
            let glance = Glance { at: UnixNanos(at), row, texts: &texts };
            if wanted(&glance) && !take(glance.record()?) {
                break;
            }
            at = at.wrapping_sub(row.after);
        }
        Ok(())
    }
}

/// A record that is looked at before it is made.
pub(super) struct Glance<'a> {
    /// When the request came.
    pub(super) at: UnixNanos,
    row: &'a Row,
    texts: &'a [&'a str],
}

impl<'a> Glance<'a> {
    pub(super) const fn id(&self) -> i64 {
        self.row.id
    }

    pub(super) fn key_id(&self) -> Option<ApiKeyId> {
        self.row.key_id.map(ApiKeyId)
    }

    pub(super) fn user_id(&self) -> Option<UserId> {
        self.row.user_id.map(UserId)
    }

    pub(super) const fn status(&self) -> i64 {
        self.row.status
    }

    pub(super) fn method(&self) -> &'a str {
        self.text(self.row.method).unwrap_or_default()
    }

    pub(super) fn route(&self) -> &'a str {
        self.text(self.row.route).unwrap_or_default()
    }

    fn text(&self, place: u32) -> Option<&'a str> {
        self.texts.get(place as usize).copied()
    }

    fn record(&self) -> Result<AccessRecord> {
        let text = |place: u32| {
            let text = self.text(place).map(str::to_owned);
            text.ok_or_else(|| Error::internal("a record of the access log names a text that its block does not have"))
        };
        let maybe = |place: u32| Ok::<_, Error>(if place == 0 { None } else { Some(text(place)?) });
        let row = self.row;
        Ok(AccessRecord {
            id: row.id,
            at: self.at,
            principal: text(row.principal)?,
            user_id: self.user_id(),
            key_id: self.key_id(),
            key_name: maybe(row.key_name)?,
            method: text(row.method)?,
            path: text(row.path)?,
            route: maybe(row.route)?,
            status: row.status,
            latency_us: row.latency_us,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            address: text(row.address)?,
            user_agent: maybe(row.user_agent)?,
            project_name: maybe(row.project_name)?,
            request_id: text(row.request_id)?,
            error: maybe(row.error)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: i64) -> AccessRecord {
        AccessRecord {
            id: n,
            at: UnixNanos(1_700_000_000_000_000_000 + n / 2),
            principal: "session".to_owned(),
            user_id: Some(UserId(n)),
            key_id: (n % 2 == 0).then_some(ApiKeyId(n)),
            key_name: (n % 2 == 0).then(|| format!("key {n}")),
            method: "GET".to_owned(),
            path: format!("/v1/{n}"),
            route: (n % 3 == 0).then(|| "/v1/{n}".to_owned()),
            status: 200 + n,
            latency_us: n,
            bytes_in: 0,
            bytes_out: i64::MAX,
            address: "::1".to_owned(),
            user_agent: None,
            project_name: Some("p".to_owned()),
            request_id: format!("{n:016x}"),
            error: None,
        }
    }

    fn all(data: &[u8]) -> Vec<AccessRecord> {
        let mut all = Vec::new();
        let take = |record| {
            all.push(record);
            true
        };
        Block::open(data).unwrap().newest_first(|_| true, take).unwrap();
        all
    }

    #[test]
    fn records_come_back_as_they_were_newest_first_and_take_little_room() {
        let records: Vec<_> = (0..1_000).map(record).collect();
        let data = encode(&records.iter().map(View::from).collect::<Vec<_>>()).unwrap();
        let mut back = all(&data);
        back.reverse();
        assert_eq!(format!("{back:?}"), format!("{records:?}"));
        assert!(data.len() < 60_000, "{}", data.len());
        assert!(all(&encode(&[]).unwrap()).is_empty());
    }

    #[test]
    fn what_is_no_block_is_an_error() {
        assert!(Block::open(&[]).is_err());
        assert!(Block::open(&[2, 0]).is_err());
        assert!(Block::open(&[VERSION, 1, 2, 3]).is_err());
        let data = encode(&[View::from(&record(1))]).unwrap();
        assert!(Block::open(&data[..data.len() - 1]).is_err());
    }
}
