//! What is asked of a filled console: every page of its table of routes, their filters, and what SCIM clients ask.

use super::fill::{Things, name_of};
use rollcall::web::console::ROUTES;

/// What shows something that this organisation has none of, such as files and sign-ins, and what leads to or from Entra ID.
const LEFT_OUT: [&str; 15] = [
    "/sso/start",
    "/sso/logout",
    "/sso/switch",
    "/sso/refused/{reference}",
    "/identity/sso/tests/{reference}",
    "/set-up/{secret}",
    "/password/{secret}",
    "/tasks/{id}",
    "/imports/{id}",
    "/imports/{id}/result.csv",
    "/users/alignment/{id}",
    "/users/alignment/{id}/preview",
    "/users/alignment/{id}/result.csv",
    "/activity/sign-ins/{reference}",
    "/identity/sso/keys/{id}/certificate.cer",
];

/// One thing to ask for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The address below the console, or below SCIM's.
    pub path: String,
    /// Whether it is SCIM's.
    pub scim: bool,
    /// Whether it is known to look at all rows, however large the organisation: one such read is done at a time.
    pub looks_at_all: bool,
}

impl Ask {
    /// A page of the console.
    pub fn page(path: &str) -> Self {
        Self { path: path.to_owned(), scim: false, looks_at_all: false }
    }

    /// A request of a SCIM client.
    pub fn scim(path: &str) -> Self {
        Self { scim: true, ..Self::page(path) }
    }
}

/// All that is asked for.
pub fn all(things: &Things) -> Vec<Ask> {
    let looks_at_all = |ask| Ask { looks_at_all: true, ..ask };
    let pages = pages(things).into_iter().map(|path| Ask::page(&path));
    let slow_pages = slow_pages(things).into_iter().map(|path| looks_at_all(Ask::page(&path)));
    let scim = scim(things).into_iter().map(|path| Ask::scim(&path));
    let slow_scim = slow_scim(things).into_iter().map(|path| looks_at_all(Ask::scim(&path)));
    pages.chain(slow_pages).chain(scim).chain(slow_scim).collect()
}

/// The routes of pages that are not asked for, though no list here leaves them out.
pub fn forgotten(things: &Things) -> Vec<&'static str> {
    let gets = ROUTES.iter().filter(|route| route.method == "GET").map(|route| route.path);
    gets.filter(|path| !LEFT_OUT.contains(path) && address(path, things).is_none()).collect()
}

/// The address of a route, with the key of what its path names.
fn address(path: &str, things: &Things) -> Option<String> {
    let Some((room, _)) = path.split_once("/{") else { return Some(path.to_owned()) };
    let key = match room {
        "/users" | "/administrators" => things.user.id.as_str(),
        "/groups" => things.group.0.as_str(),
        "/sites" => things.site.as_str(),
        "/licenses" => things.license.as_str(),
        "/activity/provisioning" => things.event.as_str(),
        _ => return None,
    };
    path.ends_with('}').then(|| format!("{room}/{key}"))
}

fn pages(things: &Things) -> Vec<String> {
    let gets = ROUTES.iter().filter(|route| route.method == "GET" && !LEFT_OUT.contains(&route.path));
    let mut pages: Vec<String> = gets.filter_map(|route| address(route.path, things)).collect();
    let Things { user, site, license, users, .. } = things;
    let (given, family, user_name) = name_of(users / 3);
    let more = [
        "/users?sort=user-name",
        "/users?sort=created&desc=1",
        "/users?sort=updated&desc=1",
        "/users?state=active",
        "/users?state=inactive",
        "/users?state=held",
        "/users?site=none",
        "/users?license=none",
        "/users?entra=linked",
        "/users?entra=unlinked",
        "/users?q=zoe",
        "/users?q=z",
        "/users?q=an+ch",
        "/users?q=example.com",
        "/users?q=nobodyatall",
        "/users?q=zoe&state=inactive",
        "/users?q=zoe&license=none&sort=updated",
        "/users/inactive?days=0",
        "/groups?q=team+1",
        "/activity?kind=user",
        "/activity?actor=entra",
        "/activity/provisioning?operation=create",
    ];
    pages.extend(more.map(str::to_owned));
    pages.extend([
        format!("/users?site={site}"),
        format!("/users?site={site}&sort=updated"),
        format!("/users?license={license}"),
        format!("/users?q={user_name}"),
        format!("/users?q={given}+{family}"),
        format!("/users?q=%2B3120{:07}", users / 3),
        format!("/activity?subject={}", user.id),
        format!("/activity/provisioning?user={}", user.id),
    ]);
    pages
}

