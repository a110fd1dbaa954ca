//! User names here and in Entra ID, brought together before provisioning is switched on.

use crate::harness::{Browser, Console, Page};
use rollcall::domain::Role;

const HEADER: &str = "userPrincipalName,displayName,surname,mail,givenName,id,userType,accountEnabled";

fn file(rows: &[&str]) -> Vec<u8> {
    format!("\u{feff}{HEADER}\r\n{}\r\n", rows.join("\r\n")).into_bytes()
}

async fn compare(browser: &Browser, rows: &[&str]) -> Page {
    let sent = browser.upload("/users/alignment", "/users/alignment", &[], "users.csv", &file(rows)).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    sent.follow().await
}

/// Where the comparison on this page is.
fn path(page: &Page) -> String {
    let id = page.body.split("/users/alignment/").nth(1).unwrap().split(['"', '/', '?']).next().unwrap();
    format!("/users/alignment/{id}")
}

fn console() -> Console {
    let console = Console::open();
    for name in ["same@x.example", "Case@X.example", "ana.silva", "ana.sliva2@x.example", "left@x.example"] {
        console.user(name, None);
    }
    console
}

const ROWS: [&str; 5] = [
    "same@x.example,Same,,,,1,Member,True",
    "case@x.example,Case,,,,2,Member,True",
    "ana.silva@x.example,Ana,,,,3,Member,True",
    "new_y.example#EXT#@x.example,New,,,,4,Guest,True",
    "gone@x.example,Gone,,,,5,Member,False",
];

