//! The dialects of Entra ID, Okta and Microsoft's validators, each with its source, and what the RFC refuses.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::needless_pass_by_value, reason = "literals read better so")]

use super::patch::Patch;
use super::project::Projection;
use super::user::{SiteUrn, User};
use super::{ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType, message, parse_filter, schema};
use serde_json::{Value, json};

fn read(body: Value) -> User {
    User::read(&body, &User::default()).unwrap().strict().unwrap().0
}

fn ana() -> User {
    read(json!({
        "userName": "ana@example.com",
        "title": "Planner",
        "name": { "givenName": "Ana", "familyName": "Lima", "middleName": "M." },
        "emails": [{ "type": "work", "value": "ana@example.com", "primary": true }],
        "roles": [{ "value": "clerk", "primary": true }, { "value": "guest" }],
        ENTERPRISE_USER: { "employeeNumber": "7", "manager": "m1" },
    }))
}

fn patched(operations: Value) -> User {
    Patch::read(&json!({ "Operations": operations })).unwrap().apply(&ana()).strict().unwrap().0
}

fn patch_fault(operations: Value) -> (u16, Option<ScimType>) {
    let patch = Patch::read(&json!({ "Operations": operations }));
    let fault = patch.and_then(|patch| patch.apply(&ana()).strict()).unwrap_err();
    (fault.status, fault.kind)
}

fn read_fault(body: Value) -> (u16, Option<ScimType>) {
    let fault = User::read(&body, &User::default()).and_then(super::tolerance::Sent::strict).unwrap_err();
    (fault.status, fault.kind)
}

// Source: use-scim-to-provision-users-and-groups, "Create user" (nulls, a URN without its colon, top-level strangers).
#[test]
fn microsofts_documented_create_is_read_in_spite_of_its_faults() {
    let user = read(json!({
        "schemas": ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "userName": "t", "addresses": null, "phoneNumbers": null, "title": null, "department": null, "manager": null,
    }));
    assert_eq!(user, User { user_name: "t".into(), ..User::default() });
}

#[test]
fn names_of_attributes_are_read_in_any_case() {
    let user = read(json!({ "USERNAME": "t", "Emails": [{ "VALUE": "a@b.c", "Type": "work" }] }));
    assert_eq!((user.user_name.as_str(), user.emails[0].value.as_deref()), ("t", Some("a@b.c")));
}

// Source: SCIMReferenceCode, Postman collection ("active": "True").
#[test]
fn booleans_written_as_strings_are_booleans() {
    let user =
        read(json!({ "userName": "t", "active": "False", "roles": [{ "value": "x", "primary": "True" }] }));
    assert_eq!((user.active, user.roles[0].primary), (Some(false), Some(true)));
    assert_eq!(user.to_json()["roles"][0]["primary"], true, "an answer has real booleans");
}

// Source: apache/directory-scimple#1242 (bare string in), use-scim…, example 5 (list of one).
#[test]
fn a_manager_arrives_in_three_shapes_and_leaves_as_an_object() {
    for manager in
        [json!("m1"), json!({ "value": "m1" }), json!([{ "$ref": "https://x/Users/m1", "value": "m1" }])]
    {
        let user = read(json!({ "userName": "t", ENTERPRISE_USER: { "manager": manager } }));
        assert_eq!(user.to_json()[ENTERPRISE_USER]["manager"]["value"], "m1");
    }
}

#[test]
fn an_extension_is_read_without_its_urn_in_schemas_and_listed_in_the_answer() {
    let user = read(json!({ "schemas": [], "userName": "t", ROLLCALL_USER_8X8: { "site": " Delft " } }));
    let site = user.site.clone().unwrap();
    assert_eq!((site.name.as_str(), site.urn), ("Delft", SiteUrn::EightByEight));
    assert_eq!(user.to_json()["schemas"][1], ROLLCALL_USER_8X8);
    let own = read(json!({ "userName": "t", ROLLCALL_USER: { "site": "Delft" } }));
    assert_eq!(own.to_json()[ROLLCALL_USER]["site"], "Delft");
}

#[test]
fn phone_numbers_come_back_exactly_as_they_were_sent() {
    let phones = json!([{ "value": "+31 (0)6-55 50.12/34", "type": "mobile" }, { "value": "31105550142", "type": "work" }]);
    let user = read(json!({ "userName": "t", "phoneNumbers": phones.clone() }));
    assert_eq!(user.to_json()["phoneNumbers"], phones);
}

