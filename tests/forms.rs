//! Whatever a form refuses, it says why.

use crate::harness::{Console, PASSWORD};
use rollcall::domain::admins;

/// Characters that cannot be seen, and more than any field takes.
fn bad_values() -> [String; 2] {
    ["An\u{200B}a\u{202E}".to_owned(), "x".repeat(3000)]
}

#[actix_web::test]
async fn nothing_is_refused_without_a_word() {
    let console = Console::open();
    let ana = format!("/users/{}", console.user("ana", None).id);
    let (telephony, federated) = (format!("{ana}/telephony"), format!("{ana}/federated-id"));
    let site = format!("/sites/{}", console.site("Delft").id);
    let olga = console.signed_in("olga").await;
    let mut refused = 0;
    for (page, action) in [
        ("/users/new", "/users"),
        (&ana, &ana),
        (&ana, &telephony),
        (&ana, &federated),
        ("/administrators", "/administrators"),
        ("/administrators", "/administrators/appoint"),
        ("/sites", "/sites"),
        (&site, &site),
        ("/licenses", "/licenses"),
        ("/identity", "/identity/sso"),
        ("/identity", "/identity/sso/options"),
        ("/held", "/held/limits"),
        ("/activity/retention", "/activity/retention"),
        ("/account", "/account/password"),
    ] {
        let form = olga.get(page).await;
        let names = form.field_names(action);
        assert!(!names.is_empty(), "{action}");
        for name in &names {
            for value in bad_values() {
                let answer = form.submit(action, &[("user_name", "bo"), (name, &value)]).await;
                if answer.status == 303 {
                    continue;
                }
                refused += 1;
                let told = answer.has(".error, [role=alert], main p");
                assert!(told && answer.status < 500, "{action} {name}: {} {}", answer.status, answer.text());
                let tells = answer.has(".error") || answer.has("[role=alert]");
                assert!(
                    tells || answer.text().contains("Not possible now"),
                    "{action} {name}: {}",
                    answer.text()
                );
            }
        }
    }
    assert!(refused > 40, "{refused}");
}

#[actix_web::test]
async fn a_name_with_a_hidden_character_is_refused_where_it_was_typed() {
    let told = "The display name has a character that cannot be seen: U+200B ZERO WIDTH SPACE at position 3.";
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let fields = [("name", "An\u{200B}a"), ("user_name", "ana"), ("role", "auditor")];
    let refused = olga.submit("/administrators", "/administrators", &fields).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.value("#name-error").as_deref(), Some(format!("{told} Remove it.").as_str()));

    let unclaimed = Console::unclaimed();
    let secret = unclaimed.write(admins::offer_set_up).unwrap();
    let path = format!("/set-up/{secret}");
    let fields = [
        ("organisation", "Harbourline"),
        ("name", "An\u{200B}a"),
        ("user_name", "ana"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    let refused = unclaimed.browser().submit(&path, &path, &fields).await;
    assert!(refused.value("#name-error").is_some_and(|text| text.starts_with(told)), "{}", refused.text());
}

#[actix_web::test]
async fn a_complaint_about_a_field_that_the_form_has_no_place_for_stands_at_the_top() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    // The list of all complaints, with a link to each field, stands there in any case.
    let unplaced = "main > [role=alert]:not(#complaints)";
    // A script sends a field of another form.
    let ana = format!("/users/{}", console.user("ana", None).id);
    let fields = [("user_name", "ana"), ("title", "Dr\u{2060}")];
    let refused = olga.submit(&ana, &ana, &fields).await;
    assert!(refused.has("#title-error") && !refused.has(unplaced), "it has a place");
    let long = "x".repeat(3000);
    let refused = olga.submit(&ana, &format!("{ana}/telephony"), &[("extension", &long)]).await;
    assert!(refused.has(".error") && !refused.has(unplaced), "{}", refused.text());
}
