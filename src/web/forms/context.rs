//! What a function that shows a page takes.

use super::view::{FormView, Returned};
use crate::error::{Error, Result};
use crate::web::extract::{CurrentUser, OrgHandle};
use crate::web::page::{Answer, Failure, Layout, respond};
use crate::web::session::{BrowserSession, Flash};
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest};
use askama::Template;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Display;
use std::future::{Ready, ready};
use std::rc::Rc;

/// A page that is about to be shown, for the first time or with a form that comes back on it.
pub(in crate::web) struct PageContext {
    /// The organisation.
    pub(in crate::web) org: OrgHandle,
    /// The request that it answers.
    pub(in crate::web) request: HttpRequest,
    layout: Layout,
    current: Option<CurrentUser>,
    returned: Option<Returned>,
    status: StatusCode,
    /// When to try again, in seconds, if it is only a matter of time.
    retry_after: Option<u64>,
    /// The names of the fields that stand on the page.
    names: HashSet<String>,
}

impl PageContext {
    pub(super) fn of(request: &HttpRequest) -> Result<Self> {
        Ok(Self {
            org: OrgHandle::for_person(request)?,
            request: request.clone(),
            layout: Layout::around(request)?,
            current: CurrentUser::of(request),
            returned: None,
            status: StatusCode::OK,
            retry_after: None,
            names: HashSet::new(),
        })
    }

    /// The page with a form that comes back on it.
    pub(super) fn with(mut self, returned: Returned) -> Self {
        if let Some(refusal) = &returned.refusal {
            self.status = refusal.status();
            self.retry_after = refusal.retry_after();
            self.layout.is_refused = true;
            let messages = self.layout.messages.refusing(&returned.action, refusal.to_string());
            self.layout.messages = Rc::new(messages);
        }
        self.returned = Some(returned);
        self
    }

    /// Who looks at it.
    pub(in crate::web) fn current(&self) -> Result<CurrentUser> {
        self.current.clone().ok_or(Error::SignedOut)
    }

    /// Whether a form comes back because of this field.
    pub(in crate::web) fn refuses(&self, field: &str) -> bool {
        let refusal = self.returned.as_ref().and_then(|returned| returned.refusal.as_ref());
        refusal.is_some_and(|refusal| refusal.complaints().iter().any(|fault| fault.field == field))
    }

    /// The same page as one of something that the person may not do.
    pub(in crate::web) fn forbidden(mut self) -> Self {
        self.status = StatusCode::FORBIDDEN;
        self
    }

    /// The form that is sent to `action` and makes something: `empty` is what stands in it first.
    pub(in crate::web) fn form(&mut self, action: &str, empty: &impl Serialize) -> Result<FormView> {
        self.view(action, empty, false)
    }

    /// The form that is sent to the address of the page itself.
    pub(in crate::web) fn own_form(&mut self, empty: &impl Serialize) -> Result<FormView> {
        let action = self.request.path().to_owned();
        self.view(&action, empty, false)
    }

    /// The form that is sent to `action` and changes what is `stored`.
    pub(in crate::web) fn edit(&mut self, action: &str, stored: &impl Serialize) -> Result<FormView> {
        self.view(action, stored, true)
    }

    /// The form that is kept for this person since their session ended, if it is this one. It stands on the page from now
    /// on.
    fn draft(&self, action: &str) -> Option<Returned> {
        let session = BrowserSession::of(&self.request);
        let own = &self.current.as_ref()?.0.id;
        let kept =
            session.kept_form().filter(|kept| kept.is_draft && kept.user == *own && kept.action == action)?;
        let fields = kept.fields?;
        session.forget_seen_form();
        Some(Returned { action: kept.action, fields, refusal: None })
    }

    fn view(&mut self, action: &str, stored: &impl Serialize, edits: bool) -> Result<FormView> {
        let returned = self.returned.take_if(|returned| returned.action == action);
        let returned = returned.or_else(|| self.draft(action));
        let mut view = FormView::new(&self.layout, action, stored, edits, returned)?;
        view.keep_apart_from(&self.names);
        self.names.extend(view.names().map(str::to_owned));
        Ok(view)
    }

    /// Shows the page, which belongs to this section of the navigation.
    pub(in crate::web) fn show<T: Template>(
        self,
        section: &'static str,
        page: impl FnOnce(Layout) -> T,
    ) -> Answer {
        let (messages, cookie) = (self.layout.messages.clone(), self.layout.cookie());
        let page = page(self.layout.of(section));
        let mut response = respond(self.status, (&messages, cookie), &page)?;
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        Ok(response)
    }
}

impl Layout {
    /// What came of forms of this card, for a template.
    pub(in crate::web) fn on_card(&self, card: &str) -> Vec<Flash> {
        self.messages.show(card);
        self.messages.beside(card)
    }

    /// The form without fields that is sent to `action`, for a template: a button.
    pub(in crate::web) fn button(&self, action: impl Display) -> FormView {
        FormView::button(self, action.to_string())
    }
}

impl FromRequest for PageContext {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Failure))
    }
}
