//! Workload identity federation: an assertion of Entra ID's gets an access token; every other one is refused.

use crate::harness::authority::{
    AUDIENCE, Authority, ENTRA_KEY, STRANGERS_KEY, SUBJECT, TENANT, ask_as, sign,
};
use crate::harness::{Browser, Console, Entra, Page, Reply};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rollcall::domain::Role;
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::users::by_entra::Scope;
use serde_json::{Value, json};

const FEDERATION: &str = "/identity/federation";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const PINNED: [(&str, &str); 4] =
    [("federated", "1"), ("tenant_id", TENANT), ("audience", AUDIENCE), ("subject", SUBJECT)];

/// A console that trusts an authority, and the identifier that it gave Entra ID.
struct Federated {
    authority: Authority,
    console: Console,
    olga: Browser,
    client_id: String,
}

impl Federated {
    async fn open() -> Self {
        let authority = Authority::open();
        let console = Console::trusting(&authority.address);
        console.admin("olga", Role::Owner);
        console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
        let olga = console.signed_in("olga").await;
        let page = olga.submit("/identity", FEDERATION, &PINNED).await.follow().await;
        assert!(page.text().contains("Workload identity federation is on."), "{}", page.text());
        let client_id = page.value(".copy input[aria-label='Client ID']").unwrap();
        Self { authority, console, olga, client_id }
    }

    async fn present(&self, assertion: &str) -> Reply {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion),
            ("scope", "scim"),
        ];
        ask_as(&self.console, None, &fields).await
    }

    /// Presents a good assertion.
    async fn come_in(&self) -> Reply {
        self.present(&self.authority.assertion(&self.console)).await
    }

    /// Presents what must be refused, and the log must say why.
    async fn refused(&self, assertion: &str, cause: &str) {
        // Past the minute in which only so many failures are looked at.
        self.console.clock.advance(TimeDelta::seconds(61));
        let reply = self.present(assertion).await;
        assert_eq!((reply.status, reply.at("/error")), (401, &"invalid_client".into()), "{cause}: {reply:?}");
        let log = self.console.refusals();
        assert!(log[0].contains(cause), "{cause}: {}", log[0]);
    }

    /// Presents a good assertion in which one claim is another, or missing.
    async fn refused_with(&self, claim: &str, value: Value, cause: &str) {
        self.console.clock.advance(TimeDelta::seconds(61));
        let mut claims = self.authority.claims(&self.console);
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value,
        }
        self.refused(&sign(&claims, Some("entra"), ENTRA_KEY), cause).await;
    }

    fn stamp(&self, minutes: i64) -> Value {
        (self.console.clock.now() + TimeDelta::minutes(minutes)).and_utc().timestamp().into()
    }

    async fn save(&self, fields: &[(&str, &str)]) -> Page {
        self.olga.submit("/identity", FEDERATION, fields).await
    }

    async fn scim(&self, reply: &Reply) -> u16 {
        let token = reply.at("/access_token").as_str().unwrap_or_else(|| panic!("{reply:?}"));
        Entra::new(&self.console.address, token).get("/Users").await.status
    }
}

#[actix_web::test]
async fn an_assertion_of_entra_gets_a_token_that_scim_takes_and_the_keys_are_fetched_once() {
    let it = Federated::open().await;
    let reply = it.come_in().await;
    assert_eq!(
        (reply.status, reply.at("/expires_in"), reply.at("/scope")),
        (200, &3600.into(), &"scim".into())
    );
    assert_eq!(it.scim(&reply).await, 200);
    assert_eq!(it.come_in().await.status, 200);
    assert_eq!(it.authority.fetches(), 1);
    it.console.clock.advance(TimeDelta::minutes(60));
    assert_eq!(it.scim(&reply).await, 401);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", &it.authority.assertion(&it.console)),
    ];
    assert_eq!(ask_as(&it.console, None, &fields).await.status, 200, "client_id may be left out (RFC 7521)");
}

