//! The one table of attributes and their characteristics (RFC 7643 sections 2.2, 4.1, 4.3 and 7). What `/Schemas`
//! tells and what the reader enforces both come from it.

use super::{CORE_GROUP, CORE_USER, ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8};

/// The most values of an attribute, unless the table says otherwise.
const MOST_VALUES: usize = 100;
/// The most members that one request may name; its body is bounded as well.
const MOST_MEMBERS: usize = 50_000;

/// A data type (RFC 7643 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the data type of the same name in the RFC")]
pub enum Kind {
    String,
    Boolean,
    DateTime,
    Reference,
    Binary,
    Complex,
}

/// Who may write (RFC 7643 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the keyword of the same name in the RFC")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the RFC has that many")]
pub struct Attribute {
    /// Its name, in the spelling of answers.
    pub name: &'static str,
    /// Its data type.
    pub kind: Kind,
    /// Whether it holds several values.
    pub multi: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether case tells two values apart.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// Whether it is in every answer, whatever was asked for.
    pub always: bool,
    /// Whether no two resources of its type have the same value.
    pub unique: bool,
    /// Whether a complex value without this part is none here. `/Schemas` does not tell: Entra ID would want it mapped.
    pub essential: bool,
    /// Whether spaces at its ends tell two values apart as little as case does: it is looked up by a key without them.
    pub trimmed: bool,
    /// Whether it may have several lines.
    pub lines: bool,
    /// The most values it may hold.
    pub most: usize,
    /// What it means.
    pub description: &'static str,
    /// Values that are suggested.
    pub canonical: &'static [&'static str],
    /// What it may refer to.
    pub references: &'static [&'static str],
    /// Its parts, if it is complex.
    pub sub: &'static [Attribute],
}

/// A schema.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Its URN.
    pub urn: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it describes.
    pub description: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    Attribute {
        name,
        kind: Kind::String,
        multi: false,
        required: false,
        case_exact: false,
        mutability: Mutability::ReadWrite,
        always: false,
        unique: false,
        essential: false,
        trimmed: false,
        lines: false,
        most: MOST_VALUES,
        description,
        canonical: &[],
        references: &[],
        sub: &[],
    }
}

const fn complex(name: &'static str, description: &'static str, sub: &'static [Attribute]) -> Attribute {
    Attribute { kind: Kind::Complex, sub, ..text(name, description) }
}

const fn several(name: &'static str, description: &'static str, sub: &'static [Attribute]) -> Attribute {
    Attribute { multi: true, ..complex(name, description, sub) }
}

const fn boolean(name: &'static str, description: &'static str) -> Attribute {
    Attribute { kind: Kind::Boolean, ..text(name, description) }
}

const fn link(
    name: &'static str,
    description: &'static str,
    references: &'static [&'static str],
) -> Attribute {
    Attribute { kind: Kind::Reference, case_exact: true, references, ..text(name, description) }
}

impl Attribute {
    const fn read_only(self) -> Self {
        Self { mutability: Mutability::ReadOnly, ..self }
    }

    const fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    const fn essential(self) -> Self {
        Self { essential: true, ..self }
    }

    const fn trimmed(self) -> Self {
        Self { trimmed: true, ..self }
    }

    const fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    const fn one_of(self, canonical: &'static [&'static str]) -> Self {
        Self { canonical, ..self }
    }

    /// Whether a client may write it: at any time, or once.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        matches!(self.mutability, Mutability::ReadWrite | Mutability::Immutable)
    }

    /// The part of this name, ignoring case (RFC 7643 section 2.1).
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&'static Attribute> {
        find(self.sub, name)
    }
}

/// The attribute of this name, ignoring case (RFC 7643 section 2.1).
#[must_use]
pub fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

const TYPE: Attribute = text("type", "A label for the value's use.");
const PRIMARY: Attribute = boolean("primary", "Whether this is the preferred value; at most one is.");
const DISPLAY: Attribute = text("display", "A name to show for the value.");
const VALUE: Attribute = text("value", "The value.");

const NAME: &[Attribute] = &[
    text("formatted", "The full name, ready to show."),
    text("familyName", "The last name."),
    text("givenName", "The first name."),
    text("middleName", "The middle names."),
    text("honorificPrefix", "A title before the name."),
    text("honorificSuffix", "A suffix after the name."),
];

