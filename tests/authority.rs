//! Whoever was let in does nothing any more once that is taken back, however long their request was on its way.

use crate::harness::{Browser, Console, PASSWORD};
use chrono::TimeDelta;
use rollcall::domain::admins::{self, passwords, sign_in};
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::identity::{clients, tokens};
use rollcall::domain::page::At;
use rollcall::domain::users::by_entra::Scope;
use rollcall::domain::users::lifecycle;
use rollcall::domain::{Actor, Role, Tx, audit};
use rollcall::error::{Error, Result};
use rollcall::keys::UserId;
use rollcall::web::console::{Least, ROUTES};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const FORM: &str = "application/x-www-form-urlencoded";
/// Longer than any answer takes.
const SOON: Duration = Duration::from_secs(20);

/// A request of which all but the last byte was sent.
struct Late {
    connection: TcpStream,
    rest: String,
}

impl Late {
    async fn send(console: &Console, head: &str, kind: &str, body: &str) -> Self {
        let address = console.address.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).await.unwrap();
        let (sent, rest) = body.split_at(body.len() - 1);
        let length = body.len();
        let text = format!(
            "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: \
             {length}\r\n\r\n{sent}"
        );
        connection.write_all(text.as_bytes()).await.unwrap();
        Self { connection, rest: rest.to_owned() }
    }

    /// Posts a form from this browser.
    async fn form(console: &Console, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Self {
        let csrf = browser.get("/account").await.value("input[name=csrf]").unwrap();
        let mut body = form_urlencoded(&[("csrf", csrf.as_str())]);
        body.push('&');
        body.push_str(&form_urlencoded(fields));
        Self::send(console, &head(browser, path), FORM, &body).await
    }

    /// Sends the last byte; answers all that comes back.
    async fn end(mut self) -> String {
        self.connection.write_all(self.rest.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, self.connection.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn head(browser: &Browser, path: &str) -> String {
    let session = browser.cookie("rollcall_session").unwrap();
    format!("POST {path} HTTP/1.1\r\nCookie: rollcall_session={session}")
}

fn form_urlencoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn is_signed_out(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 303") && answer.contains("location: /sign-in?ended")
}

/// Whoever answers this has read the heads that were sent before it.
async fn let_in(browser: &Browser) {
    assert_eq!(browser.get("/account").await.status, 200);
}

fn changes(console: &Console) -> usize {
    let all = |conn: &mut _| audit::list(conn, &audit::Filter::default(), &At::Start, 1000);
    console.org.read(all).unwrap().items.len()
}

async fn bea(console: &Console, role: Role) -> (UserId, Browser) {
    (console.admin("bea", role).id, console.signed_in("bea").await)
}

fn demote(console: &Console, id: &UserId) {
    let id = id.clone();
    console.write(move |tx| admins::appoint(tx, &id, Role::None));
}

#[actix_web::test]
async fn no_form_of_any_route_is_done_whose_sender_was_signed_out_while_it_came() {
    let console = Console::with_sso();
    let ana = console.user("ana", None).id;
    let (id, bea) = bea(&console, Role::Owner).await;
    let fields = crate::proof::EVERYTHING.iter().copied().chain([("id", ana.as_str())]).collect::<Vec<_>>();
    let mut late = Vec::new();
    for route in ROUTES.iter().filter(|route| route.method == "POST" && route.least != Least::Anyone) {
        let path = crate::proof::of(route, ana.as_str());
        late.push((path.clone(), Late::form(&console, &bea, &path, &fields).await));
    }
    assert!(late.len() > 50);
    let_in(&bea).await;
    console.write(move |tx| lifecycle::end_sessions(tx, &id));
    let before = changes(&console);
    for (path, late) in late {
        let answer = late.end().await;
        assert!(is_signed_out(&answer), "{path}: {answer}");
        assert_eq!(changes(&console), before, "{path}");
    }
}

#[actix_web::test]
async fn an_owner_whose_role_is_taken_appoints_nobody_with_the_rest_of_a_form() {
    let console = Console::open();
    console.user("puppet", None);
    let (id, bea) = bea(&console, Role::Owner).await;
    let fields = [("appointed", "puppet"), ("role", "owner")];
    let late = Late::form(&console, &bea, "/administrators/appoint", &fields).await;
    let_in(&bea).await;
    demote(&console, &id);
    let answer = late.end().await;
    assert_eq!(console.find("puppet").unwrap().role, Role::None);
    assert!(is_signed_out(&answer), "{answer}");
}

#[actix_web::test]
async fn whoever_is_deactivated_changes_nothing_with_the_rest_of_an_upload() {
    let console = Console::open();
    let (id, bea) = bea(&console, Role::Owner).await;
    let csrf = bea.get("/account").await.value("input[name=csrf]").unwrap();
    let pem = include_str!("fixtures/certificates/stranger.pem");
    let part =
        |name, value| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = [part("csrf", csrf.as_str()), part("pasted", pem), "--b--\r\n".to_owned()].concat();
    let head = head(&bea, "/identity/sso/certificates");
    let late = Late::send(&console, &head, "multipart/form-data; boundary=b", &body).await;
    let_in(&bea).await;
    console.write(move |tx| lifecycle::deactivate(tx, &id));
    assert!(is_signed_out(&late.end().await));
    assert!(console.org.read(rollcall::domain::sso::certificates::list).unwrap().is_empty());
}

#[actix_web::test]
async fn a_session_that_has_ended_is_not_renewed() {
    let console = Console::open();
    let (id, thief) = bea(&console, Role::Administrator).await;
    let late = Late::form(&console, &thief, "/account/sessions/end", &[("pad", "x")]).await;
    let_in(&thief).await;
    let prepared = passwords::prepare(&console.org, &id, &"another orbit kettle tram".into()).unwrap();
    console.write(move |tx| admins::set_password(tx, prepared));
    let answer = late.end().await;
    assert!(is_signed_out(&answer) && !answer.contains("set-cookie: rollcall_session="), "{answer}");
}

#[actix_web::test]
async fn a_proof_that_has_become_old_while_the_form_came_is_none() {
    let console = Console::open();
    console.user("ana", None);
    let (_, bea) = bea(&console, Role::Owner).await;
    let fields = [("appointed", "ana"), ("role", "owner")];
    let late = Late::form(&console, &bea, "/administrators/appoint", &fields).await;
    let_in(&bea).await;
    console.clock.advance(TimeDelta::minutes(11));
    let answer = late.end().await;
    // Where the head was read only after that, it is asked for at once.
    assert!(answer.starts_with("HTTP/1.1 409") || answer.contains("Is it you?"), "{answer}");
    assert_eq!(console.find("ana").unwrap().role, Role::None);
}

#[actix_web::test]
async fn a_session_whose_time_is_over_while_the_form_comes_does_nothing() {
    let console = Console::open();
    let (_, bea) = bea(&console, Role::Administrator).await;
    for _ in 0..14 {
        console.clock.advance(TimeDelta::minutes(50));
        let_in(&bea).await;
        // The time of the request is stored behind the answer: this comes after it.
        console.write(rollcall::domain::settings::touch);
    }
    console.clock.advance(TimeDelta::minutes(19));
    let late = Late::form(&console, &bea, "/sites", &[("name", "Kiel")]).await;
    let_in(&bea).await;
    console.clock.advance(TimeDelta::minutes(2));
    assert!(is_signed_out(&late.end().await));
}

/// A request of a SCIM client.
async fn scim(console: &Console, token: &str, request: &str, body: &str) -> Late {
    let head = format!("{request} HTTP/1.1\r\nAuthorization: Bearer {token}");
    Late::send(console, &head, "application/scim+json", body).await
}

const LATE: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"late"}"#;

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[actix_web::test]
async fn a_scim_request_is_refused_if_its_token_was_revoked_while_its_body_came() {
    let (console, entra) = Console::with_entra();
    let known =
        entra.post("/Users", serde_json::from_str(&LATE.replace("late", "known")).unwrap()).await.id();
    let bulk = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{{"method":"POST","path":"/Users","bulkId":"1","data":{LATE}}}]}}"#
    );
    let patch = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}"#;
    let search =
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName pr"}"#;
    let group = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"late"}"#;
    let (one, put) = (format!("PATCH /scim/v2/Users/{known}"), format!("PUT /scim/v2/Users/{known}"));
    let requests = [
        ("POST /scim/v2/Users", LATE),
        ("POST /scim/v2/Groups", group),
        ("POST /scim/v2/Bulk", bulk.as_str()),
        (&one, patch),
        (&put, LATE),
        ("POST /scim/v2/Users/.search", search),
        ("POST /scim/v2/.search", search),
    ];
    let mut late = Vec::new();
    for (request, body) in requests {
        late.push((request, scim(&console, &entra.token, request, body).await));
    }
    assert_eq!(entra.get("/Users").await.status, 200);
    console.write(|tx| {
        let token = tokens::live(tx.conn, "Entra ID", tx.now)?;
        tokens::revoke(tx, &token.id)
    });
    for (request, late) in late {
        let answer = late.end().await;
        assert_eq!(status(&answer), "401", "{request}: {answer}");
        assert!(answer.contains("www-authenticate"), "{request}: {answer}");
    }
    assert!(console.find("late").is_none() && console.find("known").is_some());
}

