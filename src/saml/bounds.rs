//! How much work a message may cause before anything in it is proven.
//!
//! A sign-in response is read by whoever can reach us, so whatever its sender can multiply has a bound: how many elements,
//! how deep, how many attributes and namespaces are counted in one pass over the text before it is parsed; what a
//! canonical form would cost is reckoned before it is made; how often one is made, and how often a private key is used,
//! is counted and limited ([`Meter`]).

use super::report::{Fault, Refusal};
use super::xml::Node;
use std::cell::Cell;

/// The deepest nesting: a response needs about ten.
pub(super) const DEEPEST: u32 = 40;
/// The most elements of a message: an assertion with 150 groups has some 350.
pub(super) const MOST_ELEMENTS: usize = 5_000;
/// The most elements of metadata, in which a federation may describe many.
pub(super) const MOST_ELEMENTS_OF_METADATA: usize = 20_000;
/// The most attributes of an element, and the most namespaces that are in scope anywhere.
const MOST_ATTRIBUTES: usize = 40;
/// The longest name of a namespace in bytes: each element that uses it may have to repeat it.
const LONGEST_NAMESPACE: usize = 1024;
/// The most prefixes that a signature may ask to treat inclusively (Exclusive XML Canonicalization, section 4).
pub(super) const MOST_PREFIXES: usize = 16;
const LONGEST_PREFIX_LIST: usize = 1024;
/// The longest `SignedInfo` in bytes as it was written: it is brought into canonical form for everybody, and has about one
/// KB.
const LONGEST_SIGNED_INFO: usize = 4 * 1024;
/// What the canonical forms of one message may cost, in bytes of namespaces that may have to be written.
const MOST_UNITS: u64 = 4 * 1024 * 1024;
/// The most keys that an encrypted assertion may bring, and the most of our own that are tried on each.
pub(super) const MOST_ENCRYPTED_KEYS: usize = 4;
pub(super) const MOST_OWN_KEYS: usize = 4;
/// How often our private keys may be used for one message: each use takes tens of milliseconds.
pub(super) const MOST_PRIVATE_KEY_USES: u32 = 4;

/// The work that a message caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How many canonical forms of elements were made whose signature was not proven yet.
    pub canonical_forms: u32,
    /// What they could have cost, in bytes of namespaces that might have had to be written.
    pub units: u64,
    /// How many times a certificate was tried on a signature.
    pub certificates_tried: u32,
    /// How many times one of our private keys was used.
    pub private_key_uses: u32,
}

/// Counts the work on one message, and refuses what goes beyond the bounds.
#[derive(Debug, Default)]
pub(super) struct Meter(Cell<Work>);

impl Meter {
    /// What was counted so far.
    pub(super) fn work(&self) -> Work {
        self.0.get()
    }

    pub(super) fn certificate_tried(&self) {
        let work = self.0.get();
        self.0.set(Work { certificates_tried: work.certificates_tried + 1, ..work });
    }

    /// Whether one of our private keys may be used once more; if so, that is counted.
    pub(super) fn allow_private_key_use(&self) -> bool {
        let work = self.0.get();
        let allowed = work.private_key_uses < MOST_PRIVATE_KEY_USES;
        let private_key_uses = work.private_key_uses + u32::from(allowed);
        self.0.set(Work { private_key_uses, ..work });
        allowed
    }

    /// Allows one canonical form of `element`, or refuses it for what it would cost.
    pub(super) fn allow_canonical_form(&self, element: Node, prefixes: &[String]) -> Result<(), Refusal> {
        self.reckon(element, prefixes)?;
        self.canonicalising();
        Ok(())
    }

    /// One that was reckoned is made.
    pub(super) fn canonicalising(&self) {
        let work = self.0.get();
        self.0.set(Work { canonical_forms: work.canonical_forms + 1, ..work });
    }

    /// Refuses `element` for what its canonical form would cost.
    pub(super) fn reckon(&self, element: Node, prefixes: &[String]) -> Result<(), Refusal> {
        let before = self.0.get();
        let units = before.units + units(element, prefixes);
        if units > MOST_UNITS {
            let what = "Its canonical form would be larger by far than that of any sign-in response.";
            return Err(too_costly(what));
        }
        self.0.set(Work { units, ..before });
        Ok(())
    }
}

/// Refuses a `SignedInfo`, whose parts have the right shape, for its size.
pub(super) fn check_signed_info(info: Node) -> Result<(), Refusal> {
    if info.length().is_some_and(|length| length <= LONGEST_SIGNED_INFO) {
        return Ok(());
    }
    let what = format!("Its SignedInfo has more than {LONGEST_SIGNED_INFO} bytes.");
    Err(too_costly(&what))
}

/// A refusal of what would cost too much, with what would.
pub(super) fn too_costly(what: &str) -> Refusal {
    let cause = format!("Proving the response would cost more work than a sign-in response may. {what}");
    Refusal::new(Fault::TooCostly, cause)
}

