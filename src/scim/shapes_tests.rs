//! The shapes in which clients send one thing, each of which must come to the same (`docs/scim.md`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::needless_pass_by_value, reason = "literals read better so")]

use super::bulk::{Bulk, in_order};
use super::group::{Change, GroupBody, read_changes};
use super::json::read as read_json;
use super::patch::Patch;
use super::project::Projection;
use super::tolerance::Sent;
use super::user::{Manager, SiteUrn, User};
use super::{CORE_GROUP, CORE_USER, ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType};
use serde_json::{Value, json};

fn ana() -> User {
    let body = json!({
        "userName": "ana@example.com", "active": true, "title": "Planner",
        "name": { "givenName": "Ana", "familyName": "Lima", "middleName": "M" },
        "emails": [{ "type": "home", "value": "a@home.test", "primary": true }],
        ENTERPRISE_USER: { "department": "Quay", "manager": { "value": "m1" } },
    });
    User::read(&body, &User::default()).unwrap().strict().unwrap().0
}

fn patch(operations: Value) -> Sent<User> {
    Patch::read(&json!({ "Operations": operations })).unwrap().apply(&ana())
}

fn put(body: Value) -> Sent<User> {
    User::read(&body, &ana()).unwrap()
}

/// By PATCH with a path, without one, and by PUT.
fn in_all_ways(name: &str, value: Value) -> [Sent<User>; 3] {
    let mut whole = ana().to_json();
    whole[name] = value.clone();
    [
        patch(json!([{ "op": "Replace", "path": name, "value": value }])),
        patch(json!([{ "op": "Add", "value": { name: value } }])),
        put(whole),
    ]
}

#[track_caller]
fn done(sent: Sent<User>, warnings: usize) -> User {
    let (user, told) = sent.strict().unwrap();
    assert_eq!(told.len(), warnings, "{told:?}");
    user
}

#[test]
fn a_user_is_barred_in_every_shape_of_false() {
    for value in [
        json!(false),
        json!("False"),
        json!([false]),
        json!(["False"]),
        json!({ "value": false }),
        json!({ "value": "false" }),
        json!([{ "$ref": null, "value": "False" }]),
        json!("[{\"$ref\":null,\"value\":\"False\"}]"),
        json!("{\"value\":\"False\"}"),
        json!("[false]"),
        json!(["{\"value\":false,\"type\":\"x\",\"primary\":true}"]),
    ] {
        for sent in in_all_ways("active", value.clone()) {
            assert!(sent.bars, "{value}");
            assert_eq!(done(sent, 0).active, Some(false), "{value}");
        }
    }
    for value in [json!("maybe"), json!([true, false]), json!({ "other": false }), json!(0)] {
        for sent in in_all_ways("active", value.clone()) {
            assert!(!sent.bars && sent.strict().is_err(), "{value}");
        }
    }
}

#[test]
fn a_text_is_unpacked_where_it_is_packed_as_entra_id_packs_and_nowhere_else() {
    for value in [
        json!([{ "$ref": null, "value": "Boss" }]),
        json!("[{\"$ref\":null,\"value\":\"Boss\"}]"),
        json!("[{\"value\":\"Boss\"}]"),
        json!("{\"value\":\"Boss\"}"),
    ] {
        for sent in in_all_ways("title", value.clone()) {
            assert_eq!(done(sent, 0).title.as_deref(), Some("Boss"), "{value}");
        }
    }
    for text in [
        "{draft}",
        "[1]",
        "{\"a\":1}",
        "[{\"value\":\"a\"},{\"value\":\"b\"}]",
        "{\"value\":\"a\",\"note\":1}",
    ] {
        for sent in in_all_ways("title", json!(text)) {
            assert_eq!(done(sent, 0).title.as_deref(), Some(text));
        }
    }
}

