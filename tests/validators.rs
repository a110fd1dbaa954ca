//! A counterpart of each check of Microsoft's two validators: the 25 tests of the gallery's Logic App (numbered as in its
//! SCIM-Validation-Test-Overview) and the shapes that the public validator sends. What only Entra ID's side can show (its own
//! provisioning log) is shown here by what it would send.

use crate::harness::{Console, Entra, Reply};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn person(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": format!("{name}-1"),
        "userName": format!("{name}@testuser.com"),
        "active": true,
        "displayName": "BOEWGPZDUZWT",
        "title": "XAVJHBRUDRUE",
        "preferredLanguage": "as-IN",
        "name": { "givenName": "Sabina", "familyName": "Katrina", "formatted": "Nona" },
        "emails": [{ "type": "work", "value": format!("{name}@runolfsdottir.ca"), "primary": true }],
        "phoneNumbers": [{ "type": "work", "value": "89-676-4418" }, { "type": "fax", "value": "89-676-4419" }],
        "addresses": [{ "type": "work", "formatted": "YKCXKQWLPBYH", "streetAddress": "8716 Kautzer Point", "primary": true }],
        ENTERPRISE: { "employeeNumber": "DXWBFTCTFBCX", "department": "PVDHBLZQOVWJ" },
    })
}

async fn made(entra: &Entra, name: &str) -> String {
    let made = entra.post("/Users", person(name)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.id()
}

async fn by_name(entra: &Entra, kind: &str, name: &str) -> Reply {
    let attribute = if kind == "Users" { "userName" } else { "displayName" };
    let filter = format!("{attribute} eq \"{name}\"");
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish();
    let found = entra.get(&format!("/{kind}?{query}")).await;
    assert_eq!(found.status, 200);
    found
}

async fn changed(entra: &Entra, id: &str, operations: Value) -> Reply {
    let done = entra.patch(&format!("/Users/{id}"), operations).await;
    assert_eq!(done.status, 200, "{}", done.json);
    entra.get(&format!("/Users/{id}")).await
}

#[actix_web::test]
async fn gallery_1_2_3_4_6_7_a_user_is_created_updated_disabled_restored_and_deleted() {
    let (_console, entra) = Console::with_entra();
    assert_eq!(by_name(&entra, "Users", "ana@testuser.com").await.at("/totalResults"), 0);
    let id = made(&entra, "ana").await;
    assert_eq!(by_name(&entra, "Users", "ana@testuser.com").await.at("/Resources/0/id"), &json!(id));
    let updated = changed(
        &entra,
        &id,
        json!([
            { "op": "Replace", "path": "title", "value": "CTO" },
            { "op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Porto" },
        ]),
    )
    .await;
    assert_eq!((updated.at("/title"), updated.at("/addresses/0/locality")), (&json!("CTO"), &json!("Porto")));
    for (word, active) in [("False", false), ("True", true)] {
        let toggled =
            changed(&entra, &id, json!([{ "op": "Replace", "path": "active", "value": word }])).await;
        assert_eq!(toggled.at("/active"), active, "a boolean, not a string");
        assert_eq!(by_name(&entra, "Users", "ana@testuser.com").await.at("/totalResults"), 1, "still found");
    }
    assert_eq!(entra.delete(&format!("/Users/{id}")).await.status, 204);
    assert_eq!(entra.get(&format!("/Users/{id}")).await.status, 404);
    assert_eq!(by_name(&entra, "Users", "ana@testuser.com").await.at("/totalResults"), 0);
}

#[actix_web::test]
async fn gallery_5_25_a_manager_is_set_changed_and_removed() {
    let (_console, entra) = Console::with_entra();
    let [id, first, second] = [made(&entra, "ana").await, made(&entra, "bo").await, made(&entra, "cy").await];
    let path = format!("{ENTERPRISE}:manager");
    let told = format!("/{ENTERPRISE}/manager/value");
    let steps = [
        (json!([{ "op": "Add", "path": path, "value": first }]), json!(first)),
        (json!([{ "op": "replace", "path": path, "value": second }]), json!(second)),
        (json!([{ "op": "replace", "path": path, "value": "" }]), Value::Null),
        (json!([{ "op": "add", "path": path, "value": { "value": first } }]), json!(first)),
        (json!([{ "op": "remove", "path": path }]), Value::Null),
        (
            json!([{ "op": "Add", "path": "manager", "value": [{ "$ref": "x", "value": second }] }]),
            json!(second),
        ),
    ];
    for (operations, wanted) in steps {
        let shown = changed(&entra, &id, operations.clone()).await;
        assert_eq!(shown.at(&told), &wanted, "{operations}");
    }
}

#[actix_web::test]
async fn gallery_8_to_14_a_group_is_created_renamed_filled_emptied_and_deleted() {
    let (_console, entra) = Console::with_entra();
    let ana = made(&entra, "ana").await;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "c4d56c3c", "displayName": "Crew", "meta": { "resourceType": "Group" },
    });
    let group = entra.post("/Groups", body.clone()).await;
    assert_eq!(group.status, 201);
    let path = format!("/Groups/{}", group.id());
    assert_eq!(by_name(&entra, "Groups", "crew").await.at("/totalResults"), 1);
    let renamed =
        entra.patch(&path, json!([{ "op": "Replace", "path": "displayName", "value": "Crew 2" }])).await;
    assert_eq!(renamed.status, 204);
    assert_eq!(by_name(&entra, "Groups", "Crew 2").await.at("/totalResults"), 1);
    for (operation, members) in [("Add", 1), ("Remove", 0)] {
        let operations = json!([{ "op": operation, "path": "members", "value": [{ "value": ana }] }]);
        assert_eq!(entra.patch(&path, operations).await.status, 204);
        let shown = entra.get(&path).await;
        assert_eq!(shown.at("/members").as_array().map_or(0, Vec::len), members);
    }
    assert_eq!(entra.delete(&path).await.status, 204);
    assert_eq!(by_name(&entra, "Groups", "Crew 2").await.at("/totalResults"), 0);
    assert_eq!(entra.post("/Groups", body).await.status, 201, "14: restored");
}

