//! The page that says which role may do what: the demands that handlers and resolvers make, put to the very check that
//! answers requests.

use std::fmt::Write as _;

use super::{graphql::demands, rest};
use crate::{
    auth::principal::{Credential, Principal},
    domain::{
        api_key::KeyKind,
        demand::Demand,
        id::{ApiKeyId, SessionId},
        scope::{Role, TracesWrite},
    },
    error::Result,
    service::cx::check,
};

const HEAD: &str = "\
# Who may do what

Printed by `phoenix-server schema roles`; `make documents` writes it here. Each cell is the answer of the check that every
request goes through.

- **yes**: with any credential of that role: login (cookie or access token), user key, system key of that role.
- **login**: only by login, not by a key. **login, user key**: by no system key.
- **no**: refused with 403, or an error with the code `FORBIDDEN` in GraphQL. Without a valid credential the answer is 401.
- SYSTEM is a system key that was given no role of its own: a member's rights, and no user to speak for.
- *New password first* is a login that must change its password: it may do what its role may once that is done.

A key may be narrowed further: by scopes, of which an operation names the one that it needs, and by projects. A row says
who may ask; whose data is seen is narrower still: members see and end their own keys and sessions, administrators
everybody's.
";

/// Whom a column is about.
enum Column {
    Anonymous,
    Role(Role),
    System,
    AdminSecret,
    NewPasswordFirst,
}

const COLUMNS: [(&str, Column); 7] = [
    ("anonymous", Column::Anonymous),
    ("VIEWER", Column::Role(Role::Viewer)),
    ("MEMBER", Column::Role(Role::Member)),
    ("ADMIN", Column::Role(Role::Admin)),
    ("SYSTEM", Column::System),
    ("admin secret", Column::AdminSecret),
    ("new password first", Column::NewPasswordFirst),
];

/// Returns the page.
pub async fn table() -> Result<String> {
    let mut page = HEAD.to_owned();
    section(&mut page, "REST", &rest::openapi::operations());
    let fields = demands::demands().await?;
    let fields: Vec<_> = fields.into_iter().map(|field| (field.name, field.demand)).collect();
    section(&mut page, "GraphQL", &fields);
    // Both take a `Cx<TracesWrite>`.
    let otlp = ["POST /v1/traces", "gRPC TraceService/Export"];
    section(&mut page, "OTLP", &otlp.map(|way| (way.to_owned(), Demand::of::<TracesWrite>())));
    Ok(page)
}

fn section(page: &mut String, title: &str, rows: &[(String, Demand)]) {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## {title}\n\n| Operation | Demands | {} |\n", names.join(" | "));
    let _ = writeln!(page, "|{}", " --- |".repeat(names.len() + 2));
    for (name, demand) in rows {
        let cells: Vec<&str> = COLUMNS.iter().map(|(_, column)| cell(*demand, column)).collect();
        let _ = writeln!(page, "| `{name}` | {} | {} |", demand.describe(), cells.join(" | "));
    }
}

fn cell(demand: Demand, column: &Column) -> &'static str {
    if !demand.signed_in {
        return "yes";
    }
    let may = |role: Role, credential: Credential, must_reset_password: bool| {
        let principal = Principal { credential, role, scopes: role.scopes(), must_reset_password, ..Principal::open() };
        check(demand, &principal, true).is_ok()
    };
    let login = Credential::Session(SessionId(0));
    let key = |kind| Credential::ApiKey(ApiKeyId(0), kind);
    let yes = |allowed| if allowed { "yes" } else { "no" };
    match column {
        Column::Anonymous => "no",
        Column::System => yes(may(Role::System, key(KeyKind::System), false)),
        Column::AdminSecret => yes(may(Role::Admin, Credential::AdminSecret, false)),
        Column::NewPasswordFirst => yes(may(Role::Admin, login, true)),
        Column::Role(role) => match [login, key(KeyKind::User), key(KeyKind::System)].map(|c| may(*role, c, false)) {
            [true, true, true] => "yes",
            [true, true, false] => "login, user key",
            [true, false, false] => "login",
            _ => "no",
        },
    }
}