#[test]
fn the_users_own_schema_may_be_named_as_an_extension_is() {
    let off = json!({ "active": "False", "title": "Left" });
    for sent in [
        patch(json!([{ "op": "replace", "value": { CORE_USER: off } }])),
        patch(json!([{ "op": "replace", "path": CORE_USER, "value": off }])),
        patch(json!([{ "op": "add", "path": CORE_USER.to_lowercase(), "value": off.to_string() }])),
        put(json!({ "userName": "ana@example.com", CORE_USER: off })),
        put(json!({ CORE_USER: { "userName": "ana@example.com", "active": false, "title": "Left" } })),
        put(
            json!({ "userName": "ana@example.com", (format!("{CORE_USER}:active")): false, "title": "Left" }),
        ),
    ] {
        assert!(sent.bars);
        let user = done(sent, 0);
        assert_eq!((user.active, user.title.as_deref()), (Some(false), Some("Left")));
    }
    let taken_away = patch(json!([{ "op": "remove", "path": CORE_USER }]));
    assert_eq!(taken_away.strict().unwrap_err().kind, Some(ScimType::Mutability));
    let named = json!({ "Operations": [{ "op": "replace", "path": CORE_GROUP, "value": { "displayName": "Crew" } },
                                       { "op": "replace", "value": { CORE_GROUP: { "displayName": "Crew 2" } } }] });
    let named = read_changes(&named).unwrap().strict().unwrap();
    assert_eq!(named, (vec![Change::Name("Crew".into()), Change::Name("Crew 2".into())], Vec::new()));
    let made =
        GroupBody::read(&json!({ CORE_GROUP: { "displayName": "Crew" } }), None).unwrap().strict().unwrap();
    assert_eq!((made.0.display_name.as_str(), made.1.len()), ("Crew", 0));
}

#[test]
fn one_attribute_under_two_names_is_doubled() {
    let urn = |name: &str| format!("{CORE_USER}:{name}");
    let department = format!("{ENTERPRISE_USER}:department");
    for members in [
        json!({ "title": "a", (urn("title")): "b" }),
        json!({ "title": "a", CORE_USER: { "Title": "b" } }),
        json!({ ENTERPRISE_USER: { "department": "a" }, (department): "b" }),
        json!({ "active": false, (urn("active")): true }),
    ] {
        let mut whole = json!({ "userName": "ana@example.com" });
        members.as_object().unwrap().iter().for_each(|(name, value)| whole[name] = value.clone());
        for sent in [put(whole), patch(json!([{ "op": "replace", "value": members }]))] {
            assert_eq!(sent.strict().unwrap_err().kind, Some(ScimType::InvalidSyntax), "{members}");
        }
    }
    // A leaver leaves, and nothing of what stands twice is done.
    let twice = json!({ "userName": "ana@example.com", "title": "a", (urn("title")): "b", "active": false });
    for sent in [put(twice.clone()), patch(json!([{ "op": "replace", "value": twice }]))] {
        assert!(sent.bars);
        let (user, warnings) = sent.tolerated();
        assert_eq!((user.active, user.title.as_deref(), warnings.len()), (Some(false), Some("Planner"), 1));
    }
}

