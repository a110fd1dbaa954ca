//! What every request passes: the log, security headers, the same-origin check, and who may use which route.

use super::client_address::client_address;
use super::content_policy::{Source, policy};
use super::drafts;
use super::extract::{OrgHandle, RequestIdentity, app_state};
use super::page::{Answer, Failure, FailureLink, FailureText, StandingPage};
use super::route::{Least, Resource, Route, allow, standing_page};
use super::session::BrowserSession;
use super::task_lines;
use crate::domain::{Role, settings, sso, users};
use crate::error::{Error, Result};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use tracing::Instrument;
use uuid::Uuid;

const REQUEST_ID: &str = "x-request-id";
/// What proxies give is a UUID, or up to three of them.
const LONGEST_FOREIGN_ID: usize = 128;

/// The identifier of a request, in the log and on a failure page.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Gives the request an id and writes one line about it. Paths may hold secrets: the log has their pattern.
pub(super) async fn watch<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let id = Uuid::now_v7().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Ok(state) = app_state(request.request())
        && let Some(peer) = state.0.proxies.unnamed(request.request())
    {
        state.0.unnamed_proxies.note(&state.0.proxies, peer, state.org().now());
    }
    let span = tracing::info_span!(
        "request",
        id = %id,
        method = method_name(request.method()),
        client = app_state(request.request()).ok().map(|state| client_address(state, request.request())),
        proxy_id = foreign_id(request.headers()),
    );
    async move {
        let started = std::time::Instant::now();
        let mut response = next.call(request).await?;
        let route = response.request().match_pattern().unwrap_or_else(|| "(none)".to_owned());
        let status = response.status();
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The provisioning log has each SCIM request already, in more detail: but not each of those that nobody accepted.
        let is_noted =
            route.starts_with("/scim/") && status != StatusCode::UNAUTHORIZED && !status.is_server_error();
        let status = status.as_u16();
        if is_noted || route.starts_with("/static/") {
            tracing::debug!(route, status, ms, "answered");
        } else {
            tracing::info!(route, status, ms, "answered");
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), value);
        }
        Ok(response)
    }
    .instrument(span)
    .await
}

/// The id that a proxy gave the request, beside ours. Anybody may send one, so only what has the form of an identifier is
/// taken.
fn foreign_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.:+/=@".contains(char);
    (!id.is_empty() && id.len() <= LONGEST_FOREIGN_ID && id.chars().all(is_plain)).then_some(id)
}

/// The method for the log. One that is not known may be any text, of any length, and is not logged as it came.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}

/// Security headers on every response; a browser caches nothing unless the response says so itself.
pub(super) async fn headers<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let transport_policy = app_state(request.request()).ok().and_then(transport_policy);
    let mut response = next.call(request).await?;
    let policy = {
        let extensions = response.request().extensions();
        policy(extensions.get::<RequestIdentity>().map_or(&[], |identity| &identity.forms_lead_to))
    };
    let headers = response.headers_mut();
    let mut set =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // The referrer is sent to this server only. With none at all, browsers without Fetch Metadata would send
    // `Origin: null` with our own forms (Fetch, section 3.1), as they do with those of other sites.
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=()",
    );
    if let Some(policy) = transport_policy {
        set(header::STRICT_TRANSPORT_SECURITY, policy);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// For how long browsers must use https (RFC 6797).
fn transport_policy(state: &super::AppState) -> Option<&'static str> {
    match (state.is_https(), state.0.hsts_subdomains) {
        (true, true) => Some("max-age=31536000; includeSubDomains"),
        (true, false) => Some("max-age=31536000"),
        (false, _) => None,
    }
}

