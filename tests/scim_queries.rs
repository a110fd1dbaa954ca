//! Lists: filters, orders, pages, attributes (RFC 7644 sections 3.4.2, 3.4.3 and 3.9; RFC 9865).

use crate::harness::{Console, Entra, Reply};
use chrono::TimeDelta;
use serde_json::{Value, json};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Five people and two groups, each with something of their own.
async fn staffed() -> (Console, Entra) {
    let (console, entra) = Console::with_entra();
    let people = [
        json!({ "userName": "ana@example.com", "externalId": "A-1", "displayName": "Ana Lima", "title": "Planner",
            "active": true, "name": { "givenName": "Ana", "familyName": "Lima", "middleName": "Z." },
            "emails": [{ "type": "work", "value": "Ana@Example.com", "primary": true },
                       { "type": "home", "value": "ana@home.test" }] }),
        json!({ "userName": "bo@example.com", "externalId": "a-1", "displayName": "bo berg", "nickName": "Élan \"B\"",
            "active": false, "emails": [{ "type": "work", "value": "bo@example.com" }],
            "phoneNumbers": [{ "type": "mobile", "value": "+31 6 111" }, { "type": "pager", "value": "+31 6 999" }] }),
        json!({ "userName": "cy@example.com", "displayName": "Éva Cy", "title": "planner", "userType": "Employee",
            "addresses": [{ "type": "work", "locality": "Rotterdam" }] }),
        json!({ "userName": "di@example.com", "title": "Driver 100%",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                { "department": "Quay_1", "employeeNumber": "007" } }),
        json!({ "userName": "ed@other.org", "displayName": "Ed", "locale": "en-GB",
            "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": { "site": "Rotterdam" } }),
    ];
    let mut ids = Vec::new();
    for person in people {
        let made = entra.post("/Users", person).await;
        assert_eq!(made.status, 201, "{}", made.json);
        ids.push(made.id());
    }
    for (name, members) in [("Planners", vec![&ids[0], &ids[2]]), ("drivers", vec![&ids[3]])] {
        let members: Vec<Value> = members.into_iter().map(|id| json!({ "value": id })).collect();
        let made = entra.post("/Groups", json!({ "displayName": name, "members": members })).await;
        assert_eq!(made.status, 201, "{}", made.json);
    }
    (console, entra)
}

async fn search(entra: &Entra, path: &str, query: &[(&str, &str)]) -> Reply {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    entra.get(&format!("{path}?{query}")).await
}

/// The user names (or group names) of a list, up to the `@`.
fn names(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{}", reply.json);
    let resources = reply.at("/Resources").as_array().unwrap();
    let name = |one: &'static str| move |resource: &Value| resource[one].is_string();
    let shown = resources.iter().map(|resource| {
        let key = if name("userName")(resource) { "userName" } else { "displayName" };
        resource[key].as_str().unwrap().split('@').next().unwrap()
    });
    shown.collect()
}

