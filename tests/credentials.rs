//! OAuth 2.0 client credentials: clients and secrets on the page, access tokens at the token endpoint, SCIM with them.

use crate::harness::authority::{ask_as, ask_raw};
use crate::harness::{Browser, Console, Entra, PASSWORD, Page, Reply};
use chrono::TimeDelta;
use rollcall::domain::identity::clients;
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::identity::tokens;
use rollcall::domain::users::by_entra::Scope;
use rollcall::domain::{Actor, Role, Tx};

const CLIENTS: &str = "/identity/clients";
const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A client's identifier and a secret, as they were shown.
struct Shown {
    id: String,
    secret: String,
}

impl Shown {
    fn on(page: &Page) -> Self {
        let value = |label: &str| page.value(&format!(".copy input[aria-label='{label}']"));
        let (id, secret) = (value("Client identifier"), value("Client secret"));
        Self { id: id.expect("an identifier"), secret: secret.expect("a secret") }
    }

    fn in_body(&self) -> [(&str, &str); 3] {
        [GRANT, ("client_id", &self.id), ("client_secret", &self.secret)]
    }

    async fn ask(&self, console: &Console) -> Reply {
        ask_as(console, None, &self.in_body()).await
    }
}

/// A console with provisioning on, its owner, and a client that was made on the page.
async fn with_client() -> (Console, Browser, Shown) {
    let console = Console::open();
    console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
    let olga = console.signed_in("olga").await;
    let page = olga.submit("/identity", CLIENTS, &[("client_label", "Entra ID"), ("years", "1")]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    (console, olga, Shown::on(&page))
}

fn token(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.at("/access_token").as_str().unwrap().to_owned()
}

fn refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!((reply.status, reply.at("/error").as_str()), (status, Some(error)), "{reply:?}");
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401);
}

async fn scim(console: &Console, token: &str) -> u16 {
    Entra::new(&console.address, token).get("/Users").await.status
}

/// The address that the button for the n-th secret of the only client posts to.
async fn revoke(olga: &Browser, nth: usize) -> String {
    let page = olga.get("/identity").await;
    let mut forms = page.body.split("action=\"").filter_map(|rest| rest.split('"').next());
    forms
        .by_ref()
        .filter(|action| action.ends_with("/revoke") && action.contains("/secrets/"))
        .nth(nth)
        .unwrap()
        .to_owned()
}

#[actix_web::test]
async fn a_client_gets_a_token_with_its_secret_in_the_body_or_the_header_and_scim_takes_it() {
    let (console, _, shown) = with_client().await;
    let body = shown.ask(&console).await;
    assert_eq!(
        (body.at("/token_type"), body.at("/expires_in"), body.at("/scope")),
        (&"Bearer".into(), &3600.into(), &"scim".into())
    );
    assert!(body.headers["cache-control"] == "no-store" && body.headers["pragma"] == "no-cache");
    assert!(token(&body).starts_with("rollcall_at_"));
    assert_eq!(scim(&console, &token(&body)).await, 200);

    let basic = Some((shown.id.as_str(), shown.secret.as_str()));
    let header = ask_as(&console, basic, &[GRANT, ("scope", "scim")]).await;
    assert_eq!(scim(&console, &token(&header)).await, 200);
    let named_too = ask_as(&console, basic, &[GRANT, ("client_id", &shown.id)]).await;
    assert_eq!(named_too.status, 200, "an identifier in the body is no second proof");
    let blank = ask_as(&console, basic, &[GRANT, ("client_secret", "")]).await;
    assert_eq!(blank.status, 200, "an empty parameter counts as left out (RFC 6749 section 3.2)");
    let encoded = shown.secret.replace('_', "%5F");
    let header = ask_as(&console, Some((&shown.id, &encoded)), &[GRANT]).await;
    assert_eq!(header.status, 200, "the header's parts are form-encoded");
}

