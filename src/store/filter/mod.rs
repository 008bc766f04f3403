//! Filters to SQL, for both engines.
//!
//! A filter becomes one condition on the rows of `spans`, `traces` or `project_sessions`. Everything the caller wrote is
//! a bound value; the text holds only words of this module. The condition means what `domain::filter` says: three
//! values, doubles for numbers, bytes for the order of texts; a test asks both engines and an evaluator in memory the
//! same thousands of filters.
//!
//! What could make an engine fail instead of answer is kept out: numbers are bounded before they are multiplied, texts
//! are looked at before they are read as numbers or JSON, chains are written as balanced trees.

mod attributes;
mod condition;
mod fields;
#[cfg(test)]
mod tests;

pub(super) use attributes::json as attributes_json;

use sqlx::{Database, QueryBuilder};

use crate::domain::filter::{Filter, Subject};

/// Which engine the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// An engine that filters are written for.
pub(super) trait Engine: Database {
    const DIALECT: Dialect;
}

impl Engine for sqlx::Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;
}

impl Engine for sqlx::Postgres {
    const DIALECT: Dialect = Dialect::Postgres;
}

/// A value that the caller wrote.
#[derive(Clone, Debug, PartialEq)]
enum Bound {
    Text(String),
    Real(f64),
    Int(i64),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Bound(Bound),
}

/// A condition as it is written down: text, and values in their order.
struct Writer {
    dialect: Dialect,
    subject: Subject,
    pieces: Vec<Piece>,
}

impl Writer {
    fn push(&mut self, text: impl AsRef<str>) {
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.push_str(text.as_ref());
        } else {
            self.pieces.push(Piece::Text(text.as_ref().to_owned()));
        }
    }

    fn bind(&mut self, value: Bound) {
        self.pieces.push(Piece::Bound(value));
    }

    fn bind_text(&mut self, text: &str) {
        self.bind(Bound::Text(text.to_owned()));
    }

    /// Returns the text of this engine.
    const fn either<'a>(&self, sqlite: &'a str, postgres: &'a str) -> &'a str {
        match self.dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }

    /// Returns what ends a subquery that gives a value a name. Both planners would otherwise dissolve it and write the
    /// value again wherever its name stands, which doubles with every level.
    const fn fence(&self) -> &'static str {
        self.either(" LIMIT 1 OFFSET 0)", " OFFSET 0)")
    }

    /// Returns the name of the row at a depth.
    fn alias(&self, depth: usize) -> String {
        match (depth, self.subject) {
            (0, Subject::Span) => "spans".to_owned(),
            (0, Subject::Trace) => "traces".to_owned(),
            (0, Subject::Session) => "project_sessions".to_owned(),
            _ => format!("e{depth}"),
        }
    }
}

/// Adds `AND` and the condition to a statement that selects from `spans`, `traces` or `project_sessions`, by what the
/// filter selects.
pub(super) fn push<'q, DB: Engine>(query: &mut QueryBuilder<DB>, filter: &Filter)
where
    i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    f64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    Vec<u8>: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut writer = Writer { dialect: DB::DIALECT, subject: filter.subject, pieces: Vec::new() };
    writer.push(" AND ");
    writer.filter(filter);
    for piece in writer.pieces {
        match piece {
            Piece::Text(text) => query.push(text),
            Piece::Bound(Bound::Text(text)) => query.push_bind(text),
            Piece::Bound(Bound::Real(real)) => query.push_bind(real),
            Piece::Bound(Bound::Int(int)) => query.push_bind(int),
            Piece::Bound(Bound::Bytes(bytes)) => query.push_bind(bytes),
        };
    }
}
