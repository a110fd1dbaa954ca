//! Changes of a user (RFC 7644 section 3.5.2), in every dialect in which Entra ID and Okta write them.
//!
//! All or nothing: a change works on a copy in normal form, which is read back into a typed user at the end.

use super::evaluate::value_meets;
use super::message::PATCH_OP;
use super::path::{self, Path, Target, described};
use super::schema::{Attribute, Mutability, USERS};
use super::user::User;
use super::{Fault, ScimType, read};
use serde_json::{Map, Value};

const MOST_OPERATIONS: usize = 1000;

/// A list of operations, in order.
#[derive(Clone, Debug)]
pub struct Patch(Vec<Operation>);

/// One operation, read but not yet understood: that takes the resource's type.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) path: Option<String>,
    pub(super) value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Replace,
    Remove,
}

impl Patch {
    /// Reads the body of a PATCH.
    pub fn read(body: &Value) -> Result<Self, Fault> {
        operations(body).map(Self)
    }

    /// The user after all operations; `current` stays as it is.
    pub fn apply(&self, current: &User) -> Result<User, Fault> {
        let mut user = current.to_normal();
        for name in ["id", "meta"] {
            user.remove(name);
        }
        self.0.iter().try_for_each(|operation| operation.apply(&mut user))?;
        read::require(&USERS, &user)?;
        let changed = User::from_normal(user)?;
        Ok(User { id: current.id.clone(), meta: current.meta.clone(), ..changed })
    }
}

/// The operations in the body of a PATCH.
pub(super) fn operations(body: &Value) -> Result<Vec<Operation>, Fault> {
    let syntax = |detail: &str| Fault::bad(ScimType::InvalidSyntax, detail);
    let body = body.as_object().ok_or_else(|| syntax("The body must be a JSON object."))?;
    if let Some(Value::Array(listed)) = member(body, "schemas")
        && !listed.is_empty()
        && !listed.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP)))
    {
        return Err(Fault::bad(ScimType::InvalidValue, format!("schemas does not list {PATCH_OP}.")));
    }
    let operations = member(body, "Operations").ok_or_else(|| syntax("The body has no Operations."))?;
    let operations = operations.as_array().ok_or_else(|| syntax("Operations must be a list."))?;
    if operations.len() > MOST_OPERATIONS {
        return Err(syntax(&format!("There are more than {MOST_OPERATIONS} Operations.")));
    }
    operations.iter().map(Operation::read).collect()
}

impl Operation {
    fn read(value: &Value) -> Result<Self, Fault> {
        let syntax = |detail: String| Fault::bad(ScimType::InvalidSyntax, detail);
        let members =
            value.as_object().ok_or_else(|| syntax("Each of the Operations must be an object.".into()))?;
        let word = member(members, "op").and_then(Value::as_str).unwrap_or_default();
        let op = match word.to_ascii_lowercase().as_str() {
            "add" => Op::Add,
            "replace" => Op::Replace,
            "remove" => Op::Remove,
            _ => return Err(syntax(format!("“{word}” is no operation: op must be add, replace or remove."))),
        };
        let path = match member(members, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) if path.trim().is_empty() => None,
            Some(Value::String(path)) => Some(path.clone()),
            Some(_) => return Err(Fault::bad(ScimType::InvalidPath, "path must be a string.")),
        };
        let value = member(members, "value").cloned();
        if value.is_none() && op != Op::Remove {
            return Err(Fault::bad(ScimType::InvalidValue, format!("{word} needs a value.")));
        }
        Ok(Self { op, path, value: value.unwrap_or(Value::Null) })
    }

    fn apply(&self, user: &mut Map<String, Value>) -> Result<(), Fault> {
        let Some(text) = &self.path else { return self.apply_without_path(user) };
        match path::parse(&USERS, text)? {
            Path::Target(target) => {
                if target.is_read_only() {
                    let detail = format!("{text} is read-only.");
                    return Err(Fault::bad(ScimType::Mutability, detail));
                }
                change(user, self.op, &target, &self.value)
            }
            Path::Extension(schema) if self.op == Op::Remove => {
                user.remove(schema.urn);
                Ok(())
            }
            Path::Extension(schema) => {
                let members = self.value.as_object().ok_or_else(|| read::wrong(text, "an object"))?;
                apply_members(user, self.op, Some(schema.urn), members)
            }
        }
    }

    fn apply_without_path(&self, user: &mut Map<String, Value>) -> Result<(), Fault> {
        if self.op == Op::Remove {
            return Err(Fault::bad(ScimType::NoTarget, "remove needs a path."));
        }
        match &self.value {
            Value::Object(members) => apply_members(user, self.op, None, members),
            _ => Err(Fault::bad(ScimType::InvalidValue, "Without a path the value must be an object.")),
        }
    }
}

