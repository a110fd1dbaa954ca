//! What is left out, what is refused, and what a request that bars a user does in spite of all (`docs/scim.md`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::needless_pass_by_value, reason = "literals read better so")]

use super::bulk::Bulk;
use super::group::{Change, GroupBody, read_changes};
use super::json::read as read_json;
use super::patch::Patch;
use super::tolerance::Sent;
use super::user::{Manager, SiteUrn, User};
use super::{ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType};
use serde_json::{Value, json};

fn sent(body: Value) -> Sent<User> {
    User::read(&body, &User::default()).unwrap()
}

fn ana() -> User {
    let user = sent(json!({
        "userName": "ana@example.com",
        "title": "Planner",
        "active": true,
        "name": { "givenName": "Ana", "familyName": "Lima" },
        "emails": [{ "type": "work", "value": "ana@example.com", "primary": true }, { "type": "home", "value": "a@home.test" }],
        "addresses": [{ "type": "work", "locality": "Delft", "country": "NL" }],
        ENTERPRISE_USER: { "employeeNumber": "7", "manager": { "value": "m1", "$ref": "https://x/Users/m1" } },
    }));
    user.strict().unwrap().0
}

fn patch(operations: Value) -> Sent<User> {
    Patch::read(&json!({ "Operations": operations })).unwrap().apply(&ana())
}

fn put(body: Value) -> Sent<User> {
    User::read(&body, &ana()).unwrap()
}

#[track_caller]
fn left_out(sent: Sent<User>, what: &[&str]) -> User {
    let (user, warnings) = sent.strict().unwrap();
    assert_eq!(warnings.len(), what.len(), "{warnings:?}");
    for what in what {
        assert!(warnings.iter().any(|line| line.contains(what)), "{what}: {warnings:?}");
    }
    user
}

#[track_caller]
fn refused(sent: Sent<User>, kind: ScimType) {
    assert_eq!(sent.strict().unwrap_err().kind, Some(kind));
}

#[test]
fn what_nobody_knows_is_left_out_in_every_way_in() {
    let unknown = json!({ "userName": "ana@example.com", "shoeSize": 41, "urn:x:y": { "a": 1 }, "department": null,
                          "name": { "nick": "A" }, ENTERPRISE_USER: { "desk": "7" } });
    let names = ["shoeSize", "urn:x:y", "name.nick", ":desk"];
    left_out(sent(unknown.clone()), &names);
    left_out(put(unknown.clone()), &names);
    left_out(patch(json!([{ "op": "replace", "value": unknown }])), &names);
    let paths = json!([
        { "op": "Replace", "path": "shoeSize", "value": 41 },
        { "op": "add", "path": "name.nick", "value": "A" },
        { "op": "remove", "path": "urn:x:y" },
        { "op": "replace", "path": "emails[colour eq \"red\"].value", "value": "x" },
        { "op": "replace", "path": "title", "value": "Boss" },
    ]);
    let user = left_out(patch(paths), &["shoeSize", "name.nick", "urn:x:y", "colour"]);
    assert_eq!(user.title.as_deref(), Some("Boss"));
}

#[test]
fn what_cannot_be_stored_is_left_out_and_what_was_there_stays() {
    let long = "x".repeat(1025);
    for sent in [
        put(
            json!({ "userName": "ana@example.com", "title": long, "name": { "givenName": long, "familyName": "L" } }),
        ),
        patch(
            json!([{ "op": "replace", "value": { "title": long, "name": { "givenName": long, "familyName": "L" } } }]),
        ),
        patch(json!([{ "op": "replace", "path": "title", "value": long },
                     { "op": "replace", "path": "name.givenName", "value": long },
                     { "op": "replace", "path": "name.familyName", "value": "L" }])),
    ] {
        let user = left_out(sent, &["“title” was left out: it is longer", "“name.givenName” was left out"]);
        assert_eq!((user.title.as_deref(), user.name.given_name.as_deref()), (Some("Planner"), Some("Ana")));
        assert_eq!(user.name.family_name.as_deref(), Some("L"));
    }
    left_out(sent(json!({ "userName": "t", "password": "secret" })), &["password"]);
    left_out(patch(json!([{ "op": "replace", "path": "password", "value": "secret" }])), &["password"]);
    let user = left_out(
        sent(json!({ "userName": "t", "title": "Bo\u{7}ss", "externalId": "a\u{1}" })),
        &["U+0007", "U+0001"],
    );
    assert_eq!((user.title.as_deref(), user.external_id), (Some("Boss"), None));
    let many: Vec<Value> = (0..103).map(|n| json!({ "value": n.to_string() })).collect();
    let user = left_out(sent(json!({ "userName": "t", "roles": many })), &["the last 3 were left out"]);
    assert_eq!(user.roles.len(), 100);
}

