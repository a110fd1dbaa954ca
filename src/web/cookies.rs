//! Names and attributes of cookies, the same for all.
//!
//! Where the console is reached over https they are called `__Host-…`: a browser takes such a cookie from this host
//! over https only, for all of it and nothing beside it, so that no neighbouring host and no plain http can plant one
//! (RFC 6265bis section 4.1.3.2).

use super::House;
use super::extract::house;
use crate::error::Result;
use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, CookieBuilder, SameSite};

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
    pub(super) fn on(self, house: &House) -> String {
        if house.is_https() { format!("__Host-{}", self.plain) } else { self.plain.to_owned() }
    }

    /// What the browser sent under this name.
    pub(super) fn value(self, request: &HttpRequest) -> Option<String> {
        let name = self.on(house(request).ok()?);
        request.cookie(&name).map(|cookie| cookie.value().to_owned())
    }

    /// A cookie of this name that scripts don't see.
    pub(super) fn build(self, house: &House, value: String, same_site: SameSite) -> CookieBuilder<'static> {
        let path = if house.is_https() { "/" } else { self.path };
        Cookie::build(self.on(house), value)
            .path(path)
            .http_only(true)
            .secure(house.is_https())
            .same_site(same_site)
    }

    /// A cookie that makes the browser forget this one.
    pub(super) fn forget(self, request: &HttpRequest) -> Result<Cookie<'static>> {
        let mut cookie = self.build(house(request)?, String::new(), SameSite::Lax).finish();
        cookie.make_removal();
        Ok(cookie)
    }
}
