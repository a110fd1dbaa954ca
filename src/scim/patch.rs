//! Changes of a user (RFC 7644 section 3.5.2), in every dialect in which Entra ID and Okta write them.
//!
//! A change works on a copy in normal form, which is read back into a typed user at the end. What an operation must be
//! refused for is noted; what it would have changed stays as it is (see `tolerance`).

use super::change::{self, Changed};
use super::members::{Member, flatten, refuse_doubled};
use super::message::PATCH_OP;
use super::path::{self, Astray, Path, Target};
use super::read::{self, ACTIVE, home, leave_password_out};
use super::schema::{Attribute, Mutability, Resource, Schema, USERS};
use super::tolerance::{Notes, Sent};
use super::user::{self, SiteUrn, User};
use super::values::{self, member};
use super::{Fault, ScimType, json, packing};
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
    /// Why nothing of it is done, unless it bars a user: one of its own members stands twice.
    pub(super) doubled: Option<Fault>,
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
        // Where the list stands twice all is refused, unless one of its operations bars a user.
        let lists = body.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Operations"));
        let lists: Option<Vec<&Vec<Value>>> = lists.map(|(_, list)| list.as_array()).collect();
        let lists = lists.ok_or_else(|| syntax("Operations must be a list."))?;
        if lists.is_empty() {
            return Err(syntax("The body has no Operations."));
        }
        let operations: Vec<&Value> = lists.into_iter().flatten().collect();
        if operations.len() > MOST_OPERATIONS {
            return Err(syntax(&format!("There are more than {MOST_OPERATIONS} Operations.")));
        }
        let faults = json::doubled(body).into_iter().chain(read::message(body, PATCH_OP).err());
        Ok(Self {
            faults: faults.collect(),
            operations: operations.into_iter().map(Operation::read).collect(),
        })
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
        let mut work = Work { user: current.to_normal(), ..Work::default() };
        for name in ["id", "meta"] {
            work.user.remove(name);
        }
        let operations = self.operations(&mut notes);
        nothing_writable(&USERS, &operations).into_iter().for_each(|fault| notes.refuse(fault));
        for operation in operations {
            work.apply(operation, &mut notes);
        }
        work.complete(&mut notes);
        work.settle_site(&mut notes);
        let changed = User::from_normal(std::mem::take(&mut work.user), &mut notes).unwrap_or_else(|fault| {
            notes.refuse(fault);
            current.clone()
        });
        let wish = User { id: current.id.clone(), meta: current.meta.clone(), ..changed };
        let Work { bars, names_site, names_user, .. } = work;
        Sent { wish, notes, bars, names_site, names_user }
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
        Ok(Self { op, path, value: value.unwrap_or(Value::Null), doubled: json::doubled(members) })
    }
}

/// The members of a change without a path.
pub(super) fn members_without_path(operation: &Operation) -> Result<Map<String, Value>, Fault> {
    if operation.op == Op::Remove {
        return Err(Fault::bad(ScimType::NoTarget, "remove needs a path."));
    }
    match packing::single(&operation.value).into_owned() {
        Value::Object(members) => Ok(members),
        _ => Err(Fault::bad(ScimType::InvalidValue, "Without a path the value must be an object.")),
    }
}

/// The refusal of a change that names nothing but what clients do not write (RFC 7644 section 3.5.2). Beside other operations
/// each is left out: it keeps nothing else out.
pub(super) fn nothing_writable(kind: &Resource, operations: &[&Operation]) -> Option<Fault> {
    let text = operations.first()?.path.as_deref()?;
    let is_read_only = |operation: &&Operation| {
        let path = operation.path.as_deref().map(|text| path::parse(kind, text));
        matches!(path, Some(Ok(Path::Target(target))) if target.is_read_only())
    };
    let detail = || format!("{} is read-only.", super::grammar::shown(text));
    operations.iter().all(is_read_only).then(|| Fault::bad(ScimType::Mutability, detail()))
}

/// Why something that clients do not write is left out.
pub(super) const READ_ONLY: &str = "it is read-only";