#[test]
fn nothing_of_a_list_is_dropped_silently() {
    let emails = json!([null, { "type": "work" }, { "display": "x" }, { "value": "a@b.c" }, { "value": "a@b.c" }, { "value": "" }]);
    let user = left_out(
        sent(json!({ "userName": "t", "emails": emails })),
        &["emails[0]", "emails[1]", "emails[2]", "same value twice"],
    );
    assert_eq!(user.emails.len(), 1);
    left_out(
        patch(
            json!([{ "op": "replace", "path": "emails[type eq \"work\"]", "value": [{ "value": "a@b.c" }, { "value": "d@e.f" }] }]),
        ),
        &["the others were left out"],
    );
    // What says itself that it is empty, loses nothing.
    left_out(
        sent(
            json!({ "userName": "t", "emails": [{ "type": "work", "value": null }], "roles": [""], "title": null }),
        ),
        &[],
    );
}

#[test]
fn a_text_or_an_object_in_the_place_of_a_list_is_refused() {
    for name in ["emails", "phoneNumbers", "addresses", "roles"] {
        for value in
            [json!("a@b.c"), json!({ "value": "a@b.c" }), json!(7), json!(true), json!([7]), json!([[]])]
        {
            refused(sent(json!({ "userName": "t", name: value })), ScimType::InvalidValue);
            refused(put(json!({ "userName": "t", name: value })), ScimType::InvalidValue);
            refused(
                patch(json!([{ "op": "replace", "path": name, "value": value }])),
                ScimType::InvalidValue,
            );
            refused(patch(json!([{ "op": "add", "value": { name: value } }])), ScimType::InvalidValue);
        }
        // RFC 7644 section 3.5.2.1: “a new value is added”.
        patch(json!([{ "op": "add", "path": name, "value": { "value": "x", "formatted": "x" } }]))
            .strict()
            .unwrap();
    }
}

// Source: customize-application-attributes, “Provisioning a role to a SCIM app”, AppRoleAssignmentsComplex.
#[test]
fn values_packed_as_json_text_are_unpacked_wherever_they_stand() {
    let one = "{\"value\":\"a\",\"displayName\":\"A\",\"type\":\"work\",\"formatted\":\"a\"}";
    let two = "[{\"value\":\"a\",\"formatted\":\"a\"},{\"value\":\"b\",\"formatted\":\"b\"}]";
    for name in ["emails", "phoneNumbers", "addresses", "roles", "entitlements"] {
        for (value, count) in [
            (json!(one), 1),
            (json!(two), 2),
            (json!([one, two]), 3),
            (json!([{ "value": one }]), 1),
            (json!([{ "value": two, "type": "other" }]), 2),
        ] {
            for sent in [
                sent(json!({ "userName": "t", name: value })),
                patch(json!([{ "op": "Replace", "path": name, "value": value }])),
            ] {
                let user = sent.strict().unwrap().0.to_json();
                assert_eq!(user[name].as_array().unwrap().len(), count, "{name}: {value}");
                assert!(
                    !user[name].to_string().contains('{') || !user[name].to_string().contains("\\\""),
                    "{}",
                    user[name]
                );
            }
        }
    }
    let packed = "{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Administrator\"}";
    // The `id` that Entra ID packs along is nobody's mapping: no word of it.
    let user =
        left_out(patch(json!([{ "op": "Add", "path": "roles", "value": [{ "value": packed }] }])), &[]);
    assert_eq!(
        (user.roles[0].value.as_deref(), user.roles[0].display.as_deref()),
        (Some("Admin"), Some("Administrator"))
    );
    let by_path =
        patch(json!([{ "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": packed }]));
    assert_eq!(by_path.wish.roles[0].value.as_deref(), Some("Admin"));
    assert_eq!(by_path.wish.roles[0].primary, Some(true));
    // A text that only looks like it stays a text.
    assert_eq!(sent(json!({ "userName": "t", "title": "{draft}" })).wish.title.as_deref(), Some("{draft}"));
}