/// Refuses a form that another site posted, before its token is looked at.
pub(super) async fn same_origin<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    // Entra ID's messages are posted from its own site, and are trusted by their signature.
    let comes_from_entra = [super::sso::CONSUMER, super::sso::LOGOUT].contains(&request.path());
    let changes = ![Method::GET, Method::HEAD].contains(request.method());
    let is_foreign = || app_state(request.request()).is_ok_and(|own| is_foreign(request.headers(), own));
    if changes && !comes_from_entra && is_foreign() {
        let refusal =
            Error::Forbidden("This form was sent from another site. Nothing was changed.".to_owned());
        return Ok(request.into_response(Failure(refusal).error_response()).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Whether a browser says that another site sent this (Fetch Metadata; RFC 6454 section 7). Over https the scheme
/// counts too, and an origin that is not told (`null`) is another's, whatever else is said.
fn is_foreign(headers: &HeaderMap, own: &super::AppState) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let site = text(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(header::ORIGIN) else { return false };
    let Some((scheme, authority)) = origin.split_once("://") else { return own.is_https() };
    // A reverse proxy may put another host than the public one into the Host header.
    let is_here = authority == own.authority() || text(header::HOST) == Some(authority);
    !is_here || (own.is_https() && scheme != "https")
}

/// Lets a request pass if one of the routes of this path answers its method and is open to its sender. Roles are checked here
/// and nowhere else.
pub(super) async fn authorize(
    here: &'static Resource,
    all: &'static [Route],
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let route = here.routes.iter().find(|route| route.answers(request.method()));
    let identity = match recognise(request.request(), route).await {
        Ok(identity) => identity,
        Err(failure) => return Ok(request.into_response(Failure(failure).error_response())),
    };
    let refusal = route.and_then(|route| refusal(route.least, &identity));
    request.extensions_mut().insert(identity);
    if request.method() == Method::POST {
        let page = StandingPage(standing_page(all, request.path()));
        request.extensions_mut().insert(page);
    }
    if route.is_none() {
        let page = standing_page(all, request.path());
        return Ok(request.into_response(method_not_allowed(here, page)));
    }
    match refusal {
        None => next.call(request).await,
        Some(Error::SignedOut) => Ok(to_sign_in(all, request).await),
        Some(refusal) => Ok(request.into_response(Failure(refusal).error_response())),
    }
}

/// The address answers other methods than the one that was used (RFC 9110 section 15.5.6).
fn method_not_allowed(here: &Resource, page: String) -> HttpResponse {
    let text = if here.routes.iter().any(|route| route.method == "GET") {
        "This address takes another kind of request.".to_owned()
    } else if let Some(purpose) = here.purpose {
        format!("This address {purpose}; there is nothing to look at here.")
    } else {
        "This address takes a form that is sent from a page of the console; there is nothing to look at here. Go back to \
         the page of the form."
            .to_owned()
    };
    let mut response = HttpResponse::MethodNotAllowed().finish();
    if let Ok(methods) = HeaderValue::from_str(&allow(here.routes)) {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response.extensions_mut().insert(FailureText::from(text));
    response.extensions_mut().insert(FailureLink(page));
    response
}

/// The page for an address that does not exist, with the navigation if somebody is signed in.
pub(super) async fn nowhere(request: HttpRequest) -> Answer {
    let identity = recognise(&request, None).await?;
    request.extensions_mut().insert(identity);
    Err(Failure(Error::NotFound("page")))
}

fn refusal(least: Least, identity: &RequestIdentity) -> Option<Error> {
    let Least::Role(least) = least else { return None };
    let Some(user) = &identity.user else { return Some(Error::SignedOut) };
    let word = least.word().to_lowercase();
    let article = if least == Role::Administrator || least == Role::Auditor || least == Role::Owner {
        "an"
    } else {
        "a"
    };
    // Whoever has no role cannot see who the owners are.
    let whom = if user.role == Role::None {
        "Ask your administrator."
    } else {
        "Ask an owner, under Administrators."
    };
    (user.role < least).then(|| {
        Error::Forbidden(format!(
            "This needs the role of {article} {word}, and you are signed in as {}. {whom}",
            user.role.word().to_lowercase()
        ))
    })
}

async fn recognise(request: &HttpRequest, route: Option<&'static Route>) -> Result<RequestIdentity> {
    let session = BrowserSession::of(request);
    // A session that began without a role does not count for an account that has been given one since.
    let is_plain = session.foreign().is_some_and(|foreign| foreign.came_by.plain);
    let id = session.user();
    let org = OrgHandle::at(app_state(request)?);
    // The form that tries a sign-in out leads to the identity provider before single sign-on is switched on.
    let tests = request.path() == "/identity" || request.path().starts_with("/identity/sso");
    let (page, now) = (Some(request.path()).filter(|path| task_lines::is_begun_on(path)), org.inner().now());
    let page = page.filter(|_| request.method() == Method::GET).map(str::to_owned);
    org.read(move |conn| {
        let user = match id.map(|id| users::find(conn, &id)) {
            // Sessions end with a deactivation; this holds even for one that was just being written.
            Some(Ok(user)) if user.active && !(is_plain && user.role > Role::None) => Some(user),
            Some(Ok(_) | Err(Error::NotFound(_))) | None => None,
            Some(Err(cause)) => return Err(cause),
        };
        let tests = tests && user.as_ref().is_some_and(|user| user.role >= Role::Administrator);
        let beyond = sso::settings::browsers_lead_to(conn, tests)?;
        let mut forms_lead_to: Vec<Source> =
            beyond.iter().filter_map(|address| Source::of(address)).collect();
        forms_lead_to.dedup();
        let looks = user.as_ref().is_some_and(|user| user.role >= Role::Auditor);
        let tasks = match page.filter(|_| looks) {
            Some(page) => {
                let mut lines = task_lines::lines(conn, now)?;
                lines.retain(|line| line.begun_on == page);
                lines
            }
            None => Vec::new(),
        };
        Ok(RequestIdentity { user, route, organisation: settings::organisation(conn)?, forms_lead_to, tasks })
    })
    .await
}

/// Redirects to the sign-in page, and from there back to the page that was asked for.
async fn to_sign_in(all: &[Route], mut request: ServiceRequest) -> ServiceResponse<BoxBody> {
    let target = if [Method::GET, Method::HEAD].contains(request.method()) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let query = serde_urlencoded::to_string([("next", path)]).unwrap_or_default();
        if path == "/" { "/sign-in".to_owned() } else { format!("/sign-in?{query}") }
    } else {
        // The form is sent once more from where it stands.
        let (page, payload) = (standing_page(all, request.path()), request.take_payload());
        let query = serde_urlencoded::to_string([("next", &page)]).unwrap_or_default();
        let is_kept = drafts::keep(request.request(), payload, page).await;
        format!("/sign-in?{}&{query}", if is_kept { "kept" } else { "ended" })
    };
    let mut response = HttpResponse::new(StatusCode::SEE_OTHER);
    if let Ok(target) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(header::LOCATION, target);
    }
    request.into_response(response)
}
