//! Every form leaves its entry in the audit log, or says here why it leaves none; and so do the requests of Entra ID.

use crate::harness::authority::{AUDIENCE, SUBJECT, TENANT};
use crate::harness::idp::{CERTIFICATE, ISSUER, OBJECT_ID, STRANGERS_CERTIFICATE, Says, adding};
use crate::harness::{Browser, Console, PASSWORD, Page};
use crate::sso_set_up::metadata_of;
use rollcall::domain::audit::{self, Action};
use rollcall::domain::page::At;
use rollcall::domain::sso::{certificates, keys};
use rollcall::domain::users::by_hand;
use rollcall::domain::{Actor, Role, admins, groups, settings};
use rollcall::web::console::ROUTES;
use serde_json::json;
use std::collections::BTreeSet;

/// The forms that leave no entry, and why.
const NO_ENTRY: [(&str, &str); 1] =
    [("/identity/sso/test", "it changes nothing: what came of the test is in the sign-in log")];
const ADA: &str = "ada@contoso.example";
const ANA: &str = "ana@contoso.example";

/// Sends forms, and keeps in mind which.
struct Walk<'a> {
    console: &'a Console,
    browser: Browser,
    sent: &'a mut BTreeSet<&'static str>,
}

fn entries(console: &Console) -> Vec<audit::Event> {
    let all = |conn: &mut _| audit::list(conn, &audit::Filter::default(), &At::Start, 10_000);
    console.org.read(all).unwrap().items
}

/// The entries that are there now and were not.
fn since(console: &Console, before: usize) -> Vec<audit::Event> {
    let mut all = entries(console);
    all.truncate(all.len() - before);
    all
}

impl<'a> Walk<'a> {
    async fn new(console: &'a Console, user_name: &str, sent: &'a mut BTreeSet<&'static str>) -> Self {
        Self { console, browser: console.signed_in(user_name).await, sent }
    }

