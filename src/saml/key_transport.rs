//! The key of an encrypted assertion, wrapped by RSA-OAEP (XML Encryption 1.1 section 5.5.2).
//!
//! `rsa-oaep-mgf1p` says how its label is hashed and masks by MGF1 with SHA-1; `rsa-oaep` may name any hash for each of
//! the two. Where both are the same the library's AWS-LC unwraps the key; it has no other pairs, so those are left to the
//! `rsa` crate, which blinds each use of the key.

use super::encryption::{cipher_value, method, refuse, unsupported};
use super::key_pair::KeyPair;
use super::report::Refusal;
use super::xml::Node;
use super::{DSIG, RSA_OAEP, XENC};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bergshamra::crypto::keytransport::{self, OaepParams};
use bergshamra::keys::loader;
use rsa::oaep::DecryptingKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::Decryptor;
use sha1::Sha1;
use sha2::digest::{Digest, FixedOutputReset};
use sha2::{Sha256, Sha384, Sha512};

const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
const RSA_OAEP_11: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";

/// A hash function that OAEP is used with. SHA-1 is no weakness here: nothing hangs on its collisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// By URI of a digest, by URI of a mask, and the hash.
const HASHES: [(&str, &str, Hash); 4] = [
    ("http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2009/xmlenc11#mgf1sha1", Hash::Sha1),
    ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2009/xmlenc11#mgf1sha256", Hash::Sha256),
    (
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2009/xmlenc11#mgf1sha384",
        Hash::Sha384,
    ),
    ("http://www.w3.org/2001/04/xmlenc#sha512", "http://www.w3.org/2009/xmlenc11#mgf1sha512", Hash::Sha512),
];

/// An `EncryptedKey`.
pub(super) struct Wrapped {
    digest: Hash,
    /// The hashes to mask with: the one that is named, else what the standard says and what others do.
    masks: Vec<Hash>,
    label: Option<Vec<u8>>,
    bytes: Vec<u8>,
    /// The certificate that it names, in Base64.
    names: Option<String>,
}

impl Wrapped {
    pub(super) fn read(key: Node) -> Result<Self, Refusal> {
        let uri = match method(key) {
            Some(uri @ (RSA_OAEP | RSA_OAEP_11)) => uri,
            other => return Err(unsupported("key transport", other)),
        };
        let how = key.only(XENC, "EncryptionMethod").ok_or_else(|| unsupported("key transport", None))?;
        let named = |namespace, name: &str| how.only(namespace, name).map(|one| one.attribute("Algorithm"));
        let digest = match named(DSIG, "DigestMethod") {
            None => Hash::Sha1,
            Some(uri) => {
                let found = HASHES.iter().find(|(digest, ..)| Some(*digest) == uri);
                found.ok_or_else(|| unsupported("OAEP digest", uri))?.2
            }
        };
        let masks = match named(XENC11, "MGF") {
            Some(uri) => {
                let found = HASHES.iter().find(|(_, mask, _)| Some(*mask) == uri);
                vec![found.ok_or_else(|| unsupported("OAEP mask", uri))?.2]
            }
            None if uri == RSA_OAEP_11 && digest != Hash::Sha1 => vec![Hash::Sha1, digest],
            None => vec![Hash::Sha1],
        };
        let bytes = cipher_value(key).ok_or_else(|| refuse("The encrypted key is not plain Base64."))?;
        let label = match how.only(XENC, "OAEPparams") {
            None => None,
            Some(label) => {
                let text = label.text().map(|text| text.split_ascii_whitespace().collect::<String>());
                let label = text.and_then(|text| BASE64.decode(text).ok());
                Some(label.ok_or_else(|| refuse("The label of the encrypted key is not plain Base64."))?)
            }
        };
        let label = label.filter(|label| !label.is_empty());
        Ok(Self { digest, masks, label, bytes, names: named_certificate(key) })
    }

    /// The masks that may have been meant, the likeliest first.
    pub(super) fn masks(&self) -> &[Hash] {
        &self.masks
    }

    /// How likely it is that it was wrapped for this pair: 0 where it names its certificate, 2 where it names another.
    pub(super) fn likelihood(&self, pair: &KeyPair) -> u8 {
        match &self.names {
            None => 1,
            Some(named) => {
                let own = pair.certificate.lines().filter(|line| !line.starts_with("-----"));
                let own: String = own.flat_map(str::split_ascii_whitespace).collect();
                if own == *named { 0 } else { 2 }
            }
        }
    }

    /// The key, as this mask gives it.
    pub(super) fn unwrap(&self, pair: &KeyPair, mask: Hash) -> Option<Vec<u8>> {
        if mask == self.digest { self.unwrap_alike(pair) } else { self.unwrap_unlike(pair, mask) }
    }

    fn unwrap_alike(&self, pair: &KeyPair) -> Option<Vec<u8>> {
        let (digest, mask, _) = HASHES.iter().find(|(.., hash)| *hash == self.digest)?;
        let parameters = OaepParams {
            digest_uri: Some((*digest).to_owned()),
            mgf_uri: Some((*mask).to_owned()),
            oaep_params: self.label.clone(),
        };
        let transport = keytransport::from_uri_with_params(RSA_OAEP_11, parameters).ok()?;
        let key = loader::load_rsa_private_pem(pair.private_key.expose().as_bytes()).ok()?;
        transport.decrypt(&key.software_key().ok()??, &self.bytes).ok()
    }

    fn unwrap_unlike(&self, pair: &KeyPair, mask: Hash) -> Option<Vec<u8>> {
        let key = rsa::PrivateKey::from_pkcs8_pem(pair.private_key.expose()).ok()?;
        match self.digest {
            Hash::Sha1 => self.unwrap_with::<Sha1>(key, mask),
            Hash::Sha256 => self.unwrap_with::<Sha256>(key, mask),
            Hash::Sha384 => self.unwrap_with::<Sha384>(key, mask),
            Hash::Sha512 => self.unwrap_with::<Sha512>(key, mask),
        }
    }

    fn unwrap_with<D: Digest>(&self, key: rsa::PrivateKey, mask: Hash) -> Option<Vec<u8>> {
        match mask {
            Hash::Sha1 => self.unwrap_masked::<D, Sha1>(key),
            Hash::Sha256 => self.unwrap_masked::<D, Sha256>(key),
            Hash::Sha384 => self.unwrap_masked::<D, Sha384>(key),
            Hash::Sha512 => self.unwrap_masked::<D, Sha512>(key),
        }
    }

    fn unwrap_masked<D: Digest, M: Digest + FixedOutputReset>(
        &self,
        key: rsa::PrivateKey,
    ) -> Option<Vec<u8>> {
        let label = self.label.clone().unwrap_or_default();
        DecryptingKey::<D, M>::new_with_label(key, label).decrypt(&self.bytes).ok()
    }
}

/// The certificate that an `EncryptedKey` says it is for.
fn named_certificate(key: Node) -> Option<String> {
    let data = key.only(DSIG, "KeyInfo")?.only(DSIG, "X509Data")?;
    let text = data.only(DSIG, "X509Certificate")?.text()?;
    Some(text.split_ascii_whitespace().collect())
}