fn scim(things: &Things) -> Vec<String> {
    let Things { user, group: (_, group), users, .. } = things;
    let (id, name, last) = (&user.scim_id, &user.profile.user_name, users.saturating_sub(50));
    let filters = [
        format!("userName eq \"{name}\""),
        "userName eq \"nobody@example.com\"".to_owned(),
        format!("externalId eq \"ext-{:08}\"", users / 2),
        format!("id eq \"{id}\""),
        format!("emails[type eq \"work\"].value eq \"{name}\""),
        "displayName eq \"Ana Lima\"".to_owned(),
        format!("userName ew \".{}@example.com\"", users / 2),
        "userName co \"nobodyatall\"".to_owned(),
        format!("id sw \"{}\"", &id[..id.len() - 2]),
        format!("emails.value sw \"{name}\""),
        "title co \"zzz\"".to_owned(),
        "active eq true".to_owned(),
        "active eq false".to_owned(),
        "meta.lastModified gt \"2090-01-01T00:00:00Z\"".to_owned(),
        "meta.created lt \"2020-01-01T00:00:00Z\"".to_owned(),
    ];
    let mut asks: Vec<String> = filters.iter().map(|filter| format!("/Users?filter={filter}")).collect();
    asks.extend([
        format!("/Users/{id}"),
        "/Users?count=100".to_owned(),
        format!("/Users?startIndex={}&count=100", users / 2),
        format!("/Users?startIndex={last}&count=50"),
        "/Users?cursor&count=100".to_owned(),
        "/Users?count=0".to_owned(),
        "/Users?sortBy=userName&count=50".to_owned(),
        format!("/Users?sortBy=userName&startIndex={last}&count=50"),
        format!("/Users?sortBy=meta.lastModified&startIndex={last}&count=50"),
        format!("/Groups/{group}"),
        format!("/Groups/{group}?excludedAttributes=members"),
        "/Groups?count=100".to_owned(),
        format!("/Groups?startIndex={}&count=100", things.groups),
        "/Groups?count=100&excludedAttributes=members".to_owned(),
        "/Groups?filter=displayName eq \"Team 1\"&excludedAttributes=members".to_owned(),
        format!("/Groups?filter=members.value eq \"{id}\"&excludedAttributes=members"),
        "/ServiceProviderConfig".to_owned(),
    ]);
    asks
}

/// Pages that look at all rows: two things at once of which each is met by many, where those who come first in the order
/// asked for do not meet both; and what a log has no index for.
fn slow_pages(things: &Things) -> Vec<String> {
    let Things { site, license, users, .. } = things;
    let (given, ..) = name_of(users / 3);
    let mut pages = [
        "/users?license=none&state=active&sort=updated",
        "/users?q=rossi",
        "/users?q=rossi&state=active&sort=created&desc=1",
        "/activity?kind=license&actor=entra",
        "/activity?from=2020-01-01",
        "/activity/provisioning?outcome=trouble",
        "/activity/provisioning?outcome=failed&operation=delete",
        "/activity/provisioning?from=2020-01-01",
    ]
    .map(str::to_owned)
    .to_vec();
    pages.extend([
        format!("/users?license={license}&sort=created&desc=1"),
        format!("/users?license={license}&sort=updated&desc=1"),
        format!("/users?license={license}&state=active&sort=created&desc=1"),
        format!("/users?license={license}&site={site}&q={given}"),
    ]);
    pages
}

/// SCIM requests that look at all users: what no index knows, or leaves many of.
fn slow_scim(things: &Things) -> Vec<String> {
    let filters = [
        "title co \"engineer\"",
        "name.familyName eq \"Lima\"",
        "phoneNumbers.value eq \"+31 20 0000100\"",
        "not (userName sw \"a\")",
        "userName sw \"a\"",
        "nickName eq \"x\"",
        "locale eq \"nl-NL\"",
        "emails pr",
        "emails.value co \"lima\"",
    ];
    let mut asks: Vec<String> = filters.iter().map(|filter| format!("/Users?filter={filter}")).collect();
    asks.extend([
        "/Users?sortBy=displayName&count=50".to_owned(),
        "/Users?sortBy=name.familyName&sortOrder=descending&count=50".to_owned(),
        "/Users?sortBy=externalId&count=50".to_owned(),
        format!("/Users?filter=active eq true&sortBy=userName&startIndex={}&count=50", things.users / 2),
    ]);
    asks
}