    /// Sends the form of a route, in which `keys` stand for the parts of its path, and finds its entry.
    async fn form(
        &mut self,
        route: &'static str,
        keys: &[&str],
        fields: &[(&str, &str)],
        action: Action,
    ) -> Page {
        let csrf = self.browser.get("/account").await.value("input[name=csrf]").unwrap();
        let fields = [&[("csrf", csrf.as_str())], fields].concat();
        let mut keys = keys.iter();
        let parts =
            route.split('/').map(|part| if part.starts_with('{') { keys.next().unwrap() } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let before = entries(self.console).len();
        let answer = self.browser.post_bare(&path, &fields).await;
        self.found(route, before, action, answer)
    }

    /// Sends the form as its page has it.
    async fn on_page(
        &mut self,
        route: &'static str,
        page: &str,
        fields: &[(&str, &str)],
        action: Action,
    ) -> Page {
        let before = entries(self.console).len();
        let answer = self.browser.submit(page, route, fields).await;
        self.found(route, before, action, answer)
    }

    fn found(&mut self, route: &'static str, before: usize, action: Action, answer: Page) -> Page {
        let left: Vec<String> =
            since(self.console, before).iter().flat_map(audit::Event::sentences).collect();
        let actions: Vec<Action> = since(self.console, before).iter().map(|event| event.action).collect();
        assert!(answer.status < 400, "{route}: {} {}", answer.status, answer.text());
        assert!(actions.contains(&action), "{route} left {left:?}: {}", answer.text());
        assert!(ROUTES.iter().any(|known| known.path == route && known.method == "POST"), "{route}");
        self.sent.insert(route);
        answer
    }
}

#[actix_web::test]
async fn every_form_of_the_table_leaves_its_entry_or_says_why_it_leaves_none() {
    let mut sent: BTreeSet<&'static str> = NO_ENTRY.iter().map(|(path, _)| *path).collect();
    set_up(&mut sent).await;
    ways_in(&mut sent).await;
    single_sign_on(&mut sent).await;
    trust(&mut sent).await;
    requirement(&mut sent).await;
    credentials(&mut sent).await;
    users(&mut sent).await;
    names(&mut sent).await;
    what_entra_did(&mut sent).await;
    administrators(&mut sent).await;
    licences(&mut sent).await;
    sites(&mut sent).await;
    let forms = ROUTES.iter().filter(|route| route.method == "POST");
    let missing: Vec<&str> = forms.map(|route| route.path).filter(|path| !sent.contains(path)).collect();
    assert!(missing.is_empty(), "no happy case for {missing:?}");
}

async fn set_up(sent: &mut BTreeSet<&'static str>) {
    let console = Console::unclaimed();
    let secret = console.org.write(&Actor::Rollcall, admins::offer_set_up).unwrap().unwrap();
    let link = format!("/set-up/{secret}");
    let claim = [
        ("organisation", "Harbourline"),
        ("name", "Olga"),
        ("user_name", "olga"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    let claimed = console.browser().submit(&link, &link, &claim).await;
    assert_eq!(claimed.status, 303, "{}", claimed.text());
    assert!(entries(&console).iter().any(|event| event.action == Action::SetUp));
    sent.insert("/set-up/{secret}");
}

async fn ways_in(sent: &mut BTreeSet<&'static str>) {
    let console = Console::with_sso();
    let ada = console.admin(ADA, Role::Administrator);
    console.user(ANA, None);
    let mut walk = Walk::new(&console, "olga", sent).await;
    walk.sent.insert("/sign-in");
    let signed_in = entries(&console).remove(0);
    assert_eq!((signed_in.action, signed_in.sentences().len()), (Action::SignedIn, 1));
    walk.form("/confirm", &[], &[("password", PASSWORD)], Action::Confirmed).await;
    let last = entries(&console).remove(0);
    assert_eq!((last.action, last.sentences().len()), (Action::Confirmed, 1));
    let before = entries(&console).len();
    let csrf = walk.browser.get("/account").await.value("input[name=csrf]").unwrap();
    walk.browser.post_bare("/confirm", &[("csrf", &csrf), ("password", "wrong")]).await;
    let refused: Vec<Action> = since(&console, before).iter().map(|event| event.action).collect();
    assert_eq!(refused, [Action::ProofRefused]);
    let fields = [
        ("current", PASSWORD),
        ("password", "another quite good phrase"),
        ("password_again", "another quite good phrase"),
    ];
    walk.form("/account/password", &[], &fields, Action::PasswordSet).await;
    walk.form("/account/sessions/end", &[], &[], Action::SessionsEnded).await;
    walk.form("/sign-out", &[], &[], Action::SignedOut).await;

    let (_, link) = console.write(move |tx| admins::links::make(tx, &ada.id));
    let path = format!("/password/{}", link.secret.expose());
    let chosen = [("password", "yet another good phrase"), ("password_again", "yet another good phrase")];
    let before = entries(&console).len();
    assert_eq!(console.browser().submit(&path, &path, &chosen).await.status, 303);
    assert!(since(&console, before).iter().any(|event| event.action == Action::PasswordLinkUsed));
    walk.sent.insert("/password/{secret}");

    let browser = console.browser();
    let before = entries(&console).len();
    assert_eq!(browser.bring(&Says::of(&console, ADA)).await.status, 303);
    let entry = since(&console, before);
    let by_entra: Vec<&audit::Event> =
        entry.iter().filter(|event| event.action == Action::SignedIn).collect();
    assert_eq!((by_entra.len(), by_entra[0].sentences().len()), (1, 1), "one sign-in is one entry");
    walk.sent.insert("/sso/consumer");
    let asked = browser.bring(&Says::of(&console, ANA)).await;
    let before = entries(&console).len();
    assert_eq!(asked.submit("/sso/switch", &[]).await.status, 303);
    assert!(since(&console, before).iter().any(|event| event.action == Action::SignedIn));
    walk.sent.insert("/sso/switch");
}

async fn single_sign_on(sent: &mut BTreeSet<&'static str>) {
    let console = Console::with_sso();
    let mut walk = Walk::new(&console, "olga", sent).await;
    let changed = Action::SsoChanged;
    let trusted = console.org.read(certificates::list).unwrap().remove(0).id;
    walk.on_page("/identity/sso", "/identity", &[("logout_url", "https://login.example/out")], changed).await;
    walk.on_page("/identity/sso/options", "/identity", &[("skew_s", "7")], changed).await;
    let metadata = String::from_utf8(metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE])).unwrap();
    walk.form("/identity/sso/import", &[], &[("metadata", &metadata)], changed).await;
    walk.form("/identity/sso/certificates/{id}/remove", &[&trusted], &[], changed).await;
    let pasted = String::from_utf8_lossy(CERTIFICATE).into_owned();
    walk.form("/identity/sso/certificates", &[], &[("pasted", &pasted)], changed).await;
    walk.form("/identity/sso/keys", &[], &[], changed).await;
    walk.form("/identity/sso/keys", &[], &[], changed).await;
    let key = |state: keys::State| {
        let all = console.org.read(keys::list).unwrap();
        all.into_iter().find(|key| key.state == state).unwrap().id
    };
    walk.form("/identity/sso/keys/{id}/use", &[&key(keys::State::Next)], &[], changed).await;
    walk.form("/identity/sso/keys/{id}/remove", &[&key(keys::State::Old)], &[], changed).await;
}

async fn trust(sent: &mut BTreeSet<&'static str>) {
    let console = Console::with_sso();
    let mut walk = Walk::new(&console, "olga", sent).await;
    let changed = Action::SsoChanged;
    let waits = |login: &'static str| {
        console
            .as_administrator(move |tx| {
                let wish = rollcall::domain::sso::settings::entered(tx.conn, false)?;
                let wish =
                    rollcall::domain::sso::settings::Settings { login_url: Some(login.to_owned()), ..wish };
                rollcall::domain::sso::settings::save(tx, &wish)
            })
            .unwrap();
    };
    waits("https://login.example/one");
    walk.on_page("/identity/trust/approve", "/identity/trust", &[], changed).await;
    waits("https://login.example/two");
    walk.on_page("/identity/trust/reject", "/identity/trust", &[], changed).await;
    console.write(|tx| settings::put_own(tx, settings::names::LOOK_AT_TRUST, &true));
    walk.on_page("/identity/trust/looked", "/identity/trust", &[], changed).await;
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    let all = console.org.read(certificates::list).unwrap();
    let waiting = all.into_iter().find(|one| !one.approved).unwrap().id;
    walk.form("/identity/sso/certificates/{id}/approve", &[&waiting], &[], changed).await;
}

