//! What a password must be, and how it is kept.
//!
//! Length and known-bad lists rather than rules of composition (NIST SP 800-63B section 3.1.1.2); argon2id with 19 MiB,
//! two passes, one lane (OWASP Password Storage Cheat Sheet), which are the crate's defaults and are stated here.
//!
//! A hash takes some 20 ms of a processor on purpose, and so may the look at a password's strength: neither is done
//! where all writers wait, nor on a thread that answers pages. [`prepare`] and [`prepare_new`] do it beforehand; rules
//! that store a password take the [`PasswordHash`] or [`Prepared`] that comes of it and only write.

use crate::db::WRITER;
use crate::domain::{Org, settings, users};
use crate::error::{Error, Result};
use argon2::password_hash::phc::PasswordHash as Parsed;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::fmt;

const SHORTEST: usize = 12;
const LONGEST: usize = 256;
/// A character has four bytes at the most.
const LONGEST_BYTES: usize = LONGEST * 4;
/// Of zxcvbn's 0 to 4: 2 withstands guessing online.
const LEAST_SCORE: u8 = 2;
/// So many characters are looked at: the look takes longer than in proportion to them.
const LOOKED_AT: usize = 64;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of a password that nobody has: the time of a check does not tell whether the account exists.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm8$\
                       3PCrdv2HU8Y7JbZAlkBk5qpHj4kXCFK8hVyIdOmAZH8";

/// The hash of a password that is good enough. Rules that store one take this, so none can be given a plain password.
#[derive(Clone)]
pub struct PasswordHash(String);

/// A hash that was made for an account, as that was when it was made.
pub struct Prepared {
    /// The account.
    pub(super) id: String,
    /// Its version.
    pub(super) version: i32,
    /// The hash.
    pub(super) hash: PasswordHash,
}

impl PasswordHash {
    /// The hash, with a salt of its own.
    fn of(password: &str) -> Result<Self> {
        assert_not_on_the_writer();
        let hash = hasher()?.hash_password(password.as_bytes());
        Ok(Self(hash.map_err(|cause| Error::internal(cause.to_string()))?.to_string()))
    }

    /// As it is stored.
    pub(super) fn into_stored(self) -> String {
        self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Checks a password for an account that is yet to be made and makes its hash; `words` are names that it must not be
/// built from. Slow: not for the writer, and not for a thread that answers pages.
pub fn prepare_new(org: &Org, password: &str, words: &[&str]) -> Result<PasswordHash> {
    let organisation = org.read(settings::organisation)?;
    check(password, &[words, &[&organisation]].concat())?;
    PasswordHash::of(password)
}

/// As [`prepare_new`], for an account that is there, which it reads: `admins::set_password` commits it.
pub fn prepare(org: &Org, id: &str, password: &str) -> Result<Prepared> {
    // The connection goes back before the slow work: others read with it meanwhile.
    let user = org.read(|conn| users::find(conn, id))?;
    let hash = prepare_new(org, password, &[&user.profile.user_name, &user.name()])?;
    Ok(Prepared { id: user.id, version: user.version, hash })
}

/// Refuses a password that could be guessed; `words` are names that it must not be built from.
fn check(password: &str, words: &[&str]) -> Result<()> {
    assert_not_on_the_writer();
    let length = password.chars().count();
    let fault = if length < SHORTEST {
        format!("Enter at least {SHORTEST} characters: a few unrelated words make a good password.")
    } else if length > LONGEST {
        format!("Enter at most {LONGEST} characters.")
    } else if score(password, words) < LEAST_SCORE {
        "This password is too easy to guess. Use a few unrelated words, without names or patterns.".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid("password", fault))
}

/// How hard it is to guess, of its beginning alone.
fn score(password: &str, words: &[&str]) -> u8 {
    let beginning: String = password.chars().take(LOOKED_AT).collect();
    zxcvbn::zxcvbn(&beginning, words).score().into()
}

/// Whether the password is the one of this hash. Without a hash it takes the same time and is not. Slow, as
/// [`prepare_new`].
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    assert_not_on_the_writer();
    let (Ok(hasher), Ok(parsed)) = (hasher(), Parsed::new(hash.unwrap_or(NOBODYS))) else {
        return false;
    };
    let fits =
        password.len() <= LONGEST_BYTES && hasher.verify_password(password.as_bytes(), &parsed).is_ok();
    fits && hash.is_some()
}

fn assert_not_on_the_writer() {
    debug_assert_ne!(std::thread::current().name(), Some(WRITER), "all writers would wait for this");
}

fn hasher() -> Result<Argon2<'static>> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_its_hash_says_how_it_was_made() {
        let PasswordHash(hash) = PasswordHash::of("correct horse battery staple").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse battery staple", Some(&hash)));
        assert!(!verify("correct horse battery stapler", Some(&hash)));
    }

    #[test]
    fn without_a_hash_nothing_is_right_and_the_work_is_still_done() {
        assert!(Parsed::new(NOBODYS).is_ok());
        assert!(!verify("correct horse battery staple", None));
    }

    #[test]
    fn short_common_and_name_built_passwords_are_refused() {
        for bad in ["short", "password1234", "aaaaaaaaaaaaaaaa", "adalovelace1", "123456789012"] {
            assert!(check(bad, &["ada.lovelace", "Ada Lovelace", "adalovelace"]).is_err(), "{bad}");
        }
        for good in ["correct horse battery staple", "Tr4m-Kettle-Orbit-92", "sunny-violin-49-creek"] {
            assert!(check(good, &["ada"]).is_ok(), "{good}");
        }
    }
}
