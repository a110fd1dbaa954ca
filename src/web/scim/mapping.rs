//! Between SCIM's user and the console's account: which attribute lives in which column.
//!
//! Columns are the truth; `more` keeps the rest of what was sent, so that nothing is lost.

use crate::domain::users::by_entra::{EntraUser, SentSite, SiteWish, UserInput};
use crate::domain::users::{Email, Profile};
use crate::domain::{groups, rfc3339};
use crate::error::Error;
use crate::scim::group::{Group, Member};
use crate::scim::schema::{GROUPS, USERS};
use crate::scim::user::{Enterprise, Manager, Membership, Meta, Multi, Name, Site, SiteUrn, User};

const WORK: &str = "work";
const MOBILE: &str = "mobile";

/// The account as SCIM speaks of it, with the groups it is in by id and name; `base` is the address below which the
/// resources are.
///
/// # Errors
/// Where the rest of what was sent cannot be read any more: left out, it would be lost with the next change.
pub(super) fn resource(known: &EntraUser, groups: &[(String, String)], base: &str) -> Result<User, Error> {
    let EntraUser { user, emails, site } = known;
    let profile = &user.profile;
    // It was written by `wish` below.
    let more: User = match profile.more.as_str() {
        "{}" => User::default(),
        more => serde_json::from_str(more).map_err(|cause| damaged(&profile.user_name, cause))?,
    };
    let name = Name {
        given_name: profile.given_name.clone(),
        family_name: profile.family_name.clone(),
        ..more.name
    };
    let manager = profile.manager.as_ref().map(|id| Manager {
        value: id.clone(),
        reference: Some(format!("{base}/Users/{id}")),
        display_name: None,
    });
    let enterprise = Enterprise { department: profile.department.clone(), manager, ..more.enterprise };
    let phones = [(MOBILE, profile.mobile_phone.as_deref()), (WORK, profile.work_phone.as_deref())];
    Ok(User {
        id: Some(user.scim_id.clone()),
        external_id: profile.external_id.clone(),
        user_name: user.name_for_entra().to_owned(),
        name,
        display_name: profile.display_name.clone(),
        title: profile.title.clone(),
        preferred_language: profile.language.clone(),
        locale: profile.locale.clone(),
        timezone: profile.time_zone.clone(),
        active: Some(user.active_for_entra()),
        groups: groups
            .iter()
            .map(|(id, name)| Membership {
                value: id.clone(),
                reference: format!("{base}/Groups/{id}"),
                display: name.clone(),
                kind: "direct",
            })
            .collect(),
        emails: emails.iter().map(multi).collect(),
        phone_numbers: with_phones(more.phone_numbers, phones),
        enterprise,
        site: site.as_ref().map(|site| Site { name: site.name.clone(), urn: SiteUrn::of(&site.urn) }),
        meta: Some(Meta {
            resource_type: "User".to_owned(),
            created: rfc3339(user.created_at),
            last_modified: rfc3339(user.updated_at),
            location: format!("{base}/Users/{}", user.scim_id),
            version: etag(user.version),
        }),
        ..more
    })
}

/// What the client wants the account to be. Without a word on `active` it is as it was, or active if it is new.
/// `no_site`: what it means that the user has no site, or one that nobody spoke of.
pub(super) fn wish(user: User, active_before: bool, no_site: SiteWish) -> UserInput {
    let phone =
        |kind: &str| first_of(&user.phone_numbers, kind).and_then(|at| user.phone_numbers[at].value.clone());
    let profile = Profile {
        user_name: user.user_name.clone(),
        external_id: user.external_id.clone(),
        display_name: user.display_name.clone(),
        given_name: user.name.given_name.clone(),
        family_name: user.name.family_name.clone(),
        title: user.title.clone(),
        department: user.enterprise.department.clone(),
        manager: user.enterprise.manager.as_ref().map(|manager| manager.value.clone()),
        work_phone: phone(WORK),
        mobile_phone: phone(MOBILE),
        locale: user.locale.clone(),
        time_zone: user.timezone.clone(),
        language: user.preferred_language.clone(),
        more: String::new(),
    };
    UserInput {
        emails: user.emails.iter().filter_map(email).collect(),
        active: user.active.unwrap_or(active_before),
        site: match &user.site {
            Some(site) if no_site != SiteWish::Unsaid => {
                SiteWish::Named(SentSite { name: site.name.clone(), urn: site.urn.as_str().to_owned() })
            }
            _ => no_site,
        },
        profile: Profile { more: more(user), ..profile },
    }
}

