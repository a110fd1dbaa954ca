//! A user as SCIM speaks of it (RFC 7643 sections 4.1 and 4.3), typed.

use super::schema::USERS;
use super::tolerance::{Notes, Sent};
use super::{CORE_USER, ENTERPRISE_USER, Fault, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType, read};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    missing_docs,
    reason = "each is the attribute of the same name in `schema`, which says what it means"
)]
pub struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub user_name: String,
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nick_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Multi>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<Multi>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ims: Vec<Multi>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<Multi>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Membership>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<Multi>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Multi>,
    #[serde(rename = "x509Certificates", skip_serializing_if = "Vec::is_empty")]
    pub x509_certificates: Vec<Multi>,
    #[serde(
        rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        skip_serializing_if = "Enterprise::is_empty"
    )]
    pub enterprise: Enterprise,
    #[serde(skip)]
    pub site: Option<Site>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// The parts of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Name {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honorific_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honorific_suffix: Option<String>,
}

/// One of several values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Multi {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

/// The enterprise extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Enterprise {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub division: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Manager>,
}

/// A user's manager. Entra ID sends a bare string and can't read one back: an answer has the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Manager {
    pub value: String,
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// A group that a user is in. Read-only: groups say who their members are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Membership {
    pub value: String,
    #[serde(rename = "$ref")]
    pub reference: String,
    pub display: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A site's name and the schema that it comes under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The name.
    pub name: String,
    /// The schema: answers carry the site under the one that the client uses.
    pub urn: SiteUrn,
}

/// The schemas that a site may come under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SiteUrn {
    /// Rollcall's own.
    #[default]
    Rollcall,
    /// The one of the 8x8 gallery application.
    EightByEight,
}

/// About the resource itself (RFC 7643 section 3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Meta {
    pub resource_type: String,
    pub created: String,
    pub last_modified: String,
    pub location: String,
    pub version: String,
}

impl Name {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Enterprise {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SiteUrn {
    /// The other schema.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Rollcall => Self::EightByEight,
            Self::EightByEight => Self::Rollcall,
        }
    }

    /// The schema's URN.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rollcall => ROLLCALL_USER,
            Self::EightByEight => ROLLCALL_USER_8X8,
        }
    }

    /// The schema of a URN; Rollcall's own if it is another.
    #[must_use]
    pub fn of(urn: &str) -> Self {
        if urn == ROLLCALL_USER_8X8 { Self::EightByEight } else { Self::Rollcall }
    }
}

impl User {
    /// Reads the body of a POST or PUT. What is left out is as it is in `before`.
    pub fn read(body: &Value, before: &Self) -> Result<Sent<Self>, Fault> {
        let mut notes = Notes::default();
        let read::Whole { mut normal, bars } = read::resource(&USERS, body, &before.to_normal(), &mut notes)?;
        for name in ["id", "meta"] {
            normal.shift_remove(name);
        }
        let wish = Self::from_normal(normal, &mut notes)?;
        Ok(Sent { wish, notes, bars, names_site: true, names_user: true })
    }

    /// The user from attributes in normal form.
    pub(super) fn from_normal(mut normal: Map<String, Value>, notes: &mut Notes) -> Result<Self, Fault> {
        // The client's own schema comes first where it sends both.
        let mut sites = [SiteUrn::EightByEight, SiteUrn::Rollcall].into_iter().filter_map(|urn| {
            let name = normal.get(urn.as_str())?.get("site")?.as_str()?.trim().to_owned();
            (!name.is_empty()).then_some(Site { name, urn })
        });
        let (site, other) = (sites.next(), sites.next());
        if let (Some(site), Some(other)) = (&site, other) {
            two_sites(&site.name, &other.name, notes);
        }
        for urn in [SiteUrn::EightByEight, SiteUrn::Rollcall] {
            normal.shift_remove(urn.as_str());
        }
        let user: Self = serde_json::from_value(Value::Object(normal)).map_err(|cause| {
            tracing::error!(%cause, "attributes in normal form are no user");
            Fault::bad(ScimType::InvalidValue, "The user cannot be read: a value has the wrong type.")
        })?;
        Ok(Self { site, ..user })
    }

    /// The user's attributes in normal form: no `schemas`.
    pub(super) fn to_normal(&self) -> Map<String, Value> {
        // The type has string keys and no value that JSON lacks: this does not fail.
        let mut normal = match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        if let Some(site) = &self.site {
            normal.insert(site.urn.as_str().to_owned(), json!({ "site": site.name }));
        }
        normal
    }

    /// The user as an answer carries it, as JSON to look into.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // As above: this does not fail.
        serde_json::to_value(UserResource(self)).unwrap_or_default()
    }
}

/// Notes that two sites were sent at once, unless they are one.
pub(super) fn two_sites(taken: &str, left: &str, notes: &mut Notes) {
    if taken.to_lowercase() != left.to_lowercase() {
        notes.left_out(left, &format!("two sites were sent, and “{taken}” was taken"));
    }
}

/// A user as an answer carries it: `schemas` lists the core and each extension that is present.
#[derive(Clone, Copy, Debug)]
pub struct UserResource<'a>(pub &'a User);

impl Serialize for UserResource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = self.0;
        let mut schemas = vec![CORE_USER];
        if !user.enterprise.is_empty() {
            schemas.push(ENTERPRISE_USER);
        }
        schemas.extend(user.site.as_ref().map(|site| site.urn.as_str()));
        let site = |urn: SiteUrn| {
            let mine = user.site.as_ref().filter(|site| site.urn == urn);
            mine.map(|site| Extension { site: &site.name })
        };
        let (rollcall, eight_by_eight) = (site(SiteUrn::Rollcall), site(SiteUrn::EightByEight));
        Whole { schemas, user, rollcall, eight_by_eight }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    schemas: Vec<&'static str>,
    #[serde(flatten)]
    user: &'a User,
    #[serde(
        rename = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User",
        skip_serializing_if = "Option::is_none"
    )]
    rollcall: Option<Extension<'a>>,
    #[serde(
        rename = "urn:ietf:params:scim:schemas:extension:8x8:1.1:User",
        skip_serializing_if = "Option::is_none"
    )]
    eight_by_eight: Option<Extension<'a>>,
}

#[derive(Serialize)]
struct Extension<'a> {
    site: &'a str,
}
