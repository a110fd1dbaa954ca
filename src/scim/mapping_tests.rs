//! What Entra ID's default mapping sends, in every form in which values come, and where it may stand (`docs/scim.md`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::needless_pass_by_value, reason = "literals read better so")]

use super::group::{Change, GroupBody, read_changes};
use super::json::read as read_json;
use super::patch::Patch;
use super::schema::{GROUPS, USERS};
use super::tolerance::Sent;
use super::user::{SiteUrn, User};
use super::{ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType, evaluate, parse_filter};
use serde_json::{Map, Value, json};

/// “Tutorial: Develop a SCIM endpoint” and the mapping that a new custom application has, with the parts of `name` and
/// `manager` that administrators add.
const PATHS: [&str; 30] = [
    "userName",
    "active",
    "externalId",
    "displayName",
    "title",
    "preferredLanguage",
    "locale",
    "timezone",
    "nickName",
    "userType",
    "profileUrl",
    "name.givenName",
    "name.familyName",
    "name.formatted",
    "name.honorificPrefix",
    "emails[type eq \"work\"].value",
    "emails[type eq \"home\"].value",
    "phoneNumbers[type eq \"work\"].value",
    "phoneNumbers[type eq \"mobile\"].value",
    "phoneNumbers[type eq \"fax\"].value",
    "addresses[type eq \"work\"].formatted",
    "addresses[type eq \"work\"].country",
    "roles[primary eq \"True\"].value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "manager.value",
    "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:site",
    "urn:ietf:params:scim:schemas:extension:8x8:1.1:User:site",
];

fn full() -> User {
    let body = json!({
        "userName": "ana@example.com", "active": true, "externalId": "e", "displayName": "Ana", "title": "Planner",
        "name": { "givenName": "Ana", "familyName": "Lima", "formatted": "Ana Lima", "honorificPrefix": "Dr" },
        "emails": [{ "type": "work", "value": "ana@example.com" }], "roles": [{ "primary": true, "value": "r" }],
        "phoneNumbers": [{ "type": "work", "value": "1" }, { "type": "mobile", "value": "2" }],
        "addresses": [{ "type": "work", "country": "NL", "formatted": "Quay 1" }],
        ENTERPRISE_USER: { "department": "Quay", "manager": { "value": "m1" } },
    });
    User::read(&body, &User::default()).unwrap().strict().unwrap().0
}

fn patched(operations: Value) -> Sent<User> {
    Patch::read(&json!({ "Operations": operations })).unwrap().apply(&full())
}

fn made(body: Value) -> Sent<User> {
    User::read(&body, &User::default()).unwrap()
}

fn silent(sent: Sent<User>, what: &str) -> User {
    let (user, warnings) = sent.strict().unwrap_or_else(|fault| panic!("{what}: {fault}"));
    assert_eq!(warnings, Vec::<String>::new(), "{what}");
    user
}

/// A value as Entra ID wrote it in 2018, and each of its packings.
fn forms(value: &Value) -> [Value; 8] {
    let listed = json!([{ "$ref": null, "value": value }]);
    [
        listed.clone(),
        listed.to_string().into(),
        json!({ "value": value }).to_string().into(),
        json!([{ "value": value }]).to_string().into(),
        json!({ "value": value }),
        json!([{ "Value": value, "$REF": null }]),
        json!({ "VALUE": value }),
        json!({ "Value": value }).to_string().into(),
    ]
}

