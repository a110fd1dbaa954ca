//! What a password must be, and how it is kept.
//!
//! Length and known-bad lists rather than rules of composition (NIST SP 800-63B section 3.1.1.2); argon2id with 19 MiB,
//! two passes, one lane (OWASP Password Storage Cheat Sheet), which are the crate's defaults and are stated here.

use crate::error::{Error, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

const SHORTEST: usize = 12;
const LONGEST: usize = 256;
/// Of zxcvbn's 0 to 4: 2 withstands guessing online.
const LEAST_SCORE: u8 = 2;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of a password that nobody has: the time of a check does not tell whether the account exists.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm8$\
                       3PCrdv2HU8Y7JbZAlkBk5qpHj4kXCFK8hVyIdOmAZH8";

/// Refuses a password that could be guessed; `words` are names that it must not be built from.
pub fn check(password: &str, words: &[&str]) -> Result<()> {
    let length = password.chars().count();
    let fault = if length < SHORTEST {
        format!("Enter at least {SHORTEST} characters: a few unrelated words make a good password.")
    } else if password.len() > LONGEST {
        format!("Enter at most {LONGEST} characters.")
    } else if u8::from(zxcvbn::zxcvbn(password, words).score()) < LEAST_SCORE {
        "This password is too easy to guess. Use a few unrelated words, without names or patterns.".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid("password", fault))
}

/// The password's hash, with a salt of its own.
pub fn hash(password: &str) -> Result<String> {
    let hash =
        hasher()?.hash_password(password.as_bytes()).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(hash.to_string())
}

/// Whether the password is the one of this hash. Without a hash it takes the same time and is not.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let (Ok(hasher), Ok(parsed)) = (hasher(), PasswordHash::new(hash.unwrap_or(NOBODYS))) else {
        return false;
    };
    let fits = password.len() <= LONGEST && hasher.verify_password(password.as_bytes(), &parsed).is_ok();
    fits && hash.is_some()
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
        let hash = hash("correct horse battery staple").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse battery staple", Some(&hash)));
        assert!(!verify("correct horse battery stapler", Some(&hash)));
    }

    #[test]
    fn without_a_hash_nothing_is_right_and_the_work_is_still_done() {
        assert!(PasswordHash::new(NOBODYS).is_ok());
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
