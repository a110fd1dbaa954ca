//! A form that was sent by somebody signed in.

use super::context::PageContext;
use super::entered::Entered;
use super::fields::{self, WAS};
use super::open::{OpenForm, answer};
use super::redirect::Redirect;
use super::refusal::Refusal;
use crate::db::Conn;
use crate::domain::submissions::{self, Submission};
use crate::domain::{Noted, Org, Tx};
use crate::error::{Error, Result};
use crate::web::csrf;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, UpTo};
use crate::web::form_marks;
use crate::web::page::{Answer, Failure};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::ready;
use std::ops::Deref;

/// A form without fields.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::web) struct Button {}

/// A form that was sent by somebody signed in, its token checked. Whoever is not signed in gets no further.
pub(in crate::web) struct Act<F = Button> {
    sent: OpenForm<F>,
    current: CurrentUser,
}

type Rule<F, T> = Box<dyn FnOnce(&mut Tx, &Entered<F>) -> Result<Noted<T>> + Send>;
type Stored = Box<dyn FnOnce(&mut Conn) -> Result<Fields> + Send>;
type Follow = Box<dyn FnOnce(OrgHandle, Redirect) -> LocalBoxFuture<'static, Result<Redirect>>>;

/// A form with the rule that it is handed to.
pub(in crate::web) struct Submitted<F, T> {
    act: Act<F>,
    /// Reads what the form would be filled with now.
    stored: Option<Stored>,
    /// The rule, once it is ready to be carried out.
    rule: LocalBoxFuture<'static, Result<Rule<F, T>>>,
    follow: Option<Follow>,
    /// Whether it does the same once more when it is sent once more.
    is_repeatable: bool,
}

/// A form with a file of at most so many bytes, its token checked before the file was read.
pub(in crate::web) struct ActWithFile<F, const LARGEST: usize> {
    /// The form.
    pub(in crate::web) act: Act<F>,
    /// The file; empty if none was chosen.
    pub(in crate::web) file: File,
}

/// A file that was sent.
pub(in crate::web) struct File {
    /// What it is called; empty if none was chosen.
    pub(in crate::web) name: String,
    /// What is in it.
    pub(in crate::web) bytes: Vec<u8>,
}

impl<F> Deref for Act<F> {
    type Target = OpenForm<F>;

    fn deref(&self) -> &OpenForm<F> {
        &self.sent
    }
}

impl<F> Act<F> {
    /// Who sent it.
    pub(in crate::web) fn current(&self) -> &CurrentUser {
        &self.current
    }

    /// A page that answers it and is no refusal, such as a last question.
    pub(in crate::web) fn page(&self) -> Result<PageContext> {
        PageContext::of(self.request())
    }

    /// What tells it from another form that was sent: by whom, where to, from which showing, and with what in it. Nothing
    /// for one that was sent by a script, which names no showing.
    fn once(&self) -> Option<String> {
        let once = fields::value(&self.sent.fields, form_marks::FIELD);
        let own = self.sent.fields.iter().filter(|(name, _)| name != csrf::FIELD).collect::<Vec<_>>();
        let sent = (!once.is_empty()).then(|| serde_urlencoded::to_string(own).ok())??;
        Some(format!("{} {} {sent}", self.current.0.id, self.request().path()))
    }

    /// The answer to what was done with the form in some other way than by one rule in a transaction.
    pub(in crate::web) async fn answer<A: Future<Output = Answer>>(
        self,
        outcome: Result<Redirect>,
        show: impl FnOnce(PageContext) -> A,
    ) -> Answer {
        self.sent.answer(outcome, show).await
    }
}