#[actix_web::test]
async fn a_wrong_secret_an_unknown_client_and_no_proof_are_told_alike_and_the_log_tells_them_apart() {
    let (console, olga, shown) = with_client().await;
    let wrong = ask_as(&console, Some((&shown.id, "wrong")), &[GRANT]).await;
    let unknown = ask_as(&console, Some(("nobody", &shown.secret)), &[GRANT]).await;
    let none = ask_as(&console, None, &[GRANT]).await;
    for reply in [&wrong, &unknown, &none] {
        refused(reply, 401, "invalid_client");
        assert_eq!(reply.json, wrong.json);
        assert!(reply.headers["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    }
    assert_eq!(console.refusals().len(), 3);
    let page = olga.get("/activity/provisioning").await.text();
    for cause in ["with a wrong client secret", "identifier that is not known here", "client_id is missing"] {
        assert!(page.contains(cause), "{cause}: {page}");
    }
    assert!(page.contains("Create another client secret under Identity Management"));
    assert!(!page.contains(&shown.secret));
}

#[actix_web::test]
async fn what_is_not_the_protocol_is_refused_in_its_words() {
    let (console, _, shown) = with_client().await;
    let good = format!("grant_type=client_credentials&client_id={}&client_secret={}", shown.id, shown.secret);
    let twice = format!("{good}&scope=scim&scope=scim");
    refused(&ask_raw(&console, FORM, twice).await, 400, "invalid_request");
    refused(&ask_raw(&console, "application/json", good.clone()).await, 400, "invalid_request");
    refused(
        &ask_raw(&console, FORM, format!("{good}&x={}", "x".repeat(65_536))).await,
        413,
        "invalid_request",
    );
    let password = good.replace("client_credentials", "password");
    refused(&ask_raw(&console, FORM, password).await, 400, "unsupported_grant_type");
    let no_grant = good.replace("client_credentials", "");
    refused(&ask_raw(&console, FORM, no_grant).await, 400, "invalid_request");
    refused(&ask_raw(&console, FORM, format!("{good}&scope=admin")).await, 400, "invalid_scope");
    let differs = ask_as(&console, Some(("other", &shown.secret)), &[GRANT, ("client_id", &shown.id)]).await;
    refused(&differs, 400, "invalid_request");
    assert_eq!(ask_raw(&console, &format!("{FORM}; charset=utf-8"), good).await.status, 200);
    let gone = reqwest::get(format!("{}/oauth2/token", console.address)).await.unwrap();
    assert_eq!(gone.status().as_u16(), 405);

    let log = console.refusals().join("\n");
    for cause in [
        "a parameter is given twice",
        "not application/x-www-form-urlencoded",
        "larger than 64 KiB",
        "another grant than client_credentials",
        "grant_type is missing",
        "a scope other than scim",
        "the header and the body name different clients",
    ] {
        assert!(log.contains(cause), "{cause}: {log}");
    }
}

#[actix_web::test]
async fn a_client_that_proves_itself_in_two_ways_is_refused_even_where_both_agree() {
    let (console, _, shown) = with_client().await;
    let (right, wrong) = (shown.secret.as_str(), "wrong");
    for (header, body) in [(right, right), (right, wrong), (wrong, right)] {
        let fields = [GRANT, ("client_id", shown.id.as_str()), ("client_secret", body)];
        let both = ask_as(&console, Some((&shown.id, header)), &fields).await;
        refused(&both, 400, "invalid_request");
        let unnamed = ask_as(&console, Some((&shown.id, header)), &[GRANT, ("client_secret", body)]).await;
        refused(&unnamed, 400, "invalid_request");
    }
    let jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let assertion = [GRANT, ("client_assertion_type", jwt), ("client_assertion", "a.b.c")];
    let beside_header = ask_as(&console, Some((&shown.id, right)), &assertion).await;
    refused(&beside_header, 400, "invalid_request");
    let with_secret = [&assertion[..], &[("client_id", &shown.id), ("client_secret", right)]].concat();
    refused(&ask_as(&console, None, &with_secret).await, 400, "invalid_request");
    assert!(console.refusals()[0].contains("a client proves itself in one way, not in two"));
}

#[actix_web::test]
async fn a_parameter_that_comes_twice_or_in_the_address_is_refused() {
    let (console, _, shown) = with_client().await;
    let good = format!("grant_type=client_credentials&client_id={}&client_secret={}", shown.id, shown.secret);
    for twice in [
        "grant_type=client_credentials".to_owned(),
        format!("client_id={}", shown.id),
        "client_id=other".to_owned(),
        format!("client_secret={}", shown.secret),
        "client_secret=other".to_owned(),
    ] {
        refused(&ask_raw(&console, FORM, format!("{good}&{twice}")).await, 400, "invalid_request");
    }
    let client = reqwest::Client::new();
    for query in [format!("client_secret={}", shown.secret), good.clone(), "scope=scim".to_owned()] {
        let address = format!("{}/oauth2/token?{query}", console.address);
        let reply =
            client.post(address).header("Content-Type", FORM).body(good.clone()).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 400, "{query}");
    }
    let basic = "Basic eDp5";
    let twice = client.post(format!("{}/oauth2/token", console.address));
    let twice = twice.header("Authorization", basic).header("Authorization", basic);
    let reply =
        twice.header("Content-Type", FORM).body("grant_type=client_credentials").send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 400);
    assert_eq!(ask_raw(&console, FORM, good).await.status, 200);
    assert!(!console.refusals().join("").contains(&shown.secret));
}

#[actix_web::test]
async fn an_access_token_ends_after_an_hour_and_the_log_says_so() {
    let (console, _, shown) = with_client().await;
    let token = token(&shown.ask(&console).await);
    console.clock.advance(TimeDelta::minutes(59));
    assert_eq!(scim(&console, &token).await, 200);
    console.clock.advance(TimeDelta::minutes(1));
    assert_eq!(scim(&console, &token).await, 401);
    assert!(console.refusals()[0].contains("access token that was sent has expired"));
    console.clock.advance(TimeDelta::hours(30));
    // The next one clears away what expired long ago.
    assert_eq!(shown.ask(&console).await.status, 200);
    assert_eq!(scim(&console, &token).await, 401);
    assert!(console.refusals()[0].contains("access token that was sent is not known here"));
}

#[actix_web::test]
async fn a_secret_ends_after_the_years_that_were_chosen() {
    let (console, _, shown) = with_client().await;
    let warning = "The last secret of an OAuth client ends within 60 days, or has ended.";
    assert!(!console.signed_in("olga").await.get("/").await.text().contains(warning));
    console.clock.advance(TimeDelta::days(364));
    assert!(console.signed_in("olga").await.get("/").await.text().contains(warning));
    assert_eq!(shown.ask(&console).await.status, 200);
    console.clock.advance(TimeDelta::days(2));
    refused(&shown.ask(&console).await, 401, "invalid_client");
    assert!(console.refusals()[0].contains("a client secret that has expired"));
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/identity").await.text().contains("Expired"));
}

#[actix_web::test]
async fn two_secrets_are_good_at_once_and_revoking_one_ends_its_tokens_only() {
    let (console, olga, first) = with_client().await;
    let page = olga.get("/identity").await;
    let add = page.body.split("action=\"").find_map(|rest| {
        let action = rest.split('"').next()?;
        action.ends_with("/secrets").then(|| action.to_owned())
    });
    let next = Shown::on(&page.submit(&add.unwrap(), &[("years", "3")]).await);
    assert_eq!(first.id, next.id);
    let tokens = [token(&first.ask(&console).await), token(&next.ask(&console).await)];
    // Newest first: the second row is the first secret.
    let told = olga.submit("/identity", &revoke(&olga, 1).await, &[]).await.follow().await;
    assert!(told.text().contains("are refused from now on"));
    refused(&first.ask(&console).await, 401, "invalid_client");
    assert!(console.refusals()[0].contains("a client secret that was revoked"));
    assert_eq!((scim(&console, &tokens[0]).await, scim(&console, &tokens[1]).await), (401, 200));
    assert!(console.refusals()[0].contains("access token that was sent was revoked"));
    assert_eq!(next.ask(&console).await.status, 200);

    let all = olga.get("/activity").await.text();
    for words in ["created the OAuth client Entra ID", "created a secret of", "revoked a secret of"] {
        assert!(all.contains(words), "{words}: {all}");
    }
}

#[actix_web::test]
async fn a_removed_client_is_refused_with_everything_it_had() {
    let (console, olga, shown) = with_client().await;
    let token = token(&shown.ask(&console).await);
    let id = console.org.read(clients::list).unwrap()[0].0.id.clone();
    let page = olga.submit("/identity", &format!("/identity/clients/{id}/remove"), &[]).await.follow().await;
    assert!(
        page.text().contains("was removed, and is refused from now on.")
            && page.text().contains("No client yet.")
    );
    refused(&shown.ask(&console).await, 401, "invalid_client");
    assert!(console.refusals()[0].contains("a client that was removed here"));
    assert_eq!(scim(&console, &token).await, 401);
    assert!(olga.get("/activity").await.text().contains("removed the OAuth client Entra ID"));
}

#[actix_web::test]
async fn repeated_failures_are_slowed_down_for_that_client_only() {
    let (console, olga, shown) = with_client().await;
    let other =
        Shown::on(&olga.submit("/identity", CLIENTS, &[("client_label", "Other"), ("years", "2")]).await);
    for _ in 0..10 {
        refused(&ask_as(&console, Some((&shown.id, "guess")), &[GRANT]).await, 401, "invalid_client");
    }
    let slowed = shown.ask(&console).await;
    assert_eq!((slowed.status, slowed.at("/error")), (429, &"temporarily_unavailable".into()));
    let wait: i64 = slowed.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait));
    assert_eq!(other.ask(&console).await.status, 200);
    console.clock.advance(TimeDelta::seconds(wait));
    assert_eq!(shown.ask(&console).await.status, 200);
    let log = console.refusals();
    assert_eq!(
        log.iter().filter(|line| line.contains("wrong client secret")).count(),
        1,
        "one line, not ten"
    );
    assert!(log.iter().any(|line| line.contains("asked for too often")));
}