#[test]
fn a_manager_goes_by_every_shape_in_which_entra_id_takes_one_away() {
    let urn = format!("{ENTERPRISE_USER}:manager");
    let part = format!("{urn}.value");
    let empties = [
        json!(""),
        json!(null),
        json!([]),
        json!({}),
        json!({ "value": null }),
        json!({ "value": "" }),
        json!([{ "value": null }]),
        json!([{ "$ref": null, "value": "" }]),
        json!({ "$ref": null, "value": null }),
    ];
    for path in ["manager", &urn] {
        for empty in &empties {
            for op in ["remove", "Replace"] {
                let user = left_out(patch(json!([{ "op": op, "path": path, "value": empty }])), &[]);
                assert_eq!(user.enterprise.manager, None, "{op} {path} {empty}");
            }
            let by_key = patch(json!([{ "op": "replace", "value": { path: empty } }]));
            assert_eq!(left_out(by_key, &[]).enterprise.manager, None, "{path} {empty}");
        }
        for stale in [json!("m1"), json!("m0"), json!({ "value": "m1" }), json!([{ "value": "m0" }])] {
            let user = patch(json!([{ "op": "Remove", "path": path, "value": stale }])).strict().unwrap().0;
            assert_eq!(user.enterprise.manager, None, "{path} {stale}");
        }
        assert_eq!(patch(json!([{ "op": "remove", "path": path }])).wish.enterprise.manager, None);
    }
    for path in ["manager.value", &part] {
        for (op, value) in [("remove", json!(null)), ("replace", json!("")), ("replace", json!(null))] {
            let user = patch(json!([{ "op": op, "path": path, "value": value }])).wish;
            assert_eq!(user.enterprise.manager, None, "{op} {path} {value}");
        }
    }
    for empty in [json!({ "manager": null }), json!({ "manager": "" }), json!({ "manager": { "value": "" } })]
    {
        for op in ["replace", "remove"] {
            let user = patch(json!([{ "op": op, "path": ENTERPRISE_USER, "value": empty }])).wish;
            assert_eq!(
                (user.enterprise.manager, user.enterprise.employee_number.as_deref()),
                (None, Some("7")),
                "{op}"
            );
        }
    }
    // A part that is not the manager leaves them.
    let kept = patch(json!([{ "op": "remove", "path": "manager.$ref" }])).wish.enterprise.manager;
    assert_eq!(kept, Some(Manager { value: "m1".into(), ..Manager::default() }));
}

#[test]
fn removing_a_part_removes_it_alone() {
    let user = patch(json!([
        { "op": "remove", "path": "emails[type eq \"work\"].primary" },
        { "op": "remove", "path": "addresses[type eq \"work\"].locality" },
        { "op": "remove", "path": "name.givenName" },
        { "op": "remove", "path": format!("{ENTERPRISE_USER}:employeeNumber") },
    ]));
    let user = left_out(user, &[]);
    assert_eq!(
        (user.emails.len(), user.emails[0].primary, user.emails[0].kind.as_deref()),
        (2, None, Some("work"))
    );
    assert_eq!(
        (user.addresses[0].locality.as_deref(), user.addresses[0].country.as_deref()),
        (None, Some("NL"))
    );
    assert_eq!((user.name.given_name.as_deref(), user.name.family_name.as_deref()), (None, Some("Lima")));
    assert!(user.enterprise.employee_number.is_none() && user.enterprise.manager.is_some());
    let user = patch(json!([{ "op": "remove", "path": "emails.type" }])).wish;
    assert!(
        user.emails.len() == 2
            && user.emails.iter().all(|email| email.kind.is_none() && email.value.is_some())
    );
    // Of two values that are alike the one that is named goes.
    let twins = json!([{ "op": "replace", "path": "emails", "value": [{ "type": "work", "value": "A@b.c" }, { "type": "home", "value": "a@b.c" }] },
                       { "op": "remove", "path": "emails", "value": [{ "type": "home", "value": "a@B.c" }] }]);
    let user = patch(twins).wish;
    assert_eq!((user.emails.len(), user.emails[0].kind.as_deref()), (1, Some("work")));
    assert_eq!(
        patch(json!([{ "op": "remove", "path": "emails", "value": [] }])).wish.emails.len(),
        2,
        "nobody is named"
    );
    assert!(
        patch(json!([{ "op": "replace", "path": "emails[type eq \"home\"]", "value": null }]))
            .wish
            .emails
            .len()
            == 1
    );
}

