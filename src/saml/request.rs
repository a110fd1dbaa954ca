//! Our sign-in request (SAML core section 3.4.1), as Entra ID wants it.
//!
//! Neither `NameIDPolicy` (Entra ID would answer with an opaque name) nor `RequestedAuthnContext` (whoever signed in by
//! another method meets AADSTS75011): <https://learn.microsoft.com/entra/identity-platform/single-sign-on-saml-protocol>.

use super::{ASSERTION, HTTP_POST, PROTOCOL, timestamp};
use bergshamra::xml::uppsala::XmlWriter;
use chrono::NaiveDateTime;

/// What to ask for.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The request's identifier; it must not begin with a digit.
    pub id: &'a str,
    /// Our entity ID.
    pub entity_id: &'a str,
    /// Where the answer goes.
    pub consumer: &'a str,
    /// Where the request goes.
    pub destination: &'a str,
    /// Whether the person must prove themselves anew.
    pub force: bool,
    /// The time, in UTC.
    pub now: NaiveDateTime,
}

impl SignIn<'_> {
    /// The request as XML.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let now = timestamp(self.now);
        let mut attributes = vec![
            ("xmlns:samlp", PROTOCOL),
            ("ID", self.id),
            ("Version", "2.0"),
            ("IssueInstant", now.as_str()),
            ("Destination", self.destination),
            ("AssertionConsumerServiceURL", self.consumer),
            ("ProtocolBinding", HTTP_POST),
        ];
        if self.force {
            attributes.push(("ForceAuthn", "true"));
        }
        let mut xml = XmlWriter::new();
        xml.start_element("samlp:AuthnRequest", &attributes);
        write_issuer(&mut xml, self.entity_id);
        xml.end_element("samlp:AuthnRequest");
        xml.into_string()
    }
}

/// Who sends a message.
pub(super) fn write_issuer(xml: &mut XmlWriter, entity_id: &str) {
    xml.start_element("saml:Issuer", &[("xmlns:saml", ASSERTION)]);
    xml.text(entity_id);
    xml.end_element("saml:Issuer");
}
