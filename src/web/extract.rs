//! The extractors: what a handler may take as a parameter.

use super::body::unreadable;
pub(super) use super::body::{LARGEST_FORM, UpTo, Upload, whole};
pub(super) use super::client_address::{Address, client_address};
use super::connections::Connection;
use super::content_policy::Source;
use super::page::Failure;
use super::pauses::Pauses;
use super::route::{Least, Route};
use super::session::BrowserSession;
use super::task_lines::TaskLine;
use super::{AppState, csrf, form_marks};
use crate::certificate;
use crate::db::{Condition, Conn};
use crate::domain::authority::{Authority, Proof};
use crate::domain::provisioning::Report;
use crate::domain::users::User;
use crate::domain::users::list::Effort;
use crate::domain::{Noted, Org, Tx};
use crate::error::{Error, Result, Undoes};
use crate::keys::NoSuchKey;
use crate::pool::{Permit, Pool, QueueKey, RETRY_S, Requester, Undone};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::{Either, LocalBoxFuture, select};
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// What all routes share.
pub(super) fn app_state(request: &HttpRequest) -> Result<&AppState> {
    let state = request.app_data::<web::Data<AppState>>().map(web::Data::get_ref);
    state.ok_or_else(|| Error::internal("the application was put together without its state"))
}

/// Who a request comes from, as the guard recognised them.
#[derive(Clone, Debug)]
pub(super) struct RequestIdentity {
    pub(super) user: Option<User>,
    /// The route that the request is for, if there is one.
    pub(super) route: Option<&'static Route>,
    pub(super) organisation: String,
    /// The origins to which a form may redirect: those of the identity provider.
    pub(super) forms_lead_to: Vec<Source>,
    /// The tasks that were begun on this page, for those who may see them.
    pub(super) tasks: Vec<TaskLine>,
}

/// The signed-in person, whom the guard found to have the role that the table of routes requires.
#[derive(Clone, Debug)]
pub(super) struct CurrentUser(pub(super) User, Authority);

impl CurrentUser {
    /// As whose job their slow work waits.
    pub(super) fn requester(&self) -> Requester {
        Requester::Known(QueueKey::of(self.0.id.as_str()))
    }

    /// The person as the actor of a change. It is refused if by then they are signed out or have a lesser role.
    pub(super) fn actor(&self) -> Authority {
        self.1.clone()
    }

    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        let identity = request.extensions().get::<RequestIdentity>().cloned()?;
        let (user, session) = (identity.user?, BrowserSession::of(request));
        let wanted = identity.route.map(|route| route.wanted(request)).unwrap_or_default();
        let now = app_state(request).ok()?.org().now();
        let proof = Proof { wanted, good_until: session.proved_until(now) };
        let authority = Authority::of_session(user.actor(), session.sitting()?, proof);
        Some(Self(user, authority))
    }
}

/// Refuses a request whose sender has lost the right to it while its body was read.
async fn still_there(request: &HttpRequest) -> Result<(), Failure> {
    let is_open =
        |identity: &RequestIdentity| identity.route.is_none_or(|route| route.least == Least::Anyone);
    let open = request.extensions().get::<RequestIdentity>().is_none_or(is_open);
    if open {
        return Ok(());
    }
    let Some(CurrentUser(_, authority)) = CurrentUser::of(request) else {
        return Err(Failure(Error::SignedOut));
    };
    let org = OrgHandle::at(app_state(request)?);
    let now = org.inner().now();
    Ok(org.read(move |conn| authority.must_hold(conn, now)).await?)
}

impl FromRequest for CurrentUser {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).ok_or(Failure(Error::SignedOut)))
    }
}

/// A handle on the organisation that the request is for, whose work is done off the async threads.
#[derive(Clone)]
pub(super) struct OrgHandle {
    org: Org,
    slow: Pool,
    pauses: Pauses,
    connection: Option<Arc<Connection>>,
    /// As whose job slow work for the request waits.
    requester: Requester,
}

/// The requester of what nobody in particular asked for.
fn nobody() -> Requester {
    Requester::Stranger(QueueKey::of(""))
}

impl FromRequest for OrgHandle {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::for_person(request).map_err(Failure))
    }
}

impl OrgHandle {
    pub(super) fn at(state: &AppState) -> Self {
        let (org, slow, pauses) = (state.org().clone(), state.0.slow.clone(), state.0.pauses.clone());
        Self { org, slow, pauses, connection: None, requester: nobody() }
    }

