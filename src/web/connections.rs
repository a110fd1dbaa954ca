//! How many connections there are, who holds them, and for how long.
//!
//! A connection costs a descriptor and memory from the moment it is made, long before anybody has proved anything. So
//! each is counted under the block of its peer's address, no block holds more than its share, and what waits for its
//! client (for a request, for a body, for an answer to be taken) is cut when it waits too long, or when another
//! connection needs its place. One that is being worked for is never cut. Whoever comes is thus served whatever others
//! hold, their neighbours in the same network included.

use crate::network::{Block, is_within};
use actix_http::ConnectionType;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use futures_util::task::AtomicWaker;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(super) mod stream;

/// Descriptors that are left for the database, its readers, and fetching.
const OTHER_DESCRIPTORS: u64 = 128;
/// More connections than this are of no use to one machine, and each may cost some tens of KiB.
const MOST: u64 = 4096;
/// A block of addresses holds at most one in so many.
const SHARES: usize = 8;
const SMALLEST_SHARE: usize = 16;

/// How many connections are held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All together.
    pub most: usize,
    /// Those of one block of addresses ([`Block`]) that is no named proxy's.
    pub share: usize,
}

impl Room {
    /// As many as a program has room for that may hold so many descriptors.
    #[must_use]
    pub fn within(descriptors: u64) -> Self {
        let most = descriptors.saturating_sub(OTHER_DESCRIPTORS).clamp(SMALLEST_SHARE as u64, MOST);
        let most = usize::try_from(most).unwrap_or(SMALLEST_SHARE);
        Self { most, share: (most / SHARES).max(SMALLEST_SHARE) }
    }
}

/// For how long a client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a request, between two, and for an answer to be taken, from when it was last seen to go on.
    pub idle: Duration,
    /// For a whole body; large ones get a second more for each [`SLOWEST`] bytes that have come.
    pub body: Duration,
}

/// Bytes a second at which a large body or answer may trickle; 128 kbit/s.
pub(super) const SLOWEST: u64 = 16 * 1024;

impl Default for Patience {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30), body: Duration::from_secs(30) }
    }
}

/// For how long a client is given to read an answer after which the connection is closed.
const LINGER: Duration = Duration::from_secs(2);

/// All connections of a server.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    room: Room,
    idle: Duration,
    proxies: Vec<IpNet>,
    epoch: Instant,
    held: Mutex<HashMap<Block, Vec<Arc<Connection>>>>,
}

/// One of them.
pub(super) struct Connection {
    block: Block,
    /// Named proxies carry many clients: no share binds them.
    is_proxy: bool,
    idle: Duration,
    epoch: Instant,
    /// Since when the client is waited for, in milliseconds after the epoch; [`WORKING`] while it is worked for.
    waits_since: AtomicU64,
    /// When it is cut unless something happens, likewise.
    cut_at: AtomicU64,
    is_cut: AtomicBool,
    /// Whether the request under way has a body without announced length that was not read to its end.
    unread: AtomicBool,
    task: AtomicWaker,
}

const WORKING: u64 = u64::MAX;

impl Connections {
    pub(super) fn new(room: Room, patience: Patience, proxies: Vec<IpNet>) -> Self {
        let epoch = Instant::now();
        Self(Arc::new(Shared { room, idle: patience.idle, proxies, epoch, held: Mutex::default() }))
    }

    /// Takes a connection in, for which another may have to go. None if there is no room: all are being worked for.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let Shared { room, idle, epoch, .. } = *self.0;
        let (block, is_proxy) = (Block::of(peer), is_within(&self.0.proxies, peer));
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_proxy && held.get(&block).map_or(0, Vec::len) >= room.share {
            cut_longest_waiting(held.get_mut(&block)?)?;
        }
        if held.values().map(Vec::len).sum::<usize>() >= room.most {
            make_room(&mut held)?;
        }
        let connection = Arc::new(Connection {
            block,
            is_proxy,
            idle,
            epoch,
            waits_since: AtomicU64::new(WORKING),
            cut_at: AtomicU64::new(WORKING),
            is_cut: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        connection.waits();
        held.entry(block).or_default().push(connection.clone());
        Some(Admitted { connection, connections: self.clone() })
    }

    /// Cuts all that wait for their clients. Those that are being worked for go on.
    pub(super) fn cut_waiting(&self) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in held.values_mut() {
            while cut_longest_waiting(holder).is_some() {}
        }
        held.retain(|_, holder| !holder.is_empty());
    }

