//! Changes of a user (RFC 7644 section 3.5.2), in every dialect in which Entra ID and Okta write them.
//!
//! A change works on a copy in normal form, which is read back into a typed user at the end. What an operation must be
//! refused for is noted; what it would have changed stays as it is (see `tolerance`).

use super::change::{self, Changed};
use super::message::PATCH_OP;
use super::path::{self, Astray, Path, Target};
use super::read::{self, home, leave_password_out};
use super::schema::{Mutability, Schema, USERS};
use super::tolerance::{Notes, Sent};
use super::user::{SiteUrn, User};
use super::values::{self, member};
use super::{Fault, ScimType, json};
use serde_json::{Map, Value};

const MOST_OPERATIONS: usize = 1000;

/// A list of operations, in order, and what is wrong with the message around them.
#[derive(Clone, Debug)]
pub struct Patch {
    operations: Vec<Result<Operation, Fault>>,
    faults: Vec<Fault>,
}

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
    /// Reads the body of a PATCH. A fault of one operation is kept with that operation.
    pub fn read(body: &Value) -> Result<Self, Fault> {
        let syntax = |detail: &str| Fault::bad(ScimType::InvalidSyntax, detail);
        let body = body.as_object().ok_or_else(|| syntax("The body must be a JSON object."))?;
        let operations = member(body, "Operations").ok_or_else(|| syntax("The body has no Operations."))?;
        let operations = operations.as_array().ok_or_else(|| syntax("Operations must be a list."))?;
        if operations.len() > MOST_OPERATIONS {
            return Err(syntax(&format!("There are more than {MOST_OPERATIONS} Operations.")));
        }
        let faults = json::doubled(body).into_iter().chain(read::message(body, PATCH_OP).err());
        Ok(Self { faults: faults.collect(), operations: operations.iter().map(Operation::read).collect() })
    }

    /// The operations that could be read; what is wrong with the others, and with the message, goes into the notes.
    pub(super) fn operations(&self, notes: &mut Notes) -> Vec<&Operation> {
        self.faults.iter().for_each(|fault| notes.refuse(fault.clone()));
        let operations = self
            .operations
            .iter()
            .filter_map(|operation| operation.as_ref().map_err(|fault| notes.refuse(fault.clone())).ok());
        operations.collect()
    }

    /// The user after all operations; `current` stays as it is.
    #[must_use]
    pub fn apply(&self, current: &User) -> Sent<User> {
        let mut notes = Notes::default();
        let mut work = Work { user: current.to_normal(), bars: false };
        for name in ["id", "meta"] {
            work.user.remove(name);
        }
        for operation in self.operations(&mut notes) {
            work.apply(operation, &mut notes);
        }
        let changed = User::from_normal(work.user, &mut notes).unwrap_or_else(|fault| {
            notes.refuse(fault);
            current.clone()
        });
        let wish = User { id: current.id.clone(), meta: current.meta.clone(), ..changed };
        Sent { wish, notes, bars: work.bars }
    }
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
            _ => {
                let word = super::grammar::shown(word);
                return Err(syntax(format!("“{word}” is no operation: op must be add, replace or remove.")));
            }
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
}

/// The members of a change without a path.
pub(super) fn members_without_path(operation: &Operation) -> Result<&Map<String, Value>, Fault> {
    if operation.op == Op::Remove {
        return Err(Fault::bad(ScimType::NoTarget, "remove needs a path."));
    }
    let detail = "Without a path the value must be an object.";
    operation.value.as_object().ok_or_else(|| Fault::bad(ScimType::InvalidValue, detail))
}

/// The refusal of a change of something that clients do not write.
pub(super) fn read_only(text: &str) -> Fault {
    Fault::bad(ScimType::Mutability, format!("{} is read-only.", super::grammar::shown(text)))
}

/// A user under change.
struct Work {
    user: Map<String, Value>,
    /// Whether the last that was said of `active` is that it is false.
    bars: bool,
}

