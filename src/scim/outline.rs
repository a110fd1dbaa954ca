//! What a body asks for, in a few lines for the log: attributes with their values, without secrets, however large the
//! body is.
//!
//! Shown is only what the table of attributes knows and may be told: of an attribute that nobody here knows the name
//! alone, of a password nothing but that it was sent.

use super::json;
use super::schema::{self, Attribute, Kind, Mutability, Schema};
use serde_json::{Map, Value};

const MOST_LINES: usize = 30;
const LONGEST_NAME: usize = 120;
const LONGEST_VALUE: usize = 100;
/// So many of several values are written out.
const MOST_VALUES: usize = 5;

/// What a body asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The user name, where there is one.
    pub user_name: Option<String>,
    /// The display name, where there is one.
    pub display_name: Option<String>,
    /// The client's own key, where there is one.
    pub external_id: Option<String>,
    /// The first e-mail address, where there is one.
    pub mail: Option<String>,
    /// What a search by POST looks for.
    pub filter: Option<String>,
    /// A line for each attribute or operation.
    pub lines: Vec<String>,
}

impl Outline {
    /// Of a resource, of the operations of a PATCH, or of a bulk request.
    #[must_use]
    pub fn of(body: &Value) -> Self {
        let Value::Object(members) = body else {
            return Self { lines: vec!["A body that is no JSON object.".to_owned()], ..Self::default() };
        };
        let text = |name: &str| member(members, name).and_then(Value::as_str).map(str::to_owned);
        let name = |name: &str| text(name).or_else(|| set_by_operation(members, name));
        let mut lines = Lines::default();
        match member(members, "Operations") {
            Some(Value::Array(operations)) => {
                operations.iter().for_each(|operation| lines.operation(operation));
            }
            Some(_) => lines.push("Operations that are no list.".to_owned()),
            None => lines.members("", members, &TOP),
        }
        let mail = || {
            let all = member(members, "emails")?;
            let first = all.as_array().and_then(|all| all.first()).unwrap_or(all);
            first.get("value").unwrap_or(first).as_str().map(str::to_owned)
        };
        let told = |text: &String| !text.trim().is_empty();
        Self {
            user_name: name("userName"),
            display_name: name("displayName"),
            external_id: text("externalId").filter(told),
            mail: mail().filter(told),
            filter: text("filter"),
            lines: lines.finish(),
        }
    }
}

/// Attributes of users, of groups, and of every resource.
static TOP: [&[Attribute]; 3] = [schema::USER.attributes, schema::GROUP.attributes, schema::COMMON];

#[derive(Default)]
struct Lines {
    shown: Vec<String>,
    more: usize,
}

impl Lines {
    fn push(&mut self, line: String) {
        if self.shown.len() < MOST_LINES {
            self.shown.push(line);
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.shown.push(format!("and {} more", self.more));
        }
        self.shown
    }

    /// An operation of a PATCH, or of a bulk request.
    fn operation(&mut self, operation: &Value) {
        let Value::Object(members) = operation else {
            return self.push("An operation that is no object.".to_owned());
        };
        let text = |name: &str| member(members, name).and_then(Value::as_str);
        let (op, path) = (text("op"), text("path").filter(|path| !path.trim().is_empty()));
        if let (None, Some(method)) = (op, text("method")) {
            return self.push(cut(&format!("{method} {}", path.unwrap_or_default()), LONGEST_NAME));
        }
        let op = cut(&op.unwrap_or("(no op)").to_ascii_lowercase(), LONGEST_NAME);
        match (path, member(members, "value")) {
            (Some(path), value) => {
                let path = cut(path, LONGEST_NAME);
                match value.and_then(|value| shown_at(&path, value)) {
                    Some(value) => self.push(format!("{op} {path}: {value}")),
                    None => self.push(format!("{op} {path}")),
                }
            }
            (None, Some(Value::Object(members))) => self.members(&format!("{op} "), members, &TOP),
            (None, _) => self.push(format!("{op} without a path")),
        }
    }

