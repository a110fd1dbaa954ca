//! What a signature must look like, what it proved, and the bytes it proved.
//!
//! XML signatures can say almost anything; those of this profile say one thing (SAML core section 5.4). Whatever has
//! another shape is refused before it is verified: one reference, to the element that holds the signature, transformed
//! by nothing but "without the signature" and exclusive canonicalisation, RSA with SHA-2. The key is one of ours, never
//! one that the message brings. What comes out is the canonical form whose digest was signed, and only that is read.

use super::bounds::{self, Meter};
use super::report::{Fault, Refusal, Unproven};
use super::xml::{Node, Tree};
use super::{DSIG, EXC_C14N};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bergshamra::c14n::{C14nMode, canonicalize_doc};
use bergshamra::crypto::sign;
use bergshamra::keys::loader;
use bergshamra::xml::{NodeSet, uppsala::NodeId};
use bergshamra::{DsigContext, KeysManager, VerifyResult};
use chrono::NaiveDateTime;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt;

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA1_DIGEST: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const DIGESTS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];
const SIGNATURES: [&str; 3] = [
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
];

/// The longest element with a digest or a signature in it, in bytes as it was written: RSA with 16,384 bits has 2.7 KB.
const LONGEST_VALUE: usize = 16 * 1024;

/// A certificate with which the identity provider may sign.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// The certificate in DER form.
    pub der: Vec<u8>,
    /// Its SHA-256 fingerprint: `AB:CD:…`.
    pub fingerprint: String,
    /// When it stops being valid, in UTC.
    pub not_after: NaiveDateTime,
}

/// What a signature proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The element that it covers: `Response` or `Assertion`.
    pub covers: &'static str,
    /// The fingerprint of the certificate whose key made it.
    pub fingerprint: String,
    /// That certificate's thumbprint, as Entra ID shows it.
    pub thumbprint: String,
    /// The algorithm's short name: `rsa-sha256`.
    pub algorithm: String,
    /// Whether SHA-1 was taken, in the signature or in the digest.
    pub sha1: bool,
}

/// A proof, and the bytes that it is about.
pub(super) struct Verified {
    pub(super) proof: Proof,
    pub(super) canonical: String,
}

/// Whose signatures are taken, and which.
pub(super) struct Trust<'a> {
    pub(super) keys: &'a [TrustedKey],
    pub(super) allow_sha1: bool,
    pub(super) now: NaiveDateTime,
}

/// The parts of a signature that has the right shape.
struct Shape<'d> {
    info: Node<'d>,
    value: Vec<u8>,
    algorithm: String,
    digest: String,
    digest_value: Vec<u8>,
    prefixes: Vec<String>,
}

/// The fingerprint of a certificate in DER form.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let bytes: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// The SHA-1 thumbprint of a certificate in DER form, as Entra ID shows it.
pub(super) fn thumbprint(der: &[u8]) -> String {
    Sha1::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

/// The signature directly in `element`, if there is one.
fn of(element: Node) -> Result<Option<Node>, Refusal> {
    match element.all(DSIG, "Signature").as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(shape("An element has two signatures.")),
    }
}

/// Verifies signatures of one document.
///
/// The cheap question comes first: which trusted key made the `SignatureValue` over `SignedInfo`, both of them small.
/// Then the signed element is brought into canonical form once, whatever the number of certificates, and only within the
/// bounds of [`Meter`]. What fits by then is the identity provider's work, and the library confirms all of it.
pub(super) struct Verifier<'t, 'a> {
    tree: &'t Tree<'t>,
    trust: &'a Trust<'a>,
    meter: &'a Meter,
}