    fn leave(&self, connection: &Arc<Connection>) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(neighbours) = held.get_mut(&connection.block) else { return };
        neighbours.retain(|other| !Arc::ptr_eq(other, connection));
        if neighbours.is_empty() {
            held.remove(&connection.block);
        }
    }
}

/// Cuts one of whoever holds most, named proxies last: they carry others.
fn make_room(held: &mut HashMap<Block, Vec<Arc<Connection>>>) -> Option<()> {
    let mut holders: Vec<&mut Vec<Arc<Connection>>> = held.values_mut().collect();
    let carries = |holder: &[Arc<Connection>]| holder.iter().any(|connection| connection.is_proxy);
    holders.sort_by_key(|holder| (carries(holder), std::cmp::Reverse(holder.len())));
    let made = holders.into_iter().find_map(cut_longest_waiting);
    held.retain(|_, holder| !holder.is_empty());
    made
}

fn cut_longest_waiting(holder: &mut Vec<Arc<Connection>>) -> Option<()> {
    let since = |connection: &Arc<Connection>| connection.waits_since.load(Ordering::Relaxed);
    let waiting = holder.iter().enumerate().filter(|(_, connection)| since(connection) != WORKING);
    let (longest, _) = waiting.min_by_key(|(_, connection)| since(connection))?;
    holder.swap_remove(longest).cut();
    Some(())
}

impl Connection {
    /// The client is worked for from now on.
    fn works(&self) {
        self.waits_since.store(WORKING, Ordering::Relaxed);
        self.cut_at.store(WORKING, Ordering::Relaxed);
    }

    /// A request has come, with a body whose end nobody knows if it is said so.
    fn begins(&self, endless: bool) {
        self.unread.store(endless, Ordering::Relaxed);
        self.works();
    }

    /// The body has come.
    pub(super) fn has_body(&self) {
        self.unread.store(false, Ordering::Relaxed);
        self.works();
    }

    fn has_unread_body(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Nothing more is expected of the client but that it reads the answer.
    fn lingers(&self) {
        self.cut_at.store(self.now().saturating_add(millis(LINGER)), Ordering::Relaxed);
        self.task.wake();
    }

    /// The client is waited for from now on, and not for ever.
    pub(super) fn waits(&self) {
        let now = self.now();
        self.waits_since.store(now, Ordering::Relaxed);
        self.cut_at.store(now.saturating_add(millis(self.idle)), Ordering::Relaxed);
    }

    /// The client's body is waited for: whoever reads it looks at the clock, but another may need the place.
    pub(super) fn waits_for_body(&self) {
        if self.waits_since.load(Ordering::Relaxed) == WORKING {
            self.waits_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The client took so much of an answer: it is waited for as much longer, but not longer than from now on.
    pub(super) fn took(&self, bytes: usize) {
        let earned = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1000) / SLOWEST;
        let latest = self.now().saturating_add(millis(self.idle));
        let extend = |at: u64| (at != WORKING).then(|| at.saturating_add(earned).min(latest.max(at)));
        let _ = self.cut_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, extend);
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Whether it is over. If not, the task is woken when somebody cuts it; the answer is for how long it is sure to
    /// last, unless somebody does.
    fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        self.task.register(cx.waker());
        if self.is_cut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// How long it lasts if nothing happens; zero if it is over.
    fn left(&self) -> Duration {
        let cut_at = self.cut_at.load(Ordering::Relaxed);
        let left = Duration::from_millis(cut_at.saturating_sub(self.now()));
        left.min(self.idle)
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }
}

/// Keeps a connection's place while its request is worked for. One whose body was not read to its end is closed after
/// the answer: nobody drains what may never end.
pub(super) async fn hold<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let Some(connection) = request.conn_data::<Arc<Connection>>().cloned() else {
        return next.call(request).await;
    };
    let has_body = request.headers().contains_key(header::TRANSFER_ENCODING);
    connection.begins(has_body);
    let mut response = next.call(request).await;
    connection.waits();
    if let Ok(response) = &mut response
        && connection.has_unread_body()
    {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        connection.lingers();
    }
    response
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(WORKING - 1)
}

/// A connection's place, which is free again when this is dropped.
pub(super) struct Admitted {
    connection: Arc<Connection>,
    connections: Connections,
}

impl Admitted {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(super) fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        self.connection.poll_cut(cx)
    }