    fn members(&mut self, before: &str, members: &Map<String, Value>, tables: &[&'static [Attribute]]) {
        for (name, value) in members {
            if name.eq_ignore_ascii_case("schemas") || json::is_mark(name) {
                continue;
            }
            if let (Some(schema), Value::Object(members)) = (extension(name), value) {
                self.members(before, members, &[schema.attributes]);
                continue;
            }
            let name = cut(name, LONGEST_NAME);
            let known = tables.iter().find_map(|table| schema::find(table, &name));
            let value = match known {
                Some(attribute) => shown(attribute, value),
                None => shown_at(&name, value),
            };
            let twice = if json::is_doubled(members, &name) { " (sent twice)" } else { "" };
            match value {
                Some(value) => self.push(format!("{before}{name}{twice}: {value}")),
                None => self.push(format!("{before}{name}{twice}")),
            }
        }
    }
}

/// The value for the attribute that a path begins with, in so far as it may be told.
fn shown_at(path: &str, value: &Value) -> Option<String> {
    let (tables, rest): (Vec<&'static [Attribute]>, &str) = match prefix(path) {
        Some((schema, rest)) => (vec![schema.attributes], rest),
        None => (TOP.to_vec(), path),
    };
    let end = rest.find(['[', '.', ' ']).unwrap_or(rest.len());
    let attribute = tables.iter().find_map(|table| schema::find(table, &rest[..end]))?;
    // A part of an attribute, such as emails[type eq "work"].value.
    let part = rest.rsplit_once(['.', ']']).and_then(|(_, part)| attribute.part(part.trim()));
    shown(part.unwrap_or(attribute), value)
}

/// The value of an attribute; nothing where that is a secret.
fn shown(attribute: &Attribute, value: &Value) -> Option<String> {
    if attribute.mutability == Mutability::WriteOnly {
        return None;
    }
    let text = match value {
        Value::Array(values) => {
            let some: Vec<String> =
                values.iter().take(MOST_VALUES).map(|value| one(attribute, value)).collect();
            let more = values.len().saturating_sub(MOST_VALUES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Some(format!("{}{more}", some.join(", ")));
        }
        value => one(attribute, value),
    };
    Some(text)
}

fn one(attribute: &Attribute, value: &Value) -> String {
    let text = match value {
        Value::Null => "null".to_owned(),
        Value::String(text) if attribute.kind == Kind::Binary => {
            format!("{} characters", text.chars().count())
        }
        Value::String(text) => format!("“{}”", cut(text, LONGEST_VALUE)),
        Value::Object(members) => {
            let parts = members.iter().filter_map(|(name, value)| {
                let part = attribute.part(name).filter(|part| part.mutability != Mutability::WriteOnly)?;
                match value {
                    Value::Object(_) | Value::Array(_) => None,
                    value => Some(format!("{} {}", part.name, one(part, value))),
                }
            });
            format!("({})", parts.collect::<Vec<_>>().join(", "))
        }
        Value::Array(_) => "a list".to_owned(),
        plain => plain.to_string(),
    };
    // Each value is bounded by itself; together they are, too.
    cut(&text, 4 * LONGEST_VALUE)
}

fn extension(name: &str) -> Option<&'static Schema> {
    schema::all().find(|schema| schema.urn.eq_ignore_ascii_case(name))
}

/// The schema that a path is written under, and the rest of the path.
fn prefix(path: &str) -> Option<(&'static Schema, &str)> {
    schema::all().find_map(|schema| {
        let (head, rest) = path.split_at_checked(schema.urn.len())?;
        let rest = rest.strip_prefix(':')?;
        head.eq_ignore_ascii_case(schema.urn).then_some((schema, rest))
    })
}

/// What an operation of a PATCH sets an attribute to, by its path or in an object.
fn set_by_operation(members: &Map<String, Value>, name: &str) -> Option<String> {
    let operations = member(members, "Operations")?.as_array()?.iter().filter_map(Value::as_object);
    let mut set = operations.filter_map(|operation| {
        let value = member(operation, "value")?;
        let path = member(operation, "path").and_then(Value::as_str).map(str::trim);
        match path.filter(|path| !path.is_empty()) {
            Some(path) => path.eq_ignore_ascii_case(name).then_some(value)?.as_str(),
            None => member(value.as_object()?, name)?.as_str(),
        }
    });
    set.next().map(str::to_owned)
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// One line of at most `most` characters.
fn cut(text: &str, most: usize) -> String {
    let clean = |char: char| if char.is_control() { ' ' } else { char };
    let mut line: String = text.chars().take(most).map(clean).collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_told_operation_by_operation() {
        let body = json!({ "schemas": ["x"], "Operations": [
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ana@x.example" },
            { "op": "replace", "value": { "active": "False", "name.givenName": "Ana", "unheardOf": "x" } },
            { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "IT" },
            { "op": "remove", "path": "members", "value": [{ "value": "1" }, { "value": "2" }] },
            7,
        ]});
        assert_eq!(
            Outline::of(&body).lines,
            [
                "replace emails[type eq \"work\"].value: “ana@x.example”",
                "replace active: “False”",
                "replace name.givenName: “Ana”",
                "replace unheardOf",
                "add urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: “IT”",
                "remove members: (value “1”), (value “2”)",
                "An operation that is no object.",
            ]
        );
    }

    #[test]
    fn no_secret_is_told_wherever_it_stands() {
        let secret = "s3cret";
        for body in [
            json!({ "userName": "ana", "password": secret, "pwd": secret }),
            json!({ "Operations": [{ "op": "add", "path": "password", "value": secret }] }),
            json!({ "Operations": [{ "op": "add", "path": "PassWord", "value": secret }] }),
            json!({ "Operations": [{ "op": "add", "value": { "password": secret, "apiToken": secret } }] }),
            json!({ "Operations": [{ "op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "value": secret }] }),
            json!({ "urn:ietf:params:scim:schemas:core:2.0:User": { "password": secret } }),
            json!({ "emails": [{ "value": "a@b.example", "password": secret, "more": { "password": secret } }] }),
            json!({ "urn:x:y": { "password": secret } }),
            json!([secret]),
            json!({ "Operations": secret }),
        ] {
            assert!(!format!("{:?}", Outline::of(&body)).contains(secret), "{body}");
        }
    }

    #[test]
    fn however_large_the_body_the_outline_is_small() {
        let long = "x".repeat(10_000);
        let many: Vec<Value> = (0..50).map(|_| json!({ "value": long, "display": long })).collect();
        let operations: Vec<Value> =
            (0..40).map(|_| json!({ "op": long, "path": long, "value": many })).collect();
        for body in [json!({ "members": many, &long: 1, "title": long }), json!({ "Operations": operations })]
        {
            let outline = Outline::of(&body);
            assert!(outline.lines.join("").len() < 40_000 && outline.lines.len() <= MOST_LINES + 1);
        }
    }
}
