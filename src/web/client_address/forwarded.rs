//! The `Forwarded` header (RFC 7239).

use super::hop;
use std::net::IpAddr;

/// The nodes that the `for` parameters of one line name, from left to right; none for each that hides itself
/// (`unknown`, `_name`, sections 6.2 and 6.3) or can't be read. A line in which a quotation mark stays open is one such:
/// where its elements end is anybody's guess.
pub(super) fn hops(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split(line, ',') else { return vec![None] };
    // Empty elements of a list mean nothing (RFC 9110 section 5.6.1.2).
    elements.into_iter().filter(|element| !blank(element)).map(node).collect()
}

/// The address of an element's one `for` (section 4: each parameter at most once).
fn node(element: &str) -> Option<IpAddr> {
    let mut nodes = Vec::new();
    for pair in split(element, ';')? {
        if blank(pair) {
            continue;
        }
        let (name, value) = pair.trim_matches(is_space).split_once('=')?;
        let value = unquoted(value)?;
        if !is_token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") {
            nodes.push(hop(without_hidden_port(&value)));
        }
    }
    if nodes.len() == 1 { nodes.pop().flatten() } else { None }
}

/// The node before a port that hides itself (section 6: `_` and letters, figures, dots, underscores or hyphens). An IPv6
/// address stands in brackets then.
fn without_hidden_port(node: &str) -> &str {
    let Some((address, port)) = node.rsplit_once(':') else { return node };
    let is_hidden = port.strip_prefix('_').is_some_and(|port| {
        !port.is_empty() && port.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char))
    });
    if is_hidden && (address.starts_with('[') || !address.contains(':')) { address } else { node }
}

/// The parts between separators that stand in no quoted string.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if char == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + char.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (!quoted).then_some(parts)
}

/// A token, or what a quoted string says (RFC 9110 section 5.6.4). Addresses are taken without quotation marks too:
/// some proxies leave them out where a port demands them.
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        let plain = value.chars().all(|char| char.is_ascii_graphic() && char != '"');
        return (plain && !value.is_empty()).then(|| value.to_owned());
    };
    let (mut text, mut chars) = (String::new(), rest.chars());
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => text.push(chars.next()?),
            char => text.push(char),
        }
    }
    chars.next().is_none().then_some(text)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
}

fn blank(text: &str) -> bool {
    text.trim_matches(is_space).is_empty()
}

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t')
}