    /// For this request, whose slow work waits as a job of whoever is signed in.
    pub(super) fn for_person(request: &HttpRequest) -> Result<Self> {
        let user = request
            .extensions()
            .get::<RequestIdentity>()
            .and_then(|identity| Some(identity.user.as_ref()?.id.clone()));
        Self::of(request, user.map_or_else(nobody, |user| Requester::Known(QueueKey::of(user.as_str()))))
    }

    /// For this request, whose slow work waits as a job of `requester`.
    pub(super) fn of(request: &HttpRequest, requester: Requester) -> Result<Self> {
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        Ok(Self { connection, requester, ..Self::at(app_state(request)?) })
    }

    /// The attempts that wait before their password is checked.
    pub(super) fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    /// Waits for something that is no work for this request, such as a pause or a permit. Meanwhile its connection may be
    /// closed to make room for another.
    pub(super) async fn wait<T>(&self, wait: impl Future<Output = T>) -> T {
        match &self.connection {
            Some(connection) => connection.while_it_waits(wait).await,
            None => wait.await,
        }
    }

    /// Waits for the permit to look at all rows of a table, unless the client hangs up meanwhile.
    pub(super) async fn scan_permit(&self) -> Result<Permit> {
        let permit = self.org.scan_permit(self.requester.clone());
        let Some(connection) = &self.connection else { return permit.await };
        let permit_or_nobody = async {
            match select(pin!(permit), pin!(connection.client_leaves())).await {
                Either::Left((permit, _)) => permit,
                // A client that only closed its sending side can still read this.
                Either::Right(_) => Err(Error::Busy(RETRY_S)),
            }
        };
        connection.while_it_waits(permit_or_nobody).await
    }

    /// The organisation itself, which reads and writes on the thread that calls it.
    pub(super) fn inner(&self) -> &Org {
        &self.org
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let org = self.org.clone();
        web::block(move || org.read(work)).await.map_err(Error::internal)?
    }

    /// Reads what may have to look at all users: first for a moment only, and where that is not enough, again with the
    /// permit to look at all rows.
    pub(super) async fn search<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, Effort) -> Result<Option<T>> + Clone + Send + 'static,
    {
        let at_once = work.clone();
        if let Some(found) = self.read(move |conn| at_once(conn, Effort::Moment)).await? {
            return Ok(found);
        }
        let _permit = self.scan_permit().await?;
        let found = self.read(move |conn| work(conn, Effort::AllRows)).await?;
        found.ok_or_else(|| Error::internal("a list was given up although it had its time"))
    }

    /// Reads, with the permit to look at all rows where the read has to.
    pub(super) async fn read_or_scan<T, F>(&self, looks_at_all: bool, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let _permit = if looks_at_all { Some(self.scan_permit().await?) } else { None };
        self.read(work).await
    }

    /// As [`OrgHandle::read_or_scan`], for work that reads in between only, so that it holds no reader meanwhile.
    pub(super) async fn aside<T, F>(&self, looks_at_all: bool, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Org) -> Result<T> + Send + 'static,
    {
        let _permit = if looks_at_all { Some(self.scan_permit().await?) } else { None };
        self.org.aside(work).await
    }

    /// Slow work on passwords, on threads of its own. Its result is then committed by [`OrgHandle::write`].
    pub(super) async fn prepare<T, F>(&self, requester: Requester, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Org) -> Result<T> + Send + 'static,
    {
        let org = self.org.clone();
        self.wait(self.slow.run(requester, move || work(&org))).await.unwrap_or_else(|undone| match undone {
            Undone::Full => Err(Error::Busy(RETRY_S)),
            Undone::Panicked => Err(Error::internal(undone)),
        })
    }

    /// As [`OrgHandle::read`], on this thread where a reader is free: for reads of microseconds, which are quicker than
    /// handing them over.
    pub(super) async fn read_at_once<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        match self.org.free_reader() {
            Some(reader) => reader.read(work),
            None => self.read(work).await,
        }
    }

    /// As [`OrgHandle::read_at_once`], for one thing, or things that need not be of one moment.
    pub(super) async fn read_one<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        match self.org.free_reader() {
            Some(reader) => reader.read_one(work),
            None => self.read(work).await,
        }
    }

    /// Does `work` in a transaction, kept only if it returns `Ok`. Its refusal arrives as the type that it is.
    pub(super) async fn write<T, E, F>(&self, authority: impl Into<Authority>, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Tx) -> Result<Noted<T>, E> + Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A client that has hung up gets no answer; the change stays.
        self.org.submit(authority, work, move |outcome| drop(sender.send(outcome)));
        receiver.await.map_err(Error::internal)?
    }

    /// As [`OrgHandle::write`], in a commit of its own while nobody else waits: for a large change in one transaction.
    pub(super) async fn write_between<T, F>(&self, authority: impl Into<Authority>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Result<Noted<T>> + Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // As in `write`.
        self.org.submit_slice(authority, work, move |outcome| drop(sender.send(outcome)));
        receiver.await.map_err(Error::internal)?
    }

    /// A change that nobody waits for, such as a line in the log of a request that was only a read.
    pub(super) fn write_later<F>(&self, authority: impl Into<Authority>, work: F)
    where
        F: FnOnce(&mut Tx) -> Result<Noted<()>> + Send + 'static,
    {
        self.org.submit(authority, work, |outcome: Result<()>| {
            if let Err(Error::Internal(cause)) = outcome {
                tracing::error!(%cause, "a line was lost");
            }
        });
    }

    /// A line in the provisioning log about a request that was only a read.
    pub(super) fn note_later(&self, report: Report) {
        self.org.note_later(report);
    }

    /// Whether the database can serve, answered within this time.
    pub(super) async fn condition(&self, patience: Duration) -> Condition {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // The receiver is gone where the time was up.
        self.org.check_condition(move |condition| {
            let _late = sender.send(condition);
        });
        match tokio::time::timeout(patience, receiver).await {
            Ok(Ok(condition)) => condition,
            _ => self.org.meanwhile(),
        }
    }
}

