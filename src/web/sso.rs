//! The door of single sign-on: where browsers come and go between Entra ID and us.
//!
//! The answer to a sign-in is posted from Microsoft's site, so the session's cookie does not come along with it. A
//! cookie of its own ties the answer to the browser that asked.

use super::House;
use super::extract::{Address, Desk, house, whole};
use super::page::{self, Answer, Failure, Frame};
use super::session::Visit;
use crate::domain::sso::keys::{self, Key};
use crate::domain::sso::requests::Purpose;
use crate::domain::sso::sign_in::{self, Arrival, Bearer, Landing};
use crate::domain::sso::sign_out::{self, Foreign, Heard};
use crate::domain::sso::{Here, Settings, events, help, requests, settings};
use crate::domain::{Actor, Role, Tx};
use crate::error::{Error, Result};
use crate::saml::key_pair::KeyPair;
use crate::saml::redirect::{self, Kind};
use crate::saml::request::SignIn;
use crate::seal;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::Deserialize;
use std::num::NonZeroU32;
use url::Url;

/// Where answers are posted: the one form that comes from another site.
pub(super) const CONSUMER: &str = "/sso/consumer";
const BROWSER: &str = "rollcall_sso";
/// Remembers how somebody last signed in, to offer that first.
pub(super) const WAY: &str = "rollcall_way";
/// A response in Base64, escaped.
const LARGEST: usize = 1024 * 1024;

/// How often one address may come: each visit leaves a line in the store, and anybody may come. A whole office behind one
/// address signs in well within it.
const VISITS_A_SECOND: NonZeroU32 = NonZeroU32::new(10).unwrap();
const VISITS_AT_ONCE: NonZeroU32 = NonZeroU32::new(2_000).unwrap();

/// Who came lately, by address.
pub(super) struct Visits(DefaultKeyedRateLimiter<String>);

impl Default for Visits {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_second(VISITS_A_SECOND).allow_burst(VISITS_AT_ONCE)))
    }
}

impl Visits {
    fn take(&self, address: &str) -> Result<()> {
        // Whoever has not come for a while is forgotten.
        if self.0.len() > 10_000 {
            self.0.retain_recent();
        }
        self.0
            .check_key(&address.to_owned())
            .map_err(|busy| Error::TooMany(busy.wait_time_from(DefaultClock::default().now()).as_secs() + 1))
    }
}

/// Where we are, as Entra ID knows it.
pub(super) fn here(house: &House) -> Here {
    Here::under(&house.0.public_url)
}

/// Our metadata, for Entra ID's administrator to upload.
pub(super) async fn metadata(request: HttpRequest, desk: Desk) -> Answer {
    let here = here(house(&request)?);
    if request.method() != Method::HEAD {
        own_keys(&desk, &here).await?;
    }
    let xml = desk.read(move |conn| keys::describe(conn, &here)).await?;
    Ok(page::download("rollcall-metadata.xml", "application/samlmetadata+xml", xml.into_bytes()))
}

/// Our keys; the first is made when somebody first asks.
pub(super) async fn own_keys(desk: &Desk, here: &Here) -> Result<Vec<Key>> {
    let there = desk.read(keys::list).await?;
    if !there.is_empty() {
        return Ok(there);
    }
    let pair = new_pair(desk, here).await?;
    desk.write(Actor::Rollcall, move |tx| {
        keys::add_first(tx, &pair)?;
        keys::list(tx.conn)
    })
    .await
}

/// A new key of ours: making one takes a moment, so it is not made where writers wait.
pub(super) async fn new_pair(desk: &Desk, here: &Here) -> Result<KeyPair> {
    let (here, now) = (here.clone(), desk.org().now());
    web::block(move || keys::generate(&here, now)).await.map_err(Error::internal)?
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Start {
    next: Option<String>,
    /// Whether the person must prove themselves anew.
    again: Option<String>,
}

/// Sends the browser to Entra ID, and from there back to the page that was asked for.
pub(super) async fn start(
    request: HttpRequest,
    frame: Frame,
    desk: Desk,
    address: Address,
    start: web::Query<Start>,
) -> Answer {
    house(&request)?.0.visits.take(&address.0)?;
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().finish());
    }
    let next = page::own_path(start.next.as_deref());
    let force = start.again.is_some();
    if frame.person.is_some() && !force {
        return Ok(page::go(&next));
    }
    if !desk.read(settings::read).await?.enabled {
        let text = "Signing in with Entra ID is switched off here. Sign in with your password, or ask your \
                    administrator.";
        return Err(Failure(Error::Conflict(text.to_owned())));
    }
    let mut response = send(&request, &desk, Purpose::SignIn, &next, None, force).await?;
    remember_way(&request, &mut response, "entra")?;
    Ok(response)
}

