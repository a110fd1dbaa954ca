//! Sessions of the console. They are in the database, so that they can be revoked and survive a restart.

use super::AppState;
use super::cookies::{self, Name};
use super::extract::OrgHandle;
use super::page::failed_after;
use crate::domain::authority::Sitting;
use crate::domain::sessions::{Holder, Method, Reserved};
use crate::domain::sso::sign_out::Foreign;
use crate::domain::{Actor, rfc3339, sessions};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::seal;
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_session::{Session, SessionExt};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::cookie::time::Duration;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashMap;

tokio::task_local! {
    /// Why the session of this request could not be read or stored. `actix_session` would answer such a request without a
    /// page, so the store reports success to it and puts the failure here.
    static LOST: RefCell<Option<Lost>>;
}

/// The cookie's name.
pub(super) const COOKIE: Name = Name::new("rollcall_session", "/");

const USER: &str = "user";
const FORM_SECRET: &str = "form_secret";
const PROVED: &str = "proved";
const FLASHES: &str = "flashes";
const FOREIGN: &str = "foreign";
/// Which session it is, while a request is under way.
const SITTING: &str = "sitting";
/// The session that was reserved at a sign-in, until it begins.
const RESERVED: &str = "reserved";
const ROOT: &str = "root";
const FORM: &str = "form";
const PURPOSE: &str = "session";
/// So many bytes of a form are kept in a session.
pub(super) const LARGEST_KEPT: usize = 16 * 1024;
/// How old a proof may be for a decision about power or trust.
const PROOF_MINUTES: i64 = 10;

/// The browser's session as the pages use it: typed methods in place of string keys.
pub(super) struct BrowserSession {
    session: Session,
    /// Whether nobody sees the answer, so that nothing is used up.
    is_unseen: bool,
    /// Whether the answer has no body: nothing of the session changes by it (RFC 9110 section 9.2.1).
    is_head: bool,
}

/// A message to show on the next page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Flash {
    /// `good`, `bad` or `note`.
    pub(super) kind: String,
    /// The text.
    pub(super) text: String,
    /// The part of the page that shows it; empty for its head.
    #[serde(default)]
    pub(super) place: String,
    /// A link to go on by: its address and text.
    #[serde(default)]
    pub(super) onward: Option<(String, String)>,
}

impl Flash {
    /// A message for the head of a page.
    pub(super) fn new(kind: &str, text: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), text: text.into(), place: String::new(), onward: None }
    }
}

/// A form that was sent and waits for the person to sign in again, or to prove at Entra ID who they are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptForm {
    /// The user who sent it, the only one to whom it is offered.
    pub(super) user: UserId,
    /// The address that it is posted to.
    pub(super) action: String,
    /// The page that it is on.
    pub(super) page: String,
    /// What was entered; nothing where that is secret, a file, or too long to be kept.
    pub(super) fields: Option<Vec<(String, String)>>,
    /// Whether it stands in its own page again: it was sent after its session had ended.
    #[serde(default)]
    pub(super) is_draft: bool,
}

/// Whether nobody sees the answer to this request: it has no body (RFC 9110 section 9.3.2), or a script of a page asks
/// for it, which takes from it what it needs (Fetch Metadata, `Sec-Fetch-Dest`).
fn is_unseen(request: &HttpRequest) -> bool {
    use actix_web::http::Method;
    let by_script = request.headers().get("sec-fetch-dest").is_some_and(|dest| dest == "empty");
    request.method() == Method::HEAD || (request.method() == Method::GET && by_script)
}