#[test]
fn every_path_of_the_default_mapping_takes_its_value_in_every_form() {
    for path in PATHS {
        let values =
            if path == "active" { [json!("False"), json!(null)] } else { [json!("Q7"), json!(null)] };
        for value in
            values.iter().filter(|value| !(value.is_null() && ["active", "userName"].contains(&path)))
        {
            for op in ["Add", "Replace"] {
                let by_path = |value: &Value| patched(json!([{ "op": op, "path": path, "value": value }]));
                let without = |value: &Value| patched(json!([{ "op": op, "value": { (path): value } }]));
                let plain = silent(by_path(value), path);
                for form in forms(value) {
                    // A list of objects stands for the whole of several values, and here it is one text.
                    let what = format!("{op} {path}: {form}");
                    assert_eq!(silent(by_path(&form), &what), plain, "{what}");
                    assert_eq!(silent(without(&form), &what), plain, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_whole_user_takes_every_name_that_a_change_takes() {
    for path in PATHS.into_iter().filter(|path| *path != "userName") {
        let value = if path == "active" { json!("False") } else { json!("Q7") };
        let body = |value: &Value| json!({ "userName": "ana@example.com", (path): value });
        let meant =
            Patch::read(&json!({ "Operations": [{ "op": "add", "path": path, "value": value }] })).unwrap();
        let meant = silent(meant.apply(&made(json!({ "userName": "ana@example.com" })).wish), path);
        for form in forms(&value).into_iter().chain([value]) {
            assert_eq!(silent(made(body(&form)), path), meant, "{path}: {form}");
        }
    }
    for (name, value) in
        [("department", "Quay"), ("manager", "m1"), ("employeeNumber", "7"), ("site", "Delft")]
    {
        let at_the_top = made(json!({ "userName": "t", (name): value }));
        let urn = if name == "site" { ROLLCALL_USER } else { ENTERPRISE_USER };
        let in_place = made(json!({ "userName": "t", urn: { (name): value } }));
        assert_eq!(silent(at_the_top, name), silent(in_place, name), "{name}");
        // What stands in its own place wins, whichever comes first.
        for body in [
            json!({ "userName": "t", (name): "other", urn: { (name): value } }),
            json!({ urn: { (name): value }, (name): "other", "userName": "t" }),
        ] {
            let both = silent(made(body), name).to_json();
            assert!(!both.to_string().contains("other"), "{both}");
        }
    }
    let body = json!({ "userName": "t", "name.givenName": "other", "name": { "givenName": "Ana" },
                       "emails[type eq \"work\"].value": "other@b.c", "emails": [{ "type": "work", "value": "a@b.c" }] });
    let user = silent(made(body), "explicit");
    assert_eq!((user.name.given_name.as_deref(), user.emails.len()), (Some("Ana"), 1));
    assert_eq!(user.emails[0].value.as_deref(), Some("a@b.c"));
    let unknown = made(
        json!({ "userName": "t", "zork": { "a": 1 }, "emails[": "x", "emails[zork eq \"a\"].value": "x" }),
    );
    assert_eq!(unknown.strict().unwrap().1.len(), 3);
}

#[test]
fn what_cannot_be_seen_is_taken_out_before_values_meet() {
    let hidden =
        |path: &str, value: &str| patched(json!([{ "op": "replace", "path": path, "value": value }]));
    for path in PATHS.into_iter().filter(|path| !["userName", "active"].contains(path)) {
        let cleared = patched(json!([{ "op": "replace", "path": path, "value": "" }])).strict().unwrap().0;
        for nothing in ["\u{200B}", "\u{2060}\u{AD}", "\u{3164}"] {
            let (user, warnings) = hidden(path, nothing).strict().unwrap();
            assert_eq!(user, cleared, "{path}");
            assert!(!warnings.is_empty(), "{path}");
        }
    }
    let twice =
        made(json!({ "userName": "t", "emails": [{ "value": "a@b.c" }, { "value": "a\u{200B}@b.c" }] }));
    assert_eq!(twice.strict().unwrap().0.emails.len(), 1);
    let again = json!([{ "op": "add", "path": "emails", "value": [{ "type": "work", "value": "ana\u{200B}@example.com" }] }]);
    assert_eq!(patched(again).strict().unwrap().0, full());
    let found = json!([{ "op": "replace", "path": "emails[value eq \"ana@\u{2060}example.com\"].display", "value": "A" }]);
    assert_eq!(patched(found).strict().unwrap().0.emails[0].display.as_deref(), Some("A"));
    let gone =
        json!([{ "op": "remove", "path": "emails", "value": [{ "value": "ana\u{200B}@example.com" }] }]);
    assert_eq!(patched(gone).strict().unwrap().0.emails.len(), 0);
    let created = json!([{ "op": "add", "path": "roles[type eq \"a\u{200B}b\"].value", "value": "x" }]);
    assert_eq!(patched(created).wish.roles[1].kind.as_deref(), Some("ab"));
    let lines =
        made(json!({ "userName": "t", "title": "a\nb", "addresses": [{ "formatted": "a\u{200B}\nb" }] }));
    let (user, warnings) = lines.strict().unwrap();
    assert_eq!((user.title.as_deref(), user.addresses[0].formatted.as_deref()), (Some("a b"), Some("a\nb")));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let group = GroupBody::read(&json!({ "displayName": "\u{200B}" }), None).unwrap();
    assert_eq!(group.strict().unwrap_err().kind, Some(ScimType::InvalidValue));
}

#[test]
fn two_sites_of_one_change_come_to_the_same_by_path_and_without() {
    let [own, other] = [ROLLCALL_USER_8X8, ROLLCALL_USER].map(|urn| format!("{urn}:site"));
    let set = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
    let site = |sent: &Sent<User>| sent.wish.site.clone().map(|site| (site.name, site.urn));
    for operations in [
        json!([set(&own, "Delft"), set(&other, "Utrecht")]),
        json!([set(&other, "Utrecht"), set(&own, "Delft")]),
        json!([set(&other, "Ghent"), set(&own, "Delft"), set(&other, "Utrecht")]),
        json!([set(&own, "Ghent"), set(&other, "Utrecht"), set(&own, "Delft")]),
    ] {
        let sent = patched(operations.clone());
        assert_eq!(site(&sent), Some(("Delft".into(), SiteUrn::EightByEight)), "{operations}");
        let warnings = sent.strict().unwrap().1;
        assert_eq!(warnings.len(), 1, "{operations}");
        assert!(warnings[0].contains("“Utrecht” was left out: two sites were sent"), "{warnings:?}");
    }
    for (sent_one, withdrawn) in [(&own, &other), (&other, &own)] {
        for gone in [set(withdrawn, ""), json!({ "op": "remove", "path": withdrawn })] {
            for operations in [json!([set(sent_one, "Delft"), gone]), json!([gone, set(sent_one, "Delft")])] {
                let sent = patched(operations.clone());
                assert!(sent.names_site);
                assert_eq!(site(&sent).map(|site| site.0).as_deref(), Some("Delft"), "{operations}");
                assert_eq!(sent.strict().unwrap().1.len(), 0, "{operations}");
            }
        }
    }
    // The one that gave way stands where the other is taken away after all.
    let sent = patched(json!([set(&own, "Delft"), set(&other, "Utrecht"), set(&own, "")]));
    assert_eq!(site(&sent), Some(("Utrecht".into(), SiteUrn::Rollcall)));
    assert!(patched(json!([set(&own, "Delft"), set(&own, "")])).wish.site.is_none());
}

#[test]
fn what_clients_do_not_write_is_left_out_by_path_as_elsewhere() {
    for path in ["id", "meta.created", "groups", "groups[value eq \"x\"].display", "manager.displayName"] {
        for op in ["add", "replace", "remove"] {
            let sent = patched(json!([{ "op": op, "path": path, "value": "x" },
                                      { "op": "replace", "path": "title", "value": "New" }]));
            let (user, warnings) = sent.strict().unwrap();
            assert_eq!(user, User { title: Some("New".into()), ..full() }, "{path}");
            assert!(warnings.len() == 1 && warnings[0].contains("it is read-only"), "{warnings:?}");
        }
    }
    for path in ["id", "meta.created"] {
        let alone = json!([{ "op": "replace", "path": path, "value": "x" }]);
        let group = read_changes(&json!({ "Operations": alone })).unwrap();
        for fault in [patched(alone).strict().unwrap_err(), group.strict().unwrap_err()] {
            assert_eq!(fault.kind, Some(ScimType::Mutability), "{path}");
        }
    }
    for path in ["id", "meta.created", "members[value eq \"x\"].display"] {
        let body = json!({ "Operations": [{ "op": "replace", "path": path, "value": "x" },
                                          { "op": "replace", "path": "displayName", "value": "Crew" }] });
        let (changes, warnings) = read_changes(&body).unwrap().strict().unwrap();
        assert_eq!((changes, warnings.len()), (vec![Change::Name("Crew".into())], 1), "{path}");
    }
}

#[test]
fn a_leaver_leaves_in_every_spelling_and_beside_anything() {
    for value in [
        json!({ "Value": "False" }),
        json!([{ "VALUE": false }]),
        json!({ "value": "False", "id": "7", "zork": [1] }),
        json!("[{\"$ref\":null,\"Value\":\"False\",\"x\":1}]"),
        json!([null, false]),
        json!([{ "value": "False" }, { "value": "False" }]),
    ] {
        for operations in [
            json!([{ "op": "Replace", "path": "active", "value": value }]),
            json!([{ "op": "Replace", "value": { "active": value } }]),
        ] {
            let sent = patched(operations);
            assert!(sent.bars, "{value}");
            let (user, warnings) = sent.strict().unwrap();
            assert_eq!(user.active, Some(false), "{value}");
            let named = usize::from(value.to_string().contains("zork"))
                + usize::from(value.to_string().contains("id"));
            assert!(warnings.len() >= named, "{value}: {warnings:?}");
        }
    }
    for body in [
        r#"{"Operations":[{"op":"replace","path":"active","value":"True","Value":"False"}]}"#,
        r#"{"Operations":[{"op":"replace","path":"active","Value":"True","value":"False"}]}"#,
        r#"{"Operations":[{"op":"replace","path":"active","value":"True","Value":"True","value":"False"}]}"#,
        r#"{"Operations":[{"op":"replace","path":"title","Path":"active","value":"False"}]}"#,
        r#"{"Operations":[{"op":"replace","path":"active","value":{"value":"True","Value":"False"}}]}"#,
        r#"{"Operations":[{"op":"replace","path":"active","value":"False"}],"operations":[]}"#,
        r#"{"Operations":[{"op":"replace","path":"active","value":"False"},{"op":"replace","path":"title","value":"\ud800"}]}"#,
    ] {
        for bom in ["", "\u{FEFF}"] {
            let body = read_json(format!("{bom}{body}").as_bytes()).unwrap();
            assert!(Patch::read(&body).unwrap().apply(&full()).bars, "{body}");
        }
    }
    let stays = r#"{"Operations":[{"op":"replace","path":"active","value":"False","Value":"True"}]}"#;
    assert!(!Patch::read(&read_json(stays.as_bytes()).unwrap()).unwrap().apply(&full()).bars);
}

#[test]
fn half_a_character_is_left_out_where_it_stands() {
    let read = |text: &str| read_json(text.as_bytes()).unwrap();
    let body = read(r#"{"userName":"t","title":"a\ud800b\\ud800","nickName":"\ud83d\ude00 \udc00"}"#);
    let (user, warnings) = made(body).strict().unwrap();
    assert_eq!((user.title.as_deref(), user.nick_name.as_deref()), (Some("ab\\ud800"), Some("😀 ")));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert_eq!(made(read(r#"{"userName":"t","externalId":"\ud800"}"#)).wish.external_id, None);
    for broken in [r#"{"userName":"\ud8"}"#, r#"{"userName":"\uZZZZ"}"#, "\u{FEFF}", r#"{"a":"\ud800"#] {
        assert!(read_json(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn what_stands_twice_within_something_unknown_is_left_out_with_it() {
    let body = read_json(br#"{"userName":"t","zork":{"a":1,"A":2},"meta":{"b":1,"B":2}}"#).unwrap();
    assert_eq!(made(body).strict().unwrap().1.len(), 1);
    for operations in [
        r#"[{"op":"add","path":"zork","value":{"a":1,"A":2}}]"#,
        r#"[{"op":"add","value":{"zork":{"a":1,"A":2}}}]"#,
    ] {
        let operations = read_json(operations.as_bytes()).unwrap();
        let (user, warnings) = patched(operations.clone()).strict().unwrap();
        assert_eq!((user, warnings.len()), (full(), 1), "{operations}");
        let group = read_changes(&json!({ "Operations": operations })).unwrap().strict().unwrap();
        assert_eq!((group.0.len(), group.1.len()), (0, 1), "{operations}");
    }
}

#[test]
fn a_member_by_its_address_alone_is_that_member() {
    let members =
        json!([{ "$ref": "https://x/scim/v2/Users/u1" }, { "$ref": "../Groups/g1/" }, { "value": "u2" }]);
    let wanted = GroupBody::read(&json!({ "displayName": "Crew", "members": members }), None).unwrap();
    assert_eq!(wanted.strict().unwrap().0.members, ["u1", "g1", "u2"]);
    for op in ["add", "replace"] {
        let body = json!({ "Operations": [{ "op": op, "path": "members", "value": members }] });
        let (changes, warnings) = read_changes(&body).unwrap().strict().unwrap();
        let ids = vec!["u1".to_owned(), "g1".to_owned(), "u2".to_owned()];
        let meant = if op == "add" { Change::Add(ids) } else { Change::Replace(ids) };
        assert_eq!((changes, warnings.len()), (vec![meant], 0));
    }
}

#[test]
fn a_manager_by_name_alone_is_told_to_be_nobody() {
    for value in [json!({ "displayName": "Zoë" }), json!([{ "displayName": "Zoë" }])] {
        let (user, warnings) =
            patched(json!([{ "op": "replace", "path": "manager", "value": value }])).strict().unwrap();
        assert_eq!(user, full());
        assert!(
            warnings.iter().any(|told| told.contains("it does not say by an id who that is")),
            "{warnings:?}"
        );
    }
}

#[test]
fn whatever_was_sent_or_is_answered_is_found_by_it() {
    let paths = [
        "displayName",
        "title",
        "nickName",
        "name.givenName",
        "emails.value",
        "phoneNumbers.value",
        "roles.display",
    ];
    for text in [
        "Pad ",
        " Pad",
        "a\u{200B}b",
        "\u{202A}ops\u{202C}",
        "tab\tname",
        "nl\nname",
        "nb\u{A0}sp",
        "é\u{FE0F} ",
    ] {
        let body = json!({
            "userName": "pad", "displayName": text, "title": text, "nickName": text, "name": { "givenName": text },
            "emails": [{ "type": "work", "value": text }], "phoneNumbers": [{ "type": "fax", "value": text }],
            "roles": [{ "value": "r", "display": text }], ROLLCALL_USER: { "site": text },
        });
        let shown = made(body).wish.to_json();
        let site = format!("{ROLLCALL_USER}:site");
        for path in paths.into_iter().chain([site.as_str(), "emails[type eq \"work\"].value"]) {
            let answered = shown.pointer(&at(path)).and_then(Value::as_str).unwrap();
            for wanted in [text, answered] {
                // A site is kept without spaces at its ends.
                let is_kept = !path.ends_with(":site");
                for op in ["eq", "ge", "le", "co", "sw", "ew"].into_iter().take(if is_kept { 6 } else { 3 }) {
                    let filter = format!("{path} {op} {}", json!(wanted));
                    let met = evaluate::meets(&parse_filter(&filter).unwrap(), &USERS, &shown);
                    assert!(met, "{filter} {shown}");
                }
                let other = parse_filter(&format!("{path} ne {}", json!(wanted))).unwrap();
                assert!(!evaluate::meets(&other, &USERS, &shown), "{path} {wanted:?}");
            }
        }
        let group = GroupBody::read(&json!({ "displayName": text }), None).unwrap().wish;
        let shown = json!({ "displayName": group.display_name });
        let filter = parse_filter(&format!("displayName eq {}", json!(text))).unwrap();
        assert!(evaluate::meets(&filter, &GROUPS, &shown), "{text:?}");
    }
    let titled = Value::Object(Map::from_iter([("title".to_owned(), json!("Planner"))]));
    for nothing in ["title co \"\u{200B}\"", "title sw \"\u{200B}\"", "title eq \"\u{200B}\""] {
        assert!(!evaluate::meets(&parse_filter(nothing).unwrap(), &USERS, &titled), "{nothing}");
    }
}

/// Where the value of a path stands in the answer.
fn at(path: &str) -> String {
    match path {
        "emails.value" | "emails[type eq \"work\"].value" => "/emails/0/value".to_owned(),
        "phoneNumbers.value" => "/phoneNumbers/0/value".to_owned(),
        "roles.display" => "/roles/0/display".to_owned(),
        other if other.ends_with(":site") => format!("/{ROLLCALL_USER}/site"),
        other => format!("/{}", other.replace('.', "/")),
    }
}
