//! Routes and endpoints as data: what there is, who may use it, and which methods it takes.

use crate::domain::Role;
use crate::domain::authority::ProofRule;
use actix_web::HttpRequest;
use actix_web::guard::{self, Guard};
use actix_web::http::Method;

/// So much of a method that is none is repeated.
const LONGEST_METHOD: usize = 20;

/// One method of one address.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET`, which answers HEAD too unless it has an effect, or `POST`.
    pub method: &'static str,
    /// Whether a GET does more than show something: such a one does not answer HEAD (RFC 9110 section 9.2.1).
    pub effect: bool,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The least that somebody must be.
    pub least: Least,
    /// Whether the person must have proved within the last ten minutes that it is they: by password or by a fresh
    /// sign-in at Entra ID.
    pub proof: bool,
    /// Whether they must where the account in the path has a role: what is done to it decides who has power then.
    pub proof_of_roles: bool,
}

/// The routes of one path.
pub(super) struct Resource {
    pub(super) routes: &'static [Route],
    /// What the path is for, where its form stands on no page.
    pub(super) purpose: Option<&'static str>,
}

/// The least that somebody must be to use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// Everybody, signed in or not.
    Anyone,
    /// Somebody signed in with at least this role.
    Role(Role),
}

impl Route {
    /// Whether it answers this method (RFC 9110 section 9.3.2: HEAD wherever GET, but for those with an effect).
    #[must_use]
    pub fn answers(&self, method: &Method) -> bool {
        method.as_str() == self.method || (self.method == "GET" && !self.effect && method == Method::HEAD)
    }

    /// Whether the request wants a proof.
    pub(super) fn wanted(&self, request: &HttpRequest) -> ProofRule {
        // What cannot be a key is nobody's: the handler says so.
        let account = || request.match_info().get("id")?.parse().ok();
        match (self.proof, self.proof_of_roles.then(account).flatten()) {
            (true, _) => ProofRule::Always,
            (false, Some(id)) => ProofRule::OfRoleHolder(id),
            _ => ProofRule::Never,
        }
    }

    /// Whether this path is one of its own.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let fits = self.path.split('/').all(|pattern| {
            parts.next().is_some_and(|part| pattern == part || (pattern.starts_with('{') && !part.is_empty()))
        });
        fits && parts.next().is_none()
    }
}

/// An address outside the console's pages, with all the methods that it takes.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The methods that are declared; GET answers HEAD too.
    pub methods: &'static [&'static str],
    /// What the address is for, where it cannot be looked at.
    pub purpose: Option<&'static str>,
}

impl Endpoint {
    /// The methods as the `Allow` header wants them.
    #[must_use]
    pub fn allow(&self) -> String {
        listed(self.methods.iter().map(|method| (*method, false)))
    }

    /// What to say to a request with a method that the address does not take.
    pub(super) fn refusal(&self, method: &Method) -> String {
        let method: String = method.as_str().chars().take(LONGEST_METHOD).collect();
        let refused = format!("{method} is not possible at this address: it takes {}.", self.allow());
        self.purpose.map_or_else(|| refused.clone(), |purpose| format!("{refused} It {purpose}."))
    }
}

/// What a set of routes answers, as the `Allow` header wants it (RFC 9110 section 10.2.1).
pub(super) fn allow(routes: &[Route]) -> String {
    listed(routes.iter().map(|route| (route.method, route.effect)))
}

fn listed(methods: impl Iterator<Item = (&'static str, bool)>) -> String {
    let methods =
        methods.map(|(method, effect)| if method == "GET" && !effect { "GET, HEAD" } else { method });
    methods.collect::<Vec<_>>().join(", ")
}

/// The page on which a form stands, or a file is offered: the nearest address above its own that can be looked at.
pub(super) fn standing_page(routes: &[Route], address: &str) -> String {
    let is_page = |path: &str| !is_file(path) && is_looked_at(routes, path);
    let mut path = address;
    while !is_page(path) {
        match path.rsplit_once('/') {
            Some((above, _)) if !above.is_empty() => path = above,
            _ => return "/".to_owned(),
        }
    }
    path.to_owned()
}

/// Whether there is something to look at here. As requests are answered, of the patterns that a path fits the first in
/// the table is its own: `/administrators/appoint` is nobody's page although it fits `/administrators/{id}`.
fn is_looked_at(routes: &[Route], path: &str) -> bool {
    let own = routes.iter().find(|route| route.is_at(path)).map(|route| route.path);
    own.is_some_and(|own| routes.iter().any(|route| route.path == own && route.method == "GET"))
}

/// Whether a file to keep is at this address: a browser that is led there stays where it was.
pub(super) fn is_file(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    [".csv", ".cer"].iter().any(|kind| last.ends_with(kind))
}

/// Picks the requests of a method, and HEAD with GET: where a GET has an effect, HEAD was refused before.
pub(super) fn method(name: &'static str) -> impl Guard {
    let head = name == "GET";
    guard::fn_guard(move |context| {
        let method = &context.head().method;
        method.as_str() == name || (head && method == Method::HEAD)
    })
}
