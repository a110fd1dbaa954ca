//! What a supervisor asks: is the program alive, and can it serve?

use super::extract::OrgHandle;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use std::time::Duration;

/// Whoever asks waits at most a second.
const PATIENCE: Duration = Duration::from_millis(800);

pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

/// How the database does, in one word; the log says why.
pub(super) async fn ready(org: OrgHandle) -> HttpResponse {
    let condition = org.condition(PATIENCE).await;
    let status = if condition.serves() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .body(condition.word())
}
