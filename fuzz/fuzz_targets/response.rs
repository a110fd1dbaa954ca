//! No response breaks the reader, and none says anything but what was signed.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{NaiveDateTime, TimeDelta};
use libfuzzer_sys::fuzz_target;
use rollcall::saml::{Expected, response};
use rollcall::saml::{Rules, TrustedKey};
use std::sync::LazyLock;

const PEM: &str = include_str!("../../tests/fixtures/saml/keys/idp.crt");

static KEYS: LazyLock<Vec<TrustedKey>> = LazyLock::new(|| {
    let base64: String = PEM.lines().filter(|line| !line.starts_with("---")).collect();
    let der = BASE64.decode(base64).expect("a certificate");
    vec![TrustedKey { der, fingerprint: "idp".into(), not_after: NaiveDateTime::MAX }]
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = response::decode(text);
    let expected = Expected {
        entity_id: "https://console.example.com/sso/metadata",
        consumer: "https://console.example.com/sso/consumer",
        issuer: "https://sts.windows.net/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/",
        keys: &KEYS,
        own_keys: &[],
        naming_claims: &["http://schemas.microsoft.com/identity/claims/objectidentifier"],
        rules: Rules {
            allow_sha1: false,
            require_signed_response: false,
            require_encryption: false,
            allow_unsolicited: true,
            skew: TimeDelta::seconds(180),
        },
        now: "2026-01-05T10:00:00".parse().expect("a time"),
    };
    if let Ok(accepted) = response::read(text, &expected).outcome {
        // All that was ever signed with this key is about one person.
        assert_eq!(accepted.assertion.name_id.value.to_lowercase(), "ana.silva@contoso.example");
        assert!(!accepted.proofs.is_empty());
    }
});
