//! The identity provider's metadata read, ours written (SAML metadata section 2).
//!
//! Entra ID's file begins with a byte-order mark, is signed by a key that nobody was told of before, and holds
//! WS-Federation roles too: only the descriptor of the SAML 2.0 identity provider is read. Nothing here trusts a
//! signature: an administrator chose the file or the address.

use super::encoding;
use super::report::Fault;
use super::xml::{Node, Tree};
use super::{DSIG, HTTP_POST, HTTP_REDIRECT, METADATA, PROTOCOL};
use bergshamra::xml::uppsala::XmlWriter;

/// The largest metadata, in bytes: Entra ID's has some 70 KB.
pub const LARGEST: usize = 1024 * 1024;

/// What the identity provider says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its entity ID, which assertions name as their issuer.
    pub entity_id: String,
    /// Where sign-in requests go, by redirect.
    pub login_url: Option<String>,
    /// Where sign-out requests go, by redirect.
    pub logout_url: Option<String>,
    /// Its signing certificates, in Base64 of their DER form or PEM, each with the others that stand beside it: of those one
    /// holds the key, and the others are a chain that leads to it (XML Signature section 4.5.4).
    pub certificates: Vec<Vec<String>>,
}

/// Why a file is no metadata of an identity provider, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMetadata {
    /// Not XML, or XML of a kind that is never taken.
    #[error(
        "This is not federation metadata. In Entra ID, under Single sign-on, download “Federation Metadata XML” and \
         use that file."
    )]
    NotMetadata,
    /// Bytes that are something else than their declaration says.
    #[error(
        "The file declares one character encoding and is written in another, or in none that is known. Download it \
         again, and do not open and save it in between."
    )]
    Encoding,
    /// Bytes that no declaration explains.
    #[error(
        "The file declares no character encoding, so it should be UTF-8, and it is not. Download it again, and do not open \
         and save it in between."
    )]
    NotUtf8,
    /// XML 1.1.
    #[error("This is XML 1.1; federation metadata is XML 1.0. Download it again from Entra ID.")]
    XmlVersion,
    /// More than metadata has.
    #[error("This is larger than federation metadata can be (1 MB).")]
    TooLarge,
    /// Bytes that are few enough, and yet too much in them.
    #[error(
        "This has more elements, more attributes or namespaces on one, or more levels than federation metadata has. Use \
         the metadata of your application in Entra ID."
    )]
    TooComplex,
    /// A page for people.
    #[error(
        "This is a web page, not federation metadata. Use the “App Federation Metadata Url” of Entra ID, or its file."
    )]
    WebPage,
    /// Metadata of another role, such as ours.
    #[error("This metadata describes no identity provider. It may be a service provider's: use Entra ID's.")]
    NoIdentityProvider,
    /// Metadata of more than one identity provider.
    #[error(
        "This file describes more than one identity provider. Use the metadata of your application in Entra ID."
    )]
    Several,
    /// The metadata that Microsoft publishes for all tenants.
    #[error(
        "This is Microsoft's metadata for all tenants. Use the metadata of your own application in Entra ID."
    )]
    AllTenants,
    /// No certificate to verify signatures with.
    #[error("This metadata names no signing certificate, so nothing that it signs could be proven.")]
    NoCertificate,
}

/// Reads the metadata of an identity provider.
pub fn read(file: &[u8]) -> Result<IdentityProvider, NotMetadata> {
    if file.len() > LARGEST {
        return Err(NotMetadata::TooLarge);
    }
    read_decoded(&encoding::decode(file).map_err(not_metadata)?)
}

/// As [`read`], of a text that was pasted: whatever encoding its declaration names, it is text by now.
pub fn read_text(text: &str) -> Result<IdentityProvider, NotMetadata> {
    if text.len() > LARGEST {
        return Err(NotMetadata::TooLarge);
    }
    read_decoded(encoding::from_text(text).map_err(not_metadata)?)
}

fn not_metadata(fault: Fault) -> NotMetadata {
    match fault {
        Fault::TooLarge => NotMetadata::TooComplex,
        Fault::DeclaredEncoding => NotMetadata::Encoding,
        Fault::Encoding => NotMetadata::NotUtf8,
        Fault::XmlVersion => NotMetadata::XmlVersion,
        _ => NotMetadata::NotMetadata,
    }
}

fn read_decoded(text: &str) -> Result<IdentityProvider, NotMetadata> {
    let start = text.trim_start();
    let beginning: String = start.chars().take(15).collect::<String>().to_lowercase();
    if beginning.starts_with("<!doctype html") || beginning.starts_with("<html") {
        return Err(NotMetadata::WebPage);
    }
    let tree = Tree::parse_annotated(text).map_err(not_metadata)?;
    let root = tree.root().map_err(|_| NotMetadata::NotMetadata)?;
    let entity = match root {
        root if root.is(METADATA, "EntityDescriptor") => root,
        root if root.is(METADATA, "EntitiesDescriptor") => {
            let mut with =
                root.all(METADATA, "EntityDescriptor").into_iter().filter(|one| role(*one).is_some());
            let first = with.next().ok_or(NotMetadata::NoIdentityProvider)?;
            if with.next().is_some() {
                return Err(NotMetadata::Several);
            }
            first
        }
        _ => return Err(NotMetadata::NotMetadata),
    };
    describe(entity)
}

