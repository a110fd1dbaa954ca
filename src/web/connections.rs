//! How many connections there are, who holds them, and for how long.
//!
//! A connection costs a descriptor and memory from the moment it is made, long before anybody has proved anything. So
//! each is counted under the block of its peer's address, no block holds more than its share, and what waits for its
//! client (for a request, for a body, for an answer to be taken) is cut when it waits too long, or when another
//! connection needs its place: in a block one of the client that has most of them goes, and one that has brought no
//! request before one that has. So is one that we keep waiting ourselves, see [`Connection::while_it_waits`]. One that is
//! being worked for is never cut. Whoever comes is thus served whatever others hold, their neighbours in the same
//! network included.
//!
//! A named proxy carries many clients: while one of its connections brings a request, it counts as the client's. What
//! bodies of strangers hold of memory is bounded alike, see [`bodies`].

use crate::network::{Block, is_within};
use futures_util::task::AtomicWaker;
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

mod bodies;
mod hold;
pub(super) mod stream;

pub(super) use bodies::NoRoom;
pub(super) use hold::hold;

/// Descriptors that are left for the database, its readers, and fetching.
const OTHER_DESCRIPTORS: u64 = 128;
/// More connections than this are of no use to one machine, and each may cost some tens of KiB.
const MOST: u64 = 4096;
/// A block of addresses holds at most one in so many.
const SHARES: usize = 8;
const SMALLEST_SHARE: usize = 16;

/// How many connections are held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All together.
    pub most: usize,
    /// Those of one block of addresses ([`Block`]) that is no named proxy's.
    pub share: usize,
}

impl ConnectionLimits {
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
    /// For the next request of a named proxy. Longer than proxies keep a connection (nginx 60 s, Traefik 90 s, Caddy
    /// 120 s), so that it is they who close it: a request that meets our closing is lost, and a form is not sent twice.
    pub proxy: Duration,
}

/// Bytes a second at which a large body or answer may trickle; 128 kbit/s.
pub(super) const SLOWEST: u64 = 16 * 1024;

impl Default for Patience {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30), body: Duration::from_secs(30), proxy: Duration::from_secs(130) }
    }
}

/// For how long the rest of a request's head is waited for, from its first byte; for the first request of a connection
/// the server itself looks after that.
const HEAD: Duration = Duration::from_secs(5);

/// For how long a client is given to read an answer after which the connection is closed.
const LINGER: Duration = Duration::from_secs(2);

/// All connections of a server.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    connection_limits: ConnectionLimits,
    patience: Patience,
    proxies: Vec<IpNet>,
    epoch: Instant,
    held: Mutex<ConnectionsByOwner>,
    /// What bodies of strangers hold of memory.
    bytes: AtomicUsize,
}

type ConnectionsByOwner = HashMap<ConnectionOwner, Vec<Arc<Connection>>>;

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ConnectionOwner {
    /// A block of addresses, which has a share.
    Block(Block),
    /// The named proxies, between two requests of their clients: no share binds them.
    Proxies,
}

/// One of them.
pub(super) struct Connection {
    all: Connections,
    home: ConnectionOwner,
    /// Whose it is at the moment, and the client's address; changes only while `held` is locked.
    whose: Mutex<(ConnectionOwner, IpAddr)>,
    /// Since when the client is waited for, in milliseconds after the epoch; [`WORKING`] while it is worked for.
    waits_since: AtomicU64,
    /// When it is cut unless something happens, likewise.
    cut_at: AtomicU64,
    is_cut: AtomicBool,
    /// Whether a request was answered and the next has not begun.
    is_between: AtomicBool,
    /// Whether the request under way has a body without announced length that was not read to its end.
    unread: AtomicBool,
    /// Whether a request is under way.
    has_request: AtomicBool,
    /// What the request's body holds of the strangers' memory.
    bytes: AtomicUsize,
    task: AtomicWaker,
    /// Whether the client has hung up; [`Connection::left`] wakes whoever waits for that.
    has_left: AtomicBool,
    left: Notify,
}

