//! `rollcall serve`: opens the database, says where the console is, and serves it until told to stop.

use super::{Failure, folder, lock, log, open, remark, room, say, signals};
use crate::config::{Listen, Settings};
use crate::domain::sessions::Limits;
use crate::domain::{Actor, Org, admins, recount, retention};
use crate::threads::Threads;
use crate::web::{self, AppState, ConnectionLimits, ConsoleSettings, Patience, Proxies};
use crate::worker;
use chrono::TimeDelta;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use url::Url;

pub(super) fn serve(settings: &Settings) -> Result<(), Failure> {
    log::start(settings)?;
    let threads = Threads::here();
    room::check(threads)?;
    let system = actix_web::rt::System::new();
    system
        .block_on(async { signals::let_pass() })
        .map_err(|cause| Failure::Start(format!("signals cannot be heeded: {cause}")))?;
    // Held to the end: nobody else serves the folder, or replaces what is in it.
    let mut lock = lock::take(&settings.data_dir)?;
    // Before the database is opened: a program that cannot serve changes nothing in it.
    let listener = listen(&settings.listen)?;
    let had_log = folder::has_log(settings);
    let org = open(settings)?;
    folder::tell_of_restore(settings);
    // Where that cannot be told nobody is refused.
    let _told = lock.tell_files(&settings.data_dir);
    // By the lines that there are, before there are newer ones: the rounds of the worker compare with this.
    retention::is_clock_trusted(&org)?;
    recount::put_right(&org)?;
    let address = listener.local_addr().map_err(|cause| Failure::Start(cause.to_string()))?;
    let public_url = settings.public_url.clone().unwrap_or_else(|| settings.listen.url(address.port()));
    if let Some(odd) = folder::begin_service(settings, &org, had_log)? {
        remark(&odd);
    }
    announce(&org, address, &public_url)?;
    let limits = Limits {
        idle: TimeDelta::minutes(settings.session_idle_minutes.into()),
        absolute: TimeDelta::hours(settings.session_hours.into()),
    };
    let served = org.clone();
    let site = ConsoleSettings {
        public_url,
        authority: settings.entra_authority.clone(),
        proxies: Proxies { networks: settings.trusted_proxies.clone(), header: settings.forwarded_header },
        connection_limits: ConnectionLimits::within(descriptors()),
        patience: Patience::default(),
        hsts_subdomains: settings.hsts_subdomains,
        limits,
        scim_requests_per_second: settings.scim_requests_per_second,
        metadata_from_private_networks: settings.metadata_from_private_networks,
    };
    let state = AppState::new(org, site);
    state.prepare();
    let (looked_after, private) = (served.clone(), settings.metadata_from_private_networks);
    system
        .block_on(async move {
            look_after(looked_after, private)?;
            web::serve(state, listener, threads)?.await
        })
        .map_err(|cause| Failure::Start(format!("the server stopped: {cause}")))?;
    folder::end_service(&served)
}

/// Does what the program does by itself, on a thread of its own: it waits for what it writes, and signals are heeded
/// meanwhile.
fn look_after(org: Org, metadata_from_private_networks: bool) -> io::Result<()> {
    let work = move || {
        actix_web::rt::System::new().block_on(async move {
            actix_web::rt::spawn(worker::carry_on(org.clone()));
            worker::work(org, metadata_from_private_networks).await;
        });
    };
    thread::Builder::new().name("worker".into()).spawn(work).map(drop)
}

/// How many descriptors the program may hold, after it asked for as many as it may ask for: the usual soft limit of 1,024
/// is there for programs that use `select`.
fn descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    // Some systems refuse an unlimited number: then it stays as it was.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn listen(at: &Listen) -> Result<TcpListener, Failure> {
    let failed = |cause: &dyn std::fmt::Display| Failure::Start(format!("cannot listen on {at}: {cause}"));
    let (mut first, mut refusal) = (None, None);
    // Whoever goes to a name may come to any of its addresses: none may be another program's.
    for address in at.addresses().map_err(|cause| failed(&cause))? {
        match TcpListener::bind(address) {
            Ok(listener) => first = first.or(Some(listener)),
            Err(cause) if cause.kind() == ErrorKind::AddrInUse => {
                return Err(failed(&format!(
                    "the port is in use at {}. Stop the other program, or choose another port with --listen",
                    address.ip()
                )));
            }
            // Of a name that has addresses of both kinds, this machine may know one only.
            Err(cause) => refusal = refusal.or(Some(cause)),
        }
    }
    let listener = first.ok_or_else(|| match refusal {
        Some(cause) => failed(&cause),
        None => failed(&"it has no address"),
    })?;
    listener.set_nonblocking(true).map_err(|cause| failed(&cause))?;
    Ok(listener)
}

/// Tells where the console is, and how to claim it while it has no owner.
fn announce(org: &Org, address: SocketAddr, public_url: &Url) -> Result<(), Failure> {
    let base = public_url.as_str().trim_end_matches('/');
    let mut lines = vec![format!("Rollcall listens on http://{address}"), format!("Open {base}/")];
    if let Some(secret) = org.write(&Actor::Rollcall, admins::offer_set_up)? {
        lines.push(String::new());
        lines.push("Nobody owns this instance yet. Claim it with this link, which works once:".to_owned());
        lines.push(format!("{base}/set-up/{secret}"));
    }
    say(lines);
    Ok(())
}
