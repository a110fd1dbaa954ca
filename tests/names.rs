//! Names with characters that cannot be seen, and names that look alike.

use crate::harness::{Console, PASSWORD};
use rollcall::domain::users::{Profile, by_hand, federation};
use rollcall::domain::{Actor, Role, licenses, sites};
use serde_json::json;

const TOLD: &str = "U+200B ZERO WIDTH SPACE at position 4";

#[actix_web::test]
async fn a_user_name_with_a_character_that_cannot_be_seen_is_refused_everywhere() {
    let (console, entra) = Console::with_entra();
    let browser = console.signed_in("olga").await;
    for (name, told) in [
        ("ana\u{200B}@example.com", TOLD),
        ("\u{202E}ana@example.com", "U+202E RIGHT-TO-LEFT OVERRIDE at position 1"),
        ("ana\u{3164}", "U+3164 HANGUL FILLER at position 4"),
        ("ana\u{A0}lima", "U+00A0 NO-BREAK SPACE at position 4"),
        ("ana\u{E0041}", "U+E0041 (a tag character) at position 4"),
    ] {
        let page = browser.submit("/users/new", "/users", &[("user_name", name)]).await;
        assert_eq!(page.status, 422);
        assert!(page.text().contains(told), "{}", page.text());
        let made = entra.post("/Users", json!({ "userName": name })).await;
        assert_eq!(made.status, 400);
        assert!(made.json.to_string().contains(told), "{}", made.json);
    }
    let id = entra.post("/Users", json!({ "userName": "bo@example.com" })).await.id();
    let rename = json!([{ "op": "replace", "path": "userName", "value": "bo\u{200D}@example.com" }]);
    assert_eq!(entra.patch(&format!("/Users/{id}"), rename).await.status, 400);
    assert_eq!(entra.get(&format!("/Users/{id}")).await.at("/userName"), "bo@example.com");
    // Letters that need a join control keep it.
    let kept = entra.post("/Users", json!({ "userName": "می\u{200C}خواهم@example.com" })).await;
    assert_eq!(kept.status, 201);
}

#[actix_web::test]
async fn in_other_names_the_console_refuses_it_and_scim_leaves_it_out() {
    let (console, entra) = Console::with_entra();
    let browser = console.signed_in("olga").await;
    let fields = [("user_name", "ana"), ("display_name", "Ana\u{200B} Lima"), ("title", "Dr\u{2060}")];
    let page = browser.submit("/users/new", "/users", &fields).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains(TOLD) && page.text().contains("U+2060 WORD JOINER at position 3"));
    let site = browser.submit("/sites", "/sites", &[("name", "Lis\u{200B}bon")]).await;
    assert!(site.text().contains(TOLD) || site.follow().await.text().contains(TOLD));
    let code =
        licenses::LicenseTypeInput { code: "X2\u{3164}".into(), name: "Wor\u{200B}k".into(), seats: 1 };
    let refused = console.org.write(&Actor::CommandLine, move |tx| licenses::create(tx, &code)).unwrap_err();
    assert!(refused.to_string().contains(TOLD) && refused.to_string().contains("U+3164"), "{refused}");
    assert!(console.org.write(&Actor::CommandLine, |tx| sites::create(tx, "Del\u{200B}ft")).is_err());

    let body = json!({
        "userName": "bo", "displayName": "Bo\u{200B} Berg\u{200F}", "name": { "givenName": "B\u{AD}o" },
        "title": "می\u{200C}خواهم", "nickName": "B\u{200B}o",
        "addresses": [{ "type": "work", "formatted": "1 Ro\u{2060}ad\nDelft", "locality": "Delft" }],
    });
    let made = entra.post("/Users", body).await;
    assert_eq!((made.status, made.at("/displayName")), (201, &json!("Bo Berg")));
    assert_eq!((made.at("/name/givenName"), made.at("/title")), (&json!("Bo"), &json!("می\u{200C}خواهم")));
    assert_eq!(made.at("/nickName"), "Bo");
    assert_eq!(made.at("/addresses/0/formatted"), "1 Road\nDelft");
    let group = entra.post("/Groups", json!({ "displayName": "Cr\u{200B}ew" })).await;
    assert_eq!(group.at("/displayName"), "Crew");
    console.write(rollcall::domain::settings::touch);
    let log = browser.get("/activity/provisioning?outcome=warning").await;
    assert!(
        log.text().contains("came with U+200B ZERO WIDTH SPACE at position 3 and 1 more"),
        "{}",
        log.text()
    );
}

