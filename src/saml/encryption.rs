//! Encrypted assertions (SAML core section 6): one `EncryptedData`, AES for the assertion, RSA-OAEP for its key.
//!
//! Older methods are refused: RSA with PKCS #1 v1.5 padding tells an attacker who may ask often enough what is inside
//! (XML Encryption 1.1 section 5.5.1). What goes wrong while decrypting is told in one sentence, whatever it was.

use super::key_pair::KeyPair;
use super::report::{Fault, Refusal};
use super::xml::{Node, Tree};
use super::{AES_256_CBC, AES_256_GCM, ASSERTION, DSIG, RSA_OAEP, XENC};
use bergshamra::keys::loader;
use bergshamra::{EncContext, KeysManager};

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const CIPHERS: [&str; 6] = [
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
    AES_256_CBC,
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#aes192-gcm",
    AES_256_GCM,
];
const KEY_TRANSPORTS: [&str; 2] = [RSA_OAEP, "http://www.w3.org/2009/xmlenc11#rsa-oaep"];

/// The document with the encrypted assertion in it opened by one of our keys.
pub(super) fn open(tree: &Tree, encrypted: Node, keys: &[KeyPair]) -> Result<String, Refusal> {
    check(tree, encrypted)?;
    for pair in keys {
        let Ok(key) = loader::load_rsa_private_pem(pair.private_key.as_bytes()) else { continue };
        let mut manager = KeysManager::new();
        manager.add_key(key);
        let context =
            EncContext::new(manager).with_disable_cipher_reference(true).with_max_pbkdf2_iterations(0);
        if let Ok(bytes) = bergshamra::decrypt_to_bytes(&context, tree.text)
            && let Ok(text) = String::from_utf8(bytes)
        {
            return Ok(text);
        }
    }
    Err(Refusal::new(
        Fault::Decryption,
        "The assertion is encrypted, and none of our certificates opens it. Upload the certificate from our metadata \
         under Token encryption in Entra ID.",
    ))
}

fn check(tree: &Tree, encrypted: Node) -> Result<(), Refusal> {
    let refuse = |cause: String| Refusal::new(Fault::Decryption, cause);
    let all_data = tree.named("EncryptedData");
    let data = encrypted.only(XENC, "EncryptedData");
    let (Some(data), 1) = (data, all_data.len()) else {
        return Err(refuse("The encrypted assertion does not hold exactly one EncryptedData.".to_owned()));
    };
    if data.attribute("Type").is_some_and(|kind| kind != ELEMENT) {
        return Err(refuse("What is encrypted is not an element.".to_owned()));
    }
    if !tree.named("CipherReference").is_empty() {
        return Err(refuse("The ciphertext lies elsewhere, which is never taken.".to_owned()));
    }
    let method = |node: Node| {
        let method = node.only(XENC, "EncryptionMethod")?;
        method.attribute("Algorithm").map(str::to_owned)
    };
    match method(data) {
        Some(uri) if CIPHERS.contains(&uri.as_str()) => {}
        other => return Err(unsupported("encryption", other)),
    }
    let keys = tree.named("EncryptedKey");
    let belongs = |key: &Node| {
        let around = key.parent();
        let in_key_info = around.is_some_and(|info| {
            info.is(DSIG, "KeyInfo") && info.parent().is_some_and(|outer| outer.id == data.id)
        });
        let beside = around.is_some_and(|outer| outer.is(ASSERTION, "EncryptedAssertion"));
        key.is(XENC, "EncryptedKey") && (in_key_info || beside)
    };
    if keys.is_empty() || !keys.iter().all(belongs) {
        return Err(refuse("The key of the encrypted assertion is not with it.".to_owned()));
    }
    for key in keys {
        match method(key) {
            Some(uri) if KEY_TRANSPORTS.contains(&uri.as_str()) => {}
            other => return Err(unsupported("key transport", other)),
        }
    }
    Ok(())
}

fn unsupported(what: &str, uri: Option<String>) -> Refusal {
    let uri = uri.unwrap_or_else(|| "(nothing)".to_owned());
    Refusal::new(Fault::Algorithm, format!("The {what} algorithm is “{uri}”, which is not taken."))
}