#[actix_web::test]
async fn every_operator_answers_by_the_rules_of_its_attribute() {
    let (_console, entra) = staffed().await;
    let crew = search(&entra, "/Groups", &[("filter", "displayName eq \"Planners\"")]).await;
    let in_crew = format!("groups.value eq {}", crew.at("/Resources/0/id"));
    let not_in_crew = format!("not (groups eq {})", crew.at("/Resources/0/id"));
    let cases: &[(&str, &[&str])] = &[
        (&in_crew, &["ana", "cy"]),
        (&not_in_crew, &["bo", "di", "ed"]),
        ("urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:site eq \"ROTTERDAM\"", &["ed"]),
        ("urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:site pr", &["ed"]),
        // Case: userName is not exact, externalId is.
        ("userName eq \"ANA@example.COM\"", &["ana"]),
        ("USERNAME Eq \"ana@example.com\"", &["ana"]),
        ("externalId eq \"a-1\"", &["bo"]),
        ("externalId eq \"A-1\"", &["ana"]),
        ("externalId sw \"A\"", &["ana"]),
        ("userName ne \"ana@example.com\"", &["bo", "cy", "di", "ed"]),
        ("userName co \"EXAMPLE\"", &["ana", "bo", "cy", "di"]),
        ("userName sw \"a\" or userName ew \".ORG\"", &["ana", "ed"]),
        ("userName gt \"cy@example.com\"", &["di", "ed"]),
        ("userName ge \"cy@example.com\"", &["cy", "di", "ed"]),
        ("userName lt \"bo\"", &["ana"]),
        ("userName le \"bo@example.com\"", &["ana", "bo"]),
        // Wildcards of the database are characters like any other.
        ("title co \"%\"", &["di"]),
        ("title co \"_\"", &[]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"quay_1\"", &["di"]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"quayX1\"", &[]),
        // Every script folds.
        ("displayName eq \"éva cy\"", &["cy"]),
        ("displayName sw \"ÉV\"", &["cy"]),
        ("nickName eq \"élan \\\"b\\\"\"", &["bo"]),
        // Presence, null and absence.
        ("title pr", &["ana", "cy", "di"]),
        ("not (title pr)", &["bo", "ed"]),
        ("title eq null", &["bo", "ed"]),
        ("title ne null", &["ana", "cy", "di"]),
        ("title ne \"Planner\"", &["bo", "di", "ed"]),
        ("nickName pr", &["bo"]),
        ("emails pr", &["ana", "bo"]),
        ("addresses pr", &["cy"]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber pr", &["di"]),
        // Booleans, also as strings.
        ("active eq true", &["ana", "cy", "di", "ed"]),
        ("active eq \"False\"", &["bo"]),
        ("active ne true", &["bo"]),
        // Precedence and grouping.
        ("title eq \"planner\" and userName sw \"a\" or userName sw \"e\"", &["ana", "ed"]),
        ("title eq \"planner\" and (userName sw \"c\" or userName sw \"e\")", &["cy"]),
        ("not (userName sw \"a\") and title pr", &["cy", "di"]),
        // Several values and value paths.
        ("emails eq \"ana@home.test\"", &["ana"]),
        ("emails.value ew \"EXAMPLE.com\"", &["ana", "bo"]),
        ("emails.type eq \"home\"", &["ana"]),
        ("emails.primary eq true", &["ana"]),
        ("emails[type eq \"work\" and value co \"ANA\"]", &["ana"]),
        ("emails[type eq \"home\" and value eq \"ana@example.com\"]", &[]),
        ("emails[type eq \"work\"] and not (emails[type eq \"home\"])", &["bo"]),
        ("phoneNumbers.value eq \"+31 6 999\"", &["bo"]),
        ("phoneNumbers.value co \"111\"", &["bo"]),
        ("phoneNumbers[type eq \"mobile\" and value eq \"+31 6 111\"]", &["bo"]),
        ("phoneNumbers[type eq \"work\"]", &[]),
        ("addresses.locality eq \"rotterdam\"", &["cy"]),
        // A part and an operator after a value path, as Entra ID asks where the work e-mail matches.
        ("emails[type eq \"work\"].value eq \"ANA@example.com\"", &["ana"]),
        ("emails[type eq \"home\"].value eq \"ana@example.com\"", &[]),
        ("emails[type eq \"work\"].value sw \"b\" or emails[type eq \"home\"].value pr", &["ana", "bo"]),
        ("emails[type eq \"work\"].value ne \"bo@example.com\"", &["ana", "cy", "di", "ed"]),
        ("not (emails[type eq \"work\"].value pr)", &["cy", "di", "ed"]),
        ("emails[type eq \"home\"].value eq null and emails pr", &["bo"]),
        ("emails[primary eq \"True\"].value co \"@\"", &["ana"]),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"work\"].value eq \"bo@example.com\"",
            &["bo"],
        ),
        ("phoneNumbers[type eq \"mobile\"].value eq \"+31 6 111\"", &["bo"]),
        ("phoneNumbers[type eq \"pager\"].value sw \"+31\" and active eq False", &["bo"]),
        ("addresses[type eq \"work\"].locality eq \"Rotterdam\"", &["cy"]),
        ("addresses[type eq \"home\"].locality pr", &[]),
        ("urn:ietf:params:scim:schemas:extension:8x8:1.1:User:site eq \"Rotterdam\"", &["ed"]),
        // As Microsoft's pages print them: without quotation marks, booleans capitalised.
        ("userName eq ana@example.com", &["ana"]),
        ("externalId eq A-1", &["ana"]),
        ("(userName eq bo@example.com) and not (active eq True)", &["bo"]),
        ("active eq \"TRUE\" and userName sw a", &["ana"]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq 007", &["di"]),
        ("name.middleName eq \"z.\"", &["ana"]),
        ("userType eq \"employee\" or locale eq \"EN-gb\"", &["cy", "ed"]),
        ("groups.display eq \"planners\"", &["ana", "cy"]),
        ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", &["di"]),
        ("meta.resourceType eq \"User\" and userName sw \"a\"", &["ana"]),
        ("meta.created gt \"2020-01-01T00:00:00Z\" and userName sw \"a\"", &["ana"]),
        ("meta.lastModified lt \"2020-01-01T00:00:00+02:00\"", &[]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"ed\"", &["ed"]),
    ];
    for (filter, wanted) in cases {
        let found = search(&entra, "/Users", &[("filter", filter)]).await;
        assert_eq!(names(&found), *wanted, "{filter}");
        assert_eq!(found.at("/totalResults"), wanted.len(), "{filter}");
        let posted = entra.post("/Users/.search", json!({ "schemas": [SEARCH], "filter": filter })).await;
        assert_eq!(names(&posted), *wanted, "{filter} by POST");
    }
}

#[actix_web::test]
async fn what_is_no_filter_is_refused_by_name() {
    let (_console, entra) = staffed().await;
    let deep = format!("{}title pr{}", "(".repeat(100), ")".repeat(100));
    for filter in [
        "userName eq ana lima",
        "userName eq \"ana",
        "userName",
        "userName eq",
        "eq \"x\"",
        "nobody eq \"x\"",
        "password eq \"x\"",
        "name eq \"x\"",
        "active gt true",
        "active eq \"perhaps\"",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\"].nobody eq \"x\"",
        "emails[type eq \"work\"].value xx \"x\"",
        "meta.created gt \"yesterday\"",
        "meta.created co \"2026\"",
        "userName gt null",
        "emails[nobody eq \"x\"]",
        "userName[value eq \"x\"]",
        "userName eq \"a\" and",
        "(userName eq \"a\"",
        deep.as_str(),
    ] {
        let refused = search(&entra, "/Users", &[("filter", filter)]).await;
        assert_eq!(
            (refused.status, refused.at("/scimType")),
            (400, &json!("invalidFilter")),
            "{filter}: {}",
            refused.json
        );
    }
    for (name, value) in [
        ("count", "ten"),
        ("startIndex", "one"),
        ("sortOrder", "up"),
        ("sortBy", "nobody"),
        ("sortBy", "password"),
    ] {
        let refused = search(&entra, "/Users", &[(name, value)]).await;
        assert_eq!(
            (refused.status, refused.at("/scimType")),
            (400, &json!("invalidValue")),
            "{name}={value}"
        );
        assert!(refused.at("/detail").as_str().unwrap().contains(name));
    }
}

#[actix_web::test]
async fn lists_are_sorted_with_what_is_absent_at_the_end() {
    let (_console, entra) = staffed().await;
    let cases: &[(&str, &str, &[&str])] = &[
        ("userName", "descending", &["ed", "di", "cy", "bo", "ana"]),
        ("displayName", "ascending", &["ana", "bo", "ed", "cy", "di"]),
        ("displayName", "descending", &["di", "cy", "ed", "bo", "ana"]),
        ("name.familyName", "ascending", &["ana", "bo", "cy", "di", "ed"]),
        ("emails", "ascending", &["ana", "bo", "cy", "di", "ed"]),
        ("emails.value", "descending", &["cy", "di", "ed", "bo", "ana"]),
        ("active", "ascending", &["bo", "ana", "cy", "di", "ed"]),
        ("emails[type eq \"home\"].value", "ascending", &["ana", "bo", "cy", "di", "ed"]),
        ("emails[type eq \"work\"]", "descending", &["cy", "di", "ed", "bo", "ana"]),
        ("id", "ascending", &["ana", "bo", "cy", "di", "ed"]),
        ("meta.created", "descending", &["ed", "di", "cy", "bo", "ana"]),
    ];
    for (by, order, wanted) in cases {
        let sorted = search(&entra, "/Users", &[("sortBy", by), ("sortOrder", order)]).await;
        assert_eq!(names(&sorted), *wanted, "{by} {order}");
    }
    let groups = search(&entra, "/Groups", &[("sortBy", "displayName")]).await;
    assert_eq!(names(&groups), ["drivers", "Planners"]);
}

#[actix_web::test]
async fn pages_by_position_keep_to_the_rules_at_their_edges() {
    let (_console, entra) = staffed().await;
    let page = async |start: &str, count: &str| {
        search(&entra, "/Users", &[("startIndex", start), ("count", count)]).await
    };
    let cases: &[(&str, &str, i64, &[&str])] = &[
        ("1", "2", 1, &["ana", "bo"]),
        ("3", "2", 3, &["cy", "di"]),
        ("5", "2", 5, &["ed"]),
        ("6", "2", 6, &[]),
        ("900000000000000000000", "2", i64::MAX, &[]),
        ("0", "1", 1, &["ana"]),
        ("-7", "1", 1, &["ana"]),
        ("1", "0", 1, &[]),
        ("1", "-1", 1, &[]),
        ("1", "100000", 1, &["ana", "bo", "cy", "di", "ed"]),
    ];
    for (start, count, told, wanted) in cases {
        let got = page(start, count).await;
        assert_eq!(names(&got), *wanted, "{start} {count}");
        assert_eq!(got.at("/totalResults"), 5);
        assert_eq!(got.at("/startIndex"), *told);
        assert_eq!(got.at("/itemsPerPage"), wanted.len());
    }
}

#[actix_web::test]
async fn positions_hold_when_somebody_leaves_the_middle_of_the_list() {
    let (_console, entra) = staffed().await;
    let second = async || search(&entra, "/Users", &[("startIndex", "3"), ("count", "2")]).await;
    assert_eq!(names(&second().await), ["cy", "di"]);
    let ana = entra.find("ana@example.com").await;
    let id = ana.at("/Resources/0/id").as_str().unwrap();
    assert_eq!(entra.delete(&format!("/Users/{id}")).await.status, 204);
    let after = second().await;
    assert_eq!(names(&after), ["di", "ed"]);
    assert_eq!(after.at("/totalResults"), 4);
}

#[actix_web::test]
async fn cursors_walk_the_whole_list_once_and_belong_to_their_query() {
    let (console, entra) = staffed().await;
    for sort in ["", "userName", "displayName"] {
        let (mut cursor, mut walked) = (String::new(), Vec::new());
        for _ in 0..10 {
            let page =
                search(&entra, "/Users", &[("cursor", &cursor), ("count", "2"), ("sortBy", sort)]).await;
            assert_eq!(page.at("/startIndex"), &Value::Null, "positions and cursors do not mix");
            assert_eq!(page.at("/totalResults"), 5);
            walked.extend(names(&page).into_iter().map(str::to_owned));
            match page.at("/nextCursor") {
                Value::String(next) => cursor.clone_from(next),
                _ => break,
            }
        }
        walked.sort();
        assert_eq!(walked, ["ana", "bo", "cy", "di", "ed"], "sorted by {sort}");
    }
    let first = search(&entra, "/Users", &[("cursor", ""), ("count", "2")]).await;
    let next = first.at("/nextCursor").as_str().unwrap().to_owned();
    assert!(
        next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
        "RFC 3986 unreserved"
    );
    let refused = async |query: &[(&str, &str)]| {
        let reply = search(&entra, "/Users", query).await;
        assert_eq!(reply.status, 400);
        reply.at("/scimType").as_str().unwrap().to_owned()
    };
    assert_eq!(refused(&[("cursor", "made-up")]).await, "invalidCursor");
    assert_eq!(refused(&[("cursor", &next), ("filter", "title pr")]).await, "invalidCursor");
    assert_eq!(refused(&[("cursor", ""), ("count", "x")]).await, "invalidCount");
    console.clock.advance(TimeDelta::hours(2));
    assert_eq!(refused(&[("cursor", &next)]).await, "expiredCursor");
    let config = entra.get("/ServiceProviderConfig").await;
    assert_eq!(config.at("/pagination/cursor"), true);
    assert_eq!(config.at("/pagination/defaultPaginationMethod"), "index");
}

#[actix_web::test]
async fn groups_are_filtered_by_name_id_and_member() {
    let (_console, entra) = staffed().await;
    let ana = entra.find("ana@example.com").await.at("/Resources/0/id").as_str().unwrap().to_owned();
    let by_member = format!("members.value eq \"{ana}\"");
    let by_path = format!("members[value eq \"{ana}\"]");
    let cases: &[(&str, &[&str])] = &[
        ("displayName eq \"PLANNERS\"", &["Planners"]),
        ("displayName sw \"dr\" or externalId pr", &["drivers"]),
        (&by_member, &["Planners"]),
        (&by_path, &["Planners"]),
        ("members pr", &["Planners", "drivers"]),
        ("members.display eq \"ana lima\"", &["Planners"]),
        ("members[type eq \"Group\"]", &[]),
    ];
    for (filter, wanted) in cases {
        assert_eq!(names(&search(&entra, "/Groups", &[("filter", filter)]).await), *wanted, "{filter}");
    }
    let bare = search(
        &entra,
        "/Groups",
        &[("excludedAttributes", "members"), ("filter", "displayName eq \"planners\"")],
    )
    .await;
    assert_eq!(bare.at("/Resources/0/members"), &Value::Null);
}

#[actix_web::test]
async fn the_root_is_searched_for_users_and_groups_at_once() {
    let (_console, entra) = staffed().await;
    let found = search(&entra, "", &[("filter", "displayName sw \"e\" or displayName co \"ERS\"")]).await;
    assert_eq!(names(&found), ["ed", "Planners", "drivers"]);
    let users =
        search(&entra, "", &[("filter", "meta.resourceType eq \"User\" and userName co \"other\"")]).await;
    assert_eq!(names(&users), ["ed"]);
    let body =
        json!({ "schemas": [SEARCH], "sortBy": "displayName", "count": 3, "attributes": ["displayName"] });
    let sorted = entra.post("/.search", body).await;
    assert_eq!(sorted.at("/totalResults"), 7);
    let told: Vec<&str> = sorted
        .at("/Resources")
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["displayName"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["Ana Lima", "bo berg", "drivers"]);
    assert!(sorted.at("/Resources/0/userName").is_null());
    let page = search(&entra, "", &[("startIndex", "5"), ("count", "2")]).await;
    assert_eq!(names(&page), ["ed", "Planners"]);
    let (mut cursor, mut walked) = (String::new(), 0);
    loop {
        let page = search(&entra, "", &[("cursor", &cursor), ("count", "3")]).await;
        walked += names(&page).len();
        match page.at("/nextCursor").as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(walked, 7);
}

#[actix_web::test]
async fn attributes_are_chosen_in_any_spelling() {
    let (_console, entra) = staffed().await;
    let one = async |query: &[(&str, &str)]| {
        let mut all = vec![("filter", "userName eq \"ana@example.com\"")];
        all.extend(query);
        search(&entra, "/Users", &all).await.at("/Resources/0").clone()
    };
    let few =
        one(&[("attributes", "USERNAME,name.givenName,urn:ietf:params:scim:schemas:core:2.0:User:title")])
            .await;
    let keys: Vec<&String> = few.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schemas", "id", "userName", "name", "title"]);
    assert_eq!(few["name"], json!({ "givenName": "Ana" }));
    let less = one(&[("excludedAttributes", "id,emails,meta,name.familyName")]).await;
    assert!(less["id"].is_string(), "id is always returned");
    assert!(less["emails"].is_null() && less["meta"].is_null() && less["name"]["familyName"].is_null());
    assert_eq!(less["name"]["givenName"], "Ana");
    let chosen = one(&[("attributes", "emails[type eq \"work\"].value,title")]).await;
    assert_eq!(chosen["emails"], json!([{ "value": "Ana@Example.com" }]));
    assert_eq!(chosen["title"], "Planner");
    let whole =
        one(&[("attributes", "emails[type eq \"home\" and value co \",\"],emails[value sw \"ana@h\"]")])
            .await;
    assert_eq!(whole["emails"], json!([{ "type": "home", "value": "ana@home.test" }]));
    let without = one(&[("excludedAttributes", "emails[type eq \"home\"],emails[type eq work].type")]).await;
    assert_eq!(without["emails"], json!([{ "value": "Ana@Example.com", "primary": true }]));
}

#[actix_web::test]
async fn what_would_take_looking_at_everybody_is_refused_when_they_are_many() {
    let (console, entra) = Console::with_entra();
    console.write(|tx| {
        for number in 0..10_100 {
            let profile = rollcall::domain::users::Profile::named(&format!("user{number}@example.com"));
            let wish = rollcall::domain::users::by_hand::LocalProfile { profile, email: None };
            rollcall::domain::users::by_hand::create(tx, wish, None)?;
        }
        Ok(())
    });
    let refused = search(&entra, "/Users", &[("filter", "groups.display co \"x\"")]).await;
    assert_eq!((refused.status, refused.at("/scimType")), (400, &json!("tooMany")));
    let narrowed =
        search(&entra, "/Users", &[("filter", "groups.display co \"x\" and userName sw \"user1\"")]).await;
    assert_eq!(narrowed.at("/totalResults"), 0);
    // What stands in no column is still found, however many there are.
    let found = search(&entra, "/Users", &[("filter", "nickName eq \"x\"")]).await;
    assert_eq!(found.at("/totalResults"), 0);
    // Entra ID's look-up by work e-mail is answered by an index, in each of its forms.
    let made = json!({ "userName": "ana", "emails": [{ "type": "work", "value": "ana@example.com" }] });
    assert_eq!(entra.post("/Users", made).await.status, 201);
    for filter in [
        "emails[type eq \"work\"].value eq \"ANA@example.com\"",
        "emails[type eq \"work\" and value eq \"ana@example.com\"]",
        "emails[type eq work].value pr",
        "emails[type eq \"work\"].value ne \"x\" and emails.value sw \"ana\"",
    ] {
        let found = search(&entra, "/Users", &[("filter", filter)]).await;
        assert_eq!(found.at("/totalResults"), 1, "{filter}: {}", found.json);
    }
    let last = search(&entra, "/Users", &[("startIndex", "10101"), ("count", "5")]).await;
    assert_eq!(last.at("/Resources").as_array().unwrap().len(), 1);
}
