//! A try with a password: counted first, verified on threads of its own, then noted.

use crate::domain::admins::sign_in::{self, Caller, Origin, PasswordSession, Verification, Verified};
use crate::domain::authority::Authority;
use crate::domain::sessions::Method;
use crate::domain::sso::policy;
use crate::domain::users::User;
use crate::domain::{Actor, Org, Tx};
use crate::error::{Error, Result};
use crate::pool::{QueueKey, Requester};
use crate::secret::Secret;
use crate::web::device;
use crate::web::extract::{Address, CurrentUser, OrgHandle};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who tries what.
struct Try {
    user_name: String,
    password: Secret,
    origin: Origin,
    caller: Caller,
    requester: Requester,
    authority: Authority,
    /// Whether they are signed in and are asked again.
    again: bool,
}

/// The account of these credentials, and what it comes in with. Every refusal of them reads the same and takes the same
/// time.
pub(super) async fn sign_in(
    request: &HttpRequest,
    org: &OrgHandle,
    address: &Address,
    user_name: &str,
    password: &Secret,
) -> Result<(User, PasswordSession)> {
    let (keys, name, now) = (org.inner().keys().clone(), user_name.to_owned(), org.inner().now());
    let device = device::secret(request);
    let shown = device.clone();
    let caller = org.read(move |conn| sign_in::caller(conn, &keys, &name, shown.as_deref(), now)).await?;
    let requester = match &caller {
        Caller::Device(id) => Requester::Known(QueueKey::of(id)),
        Caller::Session(_) | Caller::Stranger => address.requester(),
    };
    let origin = Origin::of(&address.0);
    let (user_name, password) = (user_name.to_owned(), password.clone());
    let authority = Actor::Rollcall.into();
    let tried = Try {
        user_name,
        password,
        origin: origin.clone(),
        caller: caller.clone(),
        requester,
        authority,
        again: false,
    };
    let verified = verify(org, tried).await?;
    let user = verified.user.clone();
    // Whether the account is still what it was, the rule looks at itself.
    let authority = Authority::trusted(user.actor());
    let granted = org
        .write(authority, move |tx| {
            sign_in::record_success(tx, &verified, &origin, &caller, device.as_deref())
        })
        .await?;
    Ok((user, granted))
}

/// Whether somebody signed in knows their password, when they are asked again. Whoever isn't signed in as them cannot
/// use up their tries, nor can who has another of their sessions, or this one on a device that they did not sign in on.
///
/// Whoever came in by password proves themselves by it as long as the session lives. Whoever came through Entra ID while
/// that is required of them is told so before anything is tried or counted.
pub(super) async fn prove(
    request: &HttpRequest,
    current: &CurrentUser,
    org: &OrgHandle,
    address: &Address,
    password: &Secret,
) -> Result<()> {
    let session = BrowserSession::of(request);
    if session.method() == Method::Sso {
        let (me, now) = (current.0.clone(), org.inner().now());
        if org.read(move |conn| policy::bars_password(conn, &me, now)).await? {
            let cause = "Your organisation requires single sign-on of everybody but owners, so your password proves \
                         nothing at present. Nothing was changed, and nothing counts as a wrong try: sign in through \
                         Entra ID anew.";
            return Err(Error::Conflict(cause.to_owned()));
        }
    }
    let root = session.root().unwrap_or_else(|| current.0.id.to_string());
    let (origin, by_session) = (Origin::of(&address.0), Caller::Session(root));
    let (keys, name, now) =
        (org.inner().keys().clone(), current.0.profile.user_name.clone(), org.inner().now());
    let (device, from) = (device::secret(request), origin.clone());
    // Whoever took the session alone does not bar its owner on their own device.
    let caller = org.read(move |conn| {
        if sign_in::may_try(conn, &keys, &name, &from, &by_session, now).is_ok() {
            return Ok(by_session);
        }
        let known = sign_in::caller(conn, &keys, &name, device.as_deref(), now)?;
        Ok(if matches!(known, Caller::Device(_)) { known } else { by_session })
    });
    let caller = caller.await?;
    let tried = Try {
        user_name: current.0.profile.user_name.clone(),
        password: password.clone(),
        origin: origin.clone(),
        caller: caller.clone(),
        requester: current.requester(),
        authority: current.actor().without_proof(),
        again: true,
    };
    let verified = verify(org, tried).await?;
    let authority = current.actor().without_proof();
    org.write(authority, move |tx| sign_in::confirm(tx, &verified, &origin, &caller)).await
}