async fn requirement(sent: &mut BTreeSet<&'static str>) {
    let console = Console::with_sso();
    console.admin(ADA, Role::Administrator);
    let mut walk = Walk::new(&console, "olga", sent).await;
    crate::sso_set_up::test_sign_in(&console, &walk.browser, ADA).await;
    walk.form("/identity/sso/require", &[], &[], Action::SsoChanged).await;
    let ada = console.browser();
    ada.sign_in_by_entra(&console, ADA).await;
    let olga = std::mem::replace(&mut walk.browser, ada);
    walk.form("/identity/sso/require/confirm", &[], &[], Action::SsoChanged).await;
    walk.browser = olga;
    walk.form("/identity/sso/require/lift", &[], &[], Action::SsoChanged).await;
}

async fn credentials(sent: &mut BTreeSet<&'static str>) {
    let console = Console::open();
    let mut walk = Walk::new(&console, "olga", sent).await;
    walk.form("/identity/provisioning", &[], &[("state", "on")], Action::ProvisioningChanged).await;
    walk.form("/identity/provisioning/reveal", &[], &[], Action::TokenRevealed).await;
    walk.form("/identity/provisioning/test", &[], &[], Action::ConnectionTested).await;
    walk.form("/identity/tokens", &[], &[("label", "second")], Action::TokenCreated).await;
    let token = console.org.read(rollcall::domain::identity::tokens::list).unwrap().remove(0).id;
    walk.form("/identity/tokens/{id}/revoke", &[&token], &[], Action::TokenRevoked).await;
    let wanted = [("client_label", "Entra ID"), ("years", "1")];
    walk.form("/identity/clients", &[], &wanted, Action::ClientCreated).await;
    let (client, secrets) = console.org.read(rollcall::domain::identity::clients::list).unwrap().remove(0);
    walk.form(
        "/identity/clients/{id}/secrets",
        &[client.id.as_str()],
        &[("years", "2")],
        Action::ClientSecretCreated,
    )
    .await;
    let keys = [client.id.as_str(), secrets[0].id.as_str()];
    walk.form("/identity/clients/{id}/secrets/{secret}/revoke", &keys, &[], Action::ClientSecretRevoked)
        .await;
    walk.form("/identity/clients/{id}/remove", &[client.id.as_str()], &[], Action::ClientRemoved).await;
    let federation =
        [("federated", "1"), ("tenant_id", TENANT), ("audience", AUDIENCE), ("subject", SUBJECT)];
    walk.form("/identity/federation", &[], &federation, Action::FederationChanged).await;
    let days = [("provisioning", "30"), ("sign_ins", "60"), ("audit", "400")];
    walk.form("/activity/retention", &[], &days, Action::RetentionChanged).await;
}