const WORKING: u64 = u64::MAX;

impl Connections {
    pub(super) fn new(connection_limits: ConnectionLimits, patience: Patience, proxies: Vec<IpNet>) -> Self {
        let (held, bytes) = (Mutex::default(), AtomicUsize::default());
        let epoch = Instant::now();
        Self(Arc::new(Shared { connection_limits, patience, proxies, epoch, held, bytes }))
    }

    /// Takes a connection in, for which another may have to go. None if there is no room: all are being worked for.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let home = self.holder(peer);
        let mut held = self.held();
        self.keep_share(&mut held, home)?;
        if held.values().map(Vec::len).sum::<usize>() >= self.0.connection_limits.most {
            make_room(&mut held)?;
        }
        let connection = Arc::new(Connection {
            all: self.clone(),
            home,
            whose: Mutex::new((home, peer)),
            waits_since: AtomicU64::new(WORKING),
            cut_at: AtomicU64::new(WORKING),
            is_cut: AtomicBool::new(false),
            is_between: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            has_request: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
            task: AtomicWaker::new(),
            has_left: AtomicBool::new(false),
            left: Notify::new(),
        });
        connection.waits();
        held.entry(home).or_default().push(connection.clone());
        Some(Admitted { connection })
    }

    fn holder(&self, address: IpAddr) -> ConnectionOwner {
        if is_within(&self.0.proxies, address) {
            ConnectionOwner::Proxies
        } else {
            ConnectionOwner::Block(Block::of(address))
        }
    }

    /// Sees to it that a holder may have one more. None if that cannot be.
    fn keep_share(&self, held: &mut ConnectionsByOwner, holder: ConnectionOwner) -> Option<()> {
        let mine = held.get_mut(&holder).filter(|_| holder != ConnectionOwner::Proxies);
        match mine {
            Some(mine) if mine.len() >= self.0.connection_limits.share => cut_of_most(mine),
            _ => Some(()),
        }
    }

    /// Cuts all that wait for their clients. Those that are being worked for go on.
    pub(super) fn cut_waiting(&self) {
        let mut held = self.held();
        for holder in held.values_mut() {
            while cut_longest_waiting(holder).is_some() {}
        }
        held.retain(|_, holder| !holder.is_empty());
    }

    fn held(&self) -> MutexGuard<'_, ConnectionsByOwner> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts one of whoever holds most, named proxies last: they carry others.
fn make_room(held: &mut ConnectionsByOwner) -> Option<()> {
    let mut holders: Vec<(&ConnectionOwner, &mut Vec<Arc<Connection>>)> = held.iter_mut().collect();
    holders.sort_by_key(|(holder, mine)| (**holder == ConnectionOwner::Proxies, Reverse(mine.len())));
    let made = holders.into_iter().find_map(|(_, mine)| cut_longest_waiting(mine));
    held.retain(|_, holder| !holder.is_empty());
    made
}

fn cut_longest_waiting(holder: &mut Vec<Arc<Connection>>) -> Option<()> {
    let longest = longest_waiting(holder, |_| true)?;
    holder.swap_remove(longest).cut();
    Some(())
}

/// Cuts one of the client that has most connections here, of those who have any that can go.
fn cut_of_most(holder: &mut Vec<Arc<Connection>>) -> Option<()> {
    let clients: Vec<IpAddr> = holder.iter().map(|one| one.whose().1).collect();
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for client in &clients {
        *counts.entry(*client).or_default() += 1;
    }
    let waiting = holder.iter().enumerate().filter(|(_, one)| one.since() != WORKING);
    let rank = |(place, one): &(usize, &Arc<Connection>)| {
        let has_request = one.has_request.load(Ordering::Relaxed);
        (counts.get(&clients[*place]).copied(), !has_request, Reverse((one.since(), *place)))
    };
    let (place, _) = waiting.max_by_key(rank)?;
    holder.swap_remove(place).cut();
    Some(())
}

