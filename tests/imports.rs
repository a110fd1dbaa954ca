//! Licences in bulk from a CSV file: check, then apply.

use crate::harness::{Browser, Console, Page};
use serde_json::json;

const NEW: &str = "/licenses/import";
const SITE: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";

/// A console with the site Delft, X2 with two seats, X4 with one, and ana, bob and eve at Delft.
fn staffed() -> Console {
    let console = Console::open();
    console.site("Delft");
    console.license("X2", 2);
    console.license("X4", 1);
    for name in ["ana", "bob", "eve"] {
        console.user(name, Some("Delft"));
    }
    console
}

async fn upload(browser: &Browser, fields: &[(&str, &str)], file: &[u8]) -> Page {
    browser.upload(NEW, NEW, fields, "staff.csv", file).await
}

fn held(console: &Console, name: &str) -> Option<String> {
    let id = console.find(name).unwrap().id;
    console.org.read(move |conn| rollcall::domain::licenses::of(conn, &id)).unwrap().map(|kind| kind.code)
}

async fn apply(checked: &Page) -> Page {
    let path = checked.location().to_owned();
    checked.follow().await.submit(&format!("{path}/apply"), &[]).await.shown().await
}

#[actix_web::test]
async fn a_file_is_checked_first_and_applied_as_a_whole() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let checked = upload(&olga, &[], b"userName,license\nana,X2\nBOB,x4\n").await;
    let page = checked.follow().await;
    assert!(page.text().contains("Nothing was changed yet."), "{}", page.text());
    assert_eq!(held(&console, "ana"), None);

    let applied = apply(&checked).await;
    assert!(applied.text().contains("The file was applied: 2 changes."), "{}", applied.text());
    assert_eq!(
        (held(&console, "ana").as_deref(), held(&console, "bob").as_deref()),
        (Some("X2"), Some("X4"))
    );
    let log = olga.get("/activity").await.text();
    assert!(log.contains("olga assigned a licence to ana: licence “X2”."), "{log}");
    let result = olga.get(&format!("{}/result.csv", checked.location())).await;
    assert!(result.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(result.body.contains("ana,X2"), "{}", result.body);

    let again = olga.get(checked.location()).await;
    assert!(!again.has(&format!("form[action='{}/apply']", checked.location())));
}

#[actix_web::test]
async fn every_fault_is_told_with_its_row_and_its_remedy_and_nothing_can_be_applied() {
    let console = staffed();
    console.user("homeless", None);
    let olga = console.signed_in("olga").await;
    let file = b"userName,license\nnobody,X2\nana,X9\nbob,X2\nBob,X4\nhomeless,X2\n";
    let checked = upload(&olga, &[], file).await;
    let page = checked.follow().await;
    let text = page.text();
    for told in ["nobody", "X9", "homeless has no site", "5 rows have faults"] {
        assert!(text.contains(told), "{told} in {text}");
    }
    assert!(!page.has(&format!("form[action='{}/apply']", checked.location())));
    let csrf = page.value("input[name=csrf]").unwrap();
    let forced = olga.post_bare(&format!("{}/apply", checked.location()), &[("csrf", &csrf)]).await;
    assert_eq!(forced.status, 409);
    assert!(["ana", "bob", "eve"].iter().all(|name| held(&console, name).is_none()));
}

#[actix_web::test]
async fn too_few_seats_are_a_fault_with_the_arithmetic() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let page = upload(&olga, &[], b"userName,license\nana,X2\nbob,X2\neve,X2\n").await.follow().await;
    let text = page.text();
    assert!(text.contains("1 too few"), "{text}");
    assert!(text.contains("One row has a fault") || text.contains("1 row has a fault"), "{text}");
}

#[actix_web::test]
async fn files_are_read_as_spreadsheets_write_them() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let plain = "\"License\";\"User name\";\"Floor\"\r\n\"X2\";\"ana\";\"3\"\r\n";
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let page = upload(&olga, &[], &utf16).await.follow().await;
    assert!(page.text().contains("Apply 1 change"), "{}", page.text());
    assert!(page.text().contains("Floor"), "an extra column is named");

    console.user("zoë", Some("Delft"));
    let windows = b"userName,license\r\nzo\xEB,X2\r\n";
    let page = upload(&olga, &[], windows).await.follow().await;
    assert!(page.text().contains("Windows-1252"), "{}", page.text());
    assert!(page.text().contains("Apply 1 change"), "{}", page.text());
}