impl BrowserSession {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let is_head = request.method() == actix_web::http::Method::HEAD;
        Self { session: request.get_session(), is_unseen: is_unseen(request), is_head }
    }

    /// Begins the session that was reserved for this user, under a new key, so that a key planted in the browser before
    /// (session fixation) is worthless.
    pub(super) fn sign_in(&self, user: &UserId, reserved: &Reserved, now: NaiveDateTime) {
        let kept = self.kept_form().filter(|kept| kept.user == *user);
        self.session.clear();
        self.session.renew();
        self.put(RESERVED, reserved);
        self.put(USER, user);
        self.put(FORM_SECRET, &seal::secret());
        self.put(ROOT, &seal::secret());
        self.prove(now);
        if let Some(kept) = kept {
            self.keep_form(&kept);
        }
    }

    /// As [`BrowserSession::sign_in`], for a sign-in through Entra ID, where the person proved themselves at `proved_at`.
    pub(super) fn sign_in_from(
        &self,
        user: &UserId,
        reserved: &Reserved,
        foreign: &Foreign,
        proved_at: Option<NaiveDateTime>,
        now: NaiveDateTime,
    ) {
        self.sign_in(user, reserved, now);
        self.put(FOREIGN, foreign);
        match proved_at {
            Some(at) => self.prove(at),
            None => self.remove(PROVED),
        }
    }

    /// Continues the session under a new key.
    pub(super) fn begin_again(&self, user: &UserId, reserved: &Reserved, now: NaiveDateTime) {
        let (foreign, proved, root) = (self.foreign(), self.get::<String>(PROVED), self.root());
        self.sign_in(user, reserved, now);
        if let Some(root) = root {
            self.put(ROOT, &root);
        }
        if let Some(foreign) = foreign {
            self.put(FOREIGN, &foreign);
        }
        // A new key does not renew the proof.
        match proved {
            Some(proved) => self.put(PROVED, &proved),
            None => self.remove(PROVED),
        }
    }

    /// The session at Entra ID that this one came from, if it did.
    pub(super) fn foreign(&self) -> Option<Foreign> {
        self.get(FOREIGN)
    }

    /// Which session it is.
    pub(super) fn sitting(&self) -> Option<Sitting> {
        self.get(SITTING)
    }

    /// Whose session it is, for one that is to go on in its place.
    pub(super) fn holder(&self) -> Holder {
        holder(self.user(), self.foreign())
    }

    /// What names the session from its beginning on, under whichever key it goes on: what is counted of it stays.
    pub(super) fn root(&self) -> Option<String> {
        self.get(ROOT)
    }

    /// How the person came in.
    pub(super) fn method(&self) -> Method {
        if self.foreign().is_some() { Method::Sso } else { Method::Password }
    }

    /// Ends the session in this browser, with all that it left there.
    pub(super) fn leave(&self, request: &HttpRequest, response: &mut HttpResponse) -> Result<()> {
        self.session.purge();
        cookies::clear_site_data(request, response)
    }

    pub(super) fn user(&self) -> Option<UserId> {
        self.get(USER)
    }

    pub(super) fn form_secret(&self) -> Option<String> {
        self.get(FORM_SECRET)
    }

    /// Notes that the person proved at this moment who they are.
    pub(super) fn prove(&self, at: NaiveDateTime) {
        self.put(PROVED, &rfc3339(at));
    }

    /// Until when the person's last proof of who they are is good. One from later than now, by a clock that was ahead, is
    /// none.
    pub(super) fn proved_until(&self, now: NaiveDateTime) -> Option<NaiveDateTime> {
        let proved = self.get::<String>(PROVED).and_then(|at| DateTime::parse_from_rfc3339(&at).ok());
        let until = proved.map(|at| at.naive_utc() + TimeDelta::minutes(PROOF_MINUTES));
        until.filter(|until| *until <= now + TimeDelta::minutes(PROOF_MINUTES + 1))
    }

    /// Whether the person proved lately who they are.
    pub(super) fn is_proved(&self, now: NaiveDateTime) -> bool {
        self.proved_until(now).is_some_and(|until| now < until)
    }

    /// Shows a line on the next page.
    pub(super) fn flash(&self, kind: &str, text: impl Into<String>) {
        self.flash_at(kind, text, "");
    }

    /// Shows a line on the next page, in this part of it if it has one of that name.
    pub(super) fn flash_at(&self, kind: &str, text: impl Into<String>, place: &str) {
        if self.is_unseen {
            return;
        }
        let mut flashes: Vec<Flash> = self.get(FLASHES).unwrap_or_default();
        flashes.push(Flash { place: place.to_owned(), ..Flash::new(kind, text) });
        self.put(FLASHES, &flashes);
    }

    /// Keeps a form until the person has signed in again, or proved at Entra ID that it is they; one at a time.
    pub(super) fn keep_form(&self, form: &KeptForm) {
        self.put(FORM, form);
    }

    /// The form that is kept.
    pub(super) fn kept_form(&self) -> Option<KeptForm> {
        self.get(FORM)
    }

    /// Forgets it once somebody sees it.
    pub(super) fn forget_seen_form(&self) {
        if !self.is_unseen {
            self.forget_form();
        }
    }

    /// Forgets it.
    pub(super) fn forget_form(&self) {
        self.remove(FORM);
    }

    /// Goes on after a proof at Entra ID with what was asked before it: the next page says so, and leads on to it.
    pub(super) fn resume(&self, kept: &KeptForm, onward: &str) {
        let (text, onward) = match kept.fields {
            Some(_) => {
                self.keep_form(kept);
                (
                    "It is you. Nothing was changed yet.",
                    Some((onward.to_owned(), "Carry on with what you entered".to_owned())),
                )
            }
            None => ("It is you. Nothing was changed yet: do it once more.", None),
        };
        let flash = Flash { onward, ..Flash::new("note", text) };
        let mut flashes: Vec<Flash> = self.get(FLASHES).unwrap_or_default();
        flashes.push(flash);
        self.put(FLASHES, &flashes);
    }

    /// The lines to show, once.
    pub(super) fn take_flashes(&self) -> Vec<Flash> {
        let flashes = self.get(FLASHES).unwrap_or_default();
        if !self.is_unseen && self.session.contains_key(FLASHES) {
            self.remove(FLASHES);
        }
        flashes
    }

    fn get<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.session.get(name).ok().flatten()
    }

    fn put<T: Serialize>(&self, name: &str, value: &T) {
        if self.is_head {
            return;
        }
        if let Err(cause) = self.session.insert(name, value) {
            tracing::error!(%cause, "a session value was lost");
        }
    }

    fn remove(&self, name: &str) {
        if !self.is_head {
            self.session.remove(name);
        }
    }
}

