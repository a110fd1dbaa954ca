//! Whose account a name is, and what becomes of one that nobody has yet.

use crate::harness::Console;
use crate::harness::idp::{OBJECT_ID, Says};
use rollcall::domain::page::At;
use rollcall::domain::sso::events::{self, Event, Filter};
use rollcall::domain::users::federation;

const CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";

fn newest(console: &Console) -> Event {
    console.org.read(|conn| events::list(conn, &Filter::default(), &At::Start, 1)).unwrap().items.remove(0)
}

async fn outcome(console: &Console, says: &Says) -> (u16, Option<String>) {
    let page = console.browser().bring(says).await;
    (page.status, newest(console).cause)
}

#[actix_web::test]
async fn letters_that_only_unicode_folds_do_not_meet() {
    let console = Console::with_sso();
    console.user("kim@contoso.example", None);
    console.user("sam@contoso.example", None);
    let id = console.user("plain", None).id;
    console.write(move |tx| federation::set_federated_id(tx, &id, Some("kim@fabrikam.example")));
    let unknown = (403, Some("user_unknown".to_owned()));
    for name in [
        "\u{212a}im@contoso.example",
        "\u{17f}am@contoso.example",
        "\u{212a}im@fabrikam.example",
        "kim@contoso.example\u{a0}",
        "\u{2003}kim@contoso.example",
        "kİm@contoso.example",
    ] {
        assert_eq!(outcome(&console, &Says::of(&console, name)).await, unknown, "{name:?}");
    }
    for name in
        ["KIM@Contoso.Example", " kim@contoso.example\n", "\tSAM@contoso.example ", "KIM@fabrikam.example"]
    {
        assert_eq!(outcome(&console, &Says::of(&console, name)).await, (303, None), "{name:?}");
    }
}

#[actix_web::test]
async fn object_ids_are_guids_and_not_the_empty_one() {
    let console = Console::with_sso();
    console.user("kim@contoso.example", None);
    for id in [
        "00000000-0000-0000-0000-000000000000",
        "kim",
        "{7c2f1d7e-0b1e-4f58-9a34-0d6f1f3f9a11}",
        "7c2f1d7e0b1e4f589a340d6f1f3f9a11",
        "urn:uuid:7c2f1d7e-0b1e-4f58-9a34-0d6f1f3f9a11",
    ] {
        let says = Says::of(&console, "kim@contoso.example").with(OBJECT_ID, id);
        assert_eq!(outcome(&console, &says).await, (403, Some("object_id_invalid".to_owned())), "{id}");
        assert_eq!(console.find("kim@contoso.example").unwrap().entra_object_id, None);
    }
    let says =
        Says::of(&console, "kim@contoso.example").with(OBJECT_ID, "7C2F1D7E-0B1E-4F58-9A34-0D6F1F3F9A11");
    assert_eq!(outcome(&console, &says).await, (303, None));
    let known = console.find("kim@contoso.example").unwrap().entra_object_id;
    assert_eq!(known.as_deref(), Some("7c2f1d7e-0b1e-4f58-9a34-0d6f1f3f9a11"));
}

#[actix_web::test]
async fn an_account_that_cannot_be_made_is_a_cause_with_a_reference() {
    let console = Console::with_sso();
    console.sso(|settings| settings.create_users = true);
    let long = format!("{}@contoso.example", "x".repeat(400));
    for name in [long.as_str()] {
        let page = console.browser().bring(&Says::of(&console, name)).await;
        let event = newest(&console);
        assert_eq!((page.status, event.cause.as_deref()), (403, Some("account_not_made")), "{name}");
        assert!(page.text().contains(&event.reference), "{}", page.text());
        assert!(event.sentence.starts_with("An account could not be made"), "{}", event.sentence);
    }
}

#[actix_web::test]
async fn a_claim_that_is_too_long_keeps_nobody_out() {
    let console = Console::with_sso();
    console.sso(|settings| settings.create_users = true);
    let says = Says::of(&console, "nina@contoso.example")
        .with(&format!("{CLAIMS}/givenname"), &"n".repeat(3_000))
        .with(&format!("{CLAIMS}/surname"), "Noé")
        .with(&format!("{CLAIMS}/emailaddress"), &format!("{}@contoso.example", "n".repeat(3_000)))
        .with("http://schemas.microsoft.com/identity/claims/displayname", &"n".repeat(3_000));
    assert_eq!(outcome(&console, &says).await, (303, None));
    let made = console.find("nina@contoso.example").unwrap().profile;
    assert_eq!((made.given_name, made.family_name.as_deref()), (None, Some("Noé")));
    assert!(newest(&console).details().warnings.iter().any(|text| text.contains("left out")));
}

#[actix_web::test]
async fn hints_come_out_on_the_bad_path_too() {
    let console = Console::with_sso();
    let guest = "ana_fabrikam.example#EXT#@contoso.example";
    console.browser().bring(&Says::of(&console, guest)).await;
    let event = newest(&console);
    assert_eq!(event.cause.as_deref(), Some("user_unknown"));
    assert!(event.details().warnings[0].contains("guest"));
    // One that is proven and meant for another application names its signature and its person, too.
    let says = Says { audience: "https://elsewhere.example/".to_owned(), ..Says::of(&console, guest) };
    console.browser().bring(&says).await;
    let event = newest(&console);
    assert_eq!(event.cause.as_deref(), Some("audience"));
    assert!(event.proven && event.details().warnings[0].contains("guest"));
    assert_eq!(event.details().proofs[0].thumbprint.len(), 40);
    let mut opaque = Says::of(&console, "x8Fk2bLq");
    opaque.name_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    opaque.audience.push('/');
    console.browser().bring(&opaque).await;
    assert!(newest(&console).details().warnings[0].contains("opaque"));
}
