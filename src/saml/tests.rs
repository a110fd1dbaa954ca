//! The library and our rules on files that another tool signed: `tests/fixtures/saml/make.py` says how they are made.

use super::expected::Expected;
use super::key_pair::KeyPair;
use super::response::{self, Reading};
use super::xml::LARGEST;
use super::{Fault, Rules, TrustedKey, parse_timestamp, signature};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{NaiveDateTime, TimeDelta};
use serde::Deserialize;
use serde_json::Value;
use std::fs;

mod hostile;
mod work;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/saml");
const ENTITY_ID: &str = "https://console.example.com/sso/metadata";
const CONSUMER: &str = "https://console.example.com/sso/consumer";
const ISSUER: &str = "https://sts.windows.net/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/";
const NOW: &str = "2026-01-05T10:00:00Z";

#[derive(Deserialize)]
struct Case {
    file: String,
    expect: String,
    what: String,
    cause: Option<String>,
    certificates: Vec<String>,
    in_response_to: Option<String>,
    reads: Option<Value>,
    settings: Value,
}

fn cases() -> Vec<Case> {
    let list = fs::read_to_string(format!("{FOLDER}/cases.jsonl")).unwrap();
    list.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn trusted(name: &str) -> Option<TrustedKey> {
    let pem = fs::read_to_string(format!("{FOLDER}/keys/{name}.crt")).ok()?;
    let base64: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    let der = BASE64.decode(base64).unwrap();
    let (_, read) = x509_parser::parse_x509_certificate(&der).unwrap();
    let not_after = chrono::DateTime::from_timestamp(read.validity().not_after.timestamp(), 0).unwrap();
    Some(TrustedKey { fingerprint: signature::fingerprint(&der), not_after: not_after.naive_utc(), der })
}

fn own_key() -> KeyPair {
    let read = |kind| fs::read_to_string(format!("{FOLDER}/keys/sp.{kind}")).unwrap();
    KeyPair { private_key: crate::secret::Secret::new(read("pem")), certificate: read("crt") }
}

fn text(case: &Case) -> String {
    fs::read_to_string(format!("{FOLDER}/cases/{}", case.file)).unwrap()
}

fn read(case: &Case, text: &str) -> Reading {
    let flag = |name: &str, usual: bool| case.settings[name].as_bool().unwrap_or(usual);
    let keys: Vec<TrustedKey> = case.certificates.iter().filter_map(|name| trusted(name)).collect();
    let now: NaiveDateTime = parse_timestamp(case.settings["now"].as_str().unwrap_or(NOW)).unwrap();
    let expected = Expected {
        entity_id: ENTITY_ID,
        consumer: CONSUMER,
        issuer: ISSUER,
        keys: &keys,
        own_keys: &[own_key()],
        naming_claims: &["http://schemas.microsoft.com/identity/claims/objectidentifier"],
        rules: Rules {
            allow_sha1: flag("allow_sha1", false),
            require_signed_response: flag("require_signed_response", false),
            require_encryption: flag("require_encryption", false),
            allow_unsolicited: flag("unsolicited", true),
            skew: TimeDelta::seconds(case.settings["skew_s"].as_i64().unwrap_or(180)),
        },
        now,
    };
    response::read(text, &expected)
}

/// What came of a case: the cause of refusal, or nothing. Whether a request was sent is the domain's question; here it
/// is whether the answer is to that one.
fn cause(case: &Case, text: &str) -> Option<&'static str> {
    match read(case, text).outcome {
        Err(refusal) => Some(refusal.fault.code()),
        Ok(accepted) => {
            (accepted.assertion.in_response_to != case.in_response_to).then_some("in_response_to")
        }
    }
}

