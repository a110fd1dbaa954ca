//! Filters and paths as trees (RFC 7644 sections 3.4.2.2 and 3.5.2, figures 1 and 7); `grammar` reads them.
//!
//! `emails[type eq "work"].value eq "a@b.c"`, which Entra ID asks where the work e-mail matches users, is no form of the
//! RFC's: the grammar turns it into `emails[type eq "work" and value eq "a@b.c"]`, so that whoever walks a tree knows
//! the RFC's forms only.

use std::fmt;

/// Which resources are meant. Chains of the same word are one node: the depth of a tree is that of its brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One comparison, or a question whether there is a value.
    Attr(AttrExp),
    /// One of several values meets all of this: `emails[type eq "work"]`.
    ValuePath(ValuePath),
    /// This does not hold.
    Not(Box<Filter>),
    /// All of these hold.
    And(Vec<Filter>),
    /// One of these holds.
    Or(Vec<Filter>),
}

/// An attribute and what one of its values must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuePath {
    /// The attribute.
    pub attr: AttrPath,
    /// What the value must meet.
    pub filter: ValFilter,
}

/// What one of several values must meet; its paths are those of the value's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is as in `Filter`")]
pub enum ValFilter {
    Attr(AttrExp),
    Not(Box<ValFilter>),
    And(Vec<ValFilter>),
    Or(Vec<ValFilter>),
}

/// One question about one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttrExp {
    /// Whether it has a value (`pr`).
    Present(AttrPath),
    /// Whether it compares so.
    Comparison(AttrPath, CompareOp, CompValue),
}

/// The name of an attribute: `urn:…:User:manager.value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttrPath {
    /// The schema, where it is named.
    pub uri: Option<String>,
    /// The attribute.
    pub name: String,
    /// The part of the attribute, where one is named.
    pub sub_attr: Option<String>,
}

/// A path that may choose among several values: `emails[type eq "work"].value`. The part stands in `attr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenPath {
    /// The attribute and its part.
    pub attr: AttrPath,
    /// Which of several values are meant.
    pub filter: Option<ValFilter>,
}

/// How to compare (RFC 7644 section 3.4.2.2, table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator of the same spelling in the RFC")]
pub enum CompareOp {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Lt,
    Ge,
    Le,
}

/// What to compare with. Numbers, booleans and bare words are kept as they were written: the attribute says what they
/// mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompValue {
    /// Nothing: `null`.
    Null,
    /// A text, or the text of something else.
    Text(String),
}

impl Filter {
    /// Both; chains become one node.
    #[must_use]
    pub fn and(all: Vec<Self>) -> Self {
        Self::And(
            all.into_iter()
                .flat_map(|part| if let Self::And(parts) = part { parts } else { vec![part] })
                .collect(),
        )
    }

    /// Either; chains become one node.
    #[must_use]
    pub fn or(any: Vec<Self>) -> Self {
        Self::Or(
            any.into_iter()
                .flat_map(|part| if let Self::Or(parts) = part { parts } else { vec![part] })
                .collect(),
        )
    }

    /// What it asks about, whatever the values: the attributes, and the parts by which values are chosen.
    #[must_use]
    pub fn asks_about(&self) -> Vec<String> {
        match self {
            Self::Attr(expression) => vec![expression.path().to_string()],
            Self::ValuePath(ValuePath { attr, filter }) => {
                filter.asks_about().into_iter().map(|part| format!("{attr}.{part}")).collect()
            }
            Self::Not(part) => part.asks_about(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::asks_about).collect(),
        }
    }
}

impl ValFilter {
    fn asks_about(&self) -> Vec<String> {
        match self {
            Self::Attr(expression) => vec![expression.path().to_string()],
            Self::Not(part) => part.asks_about(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::asks_about).collect(),
        }
    }

    /// Both; chains become one node.
    #[must_use]
    pub fn and(all: Vec<Self>) -> Self {
        Self::And(
            all.into_iter()
                .flat_map(|part| if let Self::And(parts) = part { parts } else { vec![part] })
                .collect(),
        )
    }

    /// Either; chains become one node.
    #[must_use]
    pub fn or(any: Vec<Self>) -> Self {
        Self::Or(
            any.into_iter()
                .flat_map(|part| if let Self::Or(parts) = part { parts } else { vec![part] })
                .collect(),
        )
    }
}

impl AttrPath {
    /// An attribute without schema and part.
    #[must_use]
    pub fn with_name(name: &str) -> Self {
        Self { uri: None, name: name.to_owned(), sub_attr: None }
    }
}

impl AttrExp {
    /// The attribute that is asked about.
    #[must_use]
    pub fn path(&self) -> &AttrPath {
        match self {
            Self::Present(path) | Self::Comparison(path, ..) => path,
        }
    }
}

impl CompareOp {
    /// All of them, with the words that clients write.
    pub const WORDS: [(&'static str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attr(expression) => expression.fmt(f),
            Self::ValuePath(path) => write!(f, "{}[{}]", path.attr, path.filter),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::And(parts) => joined(f, parts, " and ", |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => joined(f, parts, " or ", |_| false),
        }
    }
}

impl fmt::Display for ValFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attr(expression) => expression.fmt(f),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::And(parts) => joined(f, parts, " and ", |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => joined(f, parts, " or ", |_| false),
        }
    }
}

fn joined<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    parts: &[T],
    word: &str,
    in_brackets: impl Fn(&T) -> bool,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        if in_brackets(part) {
            write!(f, "({part})")?;
        } else {
            part.fmt(f)?;
        }
    }
    Ok(())
}

impl fmt::Display for AttrExp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Comparison(path, op, value) => write!(f, "{path} {op} {value}"),
        }
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(uri) = &self.uri {
            write!(f, "{uri}:")?;
        }
        f.write_str(&self.name)?;
        self.sub_attr.as_ref().map_or(Ok(()), |part| write!(f, ".{part}"))
    }
}

impl fmt::Display for ChosenPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(filter) = &self.filter else { return self.attr.fmt(f) };
        let whole = AttrPath { sub_attr: None, ..self.attr.clone() };
        write!(f, "{whole}[{filter}]")?;
        self.attr.sub_attr.as_ref().map_or(Ok(()), |part| write!(f, ".{part}"))
    }
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, op)| op == self).map_or("eq", |(word, _)| word);
        f.write_str(word)
    }
}

impl fmt::Display for CompValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
        }
    }
}
