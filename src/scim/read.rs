//! Reading JSON by the table of attributes: tolerant where Entra ID and Okta need it, strict elsewhere (see `tolerance`).
//!
//! What comes out is normal: names in their own spelling, real booleans, no nulls, nothing unknown.

use super::change::{self, Changed};
use super::patch::Op;
use super::path::{self, Path, Target};
use super::schema::{self, Attribute, Mutability, Resource, Schema};
use super::tolerance::Notes;
use super::values::{self, Reading};
use super::{Fault, ScimType, evaluate, json, packing};
use serde_json::{Map, Value};

/// Why an attribute is left out that no schema has.
pub(super) const UNKNOWN: &str = "Rollcall has no such attribute";
/// The attribute that says whether a user may sign in.
pub(super) const ACTIVE: &str = "active";
/// Why a password is left out.
const NO_PASSWORDS: &str = "Rollcall takes no passwords from a client, since users sign in with Entra ID";

/// Why `active` without a value is left out.
pub(super) const NEITHER: &str = "it must be true or false, and stays as it was";

/// What a whole resource came to.
pub(super) struct Whole {
    /// Its attributes, the writable ones, in normal form. What is left out is as it was before.
    pub(super) normal: Map<String, Value>,
    /// Whether it says that the user is not active.
    pub(super) bars: bool,
}

/// Reads a resource. What is left out stays as it is in `before`.
pub(super) fn resource(
    kind: &Resource,
    body: &Value,
    before: &Map<String, Value>,
    notes: &mut Notes,
) -> Result<Whole, Fault> {
    let Value::Object(members) = body else {
        return Err(Fault::bad(ScimType::InvalidSyntax, "The body must be a JSON object."));
    };
    let mut reader =
        Reader { kind, before, normal: Map::new(), seen: Vec::new(), further: Vec::new(), bars: false };
    reader.top(members, notes);
    reader.further(notes);
    let Reader { mut normal, bars, .. } = reader;
    require(kind, &mut normal, before, notes);
    Ok(Whole { normal, bars })
}

/// Refuses a resource of another kind. `schemas` is required (RFC 7643 section 3), but Microsoft's examples misspell URNs
/// (`…:2.0User`), leave out those that they use, and name an extension alone, and the address says what kind it is: it
/// may be missing or empty, and only the schema of something else is refused.
fn schemas(kind: &Resource, value: &Value) -> Result<(), Fault> {
    let listed = match value {
        Value::Null => return Ok(()),
        Value::Array(listed) => listed,
        _ => return Err(wrong("schemas", "a list of URNs")),
    };
    if !listed.iter().all(Value::is_string) {
        return Err(wrong("schemas", "a list of URNs"));
    }
    let bare = |urn: &str| urn.replace(':', "").to_ascii_lowercase();
    let own = |urn: &&str| bare(urn) == bare(kind.schema.urn);
    let of_something_else =
        |urn: &&str| !own(urn) && [":core:", ":messages:"].iter().any(|part| urn.contains(part));
    let urns = || listed.iter().filter_map(Value::as_str);
    match urns().find(of_something_else) {
        Some(other) if !urns().any(|urn| own(&urn)) => {
            let detail =
                format!("schemas names {other}, but this is a {}: name {}.", kind.name, kind.schema.urn);
            Err(Fault::bad(ScimType::InvalidValue, detail))
        }
        _ => Ok(()),
    }
}

/// Refuses a message that says to be another one. As above, `schemas` may be missing or empty.
pub(super) fn message(members: &Map<String, Value>, wanted: &str) -> Result<(), Fault> {
    let listed = match values::member(members, "schemas") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(listed)) if listed.is_empty() => return Ok(()),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err(wrong("schemas", "a list of URNs")),
    };
    if listed.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(wanted))) {
        return Ok(());
    }
    Err(Fault::bad(ScimType::InvalidValue, format!("schemas does not list {wanted}.")))
}