#[actix_web::test]
async fn tokens_are_issued_while_provisioning_is_paused_and_not_before_it_was_ever_on() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let shown = Shown::on(&olga.submit("/identity", CLIENTS, &[("client_label", "x"), ("years", "1")]).await);
    refused(&shown.ask(&console).await, 400, "unauthorized_client");
    assert!(console.refusals()[0].contains("while user provisioning is off"));
    console.switch(State::Paused, PauseAnswer::Unavailable, Scope::AllUsers);
    let token = token(&shown.ask(&console).await);
    assert_eq!(scim(&console, &token).await, 503);
    console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
    assert_eq!(scim(&console, &token).await, 200);
}

#[actix_web::test]
async fn a_secret_is_made_by_owners_only_after_the_password_and_is_shown_once() {
    let (console, olga, shown) = with_client().await;
    let page = olga.get("/identity").await;
    assert!(page.has(&format!("input[value='{}']", shown.id)) && !page.body.contains(&shown.secret));
    assert!(page.has(&format!("input[value='{}/oauth2/token']", console.address)));
    console.clock.advance(TimeDelta::minutes(11));
    let asked = page.submit(CLIENTS, &[("client_label", "Next"), ("years", "2")]).await;
    assert!(asked.has("input[name=password]") && !asked.body.contains("rollcall_cs_"));
    let wrong = asked.submit(CLIENTS, &[("password", "wrong")]).await;
    assert_eq!(wrong.status, 422);
    let next = Shown::on(&asked.submit(CLIENTS, &[("password", PASSWORD)]).await);
    assert_eq!(next.ask(&console).await.status, 200);

    let again = olga.submit("/identity", CLIENTS, &[("client_label", "Next"), ("years", "2")]).await;
    assert!(again.status == 409 && again.has("#client_label-error"));
    let bad = olga.submit("/identity", CLIENTS, &[("client_label", "Forever"), ("years", "4")]).await;
    assert_eq!(bad.status, 422);

    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    let page = adam.get("/identity").await;
    assert!(!page.has(&format!("form[action='{CLIENTS}']")) && page.text().contains(&"Entra ID".to_owned()));
    let csrf = page.value("input[name=csrf]").unwrap();
    let refused =
        adam.post_bare("/identity/clients", &[("csrf", &csrf), ("client_label", "x"), ("years", "1")]).await;
    assert_eq!(refused.status, 403);
}