#[test]
fn a_password_is_taken_and_thrown_away() {
    let user = read(json!({ "userName": "t", "password": "secret" }));
    assert!(!user.to_json().to_string().contains("secret"));
    assert_eq!(patched(json!([{ "op": "replace", "path": "password", "value": "secret" }])), ana());
}

#[test]
fn bodies_of_the_wrong_shape_are_refused_by_name() {
    assert_eq!(read_fault(json!("x")), (400, Some(ScimType::InvalidSyntax)));
    for body in [
        json!({}),
        json!({ "userName": "" }),
        json!({ "userName": 5 }),
        json!({ "userName": "t", "active": "perhaps" }),
        json!({ "userName": "t", "active": 1 }),
        json!({ "userName": "t", "name": "Ana" }),
        json!({ "userName": "t", "emails": 5 }),
        json!({ "userName": "t", "emails": [5] }),
        json!({ "userName": "t", "title": { "x": 1 } }),
        json!({ "userName": "t", "emails": { "value": "a@b.c" } }),
        json!({ "userName": "t", "emails": "a@b.c" }),
        json!({ "userName": "t", "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] }),
        json!({ "userName": "t", ENTERPRISE_USER: "x" }),
    ] {
        assert_eq!(read_fault(body.clone()), (400, Some(ScimType::InvalidValue)), "{body}");
    }
}

// Source: application-provisioning-config-problem-scim-compatibility: default dialect and aadOptscim062020.
#[test]
fn both_dialects_of_entra_id_disable_a_user() {
    assert_eq!(patched(json!([{ "op": "Replace", "path": "active", "value": "False" }])).active, Some(false));
    assert_eq!(patched(json!([{ "op": "replace", "path": "active", "value": false }])).active, Some(false));
    // Okta sends the whole thing without a path, ids and all.
    let okta = json!([{ "op": "replace", "value": { "id": "x", "schemas": [], "active": false } }]);
    assert_eq!(patched(okta).active, Some(false));
}

#[test]
fn dotted_and_urn_qualified_keys_without_a_path_reach_their_attributes() {
    let user = patched(json!([{ "op": "replace", "value": {
        "displayName": "Ana L.",
        "name.givenName": "Anna",
        "emails[type eq \"work\"].value": "anna@example.com",
        format!("{ENTERPRISE_USER}:employeeNumber"): "8",
        ROLLCALL_USER: { "site": "Delft" },
        "urn:ietf:params:scim:schemas:core:2.0:User:title": "Boss",
        "nonsense": "ignored",
    }}]));
    assert_eq!(user.display_name.as_deref(), Some("Ana L."));
    assert_eq!(
        (user.name.given_name.as_deref(), user.name.family_name.as_deref()),
        (Some("Anna"), Some("Lima"))
    );
    assert_eq!(user.emails[0].value.as_deref(), Some("anna@example.com"));
    assert_eq!(user.enterprise.employee_number.as_deref(), Some("8"));
    assert_eq!(user.enterprise.manager.unwrap().value, "m1", "what stands beside it survives");
    assert_eq!((user.site.unwrap().name.as_str(), user.title.as_deref()), ("Delft", Some("Boss")));
}

// Source: learn.microsoft.com/answers 120490: a Microsoft employee confirms that the element is to be created.
#[test]
fn a_value_path_that_matches_nothing_creates_the_element() {
    for op in ["Add", "Replace"] {
        let path = "phoneNumbers[type eq \"mobile\"].value";
        let user = patched(json!([{ "op": op, "path": path, "value": "+351925550177" }]));
        let phone = &user.phone_numbers[0];
        assert_eq!((phone.kind.as_deref(), phone.value.as_deref()), (Some("mobile"), Some("+351925550177")));
    }
    let vague = json!([{ "op": "replace", "path": "emails[value co \"nobody\"].display", "value": "x" }]);
    assert_eq!(patch_fault(vague), (400, Some(ScimType::NoTarget)));
}

#[test]
fn a_value_path_changes_the_element_that_it_names() {
    let path = "emails[type eq \"WORK\"].value";
    let user = patched(json!([{ "op": "Replace", "path": path, "value": "new@example.com" }]));
    assert_eq!(user.emails.len(), 1);
    assert_eq!(
        (user.emails[0].value.as_deref(), user.emails[0].primary),
        (Some("new@example.com"), Some(true))
    );
}

// Source: validate-user-provisioning-app-gallery, SCIM_Null_Update_Test and SCIM_Update_Manager_Test.
#[test]
fn empty_strings_and_nulls_clear() {
    for nothing in [json!(""), json!(null)] {
        let path = format!("{ENTERPRISE_USER}:manager");
        let user = patched(json!([
            { "op": "replace", "path": "title", "value": nothing },
            { "op": "replace", "path": path, "value": nothing },
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": nothing },
            { "op": "replace", "value": { "name.middleName": nothing } },
        ]));
        assert_eq!((user.title, user.enterprise.manager, user.name.middle_name), (None, None, None));
        assert!(user.emails.is_empty());
    }
}

#[test]
fn a_manager_is_set_and_removed_by_every_path_that_is_sent() {
    for path in
        [format!("{ENTERPRISE_USER}:manager"), "manager".into(), format!("{ENTERPRISE_USER}:manager.value")]
    {
        let set = patched(json!([{ "op": "Add", "path": path, "value": "m2" }]));
        assert_eq!(set.enterprise.manager.unwrap().value, "m2", "{path}");
        let removed = patched(json!([{ "op": "remove", "path": path }]));
        assert_eq!(removed.enterprise.manager, None, "{path}");
    }
    let listed =
        json!([{ "op": "Add", "path": "manager", "value": [{ "$ref": "https://x", "value": "m2" }] }]);
    assert_eq!(patched(listed).enterprise.manager.unwrap().value, "m2");
}

// Source: MicrosoftDocs/azure-docs#42220 (2018 strings), customize-application-attributes (packed roles).
#[test]
fn strings_in_a_list_and_roles_in_a_string_are_unpacked() {
    let old = json!([{ "op": "Replace", "path": "title", "value": [{ "$ref": null, "value": "Boss" }] }]);
    assert_eq!(patched(old).title.as_deref(), Some("Boss"));
    let packed = "{\"id\":\"1\",\"value\":\"admin\",\"displayName\":\"Admin\",\"primary\":\"False\"}";
    let user = patched(json!([{ "op": "Add", "path": "roles", "value": [{ "value": "x" }, packed] }]));
    let values: Vec<_> = user.roles.iter().map(|role| role.value.as_deref().unwrap()).collect();
    assert_eq!(values, ["clerk", "guest", "x", "admin"]);
}

#[test]
fn adding_twice_adds_once_and_the_newest_primary_wins() {
    let role = json!({ "value": "boss", "primary": true });
    let user = patched(json!([
        { "op": "add", "path": "roles", "value": [role] },
        { "op": "add", "path": "roles", "value": role },
    ]));
    let primary: Vec<_> =
        user.roles.iter().map(|role| (role.value.as_deref().unwrap(), role.primary)).collect();
    assert_eq!(primary, [("clerk", Some(false)), ("guest", None), ("boss", Some(true))]);
    let switched =
        patched(json!([{ "op": "replace", "path": "roles[value eq \"guest\"].primary", "value": true }]));
    assert_eq!((switched.roles[0].primary, switched.roles[1].primary), (Some(false), Some(true)));
}

// Source: validate-user-provisioning-app-gallery: `roles[primary eq "True"].value`.
#[test]
fn a_boolean_is_compared_with_a_capital_string() {
    let path = "roles[primary eq \"True\"].value";
    let user = patched(json!([{ "op": "Replace", "path": path, "value": "boss" }]));
    assert_eq!((user.roles.len(), user.roles[0].value.as_deref()), (2, Some("boss")));
}

#[test]
fn removing_takes_what_is_named_and_nothing_else() {
    let by_list = patched(json!([{ "op": "Remove", "path": "roles", "value": [{ "value": "guest" }] }]));
    assert_eq!(by_list.roles.len(), 1);
    let by_filter = patched(json!([{ "op": "remove", "path": "roles[value eq \"clerk\"]" }]));
    assert_eq!(by_filter.roles[0].value.as_deref(), Some("guest"));
    assert!(patched(json!([{ "op": "remove", "path": "roles" }])).roles.is_empty());
    assert_eq!(patched(json!([{ "op": "remove", "path": "name.middleName" }])).name.middle_name, None);
    assert_eq!(
        patched(json!([{ "op": "remove", "path": ENTERPRISE_USER }])).enterprise,
        super::user::Enterprise::default()
    );
    assert_eq!(patched(json!([{ "op": "remove", "path": "roles[value eq \"nobody\"]" }])), ana());
}

// Source: the public validator sends an empty list; Microsoft's samples put Operations before schemas.
#[test]
fn no_operations_change_nothing_in_any_order_of_members() {
    let patch = Patch::read(&json!({ "operations": [], "schemas": [] })).unwrap();
    assert_eq!(patch.apply(&ana()).strict().unwrap(), (ana(), Vec::new()));
}

#[test]
fn changes_that_cannot_be_are_refused_with_the_kind_that_the_rfc_names() {
    use ScimType::{InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget};
    let refused = |operation: Value| patch_fault(json!([operation])).1.unwrap();
    assert_eq!(refused(json!({ "op": "move", "path": "title", "value": "x" })), InvalidSyntax);
    assert_eq!(refused(json!("x")), InvalidSyntax);
    assert_eq!(refused(json!({ "op": "remove" })), NoTarget);
    assert_eq!(refused(json!({ "op": "add", "path": "title" })), InvalidValue);
    assert_eq!(refused(json!({ "op": "add", "value": "x" })), InvalidValue);
    assert_eq!(refused(json!({ "op": "replace", "path": "userName", "value": "" })), InvalidValue);
    assert_eq!(refused(json!({ "op": "remove", "path": "userName" })), Mutability);
    assert_eq!(refused(json!({ "op": "replace", "path": "id", "value": "x" })), Mutability);
    assert_eq!(refused(json!({ "op": "replace", "path": "groups", "value": [] })), Mutability);
    for path in ["emails[", "title[value eq \"x\"]", "emails[type eq].value", "a b"] {
        assert_eq!(refused(json!({ "op": "replace", "path": path, "value": "x" })), InvalidPath, "{path}");
    }
    assert_eq!(refused(json!({ "op": "replace", "path": 5, "value": "x" })), InvalidPath);
    assert!(Patch::read(&json!({ "Operations": 5 })).is_err());
    assert!(Patch::read(&json!({})).is_err());
    assert!(
        Patch::read(
            &json!({ "Operations": vec![json!({ "op": "add", "path": "title", "value": "x" }); 1001] })
        )
        .is_err()
    );
}

#[test]
fn filters_are_bounded_and_refused_by_kind() {
    assert!(parse_filter("userName eq \"a\" and not (title co \"b\" or active eq true)").is_ok());
    for bad in [
        "",
        "userName",
        "userName eq",
        "userName xx \"a\"",
        "(userName eq \"a\"",
        "userName eq \"a\")",
        "userName eq a b",
        "userName eq 'a'",
        "userName eq “a”",
        "userName eq and title pr",
        "not title pr",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\"]. eq \"x\"",
        "emails[type eq \"work\".value eq \"x\"",
        "emails.value[type eq \"work\"] pr",
        "userName eq \"\\x\"",
        "a.b.c pr",
        "7 pr",
        &"(".repeat(9000),
        &"x".repeat(9000),
    ] {
        let fault = parse_filter(bad).unwrap_err();
        assert_eq!(fault.kind, Some(ScimType::InvalidFilter), "{bad}");
        // Plain words: none of a parser's.
        for word in ["token", "Token", "Unrecognized", "expected one of", "EOF", "parse"] {
            assert!(!fault.detail.contains(word), "{bad}: {}", fault.detail);
        }
        assert!(
            fault.detail.starts_with("The filter cannot be read: ") && fault.detail.len() < 400,
            "{}",
            fault.detail
        );
    }
}

// Source: use-scim-to-provision-users-and-groups and its reference code print filters without quotation marks.
#[test]
fn values_without_quotation_marks_are_read_as_texts() {
    let same = |one: &str, other: &str| {
        assert_eq!(parse_filter(one).unwrap(), parse_filter(other).unwrap(), "{one}");
    };
    same("userName eq foo@bar.com", "userName eq \"foo@bar.com\"");
    same("externalId eq 5171a35d82074e068ce2", "externalId eq \"5171a35d82074e068ce2\"");
    same("externalId eq 701984", "externalId eq \"701984\"");
    same("userName eq o'brien+x@bar.com", "userName eq \"o'brien+x@bar.com\"");
    same("(userName eq a@b.c) and (title eq Crew(1))", "userName eq \"a@b.c\" and title eq \"Crew(1)\"");
    same(
        "id eq 54D382A4-2050-4C03-94D1-E769F1D15682 and manager eq 2819c223",
        "id eq \"54D382A4-2050-4C03-94D1-E769F1D15682\" and manager eq \"2819c223\"",
    );
    same("emails[type eq work].value eq a@b.c", "emails[type eq \"work\" and value eq \"a@b.c\"]");
    same("active eq TRUE or active eq \"tRue\"", "active eq \"TRUE\" or active eq tRue");
}

#[test]
fn a_value_path_with_a_part_and_an_operator_reads_as_the_rfc_would_write_it() {
    let same = |one: &str, other: &str| {
        assert_eq!(parse_filter(one).unwrap(), parse_filter(other).unwrap(), "{one}");
    };
    same("emails[type eq \"work\"].value eq \"a@b.c\"", "emails[type eq \"work\" and value eq \"a@b.c\"]");
    same(
        "addresses[type eq \"work\" and primary eq true].locality sw \"D\"",
        "addresses[type eq \"work\" and primary eq true and locality sw \"D\"]",
    );
    same(
        "phoneNumbers[type eq \"work\" or type eq \"fax\"].value pr",
        "phoneNumbers[(type eq \"work\" or type eq \"fax\") and value pr]",
    );
    same("roles[primary eq \"True\"].value eq null", "not (roles[primary eq \"True\" and value pr])");
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:emails";
    same(
        &format!("{urn}[type eq \"work\"].value co \"@\" and title pr"),
        &format!("{urn}[type eq \"work\" and value co \"@\"] and title pr"),
    );
    same("emails[type eq \"work\"] eq \"x\"", "emails[type eq \"work\" and value eq \"x\"]");
}

#[test]
fn a_projection_keeps_what_is_always_returned() {
    let mut user = ana();
    user.id = Some("1".into());
    let only = Projection::read(Some("name.givenName, EMAILS.value,nonsense"), None).apply(user.to_json());
    assert_eq!(only["id"], "1");
    assert_eq!(only["name"], json!({ "givenName": "Ana" }));
    assert_eq!(only["emails"], json!([{ "value": "ana@example.com" }]));
    assert!(only.get("title").is_none() && only.get("schemas").is_some());
    let department = format!("{ENTERPRISE_USER}:employeeNumber,id,schemas");
    let without = Projection::read(None, Some(&department)).apply(user.to_json());
    assert_eq!(without["id"], "1");
    assert_eq!(without[ENTERPRISE_USER], json!({ "manager": { "value": "m1" } }));
}

#[test]
fn what_is_told_of_the_schemas_is_what_is_enforced() {
    for schema in schema::all() {
        let told = message::schema(schema, "https://x/scim/v2");
        assert!(!told.to_string().contains("null"));
        let names: Vec<&str> =
            told["attributes"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(schema.attributes.iter().all(|attribute| names.contains(&attribute.name)));
    }
    // Every writable attribute of the table survives a round through the typed user.
    for attribute in
        schema::USER.attributes.iter().filter(|one| one.mutability == schema::Mutability::ReadWrite)
    {
        let mut body = json!({ "userName": "t" });
        if attribute.name != "userName" {
            body[attribute.name] = sample(attribute);
        }
        let answer = read(body.clone()).to_json();
        assert_eq!(answer[attribute.name], body[attribute.name], "{}", attribute.name);
    }
}

fn sample(attribute: &schema::Attribute) -> Value {
    if attribute.kind == schema::Kind::Boolean {
        return json!(true);
    }
    if attribute.kind != schema::Kind::Complex {
        return json!("x");
    }
    let parts = attribute.sub.iter().map(|part| (part.name.to_owned(), sample(part))).collect();
    let value = Value::Object(parts);
    if attribute.multi { json!([value]) } else { value }
}
