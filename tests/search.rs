//! The search of users: what finds whom, and what stays out of it.

use crate::harness::{Console, Entra};
use rollcall::domain::users::by_hand::{self, Telephony};
use rollcall::domain::users::lifecycle;
use rollcall::domain::users::list::{self, Filter, Total};
use serde_json::json;

/// The user names of those found by these words, in their order.
fn found(console: &Console, words: &str) -> Vec<String> {
    let asked = list::ListRequest {
        filter: Filter { words: words.to_owned(), ..Filter::default() },
        size: 50,
        ..list::ListRequest::default()
    };
    let found = console.org.read(|conn| list::list(conn, &asked, list::Effort::Moment)).unwrap().unwrap();
    let names: Vec<String> =
        found.page.items.into_iter().map(|listed| listed.user.profile.user_name).collect();
    assert_eq!(found.total, Total::Exactly(i64::try_from(names.len()).unwrap()), "{words}");
    names
}

async fn person(entra: &Entra, user_name: &str, name: &str) -> String {
    let body = json!({ "userName": user_name, "displayName": name });
    let reply = entra.post("/Users", body).await;
    assert_eq!(reply.status, 201);
    reply.id()
}

#[actix_web::test]
async fn people_are_found_in_every_case_accent_and_script() {
    let (console, entra) = Console::with_entra();
    for (user_name, name) in [
        ("zoe@x.example", "Zoë Nyström"),
        ("lukasz@x.example", "Łukasz Đorđević"),
        ("olga.f@x.example", "Ольга Фёдорова"),
        ("wang@x.example", "王小明"),
        ("kim@x.example", "김철수"),
        ("yamada@x.example", "ヤマダ タロウ"),
        ("nikos@x.example", "Νίκος Παππάς"),
    ] {
        person(&entra, user_name, name).await;
    }
    for (words, user_name) in [
        ("ZOE nystrom", "zoe@x.example"),
        ("nystro\u{308}m", "zoe@x.example"),
        ("dordevic", "lukasz@x.example"),
        ("фЕдорова", "olga.f@x.example"),
        ("ольга", "olga.f@x.example"),
        ("王小明", "wang@x.example"),
        ("小明", "wang@x.example"),
        ("明", "wang@x.example"),
        ("김", "kim@x.example"),
        ("철수", "kim@x.example"),
        ("タロウ", "yamada@x.example"),
        ("παππασ", "nikos@x.example"),
        ("zo", "zoe@x.example"),
        ("n z", "zoe@x.example"),
    ] {
        assert_eq!(found(&console, words), [user_name], "{words}");
    }
    assert!(found(&console, "oe").is_empty(), "two letters stand where a word begins");
    assert_eq!(found(&console, "x.example").len(), 7);
    assert_eq!(found(&console, "").len(), 8, "and the owner");
    assert!(found(&console, "\u{200B}").is_empty());
}

#[actix_web::test]
async fn short_words_are_found_behind_a_hyphen_and_numbers_in_any_groups() {
    let (console, entra) = Console::with_entra();
    person(&entra, "ng@x.example", "Kim Smith-Ng").await;
    person(&entra, "bo@x.example", "Robert (Bo) Smyth").await;
    let phones = json!({ "userName": "bo.li@x.example", "displayName": "Đức D'Or", "phoneNumbers": [
        { "type": "work", "value": "+4930998877" }, { "type": "mobile", "value": "+1-425-555-0177" },
    ] });
    assert_eq!(entra.post("/Users", phones).await.status, 201);
    for (words, user_name) in [
        ("kim ng", "ng@x.example"),
        ("smyth bo", "bo@x.example"),
        ("li bo", "bo.li@x.example"),
        ("or đức", "bo.li@x.example"),
        ("+49 30 99 88 77", "bo.li@x.example"),
        ("30 99 88 77", "bo.li@x.example"),
        ("425 555 01 77", "bo.li@x.example"),
        ("(425) 555-0177 or", "bo.li@x.example"),
    ] {
        assert_eq!(found(&console, words), [user_name], "{words}");
    }
    assert!(found(&console, "30 99 88 78").is_empty());
}

