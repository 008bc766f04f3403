//! What can change about who calls, as caches must learn of it.

use std::{fmt, str::FromStr};

use super::{id::SessionId, secret::HashedToken};

/// A change after which something remembered about callers is no longer true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthChange {
    /// A user: any session or key may be theirs.
    User,
    /// A key.
    Key(HashedToken),
    /// Sessions that ended or have a new pair of tokens.
    Sessions(Vec<SessionId>),
}

impl fmt::Display for AuthChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::Key(digest) => write!(f, "key {}", hex::encode(digest.0)),
            Self::Sessions(ids) => {
                f.write_str("sessions")?;
                ids.iter().try_for_each(|id| write!(f, " {id}"))
            }
        }
    }
}

impl FromStr for AuthChange {
    type Err = ();

    /// Reads the text form. What this version does not know is for the caller to take as the widest change.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        match words.next() {
            Some("user") => Ok(Self::User),
            Some("key") => {
                let mut digest = [0; 32];
                hex::decode_to_slice(words.next().ok_or(())?, &mut digest).map_err(|_| ())?;
                Ok(Self::Key(HashedToken(digest)))
            }
            Some("sessions") => {
                words.map(|w| w.parse().map(SessionId)).collect::<Result<_, _>>().map(Self::Sessions).map_err(|_| ())
            }
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_survive_their_text() {
        let key = AuthChange::Key(HashedToken([7; 32]));
        for change in [AuthChange::User, key, AuthChange::Sessions(vec![SessionId(1), SessionId(22)])] {
            assert_eq!(change.to_string().parse(), Ok(change));
        }
        for bad in ["", "key", "key zz", "sessions x", "tomorrow"] {
            assert_eq!(bad.parse::<AuthChange>(), Err(()));
        }
    }
}
