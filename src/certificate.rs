//! Certificates as administrators have them: PEM, the bare Base64 of Microsoft's download, DER, or PKCS #7.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, NaiveDateTime};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

mod container;

/// Larger than any certificate file with a few certificates in it.
const LONGEST: usize = 64 * 1024;

/// An X.509 certificate and what a person checks about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, in Base64 of its DER form.
    pub der: String,
    /// Whom it names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its SHA-256 fingerprint: `AB:CD:…`.
    pub fingerprint: String,
    /// Its SHA-1 thumbprint, as Entra ID's pages show it: `ABCD…`.
    pub thumbprint: String,
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
    /// A key of another kind than RSA.
    #[error(
        "This certificate holds no RSA key (it may be an elliptic-curve one), and only RSA signatures are taken, as Entra \
         ID makes them. Use the certificate that Entra ID shows for this application."
    )]
    NotRsa,
    /// A key that is too short to prove anything; how many bits it has.
    #[error(
        "This certificate's RSA key has {0} bits, and at least 2048 are needed. Make a new certificate in Entra ID."
    )]
    ShortKey(usize),
    /// More than a certificate file holds.
    #[error("The file is larger than a certificate can be.")]
    TooLarge,
}

/// The shortest RSA key whose signatures are taken (NIST SP 800-131A: fewer bits are disallowed since 2014).
const FEWEST_BITS: usize = 2048;
const BEGIN: &str = "-----BEGIN ";
const TRUSTED: &str = "TRUSTED CERTIFICATE";
const LABELS: [&str; 5] = ["CERTIFICATE", "X509 CERTIFICATE", TRUSTED, "PKCS7", "CMS"];
/// Certificates as people paste them: the padding may have been lost.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether somebody gave away a private key: it is neither kept nor shown again.
#[must_use]
pub fn holds_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
}

/// Reads every certificate in a file, of which there is at least one: PEM or Base64, on many lines or one, indented or
/// not, in UTF-8, UTF-16 or UTF-32, or DER; alone or in PKCS #7.
pub fn read(file: &[u8]) -> Result<Vec<Certificate>, Fault> {
    if file.len() > LONGEST {
        return Err(Fault::TooLarge);
    }
    let text = text_of(file);
    if holds_private_key(&text) {
        return Err(Fault::PrivateKey);
    }
    if text.contains(BEGIN) {
        return read_pem(&text);
    }
    match compact(&text) {
        Some(der) if !der.is_empty() => read_any(&der),
        _ => read_any(file),
    }
}

/// Parts a chain: those that sign messages, and those that only issued another one of it. Whoever hands on a certificate
/// often hands on its authorities' with it, and with those nobody signs messages. One that names itself as its issuer was
/// issued by no other.
#[must_use]
pub fn part(chain: Vec<Certificate>) -> (Vec<Certificate>, Vec<Certificate>) {
    let issued = |one: &Certificate, by: &Certificate| one.issuer != one.subject && one.issuer == by.subject;
    let issuers: Vec<bool> = chain.iter().map(|by| chain.iter().any(|one| issued(one, by))).collect();
    let (issuers, leaves): (Vec<_>, Vec<_>) = chain.into_iter().zip(issuers).partition(|(_, issuer)| *issuer);
    let only = |pairs: Vec<(Certificate, bool)>| pairs.into_iter().map(|(one, _)| one).collect();
    (only(leaves), only(issuers))
}

/// Of certificates that are said to lead to one key, the one that holds it, and the others: it issued none of them, and
/// stands first among such.
#[must_use]
pub fn signer(chain: Vec<Certificate>) -> (Option<Certificate>, Vec<Certificate>) {
    let (mut leaves, mut others) = part(chain);
    if leaves.is_empty() {
        std::mem::swap(&mut leaves, &mut others);
    }
    let mut leaves = leaves.into_iter();
    let signer = leaves.next();
    others.extend(leaves);
    (signer, others)
}