const ADDRESS: &[Attribute] = &[
    text("formatted", "The full address, ready to show.").lines(),
    text("streetAddress", "Street, house number and the like.").lines(),
    text("locality", "The city."),
    text("region", "The state or region."),
    text("postalCode", "The postal code."),
    text("country", "The country."),
    TYPE.one_of(&["work", "home", "other"]),
    PRIMARY,
];

const EMAIL: &[Attribute] =
    &[VALUE.essential().trimmed(), DISPLAY, TYPE.one_of(&["work", "home", "other"]), PRIMARY];
const PHONE: &[Attribute] =
    &[VALUE, DISPLAY, TYPE.one_of(&["work", "home", "mobile", "fax", "pager", "other"]), PRIMARY];
const LABELLED: &[Attribute] = &[VALUE, DISPLAY, TYPE, PRIMARY];
const PHOTO: &[Attribute] = &[
    Attribute { kind: Kind::Reference, references: &["external"], ..VALUE.exact() },
    DISPLAY,
    TYPE.one_of(&["photo", "thumbnail"]),
    PRIMARY,
];
const CERTIFICATE: &[Attribute] =
    &[Attribute { kind: Kind::Binary, ..VALUE.exact() }, DISPLAY, TYPE, PRIMARY];
const MEMBERSHIP: &[Attribute] = &[
    VALUE.exact().read_only(),
    link("$ref", "The group's address.", &["Group"]).read_only(),
    DISPLAY.read_only(),
    TYPE.one_of(&["direct", "indirect"]).read_only(),
];

const USER_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        required: true,
        unique: true,
        trimmed: true,
        ..text("userName", "The name to sign in with: unique in the organisation, ignoring case.")
    },
    complex("name", "The parts of the name.", NAME),
    text("displayName", "The name to show."),
    text("nickName", "A casual name."),
    link("profileUrl", "The address of an online profile.", &["external"]),
    text("title", "The job title."),
    text("userType", "How the user stands to the organisation, such as Employee."),
    text("preferredLanguage", "The preferred language, such as nl."),
    text("locale", "How to write dates and numbers, such as en-GB."),
    text("timezone", "The time zone's name, such as Europe/Amsterdam."),
    boolean("active", "Whether the user may sign in."),
    Attribute {
        mutability: Mutability::WriteOnly,
        ..text("password", "Taken and thrown away: users sign in with Entra ID.")
    },
    several("emails", "E-mail addresses.", EMAIL),
    several("phoneNumbers", "Contact numbers.", PHONE),
    several("ims", "Addresses of instant messengers.", LABELLED),
    several("photos", "Addresses of photos.", PHOTO),
    several("addresses", "Postal addresses.", ADDRESS),
    several("groups", "The groups that the user is in.", MEMBERSHIP).read_only(),
    several("entitlements", "What the user is entitled to.", LABELLED),
    several("roles", "Roles of the user in other systems; they give no role in this console.", LABELLED),
    several("x509Certificates", "Certificates of the user.", CERTIFICATE),
];

const MANAGER: &[Attribute] = &[
    text("value", "The manager's id.").exact().essential(),
    link("$ref", "The manager's address.", &["User"]),
    text("displayName", "The manager's name.").read_only(),
];

const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    text("employeeNumber", "The employee number."),
    text("costCenter", "The cost centre."),
    text("organization", "The organisation."),
    text("division", "The division."),
    text("department", "The department."),
    complex("manager", "The user's manager.", MANAGER),
];

// Where the RFC would refuse a later value, it is left out with a warning: Entra ID must not fail for it.
const SITE_ATTRIBUTES: &[Attribute] =
    &[text("site", "The name of the user's site. Fixed once it is set: a later value is left out.")
        .trimmed()
        .immutable()];

const COMMON_ATTRIBUTES: &[Attribute] = &[
    Attribute { always: true, unique: true, ..text("id", "The id of the resource.").exact().read_only() },
    text("externalId", "The client's own id of the resource.").exact(),
    complex("meta", "About the resource itself.", META).read_only(),
];

const META: &[Attribute] = &[
    text("resourceType", "The type of the resource.").exact().read_only(),
    Attribute { kind: Kind::DateTime, ..text("created", "When it was made.").read_only() },
    Attribute { kind: Kind::DateTime, ..text("lastModified", "When it last changed.").read_only() },
    link("location", "Its address.", &["uri"]).read_only(),
    text("version", "Its version, as in the ETag header.").exact().read_only(),
];

const MEMBER: &[Attribute] = &[
    text("value", "The member's id.").exact().immutable().essential(),
    link("$ref", "The member's address.", &["User", "Group"]).immutable(),
    text("type", "What the member is.").one_of(&["User", "Group"]).immutable(),
    text("display", "The member's name.").read_only(),
];

