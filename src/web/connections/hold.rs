//! What a connection is while one of its requests is answered.

use super::{Connection, ConnectionOwner, WORKING};
use crate::error::Error;
use crate::web::extract::app_state;
use actix_http::ConnectionType;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error as Fault, HttpResponse};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// When to ask again after a client's share was taken, in seconds.
const RETRY_S: u64 = 2;

/// One place in so many of a share is for those who wait.
const KEPT_FREE: usize = 8;

impl Connection {
    /// From now on it is this client's; says whether that has room for it.
    pub(super) fn serves(&self, client: IpAddr) -> bool {
        let holder = self.all.holder(client);
        self.counts_for(holder, client) && self.may_work(holder, client)
    }

    /// Whether a block has room for one more to be worked for: some of its places are for those who wait, one of whom
    /// can make room. A client for whom nothing else is done is always served, whatever its neighbours do.
    fn may_work(&self, holder: ConnectionOwner, client: IpAddr) -> bool {
        if holder == ConnectionOwner::Proxies {
            return true;
        }
        let held = self.all.held();
        let Some(neighbours) = held.get(&holder) else { return true };
        let works = |one: &&Arc<Self>| one.waits_since.load(Ordering::Relaxed) == WORKING;
        let share = self.all.0.connection_limits.share;
        if neighbours.iter().filter(works).count() <= share - share / KEPT_FREE {
            return true;
        }
        let is_same = |one: &&Arc<Self>| one.whose().1 == client;
        neighbours.iter().filter(works).filter(is_same).count() <= 1
    }

    pub(super) fn counts_for(&self, holder: ConnectionOwner, client: IpAddr) -> bool {
        let mut held = self.all.held();
        let mut whose = self.whose();
        whose.1 = client;
        if whose.0 == holder {
            return true;
        }
        let mine = held.get_mut(&whose.0).and_then(|mine| {
            let place = mine.iter().position(|other| std::ptr::eq(other.as_ref(), self))?;
            Some(mine.swap_remove(place))
        });
        // One that was cut counts for nobody.
        let Some(this) = mine else { return true };
        held.retain(|_, holder| !holder.is_empty());
        let has_room = self.all.keep_share(&mut held, holder).is_some();
        if has_room {
            whose.0 = holder;
        }
        held.entry(whose.0).or_default().push(this);
        has_room
    }
}

/// Keeps a connection's place while its request is worked for. One whose body was not read to its end is closed after
/// the answer: nobody drains what may never end.
pub(in crate::web) async fn hold<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Fault> {
    let Some(connection) = request.conn_data::<Arc<Connection>>().cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let has_body = request.headers().contains_key(header::TRANSFER_ENCODING);
    connection.begins(has_body);
    let client = client(&connection, &request);
    let mut response = if client.is_none_or(|client| connection.serves(client)) {
        next.call(request).await.map(ServiceResponse::map_into_left_body)
    } else {
        Ok(request.into_response(no_room()).map_into_right_body())
    };
    connection.rests();
    if let Ok(response) = &mut response
        && connection.has_unread_body()
    {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        connection.lingers();
    }
    response
}

/// Whose request it is: the peer's, or that of the client who came through a named proxy.
fn client(connection: &Connection, request: &ServiceRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    if connection.home != ConnectionOwner::Proxies {
        return Some(peer);
    }
    Some(app_state(request.request()).ok()?.0.proxies.client(peer, request.headers()))
}

fn no_room() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, RETRY_S.to_string()))
        .content_type("text/plain; charset=utf-8")
        .body(Error::Busy(RETRY_S).to_string())
}
