//! Users.

use secrecy::{ExposeSecret, SecretString};

use crate::{
    db::{Conn, on, sql},
    domain::{
        id::UserId,
        scope::Role,
        time::UnixNanos,
        user::{AuthMethod, NewUser, User},
    },
    error::{Error, Result},
};

#[derive(sqlx::FromRow)]
struct UserRow {
    id: UserId,
    user_role_id: i64,
    username: String,
    email: String,
    auth_method: String,
    password_hash: Option<String>,
    password_needs_reset: bool,
    created_at: UnixNanos,
    updated_at: UnixNanos,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let role = usize::try_from(row.user_role_id - 1).ok().and_then(|i| Role::ALL.get(i).copied());
        Self {
            id: row.id,
            // The foreign key holds the number within the four roles; if it ever did not, the least right is right.
            role: role.unwrap_or(Role::Viewer),
            username: row.username,
            email: row.email,
            auth_method: AuthMethod::parse(&row.auth_method),
            password_hash: row.password_hash.map(SecretString::from),
            password_needs_reset: row.password_needs_reset,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn role_id(role: Role) -> i64 {
    Role::ALL.iter().position(|r| *r == role).map_or(4, |i| i64::try_from(i).unwrap_or(3) + 1)
}

/// Finds a user by row id.
pub async fn find(conn: Conn<'_>, id: UserId) -> Result<Option<User>> {
    let row: Option<UserRow> = on!(conn, |c| {
        sqlx::query_as(sql!(
        "SELECT id, user_role_id, username, email, auth_method, password_hash, password_needs_reset, created_at, updated_at
         FROM users
         WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(c)
    .await
    })?;
    Ok(row.map(User::from))
}

/// Finds a user by e-mail address, which must be in lower case.
pub async fn find_by_email(conn: Conn<'_>, email: &str) -> Result<Option<User>> {
    let row: Option<UserRow> = on!(conn, |c| {
        sqlx::query_as(sql!(
        "SELECT id, user_role_id, username, email, auth_method, password_hash, password_needs_reset, created_at, updated_at
         FROM users
         WHERE email = $1"
    ))
    .bind(email)
    .fetch_optional(c)
    .await
    })?;
    Ok(row.map(User::from))
}

/// Adds a user unless the name or the e-mail address is taken; returns the new row's id.
pub async fn add_if_absent(conn: Conn<'_>, user: &NewUser, now: UnixNanos) -> Result<Option<UserId>> {
    let id = on!(conn, |c| {
        sqlx::query_scalar(sql!(
        "INSERT INTO users (user_role_id, username, email, auth_method, password_hash, password_needs_reset, created_at, updated_at)
         VALUES ($1, $2, $3, 'LOCAL', $4, $5, $6, $6)
         ON CONFLICT DO NOTHING
         RETURNING id"
    ))
    .bind(role_id(user.role))
    .bind(&user.username)
    .bind(&user.email)
    .bind(user.password_hash.as_ref().map(ExposeSecret::expose_secret))
    .bind(user.password_needs_reset)
    .bind(now)
    .fetch_optional(c)
    .await
    })?;
    Ok(id)
}

/// Replaces a user's password.
pub async fn update_password(
    conn: Conn<'_>,
    id: UserId,
    hash: &SecretString,
    needs_reset: bool,
    now: UnixNanos,
) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE users SET password_hash = $2, password_needs_reset = $3, updated_at = $4 WHERE id = $1"
    ))
    .bind(id)
    .bind(hash.expose_secret())
    .bind(needs_reset)
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Replaces a user's name.
pub async fn update_username(conn: Conn<'_>, id: UserId, username: &str, now: UnixNanos) -> Result<()> {
    let updated = on!(conn, |c| sqlx::query(sql!("UPDATE users SET username = $2, updated_at = $3 WHERE id = $1"))
        .bind(id)
        .bind(username)
        .bind(now)
        .execute(c)
        .await
        .map(|_| ()));
    match updated {
        Err(e) if e.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) => {
            Err(Error::Conflict("Username already exists".into()))
        }
        other => Ok(other?),
    }
}

/// Finds users by row id.
pub async fn list_by_ids(conn: Conn<'_>, ids: &[UserId]) -> Result<Vec<User>> {
    let rows: Vec<UserRow> = on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, user_role_id, username, email, auth_method, password_hash, password_needs_reset, created_at,
                 updated_at
             FROM users
             WHERE TRUE",
        );
        super::push_in(&mut query, "id", ids.iter().map(|id| id.0));
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(User::from).collect())
}