#[actix_web::test]
async fn the_page_tells_who_matches_who_differs_and_what_will_happen() {
    let console = console();
    let olga = console.signed_in("olga").await;
    let page = compare(&olga, &ROWS).await;
    let text = page.text();
    for part in [
        "Match 1",
        "Differ in capitals only 1",
        "Same name, other domain 1",
        "Only here 3",
        "Only in Entra ID 2",
        "Nothing is duplicated.",
        "Without the new name Entra ID creates a second account for this person.",
        "Stays as it is: Entra ID neither sees nor changes a protected owner.",
        "A guest: the name was made up by Entra ID.",
        "Disabled in Entra ID",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let only = olga.get(&format!("{}?kind=domain", path(&page))).await;
    assert!(only.text().contains("ana.silva@x.example") && !only.text().contains("same@x.example"));
    assert_eq!(console.find("ana.silva").unwrap().profile.user_name, "ana.silva", "nothing changed yet");
}

#[actix_web::test]
async fn a_proposal_is_accepted_and_taken_back() {
    let console = console();
    let olga = console.signed_in("olga").await;
    let page = compare(&olga, &ROWS).await;
    let form = |verb: &str, page: &Page| {
        let base = path(page);
        let number = page.body.split(&format!("{base}/rows/")).find_map(|part| {
            part.strip_suffix(verb).or_else(|| {
                part.split_once('/').filter(|(_, rest)| rest.starts_with(verb)).map(|(number, _)| number)
            })
        });
        format!("{base}/rows/{}/{verb}", number.unwrap())
    };
    let only = olga.get(&format!("{}?kind=domain", path(&page))).await;
    let done = only.submit(&form("accept", &only), &[]).await.follow().await;
    assert!(done.text().contains("is “ana.silva@x.example” now."), "{}", done.text());
    assert!(console.find("ana.silva@x.example").is_some() && console.find("ana.silva").is_none());
    let only = olga.get(&format!("{}?kind=domain", path(&page))).await;
    only.submit(&form("undo", &only), &[]).await;
    assert!(console.find("ana.silva").is_some());
}

#[actix_web::test]
async fn all_proposals_are_previewed_accepted_exported_and_undone() {
    let console = console();
    let olga = console.signed_in("olga").await;
    let at = path(&compare(&olga, &ROWS).await);
    let preview = olga.get(&format!("{at}/preview")).await;
    assert!(preview.text().contains("Rename 2 users"), "{}", preview.text());
    // One was renamed by somebody in the meantime.
    let id = console.find("ana.silva").unwrap().id;
    console.write(move |tx| {
        let profile = rollcall::domain::users::Profile::named("ana.somebody");
        rollcall::domain::users::by_hand::change(
            tx,
            &id,
            rollcall::domain::users::by_hand::LocalProfile { profile, email: None },
        )
    });
    let done = preview.submit(&format!("{at}/accept"), &[]).await.follow().await;
    assert!(done.text().contains("One user was renamed. One was left as it is"), "{}", done.text());
    assert!(done.text().contains("The user was renamed to “ana.somebody” since."));
    assert_eq!(console.find("case@x.example").unwrap().profile.user_name, "case@x.example");
    let export = olga.get(&format!("{at}/result.csv")).await;
    assert!(export.body.contains("Case@X.example,case@x.example"), "{}", export.body);
    done.submit(&format!("{at}/undo"), &[]).await;
    assert_eq!(console.find("case@x.example").unwrap().profile.user_name, "Case@X.example");
    let log = olga.get("/activity").await;
    assert!(log.text().contains("from “Case@X.example” to “case@x.example”"), "{}", log.text());
    olga.submit(&at, &format!("{at}/discard"), &[]).await;
    assert_eq!(olga.get(&at).await.status, 404);
}

#[actix_web::test]
async fn bad_files_are_refused_with_the_reason() {
    let console = console();
    let olga = console.signed_in("olga").await;
    for (bytes, reason) in [
        (&b"name,mail\nx,y"[..], "The column userPrincipalName is missing."),
        (b"PK\x03\x04rest", "This is an Excel workbook."),
        (b"userPrincipalName\n", "no users"),
    ] {
        let page = olga.upload("/users/alignment", "/users/alignment", &[], "x.csv", bytes).await;
        assert_eq!(page.status, 422);
        assert!(page.text().contains(reason), "{}", page.text());
    }
}

#[actix_web::test]
async fn an_administrator_renames_no_account_that_belongs_to_the_owners() {
    let console = console();
    console.admin("aud@old.example", Role::Auditor);
    console.admin("ada", Role::Administrator);
    let ada = console.signed_in("ada").await;
    let at = path(&compare(&ada, &["aud@new.example,Aud,,,,9,Member,True"]).await);
    let done = ada.submit(&format!("{at}/preview"), &format!("{at}/accept"), &[]).await.follow().await;
    assert!(done.text().contains("0 users were renamed."), "{}", done.text());
    assert!(console.find("aud@old.example").is_some());
}

#[actix_web::test]
async fn capitals_that_sign_in_tells_apart_are_proposed_with_their_own_reason() {
    let console = Console::open();
    console.user("Ünal@x.example", None);
    console.user("Case@x.example", None);
    let olga = console.signed_in("olga").await;
    let page =
        compare(&olga, &["ünal@x.example,Unal,,,,1,Member,True", "case@x.example,Case,,,,2,Member,True"])
            .await;
    let text = page.text();
    assert!(text.contains("Capitals that sign-in tells apart 1"), "{text}");
    assert!(text.contains("single sign-on takes only A to Z and a to z for the same"), "{text}");
    assert!(text.contains("Differ in capitals only 1"), "{text}");
    let at = path(&page);
    olga.get(&format!("{at}/preview")).await.submit(&format!("{at}/accept"), &[]).await;
    assert_eq!(console.find("ünal@x.example").unwrap().profile.user_name, "ünal@x.example");
}

#[actix_web::test]
async fn a_name_that_cannot_be_seen_whole_is_pointed_out_and_a_crowd_is_not_listed() {
    let console = Console::open();
    console.write(|tx| {
        use rollcall::domain::users::{Profile, by_hand};
        for number in 0..3 {
            let profile =
                Profile { display_name: Some("Ana Lima".into()), ..Profile::named(&format!("q{number}")) };
            by_hand::create(tx, by_hand::LocalProfile { profile, email: None }, None)?;
        }
        Ok(())
    });
    let olga = console.signed_in("olga").await;
    let rows: Vec<String> =
        (0..500).map(|at| format!("p{at}@x.example,\"Lima, Ana\",,,,{at},Member,True")).collect();
    let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    rows.push("zoe\u{202E}@x.example,Zoe,,,,999,Member,True");
    let page = compare(&olga, &rows).await;
    let ambiguous = olga.get(&format!("{}?kind=ambiguous", path(&page))).await;
    assert_eq!(ambiguous.text().matches("May be one of 500 who have that name in Entra ID").count(), 3);
    assert!(ambiguous.body.len() < 100_000, "{}", ambiguous.body.len());
    let name = olga.get(&format!("{}?kind=only_in_entra&after=498", path(&page))).await.text();
    assert!(name.contains("U+202E RIGHT-TO-LEFT OVERRIDE at position 4, which cannot be seen"), "{name}");
}

#[actix_web::test]
async fn all_renames_can_be_taken_back_from_each_page_of_the_comparison() {
    let console = console();
    let olga = console.signed_in("olga").await;
    let page = compare(&olga, &ROWS).await;
    let at = path(&page);
    let undo = format!("form[action='{at}/undo']");
    assert!(!page.has(&undo), "nothing was renamed");
    olga.submit(&format!("{at}/preview?kind=domain"), &format!("{at}/accept"), &[("kind", "domain")]).await;
    for kind in ["", "?kind=same", "?kind=only_here"] {
        assert!(olga.get(&format!("{at}{kind}")).await.has(&undo), "{kind}");
    }
}