#[test]
fn a_site_that_is_sent_takes_the_place_of_the_one_that_is_stored() {
    let moved = sent(json!({ "userName": "t", ROLLCALL_USER_8X8: { "site": "Delft" } })).wish;
    for operation in [
        json!({ "op": "replace", "path": format!("{ROLLCALL_USER}:site"), "value": "Utrecht" }),
        json!({ "op": "add", "path": ROLLCALL_USER, "value": { "site": "Utrecht" } }),
        json!({ "op": "replace", "value": { ROLLCALL_USER: { "site": "Utrecht" } } }),
        json!({ "op": "replace", "value": { (format!("{ROLLCALL_USER}:site")): "Utrecht" } }),
    ] {
        let sent = Patch::read(&json!({ "Operations": [operation] })).unwrap().apply(&moved);
        let site = left_out(sent, &[]).site.unwrap();
        assert_eq!((site.name.as_str(), site.urn), ("Utrecht", SiteUrn::Rollcall), "{operation}");
    }
    let both = json!({ "userName": "t", ROLLCALL_USER: { "site": "Utrecht" }, ROLLCALL_USER_8X8: { "site": "Delft" } });
    assert_eq!(left_out(sent(both), &["two sites were sent"]).site.unwrap().name, "Delft");
    let again = json!({ "userName": "t", ROLLCALL_USER: { "site": "Utrecht" } });
    assert_eq!(User::read(&again, &moved).unwrap().wish.site.unwrap().name, "Utrecht");
}

