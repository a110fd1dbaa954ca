//! Certificates and metadata as people have them, and those that are of no use.

use crate::harness::Console;
use crate::harness::idp::{CERTIFICATE, ISSUER, LOGIN_URL, adding};
use rollcall::domain::sso::certificates;
use rollcall::domain::sso::metadata::{self, Document};
use rollcall::error::Result;

const EC: &[u8] = include_bytes!("fixtures/certificates/ec.pem");
const SHORT: &[u8] = include_bytes!("fixtures/certificates/rsa-1024.pem");

fn text(certificate: &[u8]) -> String {
    String::from_utf8(certificate.to_vec()).unwrap()
}

fn body(certificate: &[u8]) -> String {
    text(certificate).lines().filter(|line| !line.starts_with("---")).collect()
}

fn described(declaration: &str, certificates: &[String]) -> String {
    let keys: String = certificates
        .iter()
        .map(|one| {
            format!(
                "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>\
                 <X509Certificate>{one}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "{declaration}<EntityDescriptor entityID=\"{ISSUER}\" xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"><!-- é -->\
         <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{keys}<SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"{LOGIN_URL}\"/></IDPSSODescriptor>\
         </EntityDescriptor>"
    )
}

fn import(file: &[u8]) -> Result<usize> {
    let console = Console::open();
    let actor = rollcall::domain::Actor::CommandLine;
    let document = Document::of_file(file)?;
    console.org.write(&actor, move |tx| metadata::take(tx, document)).map(|imported| imported.added)
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(order).collect()
}

#[actix_web::test]
async fn metadata_is_read_in_every_encoding_that_it_says_it_is_in() {
    let good = [body(CERTIFICATE)];
    let said = |encoding: &str| described(&format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>"), &good);
    let latin = |text: String| text.chars().map(|char| char as u8).collect::<Vec<u8>>();
    for file in [
        described("", &good).into_bytes(),
        said("UTF-8").into_bytes(),
        format!("\u{feff}{}", said("utf-8")).into_bytes(),
        wide(&said("UTF-16"), u16::to_le_bytes),
        wide(&said("utf-16"), u16::to_be_bytes),
        wide(&described("", &good), u16::to_le_bytes),
        latin(said("ISO-8859-1")),
        latin(said("windows-1252")),
        described("", &good).replace('\n', "\r\n").into_bytes(),
    ] {
        assert_eq!(import(&file).unwrap(), 1, "{}", String::from_utf8_lossy(&file));
    }
    for (file, words) in [
        (said("UTF-16").into_bytes(), "declares one character encoding and is written in another"),
        (wide(&said("UTF-8"), u16::to_le_bytes), "declares one character encoding and is written in another"),
        (latin(said("UTF-8")), "declares one character encoding and is written in another"),
        (said("klingon").into_bytes(), "in none that is known"),
        (described("<?xml version=\"1.1\"?>", &good).into_bytes(), "XML 1.1"),
    ] {
        let refusal = import(&file).unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[actix_web::test]
async fn certificates_in_metadata_are_read_however_they_are_written() {
    let indented: String =
        text(CERTIFICATE).lines().map(|line| format!("\n      {line}")).collect::<Vec<_>>().concat();
    for one in [
        text(CERTIFICATE),
        indented,
        text(CERTIFICATE).replace('\n', " "),
        format!("\n  {}\n", body(CERTIFICATE)),
    ] {
        assert_eq!(import(&described("", std::slice::from_ref(&one)).into_bytes()).unwrap(), 1, "{one}");
    }
}

#[actix_web::test]
async fn a_key_that_proves_nothing_is_refused_with_the_reason() {
    let console = Console::open();
    let add = |file: &'static [u8]| console.org.write(&rollcall::domain::Actor::CommandLine, adding(file));
    assert!(add(EC).unwrap_err().to_string().contains("no RSA key"));
    assert!(add(SHORT).unwrap_err().to_string().contains("1024 bits"));
    assert!(import(&described("", &[body(EC)]).into_bytes()).unwrap_err().to_string().contains("no RSA key"));
    assert!(
        import(&described("", &[body(SHORT)]).into_bytes()).unwrap_err().to_string().contains("1024 bits")
    );
    // Beside one that is of use they are left out.
    assert_eq!(import(&described("", &[body(EC), body(CERTIFICATE), body(SHORT)]).into_bytes()).unwrap(), 1);
}

#[actix_web::test]
async fn the_page_shows_a_certificate_as_entra_id_does() {
    let console = Console::with_sso();
    let olga = console.signed_in("olga").await;
    let page = olga.get("/identity").await.text();
    let trusted = console.org.read(certificates::list).unwrap().remove(0);
    assert_eq!(trusted.thumbprint().len(), 40);
    assert!(page.contains(&trusted.thumbprint()) && page.contains(&trusted.fingerprint));
}