/// The SHA-1 thumbprint of a certificate in DER form, as Entra ID's pages show it: 40 digits, capitals, no colons. It is
/// for comparing by eye; nothing is decided by it.
#[must_use]
pub fn thumbprint(der: &[u8]) -> String {
    Sha1::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

/// Both forms in which people compare a certificate, wherever one is named in a sentence.
#[must_use]
pub fn prints(thumbprint: &str, fingerprint: &str) -> String {
    format!("{thumbprint} (SHA-1), {fingerprint} (SHA-256)")
}

/// The characters of a file, if it is text: editors of Windows write UTF-16. What matters of it is ASCII, of which the
/// wide encodings are the characters with zeros between them, whether or not a byte-order mark says so.
fn text_of(file: &[u8]) -> String {
    let encoding = encoding_rs::Encoding::for_bom(file).map_or(encoding_rs::UTF_8, |(encoding, _)| encoding);
    encoding.decode_with_bom_removal(file).0.replace('\0', "")
}

fn compact(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.split_whitespace().collect::<String>()).ok()
}

/// What stands between `BEGIN CERTIFICATE` and its end, however it is broken into lines (RFC 7468 section 5).
fn read_pem(text: &str) -> Result<Vec<Certificate>, Fault> {
    let mut certificates = Vec::new();
    for part in text.split(BEGIN).skip(1) {
        let (label, rest) = part.split_once("-----").ok_or(Fault::Damaged)?;
        if !LABELS.contains(&label) {
            continue;
        }
        let (inside, _) = rest.split_once("-----END").ok_or(Fault::Damaged)?;
        let mut der = compact(inside).ok_or(Fault::Damaged)?;
        if label == TRUSTED {
            // What OpenSSL appends says what it is trusted for, which is decided here.
            der.truncate(container::first_length(&der).ok_or(Fault::Damaged)?);
        }
        certificates.extend(read_any(&der).map_err(|fault| match fault {
            Fault::NotACertificate => Fault::Damaged,
            other => other,
        })?);
    }
    if certificates.is_empty() { Err(Fault::NotACertificate) } else { Ok(certificates) }
}

/// A certificate, or those in a container. A key is told from both.
fn read_any(der: &[u8]) -> Result<Vec<Certificate>, Fault> {
    match container::open(der) {
        Some(container::Content::PrivateKey) => Err(Fault::PrivateKey),
        Some(container::Content::Certificates(all)) if all.is_empty() => Err(Fault::NotACertificate),
        Some(container::Content::Certificates(all)) => all.into_iter().map(read_der).collect(),
        None => Ok(vec![read_der(der)?]),
    }
}

fn read_der(der: &[u8]) -> Result<Certificate, Fault> {
    let looks_right = der.first() == Some(&0x30);
    let fault = if looks_right { Fault::Damaged } else { Fault::NotACertificate };
    let Ok((rest, parsed)) = X509Certificate::from_der(der) else { return Err(fault) };
    if !rest.is_empty() {
        return Err(Fault::Damaged);
    }
    check_key(&parsed)?;
    let time =
        |seconds: i64| DateTime::from_timestamp(seconds, 0).map(|at| at.naive_utc()).ok_or(Fault::Damaged);
    let fingerprint: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(Certificate {
        der: BASE64.encode(der),
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        fingerprint: fingerprint.join(":"),
        thumbprint: thumbprint(der),
        not_before: time(parsed.validity().not_before.timestamp())?,
        not_after: time(parsed.validity().not_after.timestamp())?,
    })
}