#[actix_web::test]
async fn a_file_that_cannot_be_used_is_refused_at_once_with_the_reason() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let large = [b"userName,license\n".to_vec(), b"ana,X2\n".repeat(800_000)].concat();
    let many = [b"userName,license\n".to_vec(), b"ana,X2\n".repeat(10_001)].concat();
    for (file, told) in [
        (&b"name,licence\nana,X2\n"[..], "userName"),
        (&b""[..], "empty"),
        (&b"userName,license\n"[..], "row"),
        (&b"PK\x03\x04\x14\x00"[..], "Excel"),
        (&large[..], "5 MiB"),
        (&many[..], "10000"),
    ] {
        let page = upload(&olga, &[], file).await;
        assert_eq!(page.status, 422, "{told}");
        assert!(
            page.value("#file-error").unwrap().contains(told),
            "{told}: {}",
            page.value("#file-error").unwrap()
        );
    }
    let none = olga.upload(NEW, NEW, &[], "", b"").await;
    assert!(none.value("#file-error").unwrap().contains("Choose a CSV file"));
    let page = olga.get("/imports").await;
    assert!(page.text().contains("No file yet"), "nothing was kept");
}

#[actix_web::test]
async fn an_empty_cell_takes_the_licence_away_only_when_that_was_ticked() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    apply(&upload(&olga, &[], b"userName,license\nana,X2\nbob,X2\n").await).await;
    let left = upload(&olga, &[], b"userName,license\nana,\nbob,X4\n").await;
    apply(&left).await;
    assert_eq!(
        (held(&console, "ana").as_deref(), held(&console, "bob").as_deref()),
        (Some("X2"), Some("X4"))
    );
    let taken = upload(&olga, &[("take_away", "1")], b"userName,license\nana,\n").await;
    apply(&taken).await;
    assert_eq!(held(&console, "ana"), None);
}

#[actix_web::test]
async fn a_file_is_refused_when_the_world_changed_after_it_was_checked() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let checked = upload(&olga, &[], b"userName,license\nana,X2\nbob,X2\n").await;
    let bob = console.find("bob").unwrap().id;
    console.write(move |tx| rollcall::domain::users::lifecycle::delete(tx, &[bob]));
    let refused = apply(&checked).await;
    assert!(refused.text().contains("bob"), "{}", refused.text());
    assert_eq!(held(&console, "ana"), None, "all or nothing");
}

#[actix_web::test]
async fn a_file_can_be_discarded() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let checked = upload(&olga, &[], b"userName,license\nana,X2\n").await;
    let page = checked.follow().await;
    let done = page.submit(&format!("{}/discard", checked.location()), &[]).await.follow().await;
    assert!(done.text().contains("was discarded. Nothing was changed."));
    assert!(olga.get(checked.location()).await.text().contains("Discarded"));
}

#[actix_web::test]
async fn an_upload_without_its_token_is_refused() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let part = reqwest::multipart::Part::bytes(b"userName,license\nana,X2\n".to_vec()).file_name("staff.csv");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = olga.request(reqwest::Method::POST, NEW).multipart(form);
    assert_eq!(olga.send(request).await.status, 403);
}

#[actix_web::test]
async fn the_example_to_download_is_a_file_that_can_be_read() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let example = olga.get("/licenses/import/template.csv").await;
    assert!(example.body.trim_start_matches('\u{feff}').starts_with("userName,license"));
}