impl<F: Send + 'static> Act<F> {
    /// Does what `rule` says, in a transaction.
    pub(in crate::web) fn submit<T: Send + 'static>(
        self,
        rule: impl FnOnce(&mut Tx, &Entered<F>) -> Result<Noted<T>> + Send + 'static,
    ) -> Submitted<F, T> {
        let rule: Rule<F, T> = Box::new(rule);
        Submitted {
            act: self,
            stored: None,
            rule: Box::pin(ready(Ok(rule))),
            follow: None,
            is_repeatable: false,
        }
    }

    /// As [`Act::submit`], for a form that was filled with what is stored. What only somebody else changed since then
    /// stays as they left it. Where both changed the same field nothing is changed, and the person sees both.
    ///
    /// `stored` reads what the form would be filled with now, in the transaction in which `rule` then changes it. A form
    /// that does not say what it showed, such as a script's, is taken as entered.
    pub(in crate::web) fn edit<S: Serialize, T: Send + 'static>(
        self,
        stored: impl FnOnce(&mut Conn) -> Result<S> + Send + 'static,
        rule: impl FnOnce(&mut Tx, &Entered<F>) -> Result<Noted<T>> + Send + 'static,
    ) -> Submitted<F, T> {
        let stored: Stored = Box::new(move |conn| fields::of(&stored(conn)?));
        Submitted { stored: Some(stored), ..self.submit(rule) }
    }

    /// As [`Act::submit`], for slow work: `prepare` runs on a thread of its own, `commit` in the transaction.
    pub(in crate::web) fn submit_prepared<P: Send + 'static, T: Send + 'static>(
        self,
        prepare: impl FnOnce(&Org, &F) -> Result<P> + Send + 'static,
        commit: impl FnOnce(&mut Tx, P) -> Result<Noted<T>> + Send + 'static,
    ) -> Submitted<F, T>
    where
        F: Clone,
    {
        let (org, requester, input) = (self.org().clone(), self.current.requester(), self.input().clone());
        let rule = async move {
            let prepared = org.prepare(requester, move |org| prepare(org, &input)).await?;
            let rule: Rule<F, T> = Box::new(move |tx, _| commit(tx, prepared));
            Ok(rule)
        };
        Submitted { act: self, stored: None, rule: Box::pin(rule), follow: None, is_repeatable: false }
    }
}

impl<F: DeserializeOwned + Send + 'static, T: Send + 'static> Submitted<F, T> {
    /// Lets it do the same each time that it is sent.
    #[must_use]
    pub(in crate::web) fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    /// Where to go, and what to say there, if the rule agrees.
    pub(in crate::web) fn then(
        self,
        done: impl FnOnce(T) -> Redirect + Send + 'static,
    ) -> Submitted<F, Redirect> {
        let Self { act, stored, rule, follow, is_repeatable } = self;
        let rule = async move {
            let rule = rule.await?;
            let rule: Rule<F, Redirect> = Box::new(move |tx, entered| Ok(rule(tx, entered)?.map(done)));
            Ok(rule)
        };
        Submitted { act, stored, rule: Box::pin(rule), follow, is_repeatable }
    }
}

impl<F: DeserializeOwned + Send + 'static> Submitted<F, Redirect> {
    /// What else is to be waited for once the change is on disk, and may lead elsewhere.
    pub(in crate::web) fn followed_by<R>(
        mut self,
        next: impl FnOnce(OrgHandle, Redirect) -> R + 'static,
    ) -> Self
    where
        R: Future<Output = Result<Redirect>> + 'static,
    {
        self.follow = Some(Box::new(move |org, redirect| Box::pin(next(org, redirect))));
        self
    }

    /// The page to show if the rule refuses; the form comes back on it. A failure on our side is a page of its own.
    pub(in crate::web) async fn or_show<A: Future<Output = Answer>>(
        self,
        show: impl FnOnce(PageContext) -> A,
    ) -> Answer {
        let OpenForm { request, fields, org, .. } = &self.act.sent;
        let (request, fields, org) = (request.clone(), fields.clone(), org.clone());
        let (outcome, follow) = self.carry_out(Redirect::clone).await;
        let outcome = match (outcome, follow) {
            (Ok(Sent::Now(redirect) | Sent::Before(redirect)), Some(follow)) => {
                Ok(follow(org, redirect).await?)
            }
            (Ok(Sent::Now(redirect) | Sent::Before(redirect)), None) => Ok(redirect),
            (Err(refusal), _) => Err(refusal),
        };
        answer(request, fields, outcome, show).await
    }
}