/// A user under change.
#[derive(Default)]
struct Work {
    user: Map<String, Value>,
    /// Whether the last that was said of `active` is that it is false.
    bars: bool,
    /// Whether something was said of the site.
    names_site: bool,
    /// Whether something was said of the user name.
    names_user: bool,
    /// What was last said of the site under each schema; nothing where it was taken away.
    sites: Vec<(SiteUrn, Option<String>)>,
    /// Lists that were changed, whose values may not be complete.
    changed: Vec<&'static Attribute>,
}

impl Work {
    fn apply(&mut self, operation: &Operation, notes: &mut Notes) {
        let Operation { op, path, value, doubled } = operation;
        doubled.iter().for_each(|fault| notes.refuse(fault.clone()));
        let only_active = doubled.is_some();
        let Some(text) = path else {
            match members_without_path(operation) {
                Ok(members) => self.members(*op, None, &members, only_active, notes),
                Err(fault) => notes.refuse(fault),
            }
            return;
        };
        match path::parse(&USERS, text) {
            Ok(Path::Target(target)) if only_active && target.attribute.name != ACTIVE => {}
            Ok(Path::Target(target)) if target.is_read_only() => notes.left_out(text, READ_ONLY),
            Ok(Path::Target(target)) => self.change(*op, &target, value, values::Shape::ListOrOne, notes),
            Ok(Path::Schema(schema)) => self.schema(*op, schema, value, only_active, notes),
            Err(Astray::Unknown(why)) => notes.left_out(text, &why),
            Err(Astray::Wrong(fault)) => notes.refuse(fault),
        }
    }

    /// All of a schema: an extension, or the user's own.
    fn schema(
        &mut self,
        op: Op,
        schema: &'static Schema,
        value: &Value,
        only_active: bool,
        notes: &mut Notes,
    ) {
        let is_own = std::ptr::eq(schema, USERS.schema);
        match packing::single(value).as_ref() {
            Value::Object(members) if !members.is_empty() => {
                let urn = (!is_own).then_some(schema.urn);
                self.members(op, urn, members, only_active, notes);
            }
            // What is not named stays (RFC 7644 section 3.5.2.3).
            Value::Object(_) if op != Op::Remove => {}
            _ if is_own && op == Op::Remove => {
                let detail = format!("{} cannot be removed: name an attribute of it.", schema.urn);
                notes.refuse(Fault::bad(ScimType::Mutability, detail));
            }
            value if is_own && values::is_empty(value) => {}
            value if op == Op::Remove || (op == Op::Replace && values::is_empty(value)) => {
                match site_urn(Some(schema.urn)) {
                    Some(urn) => self.say_site(urn, None),
                    None => drop(self.user.shift_remove(schema.urn)),
                }
            }
            value if values::is_empty(value) => {}
            _ => notes.refuse(read::wrong(schema.urn, "an object")),
        }
    }