/// Sends the browser to Entra ID with a request of ours.
pub(super) async fn send(
    request: &HttpRequest,
    desk: &Desk,
    purpose: Purpose,
    return_to: &str,
    started_by: Option<String>,
    force: bool,
) -> Answer {
    let house = house(request)?;
    let here = here(house);
    // One secret a browser, so that several windows can be under way at once.
    let secret = request.cookie(BROWSER).map(|cookie| cookie.value().to_owned());
    let secret = secret.filter(|secret| secret.len() >= 32).unwrap_or_else(seal::secret);
    if desk.read(settings::read).await?.sign_requests {
        own_keys(desk, &here).await?;
    }
    let (browser, return_to) = (secret.clone(), return_to.to_owned());
    let target = desk
        .write(Actor::Rollcall, move |tx| {
            address(tx, &here, purpose, &browser, &return_to, started_by.as_deref(), force)
        })
        .await?;
    let https = house.is_https();
    // The answer is posted from another site; browsers take `None` only over https.
    let cookie = Cookie::build(BROWSER, secret)
        .path("/sso")
        .http_only(true)
        .secure(https)
        .same_site(if https { SameSite::None } else { SameSite::Lax })
        .finish();
    let mut response = page::go(&target);
    response.add_cookie(&cookie).map_err(Error::internal)?;
    Ok(response)
}

fn address(
    tx: &mut Tx,
    here: &Here,
    purpose: Purpose,
    browser: &str,
    return_to: &str,
    started_by: Option<&str>,
    force: bool,
) -> Result<String> {
    let Settings { login_url, sign_requests, .. } = settings::read(tx.conn)?;
    let missing = || Error::Conflict("Enter Entra ID's login URL first.".to_owned());
    let target = login_url.and_then(|url| Url::parse(&url).ok()).ok_or_else(missing)?;
    let sent = requests::begin(tx, purpose, browser, return_to, started_by)?;
    let xml = SignIn {
        id: &sent.id,
        entity_id: &here.entity_id,
        consumer: &here.consumer,
        destination: target.as_str(),
        force,
        now: tx.now,
    }
    .to_xml();
    let pairs = if sign_requests { keys::pairs(tx.conn, tx.keys)? } else { Vec::new() };
    let address = redirect::address(&target, Kind::Request, &xml, Some(&sent.id), pairs.first());
    address.ok_or_else(|| Error::internal("a request could not be put into an address"))
}

#[derive(Template)]
#[template(path = "sso/refused.html")]
struct RefusedPage {
    frame: Frame,
    sentence: &'static str,
    reference: String,
}

/// Takes an answer from Entra ID, asked for or not.
pub(super) async fn consume(
    request: HttpRequest,
    frame: Frame,
    desk: Desk,
    address: Address,
    payload: web::Payload,
) -> Answer {
    let house = house(&request)?;
    house.0.visits.take(&address.0)?;
    let (field, relay_state) = read_form(payload.into_inner()).await?;
    let here = here(house);
    let bearer = Bearer {
        browser: request.cookie(BROWSER).map(|cookie| cookie.value().to_owned()),
        address: address.0,
        return_to: relay_state.and_then(|state| own_page(house, &state)),
    };
    let (ring, now) = (desk.org().keys().clone(), desk.org().now());
    let examined = desk.read(move |conn| sign_in::examine(conn, &ring, &here, &field, now)).await?;
    let landing = desk.write(Actor::Rollcall, move |tx| sign_in::conclude(tx, examined, &bearer)).await?;
    match landing {
        Landing::In(arrival) => Ok(enter(&request, &desk, *arrival)),
        Landing::Tested { reference } => Ok(page::go(&format!("/identity/sso/tests/{reference}"))),
        Landing::Refused { sentence, reference } => {
            let page = RefusedPage { frame, sentence, reference };
            page::show_as(StatusCode::FORBIDDEN, &page.frame, &page)
        }
    }
}

fn enter(request: &HttpRequest, desk: &Desk, arrival: Arrival) -> HttpResponse {
    let foreign =
        Foreign { name_id: arrival.name_id, session_index: arrival.session_index, came_by: arrival.came_by };
    Visit::of(request).sign_in_from(&arrival.user.id, &foreign, arrival.proved_at, desk.org().now());
    let return_to = page::own_path(Some(&arrival.return_to));
    // Whoever has no role has one page.
    let allowed = arrival.user.role > Role::None || return_to.starts_with("/account");
    page::go(if allowed { &return_to } else { "/account" })
}

