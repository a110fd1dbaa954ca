//! No body breaks a reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::scim::bulk::Bulk;
use rollcall::scim::group::GroupBody;
use rollcall::scim::query::Query;
use rollcall::scim::user::User;
use serde_json::Value;
use std::collections::HashMap;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(user) = User::read(&body, &User::default()) {
        let again = User::read(&user.wish.to_json(), &User::default()).expect("a user again");
        assert_eq!(again.wish, user.wish);
    }
    if let Ok(group) = GroupBody::read(&body, None) {
        let _ = GroupBody::read(&body, Some(&group.wish));
    }
    let _ = Query::of_body(&body);
    if let Ok(bulk) = Bulk::read(&body) {
        for wish in bulk.operations.iter().flat_map(|one| &one.wish) {
            let known = wish.references().into_iter().map(|name| (name, "id".to_owned())).collect::<HashMap<_, _>>();
            assert!(wish.resolved(&known).references().is_empty());
        }
    }
});
