//! What an operation makes of the value, or the values, of one attribute (RFC 7644 section 3.5.2.1 to 3.5.2.3).

use super::evaluate::value_meets;
use super::filter::CompareOp;
use super::packing;
use super::patch::Op;
use super::path::{Target, described};
use super::schema::Attribute;
use super::tolerance::Notes;
use super::values::{self, MANAGER, Reading, Shape, is_empty, is_primary};
use super::{Fault, ScimType, texts};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What became of a value.
#[derive(Debug)]
pub(super) enum Changed {
    /// It is this now.
    To(Value),
    /// It is gone.
    Gone,
    /// It is as it was.
    Not,
}

impl From<Reading> for Changed {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Value(value) => Self::To(value),
            Reading::Nothing => Self::Gone,
            Reading::Unread => Self::Not,
        }
    }
}

/// Changes an attribute that has one value.
pub(super) fn one(held: Option<Value>, op: Op, target: &Target, value: &Value, notes: &mut Notes) -> Changed {
    let attribute = target.attribute;
    let held = match held {
        Some(Value::Object(members)) => Some(members),
        _ => None,
    };
    // A part's value is read as that of any text, which may come packed, too.
    let is_whole = target.part.is_none() && !attribute.sub.is_empty();
    let value = if is_whole { packing::single(value) } else { Cow::Borrowed(value) };
    if let Some(part) = target.part {
        let named = Map::from_iter([(
            part.name.to_owned(),
            if op == Op::Remove { Value::Null } else { value.into_owned() },
        )]);
        return merged(attribute, held.unwrap_or_default(), &named, notes);
    }
    match (op, held, value.as_ref()) {
        (Op::Remove, ..) => Changed::Gone,
        // As Entra ID takes a manager away: by an object with nothing in it.
        (Op::Replace, _, Value::Object(named))
            if attribute.name == MANAGER && named.values().all(is_empty) =>
        {
            Changed::Gone
        }
        // A complex value is changed part by part: what it doesn't name stays.
        (_, Some(held), Value::Object(named)) if !attribute.sub.is_empty() => {
            merged(attribute, held, named, notes)
        }
        (_, _, value) => values::one(attribute, value, None, attribute.name.into(), notes).into(),
    }
}

fn merged(
    attribute: &'static Attribute,
    held: Map<String, Value>,
    named: &Map<String, Value>,
    notes: &mut Notes,
) -> Changed {
    let before = held.clone();
    let named = values::with_reference(attribute, Cow::Borrowed(named));
    let value = values::parts(attribute, &named, held, Some(&before), notes);
    if attribute.name == MANAGER
        && value == before
        && values::member(&named, "value").is_none()
        && !named.values().all(is_empty)
    {
        notes.left_out(attribute.name, values::NOBODY);
    }
    if value == before {
        return Changed::Not;
    }
    if values::is_something(attribute, &value) { Changed::To(Value::Object(value)) } else { Changed::Gone }
}