/// Each member as an operation of its own: plain, dotted and URN-qualified names, whole extensions, value paths.
/// Read-only and unknown ones are passed over: Okta sends `id` and `schemas` along, Entra ID its own inventions.
fn apply_members(
    user: &mut Map<String, Value>,
    op: Op,
    urn: Option<&str>,
    members: &Map<String, Value>,
) -> Result<(), Fault> {
    for (name, value) in members {
        let name = urn.map_or_else(|| name.clone(), |urn| format!("{urn}:{name}"));
        match path::parse(&USERS, &name) {
            Ok(Path::Target(target)) if !target.is_read_only() => change(user, op, &target, value)?,
            Ok(Path::Extension(schema)) if urn.is_none() => {
                if let Value::Object(members) = value {
                    apply_members(user, op, Some(schema.urn), members)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn change(user: &mut Map<String, Value>, op: Op, target: &Target, value: &Value) -> Result<(), Fault> {
    let attribute = target.attribute;
    if attribute.mutability == Mutability::WriteOnly {
        return Ok(());
    }
    if op == Op::Remove && attribute.required && target.part.is_none() {
        let detail = format!("{} is required and cannot be removed.", attribute.name);
        return Err(Fault::bad(ScimType::Mutability, detail));
    }
    let home = read::home(user, target.urn);
    let held = home.remove(attribute.name);
    let changed = if attribute.multi {
        let values = match held {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        let values = change_several(values, op, target, value)?;
        (!values.is_empty()).then_some(Value::Array(values))
    } else {
        change_one(held, op, target, value)?
    };
    if let Some(changed) = changed {
        home.insert(attribute.name.to_owned(), changed);
    }
    if home.is_empty()
        && let Some(urn) = target.urn
    {
        user.remove(urn);
    }
    Ok(())
}

fn change_one(held: Option<Value>, op: Op, target: &Target, value: &Value) -> Result<Option<Value>, Fault> {
    let attribute = target.attribute;
    let Some(part) = target.part else {
        return match (op, held, value) {
            (Op::Remove, ..) => Ok(None),
            // A complex value is changed part by part: what it doesn't name stays.
            (_, Some(Value::Object(held)), Value::Object(members)) if !attribute.sub.is_empty() => {
                let mut changed = held;
                for (name, value) in members {
                    if let Some(part) = attribute.part(name).filter(|part| part.is_writable()) {
                        set(&mut changed, part, value)?;
                    }
                }
                read::normal(attribute, &Value::Object(changed))
            }
            _ => read::normal(attribute, value),
        };
    };
    let mut changed = match held {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    set(&mut changed, part, if op == Op::Remove { &Value::Null } else { value })?;
    read::normal(attribute, &Value::Object(changed))
}

fn change_several(
    mut values: Vec<Value>,
    op: Op,
    target: &Target,
    value: &Value,
) -> Result<Vec<Value>, Fault> {
    let attribute = target.attribute;
    let chosen: Vec<bool> = values
        .iter()
        .map(|value| target.filter.as_ref().is_none_or(|filter| value_meets(filter, attribute, value)))
        .collect();
    match (&target.filter, target.part) {
        (None, None) => return change_whole(values, op, attribute, value),
        (_, part) if op == Op::Remove => {
            let mut chosen = chosen.into_iter();
            match part {
                None => values.retain(|_| !chosen.next().unwrap_or(false)),
                Some(part) => set_chosen(&mut values, chosen, part, &Value::Null)?,
            }
        }
        (filter, part) if !chosen.contains(&true) => {
            let mut created =
                filter.as_ref().map_or_else(|| Ok(Map::new()), |filter| described(filter, attribute))?;
            match part {
                Some(part) => set(&mut created, part, value)?,
                None => merge(&mut created, attribute, value)?,
            }
            values.push(Value::Object(created));
        }
        (_, Some(part)) => set_chosen(&mut values, chosen.into_iter(), part, value)?,
        (_, None) => {
            for (held, _) in values.iter_mut().zip(chosen).filter(|(_, chosen)| *chosen) {
                if let Value::Object(held) = held {
                    merge(held, attribute, value)?;
                }
            }
        }
    }
    settle(attribute, values, &Value::Null)
}

/// The attribute as a whole: append, put in place, or take away (all, or those that are listed).
fn change_whole(
    mut values: Vec<Value>,
    op: Op,
    attribute: &'static Attribute,
    value: &Value,
) -> Result<Vec<Value>, Fault> {
    let named = match read::normal(attribute, value)? {
        Some(Value::Array(named)) => named,
        _ => Vec::new(),
    };
    match op {
        Op::Remove if matches!(value, Value::Null) => Ok(Vec::new()),
        Op::Remove => {
            let same = |held: &Value, named: &Value| {
                held.get("value").is_some() && held.get("value") == named.get("value")
            };
            values.retain(|held| !named.iter().any(|named| held == named || same(held, named)));
            Ok(values)
        }
        Op::Replace => Ok(named),
        Op::Add => {
            let newest = named.iter().rev().find(|value| is_primary(value)).cloned();
            for value in named {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            settle(attribute, values, &newest.unwrap_or(Value::Null))
        }
    }
}

/// Values in normal form, with the newest primary one as the only one (RFC 7644 section 3.5.2).
fn settle(
    attribute: &'static Attribute,
    mut values: Vec<Value>,
    newest: &Value,
) -> Result<Vec<Value>, Fault> {
    if values.len() > attribute.most {
        let detail = format!("{} would have more than {} values.", attribute.name, attribute.most);
        return Err(Fault::bad(ScimType::InvalidValue, detail));
    }
    let primaries: Vec<usize> =
        values.iter().enumerate().filter(|(_, value)| is_primary(value)).map(|(at, _)| at).collect();
    let keep = primaries.iter().copied().rfind(|at| values[*at] == *newest).or(primaries.last().copied());
    for at in primaries.into_iter().filter(|at| Some(*at) != keep) {
        values[at]["primary"] = Value::Bool(false);
    }
    match read::normal(attribute, &Value::Array(values))? {
        Some(Value::Array(values)) => Ok(values),
        _ => Ok(Vec::new()),
    }
}

fn set_chosen(
    values: &mut [Value],
    chosen: impl Iterator<Item = bool>,
    part: &'static Attribute,
    value: &Value,
) -> Result<(), Fault> {
    let becomes_primary = part.name == "primary" && read::normal(part, value)? == Some(Value::Bool(true));
    for (held, chosen) in values.iter_mut().zip(chosen) {
        let Value::Object(held) = held else { continue };
        if chosen {
            set(held, part, value)?;
        } else if becomes_primary && held.contains_key("primary") {
            held.insert("primary".to_owned(), Value::Bool(false));
        }
    }
    Ok(())
}

fn merge(into: &mut Map<String, Value>, attribute: &'static Attribute, value: &Value) -> Result<(), Fault> {
    let Some(Value::Array(values)) = read::normal(attribute, value)? else { return Ok(()) };
    if let Some(Value::Object(members)) = values.into_iter().next() {
        into.extend(members);
    }
    Ok(())
}

fn set(into: &mut Map<String, Value>, part: &'static Attribute, value: &Value) -> Result<(), Fault> {
    match read::normal(part, value)? {
        Some(value) => into.insert(part.name.to_owned(), value),
        None => into.remove(part.name),
    };
    Ok(())
}

fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}