impl<'t, 'a> Verifier<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'t>, trust: &'a Trust<'a>, meter: &'a Meter) -> Self {
        Self { tree, trust, meter }
    }

    /// Proves `element` by the signature in it, if there is one.
    pub(super) fn prove(&self, element: Node, covers: &'static str) -> Result<Option<Verified>, Refusal> {
        let Some(signature) = of(element)? else { return Ok(None) };
        let read = read_shape(element, signature, self.trust.allow_sha1)?;
        if self.trust.keys.is_empty() {
            return Err(Refusal::new(
                Fault::NoCertificate,
                "No signing certificate of Entra ID is known here, so nothing can be proven.",
            ));
        }
        let key = self.find_key(&read)?;
        self.meter.reckon(element, &read.prefixes)?;
        let Some(key) = key else { return Err(why_none(signature, self.trust)) };
        self.meter.canonicalising();
        let canonical = canonical_form(element, Some(signature), &read.prefixes)?;
        let digest = bergshamra::crypto::digest::digest(&read.digest, canonical.as_bytes());
        if digest.ok().as_deref() != Some(read.digest_value.as_slice()) {
            return Err(invalid("What is signed was altered after it was signed."));
        }
        if key.not_after <= self.trust.now {
            let cause = format!(
                "It is signed with the certificate {} ({}), which expired on {}.",
                thumbprint(&key.der),
                key.fingerprint,
                key.not_after.date()
            );
            return Err(Refusal::new(Fault::CertificateExpired, cause));
        }
        self.confirm(key, element, signature)?;
        let algorithm = read.algorithm.rsplit('#').next().unwrap_or_default().to_owned();
        let sha1 = read.algorithm == RSA_SHA1 || read.digest == SHA1_DIGEST;
        let (fingerprint, thumbprint) = (key.fingerprint.clone(), thumbprint(&key.der));
        Ok(Some(Verified { proof: Proof { covers, fingerprint, thumbprint, algorithm, sha1 }, canonical }))
    }

    /// The trusted key that made the signature's value: one that is still valid, before one that is not.
    fn find_key(&self, read: &Shape) -> Result<Option<&'a TrustedKey>, Refusal> {
        bounds::check_signed_info(read.info)?;
        let signed = canonical_form(read.info, None, &[])?;
        let fits = |key: &&TrustedKey| {
            self.meter.certificate_tried();
            let loaded =
                loader::load_x509_cert_der(&key.der).ok().filter(|key| key.algorithm_name() == "RSA");
            let verifying = loaded.and_then(|key| key.to_signing_key().ok().flatten());
            let algorithm = sign::from_uri(&read.algorithm).ok();
            let fits = algorithm
                .zip(verifying)
                .map(|(algorithm, key)| algorithm.verify(&key, signed.as_bytes(), &read.value));
            matches!(fits, Some(Ok(true)))
        };
        let (living, over): (Vec<_>, Vec<_>) =
            self.trust.keys.iter().partition(|key| key.not_after > self.trust.now);
        Ok(living.into_iter().chain(over).find(fits))
    }

    /// Asks the library for its verdict on the whole signature: that this key made it, over exactly this element.
    fn confirm(&self, key: &TrustedKey, element: Node, signature: Node) -> Result<(), Refusal> {
        for verdict in verdicts(self.tree, key)? {
            let VerifyResult::Valid { signature_node, references, .. } = verdict else { continue };
            if signature_node != signature.id {
                continue;
            }
            let [only] = references.as_slice() else {
                return Err(shape("It has not exactly one reference."));
            };
            if only.digest_verified && only.resolved_node == Some(element.id) {
                return Ok(());
            }
            return Err(shape("It covers another element than the one that holds it."));
        }
        Err(invalid("The signature as a whole does not fit what it should cover."))
    }
}

/// What the library says of every signature in the document, with this key; nothing where it is no RSA key.
fn verdicts(tree: &Tree, key: &TrustedKey) -> Result<Vec<VerifyResult>, Refusal> {
    let Ok(loaded) = loader::load_x509_cert_der(&key.der) else { return Ok(Vec::new()) };
    if loaded.algorithm_name() != "RSA" {
        return Ok(Vec::new());
    }
    let mut keys = KeysManager::new();
    keys.add_key(loaded);
    // The strict settings are the usual ones: no key from the message, references only around the signature, every
    // digest compared.
    let context = DsigContext::new(keys);
    bergshamra::dsig::verify::verify_all_document_with_source(&context, &tree.document, Some(tree.text))
        .map_err(|_| invalid("The signature cannot be processed."))
}

/// The exclusive canonical form of `element` without the signature.
pub(super) fn canonical_form(
    element: Node,
    without: Option<Node>,
    prefixes: &[String],
) -> Result<String, Refusal> {
    let mut set = NodeSet::tree_without_comments(element.id, element.document);
    if let Some(signature) = without {
        leave_out(signature, signature.id, &mut set);
    }
    let bytes = canonicalize_doc(element.document, C14nMode::Exclusive, Some(&set), prefixes)
        .map_err(|_| invalid("The signed element has no canonical form."))?;
    // An empty canonical form has one digest for every document ("void canonicalisation").
    match String::from_utf8(bytes) {
        Ok(text) if text.starts_with('<') => Ok(text),
        _ => Err(invalid("The canonical form of the signed element is empty.")),
    }
}

