//! Reading filters and paths: the grammar of RFC 7644 section 3.4.2.2 (figure 1) and section 3.5.2 (figure 7), and what
//! clients write beyond it.
//!
//! Beyond the RFC: a part and an operator after a value path (Entra ID's look-up by work e-mail), values without
//! quotation marks (`externalId eq 5171a35d`, as Microsoft's pages print them), operators and booleans in any case. Depth,
//! terms and length are bounded, since a filter becomes a statement of the database.

use super::filter::{AttrExp, AttrPath, ChosenPath, CompValue, CompareOp, Filter, ValFilter, ValuePath};
use super::schema::{self, Mutability};

/// The longest filter or path, in bytes.
pub(super) const LONGEST: usize = 8 * 1024;
/// So many brackets may be open at once.
const DEEPEST: usize = 50;
/// So many comparisons may stand in one filter: the database bounds the depth of a condition, and each adds to it.
const MOST_TERMS: usize = 300;
/// So much of a client's text is repeated to it.
const SHOWN: usize = 120;

/// What is wrong, in plain words: a sentence without its end.
pub(super) type Trouble = String;

/// Reads a filter.
pub(super) fn filter(text: &str) -> Result<Filter, Trouble> {
    let mut reader = Reader::of(text)?;
    let filter =
        reader.either(&Reader::condition, Filter::and, Filter::or, &|part| Filter::Not(Box::new(part)))?;
    reader.end()?;
    Ok(filter)
}

/// Reads a path, which may choose among several values.
pub(super) fn path(text: &str) -> Result<ChosenPath, Trouble> {
    let mut reader = Reader::of(text)?;
    let path = reader.chosen_path()?;
    reader.end()?;
    Ok(path)
}

/// The client's text, at the place that is read next.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: usize,
    terms: usize,
}

