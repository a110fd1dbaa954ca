//! What holds of every filter, path and body, not only of those that somebody thought of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::bulk::Bulk;
use super::group::{GroupBody, read_changes};
use super::patch::Patch;
use super::query::Query;
use super::schema::{GROUPS, USERS};
use super::tolerance::Notes;
use super::user::User;
use super::{ENTERPRISE_USER, evaluate, parse_filter, path};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Attributes of users as a client may spell them; some that there are not.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "userName",
            "USERNAME",
            "externalId",
            "id",
            "active",
            "title",
            "displayName",
            "nickName",
            "name.givenName",
            "name.middleName",
            "emails",
            "emails.value",
            "emails.type",
            "emails.primary",
            "phoneNumbers.value",
            "addresses.locality",
            "meta.created",
            "meta.lastModified",
            "meta.resourceType",
            "groups.display",
            "schemas",
            "nobody",
            "password",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["department", "manager", "manager.value", "employeeNumber"])
            .prop_map(|name| format!("{ENTERPRISE_USER}:{name}")),
    ]
}

fn operator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "Eq", "CO"])
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| json!(text).to_string()),
        prop::sample::select(vec![
            "\"ana@example.com\"",
            "true",
            "false",
            "null",
            "7",
            "-1.5",
            "\"2026-11-23T09:00:00Z\""
        ])
        .prop_map(str::to_owned),
    ]
}

fn comparison() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (name(), operator(), value()).prop_map(|(name, op, value)| format!("{name} {op} {value}")),
        1 => name().prop_map(|name| format!("{name} pr")),
    ]
}

/// Filters of every shape; most can be read.
pub(super) fn filter() -> impl Strategy<Value = String> {
    let part = (prop::sample::select(vec!["type", "value", "primary", "display"]), operator(), value())
        .prop_map(|(part, op, value)| format!("{part} {op} {value}"));
    let among = (prop::sample::select(vec!["emails", "phoneNumbers", "addresses"]), part)
        .prop_map(|(name, part)| format!("{name}[{part}]"))
        .boxed();
    let chosen = (among.clone(), prop::sample::select(vec!["value", "type", "display"]), operator(), value())
        .prop_map(|(among, part, op, value)| format!("{among}.{part} {op} {value}"));
    let bare = (name(), operator(), "[a-zA-Z0-9@.+'-]{1,12}")
        .prop_map(|(name, op, word)| format!("{name} {op} {word}"));
    prop_oneof![4 => comparison(), 1 => among, 1 => chosen, 1 => bare].prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

/// JSON of the shapes that requests have, with odd values in odd places.
fn odd_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        filter().prop_map(Value::from),
    ];
    let key = prop_oneof![
        name(),
        prop::sample::select(vec![
            "schemas",
            "Operations",
            "op",
            "path",
            "value",
            "members",
            "displayName",
            "method",
            "data",
            "bulkId",
            "failOnErrors",
            "filter",
            "count",
            "startIndex",
            "sortBy",
            "attributes",
            "emails",
            "$ref",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn sample() -> Value {
    json!({
        "schemas": [super::CORE_USER], "id": "1", "userName": "ana@example.com", "active": true, "title": "Planner",
        "emails": [{ "type": "work", "value": "ana@example.com", "primary": true }, { "value": "a@home.test" }],
        "meta": { "resourceType": "User", "created": "2026-11-23T09:00:00.000Z" },
    })
}

proptest! {
    #[test]
    fn a_filter_prints_back_and_reads_the_same(text in filter()) {
        if let Ok(filter) = parse_filter(&text) {
            let again = parse_filter(&filter.to_string()).unwrap();
            prop_assert_eq!(&again, &filter);
            // A filter that passes the check has an answer, and its opposite has the other.
            if evaluate::check(&filter, &[&USERS]).is_ok() {
                let met = evaluate::meets(&filter, &USERS, &sample());
                let opposite = parse_filter(&format!("not ({filter})")).unwrap();
                prop_assert_ne!(evaluate::meets(&opposite, &USERS, &sample()), met);
            }
        }
    }

    #[test]
    fn a_path_prints_back_and_reads_the_same(name in name(), inner in comparison(), part in "[a-zA-Z]{1,8}") {
        for text in [name.clone(), format!("{name}[{inner}]"), format!("emails[{inner}].value"), format!("{name}.{part}")] {
            if let Ok(read) = path::parse(&USERS, &text) {
                let printed = read.to_string();
                prop_assert_eq!(path::parse(&USERS, &printed).unwrap().to_string(), printed);
            }
        }
    }

    #[test]
    fn no_text_breaks_a_parser(text in any::<String>()) {
        let _ = parse_filter(&text);
        let _ = path::parse(&USERS, &text);
        let _ = path::parse(&GROUPS, &text);
        let _ = Query::of_pairs(&[("filter".into(), text.clone()), ("sortBy".into(), text.clone()), ("count".into(), text)]);
    }

    #[test]
    fn no_body_breaks_a_reader(body in odd_json()) {
        let _ = User::read(&body, &User::default());
        let _ = GroupBody::read(&body, None);
        let _ = read_changes(&body);
        let _ = Query::of_body(&body);
        if let Ok(bulk) = Bulk::read(&body) {
            bulk.operations.iter().flat_map(|one| &one.wish).for_each(|wish| drop(wish.references()));
        }
        let user = User::read(&sample(), &User::default()).unwrap().wish;
        if let Ok(patch) = Patch::read(&body) {
            let _ = patch.apply(&user);
        }
        let patch = json!({ "Operations": [{ "op": "add", "value": body }, { "op": "replace", "path": "emails", "value": body }] });
        let changed = Patch::read(&patch).unwrap().apply(&user).wish;
        // What a change leaves can be told and read again, and loses nothing on the way.
        let again = User::read(&changed.to_json(), &User::default()).unwrap();
        prop_assert_eq!((again.wish, again.notes), (User { id: None, meta: None, ..changed }, Notes::default()));
    }
}

proptest! {
    #[test]
    fn a_change_that_bars_a_user_bars_them_whatever_stands_beside_it(
        beside in prop::collection::vec(odd_json(), 0..4),
        paths in prop::collection::vec((name(), odd_json()), 0..4),
    ) {
        let user = User::read(&sample(), &User::default()).unwrap().wish;
        let mut operations = beside;
        operations.extend(paths.into_iter().map(|(path, value)| json!({ "op": "replace", "path": path, "value": value })));
        operations.push(json!({ "op": "Replace", "path": "active", "value": "False" }));
        let sent = Patch::read(&json!({ "Operations": operations })).unwrap().apply(&user);
        prop_assert!(sent.bars);
        let (changed, _) = sent.tolerated();
        prop_assert_eq!(changed.active, Some(false));
        prop_assert!(!changed.user_name.trim().is_empty());
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}title pr{}", "not (".repeat(depth), ")".repeat(depth));
    assert!(parse_filter(&nested(20)).is_ok());
    assert!(parse_filter(&nested(2_000)).is_err());
    assert!(parse_filter(&vec!["title pr"; 2_000].join(" or ")).is_err());
    let long = format!("title eq \"{}\"", "x".repeat(9_000));
    assert!(parse_filter(&long).is_err());
    assert!(path::parse(&USERS, &format!("emails[value eq \"{}\"]", "x".repeat(9_000))).is_err());
}
