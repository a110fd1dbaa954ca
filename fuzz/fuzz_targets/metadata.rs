//! No file breaks the import of metadata, the redirect binding or the reading of sign-outs.
#![no_main]

use chrono::TimeDelta;
use libfuzzer_sys::fuzz_target;
use rollcall::saml::{logout, metadata, redirect};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = metadata::read(bytes) {
        assert!(!found.entity_id.is_empty() && !found.certificates.is_empty());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = redirect::read(text);
    let expected = logout::Expected {
        issuers: &["https://sts.windows.net/x/"],
        destination: "https://console.example.com/sso/logout",
        signed: false,
        skew: TimeDelta::seconds(180),
        now: "2026-01-05T10:00:00".parse().expect("a time"),
    };
    let _ = logout::read_request(text, &expected);
    let _ = logout::read_response(text, &expected);
});