#[actix_web::test]
async fn a_scim_request_is_refused_if_provisioning_was_paused_while_its_body_came() {
    let (console, entra) = Console::with_entra();
    let late = scim(&console, &entra.token, "POST /scim/v2/Users", LATE).await;
    assert_eq!(entra.get("/Users").await.status, 200);
    console.switch(State::Paused, PauseAnswer::Unavailable, Scope::AllUsers);
    let answer = late.end().await;
    assert!(status(&answer) == "503" && answer.contains("retry-after"), "{answer}");
    assert!(console.find("late").is_none());
}

#[actix_web::test]
async fn a_scim_request_sees_whom_it_may_see_when_its_body_has_come() {
    let (console, entra) = Console::with_entra();
    console.user("made-by-hand", None);
    let known = entra.find("made-by-hand").await.at("/Resources/0/id").as_str().unwrap().to_owned();
    let search =
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName pr"}"#;
    let patch = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}"#;
    let write = format!("PATCH /scim/v2/Users/{known}");
    let late = [
        scim(&console, &entra.token, &write, patch).await,
        scim(&console, &entra.token, "POST /scim/v2/Users/.search", search).await,
    ];
    assert_eq!(entra.get("/Users").await.status, 200);
    console.switch(State::On, PauseAnswer::Unavailable, Scope::OnlyCreatedByEntra);
    let [write, search] = late;
    assert_eq!(status(&write.end().await), "404");
    assert!(search.end().await.contains("\"totalResults\":0"));
}