#[actix_web::test]
async fn every_text_from_entra_id_comes_without_what_cannot_be_seen() {
    let (console, entra) = Console::with_entra();
    let hidden = |text: &str| text.replace('_', "\u{202E}");
    let body = json!({
        "userName": "bo@example.com", "locale": hidden("en_-GB"), "timezone": hidden("Europe/_Amsterdam"),
        "preferredLanguage": hidden("n_l"),
        "emails": [{ "type": "work", "value": hidden("b_o@example.com"), "display": hidden("B_o") }],
        "phoneNumbers": [
            { "type": "work", "value": hidden("+31 _20") }, { "type": "mobile", "value": hidden("+31 6_1") },
            { "type": "home", "value": hidden("+31 _7") },
        ],
        "roles": [{ "value": hidden("adm_in"), "display": hidden("Ad_min") }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "costCenter": hidden("4_2") },
    });
    let made = entra.post("/Users", body).await;
    assert_eq!(made.status, 201);
    assert!(!made.json.to_string().contains('\u{202E}'), "{}", made.json);
    assert_eq!((made.at("/emails/0/value"), made.at("/locale")), (&json!("bo@example.com"), &json!("en-GB")));
    let path = format!("/Users/{}", made.id());
    for (attribute, value) in [
        ("emails[type eq \"work\"].value", "b_obo@example.com"),
        ("phoneNumbers[type eq \"mobile\"].value", "+31 6_2"),
        ("preferredLanguage", "d_e"),
    ] {
        let change = json!([{ "op": "replace", "path": attribute, "value": hidden(value) }]);
        let changed = entra.patch(&path, change).await;
        assert_eq!(changed.status, 200, "{attribute}");
        assert!(!changed.json.to_string().contains('\u{202E}'), "{attribute}: {}", changed.json);
    }
    let browser = console.signed_in("olga").await;
    console.write(rollcall::domain::settings::touch);
    let log = browser.get("/activity/provisioning?outcome=warning").await.text();
    for told in
        ["The e-mail address came with U+202E", "mobile contact number came with", "language came with"]
    {
        assert!(log.contains(told), "{told}: {log}");
    }
    let form = [("user_name", "cy"), ("work_phone", "+31\u{200B}20")];
    let page = browser.submit("/users/new", "/users", &form).await;
    assert!(page.status == 422 && page.text().contains(TOLD), "{}", page.text());
}

#[actix_web::test]
async fn a_name_that_looks_like_another_is_pointed_out_and_can_be_confirmed() {
    let console = Console::open();
    console.user("ana.lima@example.com", None);
    let browser = console.signed_in("olga").await;
    for name in
        ["аna.lima@example.com", "ana.1ima@example.com", "ana.Iima@example.com", "ana.lirna@example.com"]
    {
        let page = browser.submit("/users/new", "/users", &[("user_name", name), ("title", "kept")]).await;
        assert_eq!(page.status, 422, "{name}");
        assert!(page.text().contains("looks like “ana.lima@example.com”"), "{}", page.text());
        assert_eq!(page.value("#title").as_deref(), Some("kept"));
    }
    let page = browser.submit("/users/new", "/users", &[("user_name", "аna.lima@example.com")]).await;
    let made = page.submit("/users", &[("user_name", "аna.lima@example.com"), ("look_alike", "1")]).await;
    assert_eq!(made.status, 303);
    let bo = console.user("bo@example.com", None);
    let path = format!("/users/{}", bo.id);
    let renamed = browser.submit(&path, &path, &[("user_name", "ana.Iima@example.com")]).await;
    assert_eq!(renamed.status, 422);
    assert_eq!(browser.submit(&path, &path, &[("title", "x")]).await.status, 303, "not renamed, not asked");
}

