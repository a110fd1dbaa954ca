//! stub
use actix_web::web::ServiceConfig;
#[derive(Default)]
pub(super) struct TurnedAway;
pub(super) fn routes(_: &mut ServiceConfig) {}
