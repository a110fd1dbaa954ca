//! A form that was refused: what is wrong is told where the browser stands, with a way to each field, and nothing that was
//! typed is lost.

use crate::harness::{Browser, Console, PASSWORD, Page};
use rollcall::domain::{Actor, Role, admins};
use rollcall::web::console::ROUTES;
use std::collections::BTreeSet;

/// Fields with what is typed into them.
type Typed = &'static [(&'static str, &'static str)];

/// A form that is filled in with something that is refused.
struct Rubbish {
    route: &'static str,
    /// The page on which it stands, and the form's address; `{}` is the key of what it is about.
    page: &'static str,
    action: &'static str,
    typed: Typed,
    /// The field that is complained about.
    wrong: &'static str,
}

const fn form(
    route: &'static str,
    page: &'static str,
    action: &'static str,
    typed: Typed,
    wrong: &'static str,
) -> Rubbish {
    Rubbish { route, page, action, typed, wrong }
}

const LONG: &str = "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong\
    longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong\
    longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong";

const RUBBISH: &[Rubbish] = &[
    form(
        "/identity/sso",
        "/identity",
        "/identity/sso",
        &[("login_url", "nonsense"), ("issuer", "an issuer"), ("logout_url", "nothing"), ("enabled", "1")],
        "login_url",
    ),
    form(
        "/identity/sso/import",
        "/identity",
        "/identity/sso/import",
        &[("metadata_url", "not an address"), ("refresh_metadata", "1")],
        "metadata_url",
    ),
    form(
        "/identity/sso/import",
        "/identity",
        "/identity/sso/import",
        &[("metadata_url", "https://login.example/x"), ("metadata", "<nothing/> of & use")],
        "metadata",
    ),
    form(
        "/identity/sso/options",
        "/identity",
        "/identity/sso/options",
        &[("match_claim", "http://x/y"), ("skew_s", "abc"), ("create_users", "1"), ("sign_requests", "1")],
        "skew_s",
    ),
    form(
        "/identity/sso/certificates",
        "/identity",
        "/identity/sso/certificates",
        &[("pasted", "-----BEGIN NONSENSE-----")],
        "certificate",
    ),
    form(
        "/identity/tokens",
        "/identity",
        "/identity/tokens",
        &[("label", "The next"), ("expires_in", "some day")],
        "expires_in",
    ),
    form(
        "/identity/clients",
        "/identity",
        "/identity/clients",
        &[("client_label", LONG), ("years", "3")],
        "client_label",
    ),
    form(
        "/identity/federation",
        "/identity",
        "/identity/federation",
        &[("tenant_id", "nobody"), ("audience", "all"), ("subject", "none"), ("federated", "1")],
        "tenant_id",
    ),
    form(
        "/users",
        "/users/new",
        "/users",
        &[("user_name", LONG), ("given_name", "Ana"), ("email", "no address"), ("extension", "x")],
        "user_name",
    ),
    form(
        "/users/{id}",
        "/users/{}",
        "/users/{}",
        &[("user_name", ""), ("given_name", "Ana"), ("department", "Sales")],
        "user_name",
    ),
    form(
        "/users/{id}/telephony",
        "/users/{}",
        "/users/{}/telephony",
        &[("phone_number", "+49 30 1234"), ("extension", "none")],
        "extension",
    ),
    form(
        "/users/{id}/federated-id",
        "/users/{}",
        "/users/{}/federated-id",
        &[("federated_id", LONG)],
        "federated_id",
    ),
    form("/users/delete", "/users/delete?id={}", "/users/delete", &[("typed", "yes, delete")], "typed"),
    form("/users/site", "/users/site?id={}", "/users/site", &[("site", "")], "site"),
    form(
        "/held/limits",
        "/held",
        "/held/limits",
        &[("minutes", "an hour"), ("people", "12"), ("enabled", "1")],
        "minutes",
    ),
    form(
        "/activity/retention",
        "/activity/retention",
        "/activity/retention",
        &[("provisioning", "a month"), ("sign_ins", "100"), ("audit", "800")],
        "provisioning",
    ),
    form(
        "/administrators",
        "/administrators",
        "/administrators",
        &[("name", "Eve"), ("user_name", LONG), ("role", "owner")],
        "user_name",
    ),
    form(
        "/administrators/appoint",
        "/administrators",
        "/administrators/appoint",
        &[("appointed", "nobody@example.com"), ("role", "auditor")],
        "appointed",
    ),
    form(
        "/account/password",
        "/account",
        "/account/password",
        &[
            ("current", "a wrong secret"),
            ("password", "a first new secret"),
            ("password_again", "a second new secret"),
        ],
        "password_again",
    ),
    form(
        "/licenses",
        "/licenses",
        "/licenses",
        &[("code", "X9"), ("name", "Everything"), ("seats", "many")],
        "seats",
    ),
    form(
        "/licenses/{id}",
        "/licenses/{license}",
        "/licenses/{license}",
        &[("code", "X9"), ("name", "Everything"), ("seats", "many")],
        "seats",
    ),
    form("/licenses/import", "/licenses/import", "/licenses/import", &[("take_away", "1")], "file"),
    form("/users/alignment", "/users/alignment", "/users/alignment", &[], "file"),
    form("/sites", "/sites", "/sites", &[("name", "Delft")], "name"),
    form("/sites/{id}", "/sites/{site}", "/sites/{site}", &[("name", "Delft")], "name"),
    form("/sites/{id}/aliases", "/sites/{site}", "/sites/{site}/aliases", &[("name", "Delft")], "{alias}"),
];