#[actix_web::test]
async fn a_look_alike_is_pointed_out_wherever_somebody_is_found_by_a_name() {
    let console = Console::open();
    console.user("ana@example.com", None);
    let bo = console.user("bo@example.com", None).id;
    let browser = console.signed_in("olga").await;
    let looks = "looks like “ana@example.com”, which is that of ana@example.com.";

    // A new account with a role, with a password sent by a script or without.
    let fields = [("user_name", "аna@example.com"), ("role", "auditor"), ("name", "Kept")];
    for password in ["", PASSWORD] {
        let more = [("password", password), ("password_again", password)];
        let page =
            browser.submit("/administrators", "/administrators", &[fields.as_slice(), &more].concat()).await;
        assert_eq!(page.status, 422);
        assert!(page.text().contains(looks), "{}", page.text());
        assert_eq!(page.value("#name").as_deref(), Some("Kept"));
    }
    let page = browser.submit("/administrators", "/administrators", &fields).await;
    let made = page.submit("/administrators", &[fields.as_slice(), &[("look_alike", "1")]].concat()).await;
    assert_eq!(made.status, 200, "{}", made.text());

    // A federated id, beside a user name or beside the federated id of an account with a role.
    let path = format!("/users/{bo}");
    let action = format!("{path}/federated-id");
    let page = browser.submit(&path, &action, &[("federated_id", "anа@example.com")]).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("This federated id looks like"), "{}", page.text());
    let fields = [("federated_id", "anа@example.com"), ("federated_look_alike", "1")];
    assert_eq!(page.submit(&action, &fields).await.status, 303);
    let olga = console.find("olga").unwrap().id;
    console.write(move |tx| federation::set_federated_id(tx, &olga, Some("olga@corp.example")));
    let page = browser.submit("/users/new", "/users", &[("user_name", "оlga@corp.example")]).await;
    assert!(page.text().contains("which is the federated id of olga"), "{}", page.text());

    // An appointment.
    console.user("cy@example.com", None);
    console.user("сy@example.com", None);
    let fields = [("appointed", "cy@example.com"), ("role", "owner")];
    let page = browser.submit("/administrators", "/administrators/appoint", &fields).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("looks like “сy@example.com”"), "{}", page.text());
    assert_eq!(console.find("cy@example.com").unwrap().role, Role::None);
    page.submit("/administrators/appoint", &[("look_alike", "1")]).await;
    assert_eq!(console.find("cy@example.com").unwrap().role, Role::Owner);

    // A list of names from Entra ID.
    console.user("pat@old.example", None);
    console.user("pаt@example.com", None);
    let file = "userPrincipalName,displayName\npat@example.com,Pat\n";
    let page =
        browser.upload("/users/alignment", "/users/alignment", &[], "users.csv", file.as_bytes()).await;
    let shown = page.follow().await;
    assert!(shown.text().contains("The name looks like “pаt@example.com”"), "{}", shown.text());
}

#[actix_web::test]
async fn what_was_stored_before_stays_and_can_be_changed() {
    let console = Console::open();
    let old = console.user("ana@example.com", None);
    let id = old.id.clone();
    console.write(move |tx| {
        let profile = Profile { display_name: Some("Ana".into()), ..Profile::named("ana@example.com") };
        by_hand::change(tx, &id, by_hand::LocalProfile { profile, email: None })
    });
    assert_eq!(console.find("ana@example.com").unwrap().profile.display_name.as_deref(), Some("Ana"));
}