async fn users(sent: &mut BTreeSet<&'static str>) {
    let console = Console::with_sso();
    let delft = console.site("Delft").id;
    let kind = console.license("X2", 5).id;
    let mut walk = Walk::new(&console, "olga", sent).await;
    walk.form("/users", &[], &[("user_name", ANA)], Action::UserCreated).await;
    let ana = console.find(ANA).unwrap().id;
    let mine = [ana.as_str()];
    let changed = Action::UserChanged;
    let page = format!("/users/{ana}");
    let named = [("user_name", ANA), ("display_name", "Ana Lima")];
    walk.form("/users/{id}", &mine, &named, changed).await;
    walk.form("/users/{id}/telephony", &mine, &[("extension", "201")], changed).await;
    walk.form("/users/{id}/site", &mine, &[("site", delft.as_str())], changed).await;
    walk.form("/users/{id}/license", &mine, &[("license", kind.as_str())], Action::LicenseAssigned).await;
    walk.form("/users/{id}/license/remove", &mine, &[], Action::LicenseRemoved).await;
    walk.form("/users/{id}/federated-id", &mine, &[("federated_id", "ana@else.example")], changed).await;
    let object = "8d2a6c1e-2f0b-4d3a-9c51-0a1b2c3d4e5f";
    let says = Says::of(&console, "ana@else.example").with(OBJECT_ID, object);
    assert_eq!(console.browser().bring(&says).await.status, 303);
    walk.form("/users/{id}/forget-object-id", &mine, &[], changed).await;
    walk.form("/users/{id}/deactivate", &mine, &[], Action::UserDeactivated).await;
    walk.form("/users/{id}/reactivate", &mine, &[], Action::UserReactivated).await;
    let ben = console.user("ben", None).id;
    walk.form("/users/site", &[], &[("id", ben.as_str()), ("site", delft.as_str())], changed).await;
    walk.form("/users/delete", &[], &[("id", ben.as_str()), ("typed", "ben")], Action::UserDeleted).await;
    let log = walk.browser.get("/activity").await;
    let olga = console.find("olga").unwrap().id;
    assert!(log.has(&format!("a[href='/users/{olga}']")), "the actor is a link: {}", log.body);
    assert!(log.has(&format!("a[href='{page}']")) && log.text().contains("By olga"), "{}", log.text());
}

async fn names(sent: &mut BTreeSet<&'static str>) {
    let console = Console::open();
    for name in ["ana.silva", "bo.berg"] {
        console.user(name, None);
    }
    let mut walk = Walk::new(&console, "olga", sent).await;
    let file =
        b"userPrincipalName,displayName\r\nana.silva@x.example,ana.silva\r\nbo.berg@x.example,bo.berg\r\n";
    let (route, before) = ("/users/alignment", entries(&console).len());
    let kept = walk.browser.upload(route, route, &[], "users.csv", file).await;
    let at = kept.location().to_owned();
    walk.found(route, before, Action::ComparisonKept, kept);
    let id = at.rsplit('/').next().unwrap();
    let rows = |conn: &mut _| rollcall::domain::alignment::rows(conn, id, None, &At::Start, 10);
    let proposed = console
        .org
        .read(rows)
        .unwrap()
        .items
        .into_iter()
        .find(rollcall::domain::alignment::AlignmentRow::is_open_proposal);
    let row = proposed.unwrap();
    let (number, kind) = (row.number.to_string(), row.kind.as_str());
    let one = [id, number.as_str()];
    walk.form("/users/alignment/{id}/rows/{row}/accept", &one, &[], Action::UserChanged).await;
    walk.form("/users/alignment/{id}/rows/{row}/undo", &one, &[], Action::UserChanged).await;
    walk.form("/users/alignment/{id}/accept", &[id], &[("kind", kind)], Action::UserChanged).await;
    walk.form("/users/alignment/{id}/undo", &[id], &[], Action::UserChanged).await;
    walk.form("/users/alignment/{id}/discard", &[id], &[], Action::ComparisonDiscarded).await;
}