/// Refuses a resource without what the table says that it must have; that stays as it is in `before`.
fn require(kind: &Resource, normal: &mut Map<String, Value>, before: &Map<String, Value>, notes: &mut Notes) {
    for attribute in kind.schema.attributes.iter().filter(|attribute| attribute.required) {
        if !normal.get(attribute.name).is_none_or(is_blank) {
            continue;
        }
        notes.refuse(missing(attribute));
        if let Some(held) = before.get(attribute.name) {
            normal.insert(attribute.name.to_owned(), held.clone());
        }
    }
}

/// The refusal of a resource without this attribute.
pub(super) fn missing(attribute: &Attribute) -> Fault {
    let detail = format!("{} is required and must not be empty.", attribute.name);
    Fault::bad(ScimType::InvalidValue, detail)
}

pub(super) fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The object that an attribute of this schema lives in.
pub(super) fn home<'a>(normal: &'a mut Map<String, Value>, urn: Option<&str>) -> &'a mut Map<String, Value> {
    let Some(urn) = urn else { return normal };
    let slot = normal.entry(urn).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(members) => members,
        _ => unreachable!("it was made an object above"),
    }
}

/// A resource that is being read.
struct Reader<'a> {
    kind: &'a Resource,
    before: &'a Map<String, Value>,
    normal: Map<String, Value>,
    /// The attributes that were read: one may come under two names.
    seen: Vec<(Option<&'static str>, &'static str)>,
    /// Names that are no attribute's own, with their values: what they mean depends on what else was sent.
    further: Vec<(String, Value)>,
    bars: bool,
}