/// A session that could not be read or stored.
struct Lost {
    cause: Error,
    /// The lines that it was to show on the next page, where only such things of a session were to be kept that stands;
    /// nothing where it was to begin or to end.
    flashes: Option<Vec<Flash>>,
}

impl Lost {
    /// Whether an answer with this status may not be given, because it rests on what was lost.
    fn spoils(&self, status: StatusCode) -> bool {
        match self.flashes {
            Some(_) => status.is_redirection(),
            None => !status.is_client_error() && !status.is_server_error(),
        }
    }
}

/// Records why a session was lost; returns it where no request is under way.
fn keep(cause: Error, flashes: Option<Vec<Flash>>) -> Result<()> {
    tracing::error!(cause = %cause.for_log(), "a session could not be read or kept");
    let mut lost = Some(Lost { cause, flashes });
    let kept = LOST.try_with(|place| {
        let mut place = place.borrow_mut();
        // The first failure caused the others.
        if place.is_none() {
            *place = lost.take();
        }
    });
    match (kept, lost) {
        (Err(_), Some(lost)) => Err(lost.cause),
        _ => Ok(()),
    }
}

/// Why the session of this request could not be read, if it could not.
pub(super) fn lost() -> Option<Error> {
    LOST.try_with(RefCell::take).ok().flatten().map(|lost| lost.cause)
}

/// Reports that a session could not be stored, in place of a response that relies on it.
pub(super) async fn report_lost<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let answer = async {
        let response = next.call(request).await?;
        let Some(lost) = LOST.with(RefCell::take).filter(|lost| lost.spoils(response.status())) else {
            return Ok(response.map_into_left_body());
        };
        let (request, response) = response.into_parts();
        let onward = response.headers().get(header::LOCATION).and_then(|path| path.to_str().ok());
        let onward = onward.filter(|path| path.starts_with('/')).map(str::to_owned);
        let told = failed_after(&request, &lost.cause, lost.flashes.unwrap_or_default(), onward);
        Ok(ServiceResponse::new(request, told).map_into_right_body())
    };
    LOST.scope(RefCell::default(), answer).await
}

/// The store of the sessions, for `actix_session`.
pub(super) struct Store {
    app: AppState,
    org: OrgHandle,
}

impl Store {
    pub(super) fn new(app: AppState) -> Self {
        Self { org: OrgHandle::at(&app), app }
    }

    fn digest(&self, key: &str) -> String {
        self.app.org().keys().digest(PURPOSE, key)
    }

    async fn begin(&self, packed: Packed) -> Result<SessionKey> {
        let key = seal::secret();
        let (id, limits) = (self.digest(&key), self.app.0.limits);
        let begin = self.org.write(Actor::Rollcall, move |tx| {
            let Packed { holder, reserved, state } = packed;
            sessions::begin(tx, &id, reserved.as_ref(), holder, state, limits)
        });
        begin.await?;
        SessionKey::try_from(key).map_err(crate::error::Error::internal)
    }
}

/// The values of a session, as actix-session hands them over: JSON by name.
type State = HashMap<String, String>;

/// A session as it is stored.
struct Packed {
    holder: Holder,
    reserved: Option<Reserved>,
    state: String,
}

fn pack(mut state: State) -> Result<Packed, serde_json::Error> {
    // Neither is stored with the session.
    state.remove(SITTING);
    let reserved = state.remove(RESERVED).map(|value| serde_json::from_str(&value)).transpose()?;
    let user = state.get(USER).map(|value| serde_json::from_str(value)).transpose()?;
    let foreign = state.get(FOREIGN).map(|value| serde_json::from_str(value)).transpose()?;
    Ok(Packed { holder: holder(user, foreign), reserved, state: serde_json::to_string(&state)? })
}

fn holder(user: Option<UserId>, foreign: Option<Foreign>) -> Holder {
    let method = if foreign.is_some() { Method::Sso } else { Method::Password };
    match foreign {
        Some(Foreign { name_id, session_index, came_by, .. }) => {
            let (name_id, came_by) = (Some(name_id.value), Some(came_by));
            Holder { user, method, name_id, session_index, came_by }
        }
        None => Holder { user, method, name_id: None, session_index: None, came_by: None },
    }
}