#[actix_web::test]
async fn gallery_15_schemas_name_every_attribute_that_is_mapped() {
    let (_console, entra) = Console::with_entra();
    let schemas = entra.get("/Schemas").await;
    let mut flat = Vec::new();
    for schema in schemas.at("/Resources").as_array().unwrap() {
        let urn = schema["id"].as_str().unwrap();
        let prefix = if urn.contains("extension") { format!("{urn}:") } else { String::new() };
        for attribute in schema["attributes"].as_array().unwrap() {
            let name = format!("{prefix}{}", attribute["name"].as_str().unwrap());
            for sub in attribute["subAttributes"].as_array().into_iter().flatten() {
                flat.push(format!("{name}.{}", sub["name"].as_str().unwrap()).to_lowercase());
            }
            flat.push(name.to_lowercase());
        }
    }
    // The mapping of the 8x8 gallery application and the default one of custom applications.
    for mapped in [
        "userName",
        "externalId",
        "active",
        "title",
        "displayName",
        "preferredLanguage",
        "locale",
        "timezone",
        "emails.value",
        "emails.type",
        "name.givenName",
        "name.familyName",
        "name.formatted",
        "phoneNumbers.value",
        "phoneNumbers.type",
        "addresses.formatted",
        "addresses.streetAddress",
        "addresses.country",
        "members",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "urn:ietf:params:scim:schemas:extension:8x8:1.1:User:site",
        "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:site",
    ] {
        assert!(flat.contains(&mapped.to_lowercase()), "{mapped}");
    }
}

