//! From addresses to countries, by a database in MaxMind's format. It is read into memory at start; nothing is ever
//! asked of other hosts.

use std::{fmt, net::IpAddr, path::Path, sync::Arc};

use maxminddb::{Reader, path};

/// A database of countries; cheap to clone.
#[derive(Clone)]
pub struct Geography(Arc<Reader<Vec<u8>>>);

impl Geography {
    /// Reads a database file.
    pub fn open(file: &Path) -> Result<Self, maxminddb::MaxMindDbError> {
        Ok(Self(Arc::new(Reader::open_readfile(file)?)))
    }

    /// Returns the country of an address (ISO 3166-1 alpha-2), if the database knows it.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Option<String> {
        let found = self.0.lookup(address).ok()?;
        let code: Option<&str> = found.decode_path(&path!["country", "iso_code"]).ok()?;
        code.filter(|code| code.len() == 2 && code.is_ascii()).map(str::to_owned)
    }
}

impl fmt::Debug for Geography {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Geography").field(&self.0.metadata().database_type).finish()
    }
}