/// How a single condition is read: of a resource, or of one of several values.
type Single<'a, T> = dyn Fn(&mut Reader<'a>) -> Result<T, Trouble>;

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Result<Self, Trouble> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        Ok(Self { text, at: 0, open: 0, terms: 0 })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, mark: char) -> bool {
        self.space();
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len_utf8() } else { 0 };
        found
    }

    /// The next run of characters that are no space and no bracket; nothing is taken.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end =
            rest.find(|char: char| char.is_whitespace() || "()[]\"".contains(char)).unwrap_or(rest.len());
        &rest[..end]
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        self.space();
        let found = self.word().eq_ignore_ascii_case(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn end(&mut self) -> Result<(), Trouble> {
        self.space();
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(());
        }
        if rest.starts_with([')', ']']) {
            return Err(format!("“{}” closes a bracket that is not open", &rest[..1]));
        }
        Err(format!(
            "“{}” is not expected there: between two conditions stands and or or, and a value with spaces stands in \
             double quotation marks",
            shown(rest)
        ))
    }

    /// Conditions joined by `or`, the weaker of the two words.
    fn either<T>(
        &mut self,
        single: &Single<'a, T>,
        and: fn(Vec<T>) -> T,
        or: fn(Vec<T>) -> T,
        not: &dyn Fn(T) -> T,
    ) -> Result<T, Trouble> {
        let mut any = vec![self.both(single, and, or, not)?];
        while self.take_word("or") {
            any.push(self.both(single, and, or, not)?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { or(any) })
    }

    fn both<T>(
        &mut self,
        single: &Single<'a, T>,
        and: fn(Vec<T>) -> T,
        or: fn(Vec<T>) -> T,
        not: &dyn Fn(T) -> T,
    ) -> Result<T, Trouble> {
        let mut all = Vec::new();
        loop {
            self.space();
            let negated = self.word().eq_ignore_ascii_case("not");
            self.at += if negated { "not".len() } else { 0 };
            all.push(if self.take('(') {
                self.enter()?;
                let inner = self.either(single, and, or, not)?;
                self.leave(')')?;
                if negated { not(inner) } else { inner }
            } else if negated {
                return Err("after not a condition in round brackets is due".to_owned());
            } else {
                single(self)?
            });
            if !self.take_word("and") {
                return Ok(if all.len() == 1 { all.remove(0) } else { and(all) });
            }
        }
    }

    fn enter(&mut self) -> Result<(), Trouble> {
        self.open += 1;
        if self.open > DEEPEST {
            return Err(format!("more than {DEEPEST} brackets are open at once"));
        }
        Ok(())
    }

    fn leave(&mut self, mark: char) -> Result<(), Trouble> {
        self.open -= 1;
        if self.take(mark) {
            return Ok(());
        }
        // Whatever stands there says more than that a bracket is missing.
        if self.rest().is_empty() { Err(format!("a closing “{mark}” is missing")) } else { self.end() }
    }

    fn count(&mut self) -> Result<(), Trouble> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(format!("it has more than {MOST_TERMS} conditions"));
        }
        Ok(())
    }

    /// One condition of a resource.
    fn condition(&mut self) -> Result<Filter, Trouble> {
        let ChosenPath { attr, filter } = self.chosen_path()?;
        let Some(chosen) = filter else {
            let expression = self.expression(attr)?;
            return Ok(whole_schema(&expression).unwrap_or(Filter::Attr(expression)));
        };
        self.space();
        let whole = AttrPath { sub_attr: None, ..attr.clone() };
        if attr.sub_attr.is_none() && !self.at_operator() {
            return Ok(Filter::ValuePath(ValuePath { attr: whole, filter: chosen }));
        }
        let part = AttrPath::with_name(attr.sub_attr.as_deref().unwrap_or("value"));
        let before = self.terms;
        let wanted = self.expression(part)?;
        self.terms = before + 2;
        Ok(among(&whole, &chosen, wanted))
    }

    fn at_operator(&self) -> bool {
        let word = self.word();
        word.eq_ignore_ascii_case("pr")
            || CompareOp::WORDS.iter().any(|(name, _)| word.eq_ignore_ascii_case(name))
    }

    fn chosen_path(&mut self) -> Result<ChosenPath, Trouble> {
        self.space();
        let mut attr = self.attr_path()?;
        if !self.rest().starts_with('[') {
            return Ok(ChosenPath { attr, filter: None });
        }
        if attr.sub_attr.is_some() {
            return Err(format!(
                "“{attr}” is a part already: square brackets stand right after the attribute"
            ));
        }
        self.at += 1;
        self.enter()?;
        let part = |reader: &mut Self| {
            reader.space();
            let path = reader.attr_path()?;
            reader.expression(path).map(ValFilter::Attr)
        };
        let filter =
            self.either(&part, ValFilter::and, ValFilter::or, &|part| ValFilter::Not(Box::new(part)))?;
        self.leave(']')?;
        if self.rest().starts_with('.') {
            self.at += 1;
            let name = self.word();
            if !is_name(name) {
                return Err(format!("after “].” the name of a part is due, not “{}”", shown(name)));
            }
            self.at += name.len();
            attr.sub_attr = Some(name.to_owned());
        }
        Ok(ChosenPath { attr, filter: Some(filter) })
    }

    fn attr_path(&mut self) -> Result<AttrPath, Trouble> {
        let word = self.word();
        if word.is_empty() {
            let rest = self.rest();
            return Err(if rest.is_empty() {
                "it ends where the name of an attribute is due".to_owned()
            } else {
                format!("at “{}” the name of an attribute is due", shown(rest))
            });
        }
        let (uri, rest) = match word.rsplit_once(':') {
            Some((uri, rest)) => (Some(uri.to_owned()), rest),
            None => (None, word),
        };
        let (name, part) = match rest.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (rest, None),
        };
        if !is_name(name) || part.is_some_and(|part| !is_name(part)) || uri.as_deref() == Some("") {
            return Err(format!("“{}” is not the name of an attribute", shown(word)));
        }
        self.at += word.len();
        Ok(AttrPath { uri, name: name.to_owned(), sub_attr: part.map(str::to_owned) })
    }

    /// The operator and the value after the name of an attribute.
    fn expression(&mut self, path: AttrPath) -> Result<AttrExp, Trouble> {
        self.count()?;
        self.space();
        let word = self.word();
        let operators = "eq, ne, co, sw, ew, gt, ge, lt, le or pr";
        if word.eq_ignore_ascii_case("pr") {
            self.at += word.len();
            return Ok(AttrExp::Present(path));
        }
        let found = CompareOp::WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        let Some((name, op)) = found else {
            return Err(if word.is_empty() {
                format!("after “{path}” an operator is due: {operators}")
            } else {
                format!("“{}” is not an operator: after “{path}” one of {operators} is due", shown(word))
            });
        };
        self.at += word.len();
        if !self.rest().starts_with(|char: char| char.is_whitespace() || char == '"') {
            return Err(format!("after “{path} {name}” a value is due"));
        }
        self.space();
        Ok(AttrExp::Comparison(path, *op, self.value(name)?))
    }

    fn value(&mut self, operator: &str) -> Result<CompValue, Trouble> {
        let rest = self.rest();
        if rest.starts_with('"') {
            return self.quoted().map(CompValue::Text);
        }
        let text = bare(rest);
        let is_word = ["and", "or", "not"].iter().any(|word| text.eq_ignore_ascii_case(word));
        if text.is_empty() || is_word {
            return Err(format!("after “{operator}” a value is due"));
        }
        if text.starts_with(['\'', '“', '”', '‘', '’', '`']) || text.contains('"') {
            return Err(format!(
                "“{}” is not quoted as it must be: with straight double quotation marks",
                shown(text)
            ));
        }
        self.at += text.len();
        Ok(if text == "null" { CompValue::Null } else { CompValue::Text(text.to_owned()) })
    }

    /// A string as JSON writes it (RFC 7159 section 7).
    fn quoted(&mut self) -> Result<String, Trouble> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find_map(|(at, char)| {
            let ends = char == '"' && !escaped;
            escaped = char == '\\' && !escaped;
            ends.then_some(at + 1)
        });
        let Some(end) = end else {
            return Err(format!("the text that begins with “{}” has no closing quotation mark", shown(rest)));
        };
        let text = serde_json::from_str(&rest[..end])
            .map_err(|_| format!("“{}” is not a string as JSON writes it", shown(&rest[..end])))?;
        self.at += end;
        Ok(text)
    }
}