/// The place of the one that waits longest, of those that are meant.
fn longest_waiting(holder: &[Arc<Connection>], is_meant: impl Fn(&Connection) -> bool) -> Option<usize> {
    let waiting = holder.iter().enumerate().filter(|(_, one)| one.since() != WORKING && is_meant(one));
    waiting.min_by_key(|(_, connection)| connection.since()).map(|(place, _)| place)
}

impl Connection {
    /// Since when the client is waited for, or [`WORKING`].
    fn since(&self) -> u64 {
        self.waits_since.load(Ordering::Relaxed)
    }

    /// The client is worked for from now on.
    fn works(&self) {
        self.waits_since.store(WORKING, Ordering::Relaxed);
        self.cut_at.store(WORKING, Ordering::Relaxed);
    }

    /// A request has come, with a body whose end nobody knows if it is said so.
    fn begins(&self, endless: bool) {
        self.unread.store(endless, Ordering::Relaxed);
        self.is_between.store(false, Ordering::Relaxed);
        self.has_request.store(true, Ordering::Relaxed);
        self.works();
    }

    /// The request is answered.
    fn rests(&self) {
        self.lets_go_of_body();
        self.is_between.store(true, Ordering::Relaxed);
        self.has_request.store(false, Ordering::Relaxed);
        self.waits();
        if self.home == ConnectionOwner::Proxies {
            let proxy = self.whose().1;
            self.counts_for(self.home, proxy);
            let until = self.now().saturating_add(millis(self.all.0.patience.proxy));
            self.cut_at.store(until, Ordering::Relaxed);
        }
    }

    /// Bytes have come: if they begin another head, the rest of it is not waited for long.
    fn hears(&self) {
        if self.is_between.swap(false, Ordering::Relaxed) {
            let latest = self.now().saturating_add(millis(HEAD));
            self.cut_at.fetch_min(latest, Ordering::Relaxed);
        }
    }

    /// Nothing comes any more: the client has hung up, or says that it sends nothing else.
    fn hears_the_end(&self) {
        if !self.has_left.swap(true, Ordering::AcqRel) {
            self.left.notify_waiters();
        }
    }

    /// Waits until the client hangs up.
    pub(super) async fn client_leaves(&self) {
        let left = self.left.notified();
        if !self.has_left.load(Ordering::Acquire) {
            left.await;
        }
    }

    /// Waits for something on behalf of the client that is no work for it: a pause, a turn in a queue. Meanwhile another
    /// may need the place. Every wait that we impose goes through here.
    pub(super) async fn while_it_waits<T>(&self, wait: impl Future<Output = T>) -> T {
        self.waits();
        let outcome = wait.await;
        self.works();
        outcome
    }

    fn whose(&self) -> MutexGuard<'_, (ConnectionOwner, IpAddr)> {
        self.whose.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaves(&self) {
        self.lets_go_of_body();
        let mut held = self.all.held();
        let holder = self.whose().0;
        let Some(neighbours) = held.get_mut(&holder) else { return };
        neighbours.retain(|other| !std::ptr::eq(other.as_ref(), self));
        if neighbours.is_empty() {
            held.remove(&holder);
        }
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
        self.cut_at.store(now.saturating_add(millis(self.all.0.patience.idle)), Ordering::Relaxed);
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
        let latest = self.now().saturating_add(millis(self.all.0.patience.idle));
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
        left.min(self.all.0.patience.idle)
    }

    fn now(&self) -> u64 {
        millis(self.all.0.epoch.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(WORKING - 1)
}

/// A connection's place, which is free again when this is dropped.
pub(super) struct Admitted {
    connection: Arc<Connection>,
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
        self.connection.leaves();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