async fn what_entra_did(sent: &mut BTreeSet<&'static str>) {
    let (console, entra) = Console::with_entra();
    let mut walk = Walk::new(&console, "olga", sent).await;
    let [ana, bo] = ["ana", "bo"].map(|name| console.user(name, None).id);
    for id in [ana.clone(), bo.clone()] {
        console.write(move |tx| by_hand::ask_to_link(tx, &id, Some("ext")));
    }
    walk.form("/users/{id}/link", &[ana.as_str()], &[], Action::UserLinked).await;
    walk.form("/users/{id}/link/dismiss", &[bo.as_str()], &[], Action::LinkDismissed).await;
    walk.form("/users/{id}/release", &[ana.as_str()], &[], Action::UserReleased).await;
    walk.form("/held/limits", &[], &limits(&walk.browser.get("/held").await), Action::GuardChanged).await;
    let made = entra.post("/Groups", json!({ "displayName": "Drivers" })).await;
    let group = console.org.read(|conn| groups::named(conn, "Drivers")).unwrap().unwrap();
    assert_eq!(made.status, 201);
    console.write(|tx| {
        use diesel::prelude::*;
        use rollcall::db::schema::user_groups;
        Ok(diesel::update(user_groups::table)
            .set(user_groups::linked.eq(false))
            .execute(tx.conn)
            .map(drop)?)
    });
    walk.form("/groups/{id}/delete", &[group.id.as_str()], &[], Action::GroupDeleted).await;

    let (console, entra, ids) = crate::guard::crew(18);
    crate::guard::bar_all(&entra, &ids).await;
    let mut walk = Walk::new(&console, "olga", walk.sent).await;
    walk.form("/held", &[], &[("verdict", "release-all")], Action::HoldsReleased).await;
}

/// What the form of the guard shows, with one number more.
fn limits(page: &Page) -> Vec<(&'static str, &'static str)> {
    assert!(page.has("form[action='/held/limits']"), "{}", page.body);
    [
        ("enabled", "1"),
        ("people", "11"),
        ("share", "5"),
        ("minutes", "60"),
        ("day_people", "20"),
        ("day_share", "10"),
        ("name_people", "10"),
        ("name_share", "5"),
        ("name_day_people", "20"),
        ("name_day_share", "10"),
    ]
    .to_vec()
}

async fn administrators(sent: &mut BTreeSet<&'static str>) {
    let console = Console::open();
    let ana = console.user("ana", None).id;
    let mut walk = Walk::new(&console, "olga", sent).await;
    let role = Action::RoleChanged;
    let fields = [("name", "Eve"), ("user_name", "eve"), ("role", "auditor")];
    walk.form("/administrators", &[], &fields, role).await;
    walk.form("/administrators/appoint", &[], &[("appointed", "ana"), ("role", "auditor")], role).await;
    walk.form("/administrators/{id}/recognition", &[ana.as_str()], &[], Action::RecognitionConfirmed).await;
    walk.form("/administrators/{id}/password", &[ana.as_str()], &[], Action::PasswordLinkMade).await;
    walk.form("/administrators/{id}/role", &[ana.as_str()], &[("role", "owner")], role).await;
    walk.form("/administrators/{id}/hand-over", &[ana.as_str()], &[("on", "1")], Action::OwnerHandedOver)
        .await;
}

async fn licences(sent: &mut BTreeSet<&'static str>) {
    let console = Console::open();
    console.site("Delft");
    console.user("ana", Some("Delft"));
    let mut walk = Walk::new(&console, "olga", sent).await;
    let fields = [("code", "X2"), ("name", "Work X2"), ("seats", "5")];
    walk.form("/licenses", &[], &fields, Action::LicenseTypeCreated).await;
    let stock = console.org.read(rollcall::domain::licenses::stock).unwrap().remove(0);
    let fields = [("code", "X2"), ("name", "Work X2"), ("seats", "6")];
    walk.form("/licenses/{id}", &[stock.kind.id.as_str()], &fields, Action::LicenseTypeChanged).await;
    let route = "/licenses/import";
    for applied in [false, true] {
        let before = entries(&console).len();
        let checked =
            walk.browser.upload(route, route, &[], "staff.csv", b"userName,license\nana,X2\n").await;
        let at = checked.location().to_owned();
        walk.found(route, before, Action::ImportValidated, checked);
        let id = at.rsplit('/').next().unwrap();
        if applied {
            walk.form("/imports/{id}/apply", &[id], &[], Action::ImportApplied).await;
        } else {
            walk.form("/imports/{id}/discard", &[id], &[], Action::ImportDiscarded).await;
        }
    }
    let other = console.license("X4", 1).id;
    walk.form("/licenses/{id}/delete", &[other.as_str()], &[], Action::LicenseTypeDeleted).await;
}

