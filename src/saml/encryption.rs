//! Encrypted assertions (SAML core section 6): one `EncryptedData`, AES for the assertion, RSA-OAEP for its key.
//!
//! The key may stand in the `KeyInfo` of the data or beside it (SAML core section 2.3.4), for several recipients: a few
//! are tried with a few of our own keys, and no more ([`super::bounds`]). Older methods are refused: RSA with PKCS #1
//! v1.5 padding tells an attacker who may ask often enough what is inside (XML Encryption 1.1 section 5.5.1). What goes
//! wrong while decrypting is told in one sentence, whatever it was.

use super::bounds::{self, MOST_ENCRYPTED_KEYS, MOST_OWN_KEYS, Meter};
use super::key_pair::KeyPair;
use super::key_transport::{Hash, Wrapped};
use super::report::{Fault, Refusal, Unproven};
use super::xml::{Node, Tree};
use super::{AES_256_CBC, AES_256_GCM, DSIG, XENC};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bergshamra::crypto::cipher;

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const CIPHERS: [&str; 6] = [
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
    AES_256_CBC,
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#aes192-gcm",
    AES_256_GCM,
];

/// An encrypted assertion whose parts are where they belong.
struct Parcel<'d> {
    data: Node<'d>,
    cipher: &'d str,
    ciphertext: Vec<u8>,
    keys: Vec<Wrapped>,
}

/// The document with the encrypted assertion in it opened by one of our keys.
pub(super) fn open(tree: &Tree, encrypted: Node, own: &[KeyPair], meter: &Meter) -> Result<String, Refusal> {
    let parcel = Parcel::read(tree, encrypted)?;
    let opened = parcel.attempts(own).into_iter().find_map(|attempt| {
        let key =
            meter.allow_private_key_use().then(|| attempt.wrapped.unwrap(attempt.pair, attempt.mask))??;
        parcel.decrypt(&key)
    });
    if let Some(text) = opened
        && let Some(range) = tree.document.node_range(parcel.data.id)
        && let (Some(before), Some(after)) = (tree.text.get(..range.start), tree.text.get(range.end..))
    {
        return Ok(format!("{before}{text}{after}"));
    }
    Err(Refusal::new(
        Fault::Decryption,
        "The assertion is encrypted, and none of our certificates opens it. Upload the certificate from our metadata \
         under Token encryption in Entra ID.",
    ))
}

/// One use of one of our private keys.
struct Attempt<'a> {
    wrapped: &'a Wrapped,
    pair: &'a KeyPair,
    mask: Hash,
}

impl<'d> Parcel<'d> {
    /// What may be tried, the likeliest first: few of them are (see [`Meter`]). Keys that name one of our certificates come
    /// before those that name none or another, and each is tried with its first mask before any is with its second.
    fn attempts<'a>(&'a self, own: &'a [KeyPair]) -> Vec<Attempt<'a>> {
        let mut attempts = Vec::new();
        for wrapped in &self.keys {
            for pair in own.iter().take(MOST_OWN_KEYS) {
                for (round, mask) in wrapped.masks().iter().enumerate() {
                    let rank = (round, wrapped.likelihood(pair));
                    attempts.push((rank, Attempt { wrapped, pair, mask: *mask }));
                }
            }
        }
        attempts.sort_by_key(|(rank, _)| *rank);
        attempts.into_iter().map(|(_, attempt)| attempt).collect()
    }

    fn read(tree: &Tree, encrypted: Node<'d>) -> Result<Self, Refusal> {
        let data = encrypted.only(XENC, "EncryptedData");
        let (Some(data), 1) = (data, tree.named("EncryptedData").len()) else {
            return Err(refuse("The encrypted assertion does not hold exactly one EncryptedData."));
        };
        if data.attribute("Type").is_some_and(|kind| kind != ELEMENT) {
            return Err(refuse("What is encrypted is not an element."));
        }
        if !tree.named("CipherReference").is_empty() {
            return Err(refuse("The ciphertext lies elsewhere, which is never taken."));
        }
        let cipher = match method(data) {
            Some(uri) if CIPHERS.contains(&uri) => uri,
            other => return Err(unsupported("encryption", other)),
        };
        let infos = data.all(DSIG, "KeyInfo").into_iter();
        let within = infos.flat_map(|info| info.all(XENC, "EncryptedKey"));
        let found: Vec<Node> = within.chain(encrypted.all(XENC, "EncryptedKey")).collect();
        if found.is_empty() || found.len() != tree.named("EncryptedKey").len() {
            return Err(refuse("The key of the encrypted assertion is not with it."));
        }
        if found.len() > MOST_ENCRYPTED_KEYS {
            let cause = format!("It brings {} encrypted keys; {MOST_ENCRYPTED_KEYS} are tried.", found.len());
            return Err(bounds::too_costly(&cause));
        }
        let keys: Result<Vec<Wrapped>, Refusal> = found.into_iter().map(Wrapped::read).collect();
        let ciphertext = cipher_value(data).ok_or_else(|| refuse("The ciphertext is not plain Base64."))?;
        Ok(Self { data, cipher, ciphertext, keys: keys? })
    }

    fn decrypt(&self, key: &[u8]) -> Option<String> {
        let cipher = cipher::from_uri(self.cipher).ok()?;
        // Some implementations wrap a longer key than the cipher takes, and use its beginning.
        let key = key.get(..cipher.key_size())?;
        String::from_utf8(cipher.decrypt(key, &self.ciphertext).ok()?).ok()
    }
}

/// The algorithm of an `EncryptedData` or `EncryptedKey`.
pub(super) fn method(node: Node<'_>) -> Option<&str> {
    node.only(XENC, "EncryptionMethod")?.attribute("Algorithm")
}

/// The bytes of the one `CipherValue` in an `EncryptedData` or `EncryptedKey`.
pub(super) fn cipher_value(node: Node) -> Option<Vec<u8>> {
    let text = node.only(XENC, "CipherData")?.only(XENC, "CipherValue")?.text()?;
    BASE64.decode(text.split_ascii_whitespace().collect::<String>()).ok()
}

pub(super) fn refuse(cause: &str) -> Refusal {
    Refusal::new(Fault::Decryption, cause)
}

pub(super) fn unsupported(what: &str, uri: Option<&str>) -> Refusal {
    let uri = uri.unwrap_or("(nothing)");
    Refusal::new(
        Fault::Algorithm,
        format!("The {what} algorithm is “{}”, which is not taken.", Unproven(uri)),
    )
}
