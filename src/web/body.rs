//! Reading the body of a request: the one place where that is done, within a limit and a deadline.
//!
//! A body that is announced as larger than its route takes is refused before a byte of it is read, one that does not
//! come in time is given up, and what was not read is not drained: the connection is closed instead
//! (RFC 9110 section 15.5.14, RFC 9112 section 9.6).

use super::connections::{Connection, Patience, SLOWEST};
use super::csrf;
use super::extract::{Fields, house};
use super::page::Failure;
use crate::error::{Error, Result};
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest form without a file.
pub(super) const LARGEST_FORM: usize = 256 * 1024;
/// A little more than the largest file that anything takes, so that it can say itself what is wrong with it.
const LARGEST_FILE: usize = crate::domain::alignment::MOST_BYTES + 1024 * 1024;
/// Everything around the files of an upload.
const LARGEST_FIELDS: usize = 1024 * 1024;
const MOST_FIELDS: usize = 100;
/// However much has come, nothing is waited for longer than this.
const LONGEST: Duration = Duration::from_secs(600);

/// The whole body, if it isn't larger than the limit and comes in time.
pub(super) async fn whole(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, Failure> {
    let mut incoming = Incoming::of(request, payload, limit)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = incoming.next().await {
        body.extend_from_slice(&chunk.map_err(|fault| failure(&fault, limit))?);
    }
    Ok(body.freeze())
}

/// A form with a file, its CSRF token checked before the file was read.
pub(super) struct Upload {
    pub(super) fields: Fields,
    pub(super) file_name: String,
    pub(super) file: Vec<u8>,
}

impl Upload {
    /// Reads it. Fields come before files, the token among them: what comes without one is not read.
    pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let mut upload = Self { fields: Fields::new(), file_name: String::new(), file: Vec::new() };
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data")) {
            // Such as a form that was posted without its file: still no way around the token.
            let body = whole(request, payload, LARGEST_FORM).await?;
            upload.fields = serde_urlencoded::from_bytes(&body).map_err(|_| unreadable())?;
            csrf::check(request, &upload.fields)?;
            return Ok(upload);
        }
        let incoming = Incoming::of(request, payload, LARGEST_FILE + LARGEST_FIELDS)?;
        let mut parts = Multipart::new(request.headers(), incoming.stream());
        let mut room = LARGEST_FIELDS;
        while let Some(part) = parts.next().await {
            let mut part = part.map_err(|cause| of_part(&cause, LARGEST_FILE))?;
            let disposition = part.content_disposition();
            let file_name = disposition.and_then(|header| header.get_filename()).map(str::to_owned);
            if let Some(file_name) = file_name {
                csrf::check(request, &upload.fields)?;
                upload.file = read_part(&mut part, LARGEST_FILE).await?;
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
}

impl Incoming {
    fn of(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Self, Failure> {
        if announced(request).is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
            return Err(Failure(Error::TooLarge(limit)));
        }
        let patience = house(request)?.0.patience;
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        Ok(Self { payload, limit, received: 0, began: Instant::now(), patience, connection })
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
                Some(if self.received > self.limit { Err(PayloadError::Overflow) } else { Ok(chunk) })
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