async fn sites(sent: &mut BTreeSet<&'static str>) {
    let console = Console::open();
    let mut walk = Walk::new(&console, "olga", sent).await;
    walk.form("/sites", &[], &[("name", "Delft")], Action::SiteCreated).await;
    let site = |name: &'static str| {
        console.org.read(move |conn| rollcall::domain::sites::named(conn, name)).unwrap().unwrap().id
    };
    let delft = site("Delft");
    walk.form("/sites/settle", &[], &[("name", "Oslo"), ("action", "create")], Action::SiteCreated).await;
    walk.form("/sites/{id}", &[delft.as_str()], &[("name", "Delft Works")], Action::SiteChanged).await;
    walk.form("/sites/{id}/aliases", &[delft.as_str()], &[("name", "DLF")], Action::SiteChanged).await;
    let key = delft.clone();
    let alias = console
        .org
        .read(move |conn| rollcall::domain::sites::listed(conn, &key))
        .unwrap()
        .aliases
        .remove(0)
        .id;
    walk.form(
        "/sites/{id}/aliases/{alias}/remove",
        &[delft.as_str(), alias.as_str()],
        &[],
        Action::SiteChanged,
    )
    .await;
    walk.form("/sites/{id}/delete", &[site("Oslo").as_str()], &[], Action::SiteDeleted).await;
}

/// What one request of Entra ID leaves.
fn left(console: &Console, before: usize) -> Vec<Action> {
    since(console, before).iter().map(|event| event.action).collect()
}

#[actix_web::test]
async fn every_method_of_entra_id_that_changes_something_leaves_its_entry() {
    let (console, entra) = Console::with_entra();
    let mut before = entries(&console).len();
    let mut expect = async |action: Action, what: &str| {
        let found = left(&console, before);
        assert!(found.contains(&action), "{what}: {found:?}");
        before = entries(&console).len();
    };
    let user = entra.post("/Users", json!({ "userName": "ana", "active": true })).await.id();
    expect(Action::UserCreated, "POST /Users").await;
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    assert!(!log.contains("inactive"), "whoever is made was not inactive before: {log}");
    expect(Action::SignedIn, "olga signs in").await;
    let title = json!([{ "op": "Replace", "path": "title", "value": "Planner" }]);
    assert_eq!(entra.patch(&format!("/Users/{user}"), title).await.status, 200);
    expect(Action::UserChanged, "PATCH /Users").await;
    let whole = json!({ "userName": "ana", "active": true, "title": "Buyer" });
    assert_eq!(entra.put(&format!("/Users/{user}"), whole).await.status, 200);
    expect(Action::UserChanged, "PUT /Users").await;
    let leaves = json!([{ "op": "Replace", "path": "active", "value": false }]);
    assert_eq!(entra.patch(&format!("/Users/{user}"), leaves).await.status, 200);
    expect(Action::UserDeactivated, "PATCH /Users active").await;
    let group = entra.post("/Groups", json!({ "displayName": "Drivers" })).await.id();
    expect(Action::GroupCreated, "POST /Groups").await;
    let whole = json!({ "displayName": "Dock drivers" });
    assert_eq!(entra.put(&format!("/Groups/{group}"), whole).await.status, 200);
    expect(Action::GroupChanged, "PUT /Groups").await;
    let member = json!([{ "op": "Add", "path": "members", "value": [{ "value": user }] }]);
    assert!(entra.patch(&format!("/Groups/{group}"), member).await.status < 300);
    expect(Action::GroupChanged, "PATCH /Groups").await;
    assert_eq!(entra.delete(&format!("/Groups/{group}")).await.status, 204);
    expect(Action::GroupDeleted, "DELETE /Groups").await;
    let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "b", "data": { "userName": "bo", "active": true } });
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation] });
    assert_eq!(entra.post("/Bulk", bulk).await.status, 200);
    expect(Action::UserCreated, "POST /Bulk").await;
    assert_eq!(entra.delete(&format!("/Users/{user}")).await.status, 204);
    expect(Action::UserDeletedInEntra, "DELETE /Users").await;
}
