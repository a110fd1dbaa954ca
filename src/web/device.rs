//! The cookie by which a browser that signed in before is known again; see `domain::admins::devices`.

use super::cookies::Name;
use super::extract::app_state;
use crate::domain::admins::devices::KEPT_FOR;
use crate::error::{Error, Result};
use actix_web::cookie::SameSite;
use actix_web::cookie::time::Duration;
use actix_web::{HttpRequest, HttpResponse};

const COOKIE: Name = Name::new("rollcall_device", "/");
/// Longer than any secret of ours.
const LONGEST: usize = 100;

/// The secret that the browser keeps.
pub(super) fn secret(request: &HttpRequest) -> Option<String> {
    COOKIE.value(request).filter(|secret| secret.len() <= LONGEST)
}

/// Gives the browser the secret to keep.
pub(super) fn keep(request: &HttpRequest, response: &mut HttpResponse, secret: String) -> Result<()> {
    let state = app_state(request)?;
    // Entra ID's answers are posted from its site, and browsers take None over https only.
    let same_site = if state.is_https() { SameSite::None } else { SameSite::Lax };
    let cookie =
        COOKIE.build(state, secret, same_site).max_age(Duration::seconds(KEPT_FOR.num_seconds())).finish();
    response.add_cookie(&cookie).map_err(Error::internal)
}
