//! Certificates as administrators have them: PEM, the bare Base64 of Microsoft's download, or DER.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, NaiveDateTime};
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Larger than any certificate file with a few certificates in it.
const LONGEST: usize = 64 * 1024;

/// An X.509 certificate and what a person checks about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, in Base64 of its DER form.
    pub der: String,
    /// Whom it names.
    pub subject: String,
    /// Its SHA-256 fingerprint: `AB:CD:…`.
    pub fingerprint: String,
    /// When it begins to be valid, in UTC.
    pub not_before: NaiveDateTime,
    /// When it stops being valid, in UTC.
    pub not_after: NaiveDateTime,
}

/// Why a file is no certificate, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing that looks like a certificate.
    #[error(
        "This is not a certificate. In Entra ID, download “Certificate (Base64)” from the application's SAML \
         certificates, and upload or paste that file."
    )]
    NotACertificate,
    /// A private key, which belongs nowhere near here.
    #[error(
        "This file holds a private key. Rollcall needs the identity provider's public certificate only: remove the \
         key, and consider it exposed."
    )]
    PrivateKey,
    /// A certificate that starts well and ends badly.
    #[error("The certificate is damaged: it may have been cut short when it was copied. Download it again.")]
    Damaged,
    /// More than a certificate file holds.
    #[error("The file is larger than a certificate can be.")]
    TooLarge,
}

/// Reads every certificate in a file, of which there is at least one.
pub fn read(file: &[u8]) -> Result<Vec<Certificate>, Fault> {
    if file.len() > LONGEST {
        return Err(Fault::TooLarge);
    }
    let text = String::from_utf8_lossy(file);
    if text.contains("PRIVATE KEY-----") {
        return Err(Fault::PrivateKey);
    }
    if text.contains("-----BEGIN") {
        return read_pem(file);
    }
    let compact: String = text.split_whitespace().collect();
    match BASE64.decode(compact.trim_start_matches('\u{feff}')) {
        Ok(der) if !der.is_empty() => Ok(vec![read_der(&der)?]),
        _ => Ok(vec![read_der(file)?]),
    }
}

fn read_pem(file: &[u8]) -> Result<Vec<Certificate>, Fault> {
    let mut certificates = Vec::new();
    for pem in Pem::iter_from_buffer(file) {
        let pem = pem.map_err(|_| Fault::Damaged)?;
        if pem.label == "CERTIFICATE" {
            certificates.push(read_der(&pem.contents).map_err(|_| Fault::Damaged)?);
        }
    }
    if certificates.is_empty() { Err(Fault::NotACertificate) } else { Ok(certificates) }
}

fn read_der(der: &[u8]) -> Result<Certificate, Fault> {
    let looks_right = der.first() == Some(&0x30);
    let fault = if looks_right { Fault::Damaged } else { Fault::NotACertificate };
    let Ok((rest, parsed)) = X509Certificate::from_der(der) else { return Err(fault) };
    if !rest.is_empty() {
        return Err(Fault::Damaged);
    }
    let time =
        |seconds: i64| DateTime::from_timestamp(seconds, 0).map(|at| at.naive_utc()).ok_or(Fault::Damaged);
    let fingerprint: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(Certificate {
        der: BASE64.encode(der),
        subject: parsed.subject().to_string(),
        fingerprint: fingerprint.join(":"),
        not_before: time(parsed.validity().not_before.timestamp())?,
        not_after: time(parsed.validity().not_after.timestamp())?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PEM: &[u8] = include_bytes!("../tests/fixtures/certificates/entra.pem");
    const DER: &[u8] = include_bytes!("../tests/fixtures/certificates/entra.der");

    #[test]
    fn the_same_certificate_is_read_from_pem_der_and_bare_base64() {
        let from_der = read(DER).unwrap();
        assert_eq!(from_der[0].subject, "CN=Microsoft Azure Federated SSO Certificate");
        assert_eq!(from_der[0].fingerprint.len(), 95);
        assert_eq!(read(PEM).unwrap(), from_der);
        let bare: String =
            String::from_utf8_lossy(PEM).lines().filter(|line| !line.starts_with("---")).collect();
        assert_eq!(read(bare.as_bytes()).unwrap(), from_der);
        let windows = String::from_utf8_lossy(PEM).replace('\n', "\r\n");
        assert_eq!(read(windows.as_bytes()).unwrap(), from_der);
    }

    #[test]
    fn several_certificates_in_one_file_are_all_read() {
        assert_eq!(read(&[PEM, PEM].concat()).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_the_reason() {
        assert_eq!(read(b"").unwrap_err(), Fault::NotACertificate);
        assert_eq!(read(b"<EntityDescriptor/>").unwrap_err(), Fault::NotACertificate);
        assert_eq!(read(&DER[..DER.len() - 20]).unwrap_err(), Fault::Damaged);
        let key = b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
        assert_eq!(read(key).unwrap_err(), Fault::PrivateKey);
        assert_eq!(read(&vec![b'x'; LONGEST + 1]).unwrap_err(), Fault::TooLarge);
    }
}
