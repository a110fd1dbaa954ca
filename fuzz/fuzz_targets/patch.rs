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
    let current = User::read(&current, &User::default()).expect("a user").wish;
    for body in [body.clone(), json!({ "Operations": [{ "op": "add", "value": body }] })] {
        if let Ok(patch) = Patch::read(&body) {
            let changed = patch.apply(&current).wish;
            let again = User::read(&changed.to_json(), &changed).expect("a user again");
            assert_eq!(again.wish, changed);
        }
    }
});
