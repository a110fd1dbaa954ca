//! Whatever reads as a filter prints back and reads the same, and has an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::scim::schema::{GROUPS, USERS};
use rollcall::scim::{evaluate, parse_filter};
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(filter) = parse_filter(text) else { return };
    let again = parse_filter(&filter.to_string()).expect("what was printed can be read");
    assert_eq!(again, filter);
    if evaluate::check(&filter, &[&USERS, &GROUPS]).is_ok() {
        let user = json!({ "userName": "ana", "active": true, "emails": [{ "type": "work", "value": "a@b.c" }] });
        let _ = evaluate::meets(&filter, &USERS, &user);
    }
});
