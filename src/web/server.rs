//! The server: a listener, its connections, and what is done with each.

use super::body::LARGEST;
use super::connections::stream::Stream;
use super::connections::{Connection, Connections};
use super::{AppState, app};
use crate::domain::Org;
use crate::error::Error;
use crate::threads::{Shared, Threads};
use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpMessage, HttpService, KeepAlive, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Server};
use actix_web::http::{StatusCode, header};
use actix_web::rt::net::TcpStream;
use std::future::ready;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// Requests that are under way when the program is told to stop have this long to finish: the longest work is cut into
/// slices, of which the rest is done after the next start,
const SHUTDOWN_S: u64 = 4;
/// and clients that are still to send theirs, or to take an answer, so long.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(2);
/// For how long the head of the first request is waited for.
const HEAD: Duration = Duration::from_secs(5);
/// For how long what a client still sends is thrown away after it was refused, so that it reads why
/// (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// Serves the console on `listener` until the program is told to stop.
pub fn serve(state: AppState, listener: TcpListener, threads: Threads) -> io::Result<Server> {
    let proxies = state.0.proxies.networks.clone();
    let connections = Connections::new(state.0.connection_limits, state.0.patience, proxies);
    let builder = Server::build()
        .workers(threads.workers)
        .worker_max_blocking_threads(threads.blocking)
        .shutdown_timeout(SHUTDOWN_S);
    let stopping = builder.graceful_shutdown_signal();
    let (waiting, stop, org) = (connections.clone(), stopping.clone(), state.org().clone());
    actix_web::rt::spawn(async move { cut_at_stop(&waiting, &org, stop.notified()).await });
    // Called on each thread that serves connections.
    let builder = builder.listen("rollcall", listener, move || {
        Shared::Server.declare();
        let (connections, stopping) = (connections.clone(), stopping.clone());
        let app = app(state.clone()).into_factory();
        let app = app.map_err(|cause: actix_web::Error| cause.error_response());
        let http = HttpService::build()
            .expect(fn_service(|request: Request| ready(expected(request))))
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            // How long the next request is waited for is the connections' matter, see [`super::Patience`].
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(HEAD)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|stream: &Stream, data| {
                data.insert::<Arc<Connection>>(stream.connection().clone());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let http = apply_fn_factory(http, |(stream, client): (Stream, Option<SocketAddr>), http| {
            let served = http.call((stream, client));
            async move { served.await.inspect_err(|cause| tell(client, cause)) }
        });
        fn_service(move |io: TcpStream| ready(take_in(&connections, io))).and_then(http)
    })?;
    Ok(builder.run())
}

/// Says in the log why a connection ended otherwise than with an answer.
fn tell(client: Option<SocketAddr>, cause: &DispatchError) {
    let client = client.map(|client| client.ip().to_string()).unwrap_or_default();
    match cause {
        DispatchError::Parse(cause) => {
            tracing::info!(client, %cause, "a request that is no HTTP was refused");
        }
        cause => tracing::debug!(client, %cause, "a connection was ended"),
    }
}

/// Whether a body is to come that the client asks about first (RFC 9110 section 10.1.1): none that is larger than
/// anything takes. The routes have limits of their own.
fn expected(request: Request) -> Result<Request, Response<BoxBody>> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.is_none_or(|length| length.parse::<usize>().is_ok_and(|length| length <= LARGEST)) {
        return Ok(request);
    }
    let mut response = Response::new(StatusCode::PAYLOAD_TOO_LARGE);
    response.head_mut().set_connection_type(ConnectionType::Close);
    Err(response.set_body(BoxBody::new(Error::TooLarge(LARGEST).to_string())))
}

/// Once the program is told to stop, whoever keeps it waiting does not do so for long; and writes that have not begun by
/// then are for after the next start.
async fn cut_at_stop(connections: &Connections, org: &Org, stop: impl Future<Output = ()>) {
    stop.await;
    loop {
        tokio::time::sleep(PATIENCE_AT_STOP).await;
        org.end();
        connections.cut_waiting();
    }
}

/// A connection that has just been made, if there is room for it.
fn take_in(connections: &Connections, io: TcpStream) -> Result<(Stream, Option<SocketAddr>), DispatchError> {
    let peer = io.peer_addr().map_err(DispatchError::Io)?;
    let no_room = || DispatchError::Io(io::Error::new(ErrorKind::ConnectionRefused, "there is no room"));
    let admitted = connections.admit(peer.ip()).ok_or_else(no_room)?;
    io.set_nodelay(true).map_err(DispatchError::Io)?;
    Ok((Stream::new(io, admitted), Some(peer)))
}