    /// Each member as an operation of its own: plain, dotted and URN-qualified names, whole schemas, value paths.
    /// Read-only ones are passed over: Okta sends `id` and `schemas` along.
    fn members(
        &mut self,
        op: Op,
        urn: Option<&'static str>,
        members: &Map<String, Value>,
        only_active: bool,
        notes: &mut Notes,
    ) {
        let mut all = Vec::with_capacity(members.len());
        flatten(urn, members, &mut all, notes);
        refuse_doubled(&mut all, notes);
        for Member { name, value, place, is_doubled } in all {
            match place {
                Ok(Path::Target(target)) if target.is_read_only() => {}
                Ok(Path::Target(target))
                    if (only_active || is_doubled) && target.attribute.name != ACTIVE => {}
                Ok(Path::Target(target)) => self.change(op, &target, &value, values::Shape::List, notes),
                Ok(Path::Schema(schema)) => self.schema(op, schema, &value, only_active, notes),
                Err(_) if values::is_empty(&value) => {}
                Err(Astray::Unknown(why)) => notes.left_out(&name, &why),
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
        if let Some(fault) = json::within(value) {
            notes.refuse(fault);
            if attribute.name != ACTIVE {
                return;
            }
        }
        self.names_user |= attribute.name == USER_NAME;
        let held = home(&mut self.user, target.urn).get(attribute.name).cloned();
        let changed = if attribute.multi {
            self.changed.push(attribute);
            change::several(held, op, target, value, shape, notes)
        } else {
            change::one(held, op, target, value, notes)
        };
        match changed {
            Changed::To(value) if attribute.required && read::is_blank(&value) => {
                notes.refuse(read::missing(attribute));
            }
            Changed::Gone if attribute.required => notes.refuse(read::missing(attribute)),
            Changed::Gone if attribute.name == ACTIVE => {
                notes.left_out(ACTIVE, read::NEITHER);
                self.bars = false;
                self.user.shift_remove(ACTIVE);
            }
            changed => match site_urn(target.urn) {
                Some(urn) => self.change_site(urn, changed),
                None => self.store(target, changed),
            },
        }
        if let Some(urn) = target.urn
            && home(&mut self.user, Some(urn)).is_empty()
        {
            self.user.shift_remove(urn);
        }
    }

    fn store(&mut self, target: &Target, changed: Changed) {
        let name = target.attribute.name;
        match changed {
            Changed::Not => {}
            Changed::To(value) => {
                if name == ACTIVE {
                    self.bars = value == Value::Bool(false);
                }
                home(&mut self.user, target.urn).insert(name.to_owned(), value);
            }
            Changed::Gone => {
                home(&mut self.user, target.urn).shift_remove(name);
            }
        }
    }

    /// A site comes under one schema or the other.
    fn change_site(&mut self, urn: SiteUrn, changed: Changed) {
        match changed {
            Changed::Not => {}
            Changed::Gone => self.say_site(urn, None),
            Changed::To(value) => {
                let name = value.as_str().unwrap_or_default().trim().to_owned();
                self.say_site(urn, Some(name).filter(|name| !name.is_empty()));
            }
        }
    }

    /// The last word under a schema counts.
    fn say_site(&mut self, urn: SiteUrn, name: Option<String>) {
        self.sites.retain(|(other, _)| *other != urn);
        self.sites.push((urn, name));
    }

    /// A site that is sent takes the place of the one that is stored, under whichever schema; of two the one under the
    /// client's own counts. One that is taken away goes where it stood under the same schema.
    fn settle_site(&mut self, notes: &mut Notes) {
        let said =
            |urn: SiteUrn| self.sites.iter().find(|(one, _)| *one == urn).map(|(_, name)| name.clone());
        let [own, other] = [SiteUrn::EightByEight, SiteUrn::Rollcall].map(|urn| (urn, said(urn)));
        if let (Some(Some(taken)), Some(Some(left))) = (&own.1, &other.1) {
            user::two_sites(taken, left, notes);
        }
        let sent = [&own, &other].into_iter().find_map(|(urn, name)| Some((*urn, name.clone()??)));
        if let Some((urn, name)) = sent {
            self.names_site = true;
            self.user.shift_remove(urn.other().as_str());
            home(&mut self.user, Some(urn.as_str())).insert(SITE.to_owned(), name.into());
            return;
        }
        for (urn, _) in [own, other].into_iter().filter(|(_, said)| said.is_some()) {
            let held = self.user.shift_remove(urn.as_str()).is_some();
            // Under the other schema it stays: the client spoke of none.
            self.names_site |= held || !self.user.contains_key(urn.other().as_str());
        }
    }

    /// Leaves out the values of lists that no operation made complete: one may name the label, the next the value.
    fn complete(&mut self, notes: &mut Notes) {
        for attribute in std::mem::take(&mut self.changed) {
            let Some(Value::Array(list)) = self.user.get_mut(attribute.name) else { continue };
            let list = change::completed(attribute, std::mem::take(list), notes);
            if list.is_empty() {
                self.user.shift_remove(attribute.name);
            } else {
                self.user.insert(attribute.name.to_owned(), Value::Array(list));
            }
        }
    }
}

/// The attribute that names a user.
const USER_NAME: &str = "userName";
/// The attribute that names a site.
const SITE: &str = "site";

fn site_urn(urn: Option<&str>) -> Option<SiteUrn> {
    [SiteUrn::Rollcall, SiteUrn::EightByEight].into_iter().find(|own| urn == Some(own.as_str()))
}