fn leave_out(tree: Node, id: NodeId, set: &mut NodeSet) {
    set.remove_id(id);
    for child in tree.document.children(id) {
        leave_out(tree, child, set);
    }
}

/// Why no trusted key made the signature. What it covers is not looked at: that is work, and anybody may have written it.
fn why_none(signature: Node, trust: &Trust) -> Refusal {
    let known = |named: &Named| trust.keys.iter().any(|key| key.fingerprint == named.fingerprint);
    match brought_certificate(signature) {
        Some(named) if !known(&named) => Refusal::new(
            Fault::UnknownCertificate,
            format!("It names the certificate {named}, which is not among those trusted here."),
        ),
        Some(named) => invalid(&format!(
            "It names the trusted certificate {named}, but that certificate's key did not make the signature."
        )),
        None => Refusal::new(
            Fault::UnknownCertificate,
            "It names no certificate, and none of those trusted here fits the signature.",
        ),
    }
}

/// A certificate that a message names, in both forms in which people compare it.
pub(super) struct Named {
    fingerprint: String,
    thumbprint: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.thumbprint, self.fingerprint)
    }
}

/// The certificate that the signature brings along: told to the administrator, never trusted.
fn brought_certificate(signature: Node) -> Option<Named> {
    let data = signature.only(DSIG, "KeyInfo")?.only(DSIG, "X509Data")?;
    let text = data.all(DSIG, "X509Certificate").first()?.text()?;
    let der = BASE64.decode(text.split_whitespace().collect::<String>()).ok()?;
    Some(Named { fingerprint: fingerprint(&der), thumbprint: thumbprint(&der) })
}

/// The certificate that the signature in `element` names.
pub(super) fn named_certificate(element: Node) -> Option<Named> {
    brought_certificate(element.only(DSIG, "Signature")?)
}

fn read_shape<'d>(element: Node, signature: Node<'d>, allow_sha1: bool) -> Result<Shape<'d>, Refusal> {
    let parts: Vec<Node> = signature.children().collect();
    let (info, value) = match parts.as_slice() {
        [info, value] | [info, value, _]
            if info.is(DSIG, "SignedInfo")
                && value.is(DSIG, "SignatureValue")
                && parts.get(2).is_none_or(|third| third.is(DSIG, "KeyInfo")) =>
        {
            (*info, *value)
        }
        _ => return Err(shape("It is not made of SignedInfo, SignatureValue and KeyInfo.")),
    };
    let bytes = base64_of(value).ok_or_else(|| shape("SignatureValue is not plain Base64."))?;
    let parts: Vec<Node> = info.children().collect();
    let [method, algorithm, reference] = parts.as_slice() else {
        return Err(shape("SignedInfo has not exactly one reference."));
    };
    let named = method.is(DSIG, "CanonicalizationMethod")
        && algorithm.is(DSIG, "SignatureMethod")
        && reference.is(DSIG, "Reference");
    let plain = is_bare(info, &["Id"])
        && is_bare(*algorithm, &["Algorithm"])
        && is_bare(*reference, &["Id", "URI", "Type"])
        && value.has_plain_attributes();
    if !named || !plain {
        return Err(shape("SignedInfo is not made of its three parts."));
    }
    // What it may hold (an output length, parameters of PSS) belongs to algorithms that are not taken.
    let has_parameters = algorithm.children().next().is_some();
    let is_exclusive = method.attribute("Algorithm") == Some(EXC_C14N);
    if !is_exclusive || !is_bare(*method, &["Algorithm"]) || method.children().next().is_some() {
        return Err(wrong_algorithm("canonicalisation", method.attribute("Algorithm")));
    }
    let algorithm = match algorithm.attribute("Algorithm") {
        Some(uri) if SIGNATURES.contains(&uri) || (allow_sha1 && uri == RSA_SHA1) => uri.to_owned(),
        other => return Err(wrong_algorithm("signature", other)),
    };
    if has_parameters {
        return Err(shape("Its signature method has parameters."));
    }
    let (digest, digest_value, prefixes) = read_reference(element, *reference, allow_sha1)?;
    Ok(Shape { info, value: bytes, algorithm, digest, digest_value, prefixes })
}