/// Accounts that exist, of which one looks like the other, and whoever of them is written or appointed.
const ALIKE: [[&str; 2]; 6] = [
    ["ana@x.example", "аna@x.example"],
    ["pаt@x.example", "pat@x.example"],
    ["kat@x.example", "kаt@x.example"],
    ["mat@x.example", "mаt@x.example"],
    ["mary@x.example", "rnary@x.example"],
    ["rnorris@x.example", "morris@x.example"],
];

#[actix_web::test]
async fn whoever_is_appointed_is_told_apart_from_the_other_whichever_was_there_first() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    for pair in ALIKE {
        for name in pair {
            console.user(name, None);
        }
        for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            let looked = [("appointed", one), ("role", "owner"), ("look", "1")];
            let page = olga.submit("/administrators", "/administrators/appoint", &looked).await;
            assert!(page.has("#look_alike"), "{one}: {}", page.text());
            assert!(page.text().contains(&format!("“{other}”")), "{one}: {}", page.text());
            let page = olga.submit("/administrators", "/administrators/appoint", &looked[..2]).await;
            assert_eq!(page.status, 422, "{one}");
            assert_eq!(console.find(one).unwrap().role, Role::None, "{one}");
        }
    }
}

#[actix_web::test]
async fn a_fake_that_becomes_another_fake_is_told_apart_all_the_same() {
    let console = Console::open();
    let browser = console.signed_in("olga").await;
    console.user("ana@x.example", None);
    let fake = console.user("аna@x.example", None);
    let path = format!("/users/{}", fake.id);
    let page = browser.submit(&path, &path, &[("user_name", "anа@x.example")]).await;
    assert_eq!(page.status, 422, "{}", page.text());
    assert!(page.text().contains("“ana@x.example”"), "{}", page.text());
    let action = format!("{path}/federated-id");
    let page = browser.submit(&path, &action, &[("federated_id", "anа@x.example")]).await;
    assert_eq!(page.status, 422, "its own look hides no other's");

    // A row of a file that means somebody names all of whom it may be.
    console.license("X2", 5);
    let file = "userName,license\nаnа@x.example,X2\n";
    let page = browser.upload("/licenses/import", "/licenses/import", &[], "l.csv", file.as_bytes()).await;
    let shown = page.follow().await.text();
    assert!(shown.contains("“ana@x.example”") && shown.contains("“аna@x.example”"), "{shown}");
}

#[actix_web::test]
async fn whoever_has_the_greatest_role_is_named_first() {
    let console = Console::open();
    let browser = console.signed_in("olga").await;
    for plain in ["оlga", "olgа", "olgа.x", "оlgа"] {
        console.user(plain, None);
    }
    let page = browser.submit("/users/new", "/users", &[("user_name", "ol\u{261}a")]).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("looks like “olga”, which is that of"), "{}", page.text());
    assert!(page.text().contains(", and like one more."), "{}", page.text());
}

/// A page, the form on it, and what is filled in.
type Way<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[actix_web::test]
async fn what_no_tick_mends_is_told_before_a_likeness() {
    let console = Console::open();
    let browser = console.signed_in("olga").await;
    console.user("ana@x.example", None);
    let bo = console.user("bo@x.example", None).id;
    let path = format!("/users/{bo}");
    for hidden in ["an\u{202E}a@x.example", "a\u{200B}na@x.example", "ana\u{2060}@x.example"] {
        let ways: [Way; 4] = [
            ("/users/new", "/users", &[("user_name", hidden)]),
            ("/administrators", "/administrators", &[("user_name", hidden), ("role", "auditor")]),
            (&path, &path, &[("user_name", hidden)]),
            (&path, &format!("{path}/federated-id"), &[("federated_id", hidden)]),
        ];
        for (page, action, fields) in ways {
            let page = browser.submit(page, action, fields).await;
            assert_eq!(page.status, 422, "{action}");
            assert!(page.text().contains("U+2"), "{action} {hidden:?}: {}", page.text());
            assert!(!page.text().contains("mean it all the same"), "{action} {hidden:?}");
        }
    }
}