#[actix_web::test]
async fn people_without_a_site_get_one_by_the_same_file() {
    let console = staffed();
    for name in ["cy", "di", "ed"] {
        console.user(name, None);
    }
    let olga = console.signed_in("olga").await;
    let file = b"userPrincipalName,license,site\ncy,X2,delft\ndi,,DELFT\nana,X2,Delft\n";
    let checked = upload(&olga, &[], file).await;
    let page = checked.follow().await;
    assert!(
        page.text().contains("Apply 3 changes") && page.text().contains("Sites to set"),
        "{}",
        page.text()
    );
    assert!(
        page.text().contains("2 sites are set by this file and cannot be changed later"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("set: Delft Not applied yet: assign, set the site"), "{}", page.text());
    let applied = apply(&checked).await;
    assert!(
        applied.text().contains("Sites set") && !applied.text().contains("To assign"),
        "{}",
        applied.text()
    );
    assert!(!applied.text().contains("cannot be changed later"), "it is done: {}", applied.text());
    assert_eq!((held(&console, "cy").as_deref(), held(&console, "ana").as_deref()), (Some("X2"), Some("X2")));
    let site = console.find("ana").unwrap().site_id;
    for name in ["cy", "di"] {
        assert_eq!(console.find(name).unwrap().site_id, site, "{name}");
    }
    let result = olga.get(&format!("{}/result.csv", checked.location())).await;
    assert!(result.body.contains("row,userName,license,site,result,remedy"), "{}", result.body);
    assert!(result.body.contains("2,cy,X2,delft,\"Assigned, site set\","), "{}", result.body);

    console.site("Porto");
    let faulty = upload(&olga, &[], b"userName,license,site\ned,X2,Nowhere\nana,X2,Porto\ned2,X2,\n").await;
    let page = faulty.follow().await;
    assert!(
        page.text().contains("There is no site “Nowhere”") && page.text().contains("Porto"),
        "{}",
        page.text()
    );
    assert!(
        page.text().contains("ana has the site Delft, and a site is fixed once it is set"),
        "{}",
        page.text()
    );
    assert_eq!(console.find("ed").unwrap().site_id, None);
}

#[actix_web::test]
async fn a_row_given_twice_alike_is_a_remark_and_one_given_otherwise_a_fault() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let checked = upload(&olga, &[], b"userName,license\nana,X2\nANA,x2\n").await;
    let page = checked.follow().await;
    assert!(page.text().contains("Row 3 repeats another row alike"), "{}", page.text());
    assert!(page.text().contains("Apply 1 change"), "{}", page.text());
    apply(&checked).await;
    assert_eq!(held(&console, "ana").as_deref(), Some("X2"));
    let differing = upload(&olga, &[], b"userName,license\nbob,X2\nbob,X4\nbob,X2\n").await.follow().await;
    assert!(differing.text().contains("3 rows have faults"), "{}", differing.text());
}

#[actix_web::test]
async fn a_name_that_only_looks_like_a_users_is_pointed_out() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let file = "userName,license\nаna,X2\nbob\u{200B},X2\nb0b,X4\n";
    let page = upload(&olga, &[], file.as_bytes()).await.follow().await.text();
    assert!(page.contains("Did you mean “ana”, which is written with Latin letters?"), "{page}");
    assert!(page.contains("U+200B ZERO WIDTH SPACE at position 4"), "{page}");
    assert!(page.contains("There is no user “b0b”. Did you mean “bob”"), "{page}");
}

#[actix_web::test]
async fn the_list_sets_the_site_for_all_who_are_selected_and_have_none() {
    let console = staffed();
    let [cy, di] = ["cy", "di"].map(|name| console.user(name, None).id);
    let ana = console.find("ana").unwrap().id;
    let site = console.find("ana").unwrap().site_id.unwrap();
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/users").await.has("button[formaction='/users/site']"));
    let ask = olga.get(&format!("/users/site?id={cy}&id={di}&id={ana}&to={site}")).await;
    assert!(ask.text().contains("Set the site of 2 users"), "{}", ask.text());
    assert!(ask.text().contains("Left alone, since they have a site ana Delft"), "{}", ask.text());
    let csrf = ask.value("form[action='/users/site'] input[name=csrf]").unwrap();
    let fields = [
        ("csrf", csrf.as_str()),
        ("id", cy.as_str()),
        ("id", di.as_str()),
        ("id", ana.as_str()),
        ("site", site.as_str()),
    ];
    let done = olga.post_bare("/users/site", &fields).await.follow().await;
    assert!(done.text().contains("The site was set for 2 users. Left alone"), "{}", done.text());
    for name in ["cy", "di"] {
        assert_eq!(console.find(name).unwrap().site_id.as_ref(), Some(&site));
    }
    assert_eq!(olga.get("/users/site").await.status, 303, "nobody selected");
}