/// The digest's algorithm, its value, and the prefixes of the canonical form.
fn read_reference(
    element: Node,
    reference: Node,
    allow_sha1: bool,
) -> Result<(String, Vec<u8>, Vec<String>), Refusal> {
    let own = element.attribute("ID").filter(|id| !id.is_empty());
    let target = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#'));
    if own.is_none() || target != own {
        return Err(shape("Its reference is not to the element that holds it."));
    }
    let parts: Vec<Node> = reference.children().collect();
    let [transforms, method, value] = parts.as_slice() else {
        return Err(shape("Its reference is not made of Transforms, DigestMethod and DigestValue."));
    };
    let named =
        transforms.is(DSIG, "Transforms") && method.is(DSIG, "DigestMethod") && value.is(DSIG, "DigestValue");
    let plain = is_bare(*method, &["Algorithm"]) && value.has_no_attributes_but(&[]);
    if !named || !plain || method.children().next().is_some() {
        return Err(shape("Its reference is not made of Transforms, DigestMethod and DigestValue."));
    }
    let digest = match method.attribute("Algorithm") {
        Some(uri) if DIGESTS.contains(&uri) || (allow_sha1 && uri == SHA1_DIGEST) => uri.to_owned(),
        other => return Err(wrong_algorithm("digest", other)),
    };
    let digest_value = base64_of(*value).ok_or_else(|| shape("DigestValue is not plain Base64."))?;
    Ok((digest, digest_value, read_transforms(*transforms)?))
}

/// Nothing but "without the signature", then exclusive canonicalisation; answers its prefix list.
fn read_transforms(transforms: Node) -> Result<Vec<String>, Refusal> {
    let steps: Vec<Node> = transforms.children().collect();
    let [enveloped, canonical] = steps.as_slice() else {
        return Err(shape("Its transforms are not the two that are taken."));
    };
    let plain = is_bare(transforms, &[])
        && [*enveloped, *canonical]
            .iter()
            .all(|step| step.is(DSIG, "Transform") && is_bare(*step, &["Algorithm"]));
    let named = enveloped.attribute("Algorithm") == Some(ENVELOPED)
        && canonical.attribute("Algorithm") == Some(EXC_C14N);
    if !plain || !named || enveloped.children().next().is_some() {
        return Err(shape("Its transforms are not the two that are taken."));
    }
    let within: Vec<Node> = canonical.children().collect();
    match within.as_slice() {
        [] => Ok(Vec::new()),
        [list]
            if list.is(EXC_C14N, "InclusiveNamespaces")
                && is_bare(*list, &["PrefixList"])
                && list.children().next().is_none() =>
        {
            bounds::check_prefix_list(list.attribute("PrefixList").unwrap_or_default())
        }
        _ => Err(shape("Its canonicalisation holds something else than a prefix list.")),
    }
}

/// Whether an element of a signature has no attributes but these, and no text beside its elements. All of `SignedInfo`
/// is brought into canonical form before anything is proven, so nothing is in it that the profile has no use for.
fn is_bare(node: Node, attributes: &[&str]) -> bool {
    node.has_no_attributes_but(attributes) && node.has_no_text()
}

/// The bytes of an element that holds Base64 and nothing else.
fn base64_of(node: Node) -> Option<Vec<u8>> {
    if node.children().next().is_some() || node.length().is_none_or(|length| length > LONGEST_VALUE) {
        return None;
    }
    let text: String = node.text()?.split_whitespace().collect();
    BASE64.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

fn shape(cause: &str) -> Refusal {
    Refusal::new(Fault::SignatureShape, format!("The signature is not one that is taken. {cause}"))
}

fn invalid(cause: &str) -> Refusal {
    Refusal::new(Fault::SignatureInvalid, cause)
}

fn wrong_algorithm(what: &str, uri: Option<&str>) -> Refusal {
    let uri = uri.unwrap_or("(nothing)");
    let sha1 = if matches!(uri, RSA_SHA1 | SHA1_DIGEST) {
        " SHA-1 is refused unless a setting allows it."
    } else {
        ""
    };
    Refusal::new(
        Fault::Algorithm,
        format!("The {what} algorithm is “{}”, which is not taken.{sha1}", Unproven(uri)),
    )
}