/// The two fields of the form (SAML bindings section 3.5.4), each at most once.
async fn read_form(payload: Payload) -> Result<(String, Option<String>), Failure> {
    let body = whole(payload, LARGEST).await?;
    let unreadable = || Failure(Error::invalid("form", "There is no answer from Entra ID in this form."));
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).map_err(|_| unreadable())?;
    let only = |name: &str| {
        let mut found = fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.clone());
        let first = found.next();
        if found.next().is_some() { None } else { first }
    };
    Ok((only("SAMLResponse").ok_or_else(unreadable)?, only("RelayState")))
}

/// A page of ours that Entra ID's relay state names, as a path or with our own address before it.
fn own_page(house: &House, state: &str) -> Option<String> {
    let public = &house.0.public_url;
    let path = match Url::parse(state) {
        Ok(url) if url.origin() == public.origin() => {
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
        }
        Ok(_) => return None,
        Err(_) => state.to_owned(),
    };
    Some(page::own_path(Some(&path))).filter(|own| *own == path)
}

#[derive(Template)]
#[template(path = "sso/left.html")]
struct LeftPage {
    frame: Frame,
}

/// Entra ID ends sessions, or answers that it ended its own.
pub(super) async fn logout(request: HttpRequest, frame: Frame, desk: Desk, address: Address) -> Answer {
    // HEAD has no effects (RFC 9110 section 9.2.1): it neither begins nor ends a session.
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().finish());
    }
    let query = request.query_string().to_owned();
    if !query.contains("SAMLRequest=") && !query.contains("SAMLResponse=") {
        return Ok(page::go("/"));
    }
    house(&request)?.0.visits.take(&address.0)?;
    let visit = Visit::of(&request);
    let (here, own) = (here(house(&request)?), visit.foreign());
    let from = address.0;
    let mine = own.clone();
    let heard = desk
        .write(Actor::Rollcall, move |tx| {
            let heard = sign_out::hear(tx, &here, &query, mine.as_ref())?;
            if let Err(refusal) = &heard {
                note_refusal(tx, &refusal.cause, from)?;
            }
            Ok(heard)
        })
        .await?;
    match heard {
        Ok(Heard::Ended { sessions, reply }) => {
            if own.is_some() && sessions > 0 {
                visit.sign_out();
            }
            // To a request about a session that is over already Entra ID wants no answer.
            match reply.filter(|_| sessions > 0) {
                Some(reply) => Ok(page::go(&reply)),
                None => {
                    let page = LeftPage { frame };
                    page::show(&page.frame, &page)
                }
            }
        }
        Ok(Heard::Answered { .. }) => Ok(page::go("/sign-in?left")),
        Err(_) => {
            let error = Error::invalid("message", help::for_the_person("sign_out"));
            Err(Failure(error))
        }
    }
}

fn note_refusal(tx: &mut Tx, cause: &str, address: String) -> Result<()> {
    events::note(
        tx,
        events::Report {
            purpose: Purpose::SignOut,
            cause: Some("sign_out"),
            sentence: cause.to_owned(),
            user_id: None,
            started_by: None,
            name_id: None,
            address,
            details: events::Details::default(),
        },
    )?;
    Ok(())
}

/// Where to go when somebody leaves: to Entra ID if it is to end its session too.
pub(super) async fn leave(request: &HttpRequest, desk: &Desk) -> Result<Option<String>> {
    let Some(foreign) = Visit::of(request).foreign() else { return Ok(None) };
    let here = here(house(request)?);
    let settings = desk.read(settings::read).await?;
    if settings.sign_requests {
        own_keys(desk, &here).await?;
    }
    desk.write(Actor::Rollcall, move |tx| sign_out::ask(tx, &here, &foreign)).await
}

/// Remembers how somebody signs in, on this browser, for a year.
pub(super) fn remember_way(
    request: &HttpRequest,
    response: &mut HttpResponse,
    way: &'static str,
) -> Result<()> {
    let cookie = Cookie::build(WAY, way)
        .path("/sign-in")
        .http_only(true)
        .secure(house(request)?.is_https())
        .same_site(SameSite::Lax)
        .max_age(Duration::days(365))
        .finish();
    response.add_cookie(&cookie).map_err(Error::internal)
}