#[actix_web::test]
async fn an_access_token_is_refused_with_its_secret_while_a_body_comes() {
    let (console, _) = Console::with_entra();
    let (client, secret) = console.write(|tx| clients::create(tx, "Entra", 1));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client.identifier.as_str()),
        ("client_secret", secret.expose()),
    ];
    let issued = crate::harness::authority::ask_as(&console, None, &fields).await;
    let token = issued.at("/access_token").as_str().unwrap().to_owned();
    let late = scim(&console, &token, "POST /scim/v2/Users", LATE).await;
    assert_eq!(crate::harness::Entra::new(&console.address, &token).get("/Users").await.status, 200);
    console.write(move |tx| clients::remove(tx, &client.id));
    assert_eq!(status(&late.end().await), "401");
    assert!(console.find("late").is_none());
}

/// Signs `bea` in with a password that was verified before something else happened.
fn comes_in_after(
    console: &Console,
    change: impl FnOnce(&mut Tx, &UserId) -> Result<()> + Send + 'static,
) -> bool {
    let verified = match sign_in::verify(&console.org, "bea", &PASSWORD.into(), true).unwrap() {
        sign_in::Verification::Right(verified) => *verified,
        other => panic!("{other:?}"),
    };
    let id = verified.user.id.clone();
    console.write(move |tx| change(tx, &id));
    let (origin, caller) = (sign_in::Origin::of("127.0.0.1"), sign_in::Caller::Stranger);
    let (again, from, who) = (verified.clone(), origin.clone(), caller.clone());
    let welcome = console
        .org
        .write(&Actor::Rollcall, move |tx| sign_in::record_success(tx, &verified, &origin, &caller, None));
    let proved = console.org.write(&Actor::Rollcall, move |tx| sign_in::confirm(tx, &again, &from, &who));
    assert_eq!(welcome.is_ok(), proved.is_ok());
    assert!(matches!(welcome, Ok(_) | Err(Error::Invalid(_))));
    welcome.is_ok()
}

#[actix_web::test]
async fn a_password_that_was_verified_counts_only_while_the_account_is_what_it_was() {
    let console = Console::open();
    console.admin("bea", Role::Administrator);
    assert!(comes_in_after(&console, |_, _| Ok(())));
    let id = console.find("bea").unwrap().id;
    let prepared = passwords::prepare(&console.org, &id, &PASSWORD.into()).unwrap();
    assert!(!comes_in_after(&console, |tx, _| admins::set_password(tx, prepared).map(drop)));
    assert!(!comes_in_after(&console, |tx, id| lifecycle::deactivate(tx, id).map(drop)));
    console.write(move |tx| lifecycle::reactivate(tx, &id));
    assert!(comes_in_after(&console, |_, _| Ok(())));
    assert!(!comes_in_after(&console, |tx, id| admins::appoint(tx, id, Role::None).map(drop)));
}

#[actix_web::test]
async fn a_password_that_was_verified_is_not_enough_once_entra_id_is_required() {
    use rollcall::domain::sessions::Method;
    use rollcall::domain::sso::policy;
    let console = Console::with_sso();
    console.admin("bea", Role::Administrator);
    let require = |tx: &mut Tx, _: &UserId| {
        policy::require(tx)?;
        policy::confirm(tx, Method::Sso).map(drop)
    };
    assert!(!comes_in_after(&console, require));
}
