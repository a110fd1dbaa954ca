//! Reading the body of a request: the one place where that is done, within a limit and a deadline.
//!
//! A body that is announced as larger than its route takes is refused before a byte of it is read, one that does not
//! come in time is given up, and what was not read is not drained: the connection is closed instead
//! (RFC 9110 section 15.5.14, RFC 9112 section 9.6).

use super::connections::{Connection, NoRoom, Patience, SLOWEST};
use super::csrf;
use super::extract::{Fields, RequestIdentity, app_state};
use super::page::Failure;
use crate::error::{Error, Result};
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::{Stream, StreamExt, stream};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest form without a file.
pub(super) const LARGEST_FORM: usize = 256 * 1024;
/// So much more than a route's largest file is read, so that the form can say itself what is wrong with it.
const A_LITTLE_MORE: usize = 1024 * 1024;
/// Everything around the files of an upload.
const LARGEST_FIELDS: usize = 1024 * 1024;
const MOST_FIELDS: usize = 100;
/// The largest body that any route reads.
pub(super) const LARGEST: usize = crate::domain::alignment::MOST_BYTES + A_LITTLE_MORE + LARGEST_FIELDS;
/// How it is told, past the readers of forms, that strangers' bodies hold all that they may.
const NO_ROOM: io::ErrorKind = io::ErrorKind::QuotaExceeded;
/// However much has come, nothing is waited for longer than this.
const LONGEST: Duration = Duration::from_mins(10);

/// When to ask again after strangers' bodies held all that they may, in seconds.
const RETRY_S: u64 = 2;

/// Marks a request whose credential was accepted: its body is no stranger's.
pub(super) struct Credentialed;

/// The whole body, if it isn't larger than the limit and comes in time.
pub(super) async fn whole(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, Failure> {
    let mut incoming = Incoming::of(request, payload, limit)?;
    // What was announced is set aside at once: a buffer that grows is twice as large as what is in it.
    let announced = announced(request).and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut body = BytesMut::with_capacity(announced.min(limit));
    while let Some(chunk) = incoming.next().await {
        body.extend_from_slice(&chunk.map_err(|fault| failure(&fault, limit))?);
    }
    Ok(body.freeze())
}

/// Lets a body come, as [`whole`] does, and keeps nothing of it: for whoever would not be heard, but is to be told so.
pub(super) async fn discard(request: &HttpRequest, payload: Payload, limit: usize) -> Result<(), Failure> {
    let mut incoming = Incoming::of(request, payload, limit)?;
    incoming.is_strangers = false;
    while let Some(chunk) = incoming.next().await {
        chunk.map_err(|fault| failure(&fault, limit))?;
    }
    Ok(())
}

/// A form with a file of at most so many bytes; a little more is read for the form to refuse.
pub(super) struct UpTo<const LARGEST: usize>(pub(super) Upload);

/// A form with a file, its CSRF token checked before the file was read.
pub(super) struct Upload {
    pub(super) fields: Fields,
    pub(super) file_name: String,
    pub(super) file: Vec<u8>,
}

impl Upload {
    /// Reads it. Fields come before files, the token among them: what comes without one is not read.
    pub(super) async fn read(
        request: &HttpRequest,
        payload: Payload,
        largest: usize,
    ) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let mut upload = Self { fields: Fields::new(), file_name: String::new(), file: Vec::new() };
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data")) {
            // Such as a form that was posted without its file: still no way around the token.
            let body = whole(request, payload, LARGEST_FORM).await?;
            upload.fields = serde_urlencoded::from_bytes(&body).map_err(|_| unreadable())?;
            csrf::check(request, &upload.fields)?;
            return Ok(upload);
        }
        // What is too large is told as the form tells it, not as what is read of it.
        let told = |Failure(refusal): Failure| match refusal {
            Error::TooLarge(_) => Failure(Error::TooLarge(largest)),
            other => Failure(other),
        };
        let most = largest + A_LITTLE_MORE;
        let incoming = Incoming::of(request, payload, most + LARGEST_FIELDS).map_err(told)?;
        let mut parts = Multipart::new(request.headers(), incoming.stream());
        let mut room = LARGEST_FIELDS;
        while let Some(part) = parts.next().await {
            let mut part = part.map_err(|cause| of_part(&cause, largest))?;
            let disposition = part.content_disposition();
            let file_name = disposition.and_then(|header| header.get_filename()).map(str::to_owned);
            if let Some(file_name) = file_name {
                csrf::check(request, &upload.fields)?;
                upload.file = read_part(&mut part, most).await.map_err(told)?;
                upload.file_name = file_name;
            } else {
                let value = read_part(&mut part, room).await?;
                room -= value.len();
                let name = part.name().unwrap_or_default().to_owned();
                upload.fields.push((name, String::from_utf8_lossy(&value).into_owned()));
            }
            if upload.fields.len() > MOST_FIELDS {
                return Err(unreadable());
            }
        }
        csrf::check(request, &upload.fields)?;
        Ok(upload)
    }
}

