//! How a password is kept; what it must be is told by [`super::strength`].
//!
//! Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet), which are the crate's defaults and
//! are stated here. Before that it is brought into Unicode's composed form, NFC (NIST SP 800-63B-4 section 3.1.1.2): one
//! keyboard sends é as one character, another as two.
//!
//! A hash takes some 20 ms of a processor on purpose, and so may the look at a password's strength: neither is done
//! where all writers wait, nor on a thread that answers pages. [`prepare`] and [`prepare_new`] do it beforehand; rules
//! that store a password take the [`PasswordHash`] or [`Prepared`] that comes of it and only write.

use super::strength::{self, LONGEST};
use crate::db::Conn;
use crate::domain::users::{self, User};
use crate::domain::{Org, Tx, settings};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::secret::Secret;
use crate::threads::assert_may_take_long;
use argon2::password_hash::phc::PasswordHash as Parsed;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use icu_normalizer::ComposingNormalizerBorrowed as ComposingNormalizer;
use std::borrow::Cow;

/// Nothing longer is looked at: a character has four bytes, and its decomposed form not many times more.
const LONGEST_BYTES: usize = 16 * LONGEST;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of a password that nobody has: the time of a check does not tell whether the account exists.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm8$\
                       3PCrdv2HU8Y7JbZAlkBk5qpHj4kXCFK8hVyIdOmAZH8";

/// The hash of a password. Only hashing one that is good enough makes it, or reading it from the database; rules that
/// store one take this, so that none can be given a plain password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash(Secret);

/// A hash that was made for an account, as that was when it was made.
pub struct Prepared {
    /// The account.
    pub(super) id: UserId,
    /// Its version.
    pub(super) version: i32,
    /// The hash.
    pub(super) hash: PasswordHash,
}

impl PasswordHash {
    /// The hash, with a salt of its own.
    fn of(password: &str) -> Result<Self> {
        assert_may_take_long();
        let hash = hasher()?.hash_password(password.as_bytes());
        let hash = hash.map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Self(Secret::new(hash.to_string())))
    }

    /// The hash of the account's password, if it has one.
    pub(super) fn stored(conn: &mut Conn, id: &UserId) -> Result<Option<Self>> {
        Ok(users::password_hash(conn, id)?.map(|hash| Self(Secret::new(hash))))
    }

    /// Stores it as that of the account's password.
    pub(super) fn store(&self, tx: &mut Tx, user: &mut User) -> Result<()> {
        users::store_password(tx, user, Some(self.0.expose()))
    }

    /// Takes the account's password away.
    pub(super) fn forget(tx: &mut Tx, user: &mut User) -> Result<()> {
        users::store_password(tx, user, None)
    }
}

/// Checks a password for an account that is yet to be made and makes its hash; `words` are names that it must not be
/// built from. Slow: not for the writer, and not for a thread that answers pages.
pub fn prepare_new(org: &Org, password: &Secret, words: &[&str]) -> Result<PasswordHash> {
    assert_may_take_long();
    let organisation = org.read(settings::organisation)?;
    let normal = normal(password.expose());
    strength::check(&normal, &[words, &[organisation.as_str(), org.host()]].concat())?;
    PasswordHash::of(&normal)
}

/// As [`prepare_new`], for an account that is there, which it reads: `admins::set_password` commits it.
pub fn prepare(org: &Org, id: &UserId, password: &Secret) -> Result<Prepared> {
    // The connection goes back before the slow work: others read with it meanwhile.
    let user = org.read(|conn| users::find(conn, id))?;
    let hash = prepare_new(org, password, &[&user.profile.user_name, &user.name()])?;
    Ok(Prepared { id: user.id, version: user.version, hash })
}

/// Whether the password is the one of this hash. Without a hash it takes the same time and is not. Slow, as
/// [`prepare_new`].
///
/// # Errors
/// Where what is stored is no hash.
pub fn verify(password: &Secret, hash: Option<&PasswordHash>) -> Result<bool> {
    assert_may_take_long();
    let stored = hash.map_or(NOBODYS, |PasswordHash(hash)| hash.expose());
    let (hasher, password) = (hasher()?, password.expose());
    let parsed = Parsed::new(stored).map_err(|cause| damaged(&cause.to_string()))?;
    if parsed.salt.is_none() || parsed.hash.is_none() {
        return Err(damaged("it is cut short"));
    }
    let fits = |password: &str| hasher.verify_password(password.as_bytes(), &parsed).is_ok();
    if password.len() > LONGEST_BYTES {
        return Ok(false);
    }
    let normal = normal(password);
    // What was set before passwords were brought into one form was hashed as it was typed.
    let right = fits(&normal) || (normal != password && fits(password));
    Ok(right && hash.is_some())
}

fn damaged(cause: &str) -> Error {
    let remedy =
        "An owner sets another password under Administrators, or `rollcall admin reset-password` does.";
    Error::damaged("The hash of this account’s password", remedy, cause)
}

/// The password in the form in which it is hashed.
fn normal(password: &str) -> Cow<'_, str> {
    ComposingNormalizer::new_nfc().normalize(password)
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
    use crate::domain::Actor;
    use crate::domain::testing::test_org;

    #[test]
    fn a_password_is_known_again_and_its_hash_says_how_it_was_made() {
        let hash = PasswordHash::of("correct horse battery staple").unwrap();
        assert!(hash.0.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0.expose());
        assert!(fits("correct horse battery staple", Some(&hash)));
        assert!(!fits("correct horse battery stapler", Some(&hash)));
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    fn fits(password: &str, hash: Option<&PasswordHash>) -> bool {
        verify(&password.into(), hash).unwrap()
    }

    #[test]
    fn a_damaged_hash_is_told_and_is_no_wrong_password() {
        let damaged = PasswordHash(Secret::from("$argon2id$v=19$m=19456"));
        let told = verify(&"correct horse battery staple".into(), Some(&damaged)).unwrap_err();
        assert!(told.to_string().contains("password is damaged in the database"), "{told}");
    }

    #[test]
    fn without_a_hash_nothing_is_right_and_the_work_is_still_done() {
        assert!(Parsed::new(NOBODYS).is_ok());
        assert!(!fits("correct horse battery staple", None));
    }

    #[test]
    fn a_password_is_the_same_in_whichever_form_its_accents_arrive() {
        let test = test_org();
        let (composed, decomposed) = ("caf\u{e9} kettle orbit tram", "cafe\u{301} kettle orbit tram");
        for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
            let hash = prepare_new(&test.org, &set.into(), &[]).unwrap();
            assert!(fits(set, Some(&hash)) && fits(typed, Some(&hash)), "{set}");
        }
        let old = PasswordHash::of(decomposed).unwrap();
        assert!(fits(decomposed, Some(&old)), "what was hashed as it was typed is still known");
        assert!(!fits(composed, Some(&old)));
    }

    #[test]
    fn the_names_of_the_organisation_the_account_and_the_host_make_no_password() {
        let test = test_org();
        test.org.be_known_at("console.windjammer.example");
        let name = |tx: &mut Tx| settings::put(tx, settings::names::ORGANISATION, &"Harbourline");
        test.write(&Actor::Rollcall, name).unwrap();
        for weak in ["Harbourline!2026", "Windjammer-Console-1", "olga.brandt.olga", "Rollcall_Rollcall"] {
            let refused = prepare_new(&test.org, &weak.into(), &["olga.brandt"]);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{weak}");
        }
        assert!(prepare_new(&test.org, &"correct horse battery staple".into(), &["olga.brandt"]).is_ok());
    }
}
