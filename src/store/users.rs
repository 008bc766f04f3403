//! Users.

use secrecy::{ExposeSecret, SecretString};

use crate::{
    db::{Conn, on, sql},
    domain::{
        id::UserId,
        page::{Cursor, Page, PageRequest},
        scope::Role,
        time::UnixNanos,
        user::{AuthMethod, NewUser, User},
    },
    error::{Error, Result},
};

macro_rules! columns {
    () => {
        "id, user_role_id, username, email, auth_method, password_hash, password_needs_reset, is_active, \
         last_login_at, oauth2_client_id, oauth2_user_id, profile_picture_url, created_at, updated_at"
    };
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: UserId,
    user_role_id: i64,
    username: String,
    email: String,
    auth_method: String,
    password_hash: Option<String>,
    password_needs_reset: bool,
    is_active: bool,
    last_login_at: Option<UnixNanos>,
    oauth2_client_id: Option<String>,
    oauth2_user_id: Option<String>,
    profile_picture_url: Option<String>,
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
            is_active: row.is_active,
            last_login_at: row.last_login_at,
            oauth2_client_id: row.oauth2_client_id,
            oauth2_user_id: row.oauth2_user_id,
            profile_picture_url: row.profile_picture_url,
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
    let row: Option<UserRow> =
        on!(conn, |c| sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM users WHERE id = $1")))
            .bind(id)
            .fetch_optional(c)
            .await)?;
    Ok(row.map(User::from))
}

/// Finds a user by e-mail address, which must be in lower case.
pub async fn find_by_email(conn: Conn<'_>, email: &str) -> Result<Option<User>> {
    let row: Option<UserRow> =
        on!(conn, |c| sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM users WHERE email = $1")))
            .bind(email)
            .fetch_optional(c)
            .await)?;
    Ok(row.map(User::from))
}

/// Finds a user by name.
pub async fn find_by_username(conn: Conn<'_>, username: &str) -> Result<Option<User>> {
    let row: Option<UserRow> =
        on!(conn, |c| sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM users WHERE username = $1")))
            .bind(username)
            .fetch_optional(c)
            .await)?;
    Ok(row.map(User::from))
}

/// Lists the people, oldest first; the system user is none.
pub async fn list(conn: Conn<'_>, page: PageRequest) -> Result<Page<User>> {
    let rows: Vec<UserRow> = on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE user_role_id > 1 AND id >= $1 ORDER BY id LIMIT $2"
    )))
    .bind(page.from.map_or(0, |from| from.id))
    .bind(page.fetch())
    .fetch_all(c)
    .await)?;
    Ok(page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 }).map(User::from))
}

/// Finds users by row id.
pub async fn list_by_ids(conn: Conn<'_>, ids: &[UserId]) -> Result<Vec<User>> {
    let rows: Vec<UserRow> = on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM users WHERE TRUE"));
        super::push_in(&mut query, "id", ids.iter().map(|id| id.0));
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Returns the row ids of active administrators, and holds them until the transaction ends: two that take the right
/// from each other at once must not both succeed. (On SQLite there is one writer anyway.)
pub async fn lock_active_admins(conn: Conn<'_>) -> Result<Vec<UserId>> {
    // FOR UPDATE is Postgres' alone.
    Ok(match conn {
        Conn::Sqlite(c) => {
            sqlx::query_scalar(sql!(sqlite: "SELECT id FROM users WHERE user_role_id = 2 AND is_active ORDER BY id"))
                .fetch_all(c)
                .await?
        }
        Conn::Postgres(c) => {
            sqlx::query_scalar(sql!(postgres:
                "SELECT id FROM users WHERE user_role_id = 2 AND is_active ORDER BY id FOR UPDATE"))
            .fetch_all(c)
            .await?
        }
    })
}

/// Adds a user unless the name or the e-mail address is taken; returns the new row's id.
pub async fn add_if_absent(conn: Conn<'_>, user: &NewUser, now: UnixNanos) -> Result<Option<UserId>> {
    let id = on!(conn, |c| {
        sqlx::query_scalar(sql!(
            "INSERT INTO users
                 (user_role_id, username, email, auth_method, password_hash, password_needs_reset, oauth2_client_id,
                  oauth2_user_id, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
             ON CONFLICT DO NOTHING
             RETURNING id"
        ))
        .bind(role_id(user.role))
        .bind(&user.username)
        .bind(&user.email)
        .bind(user.auth_method.as_str())
        .bind(user.password_hash.as_ref().map(ExposeSecret::expose_secret))
        .bind(user.password_needs_reset)
        .bind(&user.oauth2_client_id)
        .bind(&user.oauth2_user_id)
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

/// Replaces the stored form of a password that stays the same, if it is still the one that was verified.
pub async fn rehash_password(conn: Conn<'_>, id: UserId, old: &SecretString, new: &SecretString) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"))
        .bind(id)
        .bind(old.expose_secret())
        .bind(new.expose_secret())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Notes a login.
pub async fn update_last_login(conn: Conn<'_>, id: UserId, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("UPDATE users SET last_login_at = $2 WHERE id = $1"))
        .bind(id)
        .bind(now)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Replaces name, e-mail address, role and state.
pub async fn update(conn: Conn<'_>, user: &User, now: UnixNanos) -> Result<()> {
    let updated = on!(conn, |c| sqlx::query(sql!(
        "UPDATE users
         SET username = $2, email = $3, user_role_id = $4, is_active = $5, updated_at = $6
         WHERE id = $1"
    ))
    .bind(user.id)
    .bind(&user.username)
    .bind(&user.email)
    .bind(role_id(user.role))
    .bind(user.is_active)
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()));
    match updated {
        Err(e) if e.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) => {
            Err(Error::Conflict("Username or email already exists".into()))
        }
        other => Ok(other?),
    }
}

/// Deletes a user with their keys and sessions; returns whether there was one.
pub async fn delete(conn: Conn<'_>, id: UserId) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!("DELETE FROM users WHERE id = $1"))
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}
