//! A form that was sent by somebody who need not be signed in.

use super::context::PageContext;
use super::fields;
use super::redirect::Redirect;
use super::refusal::Refusal;
use super::view::Returned;
use crate::error::{Error, Result};
use crate::web::extract::{Fields, OrgHandle, posted, without_secrets};
use crate::web::page::{self, Answer, Failure};
use crate::web::session::BrowserSession;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

/// A form that anybody may send, its token checked.
pub(in crate::web) struct OpenForm<F> {
    pub(super) request: HttpRequest,
    pub(super) org: OrgHandle,
    pub(super) fields: Fields,
    pub(super) input: F,
}

impl<F> OpenForm<F> {
    /// What was entered.
    pub(in crate::web) fn input(&self) -> &F {
        &self.input
    }

    /// The organisation.
    pub(in crate::web) fn org(&self) -> &OrgHandle {
        &self.org
    }

    /// The request that brought it.
    pub(in crate::web) fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The answer to what was done with it.
    pub(in crate::web) async fn answer<A: Future<Output = Answer>>(
        self,
        outcome: Result<Redirect>,
        show: impl FnOnce(PageContext) -> A,
    ) -> Answer {
        answer(self.request, self.fields, outcome.map_err(Refusal::from), show).await
    }
}

/// Goes on, or shows the page on which the form comes back.
pub(super) async fn answer<A: Future<Output = Answer>>(
    request: HttpRequest,
    fields: Fields,
    outcome: Result<Redirect, Refusal>,
    show: impl FnOnce(PageContext) -> A,
) -> Answer {
    let refusal = match outcome {
        Ok(redirect) => {
            redirect.say(&BrowserSession::of(&request), request.path());
            return Ok(page::go(&redirect.path));
        }
        Err(Refusal::Error(failure @ (Error::Internal(_) | Error::SignedOut))) => return Err(failure.into()),
        Err(refusal) => refusal,
    };
    let action = request.path().to_owned();
    let returned = Returned { action, fields: without_secrets(fields), refusal: Some(refusal) };
    // If what it was about is not there any more, neither is its page: that is a failure of its own.
    show(PageContext::of(&request)?.with(returned)).await
}

impl<F: DeserializeOwned> OpenForm<F> {
    pub(super) fn of(request: HttpRequest, fields: Fields) -> Result<Self> {
        let (org, input) = (OrgHandle::for_person(&request)?, fields::read(&fields)?);
        Ok(Self { request, org, fields, input })
    }
}

impl<F: DeserializeOwned + 'static> FromRequest for OpenForm<F> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let fields = posted(&request, payload).await?;
            Ok(Self::of(request, fields)?)
        })
    }
}
