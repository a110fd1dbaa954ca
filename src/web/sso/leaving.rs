//! Leaving: Entra ID ends sessions here, and we end its session if that is wished for.

use super::{here, own_keys};
use crate::domain::sso::requests::Purpose;
use crate::domain::sso::sign_out::{self, Heard};
use crate::domain::sso::{events, help, settings};
use crate::domain::{Actor, Tx};
use crate::error::{Error, Result};
use crate::web::extract::{Address, Desk, house};
use crate::web::page::{self, Answer, Failure, Frame};
use crate::web::session::Visit;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

#[derive(Template)]
#[template(path = "sso/left.html")]
struct LeftPage {
    frame: Frame,
}

/// Entra ID ends sessions, or answers that it ended its own.
pub(in crate::web) async fn logout(
    request: HttpRequest,
    frame: Frame,
    desk: Desk,
    address: Address,
) -> Answer {
    // HEAD has no effects (RFC 9110 section 9.2.1): it neither begins nor ends a session.
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().finish());
    }
    let query = request.query_string().to_owned();
    if !query.contains("SAMLRequest=") && !query.contains("SAMLResponse=") {
        return Ok(page::go("/"));
    }
    house(&request)?.0.visits.take(&address.0)?;
    let visit = Visit::of(&request);
    let (here, own, from) = (here(house(&request)?), visit.foreign(), address.0);
    let (now, known) = (desk.org().now(), here.clone());
    let grounds = desk.read(move |conn| sign_out::Grounds::read(conn, &known)).await?;
    if !grounds.is_open() {
        return Err(Failure(Error::Conflict(help::for_the_person("switched_off").to_owned())));
    }
    let message = house(&request)?.0.examinations.run(move || grounds.examine(&query, now)).await?;
    let mine = own.clone();
    let heard = desk
        .write(Actor::Rollcall, move |tx| {
            let heard = match message {
                Ok(message) => sign_out::hear(tx, &here, &message, mine.as_ref())?,
                Err(refusal) => Err(refusal),
            };
            match heard {
                Ok(heard) => Ok(Ok(heard)),
                Err(refusal) => Ok(Err(note_refusal(tx, &refusal.cause, from)?)),
            }
        })
        .await?;
    match heard {
        Ok(Heard::Ended { sessions, reply }) => {
            if own.is_some() && sessions > 0 {
                visit.sign_out();
            }
            // To a request about a session that is over already Entra ID wants no answer.
            match reply.filter(|_| sessions > 0) {
                Some(reply) => Ok(page::go(&reply)),
                None => {
                    let page = LeftPage { frame };
                    page::show(&page.frame, &page)
                }
            }
        }
        Ok(Heard::Answered { .. }) => Ok(page::go("/sign-in?left")),
        Err(reference) => {
            let sentence = help::for_the_person("sign_out");
            Err(Failure(Error::invalid("message", format!("{sentence} Reference: {reference}"))))
        }
    }
}

fn note_refusal(tx: &mut Tx, cause: &str, address: String) -> Result<String> {
    let event = events::note(
        tx,
        events::Report {
            purpose: Purpose::SignOut,
            cause: Some("sign_out"),
            sentence: cause.to_owned(),
            user_id: None,
            started_by: None,
            name_id: None,
            address,
            proven: false,
            details: events::Details::default(),
        },
    )?;
    Ok(event.reference)
}

/// Where to go when somebody leaves: to Entra ID if it is to end its session too.
pub(in crate::web) async fn leave(request: &HttpRequest, desk: &Desk) -> Result<Option<String>> {
    let Some(foreign) = Visit::of(request).foreign() else { return Ok(None) };
    let house = house(request)?;
    let here = here(house);
    let settings = desk.read(settings::read).await?;
    if settings.sign_requests {
        own_keys(house, desk).await?;
    }
    desk.write(Actor::Rollcall, move |tx| sign_out::ask(tx, &here, &foreign)).await
}
