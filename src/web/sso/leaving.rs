//! Leaving: Entra ID ends sessions here, and we end its session if that is wished for.

use super::rate_limits::LimitSubject;
use super::{examinations, here, own_keys, rate_limits, turn_away};
use crate::domain::sso::requests::{Asker, Purpose};
use crate::domain::sso::sign_out::{self, Heard, Message};
use crate::domain::sso::{Here, events, help, messages, settings};
use crate::domain::{Actor, Noted, Tx};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::pool::{QueueKey, Requester};
use crate::saml::Refusal;
use crate::web::AppState;
use crate::web::extract::{Address, OrgHandle, app_state};
use crate::web::page::{self, Answer, Failure, Layout};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

/// What became of a sign-out.
#[derive(Clone, Debug)]
enum Ending {
    /// The session of this browser ended, or another and there is none here.
    Left,
    /// Another session ended, and the one of this browser goes on.
    OtherSession,
    /// The session here ended, and Microsoft's goes on; the event's reference.
    HereOnly(String),
    /// Nothing ended; the event's reference.
    Nothing(String),
    /// The message was refused; the sentence for the person, and the event's reference.
    Refused(&'static str, String),
}

#[derive(Template)]
#[template(path = "sso/left.html")]
struct LeftPage {
    layout: Layout,
    ending: Ending,
}

impl Ending {
    fn is_here(&self) -> bool {
        matches!(self, Self::Left | Self::HereOnly(_))
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Left => "Signed out",
            Self::HereOnly(_) => "Signed out of Rollcall only",
            Self::OtherSession => "Signed out elsewhere",
            Self::Nothing(_) => "Nothing was signed out",
            Self::Refused(..) => "You could not be signed out",
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::Left => "You are signed out of Rollcall.",
            Self::OtherSession => {
                "The session that Microsoft named was ended. It was not the one of this browser."
            }
            Self::HereOnly(_) => help::for_whoever_leaves("sign_out_elsewhere"),
            Self::Nothing(_) => help::for_whoever_leaves("sign_out_nothing"),
            Self::Refused(sentence, _) => sentence,
        }
    }

    fn reference(&self) -> Option<&str> {
        match self {
            Self::HereOnly(reference) | Self::Nothing(reference) | Self::Refused(_, reference) => {
                Some(reference)
            }
            _ => None,
        }
    }
}

impl LeftPage {
    fn show(self) -> Answer {
        let refused = matches!(self.ending, Ending::Refused(..));
        let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        page::show_as(status, &self.layout, &self)
    }
}

/// Entra ID ends sessions, or answers that it ended its own.
pub(in crate::web) async fn logout(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    address: Address,
) -> Answer {
    let query = request.query_string().to_owned();
    if !query.contains("SAMLRequest=") && !query.contains("SAMLResponse=") {
        return Ok(page::go("/"));
    }
    let state = app_state(&request)?;
    let session = BrowserSession::of(&request);
    // Whoever is signed in ends their own session, whatever their neighbours do.
    let subject =
        session.user().map_or_else(|| LimitSubject::at(&address.0), |id| LimitSubject::Known(id.into()));
    if let Err(refusal) = state.0.sso_limits.check(rate_limits::Purpose::SignOut, &subject) {
        return turn_away(state, layout, &org, &address.0, refusal).await;
    }
    let (here, own, from) = (here(state), session.foreign(), address.0);
    let (now, known) = (org.inner().now(), here.clone());
    let grounds = org.read(move |conn| sign_out::Grounds::read(conn, &known)).await?;
    if !grounds.is_open() {
        return Err(Failure(Error::Conflict(help::for_the_person("switched_off").to_owned())));
    }
    let requester = examinations::requester(&from, session.user().is_some());
    let examine = move || grounds.examine(&query, now);
    let message = org.wait(state.0.examinations.run(requester.clone(), examine)).await;
    let message = match message {
        Err(refusal @ (Error::Busy(_) | Error::TooMany(_))) => {
            return turn_away(state, layout, &org, &from, refusal).await;
        }
        message => message?,
    };
    if !message.as_ref().is_ok_and(Message::is_signed) {
        state.0.sso_limits.charge(rate_limits::Purpose::SignOut, &subject);
    }
    let heard = org
        .write(Actor::Rollcall, move |tx| {
            let heard = match message {
                Ok(message) => sign_out::handle_logout(tx, &message, own.as_ref())?,
                Err(refusal) => Noted::unaudited(Err(refusal), "nothing was done"),
            };
            let reference = note(tx, &heard, from)?;
            Ok::<_, Error>(heard.map(|heard| (heard, reference)))
        })
        .await?;
    let nobody = layout.person.is_none();
    let show = |ending| LeftPage { layout, ending }.show();
    let (ends_here, response) = match heard {
        (Ok(Heard::Answered { .. }), Some(reference)) => (false, show(Ending::HereOnly(reference))),
        (Ok(Heard::Answered { .. }), None) => return Ok(page::go("/sign-in?left")),
        (Ok(Heard::Ended { own, asked, .. }), None) => {
            let ending = if own || nobody { Ending::Left } else { Ending::OtherSession };
            let onward = reply(state, &org, (requester, here), asked).await;
            (own, onward.map_or_else(|| show(ending), |onward| Ok(page::go(&onward))))
        }
        // To a request about a session that is over already Entra ID wants no answer.
        (Ok(Heard::Ended { .. }), Some(reference)) => (false, show(Ending::Nothing(reference))),
        (Err(refusal), reference) => {
            let sentence = help::for_whoever_leaves(refusal.fault.code());
            (false, show(Ending::Refused(sentence, reference.unwrap_or_default())))
        }
    };
    let mut response = response?;
    if ends_here {
        session.leave(&request, &mut response)?;
    }
    Ok(response)
}

