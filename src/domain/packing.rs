//! The stored form of what is large in a span: one byte that names the form, then the bytes as they are or compressed.
//!
//! Attributes are compressed span by span, so that a page reads no more than its rows, against a dictionary of what
//! spans of LLM applications have in common: keys of the OpenInference and OpenTelemetry conventions, the frames of
//! requests and answers, frequent words. It is worth most where it is needed most, in the many small spans around the
//! few large ones. A stored span is read with the dictionary it was written with: a better one gets a form of its own,
//! and an old one is never changed.

use std::{cell::RefCell, sync::LazyLock};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

/// The bytes as they are.
const RAW: u8 = 0;
/// Compressed with zstd (RFC 8878).
const ZSTD: u8 = 1;
/// Compressed with zstd and the first dictionary of attributes.
const ZSTD_ATTRIBUTES_1: u8 = 2;

/// From this size on bytes are compressed.
const COMPRESS_FROM: usize = 512;
/// From this size on attributes are compressed: the dictionary pays early.
const COMPRESS_ATTRIBUTES_FROM: usize = 128;
/// No stored blob decompresses to more than this; the request limits keep it far below.
const MAX_BLOB: usize = 1 << 30;
/// Higher levels cost more than the bytes they save.
const LEVEL: i32 = 1;

static ATTRIBUTES_1: &[u8] = include_bytes!("attributes-1.dict");
static ENCODER: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(ATTRIBUTES_1, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(ATTRIBUTES_1));

thread_local! {
    // A context of zstd is some hundred kilobytes to set up, more work than most blobs; each thread keeps its own.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
    static ATTRIBUTES_COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::with_prepared_dictionary(&ENCODER).ok());
    static ATTRIBUTES_DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::with_prepared_dictionary(&DECODER).ok());
}

/// Packs bytes for storage.
#[must_use]
pub fn pack(plain: &[u8]) -> Vec<u8> {
    if plain.len() >= COMPRESS_FROM
        && let Some(Ok(small)) = COMPRESSOR.with_borrow_mut(|c| c.as_mut().map(|c| c.compress(plain)))
        && small.len() < plain.len()
    {
        return [&[ZSTD], small.as_slice()].concat();
    }
    [&[RAW], plain].concat()
}

/// Packs the JSON of attributes; `None` when that gains nothing, and they are better kept as the text they are.
#[must_use]
pub fn pack_attributes(json: &str) -> Option<Vec<u8>> {
    if json.len() < COMPRESS_ATTRIBUTES_FROM {
        return None;
    }
    let small = ATTRIBUTES_COMPRESSOR.with_borrow_mut(|c| c.as_mut().map(|c| c.compress(json.as_bytes())))?.ok()?;
    (small.len() < json.len()).then(|| [&[ZSTD_ATTRIBUTES_1], small.as_slice()].concat())
}

/// Unpacks what [`pack`] or [`pack_attributes`] made; `None` for anything else.
#[must_use]
pub fn unpack(stored: &[u8]) -> Option<Vec<u8>> {
    let (form, bytes) = stored.split_first()?;
    let decompressor = match *form {
        RAW => return Some(bytes.to_vec()),
        ZSTD => &DECOMPRESSOR,
        ZSTD_ATTRIBUTES_1 => &ATTRIBUTES_DECOMPRESSOR,
        _ => return None,
    };
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok()??;
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_BLOB)?;
    decompressor.with_borrow_mut(|d| d.as_mut()?.decompress(bytes, size).ok())
}

/// Unpacks the JSON of attributes.
#[must_use]
pub fn unpack_attributes(stored: &[u8]) -> Option<String> {
    String::from_utf8(unpack(stored)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        for size in [0, 1, COMPRESS_FROM, 100_000] {
            let plain = vec![b'x'; size];
            assert_eq!(unpack(&pack(&plain)), Some(plain));
        }
        assert_eq!(unpack(&[]), None);
        assert_eq!(unpack(&[9, 9, 9]), None);
        assert_eq!(unpack(&[ZSTD, 1, 2, 3]), None);
    }

    #[test]
    fn small_attributes_shrink_and_come_back() {
        let json = r#"{"llm.model_name":"gpt-4o-mini","llm.token_count.prompt":812,"llm.token_count.completion":64,
            "llm.input_messages.0.message.role":"user","llm.input_messages.0.message.content":"Where is my order?"}"#;
        let packed = pack_attributes(json).unwrap();
        assert!(packed.len() * 2 < json.len(), "{} of {}", packed.len(), json.len());
        assert_eq!(unpack_attributes(&packed).as_deref(), Some(json));
        assert_eq!(pack_attributes("{}"), None);
    }

    /// Every span of the first release is read with it.
    #[test]
    fn the_first_dictionary_stays_as_it_is() {
        use sha2::Digest as _;
        assert_eq!(
            hex::encode(sha2::Sha256::digest(ATTRIBUTES_1)),
            "285fd7cdb0644c41477c9364ca0596c6141444ac14d35d84a850f290ac9011cf"
        );
    }
}