/// Changes an attribute that has several values.
pub(super) fn several(
    held: Option<Value>,
    op: Op,
    target: &Target,
    value: &Value,
    shape: Shape,
    notes: &mut Notes,
) -> Changed {
    let attribute = target.attribute;
    let list = match held {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let changed = if target.filter.is_none() && target.part.is_none() {
        all(list, op, attribute, value, shape, notes)
    } else {
        chosen(list, op, target, value, notes)
    };
    match changed {
        None => Changed::Not,
        Some(list) if list.is_empty() => Changed::Gone,
        Some(list) => Changed::To(Value::Array(list)),
    }
}

/// The whole list; nothing where it is to stay as it is.
fn all(
    mut list: Vec<Value>,
    op: Op,
    attribute: &'static Attribute,
    value: &Value,
    shape: Shape,
    notes: &mut Notes,
) -> Option<Vec<Value>> {
    if op == Op::Remove && (value.is_null() || value.as_str() == Some("")) {
        return Some(Vec::new());
    }
    // What is put in the place of all is all of it, and so a list.
    let shape = if op == Op::Replace { Shape::List } else { shape };
    let named = match values::several(attribute, value, shape, notes) {
        Reading::Value(Value::Array(named)) => named,
        Reading::Unread => return None,
        _ => Vec::new(),
    };
    match op {
        Op::Remove => list.retain(|held| !named.iter().any(|named| is_meant(attribute, held, named))),
        Op::Replace => list = named,
        Op::Add => {
            let newest = named.iter().rev().find(|value| is_primary(value)).cloned();
            for value in named {
                if !list.contains(&value) {
                    list.push(value);
                }
            }
            return settled(attribute, list, newest.as_ref(), notes);
        }
    }
    Some(list)
}

/// Whether a value that is to be removed is this one: its value, and its kind where both have one, or else all parts.
fn is_meant(attribute: &Attribute, held: &Value, named: &Value) -> bool {
    let same = |part: &Attribute| match (held.get(part.name), named.get(part.name)) {
        (Some(Value::String(held)), Some(Value::String(named))) if !part.case_exact => {
            texts::compares(part, held, CompareOp::Eq, named)
        }
        (held, named) => held == named,
    };
    let by: Vec<&Attribute> = match attribute.part("value").filter(|part| named.get(part.name).is_some()) {
        Some(value) => {
            let kind = attribute
                .part("type")
                .filter(|part| [held, named].iter().all(|one| one.get(part.name).is_some()));
            std::iter::once(value).chain(kind).collect()
        }
        None => attribute.sub.iter().filter(|part| named.get(part.name).is_some()).collect(),
    };
    by.into_iter().all(same)
}

/// Some values, or a part of them; nothing where all stay as they are.
fn chosen(
    mut list: Vec<Value>,
    op: Op,
    target: &Target,
    value: &Value,
    notes: &mut Notes,
) -> Option<Vec<Value>> {
    let attribute = target.attribute;
    let chosen: Vec<bool> = list
        .iter()
        .map(|value| target.filter.as_ref().is_none_or(|filter| value_meets(filter, attribute, value)))
        .collect();
    let empty = if target.part.is_some() { packing::says_nothing(value) } else { is_empty(value) };
    let clears = op == Op::Remove || (op == Op::Replace && empty);
    if target.part.is_none() && clears {
        let mut chosen = chosen.into_iter();
        list.retain(|_| !chosen.next().unwrap_or(false));
        return Some(list);
    }
    let named = match target.part {
        Some(part) => {
            let value = if op == Op::Remove { Value::Null } else { value.clone() };
            packing::spread(attribute, Map::from_iter([(part.name.to_owned(), value)]), notes)
        }
        None => first(attribute, value, notes)?,
    };
    // A value that is taken away may take with it what it was a part of; one that is not complete yet may become so.
    let may_go = clears || empty;
    let told = notes.count();
    let newest = if chosen.contains(&true) {
        for (held, _) in list.iter_mut().zip(&chosen).filter(|(_, chosen)| **chosen) {
            if let Value::Object(members) = held {
                let before = members.clone();
                *members = values::parts(attribute, &named, std::mem::take(members), Some(&before), notes);
            }
        }
        list.iter()
            .zip(&chosen)
            .rev()
            .find(|(held, chosen)| **chosen && is_primary(held))
            .map(|(held, _)| held.clone())
    } else {
        if clears || empty {
            return None;
        }
        let created =
            target.filter.as_ref().map_or_else(|| Ok(Map::new()), |filter| described(filter, attribute));
        let created = created.map_err(|fault| notes.refuse(fault)).ok()?;
        let described = created.clone();
        let created = values::parts(attribute, &named, created, None, notes);
        if created == described && notes.count() > told {
            return None;
        }
        let created = Value::Object(created);
        list.push(created.clone());
        is_primary(&created).then_some(created)
    };
    if may_go {
        let mut chosen = chosen.into_iter();
        list.retain(|held| !chosen.next().unwrap_or(false) || is_complete(attribute, held));
    }
    settled(attribute, list, newest.as_ref(), notes)
}

/// The parts of the one value that a value path without a part is given.
fn first(attribute: &'static Attribute, value: &Value, notes: &mut Notes) -> Option<Map<String, Value>> {
    let mut named = values::objects(attribute, value, notes)?;
    if named.len() > 1 {
        packing::only_first(attribute, named.len(), notes);
    }
    (!named.is_empty()).then(|| named.swap_remove(0))
}

fn is_complete(attribute: &Attribute, value: &Value) -> bool {
    value.as_object().is_some_and(|members| values::is_something(attribute, members))
}

/// Leaves out the values that no operation made complete; answers those that are left.
pub(super) fn completed(attribute: &Attribute, list: Vec<Value>, notes: &mut Notes) -> Vec<Value> {
    let mut kept = Vec::with_capacity(list.len());
    for value in list {
        if is_complete(attribute, &value) {
            kept.push(value);
            continue;
        }
        let kind = value.get("type").and_then(Value::as_str);
        let kind = kind.map(|kind| format!("[type eq \"{kind}\"]")).unwrap_or_default();
        notes.left_out(&format!("{}{kind}", attribute.name), "it has no value");
    }
    kept
}

/// Values of which one at most is primary, the newest that says so (RFC 7644 section 3.5.2).
fn settled(
    attribute: &'static Attribute,
    mut list: Vec<Value>,
    newest: Option<&Value>,
    notes: &mut Notes,
) -> Option<Vec<Value>> {
    if list.len() > attribute.most {
        let detail = format!("it would have more than {} values", attribute.most);
        notes.left_out(attribute.name, &detail);
        return None;
    }
    // One that is not complete yet takes nothing from another, and may never become complete.
    let is_primary = |value: &Value| is_primary(value) && is_complete(attribute, value);
    let primaries: Vec<usize> =
        list.iter().enumerate().filter(|(_, value)| is_primary(value)).map(|(at, _)| at).collect();
    let keep = primaries.iter().copied().rfind(|at| Some(&list[*at]) == newest).or(primaries.last().copied());
    for at in primaries.into_iter().filter(|at| Some(*at) != keep) {
        if let Value::Object(members) = &mut list[at] {
            members.insert("primary".to_owned(), Value::Bool(false));
        }
    }
    let mut seen = std::collections::HashSet::with_capacity(list.len());
    list.retain(|value| seen.insert(value.to_string()));
    Some(list)
}

/// The refusal of a change of a part of a member: members come and go whole.
pub(super) fn whole_members(text: &str) -> Fault {
    let detail = format!("{} cannot change: add or remove whole members.", super::grammar::shown(text));
    Fault::bad(ScimType::Mutability, detail)
}