async fn read_part(part: &mut Field, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.next().await {
        bytes.extend_from_slice(&chunk.map_err(|cause| of_part(&cause, limit))?);
        if bytes.len() > limit {
            return Err(Failure(Error::TooLarge(limit)));
        }
    }
    Ok(bytes)
}

/// A body on its way in.
struct Incoming {
    payload: Payload,
    limit: usize,
    received: usize,
    began: Instant,
    patience: Patience,
    connection: Option<Arc<Connection>>,
    /// Whether the sender has shown neither a session nor a credential: such bodies are bounded together.
    is_strangers: bool,
}

impl Incoming {
    fn of(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Self, Failure> {
        if announced(request).is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
            return Err(Failure(Error::TooLarge(limit)));
        }
        let patience = app_state(request)?.0.patience;
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        let is_strangers = {
            let extensions = request.extensions();
            let identity = extensions.get::<RequestIdentity>();
            identity.is_none_or(|identity| identity.user.is_none())
                && extensions.get::<Credentialed>().is_none()
        };
        Ok(Self { payload, limit, received: 0, began: Instant::now(), patience, connection, is_strangers })
    }

    async fn next(&mut self) -> Option<Result<Bytes, PayloadError>> {
        if let Some(connection) = &self.connection {
            connection.waits_for_body();
        }
        let chunk = tokio::time::timeout(self.left(), self.payload.next()).await;
        match chunk {
            Err(_) => Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))),
            Ok(None) => {
                if let Some(connection) = &self.connection {
                    connection.has_body();
                }
                None
            }
            Ok(Some(Err(cause))) => Some(Err(cause)),
            Ok(Some(Ok(chunk))) => {
                self.received += chunk.len();
                if self.received > self.limit {
                    return Some(Err(PayloadError::Overflow));
                }
                let held = self.connection.as_ref().filter(|_| self.is_strangers);
                let room = held.map_or(Ok(()), |connection| connection.takes_in(chunk.len()));
                Some(room.map(|()| chunk).map_err(|NoRoom| PayloadError::Io(NO_ROOM.into())))
            }
        }
    }

    /// How much longer the rest is waited for. Who sends much has more time, at a rate that any line keeps.
    fn left(&self) -> Duration {
        let earned = u64::try_from(self.received).unwrap_or(u64::MAX) / SLOWEST;
        let allowed = (self.patience.body + Duration::from_secs(earned)).min(LONGEST.max(self.patience.body));
        allowed.saturating_sub(self.began.elapsed())
    }

    fn stream(self) -> impl Stream<Item = Result<Bytes, PayloadError>> + 'static {
        let chunks = stream::unfold(self, |mut incoming| async move {
            incoming.next().await.map(|chunk| (chunk, incoming))
        });
        // Who reads parts asks once more after the end.
        Box::pin(chunks.fuse())
    }
}

/// The length that the request says its body has.
fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn failure(fault: &PayloadError, limit: usize) -> Failure {
    match fault {
        PayloadError::Overflow => Failure(Error::TooLarge(limit)),
        PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => Failure(Error::TooSlow),
        PayloadError::Io(cause) if cause.kind() == NO_ROOM => Failure(Error::Busy(RETRY_S)),
        _ => unreadable(),
    }
}

fn of_part(fault: &MultipartError, limit: usize) -> Failure {
    match fault {
        MultipartError::Payload(fault) => failure(fault, limit),
        _ => unreadable(),
    }
}

pub(super) fn unreadable() -> Failure {
    Failure(Error::invalid("form", "The form could not be read. Go back, reload the page and try again."))
}
