//! What is asked of a server, as Entra ID asks it.

use crate::server::Server;
use serde_json::json;

const GIVEN: [&str; 8] = ["Ana", "Björn", "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiroshi"];
const FAMILY: [&str; 7] = ["Lima", "Ólafsson", "Martin", "Nowak", "Okafor", "Petrova", "Quist"];
const TITLES: [&str; 5] = ["Engineer", "Nurse", "Accountant", "Head of Sales", "Technician"];
const PAGE: u64 = 100;
/// One look-up in so many finds nobody, as before each create.
const MISS_EVERY: u64 = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    LookUp,
    Page,
    Patch,
    Empty,
    Create,
}

/// One request, and what its answer must look like.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) status: u16,
    /// Stands in the answer.
    pub(crate) says: String,
}

impl Workload {
    /// In this order: creates come last, since they change how many users there are.
    pub(crate) const ALL: [Self; 5] = [Self::LookUp, Self::Page, Self::Patch, Self::Empty, Self::Create];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LookUp => "look-ups, 10 % misses",
            Self::Page => "pages of 100",
            Self::Patch => "patches",
            Self::Empty => "empty answer",
            Self::Create => "creates",
        }
    }

    /// The request number `n` to a server that has `ids` as its users.
    pub(crate) fn ask(self, server: &Server, ids: &[String], n: u64) -> Ask {
        let known = u64::try_from(ids.len()).unwrap_or_default();
        let base = server.base;
        match self {
            Self::LookUp => {
                let found = n % MISS_EVERY != MISS_EVERY - 1;
                let name =
                    if found { user_name(scatter(n) % known) } else { format!("nobody{n}@example.com") };
                let path = format!("{base}/Users?filter=userName+eq+%22{name}%22");
                get(path, format!("\"totalResults\":{}", u8::from(found)))
            }
            Self::Page => {
                let first = n % known.div_ceil(PAGE) * PAGE + 1;
                let path = format!("{base}/Users?startIndex={first}&count={PAGE}");
                get(path, format!("\"totalResults\":{known}"))
            }
            Self::Patch => {
                let id = &ids[usize::try_from(scatter(n) % known).unwrap_or_default()];
                let says = format!("\"displayName\":\"Renamed {n}\"");
                Ask { path: format!("{base}/Users/{id}"), body: patch(n), status: 200, method: "PATCH", says }
            }
            Self::Empty => get(server.empty.to_owned(), String::new()),
            Self::Create => {
                let says = format!("\"userName\":\"{}\"", user_name(n));
                Ask { path: format!("{base}/Users"), body: user(n), status: 201, method: "POST", says }
            }
        }
    }
}

/// A read.
pub(crate) fn get(path: String, says: String) -> Ask {
    Ask { method: "GET", path, body: String::new(), status: 200, says }
}

/// A change that is refused, as there is nobody at this path.
pub(crate) fn refused(path: String) -> Ask {
    Ask { method: "DELETE", path, body: String::new(), status: 404, says: String::new() }
}

fn user_name(n: u64) -> String {
    format!("user{n}@example.com")
}

fn user(n: u64) -> String {
    let pick = |words: &[&'static str], step: u64| {
        words[usize::try_from(n / step).unwrap_or_default() % words.len()]
    };
    let (given, family) = (pick(&GIVEN, 1), pick(&FAMILY, 8));
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": format!("{:016x}-{n}", scatter(n)),
        "userName": user_name(n),
        "active": true,
        "emails": [{ "primary": true, "type": "work", "value": format!("{given}.{family}.{n}@example.com") }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": format!("{given} {family}"), "familyName": family, "givenName": given },
        "displayName": format!("{given} {family}"),
        "title": pick(&TITLES, 3),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Field Service" }
    })
    .to_string()
}

fn patch(n: u64) -> String {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            { "op": "Replace", "path": "displayName", "value": format!("Renamed {n}") },
            { "op": "Replace", "path": "title", "value": format!("Title {n}") }
        ]
    })
    .to_string()
}

/// Numbers that look random and are the same in each run.
const fn scatter(n: u64) -> u64 {
    let mixed = (n ^ (n >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
}
