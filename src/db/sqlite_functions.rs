//! What SQL on SQLite can call: `unpack_attributes(packed)`, the JSON of attributes that are stored compressed.
//!
//! Without it a filter on an attribute could not be SQL, or attributes would have to be stored at three times their
//! size. SQLite takes functions over its C interface alone, and no crate wraps that for a connection that sqlx opened:
//! this is the one file of the crate with `unsafe` in it, and it holds nothing else.

use std::{
    cell::RefCell,
    ffi::{c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::null_mut,
    slice,
};

use libsqlite3_sys as ffi;
use sqlx::SqliteConnection;

use crate::domain::packing::unpack_attributes;

/// Adds the functions to a connection.
pub(super) async fn register(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut handle = conn.lock_handle().await?;
    let db = handle.as_raw_handle().as_ptr();
    let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_DIRECTONLY;
    #[expect(unsafe_code, reason = "SQLite takes functions over its C interface alone")]
    // SAFETY: `db` is open and ours while the handle is locked; the name ends in a zero byte; the function has the
    // signature that SQLite calls for, is static, and has no data that would have to outlive the connection.
    let code = unsafe {
        ffi::sqlite3_create_function_v2(
            db,
            c"unpack_attributes".as_ptr(),
            1,
            flags,
            null_mut::<c_void>(),
            Some(unpack),
            None,
            None,
            None,
        )
    };
    drop(handle);
    if code == ffi::SQLITE_OK {
        Ok(())
    } else {
        Err(sqlx::Error::Configuration(format!("SQLite refused a function with code {code}").into()))
    }
}

/// `unpack_attributes(packed)`: NULL for NULL; an empty object for what is not packed attributes, so that one row that a
/// disk gave back wrong does not stop every search over its table.
#[expect(unsafe_code, reason = "called by SQLite")]
// SAFETY (of the callers): SQLite calls it with one argument, as registered, both pointers valid for the call.
unsafe extern "C" fn unpack(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    debug_assert_eq!(count, 1);
    // SAFETY: `values` points to `count` values. The blob is read before anything else is asked of its value, so that
    // SQLite neither moves nor frees it; an empty one may be a null pointer, which is then not made a slice. The result
    // is copied (SQLITE_TRANSIENT) before its text goes.
    unsafe {
        let value = *values;
        if ffi::sqlite3_value_type(value) == ffi::SQLITE_NULL {
            return ffi::sqlite3_result_null(context);
        }
        let bytes = ffi::sqlite3_value_blob(value).cast::<u8>();
        let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
        let packed = if bytes.is_null() { &[] } else { slice::from_raw_parts(bytes, length) };
        // A panic must not go up into C.
        let told = catch_unwind(AssertUnwindSafe(|| {
            with_unpacked(packed, |text| match c_int::try_from(text.len()) {
                Ok(length) => {
                    ffi::sqlite3_result_text(context, text.as_ptr().cast(), length, ffi::SQLITE_TRANSIENT());
                }
                Err(_) => ffi::sqlite3_result_error_toobig(context),
            });
        }));
        if told.is_err() {
            ffi::sqlite3_result_error_nomem(context);
        }
    }
}

/// The largest text that is kept for the next call.
const KEPT: usize = 1 << 20;

thread_local! {
    /// What was unpacked last: a filter reads the attributes of one row once for each of its conditions.
    static LAST: RefCell<(Vec<u8>, String)> = RefCell::default();
}

fn with_unpacked(packed: &[u8], take: impl FnOnce(&str)) {
    LAST.with_borrow_mut(|(of, text)| {
        if of.as_slice() != packed || of.is_empty() {
            *text = unpack_attributes(packed).unwrap_or_else(|| "{}".to_owned());
            of.clear();
            if text.len() <= KEPT {
                of.extend_from_slice(packed);
            }
        }
        take(text);
        if text.len() > KEPT {
            *text = String::new();
        }
    });
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;
    use crate::domain::packing::pack_attributes;

    #[tokio::test]
    async fn packed_attributes_are_json_again() {
        let mut conn = SqliteConnection::connect(":memory:").await.unwrap();
        register(&mut conn).await.unwrap();
        let json = format!(r#"{{"output.value":"{}"}}"#, "an error ".repeat(100));
        let packed = pack_attributes(&json).unwrap();
        let mut ask = async |blob: Option<Vec<u8>>| -> Option<String> {
            let query = sqlx::query_scalar("SELECT unpack_attributes($1)").bind(blob);
            query.fetch_one(&mut conn).await.unwrap()
        };
        assert_eq!(ask(Some(packed.clone())).await, Some(json));
        assert_eq!(ask(None).await, None);
        assert_eq!(ask(Some(Vec::new())).await.as_deref(), Some("{}"));
        assert_eq!(ask(Some(packed[..packed.len() / 2].to_vec())).await.as_deref(), Some("{}"));
    }
}