/// What no column holds.
fn more(user: User) -> String {
    let name = Name { given_name: None, family_name: None, ..user.name };
    let enterprise = Enterprise { department: None, manager: None, ..user.enterprise };
    let rest = User {
        id: None,
        external_id: None,
        user_name: String::new(),
        name,
        display_name: None,
        title: None,
        preferred_language: None,
        locale: None,
        timezone: None,
        active: None,
        emails: Vec::new(),
        phone_numbers: without_phones(&user.phone_numbers),
        enterprise,
        groups: Vec::new(),
        site: None,
        meta: None,
        ..user
    };
    #[expect(clippy::expect_used, reason = "a structure of texts has a form in JSON")]
    let mut rest = serde_json::to_value(rest).expect("a user becomes JSON");
    if let Some(members) = rest.as_object_mut() {
        members.remove("userName");
    }
    rest.to_string()
}

fn damaged(user_name: &str, cause: serde_json::Error) -> Error {
    let what = format!("What only SCIM knows of the user {user_name}");
    let remedy = "Delete the user here by hand, so that Entra ID makes the user again, or put the last good backup in place.";
    Error::damaged(&what, remedy, cause)
}

/// Stands in the kept list for a number that a column holds. A number is never empty.
const IN_COLUMN: &str = "";

/// The numbers that columns hold, put back where they stood.
fn with_phones(kept: Vec<Multi>, held: [(&str, Option<&str>); 2]) -> Vec<Multi> {
    let mut phones = kept;
    let mut missing = Vec::new();
    for (kind, value) in held {
        let marked =
            phones.iter().position(|phone| is_kind(phone, kind) && phone.value.as_deref() == Some(IN_COLUMN));
        // Rows of earlier versions have no mark there.
        let unmarked = || phones.iter().position(|phone| is_kind(phone, kind) && phone.value.is_none());
        match (value, marked) {
            (None, Some(at)) => drop(phones.remove(at)),
            (None, None) => {}
            (Some(value), marked) => match marked.or_else(unmarked) {
                Some(at) => phones[at].value = Some(value.to_owned()),
                None => missing.push(Multi {
                    value: Some(value.to_owned()),
                    kind: Some(kind.to_owned()),
                    ..Multi::default()
                }),
            },
        }
    }
    missing.extend(phones);
    missing
}

/// What is kept of the numbers beside those that columns hold: the first of each kind. Their places are kept, too, unless
/// the list can be put together again without.
fn without_phones(phones: &[Multi]) -> Vec<Multi> {
    let held = [MOBILE, WORK].map(|kind| (kind, first_of(phones, kind)));
    let values = held.map(|(kind, at)| (kind, at.and_then(|at| phones[at].value.as_deref())));
    let mut with_places = phones.to_vec();
    for (_, at) in held {
        if let Some(at) = at {
            with_places[at].value = Some(IN_COLUMN.to_owned());
        }
    }
    let is_elsewhere = |phone: &Multi| phone.value.as_deref() != Some(IN_COLUMN);
    let few: Vec<Multi> = with_places.iter().filter(|phone| is_elsewhere(phone)).cloned().collect();
    if with_phones(few.clone(), values) == phones { few } else { with_places }
}

/// The first of a kind that has a number.
fn first_of(phones: &[Multi], kind: &str) -> Option<usize> {
    phones.iter().position(|phone| is_kind(phone, kind) && phone.value.is_some())
}