#[actix_web::test]
async fn there_are_twenty_clients_and_twenty_live_tokens_at_most() {
    let (console, olga, _) = with_client().await;
    console
        .write(|tx| (1..20).try_for_each(|number| clients::create(tx, &format!("C{number}"), 1).map(drop)));
    let page = olga.submit("/identity", CLIENTS, &[("client_label", "One more"), ("years", "1")]).await;
    let told = page.refused().text();
    assert!(told.contains("There can be 20 clients at most."), "{told}");
    assert_eq!(console.org.read(clients::list).unwrap().len(), 20);

    console
        .write(|tx| (0..20).try_for_each(|number| tokens::create(tx, &format!("T{number}"), None).map(drop)));
    let one_more = |tx: &mut Tx| tokens::create(tx, "One more", None);
    let refused = console.org.write(&Actor::CommandLine, one_more).unwrap_err();
    assert!(refused.to_string().contains("At most 20 tokens can be live at once."), "{refused}");
    let first = console.org.read(tokens::list).unwrap().remove(0).id;
    console.write(move |tx| tokens::revoke(tx, &first));
    console.write(one_more);
}

#[actix_web::test]
async fn a_client_has_ten_live_secrets_at_most() {
    let (console, olga, _) = with_client().await;
    let id = console.org.read(clients::list).unwrap()[0].0.id.clone();
    let client = id.clone();
    console.write(move |tx| (1..10).try_for_each(|_| clients::add_secret(tx, &client, 3).map(drop)));
    let page = olga.submit("/identity", &format!("/identity/clients/{id}/secrets"), &[]).await;
    assert!(page.refused().text().contains("10 live secrets at most"));
}
