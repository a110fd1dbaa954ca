//! A form that was sent by somebody who need not be signed in.

use super::act::answer;
use super::context::PageContext;
use super::fields;
use super::redirect::Redirect;
use super::refusal::Refusal;
use crate::error::Result;
use crate::web::extract::{Fields, OrgHandle, posted};
use crate::web::page::{Answer, Failure};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

/// A form that anybody may send, its token checked.
pub(in crate::web) struct OpenForm<F> {
    request: HttpRequest,
    org: OrgHandle,
    fields: Fields,
    input: F,
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

impl<F: DeserializeOwned + 'static> FromRequest for OpenForm<F> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let fields = posted(&request, payload).await?;
            let input = fields::read(&fields)?;
            Ok(Self { org: OrgHandle::for_person(&request)?, fields, input, request })
        })
    }
}
