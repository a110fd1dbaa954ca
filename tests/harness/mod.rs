//! A whole console on a fresh database and a port of its own, and those who come to it.

use actix_web::dev::ServerHandle;
use chrono::TimeDelta;
use rollcall::db::Db;
use rollcall::domain::admins::{self, passwords};
use rollcall::domain::identity::switch::{self, PauseAnswer, State, Switch};
use rollcall::domain::identity::tokens;
use rollcall::domain::page::At;
use rollcall::domain::provisioning::{self, Outcome};
use rollcall::domain::sessions::Limits;
use rollcall::domain::sso::events;
use rollcall::domain::users::by_entra::Scope;
use rollcall::domain::users::{Profile, User, by_hand};
use rollcall::domain::{Actor, Clock, Noted, Org, Role, Tx, licenses, sites, tasks};
use rollcall::keys::SiteId;
use rollcall::seal::Keyring;
use rollcall::threads::Threads;
use rollcall::web::{self, AppState, ConnectionLimits, ConsoleSettings, Patience, Proxies};
use std::net::TcpListener;
use std::num::NonZeroU32;
use tempfile::TempDir;

pub mod authority;
pub mod browser;
pub mod entra;
pub mod idp;

pub use browser::{Browser, Page};
pub use entra::{Entra, Reply};

/// A password that is good enough, and the same for everybody in tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// More requests a second than a test sends.
const PLENTY: NonZeroU32 = NonZeroU32::MAX;

/// What a test writes: a rule's answer with its proof, or what the test does beside the rules.
pub trait Written {
    type Value: Send + 'static;
    fn noted(self) -> Noted<Self::Value>;
}

impl<T: Send + 'static> Written for Noted<T> {
    type Value = T;

    fn noted(self) -> Noted<T> {
        self
    }
}

macro_rules! beside_the_rules {
    ($([$($name:ident),*] $kind:ty;)+) => {$(
        impl<$($name: Send + 'static),*> Written for $kind {
            type Value = Self;

            fn noted(self) -> Noted<Self> {
                Noted::unaudited(self, "a test")
            }
        }
    )+};
}

beside_the_rules! {
    [] ();
    [] bool;
    [] String;
    [] SiteId;
    [T] Vec<T>;
    [T] Option<T>;
    [A, B] (A, B);
    [] events::Event;
    [] tasks::Task;
    [] usize;
}

/// A console that is served.
pub struct Console {
    pub org: Org,
    pub clock: Clock,
    pub address: String,
    authority: String,
    servers: Vec<ServerHandle>,
    folder: TempDir,
}

/// Serves it, under the address of another server if one is given.
fn serve(org: &Org, authority: &str, a_second: NonZeroU32, public: Option<&str>) -> (String, ServerHandle) {
    serve_with(org, authority, public, |site| site.scim_requests_per_second = a_second)
}