/// Forms with nothing to type in, or whose page before sign-in is tested below.
const NOTHING_TYPED: &[&str] = &[
    "/set-up/{secret}",
    "/sign-in",
    "/password/{secret}",
    "/sign-out",
    "/confirm",
    "/sso/consumer",
    "/sso/switch",
    "/identity/sso/certificates/{id}/approve",
    "/identity/sso/certificates/{id}/remove",
    "/identity/sso/keys",
    "/identity/sso/keys/{id}/use",
    "/identity/sso/keys/{id}/remove",
    "/identity/sso/test",
    "/identity/sso/require",
    "/identity/sso/require/confirm",
    "/identity/sso/require/lift",
    "/identity/trust/approve",
    "/identity/trust/reject",
    "/identity/trust/looked",
    "/identity/provisioning",
    "/identity/provisioning/test",
    "/identity/provisioning/reveal",
    "/identity/tokens/{id}/revoke",
    "/identity/clients/{id}/remove",
    "/identity/clients/{id}/secrets",
    "/identity/clients/{id}/secrets/{secret}/revoke",
    "/users/alignment/{id}/accept",
    "/users/alignment/{id}/undo",
    "/users/alignment/{id}/discard",
    "/users/alignment/{id}/rows/{row}/accept",
    "/users/alignment/{id}/rows/{row}/undo",
    "/users/{id}/site",
    "/users/{id}/license",
    "/users/{id}/license/remove",
    "/users/{id}/forget-object-id",
    "/users/{id}/deactivate",
    "/users/{id}/reactivate",
    "/users/{id}/release",
    "/users/{id}/link",
    "/users/{id}/link/dismiss",
    "/groups/{id}/delete",
    "/held",
    "/administrators/{id}/recognition",
    "/administrators/{id}/role",
    "/administrators/{id}/hand-over",
    "/administrators/{id}/password",
    "/account/sessions/end",
    "/licenses/{id}/delete",
    "/imports/{id}/apply",
    "/imports/{id}/discard",
    "/sites/settle",
    "/sites/{id}/aliases/{alias}/remove",
    "/sites/{id}/delete",
];

#[test]
fn every_form_that_takes_something_typed_is_tried() {
    let posted: BTreeSet<&str> =
        ROUTES.iter().filter(|route| route.method == "POST").map(|route| route.path).collect();
    let tried: BTreeSet<&str> = RUBBISH.iter().map(|form| form.route).collect();
    let rest: BTreeSet<&str> = NOTHING_TYPED.iter().copied().collect();
    assert_eq!(tried.union(&rest).copied().collect::<BTreeSet<_>>(), posted);
}

/// Whether what was typed into a field stands there again.
fn stands_again(page: &Page, action: &str, name: &str, value: &str) -> bool {
    let field = format!("form[action=\"{action}\"] [name=\"{name}\"]");
    page.has(&format!("{field}[type=checkbox][checked]"))
        || page.has(&format!("{field} option[selected][value=\"{value}\"]"))
        || page.value(&format!("{field}:not([type=checkbox]):not(select)")).as_deref() == Some(value)
}

fn tells_what_is_wrong(page: &Page, wrong: &str, told: &str) {
    assert!(page.value("#complaints").is_some_and(|text| text.contains("There ")), "{told}: {}", page.body);
    assert!(page.has(&format!("#complaints a[href=\"#{wrong}\"]")), "{told}: {}", page.body);
    assert!(page.has(&format!("#{wrong}")), "{told}: the link leads nowhere");
    assert!(page.has("#complaints[role=alert][tabindex=\"-1\"]"), "{told}");
}

async fn send(olga: &Browser, page: &str, action: &str, form: &Rubbish) -> Page {
    let is_upload = olga.get(page).await.has(&format!("form[action=\"{action}\"] input[type=file]"));
    if is_upload {
        olga.upload(page, action, form.typed, "", b"").await
    } else {
        olga.submit(page, action, form.typed).await
    }
}