fn is_kind(value: &Multi, kind: &str) -> bool {
    value.kind.as_deref().is_some_and(|held| held.eq_ignore_ascii_case(kind))
}

fn multi(email: &Email) -> Multi {
    Multi {
        value: Some(email.value.clone()),
        display: email.display.clone(),
        kind: email.kind.clone(),
        primary: email.primary,
    }
}

fn email(multi: &Multi) -> Option<Email> {
    Some(Email {
        value: multi.value.clone()?,
        display: multi.display.clone(),
        kind: multi.kind.clone(),
        primary: multi.primary,
    })
}

/// The version of a resource as a weak entity tag (RFC 7644 section 3.14).
pub(super) fn etag(version: i32) -> String {
    format!("W/\"{version}\"")
}

/// The group as SCIM speaks of it.
pub(super) fn group(group: &groups::Group, members: Vec<groups::Member>, base: &str) -> Group {
    let members = members.into_iter().map(|member| {
        let kind = if member.id.is_group() { &GROUPS } else { &USERS };
        Member {
            reference: format!("{base}{}/{}", kind.endpoint, member.scim_id),
            value: member.scim_id,
            kind: kind.name,
            display: member.name,
        }
    });
    Group {
        schemas: Group::SCHEMAS,
        id: group.scim_id.clone(),
        external_id: group.external_id.clone(),
        display_name: group.name.clone(),
        members: members.collect(),
        meta: Meta {
            resource_type: GROUPS.name.to_owned(),
            created: rfc3339(group.created_at),
            last_modified: rfc3339(group.updated_at),
            location: format!("{base}/Groups/{}", group.scim_id),
            version: etag(group.version),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phone() -> impl Strategy<Value = Multi> {
        let kinds = prop::sample::select(vec!["work", "Work", "mobile", "MOBILE", "fax", ""]);
        let some = |list: &[&'static str]| prop::option::of(prop::sample::select(list.to_vec()));
        (kinds, some(&["+1", "+2", "+3"]), some(&["first", "second"]), some(&["x"])).prop_map(
            |(kind, value, display, primary)| Multi {
                value: value.map(str::to_owned),
                display: display.map(str::to_owned),
                kind: (!kind.is_empty()).then(|| kind.to_owned()),
                primary: primary.map(|_| true),
            },
        )
    }

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were_sent(phones in prop::collection::vec(phone(), 0..6)) {
            let user = User { phone_numbers: phones.clone(), ..User::default() };
            let UserInput { profile, .. } = wish(user, true, SiteWish::Absent);
            let more: User = serde_json::from_str(&profile.more).unwrap();
            let held = [(MOBILE, profile.mobile_phone.as_deref()), (WORK, profile.work_phone.as_deref())];
            prop_assert_eq!(with_phones(more.phone_numbers, held), phones);
        }
    }

    #[test]
    fn rows_of_earlier_versions_read_as_they_were_meant() {
        let labelled = |kind: &str, display: Option<&str>, value: Option<&str>| Multi {
            value: value.map(str::to_owned),
            display: display.map(str::to_owned),
            kind: Some(kind.to_owned()),
            primary: None,
        };
        let held = [(MOBILE, Some("+1")), (WORK, Some("+2"))];
        assert_eq!(
            with_phones(vec![labelled("work", Some("desk"), None), labelled("mobile", None, None)], held),
            [labelled("work", Some("desk"), Some("+2")), labelled("mobile", None, Some("+1"))]
        );
        assert_eq!(
            with_phones(vec![labelled("work", Some("second"), Some("+3"))], held),
            [
                labelled("mobile", None, Some("+1")),
                labelled("work", None, Some("+2")),
                labelled("work", Some("second"), Some("+3"))
            ]
        );
        assert_eq!(with_phones(vec![], [(MOBILE, None), (WORK, None)]), []);
    }
}
