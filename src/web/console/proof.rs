//! Asking who sits there before an act that decides who has power or where trust lies. The table of routes says which
//! acts those are.

use super::ROUTES;
use super::sign_in::Prompt;
use crate::certificate;
use crate::domain::authority::ProofRule;
use crate::domain::sessions::Method;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::web::csrf;
use crate::web::extract::{Address, CurrentUser, Fields, LARGEST_FORM, OrgHandle, Upload, values, whole};
use crate::web::page::{self, Failure, Layout};
use crate::web::route::{Route, standing_page};
use crate::web::session::{BrowserSession, KeptForm, LARGEST_KEPT};
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
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
    if wanted == ProofRule::Never {
        return next.call(request).await;
    }
    match question(&mut request, wanted).await {
        Ok(None) => next.call(request).await,
        Ok(Some(question)) => Ok(request.into_response(question)),
        Err(failure) => Ok(request.into_response(failure.error_response())),
    }
}

/// What to answer instead, if the person must be asked.
async fn question(request: &mut ServiceRequest, wanted: ProofRule) -> Result<Option<HttpResponse>, Failure> {
    let org = request.extract::<OrgHandle>().await?;
    let is_proved = BrowserSession::of(request.request()).is_proved(org.inner().now());
    if is_proved || !org.read(move |conn| wanted.applies(conn)).await? {
        return Ok(None);
    }
    if request.method() != actix_web::http::Method::POST {
        BrowserSession::of(request.request()).forget_form();
        let asked = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        return Ok(Some(confirm_first(&asked)));
    }
    let back = standing_page(ROUTES, request.path());
    let fields = match fields(request).await? {
        Sent::Fields(fields) => fields,
        Sent::Unrepeatable(said) => {
            let kept = KeptForm { fields: None, ..kept(request, &back)? };
            let session = BrowserSession::of(request.request());
            session.keep_form(&kept);
            session.flash("note", said);
            return Ok(Some(confirm_first(&back)));
        }
    };
    let asked = prompt(request, &org, &fields, &back).await?;
    if asked.is_none() {
        give_back(request, fields)?;
    }
    Ok(asked)
}

/// What a form sent.
enum Sent {
    /// Fields, which travel with the question.
    Fields(Fields),
    /// What is not sent once more by itself; what to do then.
    Unrepeatable(&'static str),
}

const NEW_PASSWORD: &str = "Nothing was changed yet: enter the new password again.";
const FILE: &str =
    "Nothing was changed yet. Confirm that it is you, then choose the file or paste the text once more.";

async fn fields(request: &mut ServiceRequest) -> Result<Sent, Failure> {
    let payload = request.take_payload();
    let fields = if is_upload(request.request()) {
        match Upload::read(request.request(), payload, LARGEST_FORM).await {
            // Where there is no file, it is a form like others.
            Ok(upload) if upload.file.is_empty() => upload.fields,
            Ok(_) | Err(Failure(Error::TooLarge(_))) => return Ok(Sent::Unrepeatable(FILE)),
            Err(failure) => return Err(failure),
        }
    } else {
        let body = whole(request.request(), payload, LARGEST_FORM).await?;
        let fields: Fields = serde_urlencoded::from_bytes(&body).unwrap_or_default();
        csrf::check(request.request(), &fields)?;
        fields
    };
    // What is secret is neither shown nor kept: such a form is filled in again.
    Ok(if fields.iter().any(|(name, _)| name == "password_again") {
        Sent::Unrepeatable(NEW_PASSWORD)
    } else if fields.iter().any(|(_, value)| certificate::holds_private_key(value)) {
        Sent::Unrepeatable(FILE)
    } else {
        Sent::Fields(fields)
    })
}

/// The form as it is kept for whoever proves themselves at Entra ID.
fn kept(request: &ServiceRequest, back: &str) -> Result<KeptForm> {
    let user = BrowserSession::of(request.request()).user().ok_or(Error::SignedOut)?;
    Ok(KeptForm {
        user,
        action: request.path().to_owned(),
        page: back.to_owned(),
        fields: None,
        is_draft: false,
    })
}

/// The page that asks for the password and carries the form along, unless the form brought the right one.
async fn prompt(
    request: &mut ServiceRequest,
    org: &OrgHandle,
    fields: &Fields,
    back: &str,
) -> Result<Option<HttpResponse>, Failure> {
    let (current, layout) = (request.extract::<CurrentUser>().await?, request.extract::<Layout>().await?);
    let address = request.extract::<Address>().await?;
    let action = request.path().to_owned();
    let carried: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| ![PASSWORD, csrf::FIELD].contains(name))
        .collect();
    let password = Secret::new(values(fields, PASSWORD).pop().unwrap_or_default());
    let session = BrowserSession::of(request.request());
    if session.method() == Method::Sso {
        // Entra ID sends nothing of it back.
        let size: usize = carried.iter().map(|(name, value)| name.len() + value.len()).sum();
        let owned =
            || carried.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let fields = (size <= LARGEST_KEPT).then(owned);
        session.keep_form(&KeptForm { fields, ..kept(request, back)? });
    }
    let prompt = Prompt { layout: &layout, action: &action, hidden: &carried, next: back };
    prompt.unless_proved(request.request(), &current, org, &address, &password).await
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
    // It has another length than the one that was announced, and may have come as parts.
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request.headers_mut().remove(header::CONTENT_LENGTH);
    request.set_payload(Payload::from(Bytes::from(body)));
    Ok(())
}
