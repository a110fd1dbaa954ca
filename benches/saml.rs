//! What a sign-in response costs, beside the one thing in it that cannot be cheaper: the bare RSA verification, by the
//! same library, of as many bytes.
//!
//! And what the worst responses cost that a stranger can send: those are refused.
//!
//! `cargo bench --bench saml` prints microseconds and the ratio; nothing is asserted.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on has failed")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bergshamra::crypto::sign;
use bergshamra::keys::loader;
use chrono::{NaiveDateTime, TimeDelta};
use hostile::Hostile;
use rollcall::saml::key_pair::KeyPair;
use rollcall::saml::{Expected, response};
use rollcall::saml::{Rules, TrustedKey};
use rollcall::secret::Secret;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

#[path = "../src/saml/tests/hostile.rs"]
mod hostile;

const FOLDER: &str = "tests/fixtures/saml";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const CERTIFICATES: [&str; 4] = ["idp", "idp-next", "stranger", "idp-expired"];
const ROUNDS: u32 = 2_000;
const SAMPLES: usize = 9;

fn main() {
    let bare = microseconds(bare_verification());
    println!("bare RSA verification            {bare:8.1} µs");
    for (what, file) in [
        ("assertion signed", "good-assertion"),
        ("response signed", "good-response"),
        ("both signed", "good-both"),
        ("assertion signed and encrypted", "good-encrypted-gcm"),
    ] {
        let text = fs::read_to_string(format!("{FOLDER}/cases/{file}.xml")).unwrap();
        let field = BASE64.encode(&text);
        let (keys, own) = (trusted(), own_key());
        let one = microseconds(|| {
            let text = response::decode(&field).unwrap();
            let reading = response::read(&text, &expected(&keys, &own));
            assert!(reading.outcome.is_ok());
            black_box(reading);
        });
        println!("{what:<32} {one:8.1} µs   {:5.1} times the bare verification", one / bare);
    }
    for certificates in [1, 4] {
        worst(certificates);
    }
}

/// What is multiplied in the responses that cost most before anything in them is proven.
fn worst(certificates: usize) {
    let keys: Vec<TrustedKey> = CERTIFICATES[..certificates].iter().map(|name| certificate(name)).collect();
    let good = fs::read_to_string(format!("{FOLDER}/cases/good-no-key-info.xml")).unwrap();
    let of_claims = Hostile { claims: 2_400, ..Hostile::default() };
    for (what, hostile) in [
        ("600 prefixes, 800 claims", Hostile { prefixes: 600, claims: 800, ..of_claims }),
        ("16 prefixes, 2,400 claims", Hostile { prefixes: 16, ..of_claims }),
        ("the same, long namespaces", Hostile { prefixes: 16, namespace: 150, ..of_claims }),
        ("2,400 claims of 30 attributes", Hostile { attributes: 30, ..of_claims }),
    ] {
        let text = hostile.xml(&good);
        let begun = Instant::now();
        let reading = response::read(&text, &expected(&keys, &[]));
        let took = begun.elapsed();
        let fault = reading.outcome.unwrap_err().fault.code();
        println!("{what}, {} bytes, {certificates} certificates: {took:.1?}, {fault}", text.len());
    }
}

/// The median of several samples, for one round.
fn microseconds(mut round: impl FnMut()) -> f64 {
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let begun = Instant::now();
            (0..ROUNDS).for_each(|_| round());
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

fn bare_verification() -> impl FnMut() {
    let private = loader::load_rsa_private_pem(&fs::read(format!("{FOLDER}/keys/idp.pem")).unwrap()).unwrap();
    let public = loader::load_x509_cert_der(&trusted()[0].der).unwrap().to_signing_key().unwrap().unwrap();
    let algorithm = sign::from_uri(RSA_SHA256).unwrap();
    // As long as a SignedInfo.
    let text = [b'x'; 700];
    let signature = algorithm.sign(&private.to_signing_key().unwrap().unwrap(), &text).unwrap();
    move || assert!(black_box(algorithm.verify(&public, &text, &signature).unwrap()))
}

fn trusted() -> Vec<TrustedKey> {
    vec![certificate(CERTIFICATES[0])]
}

fn certificate(name: &str) -> TrustedKey {
    let pem = fs::read_to_string(format!("{FOLDER}/keys/{name}.crt")).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    let not_after = NaiveDateTime::MAX;
    TrustedKey { der: BASE64.decode(base64).unwrap(), fingerprint: String::new(), not_after }
}

fn own_key() -> Vec<KeyPair> {
    let read = |kind| fs::read_to_string(format!("{FOLDER}/keys/sp.{kind}")).unwrap();
    vec![KeyPair { private_key: Secret::new(read("pem")), certificate: read("crt") }]
}

fn expected<'a>(keys: &'a [TrustedKey], own_keys: &'a [KeyPair]) -> Expected<'a> {
    Expected {
        entity_id: "https://console.example.com/sso/metadata",
        consumer: "https://console.example.com/sso/consumer",
        issuer: "https://sts.windows.net/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/",
        keys,
        own_keys,
        naming_claims: &["http://schemas.microsoft.com/identity/claims/objectidentifier"],
        rules: Rules {
            allow_sha1: false,
            require_signed_response: false,
            require_encryption: false,
            allow_unsolicited: true,
            skew: TimeDelta::seconds(180),
        },
        now: "2026-01-05T10:00:00".parse().unwrap(),
    }
}