#[actix_web::test]
async fn a_query_is_text_whatever_stands_in_it() {
    let (console, entra) = Console::with_entra();
    person(&entra, "quote\"d*name@x.example", "Near \"The\" Near-by NOT (AND) OR_%").await;
    person(&entra, "other@x.example", "Other Person").await;
    for words in
        ["near \"the\"", "near-by", "(and)", "or_%", "d*name", "\"d*", "not near", "NEAR", "quote\"d*n", "\""]
    {
        assert_eq!(found(&console, words), ["quote\"d*name@x.example"], "{words}");
    }
    for words in [
        "oth*",
        "other OR near",
        "NEAR(other",
        "text:other",
        "other^",
        "-other",
        "^other",
        "oth_r",
        "oth%r",
        "other\\",
        "'; DROP TABLE users; --",
        "\"\"\"",
        "user_search",
        "{other}",
        "other + person",
        "other\u{0}\"",
    ] {
        let found = found(&console, words);
        assert!(
            found.is_empty() || found == ["other@x.example"] && words.starts_with("other\u{0}"),
            "{words}"
        );
    }
    let olga = console.signed_in("olga").await;
    for words in ["%22", "*", "%22+OR+%22", "-a", "NEAR%28a%2Cb%29", "%00", "a%00b", "%F0%9F%98%80"] {
        assert_eq!(olga.get(&format!("/users?q={words}")).await.status, 200, "{words}");
    }
}

#[actix_web::test]
async fn the_text_follows_whatever_changes_the_account() {
    let (console, entra) = Console::with_entra();
    let id = person(&entra, "ana@x.example", "Ana Lima").await;
    let change = |path: &str, value: &str| json!([{ "op": "replace", "path": path, "value": value }]);
    entra.patch(&format!("/Users/{id}"), change("displayName", "Bruna Reis")).await;
    assert!(found(&console, "lima").is_empty());
    assert_eq!(found(&console, "reis"), ["ana@x.example"]);
    for (path, value, words) in [
        ("title", "Crane Operator", "crane"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "Köln Yard", "koln"),
        ("phoneNumbers[type eq \"work\"].value", "+31 10 555 0123", "+31105550123"),
        ("phoneNumbers[type eq \"mobile\"].value", "+31 6 12345678", "12345678"),
        ("emails[type eq \"work\"].value", "b.reis@elsewhere.example", "elsewhere"),
        ("userName", "bruna@x.example", "bruna@x"),
    ] {
        let reply = entra.patch(&format!("/Users/{id}"), change(path, value)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.json);
        assert_eq!(found(&console, words).len(), 1, "{words}");
    }
    assert!(found(&console, "ana@x").is_empty());

    let user = console.find("bruna@x.example").unwrap();
    let key = user.id.clone();
    let telephony = Telephony { phone_number: Some("+31 20 777".into()), extension: Some("4711".into()) };
    console.write(move |tx| by_hand::set_telephony(tx, &key, telephony));
    assert_eq!((found(&console, "4711").len(), found(&console, "+3120777").len()), (1, 1));

    entra.delete(&format!("/Users/{id}")).await;
    assert_eq!(found(&console, "4711").len(), 1, "until it is deleted by hand");
    console.write(move |tx| lifecycle::delete(tx, &[user.id]));
    assert!(found(&console, "4711").is_empty());
    // What was freed is nobody else's.
    person(&entra, "next@x.example", "Somebody Else").await;
    assert_eq!(found(&console, "somebody"), ["next@x.example"]);
    assert!(found(&console, "bruna").is_empty());
}