#[actix_web::test]
async fn the_site_is_chosen_with_what_entra_id_asked_for_in_view_and_leads_back_to_the_list() {
    let (console, entra) = Console::with_entra();
    let delft = console.site("Delft").id;
    console.user("bo", None);
    entra
        .post(
            "/Users",
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ana",
                "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": {"site": "Porto"},
            }),
        )
        .await;
    let [ana, bo] = ["ana", "bo"].map(|name| console.find(name).unwrap().id);
    let olga = console.signed_in("olga").await;
    let list = olga.get("/users?site=none&q=&state=active").await;
    let query = list.value("#chosen input[name=list]").unwrap();
    assert_eq!(query, "state=active&site=none");

    let ask = olga.get(&format!("/users/site?id={ana}&id={bo}&to=&list={}", query.replace('&', "%26"))).await;
    assert!(ask.text().contains("One of them waits for a site that Entra ID named"), "{}", ask.text());
    assert!(ask.text().contains("Porto"), "{}", ask.text());
    assert!(ask.has("#site option[value=''][selected]"), "no site is chosen by itself");
    let fields = [("id", bo.as_str()), ("list", &query), ("site", delft.as_str())];
    let done = ask.submit("/users/site", &fields).await;
    assert_eq!(done.location(), "/users?state=active&site=none");
}

#[actix_web::test]
async fn a_site_that_entra_id_named_otherwise_is_pointed_out_before_it_is_set_for_good() {
    let (console, entra) = Console::with_entra();
    console.site("Delft");
    console.license("X2", 9);
    for (name, site) in [("cy", Some("Ghost")), ("di", None)] {
        let mut person = json!({ "userName": name });
        if let Some(site) = site {
            person[SITE] = json!({ "site": site });
        }
        assert_eq!(entra.post("/Users", person).await.status, 201);
    }
    let olga = console.signed_in("olga").await;
    let checked = upload(&olga, &[], b"userName,license,site\ncy,X2,Delft\ndi,X2,Delft\n").await;
    let page = checked.follow().await;
    let text = page.text();
    assert!(text.contains("waits for a site that Entra ID named"), "{text}");
    assert!(text.contains("Entra ID named the site “Ghost” for this user"), "{text}");
    assert_eq!(text.matches("Ghost").count(), 1, "{text}");
    let done = apply(&checked).await;
    assert!(done.text().contains("Entra ID named the site “Ghost”"), "{}", done.text());
    assert!(console.find("cy").unwrap().site_id.is_some());
}

#[actix_web::test]
async fn whoever_was_deleted_meanwhile_is_left_out_when_sites_are_set_and_named() {
    let console = staffed();
    let olga = console.signed_in("olga").await;
    let (cy, di) = (console.user("cy", None).id, console.user("di", None).id);
    let site = console.find("ana").unwrap().site_id.unwrap();
    let ask = olga.get(&format!("/users/site?id={cy}&id={di}&id={di}")).await;
    let csrf = ask.value("form[action='/users/site'] input[name=csrf]").unwrap();
    let gone = cy.clone();
    console.write(move |tx| rollcall::domain::users::lifecycle::delete(tx, &[gone]));
    let fields = [
        ("csrf", csrf.as_str()),
        ("id", cy.as_str()),
        ("id", di.as_str()),
        ("id", di.as_str()),
        ("site", site.as_str()),
        ("id", "nobody"),
    ];
    let done = olga.post_bare("/users/site", &fields).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let text = done.follow().await.text();
    assert!(text.contains("The site was set for one user."), "{text}");
    assert!(text.contains("deleted meanwhile: cy, somebody unknown here."), "{text}");
    assert!(!text.contains("Left alone"), "{text}");
    assert_eq!(console.find("di").unwrap().site_id, Some(site));
}
