//! What else a file in DER form may be than a certificate: a private key, or certificates in PKCS #7 (RFC 5652).
//!
//! Only as much is read as tells them apart. Everything is a run of elements, each with a tag and a length (X.690).

/// What a file is that is no certificate itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'d> {
    /// A private key, or a container that is made for one (PKCS #12).
    PrivateKey,
    /// Certificates, each in DER form.
    Certificates(Vec<&'d [u8]>),
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const FIRST: u8 = 0xA0;
/// `signedData` of PKCS #7, in which certificates travel.
const SIGNED_DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
/// Where the ways begin in which private keys are encrypted: PKCS #5 and PKCS #12.
const ENCRYPTIONS: [&[u8]; 2] =
    [&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05], &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C]];

/// An element: its tag, what is in it, and how long it is altogether.
struct Element<'d> {
    tag: u8,
    content: &'d [u8],
    length: usize,
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    let (from, length) = match first {
        0..=0x7F => (2, usize::from(first)),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7F);
            let digits = bytes.get(2..2 + count)?;
            (2 + count, digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)))
        }
        _ => return None,
    };
    let end = from.checked_add(length)?;
    Some(Element { tag, content: bytes.get(from..end)?, length: end })
}

/// The elements in a row; nothing if there is anything else.
fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let next = element(bytes)?;
        bytes = &bytes[next.length..];
        all.push(next);
    }
    Some(all)
}

/// How long the first element of a file is.
pub(super) fn first_length(der: &[u8]) -> Option<usize> {
    element(der).map(|first| first.length)
}

/// Tells what a file is; nothing where it is none of these.
pub(super) fn open(der: &[u8]) -> Option<Content<'_>> {
    let outer = element(der).filter(|outer| outer.tag == SEQUENCE)?;
    let parts = elements(outer.content)?;
    let tags: Vec<u8> = parts.iter().map(|part| part.tag).collect();
    match tags.as_slice() {
        [OBJECT_ID, FIRST] if parts[0].content == SIGNED_DATA => certificates(parts[1].content),
        // PKCS #1, then PKCS #8 and PKCS #12, then an elliptic-curve key (RFC 5915).
        [INTEGER, INTEGER, INTEGER, INTEGER, ..] | [INTEGER, OCTETS, ..] => Some(Content::PrivateKey),
        [INTEGER, SEQUENCE, OCTETS, ..] if begins_with_an_id(parts[1].content) => Some(Content::PrivateKey),
        [INTEGER, SEQUENCE] | [INTEGER, SEQUENCE, SEQUENCE] if begins_with_an_id(parts[1].content) => {
            Some(Content::PrivateKey)
        }
        [SEQUENCE, OCTETS] => {
            let method = element(parts[0].content).filter(|method| method.tag == OBJECT_ID)?;
            let encrypts = ENCRYPTIONS.iter().any(|start| method.content.starts_with(start));
            encrypts.then_some(Content::PrivateKey)
        }
        _ => None,
    }
}

fn begins_with_an_id(content: &[u8]) -> bool {
    element(content).is_some_and(|first| first.tag == OBJECT_ID)
}

/// Those in a `SignedData`: behind its version, its digests and its content.
fn certificates(content: &[u8]) -> Option<Content<'_>> {
    let data = element(content).filter(|data| data.tag == SEQUENCE)?;
    let found = elements(data.content)?.into_iter().skip(3).find(|part| part.tag == FIRST);
    let Some(mut bytes) = found.map(|found| found.content) else {
        return Some(Content::Certificates(Vec::new()));
    };
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let next = element(bytes)?;
        let (one, rest) = bytes.split_at(next.length);
        if next.tag == SEQUENCE {
            all.push(one);
        }
        bytes = rest;
    }
    Some(Content::Certificates(all))
}