#[actix_web::test]
async fn claims_that_are_not_the_pinned_ones_are_refused_each_with_its_cause() {
    let it = Federated::open().await;
    let elsewhere = "11111111-2222-4333-8444-555555555555";
    let issuer = format!("{}/{elsewhere}/v2.0", it.authority.address);
    it.refused_with("iss", issuer.into(), &format!("/{elsewhere}/v2.0”")).await;
    it.refused_with("iss", Value::Null, "the issuer (iss) is “”").await;
    it.refused_with("tid", elsewhere.into(), &format!("the tenant (tid) is “{elsewhere}”")).await;
    it.refused_with("aud", "api://other".into(), "the audience (aud) is “api://other”").await;
    it.refused_with("aud", json!(["api://other", "https://rollcall.example"]), "the audience (aud) is").await;
    it.refused_with("aud", json!([]), "the audience (aud) is “[]”").await;
    it.refused_with("aud", json!([[AUDIENCE]]), "the audience (aud) is").await;
    for other in ["/", "/default", ".default", "/.default/", "/.defaults", "/.default/.default", "/x"] {
        it.refused_with("aud", format!("{AUDIENCE}{other}").into(), "the audience (aud) is").await;
    }
    it.refused_with("aud", AUDIENCE.to_uppercase().into(), "the audience (aud) is").await;
    it.refused_with("sub", elsewhere.into(), &format!("the subject (sub) is “{elsewhere}”")).await;
    let page = it.olga.get("/activity/provisioning").await.text();
    assert!(page.contains("Compare the subject under Identity Management"), "{page}");
    assert_eq!(it.authority.fetches(), 0, "nothing is fetched for what is refused anyway");
}

#[actix_web::test]
async fn the_audience_is_the_pinned_one_with_or_without_the_scope_of_entra_and_alone_or_among_others() {
    let it = Federated::open().await;
    let shown = format!("{AUDIENCE}/.default");
    for audience in
        [json!(AUDIENCE), json!(shown), json!([AUDIENCE]), json!([shown]), json!(["api://other", shown])]
    {
        let mut claims = it.authority.claims(&it.console);
        claims["aud"] = audience.clone();
        let reply = it.present(&sign(&claims, Some("entra"), ENTRA_KEY)).await;
        assert_eq!(reply.status, 200, "{audience}: {reply:?}");
    }
}

#[actix_web::test]
async fn assertions_out_of_their_time_are_refused_each_with_its_cause() {
    let it = Federated::open().await;
    it.refused_with("exp", it.stamp(-10), "the assertion expired at").await;
    it.refused_with("exp", Value::Null, "has no expiry (exp)").await;
    it.refused_with("nbf", it.stamp(20), "is not valid before").await;
    it.refused_with("iat", Value::Null, "has no time of issue (iat)").await;
    it.refused_with("exp", json!(-1), "a time is out of range").await;
    it.refused_with("exp", json!("soon"), "the assertion cannot be read").await;
    let now = it.console.clock.now();
    let stamps = |iat: i64, exp: i64| {
        let mut claims = it.authority.claims(&it.console);
        for (claim, minutes) in [("iat", iat), ("nbf", iat), ("exp", exp)] {
            claims[claim] = (now + TimeDelta::minutes(minutes)).and_utc().timestamp().into();
        }
        claims
    };
    let mut future = stamps(20, 60);
    future["nbf"] = 0.into();
    it.refused(&sign(&future, Some("entra"), ENTRA_KEY), "was issued in the future").await;
    it.refused(&sign(&stamps(-24 * 60 - 1, 60), Some("entra"), ENTRA_KEY), "more than 24 hours old").await;
    let within_leeway = sign(&stamps(-60, -1), Some("entra"), ENTRA_KEY);
    assert_eq!(it.present(&within_leeway).await.status, 200);
}

