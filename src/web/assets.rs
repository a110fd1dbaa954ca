//! `static/`, built into the program. An address carries the content's hash, so that browsers may keep it for ever.

use actix_web::http::header::{CacheControl, CacheDirective};
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write;

const A_YEAR_S: u32 = 365 * 24 * 60 * 60;
const HASH_BYTES: usize = 8;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// Where the asset of this name is served.
pub(super) fn address(name: &str) -> String {
    let hash = Static::get(name).map(|file| hash(&file)).unwrap_or_default();
    format!("/static/{hash}/{name}")
}

pub(super) async fn serve(path: Path<(String, String)>) -> impl Responder {
    let (asked, name) = path.into_inner();
    match Static::get(&name) {
        Some(file) if hash(&file) == asked => send(&name, file),
        _ => HttpResponse::NotFound().finish(),
    }
}

pub(super) async fn icon() -> impl Responder {
    Static::get("icon.svg").map_or_else(|| HttpResponse::NotFound().finish(), |file| send("icon.svg", file))
}

fn send(name: &str, file: EmbeddedFile) -> HttpResponse {
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let keep = CacheControl(vec![
        CacheDirective::Public,
        CacheDirective::MaxAge(A_YEAR_S),
        CacheDirective::Extension("immutable".to_owned(), None),
    ]);
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header(keep)
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(file.data.into_owned())
}

fn hash(file: &EmbeddedFile) -> String {
    let digest = file.metadata.sha256_hash();
    digest.iter().take(HASH_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
