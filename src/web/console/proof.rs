//! Asking who sits there before an act that decides who has power or where trust lies. The table of routes says which
//! acts those are.

use super::ROUTES;
use super::sign_in::Prompt;
use crate::domain::authority::Wanted;
use crate::error::{Error, Result};
use crate::web::csrf;
use crate::web::extract::{Address, Desk, Fields, LARGEST_FORM, Signed, values, whole};
use crate::web::page::{self, Failure, Frame};
use crate::web::route::{Route, standing_page};
use crate::web::session::Visit;
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};

/// The field with which a form can bring the proof itself.
const PASSWORD: &str = "password";

/// Lets a request pass whose route wants no proof, or whose session has one from within the last ten minutes. Others
/// are asked first; a form that was filled travels with the question, so that nothing typed is lost.
pub(super) async fn ask(
    routes: &'static [Route],
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let route = routes.iter().find(|route| route.answers(request.method()));
    let wanted = route.map(|route| route.wanted(request.request())).unwrap_or_default();
    if wanted == Wanted::Never {
        return next.call(request).await;
    }
    match question(&mut request, wanted).await {
        Ok(None) => next.call(request).await,
        Ok(Some(question)) => Ok(request.into_response(question)),
        Err(failure) => Ok(request.into_response(failure.error_response())),
    }
}

/// What to answer instead, if the person must be asked.
async fn question(request: &mut ServiceRequest, wanted: Wanted) -> Result<Option<HttpResponse>, Failure> {
    let desk = request.extract::<Desk>().await?;
    let is_proved = Visit::of(request.request()).is_proved(desk.org().now());
    if is_proved || !desk.read(move |conn| wanted.applies(conn)).await? {
        return Ok(None);
    }
    if request.method() != Method::POST {
        let asked = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        return Ok(Some(confirm_first(&asked)));
    }
    let back = standing_page(ROUTES, request.path());
    if is_upload(request.request()) {
        let said = "Nothing was changed yet. Confirm that it is you, then choose the file or paste the text once more.";
        Visit::of(request.request()).flash("note", said);
        return Ok(Some(confirm_first(&back)));
    }
    let payload = request.take_payload();
    let body = whole(request.request(), payload, LARGEST_FORM).await?;
    let fields: Fields = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    csrf::check(request.request(), &fields)?;
    // What is secret is neither shown nor kept: such a form is filled in again.
    if fields.iter().any(|(name, _)| name == "password_again") {
        Visit::of(request.request()).flash("note", "Nothing was changed yet: enter the new password again.");
        return Ok(Some(confirm_first(&back)));
    }
    let asked = prompt(request, &desk, &fields, &back).await?;
    if asked.is_none() {
        give_back(request, fields)?;
    }
    Ok(asked)
}

/// The page that asks for the password and carries the form along, unless the form brought the right one.
async fn prompt(
    request: &mut ServiceRequest,
    desk: &Desk,
    fields: &Fields,
    back: &str,
) -> Result<Option<HttpResponse>, Failure> {
    let (signed, frame) = (request.extract::<Signed>().await?, request.extract::<Frame>().await?);
    let address = request.extract::<Address>().await?;
    let action = format!("{}{}", request.path(), fragment(request.path()));
    let carried: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| ![PASSWORD, csrf::FIELD].contains(name))
        .collect();
    let password = values(fields, PASSWORD).pop().unwrap_or_default();
    let prompt = Prompt { frame: &frame, action: &action, hidden: &carried, next: back };
    prompt.unless_proved(request.request(), &signed, desk, &address, &password).await
}

fn confirm_first(back: &str) -> HttpResponse {
    page::go(&page::address("/confirm", &[("next", back)]))
}

fn is_upload(request: &HttpRequest) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/"))
}

/// The handler reads the form that was read here, without the password by which the person proved themselves: to a handler
/// it could be one to set.
fn give_back(request: &mut ServiceRequest, mut fields: Fields) -> Result<()> {
    fields.retain(|(name, _)| name != PASSWORD);
    let body = serde_urlencoded::to_string(fields).map_err(Error::internal)?;
    // It has another length than the one that was announced.
    request.headers_mut().remove(header::CONTENT_LENGTH);
    request.set_payload(Payload::from(Bytes::from(body)));
    Ok(())
}

/// The part of a long page to bring into view.
fn fragment(action: &str) -> &'static str {
    // The forms of single sign-on lead to the head of the page, which says what is wrong with them.
    const PARTS: [(&str, &str); 4] = [
        ("/identity/provisioning", "#provisioning"),
        ("/identity/tokens", "#provisioning"),
        ("/identity/clients", "#credentials"),
        ("/identity/federation", "#federation"),
    ];
    PARTS.iter().find(|(start, _)| action.starts_with(start)).map_or("", |(_, part)| part)
}
