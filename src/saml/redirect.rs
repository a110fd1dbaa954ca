//! The HTTP-Redirect binding (SAML bindings section 3.4): a message in an address, its signature beside it.

use super::encoding;
use super::key_pair::KeyPair;
use super::report::{Fault, Refusal, Unproven};
use super::signature::TrustedKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bergshamra::crypto::sign;
use bergshamra::keys::loader;
use chrono::NaiveDateTime;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use std::io::Read;
use url::Url;
use url::form_urlencoded;

/// The one algorithm that we sign with, and that Entra ID takes.
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const TAKEN: [&str; 3] = [
    RSA_SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
];
/// The parameters of a message, in the order in which they are signed.
const SIGNED: [&str; 2] = ["RelayState", "SigAlg"];

/// The largest message of this binding, before and after it is unfolded, in bytes: one has some 3 KB.
const LARGEST: usize = 64 * 1024;

const MESSAGE: &str = "The sign-out message";

/// What a message is: it stands before its equals sign in the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks for something.
    Request,
    /// It answers.
    Response,
}

impl Kind {
    fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message that came in an address.
#[derive(Clone, Debug)]
pub struct Received {
    /// What it is.
    pub kind: Kind,
    /// The message as XML.
    pub xml: String,
    /// What was to be handed back.
    pub relay_state: Option<String>,
    /// What is signed, with what, by which algorithm.
    signed: Option<(String, Vec<u8>, String)>,
}

/// The address to send a browser to with a message. It is signed if a key is given.
#[must_use]
pub fn address(
    target: &Url,
    kind: Kind,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&KeyPair>,
) -> Option<String> {
    let mut deflated = Vec::new();
    DeflateEncoder::new(xml.as_bytes(), Compression::default()).read_to_end(&mut deflated).ok()?;
    let mut query = pair(kind.parameter(), &BASE64.encode(deflated));
    if let Some(state) = relay_state {
        query = format!("{query}&{}", pair("RelayState", state));
    }
    if let Some(key) = key {
        query = format!("{query}&{}", pair("SigAlg", RSA_SHA256));
        let loaded = loader::load_rsa_private_pem(key.private_key.expose().as_bytes()).ok()?;
        let signing = loaded.to_signing_key().ok()??;
        let signature = sign::from_uri(RSA_SHA256).ok()?.sign(&signing, query.as_bytes()).ok()?;
        query = format!("{query}&{}", pair("Signature", &BASE64.encode(signature)));
    }
    let mut address = target.clone();
    let whole = address.query().filter(|old| !old.is_empty()).map(|old| format!("{old}&{query}"));
    address.set_query(Some(whole.as_deref().unwrap_or(&query)));
    Some(address.into())
}

fn pair(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// Reads the message in a query. What is signed is kept as it was written: another spelling would be another text.
pub fn read(query: &str) -> Result<Received, Refusal> {
    let refuse = || Refusal::new(Fault::Encoding, "The sign-out message in the address cannot be read.");
    if query.len() > LARGEST {
        return Err(Refusal::of(MESSAGE, Fault::TooLarge));
    }
    let raw = |name: &str| -> Result<Option<&str>, Refusal> {
        let mut found = query.split('&').filter(|part| part.split('=').next() == Some(name));
        let first = found.next();
        if found.next().is_some() { Err(refuse()) } else { Ok(first) }
    };
    let value = |part: &str| {
        form_urlencoded::parse(part.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let (request, response) = (raw("SAMLRequest")?, raw("SAMLResponse")?);
    let (kind, part) = match (request, response) {
        (Some(part), None) => (Kind::Request, part),
        (None, Some(part)) => (Kind::Response, part),
        _ => return Err(refuse()),
    };
    let xml = inflate(&value(part))?;
    let signed = match (raw("SigAlg")?, raw("Signature")?) {
        (Some(algorithm), Some(signature)) => {
            let bytes = BASE64.decode(value(signature)).map_err(|_| refuse())?;
            let mut text = part.to_owned();
            for name in SIGNED {
                if let Some(part) = raw(name)? {
                    text = format!("{text}&{part}");
                }
            }
            Some((text, bytes, value(algorithm)))
        }
        (None, None) => None,
        _ => return Err(refuse()),
    };
    Ok(Received { kind, xml, relay_state: raw("RelayState")?.map(value), signed })
}

impl Received {
    /// Whether it carries a signature.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed.is_some()
    }

    /// Which of these keys made its signature.
    pub fn verify<'k>(&self, keys: &'k [TrustedKey], now: NaiveDateTime) -> Result<&'k TrustedKey, Refusal> {
        let Some((text, signature, algorithm)) = &self.signed else {
            return Err(Refusal::new(Fault::SignatureMissing, "The sign-out request is not signed."));
        };
        if !TAKEN.contains(&algorithm.as_str()) {
            let cause = format!("The signature algorithm is “{}”, which is not taken.", Unproven(algorithm));
            return Err(Refusal::new(Fault::Algorithm, cause));
        }
        let fits = |key: &TrustedKey| {
            let loaded = loader::load_x509_cert_der(&key.der).ok()?;
            if loaded.algorithm_name() != "RSA" {
                return None;
            }
            let verifying = loaded.to_signing_key().ok()??;
            sign::from_uri(algorithm).ok()?.verify(&verifying, text.as_bytes(), signature).ok()
        };
        let (living, over): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.not_after > now);
        if let Some(key) = living.into_iter().find(|key| fits(key) == Some(true)) {
            return Ok(key);
        }
        Err(match over.into_iter().find(|key| fits(key) == Some(true)) {
            Some(key) => {
                let (until, print) = (key.not_after.date(), &key.fingerprint);
                let cause = format!(
                    "The sign-out request is signed with the certificate {print}, which expired on {until}."
                );
                Refusal::new(Fault::CertificateExpired, cause)
            }
            None if keys.is_empty() => Refusal::new(
                Fault::NoCertificate,
                "No signing certificate of Entra ID is known here, so the sign-out request cannot be proven.",
            ),
            // This binding carries no certificate: whether it is unknown or the text was altered cannot be told apart.
            None => Refusal::new(
                Fault::UnknownCertificate,
                "None of the certificates trusted here made the signature of the sign-out request.",
            ),
        })
    }
}

/// Bounded before it is decoded and again while it unfolds.
fn inflate(text: &str) -> Result<String, Refusal> {
    let bytes = BASE64.decode(text).map_err(|_| Refusal::of(MESSAGE, Fault::Encoding))?;
    let mut xml = Vec::new();
    let most = LARGEST as u64 + 1;
    DeflateDecoder::new(bytes.as_slice())
        .take(most)
        .read_to_end(&mut xml)
        .map_err(|_| Refusal::of(MESSAGE, Fault::Encoding))?;
    if xml.len() > LARGEST {
        return Err(Refusal::of(MESSAGE, Fault::TooLarge));
    }
    encoding::decode(&xml).map_err(|fault| Refusal::of(MESSAGE, fault))
}
