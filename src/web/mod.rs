//! The interfaces that speak HTTP.

use crate::domain::Org;
use crate::domain::provisioning::Sparing;
use crate::domain::sessions::Limits;
use crate::error::Error;
use crate::pool::Pool;
use actix_session::SessionMiddleware;
use actix_session::config::CookieContentSecurity;
use actix_web::body::MessageBody;
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::{Compress, NormalizePath, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, Route, web};
use chrono::NaiveDateTime;
use std::num::NonZeroU32;
use std::sync::Arc;
use url::Url;

mod assets;
mod body;
mod client_address;
mod connections;
pub mod console;
mod content_policy;
mod cookies;
mod csrf;
mod device;
mod drafts;
mod extract;
mod form_marks;
mod forms;
mod guard;
mod health;
mod oauth;
mod page;
mod pauses;
mod query;
mod route;
mod scim;
mod server;
mod session;
mod sso;
mod table;
mod task_lines;

pub use client_address::Proxies;
pub use connections::{ConnectionLimits, Patience};
pub use route::Endpoint;
pub use scim::ENDPOINTS as SCIM_ENDPOINTS;
pub use server::serve;

table::endpoints! {
    wrong methods by wrong_method;

    "/healthz" { GET health::alive; }
    "/readyz" { GET health::ready; }
    "/static/{hash}/{name}" { GET assets::serve; }
    "/favicon.ico" { GET assets::icon; }
    "/oauth2/token" for "gives SCIM clients that prove themselves an access token (RFC 6749 section 4.4)" {
        POST oauth::token;
    }
}

/// What all routes share: everything is reached through it, nothing is global.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    org: Org,
    public_url: Url,
    proxies: Proxies,
    unnamed_proxies: client_address::UnnamedProxies,
    connection_limits: ConnectionLimits,
    patience: Patience,
    hsts_subdomains: bool,
    limits: Limits,
    metadata_from_private_networks: bool,
    refusals: Sparing,
    token_endpoint: oauth::TokenEndpoint,
    scim_limits: scim::Limits,
    scim_walks: Arc<scim::Walks>,
    sso_limits: sso::RateLimits,
    key_maker: sso::KeyMaker,
    turned_away: sso::turned_away::Shared,
    examinations: sso::examinations::Examinations,
    pauses: pauses::Pauses,
    slow: Pool,
}

/// What the operator decides about a console.
#[derive(Clone, Debug)]
pub struct ConsoleSettings {
    /// The address under which browsers and Entra ID reach it.
    pub public_url: Url,
    /// Where Entra ID publishes its keys.
    pub authority: Url,
    /// Reverse proxies that are believed when they say where a request comes from.
    pub proxies: Proxies,
    /// How many connections are held at once.
    pub connection_limits: ConnectionLimits,
    /// For how long clients are waited for.
    pub patience: Patience,
    /// Whether browsers are told to come over https to the hosts below the public address too.
    pub hsts_subdomains: bool,
    /// How long a session lives.
    pub limits: Limits,
    /// How many requests a second each SCIM credential may send.
    pub scim_requests_per_second: NonZeroU32,
    /// Whether federation metadata may be fetched from private networks.
    pub metadata_from_private_networks: bool,
}

impl AppState {
    /// A console for `org`.
    #[must_use]
    pub fn new(org: Org, site: ConsoleSettings) -> Self {
        if let Some(host) = site.public_url.domain() {
            org.be_known_at(host);
        }
        Self(Arc::new(Shared {
            org,
            public_url: site.public_url,
            proxies: site.proxies,
            unnamed_proxies: client_address::UnnamedProxies::default(),
            connection_limits: site.connection_limits,
            patience: site.patience,
            hsts_subdomains: site.hsts_subdomains,
            limits: site.limits,
            metadata_from_private_networks: site.metadata_from_private_networks,
            refusals: Sparing::default(),
            token_endpoint: oauth::TokenEndpoint::new(&site.authority),
            scim_limits: scim::Limits::new(site.scim_requests_per_second),
            scim_walks: Arc::default(),
            sso_limits: sso::RateLimits::default(),
            key_maker: sso::KeyMaker::default(),
            turned_away: sso::turned_away::Shared::default(),
            examinations: sso::examinations::Examinations::default(),
            pauses: pauses::Pauses::default(),
            slow: Pool::start("passwords", password_threads()),
        }))
    }

    /// Begins what is better done before anybody asks for it: our first key.
    pub fn prepare(&self) {
        self.0.key_maker.begin(self);
    }

    /// The organisation that the request is for: one today, chosen by host name once there are several.
    fn org(&self) -> &Org {
        &self.0.org
    }

    /// The public address of a path that begins with a slash.
    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.0.public_url.as_str().trim_end_matches('/'))
    }

    /// The public address's host, and its port if it is not the scheme's own.
    fn authority(&self) -> String {
        let url = &self.0.public_url;
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What to say of a proxy that sends where requests come from, but that nobody named.
    fn unnamed_proxy(&self, now: NaiveDateTime) -> Option<String> {
        self.0.unnamed_proxies.told(&self.0.proxies, now)
    }

    fn is_https(&self) -> bool {
        self.0.public_url.scheme() == "https"
    }
}

/// Half of the processors, two at the most: pages are to be answered meanwhile, and each takes 19 MiB.
fn password_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).clamp(1, 2))
}

/// The whole application: middleware and routes in one screen.
fn app(
    state: AppState,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let key = Key::derive_from(state.org().keys().digest("session cookie", "").as_bytes());
    let sessions = SessionMiddleware::builder(session::Store::new(state.clone()), key)
        .cookie_name(session::COOKIE.on(&state))
        .cookie_secure(state.is_https())
        .cookie_same_site(SameSite::Lax)
        .cookie_content_security(CookieContentSecurity::Signed)
        .build();
    App::new()
        .app_data(web::Data::new(state))
        .wrap(Compress::default())
        .wrap(from_fn(connections::hold))
        .wrap(from_fn(guard::headers))
        .wrap(from_fn(guard::watch))
        // Tenant URLs are pasted with a slash at the end, which makes two in the middle.
        .wrap(NormalizePath::trim())
        .configure(configure)
        .configure(scim::routes)
        .service(
            web::scope("")
                .app_data(
                    web::PathConfig::default()
                        .error_handler(|_, _| page::Failure(Error::NotFound("page")).into()),
                )
                .wrap(from_fn(guard::same_origin))
                .wrap(from_fn(page::render_failures))
                .wrap(sessions)
                .wrap(from_fn(session::report_lost))
                .configure(console::configure)
                .default_service(web::to(guard::nowhere)),
        )
}

/// Answers a method that this address does not take.
fn wrong_method(here: &'static Endpoint) -> Route {
    let refuse = move |request: HttpRequest| async move {
        HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, here.allow()))
            .content_type("text/plain; charset=utf-8")
            .body(format!("{}\n", here.refusal(request.method())))
    };
    web::to(refuse)
}

/// The status of a failure, whatever language it is then told in.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::SignedOut => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Taken(_) | Error::Conflict(_) => StatusCode::CONFLICT,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        // It is of the server's ground, not of the request, and will be over.
        other if other.outage().is_some() => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
