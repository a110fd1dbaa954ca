//! Parsing within bounds, and the one way to read elements.
//!
//! Refused before anything is looked at: documents larger or deeper than messages of this profile are, document type
//! declarations (so no entities), comments and processing instructions, an identifier that stands twice, and namespaces
//! that are not absolute. Each has been a way to make two readers of one document see different things.

use super::bounds::{self, DEEPEST, MOST_ELEMENTS, MOST_ELEMENTS_OF_METADATA};
use super::encoding;
use super::report::Fault;
use bergshamra::xml::uppsala::{Document, NodeId, NodeKind, parser::Parser};
use std::collections::HashSet;
use url::Url;

/// The largest document, in bytes: an assertion with 150 groups, encrypted, has a tenth of it.
pub(super) const LARGEST: usize = 384 * 1024;
const MOST_NODES: usize = 20_000;
const MOST_ATTRIBUTES: usize = 40;
/// Attributes that the verifier takes for identifiers.
const IDENTIFIERS: [&str; 4] = ["ID", "Id", "id", "AssertionID"];

/// A document within bounds.
pub(super) struct Tree<'t> {
    pub(super) document: Document<'t>,
    pub(super) text: &'t str,
}

/// An element of a [`Tree`].
#[derive(Clone, Copy)]
pub(super) struct Node<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) id: NodeId,
}

impl<'t> Tree<'t> {
    /// Parses a message.
    pub(super) fn parse(text: &'t str) -> Result<Self, Fault> {
        if text.len() > LARGEST {
            return Err(Fault::TooLarge);
        }
        let tree = Self::parse_within(text, MOST_ELEMENTS)?;
        if tree.has_comments() { Err(Fault::Comment) } else { Ok(tree) }
    }

    /// Parses a document in which people may have written comments, and from which nothing is proven: metadata.
    pub(super) fn parse_annotated(text: &'t str) -> Result<Self, Fault> {
        Self::parse_within(text, MOST_ELEMENTS_OF_METADATA)
    }

    fn parse_within(text: &'t str, most_elements: usize) -> Result<Self, Fault> {
        let text = text.trim_start_matches('\u{feff}').trim_matches(super::is_space);
        encoding::check_declaration(text)?;
        if text.contains("<!DOCTYPE") {
            return Err(Fault::DocumentType);
        }
        bounds::survey(text, most_elements)?;
        let parser = Parser::new().with_max_depth(DEEPEST).with_forbid_dtd(true).with_forbid_entities(true);
        let document = parser.parse(text).map_err(|_| Fault::NotXml)?;
        let tree = Self { document, text };
        tree.inspect()?;
        Ok(tree)
    }

    /// The outermost element.
    pub(super) fn root(&self) -> Result<Node<'_>, Fault> {
        let id = self.document.document_element().ok_or(Fault::NotXml)?;
        Ok(Node { document: &self.document, id })
    }

    /// Every element with this local name, in whatever namespace.
    pub(super) fn named(&self, local: &str) -> Vec<Node<'_>> {
        let document = &self.document;
        let elements = document.descendants(document.root()).into_iter();
        let named = elements
            .filter(|id| document.element(*id).is_some_and(|element| element.name.local_name == local));
        named.map(|id| Node { document, id }).collect()
    }

    fn has_comments(&self) -> bool {
        let nodes = self.document.descendants(self.document.root()).into_iter();
        nodes
            .filter_map(|id| self.document.node_kind(id))
            .any(|kind| matches!(kind, NodeKind::Comment(_) | NodeKind::ProcessingInstruction(_)))
    }

    fn inspect(&self) -> Result<(), Fault> {
        let mut identifiers = HashSet::new();
        let nodes = self.document.descendants(self.document.root());
        if nodes.len() > MOST_NODES {
            return Err(Fault::TooLarge);
        }
        for id in nodes.into_iter().filter(|id| self.document.element(*id).is_some()) {
            Node { document: &self.document, id }.inspect(&mut identifiers)?;
        }
        Ok(())
    }
}

impl<'d> Node<'d> {
    /// Whether it is the element of this name.
    pub(super) fn is(self, namespace: &str, local: &str) -> bool {
        self.document.element(self.id).is_some_and(|element| element.matches_name_ns(namespace, local))
    }