#[test]
fn whatever_stands_beside_it_a_request_that_bars_a_user_says_so() {
    let off = json!({ "op": "Replace", "path": "active", "value": "False" });
    for neighbour in [
        json!({ "op": "replace", "path": "userName", "value": "" }),
        json!({ "op": "replace", "path": "userName", "value": 5 }),
        json!({ "op": "remove", "path": "userName" }),
        json!({ "op": "replace", "path": "emails[type eq", "value": "x" }),
        json!({ "op": "replace", "path": "emails[value co \"nobody\"].display", "value": "x" }),
        json!({ "op": "replace", "path": "title", "value": { "a": 1 } }),
        json!({ "op": "replace", "path": 5, "value": "x" }),
        json!({ "op": "launch", "path": "title" }),
        json!({ "op": "add", "path": "title" }),
        json!({ "op": "remove" }),
        json!(7),
    ] {
        for operations in [json!([neighbour, off]), json!([off, neighbour])] {
            let sent = patch(operations);
            assert!(sent.bars && sent.notes.fault().is_some(), "{neighbour}");
            let (user, warnings) = sent.tolerated();
            assert_eq!(User { active: Some(true), ..user.clone() }, ana(), "{neighbour}");
            assert!(user.active == Some(false) && warnings[0].starts_with("Not done: "), "{warnings:?}");
        }
    }
    let whole = put(
        json!({ "active": "false", "title": 7, "emails": "x", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"] }),
    );
    assert!(whole.bars);
    let (user, warnings) = whole.tolerated();
    assert_eq!((user.user_name.as_str(), user.title.as_deref()), ("ana@example.com", Some("Planner")));
    assert_eq!((user.emails.len(), user.active, warnings.len()), (2, Some(false), 4));
    assert!(
        !patch(json!([off, { "op": "replace", "path": "active", "value": true }])).bars,
        "the last word counts"
    );
    assert!(!patch(json!([{ "op": "replace", "path": "active", "value": "maybe" }])).bars);
    assert!(!put(json!({ "userName": "t" })).bars);
}

#[test]
fn names_that_stand_twice_are_refused_in_any_letter_case() {
    for body in [
        r#"{ "userName": "a", "userName": "b" }"#,
        r#"{ "userName": "a", "USERNAME": "a" }"#,
        r#"{ "userName": "a", "name": { "givenName": "a", "GivenName": "b" } }"#,
        r#"{ "userName": "a", "emails": [{ "value": "a", "Value": "b" }] }"#,
    ] {
        let body = read_json(body.as_bytes()).unwrap();
        refused(User::read(&body, &User::default()).unwrap(), ScimType::InvalidSyntax);
    }
    let twice =
        read_json(br#"{ "Operations": [{ "op": "add", "OP": "add", "path": "title", "value": "x" }] }"#)
            .unwrap();
    refused(Patch::read(&twice).unwrap().apply(&ana()), ScimType::InvalidSyntax);
    let twice = read_json(br#"{ "Operations": [], "operations": [] }"#).unwrap();
    assert_eq!(Bulk::read(&twice).unwrap_err().kind, Some(ScimType::InvalidSyntax));
    let paths = br#"{ "members[value eq \"A\"]": 1, "members[value eq \"a\"]": 2, "a": [1, -2, 3.5, "x\n", null, true] }"#;
    let read = read_json(paths).unwrap();
    assert_eq!(read, serde_json::from_slice::<Value>(paths).unwrap(), "else it reads as others do");
    let many = (0..40).map(|n| format!("\"k{n}\": 0, ")).collect::<Vec<_>>().concat();
    let read = read_json(format!("{{ {many} \"userName\": \"t\", \"K39\": 1 }}").as_bytes()).unwrap();
    refused(User::read(&read, &User::default()).unwrap(), ScimType::InvalidSyntax);
    for (text, place) in
        [("{\"userName\":", "line 1"), ("{\n x", "line 2"), ("", "too early"), ("{} x", "line 1")]
    {
        let fault = read_json(text.as_bytes()).unwrap_err();
        assert!(fault.detail.contains(place) && !fault.detail.contains("expected"), "{}", fault.detail);
    }
}

#[test]
fn messages_may_leave_out_schemas_but_not_claim_to_be_others() {
    for schemas in [json!(null), json!([])] {
        Patch::read(&json!({ "schemas": schemas, "Operations": [] }))
            .unwrap()
            .apply(&ana())
            .strict()
            .unwrap();
        Bulk::read(&json!({ "schemas": schemas, "Operations": [] })).unwrap();
        sent(json!({ "schemas": schemas, "userName": "t" })).strict().unwrap();
        super::query::Query::of_body(&json!({ "schemas": schemas })).unwrap();
    }
    for schemas in [json!(["urn:x"]), json!("urn:x"), json!([7])] {
        refused(
            Patch::read(&json!({ "schemas": schemas, "Operations": [] })).unwrap().apply(&ana()),
            ScimType::InvalidValue,
        );
        assert!(Bulk::read(&json!({ "schemas": schemas, "Operations": [] })).is_err());
        assert!(super::query::Query::of_body(&json!({ "schemas": schemas })).is_err());
    }
    for (most, limit) in [(json!(0), None), (json!(2), Some(2)), (json!(null), None)] {
        assert_eq!(
            Bulk::read(&json!({ "failOnErrors": most, "Operations": [] })).unwrap().fail_on_errors,
            limit
        );
    }
    for odd in [json!(-1), json!("1"), json!(1.5)] {
        assert!(Bulk::read(&json!({ "failOnErrors": odd, "Operations": [] })).is_err());
    }
}

#[test]
fn groups_keep_to_the_same_policy() {
    let (wanted, warnings) = GroupBody::read(
        &json!({ "displayName": "Cr\u{7}ew", "colour": "red", "members": [{ "value": "a" }, null, { "display": "x" }] }),
        None,
    )
    .unwrap()
    .strict()
    .unwrap();
    assert_eq!(
        (wanted.display_name.as_str(), wanted.members.len(), warnings.len()),
        ("Crew", 1, 4),
        "{warnings:?}"
    );
    for value in [json!("a"), json!({ "value": "a" }), json!(7), json!([7])] {
        assert!(
            GroupBody::read(&json!({ "displayName": "x", "members": value }), None)
                .unwrap()
                .strict()
                .is_err()
        );
        let replace = json!({ "Operations": [{ "op": "replace", "path": "members", "value": value }] });
        assert!(read_changes(&replace).unwrap().strict().is_err(), "{value}");
    }
    let changes = |operations: Value| read_changes(&json!({ "Operations": operations })).unwrap().strict();
    let (made, warnings) = changes(json!([
        { "op": "replace", "path": "colour", "value": "red" },
        { "op": "replace", "value": { "id": "x", "shade": "dark", "displayName": "Crew 2" } },
        { "op": "add", "path": "members", "value": { "value": "a" } },
        { "op": "remove", "path": "members", "value": [] },
    ]))
    .unwrap();
    assert_eq!(
        made,
        [Change::Name("Crew 2".into()), Change::Add(vec!["a".into()]), Change::Remove(Vec::new())]
    );
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for refused in [
        json!([{ "op": "remove", "path": "members", "value": "a" }]),
        json!([{ "op": "remove", "path": "members", "value": "" }]),
        json!([{ "op": "replace", "path": "displayName", "value": "" }]),
        json!([{ "op": "replace", "path": "id", "value": "x" }]),
    ] {
        assert!(changes(refused.clone()).is_err(), "{refused}");
    }
}