#[actix_web::test]
async fn other_ways_of_signing_are_refused() {
    let it = Federated::open().await;
    assert_eq!(it.come_in().await.status, 200);
    let claims = it.authority.claims(&it.console);
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned =
        format!("{}.{}.", encode(json!({ "alg": "none", "kid": "entra" })), encode(claims.clone()));
    it.refused(&unsigned, "signed with the algorithm “none”").await;
    // The public key, which everybody has, in place of a shared secret.
    let public = EncodingKey::from_rsa_pem(ENTRA_KEY).unwrap();
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&public, Algorithm::RS256).unwrap();
    let secret = serde_json::to_vec(&public).unwrap();
    let header = Header { kid: Some("entra".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
    it.refused(&confused, "signed with the algorithm “HS256”").await;

    let claims = it.authority.claims(&it.console);
    it.refused(&sign(&claims, None, ENTRA_KEY), "does not name its signing key").await;
    it.refused(&sign(&claims, Some("entra"), STRANGERS_KEY), "the signature is wrong").await;
    let good = it.authority.assertion(&it.console);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut claims = it.authority.claims(&it.console);
    claims["jti"] = "another".into();
    let altered = format!("{}.{}.{signature}", signed.split('.').next().unwrap(), encode(claims));
    it.refused(&altered, "the signature is wrong").await;
    let critical =
        format!("{}.{}.x", encode(json!({ "alg": "RS256", "kid": "entra", "crit": ["b64"] })), "e30");
    it.refused(&critical, "critical extensions").await;
    it.refused("no.jwt", "it has not three parts").await;
    it.refused(&"x".repeat(16 * 1024 + 1), "larger than 16 KiB").await;
    it.refused(
        &sign(&it.authority.claims(&it.console), Some("consumers"), ENTRA_KEY),
        "not among the tenant's published keys",
    )
    .await;
}

#[actix_web::test]
async fn unknown_keys_are_looked_up_once_a_minute_and_new_ones_are_found() {
    let it = Federated::open().await;
    assert_eq!(it.come_in().await.status, 200);
    it.console.clock.advance(TimeDelta::seconds(61));
    for name in ["a", "b", "c", "d"] {
        let made_up = sign(&it.authority.claims(&it.console), Some(name), STRANGERS_KEY);
        assert_eq!(it.present(&made_up).await.status, 401);
    }
    assert_eq!(it.authority.fetches(), 2);
    assert!(it.console.refusals()[0].contains("is not among the tenant's published keys"));
    assert_eq!(it.come_in().await.status, 200, "a known key needs no fetch");

    it.authority.publish(&[("entra", ENTRA_KEY), ("next", STRANGERS_KEY)]);
    let rotated = || sign(&it.authority.claims(&it.console), Some("next"), STRANGERS_KEY);
    assert_eq!(it.present(&rotated()).await.status, 401);
    it.console.clock.advance(TimeDelta::seconds(61));
    assert_eq!(it.present(&rotated()).await.status, 200);
    assert_eq!(it.authority.fetches(), 3);
}

#[actix_web::test]
async fn keys_are_fetched_by_one_request_at_a_time() {
    let it = Federated::open().await;
    let assertions: Vec<String> = (0..8).map(|_| it.authority.assertion(&it.console)).collect();
    let replies =
        futures_util::future::join_all(assertions.iter().map(|assertion| it.present(assertion))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(it.authority.fetches(), 1);
}

#[actix_web::test]
async fn while_the_keys_cannot_be_fetched_the_client_is_told_to_come_again_and_known_keys_still_serve() {
    let it = Federated::open().await;
    it.authority.answer(None);
    for _ in 0..3 {
        let reply = it.come_in().await;
        assert_eq!((reply.status, reply.at("/error")), (503, &"temporarily_unavailable".into()));
        assert_eq!(reply.headers["retry-after"], "60");
    }
    assert_eq!(it.authority.fetches(), 1);
    let log = it.console.refusals();
    assert!(log[0].contains("could not be fetched: the answer was HTTP status 503"), "{}", log[0]);
    assert!(log[0].contains("Check that this server reaches the authority"));

    it.console.clock.advance(TimeDelta::seconds(61));
    it.authority.answer(Some("x".repeat(256 * 1024 + 1)));
    assert_eq!(it.come_in().await.status, 503);
    assert!(it.console.refusals()[0].contains("larger than 262144 bytes"));
    it.console.clock.advance(TimeDelta::seconds(61));
    it.authority.publish(&[("entra", ENTRA_KEY)]);
    assert_eq!(it.come_in().await.status, 200);

    it.authority.answer(None);
    it.console.clock.advance(TimeDelta::hours(25));
    let before = it.authority.fetches();
    assert_eq!(it.come_in().await.status, 200, "keys of yesterday serve while there are no newer ones");
    assert_eq!(it.authority.fetches(), before + 1);
    it.console.clock.advance(TimeDelta::hours(48));
    assert_eq!(it.come_in().await.status, 503, "keys of three days ago do not");
}

#[actix_web::test]
async fn an_assertion_is_good_once_unless_repeats_are_allowed() {
    let it = Federated::open().await;
    let assertion = it.authority.assertion(&it.console);
    assert_eq!(it.present(&assertion).await.status, 200);
    it.refused(&assertion, "the assertion was presented before").await;
    let mut claims = it.authority.claims(&it.console);
    assert_eq!(it.present(&sign(&claims, Some("entra"), ENTRA_KEY)).await.status, 200);
    claims["iat"] = it.stamp(1);
    it.refused(&sign(&claims, Some("entra"), ENTRA_KEY), "the assertion was presented before").await;

    it.save(&[("accept_repeats", "1")]).await;
    assert_eq!(it.present(&assertion).await.status, 200);
    assert_eq!(it.present(&assertion).await.status, 200);
}

#[actix_web::test]
async fn switching_federation_off_or_pinning_something_else_ends_what_it_got() {
    let it = Federated::open().await;
    let first = it.come_in().await;
    assert_eq!(it.scim(&first).await, 200);
    let other = "22222222-2222-4333-8444-555555555555";
    it.save(&[("subject", other)]).await;
    assert_eq!(it.scim(&first).await, 401);
    it.save(&[("subject", SUBJECT)]).await;
    let second = it.come_in().await;
    assert_eq!(it.scim(&second).await, 200);
    let page = it.olga.get("/identity").await;
    let csrf = page.value("input[name=csrf]").unwrap();
    let off: Vec<(&str, &str)> = PINNED[1..].iter().copied().chain([("csrf", csrf.as_str())]).collect();
    let page = it.olga.post_bare("/identity/federation", &off).await.follow().await;
    assert!(page.text().contains("It is off."));
    assert_eq!(it.scim(&second).await, 401);
    it.refused(&it.authority.assertion(&it.console), "workload identity federation is switched off").await;
    let log = it.olga.get("/activity").await.text();
    assert!(log.contains("changed workload identity federation: subject from"), "{log}");
}

#[actix_web::test]
async fn another_clients_identifier_a_secret_beside_or_another_type_is_refused() {
    let it = Federated::open().await;
    let assertion = it.authority.assertion(&it.console);
    let ask = |id: &'static str, kind: &'static str, more: Option<(&'static str, &'static str)>| {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_assertion_type", kind),
            ("client_assertion", assertion.as_str()),
        ];
        fields.extend(more);
        let console = &it.console;
        async move { ask_as(console, None, &fields).await }
    };
    let other = ask("other", TYPE, None).await;
    assert_eq!((other.status, other.at("/error")), (401, &"invalid_client".into()));
    assert!(it.console.refusals()[0].contains("the client identifier beside it is not the one"));
    let saml = ask("other", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", None).await;
    assert_eq!((saml.status, saml.at("/error")), (401, &"invalid_client".into()));
    let both = ask("other", TYPE, Some(("client_secret", "x"))).await;
    assert_eq!((both.status, both.at("/error")), (400, &"invalid_request".into()));
    let none = ask("other", "", None).await;
    assert_eq!((none.status, none.at("/error")), (400, &"invalid_request".into()));
}

#[actix_web::test]
async fn what_is_pinned_is_checked_and_taken_as_entra_shows_it() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let bad = [("federated", "1"), ("tenant_id", "contoso"), ("audience", "https://x"), ("subject", "")];
    let page = olga.submit("/identity", FEDERATION, &bad).await;
    assert_eq!(page.status, 422);
    for field in ["tenant_id", "audience", "subject"] {
        assert!(page.has(&format!("#{field}-error")), "{field}");
    }
    assert_eq!(page.value("#tenant_id").as_deref(), Some("contoso"));
    let shown = format!("{AUDIENCE}/.default");
    let upper = TENANT.to_uppercase();
    let typed = [("federated", "1"), ("tenant_id", &upper), ("audience", &shown), ("subject", SUBJECT)];
    let page = olga.submit("/identity", FEDERATION, &typed).await.follow().await;
    assert_eq!(page.value("#tenant_id").as_deref(), Some(TENANT));
    assert_eq!(page.value("#audience").as_deref(), Some(AUDIENCE));
    assert!(page.text().contains(&format!("/{TENANT}/discovery/v2.0/keys")));
    let id = page.value(".copy input[aria-label='Client ID']").unwrap();
    let again = olga.submit("/identity", FEDERATION, &[]).await.follow().await;
    assert_eq!(again.value(".copy input[aria-label='Client ID']"), Some(id));

    console.clock.advance(TimeDelta::minutes(11));
    let asked = olga.submit("/identity", FEDERATION, &[]).await;
    assert!(asked.has("input[name=password]"));
}
