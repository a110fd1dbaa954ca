//! The members of a change without a path, each with what it names.

use super::json;
use super::path::{self, Astray, Path};
use super::schema::USERS;
use super::tolerance::Notes;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// One member of a change without a path, on its way to what it names.
pub(super) struct Member<'a> {
    pub(super) name: String,
    pub(super) value: Cow<'a, Value>,
    pub(super) place: Result<Path, Astray>,
    /// Whether nothing of it is done because it stands twice.
    pub(super) is_doubled: bool,
}

/// All members that name an attribute, those of whole schemas among them.
pub(super) fn flatten<'a>(
    urn: Option<&'static str>,
    members: &'a Map<String, Value>,
    into: &mut Vec<Member<'a>>,
    notes: &mut Notes,
) {
    if let Some(fault) = json::doubled(members) {
        notes.refuse(fault);
    }
    let named = members
        .iter()
        .filter(|(name, _)| !(json::is_mark(name) || urn.is_none() && name.eq_ignore_ascii_case("schemas")));
    for (name, value) in named {
        let full = urn.map_or_else(|| name.clone(), |urn| format!("{urn}:{name}"));
        let place = path::parse(&USERS, &full);
        if let (Ok(Path::Schema(schema)), Value::Object(inner)) = (&place, value)
            && !inner.is_empty()
        {
            let is_own = std::ptr::eq(*schema, USERS.schema);
            flatten((!is_own).then_some(schema.urn), inner, into, notes);
            continue;
        }
        let is_doubled = json::is_doubled(members, name);
        into.push(Member { name: full, value: Cow::Borrowed(value), place, is_doubled });
    }
}

/// Marks the members that name one attribute under two names.
pub(super) fn refuse_doubled(all: &mut [Member<'_>], notes: &mut Notes) {
    let targets: Vec<Option<String>> = all
        .iter()
        .map(|member| match &member.place {
            Ok(Path::Target(target)) if !member.is_doubled => Some(target.to_string()),
            _ => None,
        })
        .collect();
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(targets.len());
    for (at, target) in targets.iter().enumerate() {
        let Some(target) = target else { continue };
        if let Some(before) = first.insert(target, at) {
            notes.refuse(json::twice(&all[at].name));
            for place in [before, at] {
                all[place].is_doubled = true;
            }
        }
    }
}