/// A form that was posted, its CSRF token checked.
pub(super) struct Posted<T>(pub(super) T);

/// The fields of the form that a request brought, for the page that says why nothing came of it.
#[derive(Clone)]
pub(super) struct SentForm(pub(super) Fields);

impl SentForm {
    /// What is sent once more from that page: nothing where one of the fields is secret, and so on no page.
    pub(super) fn repeatable(self) -> Option<Fields> {
        let holds_secret =
            self.0.iter().any(|(name, value)| is_secret(name) || certificate::holds_private_key(value));
        let fields = self.0.into_iter().filter(|(name, _)| name != csrf::FIELD).collect();
        Some(fields).filter(|_| !holds_secret)
    }
}

/// Whether a field of this name holds a secret, which is neither shown again nor kept. `current` is the present password of
/// whoever chooses another.
pub(super) fn is_secret(name: &str) -> bool {
    name == "current" || ["password", "secret", "token"].iter().any(|word| name.contains(word))
}

/// What may be shown again: neither secrets nor what belongs to one showing of the form.
pub(super) fn without_secrets(fields: Fields) -> Fields {
    let own = [csrf::FIELD, form_marks::FIELD];
    let may_stay = |(name, value): &(String, String)| {
        !is_secret(name) && !own.contains(&name.as_str()) && !certificate::holds_private_key(value)
    };
    fields.into_iter().filter(may_stay).collect()
}

/// The fields of a form in which a name may occur more than once.
pub(super) type Fields = Vec<(String, String)>;

/// All values of the fields of this name.
pub(super) fn values(fields: &Fields, name: &str) -> Vec<String> {
    fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.clone()).collect()
}

/// The same where each is a key.
pub(super) fn keys<K: FromStr<Err = NoSuchKey>>(fields: &Fields, name: &str) -> Result<Vec<K>> {
    values(fields, name).iter().map(|value| Ok(value.parse()?)).collect()
}

/// The fields of a form that was posted, its CSRF token checked.
pub(super) async fn posted(request: &HttpRequest, payload: Payload) -> Result<Fields, Failure> {
    Ok(sent(request, payload).await?.1)
}

async fn sent(request: &HttpRequest, payload: Payload) -> Result<(web::Bytes, Fields), Failure> {
    let body = whole(request, payload, LARGEST_FORM).await?;
    let fields: Fields = serde_urlencoded::from_bytes(&body).map_err(|_| unreadable())?;
    csrf::check(request, &fields)?;
    still_there(request).await?;
    request.extensions_mut().insert(SentForm(fields.clone()));
    Ok((body, fields))
}

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (body, _) = sent(&request, payload).await?;
            let form = serde_urlencoded::from_bytes(&body).map_err(|_| unreadable())?;
            Ok(Self(form))
        })
    }
}

impl<const LARGEST: usize> FromRequest for UpTo<LARGEST> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let upload = Upload::read(&request, payload, LARGEST).await?;
            still_there(&request).await?;
            Ok(Self(upload))
        })
    }
}