    /// Its local name.
    pub(super) fn name(self) -> &'d str {
        self.document.element(self.id).map_or("", |element| &*element.name.local_name)
    }

    /// The elements directly in it.
    pub(super) fn children(self) -> impl Iterator<Item = Node<'d>> {
        let Self { document, id } = self;
        document
            .children_iter(id)
            .filter(|child| document.element(*child).is_some())
            .map(move |id| Node { document, id })
    }

    /// The elements of this name directly in it.
    pub(super) fn all(self, namespace: &str, local: &str) -> Vec<Node<'d>> {
        self.children().filter(|child| child.is(namespace, local)).collect()
    }

    /// The one element of this name directly in it; nothing if there are none or several.
    pub(super) fn only(self, namespace: &str, local: &str) -> Option<Node<'d>> {
        match self.all(namespace, local).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The value of an attribute without a namespace.
    pub(super) fn attribute(self, name: &str) -> Option<&'d str> {
        let element = self.document.element(self.id)?;
        let attribute = element.attributes.iter().find(|attribute| attribute.name.matches(None, name))?;
        Some(&*attribute.value)
    }

    /// Whether all attributes have no namespace of their own.
    pub(super) fn has_plain_attributes(self) -> bool {
        let element = self.document.element(self.id);
        element.is_some_and(|element| {
            element.attributes.iter().all(|attribute| attribute.name.namespace_uri.is_none())
        })
    }

    /// Whether it has no attributes but these, none of which has a namespace of its own.
    pub(super) fn has_no_attributes_but(self, names: &[&str]) -> bool {
        let element = self.document.element(self.id);
        element.is_some_and(|element| {
            let mut names_here = element.attributes.iter().map(|attribute| &attribute.name);
            names_here.all(|name| name.namespace_uri.is_none() && names.contains(&&*name.local_name))
        })
    }

    /// Whether nothing but space stands beside the elements directly in it.
    pub(super) fn has_no_text(self) -> bool {
        let mut children = self.document.children_iter(self.id);
        children.all(|child| match self.document.node_kind(child) {
            Some(NodeKind::Text(text) | NodeKind::CData(text)) => text.chars().all(super::is_space),
            kind => matches!(kind, Some(NodeKind::Element(_))),
        })
    }

    /// How many bytes of the text it was read from; nothing where that is not known.
    pub(super) fn length(self) -> Option<usize> {
        self.document.node_range(self.id).map(|range| range.len())
    }

    /// The text in it; nothing where anything but text stands in it.
    pub(super) fn text(self) -> Option<String> {
        let mut text = String::new();
        for child in self.document.children_iter(self.id) {
            match self.document.node_kind(child) {
                Some(NodeKind::Text(part) | NodeKind::CData(part)) => text.push_str(part),
                _ => return None,
            }
        }
        Some(text)
    }

    /// The element around it.
    pub(super) fn parent(self) -> Option<Node<'d>> {
        let id = self.document.parent(self.id)?;
        self.document.element(id).map(|_| Node { document: self.document, id })
    }

    fn inspect(self, identifiers: &mut HashSet<String>) -> Result<(), Fault> {
        let Some(element) = self.document.element(self.id) else { return Ok(()) };
        if element.attributes.len() > MOST_ATTRIBUTES
            || element.namespace_declarations.len() > MOST_ATTRIBUTES
        {
            return Err(Fault::TooLarge);
        }
        let absolute = |uri: &str| Url::parse(uri).is_ok();
        // The default namespace may be taken back; a prefix may not stand for nothing.
        let fine = |(prefix, uri): &(_, _)| {
            let (prefix, uri): (&str, &str) = (AsRef::<str>::as_ref(prefix), AsRef::<str>::as_ref(uri));
            absolute(uri) || (prefix.is_empty() && uri.is_empty())
        };
        if !element.namespace_declarations.iter().all(fine) {
            return Err(Fault::Namespace);
        }
        let mut own = 0;
        for attribute in &element.attributes {
            if IDENTIFIERS.contains(&&*attribute.name.local_name) {
                own += 1;
                if own > 1 || !identifiers.insert(attribute.value.to_string()) {
                    return Err(Fault::DuplicateId);
                }
            }
        }
        Ok(())
    }
}
