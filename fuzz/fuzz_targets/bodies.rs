//! No body breaks a reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::scim::bulk::Bulk;
use rollcall::scim::group::Wanted;
use rollcall::scim::query::Query;
use rollcall::scim::user::User;
use serde_json::Value;
use std::collections::HashMap;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(user) = User::read(&body) {
        assert_eq!(User::read(&user.to_json()).expect("a user again"), user);
    }
    let _ = Wanted::read(&body);
    let _ = Query::of_body(&body);
    if let Ok(bulk) = Bulk::read(&body) {
        for wish in bulk.operations.iter().flat_map(|one| &one.wish) {
            let known = wish.references().into_iter().map(|name| (name, "id".to_owned())).collect::<HashMap<_, _>>();
            assert!(wish.resolved(&known).references().is_empty());
        }
    }
});