#[actix_web::test]
async fn names_that_look_alike_meet_whichever_was_there_first() {
    for (there, new) in [
        ("Ian@example.com", "lan@example.com"),
        ("lan@example.com", "Ian@example.com"),
        ("ian@example.com", "1an@example.com"),
        ("1an@example.com", "ian@example.com"),
        ("ILSE@example.com", "llse@example.com"),
        ("Ivo.Ilic@example.com", "lvo.lIic@example.com"),
        // A Cyrillic capital looks like a B; its small letter does not.
        ("\u{412}ob@example.com", "Bob@example.com"),
        ("Bob@example.com", "\u{412}ob@example.com"),
    ] {
        let console = Console::open();
        console.user(there, None);
        let browser = console.signed_in("olga").await;
        let page = browser.submit("/users/new", "/users", &[("user_name", new)]).await;
        assert_eq!(page.status, 422, "{new} beside {there}");
        assert!(
            page.text().contains(&format!("looks like “{there}”")),
            "{new} beside {there}: {}",
            page.text()
        );
        let file = format!("userName,license\n{new},X2\n");
        let sent =
            browser.upload("/licenses/import", "/licenses/import", &[], "a.csv", file.as_bytes()).await;
        let text = sent.follow().await.text();
        assert!(text.contains(&format!("Did you mean “{there}”")), "{new} beside {there}: {text}");
    }
}

#[actix_web::test]
async fn our_own_sentences_write_out_what_cannot_be_seen() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": "a@x" })).await.id();
    for (name, shown) in [("moc.elpmaxe@\u{202E}ana", "moc.elpmaxe@[U+202E]ana"), ("\u{200B}", "[U+200B]")] {
        assert_eq!(entra.post("/Users", json!({ "userName": name })).await.status, 400);
        console.write(rollcall::domain::settings::touch);
        let olga = console.signed_in("olga").await;
        let log = olga.get("/activity/provisioning").await;
        assert!(log.text().contains(&format!("tried to create {shown}.")), "{}", log.text());
    }
    entra
        .patch(
            &format!("/Users/{id}"),
            json!([{ "op": "Replace", "path": "userName", "value": "b\u{202E}ob@x" }]),
        )
        .await;
    entra
        .patch("/Users/x\u{202E}y", json!([{ "op": "Replace", "path": "title", "value": "q\u{2066}" }]))
        .await;
    entra.post("/Groups", json!({ "displayName": "\u{202E}" })).await;
    entra.post("/Users", json!({ "displayName": "Evil\u{202E}Name" })).await;
    entra.get("/Users?filter=userName%20eq%20%22q%E2%80%AEq%22&sortBy=%E2%80%AE").await;
    console.write(rollcall::domain::settings::touch);
    let olga = console.signed_in("olga").await;
    let log = olga.get("/activity/provisioning").await;
    let events =
        log.body.split("href=\"/activity/provisioning/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let paths = events.map(|event| format!("/activity/provisioning/{event}"));
    for path in ["/".to_owned(), "/activity/provisioning".to_owned()].into_iter().chain(paths) {
        let page = olga.get(&path).await;
        assert!(!page.body.contains(['\u{202E}', '\u{200B}', '\u{2066}']), "{path}: {}", page.text());
    }
}

#[actix_web::test]
async fn tabs_and_line_breaks_in_a_name_from_entra_id_part_its_words() {
    let (console, entra) = Console::with_entra();
    for (at, sent) in
        ["Ana\tLima", "Ana\nLima", "Ana\r\nLima\n", "Ana\u{2028}Lima", "\tAna Lima"].into_iter().enumerate()
    {
        let name = format!("ana{at}@x");
        assert_eq!(entra.post("/Users", json!({ "userName": name, "displayName": sent })).await.status, 201);
        assert_eq!(console.find(&name).unwrap().name(), "Ana Lima", "{sent:?}");
    }
}
