//! The database answers a filter as its meaning says: random filters, asked over HTTP.

use crate::harness::Console;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rollcall::scim::schema::USERS;
use rollcall::scim::{evaluate, parse_filter};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn people() -> Vec<Value> {
    vec![
        json!({ "userName": "ana@example.com", "externalId": "A1", "displayName": "Ana", "title": "Planner",
            "name": { "givenName": "Ana", "middleName": "Z" }, "nickName": "An",
            "emails": [{ "type": "work", "value": "ana@example.com", "primary": true }, { "type": "home", "value": "A@b.c" }] }),
        json!({ "userName": "Éva", "externalId": "a1", "displayName": "éva %", "active": false, "locale": "nl",
            "phoneNumbers": [{ "type": "work", "value": "1" }, { "type": "fax", "value": "2" }, { "value": "A" }] }),
        json!({ "userName": "b_b", "title": "planner", "addresses": [{ "type": "home", "locality": "A1" }],
            ENTERPRISE: { "department": "Ana", "employeeNumber": "1", "manager": { "value": "A1" } } }),
        json!({ "userName": "%", "displayName": "B", "emails": [{ "value": "b_b" }], "roles": [{ "value": "A1" }] }),
        json!({ "userName": "zoe", "active": false,
            "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": { "site": "A1" },
            "phoneNumbers": [{ "type": "work", "value": "1", "display": "A1" }, { "type": "work", "value": "2" }, { "type": "Mobile", "value": "A1" }],
            "name": { "familyName": "A1" } }),
        json!({ "userName": " pad ", "displayName": "Pad ", "title": " pad", "emails": [{ "type": "work", "value": " pad " }],
            "nickName": "p\u{200B}ad", "phoneNumbers": [{ "type": "work", "value": "pad\u{AD} " }] }),
    ]
}

fn comparison() -> impl Strategy<Value = String> {
    let names = [
        "userName",
        "externalId",
        "displayName",
        "title",
        "locale",
        "nickName",
        "name.givenName",
        "name.familyName",
        "name.middleName",
        "name.formatted",
        "emails",
        "emails.type",
        "phoneNumbers",
        "phoneNumbers.type",
        "addresses.locality",
        "roles.value",
        "groups.display",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        "manager.$ref",
        "manager.displayName",
        "phoneNumbers.display",
        "userType",
        "site",
        "meta.version",
        "meta.location",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    ];
    let operators = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
    let values = [
        "A1",
        "a1",
        "Ana",
        "ÉVA",
        "b_b",
        "%",
        "_",
        "1",
        "2",
        "a",
        "work",
        "ana@example.com",
        "Z",
        "crew",
        " ",
        "pad",
        "pad ",
        " PAD",
        " p",
        "p\u{200B}ad",
        "\u{200B}",
    ];
    let sampled = |list: &[&'static str]| prop::sample::select(list.to_vec());
    prop_oneof![
        6 => (sampled(&names), sampled(&operators), sampled(&values))
            .prop_map(|(name, op, value)| format!("{name} {op} \"{value}\"")),
        1 => sampled(&names).prop_map(|name| format!("{name} pr")),
        1 => (sampled(&names), sampled(&["eq", "ne"])).prop_map(|(name, op)| format!("{name} {op} null")),
        1 => (sampled(&["eq", "ne"]), any::<bool>()).prop_map(|(op, value)| format!("active {op} {value}")),
        1 => (sampled(&["gt", "lt", "ne"]), sampled(&["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]))
            .prop_map(|(op, at)| format!("meta.created {op} \"{at}\"")),
        2 => (sampled(&["emails", "phoneNumbers"]), sampled(&["work", "home", "fax"]), sampled(&operators), sampled(&values))
            .prop_map(|(name, kind, op, value)| format!("{name}[type eq \"{kind}\" and value {op} \"{value}\"]")),
        2 => (sampled(&["emails", "phoneNumbers"]), sampled(&["work", "home", "fax"]), sampled(&operators), sampled(&values))
            .prop_map(|(name, kind, op, value)| format!("{name}[type eq {kind}].value {op} \"{value}\"")),
        1 => (sampled(&["emails[type eq \"work\"].value", "emails[type eq \"home\"].display", "addresses[type eq home].locality",
                        "roles[value sw \"A\"].value", "phoneNumbers[not (type eq work)].value"]), sampled(&["pr", "eq null", "ne null", "ne A1", "eq A1"]))
            .prop_map(|(path, rest)| format!("{path} {rest}")),
        1 => (sampled(&names), sampled(&["eq", "ne", "sw"]), sampled(&["A1", "a1", "b_b", "1"]))
            .prop_map(|(name, op, value)| format!("{name} {op} {value}")),
        2 => (sampled(&["name", "manager", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "addresses", "roles", "groups"]),
              sampled(&["givenName", "familyName", "middleName", "value", "$ref", "display", "locality", "type"]),
              sampled(&["pr", "eq \"A1\"", "eq \"Ana\"", "ne \"A1\"", "sw \"a\"", "eq null", "ne null"]))
            .prop_map(|(name, part, rest)| format!("{name}[{part} {rest}]")),
        1 => (sampled(&["name", "manager", "phoneNumbers", "emails"]), sampled(&["not (value eq \"A1\")", "givenName pr or middleName pr", "value pr and type pr"]))
            .prop_map(|(name, inner)| format!("{name}[{inner}]")),
        1 => sampled(&["name pr", "manager pr", "meta pr", "addresses pr", "emails pr", "phoneNumbers pr",
                       "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", "urn:ietf:params:scim:schemas:core:2.0:User pr",
                       "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User pr",
                       "meta.created ge \"2020-01-01T00:00:00\"", "meta.lastModified lt \"2020-01-01T00:00:00.5\""]).prop_map(str::to_owned),
        1 => sampled(&["User", "Group"]).prop_map(|kind| format!("meta.resourceType eq \"{kind}\"")),
    ]
}

fn filters() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

#[actix_web::test]
async fn the_database_and_the_meaning_of_a_filter_agree() {
    let (_console, entra) = Console::with_entra();
    let mut first = String::new();
    for person in people() {
        let made = entra.post("/Users", person).await;
        assert_eq!(made.status, 201, "{}", made.json);
        first = if first.is_empty() { made.id() } else { first };
    }
    entra.post("/Groups", json!({ "displayName": "Crew", "members": [{ "value": first }] })).await;
    let everybody = entra.get("/Users").await.at("/Resources").as_array().unwrap().clone();
    assert_eq!(everybody.len(), people().len());
    let mut runner = TestRunner::default();
    for _ in 0..800 {
        let text = filters().new_tree(&mut runner).unwrap().current();
        let filter = parse_filter(&text).unwrap();
        let wanted: Vec<&Value> = everybody
            .iter()
            .filter(|one| evaluate::meets(&filter, &USERS, one))
            .map(|one| &one["userName"])
            .collect();
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &text).finish();
        let found = entra.get(&format!("/Users?{query}")).await;
        // A part that the attribute does not have, or a comparison that its kind does not know.
        if found.status == 400 && evaluate::check(&filter, &[&USERS]).is_err() {
            continue;
        }
        assert_eq!(found.status, 200, "{text}: {}", found.json);
        let found: Vec<&Value> =
            found.at("/Resources").as_array().unwrap().iter().map(|one| &one["userName"]).collect();
        assert_eq!(found, wanted, "{text}");
    }
}
