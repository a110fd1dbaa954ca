//! Expected beside received: what an administrator needs to mend a sign-in, and the one cause that decided it.

use std::fmt::{self, Write};

/// Why a message was refused. The first that applies is the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No Base64, or not UTF-8 in it.
    Encoding,
    /// Larger, deeper or longer than messages of this profile are.
    TooLarge,
    /// More work to prove than messages of this profile are.
    TooCostly,
    /// Bytes that are not in the encoding that their declaration names.
    DeclaredEncoding,
    /// Another version of XML than 1.0.
    XmlVersion,
    /// Not well-formed XML.
    NotXml,
    /// A document type declaration, by which entities come.
    DocumentType,
    /// A comment or a processing instruction.
    Comment,
    /// A namespace that is not absolute.
    Namespace,
    /// An identifier that stands twice.
    DuplicateId,
    /// Not the message that was expected, or parts of it where none belong.
    Structure,
    /// A claim by which people are recognised that has several values, or one that is no name.
    NamingClaim,
    /// Entra ID answered that it did not sign the person in.
    Status,
    /// No assertion, or more than one.
    AssertionCount,
    /// Nothing is signed, or not what must be.
    SignatureMissing,
    /// A signature of a shape or in a place that is not taken.
    SignatureShape,
    /// An algorithm that is not taken.
    Algorithm,
    /// Signed with a key that is not among the certificates.
    UnknownCertificate,
    /// Signed with a certificate that has expired.
    CertificateExpired,
    /// No certificate is trusted, so nothing can be proven.
    NoCertificate,
    /// The signature does not fit what it should cover.
    SignatureInvalid,
    /// An encrypted assertion that cannot be opened.
    Decryption,
    /// An assertion in the clear, though encryption is required.
    NotEncrypted,
    /// Issued by somebody else.
    Issuer,
    /// Meant for another application.
    Audience,
    /// Meant for another address.
    Recipient,
    /// Sent to another address.
    Destination,
    /// An answer to no request of ours, or to another.
    InResponseTo,
    /// An answer that nobody asked for, which the settings refuse.
    Unsolicited,
    /// Not valid yet.
    NotYetValid,
    /// Valid no longer.
    Expired,
    /// A condition that is not understood.
    Condition,
    /// No bearer confirmation.
    Confirmation,
    /// No name, or not one in the clear.
    NameId,
}

impl Fault {
    /// A word for it, kept in the log.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::TooLarge => "too_large",
            Self::TooCostly => "too_costly",
            Self::DeclaredEncoding => "declared_encoding",
            Self::XmlVersion => "xml_version",
            Self::NotXml => "not_xml",
            Self::DocumentType => "document_type",
            Self::Comment => "comment",
            Self::Namespace => "namespace",
            Self::DuplicateId => "duplicate_id",
            Self::Structure => "structure",
            Self::NamingClaim => "naming_claim",
            Self::Status => "status",
            Self::AssertionCount => "assertion_count",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureShape => "signature_shape",
            Self::Algorithm => "algorithm",
            Self::UnknownCertificate => "unknown_certificate",
            Self::CertificateExpired => "certificate_expired",
            Self::NoCertificate => "no_certificate",
            Self::SignatureInvalid => "signature_invalid",
            Self::Decryption => "decryption",
            Self::NotEncrypted => "not_encrypted",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Recipient => "recipient",
            Self::Destination => "destination",
            Self::InResponseTo => "in_response_to",
            Self::Unsolicited => "unsolicited",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Condition => "condition",
            Self::Confirmation => "confirmation",
            Self::NameId => "name_id",
        }
    }
}

/// A refusal and its exact cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of cause.
    pub fault: Fault,
    /// The cause in a sentence, with the values that differ.
    pub cause: String,
}

/// Text that somebody wrote of whom nothing is proven: shown and kept only in part, whatever its length, and without
/// what would break a line.
#[derive(Clone, Copy, Debug)]
pub struct Unproven<'t>(pub &'t str);

impl Unproven<'_> {
    /// As many characters are kept.
    pub const LONGEST: usize = 300;
}

impl fmt::Display for Unproven<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars().take(Self::LONGEST) {
            f.write_char(if char.is_control() { ' ' } else { char })?;
        }
        if self.0.chars().nth(Self::LONGEST).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

impl Refusal {
    pub(super) fn new(fault: Fault, cause: impl Into<String>) -> Self {
        Self { fault, cause: cause.into() }
    }

    /// Of a message that is wrong as a whole; `what` begins the sentence: “The sign-out request”.
    pub(super) fn of(what: &str, fault: Fault) -> Self {
        let is = match fault {
            Fault::Encoding => "is not Base64 of UTF-8 text.",
            Fault::TooLarge => "is larger or deeper than such a message can be.",
            Fault::DeclaredEncoding => {
                "declares one character encoding and is written in another, or in none that is known."
            }
            Fault::XmlVersion => "is XML 1.1, which is never taken.",
            Fault::NotXml => "is not well-formed XML.",
            Fault::DocumentType => "has a document type declaration, which is never taken.",
            Fault::Comment => "has a comment or a processing instruction in it, which is never taken.",
            Fault::Namespace => "declares a namespace that is not absolute, which is never taken.",
            Fault::DuplicateId => "has an identifier in it that stands twice, which is never taken.",
            _ => "is not one that Entra ID sends.",
        };
        Self::new(fault, format!("{what} {is}"))
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::of("The response", fault)
    }
}

/// One value that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was compared, in Entra ID's or SAML's word: `Audience`.
    pub field: &'static str,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub received: String,
    /// Whether that is good.
    pub good: bool,
}

/// All that was compared, in order; the first that is not good is the cause.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was compared.
    pub checks: Vec<Check>,
    refusal: Option<Refusal>,
}

impl Report {
    /// Notes a comparison; `cause` is asked for only if it went badly.
    pub(super) fn check(
        &mut self,
        field: &'static str,
        expected: impl Into<String>,
        received: impl Into<String>,
        good: bool,
        refusal: impl FnOnce() -> (Fault, String),
    ) {
        let received = Unproven(&received.into()).to_string();
        self.checks.push(Check { field, expected: expected.into(), received, good });
        if !good && self.refusal.is_none() {
            let (fault, cause) = refusal();
            self.refusal = Some(Refusal { fault, cause });
        }
    }

    /// Notes what differs, where the cause of refusal is told elsewhere.
    pub(super) fn note(&mut self, field: &'static str, expected: String, received: &str) {
        let received = Unproven(received).to_string();
        self.checks.push(Check { field, expected, received, good: false });
    }

    /// Notes that two values must be the same; where nothing is expected, nothing is right.
    pub(super) fn same(&mut self, field: &'static str, expected: &str, received: Option<&str>, fault: Fault) {
        let shown = received.unwrap_or("(nothing)");
        let same = received == Some(expected) && !expected.is_empty();
        self.check(field, expected, shown, same, || {
            let hint = match received {
                Some(received) if received.eq_ignore_ascii_case(expected) => " They differ in case.",
                Some(received) if received.trim_end_matches('/') == expected.trim_end_matches('/') => {
                    " They differ in the slash at the end."
                }
                Some(received) if super::trim(received) == expected => " They differ in space around it.",
                _ => "",
            };
            (fault, format!("{field} is “{}” and should be “{expected}”.{hint}", Unproven(shown)))
        });
    }

    /// The cause of refusal, if there is one.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refusal.clone()
    }
}