#[test]
fn every_good_file_is_read_and_every_attack_is_refused() {
    let mut wrong = Vec::new();
    for case in cases() {
        let came = cause(&case, &text(&case));
        if came.is_none() != (case.expect == "accepted") {
            wrong.push(format!("{} ({}): {came:?}", case.file, case.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A wrapped signature breaks several rules at once: any of them may be the one that is told.
#[test]
fn each_attack_is_refused_for_its_own_reason() {
    let wrapping = ["structure", "signature_shape", "duplicate_id", "assertion_count"];
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| case.expect == "refused") {
        let (came, wanted) = (cause(case, &text(case)), case.cause.as_deref());
        let wraps = case.file.starts_with("xsw-") || case.file.starts_with("wrapped-");
        let fits = if wraps { came.is_some_and(|came| wrapping.contains(&came)) } else { came == wanted };
        if !fits {
            wrong.push(format!("{} ({}): {came:?}, not {wanted:?}", case.file, case.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_proof_says_whether_sha_1_was_taken() {
    for case in cases().iter().filter(|case| case.expect == "accepted") {
        let accepted = read(case, &text(case)).outcome.unwrap();
        let by_sha1 = accepted.proofs.iter().any(|proof| proof.sha1);
        assert_eq!(by_sha1, case.file.contains("sha1"), "{}", case.file);
    }
}

#[test]
fn good_files_are_read_to_the_letter() {
    for case in cases().iter().filter(|case| case.expect == "accepted") {
        let accepted = read(case, &text(case)).outcome.unwrap();
        let name = case.reads.as_ref().unwrap()["name_id"].as_str().unwrap();
        assert_eq!(accepted.assertion.name_id.value, name, "{}", case.file);
        let claim = |name| accepted.assertion.claim(name);
        let object = "http://schemas.microsoft.com/identity/claims/objectidentifier";
        assert_eq!(claim(object), Some("7c2f1d7e-0b1e-4f58-9a34-0d6f1f3f9a11"), "{}", case.file);
        for (name, value) in case.reads.as_ref().unwrap()["claims"].as_object().into_iter().flatten() {
            assert_eq!(claim(name.as_str()), value.as_str(), "{}: {name}", case.file);
        }
        match case.file.as_str() {
            "good-special.xml" => {
                assert_eq!(claim("http://example.com/odd"), Some("<&> \"quoted\" 'too' é 日本 😀"));
            }
            "good-groups.xml" => {
                let (_, groups) =
                    accepted.assertion.claims.iter().find(|(name, _)| name.ends_with("groups")).unwrap();
                assert_eq!(groups, &["a", "b"]);
            }
            _ => {}
        }
    }
}

/// No byte outside or inside a signature can be changed so that somebody else comes in or something else is said.
#[test]
fn whatever_byte_is_changed_the_same_is_read_or_nothing() {
    for file in ["good-assertion.xml", "good-response.xml", "good-both.xml", "good-answer.xml"] {
        let case = cases().into_iter().find(|case| case.file == file).unwrap();
        let good = text(&case);
        let said = read(&case, &good).outcome.unwrap().assertion;
        for (at, char) in good.char_indices().filter(|(at, _)| at % 11 == 0) {
            for instead in ["", "x", " "] {
                let changed = format!("{}{instead}{}", &good[..at], &good[at + char.len_utf8()..]);
                if let Ok(accepted) = read(&case, &changed).outcome {
                    assert_eq!(accepted.assertion, said, "{file} at {at}: “{char}” became “{instead}”");
                }
            }
        }
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_decoded_or_parsed() {
    let case = cases().into_iter().find(|case| case.file == "good-assertion.xml").unwrap();
    let padded = text(&case)
        .replace("</AttributeStatement>", &format!("{}</AttributeStatement>", " ".repeat(3_000_000)));
    assert_eq!(cause(&case, &padded), Some("too_large"));
    assert!(response::decode(&BASE64.encode(&padded)).is_err());
    let deep = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    assert_eq!(cause(&case, &deep), Some("too_large"));
    let wide = format!("<a>{}</a>", "<b/>".repeat(50_000));
    assert_eq!(cause(&case, &wide), Some("too_large"));
}

/// A file of megabytes, told by how it is made from another.
#[derive(Deserialize)]
struct Large {
    base: String,
    find: String,
    pieces: Vec<(String, usize)>,
}

#[test]
fn files_of_megabytes_are_refused_too() {
    let list = fs::read_to_string(format!("{FOLDER}/generated.jsonl")).unwrap();
    let all = cases();
    for line in list.lines() {
        let large: Large = serde_json::from_str(line).unwrap();
        let case = all.iter().find(|case| case.file == large.base).unwrap();
        let mut made = String::new();
        for (piece, count) in &large.pieces {
            (0..*count).for_each(|number| made.push_str(&piece.replace("{n}", &number.to_string())));
        }
        let whole = text(case).replacen(&large.find, &made, 1);
        assert!(cause(case, &whole).is_some(), "{line}");
    }
}

#[test]
fn a_field_is_decoded_up_to_the_largest_document_and_no_further() {
    let field = |bytes: usize| BASE64.encode(vec![b'x'; bytes]);
    assert_eq!(response::decode(&field(LARGEST)).unwrap().len(), LARGEST);
    assert_eq!(response::decode(&field(LARGEST + 1024)).unwrap_err().fault, Fault::TooLarge);
}

/// The enveloped transform takes the whole signature away, so that none of this breaks it: only its shape tells.
#[test]
fn a_signature_has_its_parts_in_their_order_and_no_others() {
    let case = cases().into_iter().find(|case| case.file == "good-no-key-info.xml").unwrap();
    let good = text(&case);
    let value = good[good.find("<SignatureValue>").unwrap()..good.find("</Signature>").unwrap()].to_owned();
    let info = good[good.find("<SignedInfo>").unwrap()..good.find("<SignatureValue>").unwrap()].to_owned();
    for parts in [
        format!("{info}{value}<Object/>"),
        format!("{value}{info}"),
        format!("{info}<Object/>{value}"),
        format!("<Object/>{info}{value}"),
        format!("{info}{value}<KeyInfo/><KeyInfo/>"),
    ] {
        let changed = good.replace(&format!("{info}{value}"), &parts);
        assert_ne!(changed, good);
        assert_eq!(cause(&case, &changed), Some("signature_shape"), "{parts}");
    }
}

#[test]
fn the_report_tells_expected_from_received() {
    let case = cases().into_iter().find(|case| case.file == "value-audience-slash.xml").unwrap();
    let reading = read(&case, &text(&case));
    let differs: Vec<_> = reading.report.checks.iter().filter(|check| !check.good).collect();
    assert_eq!(differs.len(), 1);
    assert_eq!((differs[0].field, differs[0].expected.as_str()), ("Audience", ENTITY_ID));
    assert_eq!(differs[0].received, format!("{ENTITY_ID}/"));
    assert!(reading.outcome.unwrap_err().cause.ends_with("They differ in the slash at the end."));
}

#[test]
fn an_unknown_certificate_stands_beside_those_that_are_trusted() {
    let case = cases().into_iter().find(|case| case.file == "key-stranger.xml").unwrap();
    let reading = read(&case, &text(&case));
    let last = reading.report.checks.last().unwrap();
    assert_eq!((last.field, last.good), ("Signing certificate", false));
    let both =
        |name| trusted(name).map(|key| format!("{} ({})", signature::thumbprint(&key.der), key.fingerprint));
    assert_eq!(Some(&last.expected), both("idp").as_ref());
    assert_eq!(Some(&last.received), both("stranger").as_ref());
}

#[test]
fn a_time_is_one_that_can_be_added_to_and_sorted() {
    let good = ["9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00", "2026-01-05T12:00:00+02:00"];
    for text in good {
        let at = parse_timestamp(text).unwrap();
        assert!(at.checked_add_signed(TimeDelta::days(365)).is_some());
        assert_eq!(at.to_string().find('-'), Some(4), "{at}");
    }
    for text in [
        "+262142-12-31T23:59:59.999",
        "+262142-12-31T23:59:59Z",
        "-0001-01-01T00:00:00Z",
        "12026-01-05T10:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "now",
        "",
    ] {
        assert_eq!(parse_timestamp(text), None, "{text}");
    }
}
