//! Names and attributes of cookies, the same for all.
//!
//! Where the console is reached over https they are called `__Host-…`: a browser takes such a cookie from this host
//! over https only, for all of it and nothing beside it, so that no neighbouring host and no plain http can plant one
//! (RFC 6265bis section 4.1.3.2).

use super::extract::app_state;
use super::{AppState, csrf, sso};
use crate::error::{Error, Result};
use actix_web::cookie::{Cookie, CookieBuilder, SameSite};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

/// A cookie of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    plain: &'static str,
    /// Where it is sent to over plain http; over https the prefix asks for all paths.
    path: &'static str,
}

impl Name {
    pub(super) const fn new(plain: &'static str, path: &'static str) -> Self {
        Self { plain, path }
    }

    /// As it is called on this console.
    pub(super) fn on(self, state: &AppState) -> String {
        if state.is_https() { format!("__Host-{}", self.plain) } else { self.plain.to_owned() }
    }

    /// What the browser sent under this name.
    pub(super) fn value(self, request: &HttpRequest) -> Option<String> {
        let name = self.on(app_state(request).ok()?);
        request.cookie(&name).map(|cookie| cookie.value().to_owned())
    }

    /// A cookie of this name that scripts don't see.
    pub(super) fn build(
        self,
        state: &AppState,
        value: String,
        same_site: SameSite,
    ) -> CookieBuilder<'static> {
        let path = if state.is_https() { "/" } else { self.path };
        Cookie::build(self.on(state), value)
            .path(path)
            .http_only(true)
            .secure(state.is_https())
            .same_site(same_site)
    }

    /// A cookie that makes the browser forget this one.
    pub(super) fn forget(self, request: &HttpRequest) -> Result<Cookie<'static>> {
        let mut cookie = self.build(app_state(request)?, String::new(), SameSite::Lax).finish();
        cookie.make_removal();
        Ok(cookie)
    }
}

/// Makes the browser forget what a session left in it. Of cookies only ours: told to clear all, browsers take those of
/// every other host of the organisation's domain as well (W3C Clear Site Data section 4.2.2), and how somebody signs
/// in stays.
pub(super) fn clear_site_data(request: &HttpRequest, response: &mut HttpResponse) -> Result<()> {
    for name in [csrf::COOKIE, sso::BROWSER] {
        response.add_cookie(&name.forget(request)?).map_err(Error::internal)?;
    }
    let data = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), data);
    Ok(())
}