async fn verify(org: &OrgHandle, tried: Try) -> Result<Verified> {
    let Try { user_name, password, origin, caller, requester, authority, again } = tried;
    let (keys, now) = (org.inner().keys().clone(), org.inner().now());
    let (name, from, who) = (user_name.clone(), origin.clone(), caller.clone());
    org.read(move |conn| sign_in::may_try(conn, &keys, &name, &from, &who, now)).await?;
    // Who is known here is not bound by what others of the same network do.
    let place = match caller {
        Caller::Stranger => Some(org.wait(org.pauses().enter(&origin)).await?),
        Caller::Device(_) | Caller::Session(_) => None,
    };
    let (name, from, who) = (user_name.clone(), origin.clone(), caller.clone());
    let attempt = org.write(Actor::Rollcall, move |tx| sign_in::register(tx, &name, &from, &who)).await??;
    let counted = Counted::new(org.inner(), &user_name, &origin, &caller);
    match place {
        Some(place) => org.wait(place.wait(attempt.pause)).await,
        None => org.wait(tokio::time::sleep(attempt.pause)).await,
    }
    let (name, looked_at) = (user_name.clone(), counted.looked_at.clone());
    let found = org.prepare(requester, move |org| {
        looked_at.store(true, Ordering::Relaxed);
        sign_in::verify(org, &name, &password, again)
    });
    let found = match found.await {
        Err(busy @ Error::Busy(_)) => {
            counted.take_back(org).await?;
            return Err(busy);
        }
        found => found?,
    };
    let refusal = match found {
        Verification::Right(verified) => return Ok(*verified),
        Verification::Barred => {
            let text = "Your organisation signs in with Entra ID: passwords are for owners only.";
            Error::invalid("password", text)
        }
        Verification::Wrong => sign_in::wrong(),
    };
    let locks = attempt.locks;
    org.write(authority, move |tx| sign_in::refuse(tx, &user_name, &origin, again, locks)).await?;
    Err(refusal)
}

/// A try that was counted. It is taken back unless its password was looked at, also where the connection was cut before.
/// Once that has begun it counts, whoever hangs up.
struct Counted {
    org: Org,
    subject: Option<(String, Origin, Caller)>,
    looked_at: Arc<AtomicBool>,
}

impl Counted {
    fn new(org: &Org, user_name: &str, origin: &Origin, caller: &Caller) -> Self {
        let subject = Some((user_name.to_owned(), origin.clone(), caller.clone()));
        Self { org: org.clone(), subject, looked_at: Arc::default() }
    }

    async fn take_back(mut self, org: &OrgHandle) -> Result<()> {
        let Some((user_name, origin, caller)) = self.subject.take() else { return Ok(()) };
        org.write(Actor::Rollcall, move |tx| sign_in::take_back(tx, &user_name, &origin, &caller)).await
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((user_name, origin, caller)) = self.subject.take() else { return };
        if self.looked_at.load(Ordering::Relaxed) {
            return;
        }
        let undo = move |tx: &mut Tx| sign_in::take_back(tx, &user_name, &origin, &caller);
        self.org.submit(Actor::Rollcall, undo, |outcome| {
            if let Err(cause) = outcome {
                tracing::warn!(cause = %cause.for_log(), "a try with a password that nobody looked at is counted");
            }
        });
    }
}