/// Signatures are taken from RSA keys alone, and from long ones: a certificate with another could never be of use.
fn check_key(certificate: &X509Certificate) -> Result<(), Fault> {
    let key = certificate.public_key();
    if key.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
        return Err(Fault::NotRsa);
    }
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return Err(Fault::Damaged) };
    match rsa.key_size() {
        bits if bits < FEWEST_BITS => Err(Fault::ShortKey(bits)),
        _ => Ok(()),
    }
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
    fn a_certificate_is_read_however_it_was_copied() {
        let plain = read(DER).unwrap();
        let pem = String::from_utf8_lossy(PEM).into_owned();
        let body: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
        let indented: String = pem.lines().map(|line| format!("    {line}\r\n")).collect::<Vec<_>>().concat();
        let forms = [
            format!("\u{feff}{pem}"),
            format!("  {body}\n"),
            body.trim_end_matches('=').to_owned(),
            indented,
            pem.replace('\n', " "),
            format!("-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----"),
            format!("subject=CN = x\nissuer=CN = x\n{pem}"),
            pem.replace("BEGIN CERT", "BEGIN X509 CERT").replace("END CERT", "END X509 CERT"),
        ];
        for form in forms {
            assert_eq!(read(form.as_bytes()).unwrap(), plain, "{form}");
        }
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in [&pem, &format!("\u{feff}{pem}"), &body] {
                let wide: Vec<u8> = text.encode_utf16().flat_map(order).collect();
                assert_eq!(read(&wide).unwrap(), plain);
            }
        }
        assert_eq!(plain[0].thumbprint.len(), 40);
        assert!(plain[0].thumbprint.chars().all(|digit| matches!(digit, '0'..='9' | 'A'..='F')));
    }

    #[test]
    fn a_key_whose_signatures_would_never_be_taken_is_refused_with_the_reason() {
        assert_eq!(read(&made("ec.pem")).unwrap_err(), Fault::NotRsa);
        assert_eq!(read(&made("rsa-1024.pem")).unwrap_err(), Fault::ShortKey(1024));
        assert_eq!(read(&made("rsa-pss.pem")).unwrap_err(), Fault::NotRsa);
    }

    fn made(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificates");
        std::fs::read(format!("{folder}/{name}")).unwrap()
    }

    /// A file in the three forms in which it is handed on.
    fn forms(name: &str, label: &str) -> [Vec<u8>; 3] {
        let der = made(name);
        let text = BASE64.encode(&der);
        let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        [der, text.into_bytes(), pem.into_bytes()]
    }

    #[test]
    fn containers_are_opened_and_keys_are_told_in_whatever_form_they_come() {
        let plain = read(DER).unwrap();
        for form in forms("entra.p7b", "PKCS7") {
            assert_eq!(read(&form).unwrap(), plain);
        }
        let [_, _, misnamed] = forms("entra.p7b", "CERTIFICATE");
        assert_eq!(read(&misnamed).unwrap(), plain);
        assert_eq!(read(&made("entra-trusted.pem")).unwrap(), plain);
        for key in ["pkcs8.der", "pkcs8-encrypted.der", "pkcs1.der", "sec1.der", "both.p12"] {
            for form in forms(key, "PRIVATE KEY") {
                assert_eq!(read(&form).unwrap_err(), Fault::PrivateKey, "{key}");
            }
        }
        for (file, fault) in [("public.der", Fault::Damaged), ("public-pkcs1.der", Fault::Damaged)] {
            assert_eq!(read(&made(file)).unwrap_err(), fault, "{file}");
        }
    }

    #[test]
    fn several_certificates_in_one_file_are_all_read() {
        assert_eq!(read(&[PEM, PEM].concat()).unwrap().len(), 2);
    }

    #[test]
    fn of_a_chain_those_that_issued_another_one_are_left_out() {
        let one = |subject: &str, issuer: &str| Certificate {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            ..read(DER).unwrap().remove(0)
        };
        let names = |all: Vec<Certificate>| all.into_iter().map(|one| one.subject).collect::<Vec<_>>();
        let (leaves, issuers) = part(vec![
            one("leaf", "middle"),
            one("middle", "root"),
            one("root", "root"),
            one("other", "other"),
        ]);
        assert_eq!(
            (names(leaves), names(issuers)),
            (vec!["leaf".into(), "other".into()], vec!["middle".into(), "root".into()])
        );
        // Entra ID's certificates all have one name, and each issued itself.
        let (leaves, issuers) = part(vec![one("entra", "entra"), one("entra", "entra")]);
        assert_eq!((leaves.len(), issuers.len()), (2, 0));
        // Of what is said to lead to one key there is one that holds it.
        let signer = |chain| signer(chain).0.map(|one| one.subject);
        assert_eq!(signer(vec![one("root", "root"), one("leaf", "root")]).as_deref(), Some("leaf"));
        assert_eq!(signer(vec![one("leaf", "leaf"), one("root", "root")]).as_deref(), Some("leaf"));
        assert_eq!(signer(vec![one("a", "b"), one("b", "a")]).as_deref(), Some("a"));
        assert_eq!(signer(Vec::new()), None);
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