impl Reader<'_> {
    /// Members of the resource's own schema, and whole extensions.
    fn top(&mut self, members: &Map<String, Value>, notes: &mut Notes) {
        note_doubled(members, notes);
        for (name, value) in members.iter().filter(|(name, _)| !json::is_mark(name)) {
            if name.eq_ignore_ascii_case("schemas") {
                schemas(self.kind, value).unwrap_or_else(|fault| notes.refuse(fault));
            } else if name.eq_ignore_ascii_case(self.kind.schema.urn) {
                // The resource's own schema as if it were an extension.
                match packing::single(value).as_ref() {
                    value if values::is_empty(value) => {}
                    Value::Object(members) => self.top(members, notes),
                    _ => notes.refuse(wrong(self.kind.schema.urn, "an object")),
                }
            } else if let Some(extension) = self.kind.extension(name) {
                self.extension(extension, value, notes);
            } else if let Some((urn, attribute)) = self.kind.named(name) {
                self.put(urn, attribute, members, (name, value), notes);
            } else if !values::is_empty(value) {
                // Entra ID sends `department` and `manager` at the top as well, mostly as nulls.
                self.further.push((name.clone(), value.clone()));
            }
        }
    }

    fn extension(&mut self, schema: &'static Schema, value: &Value, notes: &mut Notes) {
        let value = packing::single(value);
        let members = match value.as_ref() {
            value if values::is_empty(value) => return,
            Value::Object(members) => members,
            _ => {
                if let Some(held) = self.before.get(schema.urn) {
                    self.normal.insert(schema.urn.to_owned(), held.clone());
                }
                return notes.refuse(wrong(schema.urn, "an object"));
            }
        };
        note_doubled(members, notes);
        for (name, value) in members.iter().filter(|(name, _)| !json::is_mark(name)) {
            match schema::find(schema.attributes, name) {
                Some(attribute) => self.put(Some(schema.urn), attribute, members, (name, value), notes),
                None if values::is_empty(value) => {}
                None => self.further.push((format!("{}:{name}", schema.urn), value.clone())),
            }
        }
    }

    /// Names that a change takes as well: `department` at the top, `name.givenName`, `emails[type eq "work"].value`. What
    /// was sent under its own name wins.
    fn further(&mut self, notes: &mut Notes) {
        for (name, value) in std::mem::take(&mut self.further) {
            match path::parse(self.kind, &name) {
                Ok(Path::Target(target)) if target.is_read_only() => {}
                Ok(Path::Target(target)) if target.filter.is_none() && target.part.is_none() => {
                    let is_seen = |(urn, seen): &(Option<&str>, &str)| {
                        *seen == target.attribute.name && urn.is_some() == target.urn.is_some()
                    };
                    if !self.seen.iter().any(is_seen) {
                        self.put(target.urn, target.attribute, &Map::new(), (&name, &value), notes);
                    }
                }
                Ok(Path::Target(target)) => self.put_part(&target, &value, notes),
                _ => notes.left_out(&name, UNKNOWN),
            }
        }
    }

    /// A part of a value, unless it was sent with the whole.
    fn put_part(&mut self, target: &Target, value: &Value, notes: &mut Notes) {
        if let Some(fault) = json::within(value) {
            return notes.refuse(fault);
        }
        let attribute = target.attribute;
        let held = home(&mut self.normal, target.urn).get(attribute.name).cloned();
        let meant = held.iter().flat_map(|held| match held {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        });
        let is_meant = |value: &&Value| {
            target.filter.as_ref().is_none_or(|filter| evaluate::value_meets(filter, attribute, value))
        };
        let is_there = |value: &Value| target.part.is_none_or(|part| value.get(part.name).is_some());
        let changed = if meant.filter(is_meant).any(is_there) {
            Changed::Not
        } else if attribute.multi {
            change::several(held, Op::Replace, target, value, values::Shape::List, notes)
        } else {
            change::one(held, Op::Replace, target, value, notes)
        };
        if let Changed::To(value) = changed {
            let value = match value {
                Value::Array(list) => Value::Array(change::completed(attribute, list, notes)),
                one => one,
            };
            if !values::is_empty(&value) {
                home(&mut self.normal, target.urn).insert(attribute.name.to_owned(), value);
            }
        }
        if let Some(urn) = target.urn
            && home(&mut self.normal, Some(urn)).is_empty()
        {
            self.normal.shift_remove(urn);
        }
    }

    fn put(
        &mut self,
        urn: Option<&'static str>,
        attribute: &'static Attribute,
        around: &Map<String, Value>,
        (name, value): (&str, &Value),
        notes: &mut Notes,
    ) {
        if attribute.mutability == Mutability::WriteOnly && !values::is_empty(value) {
            return notes.left_out(attribute.name, NO_PASSWORDS);
        }
        if !attribute.is_writable() {
            return;
        }
        let held = urn.map_or(Some(self.before), |urn| self.before.get(urn)?.as_object());
        let held = held.and_then(|held| held.get(attribute.name));
        // Of what stands twice nothing is taken; but whoever is barred by the last of two values is.
        let is_marked = json::is_doubled(around, name);
        let again = !is_marked && self.seen.contains(&(urn, attribute.name));
        let fault = if again { Some(json::twice(name)) } else { json::within(value) };
        self.seen.push((urn, attribute.name));
        let is_doubled = is_marked || fault.is_some();
        fault.into_iter().for_each(|fault| notes.refuse(fault));
        let reading = if is_doubled && attribute.name != ACTIVE {
            Reading::Unread
        } else {
            values::whole(attribute, value, held, notes)
        };
        if attribute.name == ACTIVE {
            self.bars = reading == Reading::Value(Value::Bool(false));
            if reading == Reading::Nothing {
                notes.left_out(ACTIVE, NEITHER);
            }
        }
        let home = home(&mut self.normal, urn);
        match (reading, held) {
            (Reading::Value(value), _) => {
                home.insert(attribute.name.to_owned(), value);
            }
            (Reading::Unread, Some(held)) => {
                home.insert(attribute.name.to_owned(), held.clone());
            }
            (Reading::Nothing | Reading::Unread, _) => {
                home.shift_remove(attribute.name);
            }
        }
        if let Some(urn) = urn
            && home.is_empty()
        {
            self.normal.shift_remove(urn);
        }
    }
}

fn note_doubled(members: &Map<String, Value>, notes: &mut Notes) {
    if let Some(fault) = json::doubled(members) {
        notes.refuse(fault);
    }
}

/// Leaves a password out.
pub(super) fn leave_password_out(attribute: &Attribute, notes: &mut Notes) {
    notes.left_out(attribute.name, NO_PASSWORDS);
}

pub(super) fn wrong(label: &str, wanted: &str) -> Fault {
    Fault::bad(ScimType::InvalidValue, format!("{label} must be {wanted}."))
}
