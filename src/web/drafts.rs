//! A form that was sent after its session had ended: it is kept through sign-in, and shown again to whoever sent it.

use super::body::whole;
use super::extract::{Fields, OrgHandle, app_state, without_secrets};
use super::form_marks;
use super::session::{BrowserSession, COOKIE, KeptForm, LARGEST_KEPT};
use crate::domain::users;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;

/// Keeps what was sent, if it was entered on a page of ours by somebody who was signed in. It is offered to that person
/// only, and nothing is done by itself. Answers whether it is kept; a file, or a form that is too long, is not.
pub(super) async fn keep(request: &HttpRequest, payload: Payload, page: String) -> bool {
    if !comes_from_a_session(request) {
        return false;
    }
    let Ok(body) = whole(request, payload, LARGEST_KEPT).await else { return false };
    let Ok(fields) = serde_urlencoded::from_bytes::<Fields>(&body) else { return false };
    let Ok(state) = app_state(request) else { return false };
    let mark = fields.iter().find(|(name, _)| name == form_marks::FIELD).map_or("", |(_, mark)| mark);
    let Some(user) = form_marks::owner(state.org().keys(), mark, state.org().now()) else { return false };
    let (org, owner) = (OrgHandle::at(state), user.clone());
    let is_active = org.read(move |conn| Ok(users::find(conn, &owner)?.active)).await.unwrap_or(false);
    if !is_active {
        return false;
    }
    let fields = without_secrets(fields);
    // A button is pressed once more.
    let is_filled = fields.iter().any(|(name, value)| name != "was" && !value.is_empty());
    if is_filled {
        let form =
            KeptForm { user, action: request.path().to_owned(), page, fields: Some(fields), is_draft: true };
        BrowserSession::of(request).keep_form(&form);
    }
    is_filled
}

/// Whether it is a short form from a browser that was signed in, which still sends its cookie. Of strangers nothing is
/// read.
fn comes_from_a_session(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let is_short = length.is_some_and(|length: usize| length <= LARGEST_KEPT);
    let is_form = header(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    is_short && is_form && COOKIE.value(request).is_some()
}
