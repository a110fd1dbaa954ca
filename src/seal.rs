//! Secrets at rest: sealing what must be shown again, keyed digests of what must only be recognised.
//!
//! Both are standard constructions from the `RustCrypto` crates (XChaCha20-Poly1305, HMAC-SHA-256); nothing is invented
//! here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The keys of one installation, all drawn from one secret file beside the database.
#[derive(Clone)]
pub struct Keyring {
    master: [u8; KEY_BYTES],
}

impl Keyring {
    /// Reads the secret from `path`, or makes one there that only the owner of the process may read.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::read(path)?.map_or_else(|| create(path), Ok)
    }

    /// Reads the secret from `path`. An empty file is none: whoever began to make it was interrupted.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(io::Error::new(cause.kind(), format!("{}: {cause}", path.display()))),
            Ok(0) => return Ok(None),
            Ok(_) => {}
        }
        let master = bytes.try_into().map_err(|_| {
            let fault = format!("{} is not a key of {KEY_BYTES} bytes", path.display());
            io::Error::new(io::ErrorKind::InvalidData, fault)
        })?;
        Ok(Some(Self { master }))
    }

    /// Keys that live as long as the process: for tests.
    #[must_use]
    pub fn forgetful() -> Self {
        Self { master: random() }
    }

    /// Seals `plain` for `purpose`; only the same purpose opens it again.
    ///
    /// # Panics
    /// For a text of more than 256 GB.
    #[must_use]
    pub fn seal(&self, purpose: &str, plain: &str) -> String {
        let nonce: [u8; NONCE_BYTES] = random();
        let payload = Payload { msg: plain.as_bytes(), aad: purpose.as_bytes() };
        #[expect(clippy::expect_used, reason = "encryption in memory fails only past 256 GB")]
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("less than 256 GB");
        BASE64.encode([nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed for `purpose`; nothing when the key differs or the text was altered.
    #[must_use]
    pub fn open_sealed(&self, purpose: &str, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        String::from_utf8(self.cipher().decrypt(&XNonce::from(nonce), payload).ok()?).ok()
    }

    /// A keyed digest of `text` for `purpose`: recognises it without keeping it.
    #[must_use]
    pub fn digest(&self, purpose: &str, text: &str) -> String {
        BASE64.encode(self.mac(&[purpose.as_bytes(), &[0], text.as_bytes()]))
    }

    /// Whether `digest` is that of `text`, in constant time.
    #[must_use]
    pub fn recognises(&self, purpose: &str, text: &str, digest: &str) -> bool {
        self.digest(purpose, text).as_bytes().ct_eq(digest.as_bytes()).into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.mac(&[b"seal"]).into())
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.master).expect("HMAC takes any key");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// A fresh secret of 256 random bits, in characters that survive addresses, headers and double clicks.
#[must_use]
pub fn secret() -> String {
    BASE64.encode(random::<KEY_BYTES>())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Makes a secret at `path`: whole or not at all, whenever the process is killed or the power fails, and one only, however
/// many processes try.
fn create(path: &Path) -> io::Result<Keyring> {
    let unfinished = unfinished(path);
    let mut options = OpenOptions::new();
    // Whoever comes while another makes it waits here, and may then hold what has become the key: nothing is cut off yet.
    let mut file = options.write(true).create(true).truncate(false).mode(0o600).open(&unfinished)?;
    file.lock()?;
    if let Some(keys) = Keyring::read(path)? {
        return Ok(keys);
    }
    let keys = Keyring::forgetful();
    file.set_len(0)?;
    file.write_all(&keys.master)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(keys)
}

/// Where a key is made, until it is whole.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_the_same_purpose_only() {
        let keys = Keyring::forgetful();
        let sealed = keys.seal("token", "rollcall_secret");
        assert!(!sealed.contains("secret"));
        assert_eq!(keys.open_sealed("token", &sealed).as_deref(), Some("rollcall_secret"));
        assert_eq!(keys.open_sealed("other", &sealed), None);
        assert_eq!(Keyring::forgetful().open_sealed("token", &sealed), None);
        assert_eq!(keys.open_sealed("token", "not sealed at all"), None);
    }

    #[test]
    fn a_digest_recognises_its_text_and_no_other() {
        let keys = Keyring::forgetful();
        let digest = keys.digest("token", "a");
        assert!(keys.recognises("token", "a", &digest));
        assert!(!keys.recognises("token", "b", &digest));
        assert!(!keys.recognises("session", "a", &digest));
    }

    #[test]
    fn the_key_file_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let first = Keyring::open(&path).unwrap();
        let again = Keyring::open(&path).unwrap();
        assert!(again.recognises("x", "y", &first.digest("x", "y")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "short").unwrap();
        assert!(Keyring::open(&path).is_err());
    }

    #[test]
    fn an_empty_file_is_no_key_and_half_a_key_that_was_left_behind_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        std::fs::write(&path, "").unwrap();
        std::fs::write(unfinished(&path), "half of a k").unwrap();
        assert!(Keyring::read(&path).unwrap().is_none());
        let keys = Keyring::open(&path).unwrap();
        let again = Keyring::read(&path).unwrap().unwrap();
        assert!(again.recognises("x", "y", &keys.digest("x", "y")));
        assert!(!unfinished(&path).exists());
    }

    #[test]
    fn many_who_make_a_key_at_once_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let digests: std::collections::HashSet<String> = std::thread::scope(|scope| {
            let making: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Keyring::open(&path).unwrap().digest("x", "y"))).collect();
            making.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(digests.len(), 1);
        assert!(digests.contains(&Keyring::open(&path).unwrap().digest("x", "y")));
    }
}