#[actix_web::test]
async fn gallery_16_empty_strings_and_nulls_clear() {
    let (_console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    let department = format!("{ENTERPRISE}:department");
    for empty in [json!(""), Value::Null] {
        let paths = ["title", "name.formatted", "phoneNumbers[type eq \"work\"].value", department.as_str()];
        let operations: Vec<Value> =
            paths.iter().map(|path| json!({ "op": "replace", "path": path, "value": empty })).collect();
        let each = changed(&entra, &id, Value::Array(operations)).await;
        let whole = json!({ "displayName": empty, "name.givenName": empty, (format!("{ENTERPRISE}:employeeNumber")): empty });
        let all = changed(&entra, &id, json!([{ "op": "replace", "value": whole }])).await;
        for (shown, pointer) in
            [(&each, "/title"), (&each, "/name/formatted"), (&all, "/displayName"), (&all, "/name/givenName")]
        {
            assert_eq!(shown.at(pointer), &Value::Null, "{pointer} after {empty}");
        }
        assert_eq!(all.at(&format!("/{ENTERPRISE}")), &Value::Null);
        assert_eq!(all.at("/phoneNumbers").as_array().unwrap().len(), 1, "the fax number stays");
        assert_eq!(entra.put(&format!("/Users/{id}"), person("ana")).await.status, 200);
    }
}

#[actix_web::test]
async fn gallery_17_to_20_resources_come_back_with_id_and_name() {
    let (_console, entra) = Console::with_entra();
    let user = entra.post("/Users", person("ana")).await;
    assert_eq!((user.status, user.at("/userName")), (201, &json!("ana@testuser.com")));
    assert_eq!(
        changed(
            &entra,
            &user.id(),
            json!([{ "op": "replace", "path": "userName", "value": "new@testuser.com" }])
        )
        .await
        .at("/userName"),
        "new@testuser.com"
    );
    let group = entra.post("/Groups", json!({ "displayName": "Crew" })).await;
    assert_eq!((group.status, group.at("/displayName")), (201, &json!("Crew")));
    let path = format!("/Groups/{}", group.id());
    assert_eq!(
        entra.patch(&path, json!([{ "op": "replace", "value": { "externalId": "x" } }])).await.status,
        204
    );
    assert_eq!(entra.get(&path).await.at("/externalId"), "x");
}

// 21 and 22, credentials, have files of their own: `credentials.rs` and `federation.rs`.

#[actix_web::test]
async fn gallery_23_24_pages_tell_where_they_begin() {
    let (_console, entra) = Console::with_entra();
    for number in 0..12 {
        made(&entra, &format!("user{number}")).await;
        entra.post("/Groups", json!({ "displayName": format!("Group {number}") })).await;
    }
    for kind in ["Users", "Groups"] {
        let mut seen = Vec::new();
        for (start, held) in [(1, 5), (6, 5), (11, 2)] {
            let page = entra.get(&format!("/{kind}?startIndex={start}&count=5")).await;
            assert_eq!(
                (page.at("/startIndex"), page.at("/itemsPerPage"), page.at("/totalResults")),
                (&json!(start), &json!(held), &json!(12))
            );
            seen.extend(page.at("/Resources").as_array().unwrap().iter().map(|one| one["id"].to_string()));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 12, "{kind}");
    }
}

#[actix_web::test]
async fn the_public_validator_creates_finds_and_changes_users() {
    let (_console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    let double = entra.post("/Users", person("ana")).await;
    assert_eq!((double.status, double.at("/scimType")), (409, &json!("uniqueness")));
    assert!(double.at("/detail").is_string());
    for (name, total) in [("ana@testuser.com", 1), ("nobody@testuser.com", 0), ("ANA@TESTUSER.COM", 1)] {
        assert_eq!(by_name(&entra, "Users", name).await.at("/totalResults"), total, "{name}");
    }
    let added = changed(&entra, &id, json!([
        { "op": "add", "path": "emails[type eq \"home\"].value", "value": "ana@home.test" },
        { "op": "add", "value": { "nickName": "An", "name.middleName": "M", "addresses[type eq \"home\"].country": "PT" } },
    ])).await;
    assert_eq!(
        (added.at("/emails/1/value"), added.at("/nickName"), added.at("/addresses/1/country")),
        (&json!("ana@home.test"), &json!("An"), &json!("PT"))
    );
    let replaced = changed(
        &entra,
        &id,
        json!([
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@work.test" },
            { "op": "replace", "path": "emails[type eq \"work\"].primary", "value": true },
            { "op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "1" },
            { "op": "replace", "value": { "displayName": "New", (format!("{ENTERPRISE}:costCenter")): "C" } },
        ]),
    )
    .await;
    assert_eq!(
        (replaced.at("/emails/0/value"), replaced.at("/displayName")),
        (&json!("new@work.test"), &json!("New"))
    );
    let renamed =
        changed(&entra, &id, json!([{ "op": "replace", "value": { "userName": "renamed@testuser.com" } }]))
            .await;
    assert_eq!(renamed.at("/userName"), "renamed@testuser.com");
    assert_eq!(by_name(&entra, "Users", "renamed@testuser.com").await.at("/totalResults"), 1);
    let disabled = changed(&entra, &id, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!(disabled.at("/active"), false);
    // Several operations on one attribute, in order.
    let last = changed(
        &entra,
        &id,
        json!([
            { "op": "remove", "path": "displayName" },
            { "op": "add", "path": "displayName", "value": "One" },
            { "op": "replace", "path": "displayName", "value": "Two" },
        ]),
    )
    .await;
    assert_eq!(last.at("/displayName"), "Two");
    // It has sent an empty list.
    assert_eq!(entra.patch(&format!("/Users/{id}"), json!([])).await.status, 200);
    assert_eq!(entra.delete(&format!("/Users/{id}")).await.status, 204);
    for path in
        [format!("/Users/{id}"), "/Users/00000000-0000-0000-0000-000000000000".into(), "/Groups/x".into()]
    {
        assert_eq!(entra.delete(&path).await.status, 404, "{path}");
    }
}

// Source: PostmanCollection.json of Microsoft's SCIM reference code.
#[actix_web::test]
async fn the_postman_collection_is_answered() {
    let (_console, entra) = Console::with_entra();
    for body in [json!({}), json!({ "userName": "" }), json!({ "userName": null }), json!({ "userName": 7 })]
    {
        assert_eq!(entra.post("/Users", body).await.status, 400);
    }
    let made = entra.post("/Users", json!({ "userName": "x", "active": "True" })).await;
    assert_eq!((made.status, made.at("/active")), (201, &json!(true)));
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", entra.token)),
        ("Content-Type".to_owned(), "application/json".to_owned()),
    ];
    let cut = Some("{\"userName\":".to_owned());
    let junk = entra.raw(reqwest::Method::POST, "/Users", &headers, cut).await;
    assert_eq!((junk.status, junk.at("/scimType")), (400, &json!("invalidSyntax")));
}

// Source: developer.okta.com, "SCIM protocol" (PUT for profiles, `active` without a path, groups by PUT).
#[actix_web::test]
async fn okta_speaks_its_own_dialect() {
    let (_console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    let found =
        entra.get("/Users?filter=userName%20eq%20%22ana%40testuser.com%22&startIndex=1&count=100").await;
    assert_eq!(found.at("/Resources/0/id"), &json!(id));
    let mut whole = entra.get(&format!("/Users/{id}")).await.json;
    whole["title"] = json!("Chief");
    whole["groups"] = json!([]);
    whole["password"] = json!("not kept");
    let put = entra.put(&format!("/Users/{id}"), whole).await;
    assert_eq!((put.status, put.at("/title"), put.at("/password")), (200, &json!("Chief"), &Value::Null));
    for active in [false, true] {
        let patched = entra
            .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "value": { "active": active } }]))
            .await;
        assert_eq!((patched.status, patched.at("/active")), (200, &json!(active)));
    }
    let group = entra.post("/Groups", json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Crew", "members": [] })).await;
    let path = format!("/Groups/{}", group.id());
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": group.id(), "displayName": "Crew",
                       "members": [{ "value": id, "display": "ana@testuser.com" }] });
    assert_eq!(entra.put(&path, body).await.at("/members/0/value"), &json!(id));
    let renamed = entra
        .patch(&path, json!([{ "op": "replace", "value": { "id": group.id(), "displayName": "Crew 2" } }]))
        .await;
    assert_eq!(renamed.status, 204);
}