/// What is stored of a session, with where it came from; nothing where it is damaged. A session without what it rests on
/// would be worth more than it is.
fn readable(text: &str) -> Option<(State, Option<Foreign>)> {
    let state: State = serde_json::from_str(text).ok()?;
    let foreign = state.get(FOREIGN).map(|value| serde_json::from_str(value)).transpose().ok()?;
    let _user: Option<String> = state.get(USER).map(|value| serde_json::from_str(value)).transpose().ok()?;
    Some((state, foreign))
}

/// The messages that a session shows next.
fn flashes(state: &str) -> Vec<Flash> {
    let state: State = serde_json::from_str(state).unwrap_or_default();
    state.get(FLASHES).and_then(|flashes| serde_json::from_str(flashes).ok()).unwrap_or_default()
}

/// The messages of a session that ended during its own request, for a session without a user.
fn ended(state: &str) -> Option<Packed> {
    let before: State = serde_json::from_str(state).ok()?;
    let mut flashes: Vec<Flash> = serde_json::from_str(before.get(FLASHES)?).ok()?;
    let text = "Your session has ended. Sign in again to go on.";
    flashes.push(Flash::new("note", text));
    let flashes = serde_json::to_string(&flashes).ok()?;
    let state = serde_json::to_string(&State::from([(FLASHES.to_owned(), flashes)])).ok()?;
    Some(Packed { holder: holder(None, None), reserved: None, state })
}

impl SessionStore for Store {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let (id, now, limits) = (self.digest(key.as_ref()), self.app.org().now(), self.app.0.limits);
        let found = self.org.read(move |conn| sessions::find(conn, &id, now, limits)).await;
        let session = match found {
            Ok(Some(session)) => session,
            Ok(None) => return Ok(None),
            Err(cause) => {
                keep(cause, None).map_err(|cause| LoadError::Other(cause.into()))?;
                return Ok(None);
            }
        };
        if session.is_stale(now) {
            let id = session.id.clone();
            self.org.write_later(Actor::Rollcall, move |tx| sessions::touch(tx, &id));
        }
        let Some((mut state, foreign)) = readable(&session.state) else {
            tracing::error!(
                "a session is damaged in the database, and is over: its holder signs in once more"
            );
            return Ok(None);
        };
        // Entra ID may say until when a session may last at the most (SAML core section 2.7.2, SessionNotOnOrAfter).
        let latest = session.created_at + self.app.0.limits.absolute;
        let ends_at = foreign.and_then(|foreign| foreign.until).map_or(latest, |until| until.min(latest));
        let sitting = Sitting { id: session.id, ends_at };
        let sitting = serde_json::to_string(&sitting).map_err(|cause| LoadError::Other(cause.into()))?;
        state.insert(SITTING.to_owned(), sitting);
        Ok(Some(state).filter(|_| now < ends_at))
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let packed = pack(state).map_err(|cause| SaveError::Serialization(cause.into()))?;
        match self.begin(packed).await {
            Ok(key) => Ok(key),
            Err(cause) => {
                keep(cause, None).map_err(|cause| SaveError::Other(cause.into()))?;
                // The key is sent to no browser.
                SessionKey::try_from(seal::secret()).map_err(|cause| SaveError::Other(cause.into()))
            }
        }
    }

    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        let Packed { holder, state, .. } =
            pack(state).map_err(|cause| UpdateError::Serialization(cause.into()))?;
        let (id, kept) = (self.digest(key.as_ref()), state.clone());
        // A session that was ended while its request was under way stays ended.
        let update = self.org.write(Actor::Rollcall, move |tx| sessions::update(tx, &id, holder, &kept));
        let stands = match update.await {
            Ok(stands) => stands,
            Err(cause) => {
                keep(cause, Some(flashes(&state))).map_err(|cause| UpdateError::Other(cause.into()))?;
                return Ok(key);
            }
        };
        match ended(&state).filter(|_| !stands) {
            // The outcome of the request is still shown, in a session without a user.
            Some(told) => match self.begin(told).await {
                Ok(key) => Ok(key),
                Err(cause) => {
                    keep(cause, Some(flashes(&state))).map_err(|cause| UpdateError::Other(cause.into()))?;
                    Ok(key)
                }
            },
            None => Ok(key),
        }
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        // The limits are counted from the requests, whose times `load` stores.
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let id = self.digest(key.as_ref());
        match self.org.write(Actor::Rollcall, move |tx| sessions::end(tx, &id)).await {
            Ok(ended) => Ok(ended),
            Err(cause) => Ok(keep(cause, None)?),
        }
    }
}
