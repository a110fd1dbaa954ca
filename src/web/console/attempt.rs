//! A try with a password: counted first, verified on threads of its own, then noted.

use crate::domain::admins::passwords;
use crate::domain::admins::sign_in::{self, Caller, Origin, Welcome};
use crate::domain::authority::Authority;
use crate::domain::sessions::Method;
use crate::domain::sso::policy;
use crate::domain::users::User;
use crate::domain::{Actor, Org};
use crate::error::{Error, Result};
use crate::pool::{Line, Place};
use crate::web::device;
use crate::web::extract::{Address, Desk, Signed};
use crate::web::session::Visit;
use actix_web::HttpRequest;

/// Who tries what.
struct Try {
    user_name: String,
    password: String,
    origin: Origin,
    caller: Caller,
    line: Line,
    authority: Authority,
}

/// The account of these credentials, and what it comes in with. Every refusal of them reads the same and takes the same
/// time.
pub(super) async fn sign_in(
    request: &HttpRequest,
    desk: &Desk,
    address: &Address,
    user_name: &str,
    password: &str,
) -> Result<(User, Welcome)> {
    let (keys, name, now) = (desk.org().keys().clone(), user_name.to_owned(), desk.org().now());
    let device = device::secret(request);
    let shown = device.clone();
    let caller = desk.read(move |conn| sign_in::caller(conn, &keys, &name, shown.as_deref(), now)).await?;
    let line = match &caller {
        Caller::Device(id) => Line::Known(Place::of(id)),
        Caller::Session(_) | Caller::Stranger => address.line(),
    };
    let origin = Origin::of(&address.0);
    let (user_name, password) = (user_name.to_owned(), password.to_owned());
    let authority = Actor::Rollcall.into();
    let tried = Try { user_name, password, origin: origin.clone(), caller: caller.clone(), line, authority };
    let user = verify(desk, tried).await?;
    let welcomed = user.clone();
    // Whether the account is still what it was, the rule looks at itself.
    let authority = Authority::trusted(user.actor());
    let welcome = desk
        .write(authority, move |tx| sign_in::welcome(tx, &welcomed, &origin, &caller, device.as_deref()))
        .await?;
    Ok((user, welcome))
}

/// Whether somebody signed in knows their password, when they are asked again. Whoever isn't signed in as them cannot
/// use up their tries, nor can who has another of their sessions.
///
/// Whoever came in by password proves themselves by it as long as the session lives. Whoever came through Entra ID while
/// that is required of them is told so before anything is tried or counted.
pub(super) async fn prove(
    request: &HttpRequest,
    signed: &Signed,
    desk: &Desk,
    address: &Address,
    password: &str,
) -> Result<()> {
    let visit = Visit::of(request);
    if visit.method() == Method::Sso {
        let (me, now) = (signed.0.clone(), desk.org().now());
        if desk.read(move |conn| policy::bars_password(conn, &me, now)).await? {
            let cause = "Your organisation requires single sign-on of everybody but owners, so your password proves \
                         nothing at present. Nothing was changed, and nothing counts as a wrong try: sign in through \
                         Entra ID anew.";
            return Err(Error::Conflict(cause.to_owned()));
        }
    }
    let session = visit.root().unwrap_or_else(|| signed.0.id.clone());
    let (origin, caller) = (Origin::of(&address.0), Caller::Session(session));
    let tried = Try {
        user_name: signed.0.profile.user_name.clone(),
        password: password.to_owned(),
        origin: origin.clone(),
        caller: caller.clone(),
        line: signed.line(),
        authority: signed.actor().without_proof(),
    };
    let user = verify(desk, tried).await?;
    let authority = signed.actor().without_proof();
    desk.write(authority, move |tx| sign_in::confirm(tx, &user, &origin, &caller)).await
}

async fn verify(desk: &Desk, tried: Try) -> Result<User> {
    let Try { user_name, password, origin, caller, line, authority } = tried;
    let (keys, now) = (desk.org().keys().clone(), desk.org().now());
    let (name, from, who) = (user_name.clone(), origin.clone(), caller.clone());
    desk.read(move |conn| sign_in::may_try(conn, &keys, &name, &from, &who, now)).await?;
    // Who is known here is not bound by what others of the same network do.
    let place = matches!(caller, Caller::Stranger).then(|| desk.pauses().enter(&origin)).transpose()?;
    let (name, from, who) = (user_name.clone(), origin.clone(), caller.clone());
    let attempt = desk.write(Actor::Rollcall, move |tx| sign_in::register(tx, &name, &from, &who)).await??;
    match place {
        Some(place) => desk.wait(place.wait(attempt.pause)).await?,
        None => desk.wait(tokio::time::sleep(attempt.pause)).await,
    }
    let (name, is_proof) = (user_name.clone(), matches!(caller, Caller::Session(_)));
    let found = match desk.prepare(line, move |org| check(org, &name, &password, is_proof)).await {
        Err(busy @ Error::Busy(_)) => {
            desk.write(Actor::Rollcall, move |tx| sign_in::take_back(tx, &user_name, &origin, &caller))
                .await?;
            return Err(busy);
        }
        found => found?,
    };
    let refusal = match found {
        Some((false, user)) => return Ok(user),
        Some((true, _)) => {
            let text = "Your organisation signs in with Entra ID: passwords are for owners only.";
            Error::invalid("password", text)
        }
        None => sign_in::wrong(),
    };
    desk.write(authority, move |tx| sign_in::refuse(tx, &user_name, &origin, &caller, &attempt)).await?;
    Err(refusal)
}

/// The account whose password this is, and whether it must sign in with Entra ID all the same: not where somebody who is
/// in proves that it is still they. Slow.
fn check(org: &Org, name: &str, password: &str, is_proof: bool) -> Result<Option<(bool, User)>> {
    let now = org.now();
    let candidate = org.read(|conn| match sign_in::candidate(conn, name)? {
        Some(user) => Ok(Some((!is_proof && policy::bars_password(conn, &user, now)?, user))),
        None => Ok(None),
    })?;
    // The connection went back: others read with it while this is verified.
    let hash = candidate.as_ref().and_then(|(_, user)| user.password_hash.as_deref());
    Ok(passwords::verify(password, hash).then_some(candidate).flatten())
}