/// The address at which Entra ID hears that sessions ended. They have: where no answer can be made, the person reads it.
async fn reply(
    state: &AppState,
    org: &OrgHandle,
    (requester, here): (Requester, Here),
    asked: sign_out::Asked,
) -> Option<String> {
    let with = org.inner().clone();
    let sign = move || messages::reply(&with, &here, &asked.id, asked.relay_state.as_deref());
    let reply = org.wait(state.0.examinations.run(requester, sign)).await.and_then(|reply| reply);
    reply.unwrap_or_else(|cause| {
        tracing::warn!(cause = %cause.for_log(), "a sign-out request of Entra ID was carried out and not answered");
        None
    })
}

/// Notes a message that ended nothing, or not all; answers the event's reference.
fn note(tx: &mut Tx, heard: &Result<Heard, Refusal>, address: String) -> Result<Option<String>> {
    let (cause, sentence) = match heard {
        Ok(Heard::Ended { sessions: 0, own: false, .. }) => {
            let sentence = "The sign-out request was good, but no session here is one that it names.";
            ("sign_out_nothing", sentence.to_owned())
        }
        Ok(Heard::Answered { goes_on: true }) => {
            let sentence = "Entra ID answered a sign-out from here that it did not end its own session.";
            ("sign_out_elsewhere", sentence.to_owned())
        }
        Ok(_) => return Ok(None),
        Err(refusal) => (refusal.fault.code(), refusal.cause.clone()),
    };
    let report = events::Report {
        purpose: Purpose::SignOut,
        cause: Some(cause),
        sentence,
        user_id: None,
        started_by: None,
        name_id: None,
        address,
        proven: false,
        details: events::Details::default(),
    };
    Ok(Some(events::note(tx, report)?.reference.clone()))
}

/// Where to go when somebody leaves: to Entra ID if it is to end its session too.
pub(in crate::web) async fn leave(request: &HttpRequest, org: &OrgHandle) -> Result<Option<String>> {
    let Some(foreign) = BrowserSession::of(request).foreign() else { return Ok(None) };
    let (state, session) = (app_state(request)?, BrowserSession::of(request));
    let here = here(state);
    let settings = org.read(settings::read).await?;
    if settings.sign_requests {
        own_keys(state, org).await?;
    }
    let with = org.inner().clone();
    let sign =
        move || messages::prepare_sign_out(&with, &here, &foreign.name_id, foreign.session_index.as_deref());
    let requester = Requester::Known(QueueKey::of(session.user().as_ref().map_or("", UserId::as_str)));
    let Some(prepared) = org.wait(state.0.examinations.run(requester, sign)).await?? else {
        return Ok(None);
    };
    let send =
        move |tx: &mut Tx| messages::send(tx, prepared, Purpose::SignOut, "", "/sign-in?left", Asker::Leaver);
    org.write(Actor::Rollcall, send).await.map(Some)
}