/// Serves it, with other settings than the usual ones.
fn serve_with(
    org: &Org,
    authority: &str,
    public: Option<&str>,
    change: impl FnOnce(&mut ConsoleSettings),
) -> (String, ServerHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let limits = Limits { idle: TimeDelta::minutes(60), absolute: TimeDelta::hours(12) };
    let mut site = ConsoleSettings {
        public_url: public.unwrap_or(&address).parse().unwrap(),
        authority: authority.parse().unwrap(),
        proxies: Proxies::default(),
        connection_limits: ConnectionLimits::within(1024),
        patience: Patience::default(),
        hsts_subdomains: false,
        limits,
        scim_requests_per_second: PLENTY,
        metadata_from_private_networks: true,
    };
    change(&mut site);
    let state = AppState::new(org.clone(), site);
    let server = web::serve(state, listener, Threads::of(1)).unwrap();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

impl Drop for Console {
    fn drop(&mut self) {
        // Fire and forget: the port and the folder go with the process's next breath.
        self.servers.iter().for_each(|server| drop(server.stop(false)));
    }
}

impl Console {
    /// An instance that nobody owns yet.
    pub fn unclaimed() -> Self {
        // A port that nobody listens on: no test leaves this machine.
        Self::trusting("http://127.0.0.1:1")
    }

    /// An instance that nobody owns yet, to which Entra ID's keys are published at this address.
    pub fn trusting(authority: &str) -> Self {
        Self::made(authority, None)
    }

    /// An instance with an owner `olga` that is known to the world by this address.
    pub fn known_as(public_url: &str) -> Self {
        let console = Self::made("http://127.0.0.1:1", Some(public_url));
        console.admin("olga", Role::Owner);
        console
    }

    fn made(authority: &str, public: Option<&str>) -> Self {
        Self::made_in(tempfile::tempdir().unwrap(), authority, public)
    }

    /// An instance on the database in this folder, which is brought up to date.
    pub fn found_in(folder: TempDir) -> Self {
        Self::made_in(folder, "http://127.0.0.1:1", None)
    }

    fn made_in(folder: TempDir, authority: &str, public: Option<&str>) -> Self {
        let db = Db::open(&folder.path().join("rollcall.db")).unwrap();
        let clock = Clock::default();
        let org = Org::new(db, Keyring::forgetful(), clock.clone());
        let (address, server) = serve(&org, authority, PLENTY, public);
        let authority = authority.to_owned();
        Self { org, clock, address, authority, servers: vec![server], folder }
    }

    /// Another server of the same organisation, as after a restart; its address.
    pub fn served_again(&mut self) -> String {
        let (address, server) = serve(&self.org, &self.authority, PLENTY, Some(&self.address));
        self.servers.push(server);
        address
    }

    /// Another server of the same organisation, which lets a SCIM credential send so many requests a second; its address.
    pub fn served_with_limit(&mut self, a_second: u32) -> String {
        let a_second = NonZeroU32::new(a_second).unwrap();
        let (address, server) = serve(&self.org, &self.authority, a_second, None);
        self.servers.push(server);
        address
    }

    /// Another server of the same organisation, with other settings; its address.
    pub fn served_with(&mut self, change: impl FnOnce(&mut ConsoleSettings)) -> String {
        let (address, server) = serve_with(&self.org, &self.authority, None, change);
        self.servers.push(server);
        address
    }

    /// An instance with an owner whose user name is `olga`.
    pub fn open() -> Self {
        let console = Self::unclaimed();
        console.admin("olga", Role::Owner);
        console
    }

    /// An instance with an owner, provisioning on, and a credential for Entra ID.
    pub fn with_entra() -> (Self, Entra) {
        let console = Self::open();
        console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
        let entra = console.entra("Entra ID");
        (console, entra)
    }

    pub fn write<W: Written>(
        &self,
        work: impl FnOnce(&mut Tx) -> rollcall::error::Result<W> + Send + 'static,
    ) -> W::Value {
        self.org.write(&Actor::CommandLine, |tx| work(tx).map(Written::noted)).unwrap()
    }

    pub fn switch(&self, state: State, pause_answer: PauseAnswer, scope: Scope) {
        self.write(move |tx| switch::set(tx, Switch { state, pause_answer, scope }));
    }

    /// A SCIM client with a token of its own.
    pub fn entra(&self, label: &'static str) -> Entra {
        let (_, token) = self.write(move |tx| tokens::create(tx, label, None));
        Entra::new(&self.address, token.expose())
    }

    /// An account with a role and the usual password.
    pub fn admin(&self, user_name: &'static str, role: Role) -> User {
        let password = passwords::prepare_new(&self.org, &PASSWORD.into(), &[user_name]).unwrap();
        self.write(move |tx| {
            let wish = admins::NewAdmin {
                name: user_name.to_owned(),
                user_name: user_name.to_owned(),
                password,
                role,
            };
            admins::create(tx, &wish)
        })
    }

    /// A user made by hand, with a site if there is one of that name.
    pub fn user(&self, user_name: &str, site: Option<&str>) -> User {
        let (user_name, site) = (user_name.to_owned(), site.map(str::to_owned));
        self.write(move |tx| {
            let site = match site {
                Some(name) => sites::named(tx.conn, &name)?.map(|site| site.id),
                None => None,
            };
            let wish = by_hand::LocalProfile { profile: Profile::named(&user_name), email: None };
            by_hand::create(tx, wish, site.as_ref())
        })
    }

    pub fn site(&self, name: &'static str) -> sites::Site {
        self.write(move |tx| sites::create(tx, name))
    }

    pub fn license(&self, code: &'static str, seats: i32) -> licenses::LicenseType {
        self.write(move |tx| {
            licenses::create(
                tx,
                &licenses::LicenseTypeInput { code: code.into(), name: format!("Work {code}"), seats },
            )
        })
    }

    /// The account of this user name, as it is now.
    pub fn find(&self, user_name: &str) -> Option<User> {
        let user_name = user_name.to_owned();
        self.org.read(move |conn| rollcall::domain::users::named(conn, &user_name)).unwrap()
    }

    /// What the provisioning log says of refusals, newest first: cause and remedy.
    pub fn refusals(&self) -> Vec<String> {
        // The log is written behind the answer: this write comes after it.
        self.write(rollcall::domain::settings::touch);
        let filter = provisioning::Filter { outcomes: vec![Outcome::Refused], ..Default::default() };
        let events = self.org.read(move |conn| provisioning::list(conn, &filter, &At::Start, 100)).unwrap();
        let said = |event: &provisioning::Event| {
            [event.error.clone(), event.remedy.clone()].map(Option::unwrap_or_default).join(" ")
        };
        events.items.iter().map(said).collect()
    }

    /// The database, opened once more as another process would.
    pub fn db(&self) -> Db {
        Db::open(&self.folder.path().join("rollcall.db")).unwrap()
    }

    /// Where the database is.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A browser that has not signed in.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.address)
    }

    /// A browser at another address of this machine, as anywhere in 127.0.0.0/8.
    pub fn browser_at(&self, own: &str) -> Browser {
        Browser::at(&self.address, own)
    }

    /// A browser in which this person has signed in with the usual password.
    pub async fn signed_in(&self, user_name: &str) -> Browser {
        let browser = self.browser();
        let page = browser.get("/sign-in").await;
        let home = page.submit("/sign-in", &[("user_name", user_name), ("password", PASSWORD)]).await;
        assert_eq!(home.status, 303, "{}", home.body);
        browser
    }
}
