//! What a supervisor asks: is the program alive, and can it serve?

use super::extract::Desk;
use crate::error::Error;
use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get};

pub(super) fn routes(routes: &mut ServiceConfig) {
    routes.route("/healthz", get().to(alive)).route("/readyz", get().to(ready));
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

/// Ready: the database can be written and has had every migration.
async fn ready(desk: Desk) -> HttpResponse {
    let answer = |mut response: actix_web::HttpResponseBuilder, text: &'static str| {
        response
            .content_type("text/plain; charset=utf-8")
            .insert_header(("Cache-Control", "no-store"))
            .body(text)
    };
    match desk.ready().await {
        Ok(true) => answer(HttpResponse::Ok(), "ready\n"),
        Ok(false) => answer(HttpResponse::ServiceUnavailable(), "not ready: migrations are waiting\n"),
        Err(cause) => {
            if let Error::Internal(cause) = &cause {
                tracing::error!(%cause, "not ready");
            }
            answer(HttpResponse::ServiceUnavailable(), "not ready: the database cannot be written\n")
        }
    }
}