#[actix_web::test]
async fn a_refused_form_says_what_is_wrong_where_one_looks_and_keeps_what_was_typed() {
    let console = Console::open();
    let (ana, license) = (console.user("ana@example.com", None), console.license("X2", 5));
    console.site("Delft");
    let site = console.site("Lisbon");
    let olga = console.signed_in("olga").await;
    for form in RUBBISH {
        let keyed = |text: &str| {
            let text = text.replace("{alias}", "sites-{site}-aliases-name");
            text.replace("{}", ana.id.as_str())
                .replace("{license}", license.id.as_str())
                .replace("{site}", site.id.as_str())
        };
        let (page, action) = (keyed(form.page), keyed(form.action));
        let told = format!("{} {:?}", form.route, form.typed);
        let refused = send(&olga, &page, &action, form).await;
        assert!([409, 422].contains(&refused.status), "{told}: {} {}", refused.status, refused.body);
        tells_what_is_wrong(&refused, &keyed(form.wrong), &told);
        for (name, value) in form.typed {
            let is_secret = form.route == "/account/password";
            assert_eq!(
                stands_again(&refused, &action, name, value),
                !is_secret,
                "{told}: {name} {}",
                refused.body
            );
            assert!(!is_secret || !refused.body.contains(value), "{told}: {name}");
        }
        assert!(refused.has(&format!("form[action=\"{action}\"] #complaints")), "{told}");
    }
}

#[actix_web::test]
async fn forms_before_sign_in_keep_what_was_typed_too() {
    let console = Console::unclaimed();
    let secret = console.org.write(&Actor::Rollcall, admins::offer_set_up).unwrap().unwrap();
    let link = format!("/set-up/{secret}");
    let typed = [
        ("organisation", "Harbourline"),
        ("name", "Olga"),
        ("user_name", "olga"),
        ("password", "short"),
        ("password_again", "short"),
    ];
    let refused = console.browser().submit(&link, &link, &typed).await;
    assert_eq!(refused.status, 422);
    tells_what_is_wrong(&refused, "password", "set-up");
    for name in ["organisation", "name", "user_name"] {
        assert_eq!(
            refused.value(&format!("#{name}")),
            typed.iter().find(|(field, _)| *field == name).map(|(_, value)| (*value).to_owned())
        );
    }

    console.admin("olga", Role::Owner);
    let adam = console.admin("adam", Role::Administrator);
    let olga = console.signed_in("olga").await;
    let (page, action) =
        (format!("/administrators/{}", adam.id), format!("/administrators/{}/password", adam.id));
    let link = olga.submit(&page, &action, &[]).await.value("input[aria-label=Link]").unwrap();
    let link = link.strip_prefix(&console.address).unwrap();
    let refused =
        console.browser().submit(link, link, &[("password", "short"), ("password_again", "short")]).await;
    tells_what_is_wrong(&refused, "password", "a one-time link");

    let refused = console
        .browser()
        .submit("/sign-in", "/sign-in", &[("user_name", "olga"), ("password", "wrong")])
        .await;
    assert_eq!(refused.value("#user_name").as_deref(), Some("olga"));
    assert_eq!(
        console
            .browser()
            .submit("/sign-in", "/sign-in", &[("user_name", "olga"), ("password", PASSWORD)])
            .await
            .status,
        303
    );
}

#[actix_web::test]
async fn what_was_done_is_told_where_the_browser_is_led() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let saved = olga.submit("/identity", "/identity/sso/options", &[("skew_s", "60")]).await;
    assert_eq!(saved.location(), "/identity");
    let page = saved.follow().await;
    assert!(
        page.has("form[action='/identity/sso/options'] .notice.good") && !page.has("main > .notice.good"),
        "{}",
        page.body
    );

    // Another page than the one it was meant for loses nothing.
    olga.submit("/identity", "/identity/sso/options", &[("skew_s", "90")]).await;
    assert!(olga.get("/").await.has("main > .notice.good"));
}

#[actix_web::test]
async fn who_may_not_choose_the_claim_loses_nothing_by_trying() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    assert!(adam.get("/identity").await.has("#match_claim[readonly]"));
    let typed = [("match_claim", "http://x/y"), ("skew_s", "77"), ("create_users", "1")];
    let refused = adam.submit("/identity", "/identity/sso/options", &typed).await;
    assert_eq!(refused.status, 403);
    tells_what_is_wrong(&refused, "match_claim", "options");
    for (name, value) in typed {
        assert!(stands_again(&refused, "/identity/sso/options", name, value), "{name}");
    }
    let saved = adam.submit("/identity", "/identity/sso/options", &[("skew_s", "77")]).await;
    assert_eq!(saved.status, 303, "an unchanged claim is nobody's business: {}", saved.body);
}