/// Refuses a prefix list that no signature of this profile has.
pub(super) fn check_prefix_list(list: &str) -> Result<Vec<String>, Refusal> {
    if list.len() > LONGEST_PREFIX_LIST || list.split_whitespace().nth(MOST_PREFIXES).is_some() {
        let cause = format!("Its prefix list has more than {MOST_PREFIXES} prefixes, or is too long.");
        return Err(too_costly(&cause));
    }
    Ok(list.split_whitespace().map(str::to_owned).collect())
}

/// What the canonical form of an element may cost: each element may have to declare each prefix that it uses or that is
/// on the list anew.
fn units(element: Node, prefixes: &[String]) -> u64 {
    let document = element.document;
    let all = document.descendants(document.root());
    let declared = all.iter().filter_map(|id| document.element(*id));
    let longest = declared.flat_map(|one| one.namespace_declarations.iter().map(|(_, uri)| uri.len())).max();
    let listed: usize = prefixes.iter().map(|prefix| prefix.len() + longest.unwrap_or(0) + 16).sum();
    let own = |node: &bergshamra::xml::uppsala::Element| {
        let prefixed = node.attributes.iter().filter(|one| one.name.namespace_uri.is_some()).count();
        (1 + prefixed) * (longest.unwrap_or(0) + 16)
    };
    let within = document.descendants(element.id).into_iter().chain([element.id]);
    let costs = within.filter_map(|id| document.element(id)).map(|node| own(node) + listed);
    costs.sum::<usize>() as u64
}

/// Counts what stands in a text before it is parsed: elements, how deep they are, their attributes and namespaces.
/// What is not XML is let through: the parser says so.
pub(super) fn survey(text: &str, most_elements: usize) -> Result<(), Fault> {
    let mut survey = Survey { most_elements, ..Survey::default() };
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let skip = |rest: &str, end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
        let read = match rest.as_bytes().first() {
            Some(b'?') => skip(rest, "?>"),
            Some(b'!') if rest.starts_with("!--") => skip(rest, "-->"),
            Some(b'!') if rest.starts_with("![CDATA[") => skip(rest, "]]>"),
            Some(b'!') => return Err(Fault::DocumentType),
            Some(b'/') => {
                survey.close();
                skip(rest, ">")
            }
            _ => survey.open(rest)?,
        };
        rest = &rest[read..];
    }
    Ok(())
}

#[derive(Default)]
struct Survey {
    most_elements: usize,
    elements: usize,
    /// How many namespaces each open element declares.
    open: Vec<usize>,
    in_scope: usize,
}

impl Survey {
    /// Reads a start tag from behind its bracket; answers how long it is.
    fn open(&mut self, rest: &str) -> Result<usize, Fault> {
        let tag = Tag::read(rest)?;
        self.elements += 1;
        if self.elements > self.most_elements {
            return Err(Fault::TooLarge);
        }
        if !tag.is_empty {
            self.open.push(tag.namespaces);
            self.in_scope += tag.namespaces;
        }
        let in_scope = self.in_scope + if tag.is_empty { tag.namespaces } else { 0 };
        if self.open.len() > DEEPEST as usize || in_scope > MOST_ATTRIBUTES {
            return Err(Fault::TooLarge);
        }
        Ok(tag.length)
    }

    fn close(&mut self) {
        self.in_scope -= self.open.pop().unwrap_or(0);
    }
}

/// A start tag: how long it is in the text, whether it is an empty element, and how many namespaces it declares.
struct Tag {
    length: usize,
    is_empty: bool,
    namespaces: usize,
}

impl Tag {
    fn read(rest: &str) -> Result<Self, Fault> {
        let (mut attributes, mut namespaces, mut at, mut name_from) = (0, 0, 0, 0);
        let bytes = rest.as_bytes();
        while at < bytes.len() {
            match bytes[at] {
                b'>' => {
                    let is_empty = at > 0 && bytes[at - 1] == b'/';
                    return Ok(Self { length: at + 1, is_empty, namespaces });
                }
                quote @ (b'"' | b'\'') => {
                    let name =
                        rest[name_from..at].trim_end_matches(['=', ' ', '\t', '\r', '\n']).trim_start();
                    let length = bytes[at + 1..].iter().position(|byte| *byte == quote);
                    let Some(length) = length else { break };
                    attributes += 1;
                    if name.ends_with("xmlns") || name.contains("xmlns:") {
                        namespaces += 1;
                        if length > LONGEST_NAMESPACE {
                            return Err(Fault::TooLarge);
                        }
                    }
                    if attributes > 2 * MOST_ATTRIBUTES {
                        return Err(Fault::TooLarge);
                    }
                    at += length + 2;
                    name_from = at;
                }
                _ => at += 1,
            }
        }
        Ok(Self { length: rest.len(), is_empty: true, namespaces })
    }
}