#[test]
fn what_stands_twice_refuses_no_more_than_what_it_stands_in() {
    let off = r#"{ "op": "replace", "path": "active", "value": false }"#;
    for (odd, title) in [
        (r#"{ "op": "replace", "value": { "title": "a", "Title": "b", "nickName": "An" } }"#, "Planner"),
        (r#"{ "op": "replace", "path": "title", "value": "a", "value": "b" }"#, "Planner"),
        (r#"{ "op": "replace", "value": { "title": "c" }, "OP": "add" }"#, "Planner"),
        (
            r#"{ "op": "replace", "path": "name", "value": { "givenName": "a", "GIVENNAME": "b" } }"#,
            "Planner",
        ),
        (
            r#"{ "op": "replace", "value": { "emails": [{ "value": "a", "value": "b" }], "title": "d" } }"#,
            "d",
        ),
    ] {
        let body = read_json(format!(r#"{{ "Operations": [{odd}, {off}] }}"#).as_bytes()).unwrap();
        let sent = Patch::read(&body).unwrap().apply(&ana());
        assert!(sent.bars, "{odd}");
        assert_eq!(sent.notes.fault().unwrap().kind, Some(ScimType::InvalidSyntax), "{odd}");
        let (user, warnings) = sent.tolerated();
        assert_eq!(user.active, Some(false), "{odd}");
        assert_eq!(
            (user.title.as_deref(), user.name.given_name.as_deref()),
            (Some(title), Some("Ana")),
            "{odd}"
        );
        assert_eq!((user.emails.len(), warnings.len()), (1, 1), "{odd}: {warnings:?}");
    }
    for barred in [
        r#"[{ "op": "replace", "path": "active", "value": true, "value": false }]"#,
        r#"[{ "op": "replace", "value": { "Active": true, "active": "False" } }]"#,
    ] {
        let body = read_json(format!(r#"{{ "Operations": {barred} }}"#).as_bytes()).unwrap();
        let sent = Patch::read(&body).unwrap().apply(&ana());
        assert!(sent.bars, "{barred}");
        assert_eq!(sent.tolerated().0.active, Some(false), "{barred}");
    }
    let bulk = read_json(
        br#"{ "Operations": [
            { "method": "PATCH", "path": "/Users/1", "data": { "Operations": [{ "op": "add", "value": { "title": "a", "Title": "b" } }] } },
            { "method": "PUT", "path": "/Users/2", "Path": "/Users/3", "data": { "userName": "t", "active": false } },
            { "method": "DELETE", "Method": "DELETE", "path": "/Users/4" }] }"#,
    )
    .unwrap();
    let bulk = Bulk::read(&bulk).unwrap();
    let data: Vec<Option<Value>> =
        bulk.operations.iter().map(|one| Some(one.wish.as_ref().ok()?.data.clone())).collect();
    let first = Patch::read(data[0].as_ref().unwrap()).unwrap().apply(&ana());
    assert_eq!(first.strict().unwrap_err().kind, Some(ScimType::InvalidSyntax));
    let second = put(data[1].clone().unwrap());
    assert!(second.bars && second.notes.fault().is_some());
    assert!(data[2].is_none());
}

#[test]
fn active_without_a_value_stays_and_says_so() {
    for sent in [
        patch(json!([{ "op": "remove", "path": "active" }])),
        patch(json!([{ "op": "replace", "path": "active", "value": null }])),
        patch(json!([{ "op": "replace", "value": { "active": "" } }])),
        put(json!({ "userName": "ana@example.com", "title": "Planner", "active": null })),
    ] {
        assert!(!sent.bars);
        assert!(sent.strict().unwrap().1[0].contains("“active” was left out"));
    }
    let taken_back = patch(json!([
        { "op": "replace", "path": "active", "value": false },
        { "op": "replace", "path": "active", "value": null },
        { "op": "replace", "path": "userName", "value": "" },
    ]));
    assert!(!taken_back.bars && taken_back.strict().is_err());
}

#[test]
fn a_label_may_come_before_its_value() {
    for (list, kind, part, value) in [
        ("emails", "work", "primary", json!("True")),
        ("emails", "work", "display", json!("Desk")),
        ("phoneNumbers", "mobile", "primary", json!(true)),
        ("addresses", "work", "primary", json!(true)),
        ("ims", "aim", "primary", json!(true)),
    ] {
        let main = if list == "addresses" { "country" } else { "value" };
        let [label, main] = [part, main].map(|part| format!("{list}[type eq \"{kind}\"].{part}"));
        let there = patch(
            json!([{ "op": "Add", "path": main, "value": "x" }, { "op": "Add", "path": label, "value": value }]),
        );
        for back in [
            json!([{ "op": "Add", "path": label, "value": value }, { "op": "Add", "path": main, "value": "x" }]),
            json!([{ "op": "Replace", "value": { (label.clone()): value, (main.clone()): "x" } }]),
        ] {
            assert_eq!(done(patch(back), 0), done(there.clone(), 0), "{label}");
        }
        // What stays a label is left out, says so, and takes nothing from others.
        let alone = done(patch(json!([{ "op": "Add", "path": label, "value": value }])), 1);
        assert_eq!(alone.emails, ana().emails, "{label}");
    }
}

#[test]
fn of_several_packed_values_for_one_the_others_are_told_of() {
    let two = "[{\"value\":\"A\",\"displayName\":\"AA\"},{\"value\":\"B\"}]";
    for path in
        ["roles[primary eq \"True\"].value", "roles[primary eq \"True\"]", "roles[type eq \"x\"].value"]
    {
        let sent = patch(json!([{ "op": "Add", "path": path, "value": two }]));
        let (user, warnings) = sent.strict().unwrap();
        assert!(warnings[0].contains("2 values were sent for one of roles"), "{path}: {warnings:?}");
        assert_eq!((user.roles.len(), user.roles[0].value.as_deref()), (1, Some("A")), "{path}");
    }
}

#[test]
fn a_complex_value_keeps_what_is_not_named_in_every_shape() {
    for value in [
        json!({ "givenName": "Anna" }),
        json!([{ "givenName": "Anna" }]),
        json!("{\"givenName\":\"Anna\"}"),
        json!(["{\"givenName\":\"Anna\"}"]),
        json!("[{\"givenName\":\"Anna\"}]"),
    ] {
        for operation in [
            json!({ "op": "replace", "path": "name", "value": value }),
            json!({ "op": "add", "value": { "name": value } }),
        ] {
            let name = done(patch(json!([operation])), 0).name;
            let read = [name.given_name, name.family_name, name.middle_name];
            assert_eq!(read.map(Option::unwrap), ["Anna", "Lima", "M"], "{operation}");
        }
    }
    for value in
        [json!({ "costCenter": "c" }), json!([{ "costCenter": "c" }]), json!("{\"costCenter\":\"c\"}")]
    {
        for sent in [
            patch(json!([{ "op": "replace", "path": ENTERPRISE_USER, "value": value }])),
            patch(json!([{ "op": "add", "value": { ENTERPRISE_USER: value } }])),
            patch(json!([{ "op": "add", "value": json!({ ENTERPRISE_USER: value }).to_string() }])),
            patch(json!([{ "op": "add", "value": [{ ENTERPRISE_USER: value }] }])),
            put({
                let mut whole = ana().to_json();
                whole[ENTERPRISE_USER] = value.clone();
                whole[ENTERPRISE_USER.to_owned() + ":department"] = json!("Quay");
                whole[ENTERPRISE_USER.to_owned() + ":manager"] = json!("m1");
                whole
            }),
        ] {
            let enterprise = done(sent, 0).enterprise;
            assert_eq!(
                (enterprise.cost_center.as_deref(), enterprise.department.as_deref()),
                (Some("c"), Some("Quay")),
                "{value}"
            );
            assert_eq!(enterprise.manager.unwrap().value, "m1");
        }
    }
    for op in ["add", "replace"] {
        for operation in [
            json!({ "op": op, "value": { ENTERPRISE_USER: {} } }),
            json!({ "op": op, "path": ENTERPRISE_USER, "value": {} }),
        ] {
            assert_eq!(done(patch(json!([operation])), 0).enterprise, ana().enterprise, "{operation}");
        }
    }
}

#[test]
fn of_two_sites_in_one_operation_the_clients_own_counts() {
    let both = [
        json!({ ROLLCALL_USER: { "site": "Utrecht" }, ROLLCALL_USER_8X8: { "site": "Delft" } }),
        json!({ ROLLCALL_USER_8X8: { "site": "Delft" }, (format!("{ROLLCALL_USER}:site")): "Utrecht" }),
    ];
    for value in both {
        let sent = patch(json!([{ "op": "replace", "value": value }]));
        assert!(sent.names_site);
        let (user, warnings) = sent.strict().unwrap();
        let site = user.site.unwrap();
        assert_eq!((site.name.as_str(), site.urn), ("Delft", SiteUrn::EightByEight), "{value}");
        assert!(warnings[0].contains("two sites were sent, and “Delft” was taken"), "{warnings:?}");
    }
    let in_turn = patch(
        json!([{ "op": "replace", "path": format!("{ROLLCALL_USER_8X8}:site"), "value": "Delft" },
                               { "op": "replace", "path": format!("{ROLLCALL_USER}:site"), "value": "Utrecht" }]),
    );
    assert_eq!(done(in_turn, 1).site.unwrap().name, "Delft");
    assert!(!patch(json!([{ "op": "replace", "path": "title", "value": "x" }])).names_site);
    for gone in [
        json!({ "op": "remove", "path": format!("{ROLLCALL_USER_8X8}:site") }),
        json!({ "op": "replace", "path": ROLLCALL_USER_8X8, "value": null }),
        json!({ "op": "replace", "value": { (format!("{ROLLCALL_USER_8X8}:site")): "" } }),
        json!({ "op": "remove", "path": format!("{ROLLCALL_USER}:site") }),
    ] {
        let sited =
            User::read(&json!({ "userName": "t", ROLLCALL_USER_8X8: { "site": "Delft" } }), &User::default())
                .unwrap()
                .wish;
        let sent = Patch::read(&json!({ "Operations": [gone] })).unwrap().apply(&sited);
        // Under the other schema the client sent none.
        let is_others = gone.to_string().contains(ROLLCALL_USER);
        assert_eq!((sent.names_site, sent.wish.site.is_some()), (!is_others, is_others), "{gone}");
    }
}

#[test]
fn a_manager_is_named_by_id_or_by_address_and_nobody_is_called_null() {
    let address = json!({ "$ref": "https://x.example/scim/v2/Users/m2" });
    let urn = format!("{ENTERPRISE_USER}:manager");
    for sent in [
        patch(json!([{ "op": "replace", "path": urn, "value": address }])),
        patch(json!([{ "op": "add", "path": "manager.$ref", "value": address["$ref"] }])),
        patch(json!([{ "op": "add", "value": { "manager": [address] } }])),
        put(json!({ "userName": "t", ENTERPRISE_USER: { "manager": address } })),
    ] {
        assert_eq!(done(sent, 0).enterprise.manager.unwrap().value, "m2");
    }
    for nobody in [
        json!("null"),
        json!(" "),
        json!({ "value": "null" }),
        json!({ "value": "  " }),
        json!([{ "value": "null" }]),
    ] {
        for sent in [
            patch(json!([{ "op": "replace", "path": urn, "value": nobody }])),
            put(json!({ "userName": "t", ENTERPRISE_USER: { "manager": nobody } })),
        ] {
            assert_eq!(done(sent, 0).enterprise.manager, None, "{nobody}");
        }
    }
    let kept =
        done(put(json!({ "userName": "t", ENTERPRISE_USER: { "manager": { "displayName": "Bo" } } })), 1);
    assert_eq!(kept.enterprise.manager, Some(Manager { value: "m1".into(), ..Manager::default() }));
}

#[test]
fn references_stand_for_members_and_managers_alone() {
    let operation = |method: &str, path: &str, name: Option<&str>, data: Value| json!({ "method": method, "path": path, "bulkId": name, "data": data });
    let bulk = Bulk::read(&json!({ "Operations": [
        operation("PATCH", "/Users/1", Some("a"), json!({ "Operations": [
            { "op": "replace", "path": "title", "value": "bulkId:hello" },
            { "op": "replace", "path": "manager", "value": "bulkId:none" },
            { "op": "replace", "path": "active", "value": false }] })),
        operation("PATCH", "/Users/2", Some("a"), json!({ "Operations": [] })),
        operation("POST", "/Users", Some("b"), json!({ "userName": "b", ENTERPRISE_USER: { "manager": "bulkId:c" } })),
        operation("POST", "/Users", Some("c"), json!({ "userName": "bulkId:x", "roles": [{ "value": "bulkId:y" }] })),
        operation("POST", "/Users", Some("b"), json!({ "userName": "d" })),
        operation("POST", "/Groups", Some("g"), json!({ "displayName": "G", "members": [{ "value": "bulkId:h" }, "bulkId:b"] })),
        operation("POST", "/Groups", Some("h"), json!({ "displayName": "H", "members": [{ "value": "bulkId:g" }] })),
        operation("PATCH", "/Groups/bulkId:h", None, json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:c" }] }] })),
        operation("GET", "/Users/9", None, json!({})),
    ] })).unwrap();
    let references: Vec<Vec<String>> = bulk
        .operations
        .iter()
        .map(|one| one.wish.as_ref().map(|wish| wish.references().into_iter().collect()).unwrap_or_default())
        .collect();
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        references,
        [
            named(&["none"]),
            vec![],
            named(&["c"]),
            vec![],
            vec![],
            named(&["b", "h"]),
            named(&["g"]),
            named(&["c", "h"]),
            vec![]
        ]
    );
    let refused: Vec<usize> = (0..9).filter(|at| bulk.operations[*at].wish.is_err()).collect();
    assert_eq!(refused, [4, 8], "a name may be made once; only what is made needs one");
    assert_eq!(bulk.operations[8].about.as_ref().unwrap().1.as_deref(), Some("9"));

    let wish = bulk.operations[0].wish.clone().unwrap();
    let (resolved, unknown) = wish.resolved(&std::collections::HashMap::new());
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), ["none"]);
    let kept = resolved.data["Operations"].as_array().unwrap();
    assert_eq!(
        (kept.len(), &kept[0]["value"], &kept[1]["path"]),
        (2, &json!("bulkId:hello"), &json!("active"))
    );

    let order: Vec<(usize, bool)> =
        in_order(bulk.operations).into_iter().map(|step| (step.place, step.is_early)).collect();
    let early: Vec<usize> = order.iter().filter(|(_, early)| *early).map(|(place, _)| *place).collect();
    let place = |at: usize| order.iter().position(|(place, _)| *place == at).unwrap();
    assert_eq!((order.len(), early), (9, vec![5]), "{order:?}");
    assert!(
        place(3) < place(2) && place(2) < place(5) && place(5) < place(6) && place(6) < place(7),
        "{order:?}"
    );
    assert_eq!(order[0].0, 0, "else as they were sent");
}

#[test]
fn a_thousand_that_each_name_the_next_are_put_in_order_at_once() {
    let operations: Vec<Value> = (0..1000)
        .map(|n| json!({ "method": "POST", "path": "/Groups", "bulkId": format!("g{n}"),
                         "data": { "displayName": format!("G{n}"), "members": [{ "value": format!("bulkId:g{}", n + 1) }] } }))
        .collect();
    let bulk = Bulk::read(&json!({ "Operations": operations })).unwrap();
    let places: Vec<usize> = in_order(bulk.operations).into_iter().map(|step| step.place).collect();
    assert_eq!(places, (0..1000).rev().collect::<Vec<_>>());
}

#[test]
fn a_projection_takes_the_names_that_filters_and_changes_take() {
    let mut user = ana();
    user.id = Some("1".into());
    user.enterprise.manager.as_mut().unwrap().reference = Some("https://x/Users/m1".into());
    user.site = Some(super::user::Site { name: "Delft".into(), urn: SiteUrn::EightByEight });
    let only = |names: &str| Projection::read(Some(names), None).apply(user.to_json());
    let without = |names: &str| Projection::read(None, Some(names)).apply(user.to_json());
    let urn = format!("{ENTERPRISE_USER}:manager");
    for names in ["manager,department", &format!("{urn},{ENTERPRISE_USER}:Department"), ENTERPRISE_USER] {
        assert_eq!(only(names)[ENTERPRISE_USER], user.to_json()[ENTERPRISE_USER], "{names}");
    }
    for names in [format!("{urn}.value"), "manager.value".to_owned(), format!("{urn}[value eq \"m1\"].value")]
    {
        assert_eq!(only(&names)[ENTERPRISE_USER], json!({ "manager": { "value": "m1" } }), "{names}");
    }
    assert!(only(&format!("{urn}[value eq \"other\"]")).get(ENTERPRISE_USER).is_none());
    for names in [format!("{urn}.$ref"), "manager.$ref".to_owned()] {
        let left = without(&names);
        assert_eq!(
            left[ENTERPRISE_USER],
            json!({ "department": "Quay", "manager": { "value": "m1" } }),
            "{names}"
        );
    }
    for names in ["site", ROLLCALL_USER, ROLLCALL_USER_8X8, &format!("{ROLLCALL_USER}:site")] {
        assert_eq!(only(names)[ROLLCALL_USER_8X8], json!({ "site": "Delft" }), "{names}");
        assert!(without(names).get(ROLLCALL_USER_8X8).is_none(), "{names}");
    }
    let core = only(CORE_USER);
    assert!(core["title"] == "Planner" && core["emails"].is_array() && core.get(ENTERPRISE_USER).is_none());
    for bad in ["emails[type eq", "emails[type eq \"work\"", "a b", "7"] {
        assert!(Projection::read(Some(bad), None).check().is_err(), "{bad}");
        assert!(Projection::read(None, Some(bad)).check().is_err(), "{bad}");
    }
    assert!(
        Projection::read(Some(&format!("nonsense,{urn}.$ref,{CORE_USER},{ENTERPRISE_USER}")), None)
            .check()
            .is_ok()
    );
}