#[actix_web::test]
async fn the_pages_of_a_search_hold_each_once_while_others_come() {
    let (console, _) = Console::with_entra();
    for number in 0..120 {
        console.user(&format!("walker{number:03}@x.example"), None);
    }
    let olga = console.signed_in("olga").await;
    let mut seen = Vec::new();
    let mut path = Some("/users?q=walker&sort=user-name".to_owned());
    while let Some(here) = path {
        let page = olga.get(&here).await;
        seen.extend(crate::users::names_on(&page.body));
        path = crate::users::link(&page.body, "next");
        console.user(&format!("walker000-{}@x.example", seen.len()), None);
    }
    assert_eq!(seen.len(), 120);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
}

#[actix_web::test]
async fn a_client_that_looks_within_a_text_finds_the_same_by_the_index() {
    let (console, entra) = Console::with_entra();
    for (user_name, name) in
        [("Ana.Lima@x.example", "Ana Lima"), ("lía@x.example", "Lía Limón"), ("b@x.example", "B")]
    {
        person(&entra, user_name, name).await;
    }
    console.site("Delft");
    let many = json!({ "userName": "c@x.example", "emails": [
        { "type": "work", "value": "c@work.example" }, { "type": "home", "value": "c@home.example" },
    ] });
    assert_eq!(entra.post("/Users", many).await.status, 201);
    let count = async |filter: &str| {
        let reply = entra.get(&format!("/Users?filter={filter}")).await;
        reply.at("/totalResults").as_i64().unwrap()
    };
    for (filter, expected) in [
        ("userName co \"LIMA\"", 1),
        ("userName ew \"@x.example\"", 4),
        ("displayName co \"lim\"", 2),
        ("displayName co \"limón\"", 1),
        ("displayName co \"limon\"", 0),
        ("displayName co \"ana lima\"", 1),
        ("displayName eq \"Ana Lima\"", 1),
        ("userName co \"li\"", 1),
        ("not (userName co \"lima\")", 3),
        ("userName co \"lima\" and displayName co \"zzz\"", 0),
        ("userName co \"lima\" or displayName co \"lía\"", 2),
        ("active eq true", 4),
        ("active eq false", 0),
        ("active eq false or userName co \"lima\"", 1),
        ("meta.lastModified gt \"2090-01-01T00:00:00Z\"", 0),
        ("meta.created gt \"2020-01-01T00:00:00Z\"", 4),
        ("userName eq \"B@x.example\" and active eq true", 1),
        ("userName eq \"b@x.example\" and active eq false", 0),
        ("userName eq \"b@x.example\" or externalId eq \"y\"", 1),
        ("userName eq \"b@x.example\" or userName eq \"B@X.example\"", 1),
        ("id eq \"a\" or id eq \"b\"", 0),
        ("displayName eq \"b\" or displayName eq \"Ana Lima\"", 2),
        ("displayName eq \"b\" or displayName eq \" Ana Lima\"", 1),
        ("displayName eq \"b\" or active eq true", 4),
        ("not (userName ne \"b@x.example\")", 1),
        ("not (userName ne \"b@x.example\" or active eq false)", 1),
        ("not (not (userName eq \"b@x.example\"))", 1),
        ("not (userName ne \"b@x.example\" and displayName ne \"Ana Lima\")", 2),
        ("emails eq \"c@work.example\" or userName eq \"b@x.example\"", 2),
        ("not (emails.value ne \"c@work.example\")", 0),
        ("emails[type eq \"work\" and (value eq \"a@x.example\" or value eq \"c@work.example\")]", 1),
        ("emails[type eq \"work\" and (value eq \"a@x.example\" or value eq \"c@home.example\")]", 0),
        ("emails[(type eq \"work\" or type eq \"home\") and value eq \"c@home.example\"]", 1),
        ("emails[value eq \"c@home.example\" or value eq \"c@work.example\"]", 1),
    ] {
        assert_eq!(count(filter).await, expected, "{filter}");
    }
}
