//! Between SCIM's user and the console's account: which attribute lives in which column.
//!
//! Columns are the truth; `more` keeps the rest of what was sent, so that nothing is lost.

use crate::domain::users::by_entra::{Known, SentSite, Wish};
use crate::domain::users::{Email, Profile};
use crate::domain::{groups, rfc3339};
use crate::scim::group::{Group, Member};
use crate::scim::schema::{GROUPS, USERS};
use crate::scim::user::{Enterprise, Manager, Membership, Meta, Multi, Name, Site, SiteUrn, User};

const WORK: &str = "work";
const MOBILE: &str = "mobile";

/// The account as SCIM speaks of it, with the groups it is in by id and name; `base` is the address below which the
/// resources are.
pub(super) fn resource(known: &Known, groups: &[(String, String)], base: &str) -> User {
    let Known { user, emails, site } = known;
    let profile = &user.profile;
    // `more` was written by `wish` below; were it damaged, the columns would still answer.
    let more: User = match profile.more.as_str() {
        "{}" => User::default(),
        more => serde_json::from_str(more).unwrap_or_default(),
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
    let phones = [(MOBILE, &profile.mobile_phone), (WORK, &profile.work_phone)];
    User {
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
    }
}

/// What the client wants the account to be. Without a word on `active` it is as it was, or active if it is new.
pub(super) fn wish(user: User, active_before: bool) -> Wish {
    let phone = |kind: &str| {
        let mine = user.phone_numbers.iter().find(|phone| is_kind(phone, kind));
        mine.and_then(|phone| phone.value.clone())
    };
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
    Wish {
        emails: user.emails.iter().filter_map(email).collect(),
        active: user.active.unwrap_or(active_before),
        site: user
            .site
            .as_ref()
            .map(|site| SentSite { name: site.name.clone(), urn: site.urn.as_str().to_owned() }),
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
        phone_numbers: without_phones(user.phone_numbers),
        enterprise,
        groups: Vec::new(),
        site: None,
        meta: None,
        ..user
    };
    let mut rest = serde_json::to_value(rest).unwrap_or_default();
    if let Some(members) = rest.as_object_mut() {
        members.remove("userName");
    }
    rest.to_string()
}

/// The numbers that columns hold, put back where they stood.
fn with_phones(kept: Vec<Multi>, held: [(&str, &Option<String>); 2]) -> Vec<Multi> {
    let mut phones = kept;
    let mut missing = Vec::new();
    for (kind, value) in held {
        let at = phones.iter().position(|phone| is_kind(phone, kind));
        match (value, at) {
            (Some(value), Some(at)) => phones[at].value = Some(value.clone()),
            (None, Some(at)) if phones[at].value.is_none() => drop(phones.remove(at)),
            (Some(value), None) => missing.push(Multi {
                value: Some(value.clone()),
                kind: Some(kind.to_owned()),
                ..Multi::default()
            }),
            _ => {}
        }
    }
    missing.extend(phones);
    missing
}

/// The numbers without those that columns hold. A bare label is kept only where it tells the order.
fn without_phones(mut phones: Vec<Multi>) -> Vec<Multi> {
    let usual = [MOBILE, WORK].map(|kind| phones.iter().position(|phone| is_kind(phone, kind)));
    let in_usual_order = match usual {
        [Some(mobile), Some(work)] => mobile == 0 && work == 1,
        [Some(only), None] | [None, Some(only)] => only == 0,
        [None, None] => true,
    };
    for at in usual.into_iter().flatten() {
        phones[at].value = None;
    }
    if in_usual_order {
        phones.retain(|phone| phone.value.is_some() || phone.display.is_some() || phone.primary.is_some());
    }
    phones
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
        let kind = if member.is_group { &GROUPS } else { &USERS };
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