fn role(entity: Node) -> Option<Node> {
    let speaks = |node: &Node| {
        let protocols = node.attribute("protocolSupportEnumeration").unwrap_or_default();
        protocols.split_whitespace().any(|protocol| protocol == PROTOCOL)
    };
    entity.all(METADATA, "IDPSSODescriptor").into_iter().find(speaks)
}

fn describe(entity: Node) -> Result<IdentityProvider, NotMetadata> {
    let role = role(entity).ok_or(NotMetadata::NoIdentityProvider)?;
    let entity_id = entity.attribute("entityID").unwrap_or_default().trim();
    if entity_id.contains("{tenant") {
        return Err(NotMetadata::AllTenants);
    }
    if entity_id.is_empty() {
        return Err(NotMetadata::NotMetadata);
    }
    let address = |service: &str| {
        let services = role.all(METADATA, service);
        let by_redirect = services.iter().find(|one| one.attribute("Binding") == Some(HTTP_REDIRECT));
        by_redirect.and_then(|one| one.attribute("Location")).map(|url| url.trim().to_owned())
    };
    let certificates = signing_certificates(role);
    if certificates.is_empty() {
        return Err(NotMetadata::NoCertificate);
    }
    Ok(IdentityProvider {
        entity_id: entity_id.to_owned(),
        login_url: address("SingleSignOnService"),
        logout_url: address("SingleLogoutService"),
        certificates,
    })
}

/// A key without a use serves every use, so for signing too (SAML metadata section 2.4.1.1).
fn signing_certificates(role: Node) -> Vec<Vec<String>> {
    let mut chains: Vec<Vec<String>> = Vec::new();
    for key in role.all(METADATA, "KeyDescriptor") {
        if !matches!(key.attribute("use"), None | Some("signing")) {
            continue;
        }
        let data = key.only(DSIG, "KeyInfo").map(|info| info.all(DSIG, "X509Data")).unwrap_or_default();
        for data in data {
            let texts = data.all(DSIG, "X509Certificate").into_iter().filter_map(Node::text);
            let chain: Vec<String> = texts.map(|text| plain(&text)).filter(|text| !text.is_empty()).collect();
            if !chain.is_empty() && !chains.contains(&chain) {
                chains.push(chain);
            }
        }
    }
    chains
}

/// Some write PEM with its armour in here, whose lines are words.
fn plain(text: &str) -> String {
    let is_pem = text.contains("-----");
    if is_pem { super::trim(text).to_owned() } else { text.split_whitespace().collect() }
}

/// What we tell the identity provider about us.
#[derive(Clone, Debug)]
pub struct ServiceProvider<'a> {
    /// Our entity ID.
    pub entity_id: &'a str,
    /// Our assertion consumer service.
    pub consumer: &'a str,
    /// Our single logout service.
    pub logout: &'a str,
    /// Whether our requests are signed.
    pub signs_requests: bool,
    /// Our certificates, in Base64 of their DER form, the one in use first.
    pub certificates: &'a [String],
}

impl ServiceProvider<'_> {
    /// Our metadata.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::new();
        xml.write_declaration();
        xml.start_element(
            "md:EntityDescriptor",
            &[("xmlns:md", METADATA), ("xmlns:ds", DSIG), ("entityID", self.entity_id)],
        );
        xml.start_element(
            "md:SPSSODescriptor",
            &[
                ("protocolSupportEnumeration", PROTOCOL),
                ("AuthnRequestsSigned", if self.signs_requests { "true" } else { "false" }),
                ("WantAssertionsSigned", "true"),
            ],
        );
        for purpose in ["signing", "encryption"] {
            for certificate in self.certificates {
                write_key(&mut xml, purpose, certificate);
            }
        }
        xml.empty_element("md:SingleLogoutService", &[("Binding", HTTP_REDIRECT), ("Location", self.logout)]);
        xml.empty_element(
            "md:AssertionConsumerService",
            &[("Binding", HTTP_POST), ("Location", self.consumer), ("index", "0"), ("isDefault", "true")],
        );
        xml.end_element("md:SPSSODescriptor");
        xml.end_element("md:EntityDescriptor");
        xml.into_string()
    }
}

fn write_key(xml: &mut XmlWriter, purpose: &str, certificate: &str) {
    xml.start_element("md:KeyDescriptor", &[("use", purpose)]);
    xml.start_element("ds:KeyInfo", &[]);
    xml.start_element("ds:X509Data", &[]);
    xml.start_element("ds:X509Certificate", &[]);
    xml.text(certificate);
    xml.end_element("ds:X509Certificate");
    xml.end_element("ds:X509Data");
    xml.end_element("ds:KeyInfo");
    if purpose == "encryption" {
        for algorithm in [super::AES_256_GCM, super::AES_256_CBC, super::RSA_OAEP] {
            xml.empty_element("md:EncryptionMethod", &[("Algorithm", algorithm)]);
        }
    }
    xml.end_element("md:KeyDescriptor");
}