const GROUP_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        required: true,
        unique: true,
        trimmed: true,
        ..text("displayName", "The name to show: unique among groups, ignoring case.")
    },
    Attribute { most: MOST_MEMBERS, ..several("members", "Users and groups that are in the group.", MEMBER) },
];

/// `schemas` is part of every resource, and no schema describes it (RFC 7643 section 3).
pub static SCHEMAS: Attribute =
    Attribute { multi: true, always: true, ..text("schemas", "The schemas of the resource.").exact() };

/// Attributes of every resource (RFC 7643 section 3.1).
pub static COMMON: &[Attribute] = COMMON_ATTRIBUTES;

/// The user.
pub static USER: Schema =
    Schema { urn: CORE_USER, name: "User", description: "A user account.", attributes: USER_ATTRIBUTES };

/// The enterprise extension of the user.
pub static ENTERPRISE: Schema = Schema {
    urn: ENTERPRISE_USER,
    name: "EnterpriseUser",
    description: "What organisations add to a user.",
    attributes: ENTERPRISE_ATTRIBUTES,
};

/// Rollcall's extension of the user.
pub static SITE: Schema = Schema {
    urn: ROLLCALL_USER,
    name: "RollcallUser",
    description: "What Rollcall adds to a user.",
    attributes: SITE_ATTRIBUTES,
};

/// The same for clients that were set up for the 8x8 gallery application.
pub static SITE_8X8: Schema = Schema {
    urn: ROLLCALL_USER_8X8,
    name: "RollcallUserAs8x8",
    description: "What Rollcall adds to a user, under the name that the 8x8 gallery application uses.",
    attributes: SITE_ATTRIBUTES,
};

/// The group.
pub static GROUP: Schema =
    Schema { urn: CORE_GROUP, name: "Group", description: "A group.", attributes: GROUP_ATTRIBUTES };

/// A type of resource (RFC 7643 section 6).
#[derive(Debug)]
pub struct Resource {
    /// Its name.
    pub name: &'static str,
    /// Where its resources are, below the base address.
    pub endpoint: &'static str,
    /// Its own schema.
    pub schema: &'static Schema,
    /// The schemas that add to it.
    pub extensions: &'static [&'static Schema],
}

/// Users.
pub static USERS: Resource = Resource {
    name: "User",
    endpoint: "/Users",
    schema: &USER,
    extensions: &[&ENTERPRISE, &SITE, &SITE_8X8],
};

/// Groups.
pub static GROUPS: Resource =
    Resource { name: "Group", endpoint: "/Groups", schema: &GROUP, extensions: &[] };

/// All types.
pub static RESOURCES: [&Resource; 2] = [&USERS, &GROUPS];

/// All schemas.
pub fn all() -> impl Iterator<Item = &'static Schema> {
    [&USER, &GROUP, &ENTERPRISE, &SITE, &SITE_8X8].into_iter()
}

/// The schema of this URN, ignoring case.
#[must_use]
pub fn by_urn(urn: &str) -> Option<&'static Schema> {
    all().find(|schema| schema.urn.eq_ignore_ascii_case(urn))
}

impl Resource {
    /// The extension of this URN, ignoring case.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&'static Schema> {
        self.extensions.iter().copied().find(|schema| schema.urn.eq_ignore_ascii_case(urn))
    }

    /// The schema and the attribute of a name that may begin with a schema's URN; the resource's own attributes, and
    /// those that every resource has, come without one.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(Option<&'static str>, &'static Attribute)> {
        let Some((urn, last)) = name.rsplit_once(':') else {
            return self.own(name).map(|attribute| (None, attribute));
        };
        if urn.eq_ignore_ascii_case(self.schema.urn) {
            return self.own(last).map(|attribute| (None, attribute));
        }
        let schema = self.extension(urn)?;
        find(schema.attributes, last).map(|attribute| (Some(schema.urn), attribute))
    }

    fn own(&self, name: &str) -> Option<&'static Attribute> {
        find(self.schema.attributes, name).or_else(|| find(COMMON, name))
    }
}

impl Kind {
    /// The word that the RFC has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::DateTime => "dateTime",
            Self::Reference => "reference",
            Self::Binary => "binary",
            Self::Complex => "complex",
        }
    }
}

impl Mutability {
    /// The word that the RFC has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::ReadWrite => "readWrite",
            Self::Immutable => "immutable",
            Self::WriteOnly => "writeOnly",
        }
    }
}
