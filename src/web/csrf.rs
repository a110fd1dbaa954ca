//! Tokens that tie a form to the browser it was sent to, so that another site cannot post it.
//!
//! For somebody signed in the token is tied to their session; for a page before sign-in, to a cookie of its own (a
//! signed double submit, OWASP CSRF Prevention Cheat Sheet). It differs at each showing, so that compression tells
//! nothing about it.

use super::cookies::Name;
use super::extract::{Fields, app_state};
use super::page::Failure;
use super::session::BrowserSession;
use crate::error::{Error, Result};
use crate::seal;
use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};

/// The field of each form.
pub(super) const FIELD: &str = "csrf";
pub(super) const COOKIE: Name = Name::new("rollcall_form", "/");
const PURPOSE: &str = "csrf";
const SALT_LENGTH: usize = 16;

/// A token for the forms of a page, and the cookie to set with it if it needs one.
pub(super) fn token(request: &HttpRequest) -> Result<(String, Option<Cookie<'static>>)> {
    let (binding, cookie) = match binding(request) {
        Some(binding) => (binding, None),
        None => {
            let secret = seal::secret();
            let cookie = COOKIE.build(app_state(request)?, secret.clone(), SameSite::Strict).finish();
            (format!("cookie:{secret}"), Some(cookie))
        }
    };
    let salt: String = seal::secret().chars().take(SALT_LENGTH).collect();
    let digest = app_state(request)?.org().keys().digest(PURPOSE, &format!("{salt}:{binding}"));
    Ok((format!("{salt}{digest}"), cookie))
}

/// Refuses a form that doesn't carry a token of this browser's.
pub(super) fn check(request: &HttpRequest, fields: &Fields) -> Result<(), Failure> {
    let told = fields.iter().find(|(name, _)| name == FIELD).map(|(_, value)| value.as_str());
    let genuine = binding(request).zip(told).is_some_and(|(binding, told)| {
        let parts = told.split_at_checked(SALT_LENGTH);
        let keys = app_state(request).map(|state| state.org().keys().clone());
        parts.zip(keys.ok()).is_some_and(|((salt, digest), keys)| {
            keys.recognises(PURPOSE, &format!("{salt}:{binding}"), digest)
        })
    });
    if genuine {
        return Ok(());
    }
    Err(Failure(Error::Forbidden(
        "This form was not sent from a page of yours, or your session has changed since. Nothing was changed: go \
         back, reload the page and try again."
            .to_owned(),
    )))
}

fn binding(request: &HttpRequest) -> Option<String> {
    if let Some(secret) = BrowserSession::of(request).form_secret() {
        return Some(format!("session:{secret}"));
    }
    COOKIE.value(request).map(|value| format!("cookie:{value}"))
}