/// Whether a whole schema is present: one of its attributes is.
fn whole_schema(expression: &AttrExp) -> Option<Filter> {
    let AttrExp::Present(AttrPath { uri: Some(uri), name, sub_attr: None }) = expression else { return None };
    let schema = schema::by_urn(&format!("{uri}:{name}"))?;
    let mut any: Vec<Filter> = schema
        .attributes
        .iter()
        .filter(|attribute| attribute.mutability != Mutability::WriteOnly)
        .map(|attribute| {
            let uri = Some(schema.urn.to_owned());
            Filter::Attr(AttrExp::Present(AttrPath { uri, name: attribute.name.to_owned(), sub_attr: None }))
        })
        .collect();
    Some(if any.len() == 1 { any.remove(0) } else { Filter::or(any) })
}

/// One of the chosen values compares so. Where none is chosen the part is absent, which differs from every value.
fn among(attr: &AttrPath, chosen: &ValFilter, wanted: AttrExp) -> Filter {
    let one = |more: Vec<AttrExp>| {
        let all = std::iter::once(chosen.clone()).chain(more.into_iter().map(ValFilter::Attr)).collect();
        Filter::ValuePath(ValuePath { attr: attr.clone(), filter: ValFilter::and(all) })
    };
    let present = AttrExp::Present(wanted.path().clone());
    match &wanted {
        AttrExp::Present(_) | AttrExp::Comparison(_, CompareOp::Ne, CompValue::Null) => one(vec![present]),
        AttrExp::Comparison(_, CompareOp::Eq, CompValue::Null) => Filter::Not(Box::new(one(vec![present]))),
        AttrExp::Comparison(_, CompareOp::Ne, _) => {
            let other = one(vec![present.clone(), wanted.clone()]);
            Filter::or(vec![other, Filter::Not(Box::new(one(vec![present])))])
        }
        AttrExp::Comparison(..) => one(vec![wanted]),
    }
}

/// A value without quotation marks: up to a space, or to a bracket that it did not open.
fn bare(rest: &str) -> &str {
    let mut open = 0_usize;
    let end = rest.find(|char: char| {
        match char {
            '(' | '[' => open += 1,
            ')' | ']' if open == 0 => return true,
            ')' | ']' => open -= 1,
            _ => {}
        }
        char.is_whitespace()
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// `ATTRNAME` of the RFC, and `$ref`, which its grammar forgot.
fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A client's text, short enough to be repeated.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars().map(|char| if char.is_control() { '\u{FFFD}' } else { char });
    let head: String = chars.by_ref().take(SHOWN).collect();
    if chars.next().is_some() { format!("{head}…") } else { head }
}
