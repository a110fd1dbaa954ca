//! Addresses of the identity provider, as whoever follows them reads them.

use crate::harness::idp::{CERTIFICATE, ISSUER, LOGIN_URL, Says};
use crate::harness::{Browser, Console};
use crate::sso_set_up::{import, metadata_of, publishing};
use rollcall::domain::Role;
use rollcall::domain::sso::{metadata, settings};
use rollcall::worker;

const LIKE_LOGIN: &str = "https://l\u{43e}gin.microsoftonline.com/t/saml2";
const LIKE_LOGIN_READ: &str = "https://xn--lgin-55d.microsoftonline.com/t/saml2";
const LIKE_ISSUER: &str = "https://sts.wind\u{43e}ws.net/t/";
const LIKE_ISSUER_READ: &str = "https://sts.xn--windws-zqf.net/t/";
const REMARK: &str = "written with Latin and Cyrillic letters";

fn metadata_at(login_url: &str, issuer: &str) -> Vec<u8> {
    let text = String::from_utf8(metadata_of(issuer, &[CERTIFICATE])).unwrap();
    text.replace(LOGIN_URL, login_url).into_bytes()
}

async fn both(console: &Console) -> (Browser, Browser) {
    console.admin("adam", Role::Administrator);
    (console.signed_in("olga").await, console.signed_in("adam").await)
}

#[actix_web::test]
async fn an_owner_sees_what_an_address_really_is_before_they_approve() {
    for by_import in [false, true] {
        let console = Console::with_sso();
        let (olga, adam) = both(&console).await;
        if by_import {
            assert_eq!(import(&adam, &metadata_at(LIKE_LOGIN, LIKE_ISSUER)).await.status, 303);
        } else {
            let fields = [("login_url", LIKE_LOGIN), ("logout_url", LIKE_LOGIN), ("issuer", LIKE_ISSUER)];
            assert_eq!(adam.submit("/identity", "/identity/sso", &fields).await.status, 303);
        }
        let page = olga.get("/identity/trust").await;
        for part in [
            LIKE_LOGIN_READ,
            LIKE_ISSUER_READ,
            REMARK,
            "U+043E",
            "Look at the login URL",
            "Look at the issuer",
        ] {
            assert!(page.text().contains(part), "{part}: {}", page.text());
        }
        let form = adam.get("/identity").await;
        assert!(form.text().contains(REMARK) && form.value("#login_url").as_deref() == Some(LIKE_LOGIN_READ));
        page.submit("/identity/trust/approve", &[]).await;
        let now = console.org.read(settings::read).unwrap();
        assert_eq!(now.login_url.as_deref(), Some(LIKE_LOGIN_READ));
        assert_eq!(now.logout_url.as_deref(), Some(LIKE_LOGIN_READ));
        // An issuer is a name that responses repeat letter by letter.
        assert_eq!(now.issuer.as_deref(), Some(LIKE_ISSUER));
        let page = olga.get("/identity/trust").await;
        assert!(page.text().contains(LIKE_ISSUER_READ) && page.text().contains(REMARK), "in force as well");
        console.user("ana@contoso.example", None);
        let says = Says { issuer: LIKE_ISSUER.to_owned(), ..Says::of(&console, "ana@contoso.example") };
        assert_eq!(console.browser().bring(&says).await.status, 303);
    }
}

#[actix_web::test]
async fn what_is_read_alike_is_another_issuer_all_the_same() {
    let console = Console::with_sso();
    let olga = console.signed_in("olga").await;
    let wide = ISSUER.replace("sts.windows", "sts.\u{ff57}indows");
    assert_eq!(olga.submit("/identity", "/identity/sso", &[("issuer", &wide)]).await.status, 303);
    assert_eq!(console.org.read(settings::read).unwrap().issuer.as_deref(), Some(wide.as_str()));
    let page = olga.get("/identity/trust").await;
    assert!(page.text().contains("U+FF57"), "{}", page.text());
    let hidden = ISSUER.replace("windows", "win\u{ad}dows");
    let refused = olga.submit("/identity", "/identity/sso", &[("issuer", &hidden)]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("SOFT HYPHEN"), "{}", refused.text());
}

#[actix_web::test]
async fn the_daily_reading_keeps_the_address_as_it_is_read() {
    let console = Console::with_sso();
    let url = publishing(metadata_at(LIKE_LOGIN, ISSUER));
    console.sso(move |settings| (settings.metadata_url, settings.refresh_metadata) = (Some(url), true));
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(console.org.read(settings::read).unwrap().login_url.as_deref(), Some(LIKE_LOGIN_READ));
}

#[actix_web::test]
async fn browsers_are_sent_to_no_ipv6_address() {
    let console = Console::with_sso();
    let (olga, adam) = both(&console).await;
    let why = "can name no IPv6 address";
    for (browser, address) in [(&olga, "https://[2001:db8::1]/x"), (&adam, "https://[::1]:8443/x")] {
        for field in ["login_url", "logout_url"] {
            let refused = browser.submit("/identity", "/identity/sso", &[(field, address)]).await;
            assert_eq!(refused.status, 422, "{field} {address}");
            assert!(refused.text().contains(why), "{}", refused.text());
        }
        let refused = import(browser, &metadata_at(address, ISSUER)).await;
        assert_eq!((refused.status, refused.text().contains(why)), (422, true));
    }
    let url = publishing(metadata_at("https://[2001:db8::1]/x", ISSUER));
    console.sso(move |settings| (settings.metadata_url, settings.refresh_metadata) = (Some(url), true));
    worker::round(&console.org, true).await.unwrap();
    assert!(console.org.read(metadata::reading).unwrap().fault.unwrap().contains(why));
    let now = console.org.read(settings::read).unwrap();
    assert_eq!(now.login_url.as_deref(), Some(LOGIN_URL));
}