    pub(super) fn left(&self) -> Duration {
        self.connection.left()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.leave(&self.connection);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ROOM: Room = Room { most: 6, share: 2 };

    fn connections() -> Connections {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Connections::new(ROOM, Patience::default(), proxies)
    }

    fn admit(connections: &Connections, peer: &str) -> Option<Admitted> {
        connections.admit(peer.parse().unwrap())
    }

    fn is_cut(admitted: &Admitted) -> bool {
        admitted.connection.is_cut.load(Ordering::Acquire)
    }

    #[test]
    fn a_neighbourhood_has_its_share_and_the_longest_waiting_makes_room() {
        let connections = connections();
        let [first, second, other] =
            ["192.0.2.1", "192.0.2.2", "192.0.3.1"].map(|peer| admit(&connections, peer).unwrap());
        let third = admit(&connections, "192.0.2.3").unwrap();
        assert!(is_cut(&first) && !is_cut(&second) && !is_cut(&third) && !is_cut(&other));
        second.connection.works();
        let fourth = admit(&connections, "192.0.2.4").unwrap();
        assert!(is_cut(&third) && !is_cut(&second));
        fourth.connection.works();
        assert!(admit(&connections, "192.0.2.5").is_none(), "all are being worked for");
        assert!(admit(&connections, "192.0.9.5").is_some(), "nobody else is bound by it");
        drop(second);
        assert!(admit(&connections, "192.0.2.5").is_some(), "a place that was left is free");
    }

    #[test]
    fn when_all_is_taken_whoever_holds_most_makes_room_and_proxies_last() {
        let connections = connections();
        let proxied: Vec<_> = (0..3).map(|_| admit(&connections, "10.0.0.5").unwrap()).collect();
        let pair = ["2001:db8::1", "2001:db8::2"].map(|peer| admit(&connections, peer).unwrap());
        let single = admit(&connections, "192.0.2.1").unwrap();
        let fresh = admit(&connections, "198.51.100.1").unwrap();
        assert!(
            pair.iter().any(is_cut) && !is_cut(&single) && !is_cut(&fresh) && !proxied.iter().any(is_cut)
        );
        for connection in pair.iter().chain([&single, &fresh]) {
            connection.connection.works();
        }
        let last = admit(&connections, "203.0.113.1").unwrap();
        assert!(proxied.iter().any(is_cut) && !is_cut(&last));
    }

    #[test]
    fn who_is_worked_for_is_not_cut_with_those_who_wait() {
        let connections = connections();
        let [working, waiting] = ["192.0.2.1", "192.0.2.2"].map(|peer| admit(&connections, peer).unwrap());
        working.connection.works();
        connections.cut_waiting();
        assert!(is_cut(&waiting) && !is_cut(&working));
    }

    #[test]
    fn room_stays_below_the_descriptors() {
        assert_eq!(Room::within(1024), Room { most: 896, share: 112 });
        assert_eq!(Room::within(1_000_000), Room { most: 4096, share: 512 });
        assert_eq!(Room::within(64), Room { most: 16, share: 16 });
    }

    #[test]
    fn whoever_takes_an_answer_is_waited_for_but_not_for_nothing() {
        let connections = connections();
        let admitted = admit(&connections, "192.0.2.1").unwrap();
        let connection = admitted.connection();
        let idle = Patience::default().idle;
        connection.took(usize::MAX);
        assert!(connection.left() <= idle);
        connection.cut_at.store(connection.now() + 1000, Ordering::Relaxed);
        connection.took(100);
        assert!(connection.left() < Duration::from_millis(1100));
        connection.took(1024 * 1024);
        assert!(connection.left() > idle.saturating_sub(Duration::from_secs(1)));
    }
}
