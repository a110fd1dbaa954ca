//! No change breaks a user: what it leaves can be told and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::scim::group::read_changes;
use rollcall::scim::patch::Patch;
use rollcall::scim::user::User;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    let _ = read_changes(&body);
    let current = json!({ "userName": "ana", "emails": [{ "type": "work", "value": "a@b.c", "primary": true }] });
    let current = User::read(&current).expect("a user");
    for body in [body.clone(), json!({ "Operations": [{ "op": "add", "value": body }] })] {
        if let Ok(Ok(changed)) = Patch::read(&body).map(|patch| patch.apply(&current)) {
            assert_eq!(User::read(&changed.to_json()).expect("a user again"), changed);
        }
    }
});