impl<F: DeserializeOwned + Send + 'static, T: Send + 'static> Submitted<F, T> {
    /// The page that shows what was made, which is shown this once; or on which the form comes back.
    pub(in crate::web) async fn shown_by<A: Future<Output = Answer>>(
        self,
        show: impl FnOnce(PageContext, Option<T>) -> A,
    ) -> Answer {
        let (request, fields) = (self.act.request().clone(), self.act.sent.fields.clone());
        let (outcome, _) = self.carry_out(|_| Redirect::silently("/")).await;
        let outcome = match outcome {
            Ok(Sent::Now(made)) => return show(PageContext::of(&request)?, Some(made)).await,
            Ok(Sent::Before(_)) => Err(Refusal::Error(Error::Conflict(SHOWN_BEFORE.to_owned()))),
            Err(refusal) => Err(refusal),
        };
        answer(request, fields, outcome, |page| show(page, None)).await
    }

    /// Hands the form to its rule. `record` says what is answered if it is sent once more.
    async fn carry_out(
        self,
        record: impl FnOnce(&T) -> Redirect + Send + 'static,
    ) -> (Result<Sent<T>, Refusal>, Option<Follow>) {
        let Self { act, stored, rule, follow, is_repeatable } = self;
        let once = act.once().filter(|_| !is_repeatable);
        let submission = once.map(|once| Submission::of(act.org().inner().keys(), &once));
        let Act { current, sent: OpenForm { org, fields, input, .. } } = act;
        let rule = match rule.await {
            Ok(rule) => rule,
            Err(refusal) => return (Err(refusal.into()), follow),
        };
        let change = move |tx: &mut Tx| {
            if let Some(submission) = &submission
                && let Some(redirect) = submission.earlier(tx.conn, tx.now)?
            {
                let why = "the form was sent twice: the first time left its entry";
                return Ok(Noted::unaudited(Sent::Before(redirect), why));
            }
            let made = hand_over(tx, stored, fields, input, rule)?;
            if let Some(submission) = submission {
                submissions::keep(tx, &submission, &record(&made))?;
            }
            Ok(made.map(Sent::Now))
        };
        (org.write(current.actor(), change).await, follow)
    }
}

/// What came of a form: now, or when the same was sent before.
enum Sent<T> {
    Now(T),
    Before(Redirect),
}

const SHOWN_BEFORE: &str = "This form was sent before. What it made was shown then, and is not shown again: if you did not \
                            keep it, make another.";

/// Hands the form to its rule, with what it means given what is stored.
fn hand_over<F: DeserializeOwned, T>(
    tx: &mut Tx,
    stored: Option<Stored>,
    sent: Fields,
    input: F,
    rule: Rule<F, T>,
) -> Result<Noted<T>, Refusal> {
    let input = match stored {
        Some(stored) => current_input(&stored(tx.conn)?, sent, input)?,
        None => input,
    };
    let entered = Entered::new(input);
    let outcome = rule(tx, &entered);
    entered.judge(outcome)
}

/// What the person means, given what is stored by now.
fn current_input<F: DeserializeOwned>(stored: &Fields, sent: Fields, input: F) -> Result<F, Refusal> {
    if !sent.iter().any(|(name, _)| name == WAS) {
        return Ok(input);
    }
    let was = fields::parse(fields::value(&sent, WAS).as_bytes())?;
    let merged = fields::merged(&was, sent, stored).ok_or(Refusal::Outdated)?;
    Ok(fields::read(&merged)?)
}

impl<F: DeserializeOwned + 'static> FromRequest for Act<F> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let sent = OpenForm::from_request(&request, &mut payload).await?;
            Ok(Self { sent, current: CurrentUser::extract(&request).await? })
        })
    }
}

impl<F: DeserializeOwned + 'static, const LARGEST: usize> FromRequest for ActWithFile<F, LARGEST> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let UpTo(upload) = UpTo::<LARGEST>::from_request(&request, &mut payload).await?;
            let file = File { name: upload.file_name, bytes: upload.file };
            let current = CurrentUser::extract(&request).await?;
            Ok(Self { act: Act { sent: OpenForm::of(request, upload.fields)?, current }, file })
        })
    }
}