impl Work {
    fn apply(&mut self, operation: &Operation, notes: &mut Notes) {
        let Operation { op, path, value } = operation;
        let Some(text) = path else {
            match members_without_path(operation) {
                Ok(members) => self.members(*op, None, members, notes),
                Err(fault) => notes.refuse(fault),
            }
            return;
        };
        match path::parse(&USERS, text) {
            Ok(Path::Target(target)) if target.is_read_only() => notes.refuse(read_only(text)),
            Ok(Path::Target(target)) => self.change(*op, &target, value, values::Shape::ListOrOne, notes),
            Ok(Path::Extension(schema)) => self.extension(*op, schema, value, notes),
            Err(Astray::Unknown(why)) => notes.left_out(text, &why),
            Err(Astray::Wrong(fault)) => notes.refuse(fault),
        }
    }

    fn extension(&mut self, op: Op, schema: &'static Schema, value: &Value, notes: &mut Notes) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                self.members(op, Some(schema.urn), members, notes);
            }
            _ if op == Op::Remove || (op == Op::Replace && values::is_empty(value)) => {
                self.user.remove(schema.urn);
            }
            _ if values::is_empty(value) => {}
            _ => notes.refuse(read::wrong(schema.urn, "an object")),
        }
    }

    /// Each member as an operation of its own: plain, dotted and URN-qualified names, whole extensions, value paths.
    /// Read-only ones are passed over: Okta sends `id` and `schemas` along.
    fn members(&mut self, op: Op, urn: Option<&str>, members: &Map<String, Value>, notes: &mut Notes) {
        for (name, value) in members {
            if urn.is_none() && name.eq_ignore_ascii_case("schemas") {
                continue;
            }
            let full = urn.map_or_else(|| name.clone(), |urn| format!("{urn}:{name}"));
            match path::parse(&USERS, &full) {
                Ok(Path::Target(target)) if target.is_read_only() => {}
                Ok(Path::Target(target)) => self.change(op, &target, value, values::Shape::List, notes),
                Ok(Path::Extension(schema)) => self.extension(op, schema, value, notes),
                Err(_) if values::is_empty(value) => {}
                Err(Astray::Unknown(why)) => notes.left_out(&full, &why),
                Err(Astray::Wrong(fault)) => notes.refuse(fault),
            }
        }
    }

    fn change(&mut self, op: Op, target: &Target, value: &Value, shape: values::Shape, notes: &mut Notes) {
        let attribute = target.attribute;
        if attribute.mutability == Mutability::WriteOnly {
            if !values::is_empty(value) {
                leave_password_out(attribute, notes);
            }
            return;
        }
        if op == Op::Remove && attribute.required {
            let detail = format!("{} is required and cannot be removed.", attribute.name);
            return notes.refuse(Fault::bad(ScimType::Mutability, detail));
        }
        let held = home(&mut self.user, target.urn).get(attribute.name).cloned();
        let changed = if attribute.multi {
            change::several(held, op, target, value, shape, notes)
        } else {
            change::one(held, op, target, value, notes)
        };
        match changed {
            Changed::Not => {}
            Changed::To(value) if attribute.required && read::is_blank(&value) => {
                notes.refuse(read::missing(attribute));
            }
            Changed::Gone if attribute.required => notes.refuse(read::missing(attribute)),
            Changed::To(value) => {
                if attribute.name == "active" {
                    self.bars = value == Value::Bool(false);
                }
                self.forget_other_site(target.urn);
                home(&mut self.user, target.urn).insert(attribute.name.to_owned(), value);
            }
            Changed::Gone => {
                home(&mut self.user, target.urn).shift_remove(attribute.name);
            }
        }
        if let Some(urn) = target.urn
            && home(&mut self.user, Some(urn)).is_empty()
        {
            self.user.shift_remove(urn);
        }
    }

    /// A site comes under one schema or the other: the one that is sent takes the place of the one that is stored.
    fn forget_other_site(&mut self, urn: Option<&str>) {
        for own in [SiteUrn::Rollcall, SiteUrn::EightByEight] {
            if urn == Some(own.as_str()) {
                self.user.shift_remove(own.other().as_str());
            }
        }
    }
}
