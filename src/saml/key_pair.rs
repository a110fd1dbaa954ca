//! Our own key and certificate: requests are signed with it, and assertions encrypted for it.

use crate::secret::Secret;
use chrono::{Datelike, NaiveDateTime, TimeDelta};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair as Generated, KeyUsagePurpose, PKCS_RSA_SHA256,
    RsaKeySize, date_time_ymd,
};

/// As long as Microsoft's own (entra certificates last three years).
const LIFETIME: TimeDelta = TimeDelta::days(3 * 365);

/// A private key and the certificate that goes with it.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The private key, PKCS #8 in PEM.
    pub private_key: Secret,
    /// The certificate in PEM.
    pub certificate: String,
}

/// A key could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a key could not be made: {0}")]
pub struct NotMade(#[from] rcgen::Error);

impl KeyPair {
    /// A new RSA key of 3072 bits (as strong as AES-128: NIST SP 800-57 part 1, table 2) with a self-signed certificate in this name, valid for three years.
    pub fn generate(name: &str, now: NaiveDateTime) -> Result<Self, NotMade> {
        let key = Generated::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072)?;
        let mut parameters = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name);
        parameters.distinguished_name = subject;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        // From the day before: a clock that is a little behind must not refuse it.
        let day = |at: NaiveDateTime| {
            let part = |number: u32| u8::try_from(number).unwrap_or(1);
            date_time_ymd(at.year(), part(at.month()), part(at.day()))
        };
        parameters.not_before = day(now - TimeDelta::days(1));
        parameters.not_after = day(now + LIFETIME);
        let certificate = parameters.self_signed(&key)?;
        Ok(Self { private_key: Secret::new(key.serialize_pem()), certificate: certificate.pem() })
    }
}
