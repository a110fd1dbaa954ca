//! The response to a sign-in: structure, proof, then every rule of the profile (SAML profiles section 4.1.4).
//!
//! In this order: the document is parsed once; the assertion and all signatures must stand where they belong; what is
//! signed is verified; from then on only verified bytes are read. Values outside a signature can refuse a response, but
//! never make one acceptable.

use super::assertion::{self, Assertion, NameId};
use super::bounds::{Meter, Work};
use super::expected::Expected;
use super::report::{Fault, Refusal, Report, Unproven};
use super::signature::{self, Proof, Trust, TrustedKey, Verified, Verifier};
use super::xml::{LARGEST, Node, Tree};
use super::{ASSERTION, DSIG, PROTOCOL, SUCCESS, encoding, encryption};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What was proven.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What the assertion says.
    pub assertion: Assertion,
    /// Which signature covered what.
    pub proofs: Vec<Proof>,
    /// Whether the assertion came encrypted.
    pub encrypted: bool,
}

/// What became of a response: all that was compared, and the outcome.
#[derive(Debug)]
pub struct Reading {
    /// What was compared.
    pub report: Report,
    /// What was proven, or the cause of refusal.
    pub outcome: Result<Accepted, Refusal>,
    /// What had been seen when it was refused.
    pub seen: ResponseFacts,
    /// What it cost.
    pub work: Work,
}

/// What was seen of a response whatever became of it: what helps to mend a refusal.
#[derive(Clone, Debug, Default)]
pub struct ResponseFacts {
    /// Whether its assertion came encrypted.
    pub encrypted: bool,
    /// Which signatures were proven. Without any, a stranger may have written everything else.
    pub proofs: Vec<Proof>,
    /// Whom it is about, where a signature covers that.
    pub name_id: Option<NameId>,
    /// Which request it says that it answers; nothing proves that.
    pub answers: Option<String>,
}

/// The parts of a response, each in its place.
struct ResponseParts<'d> {
    root: Node<'d>,
    /// In the clear, or within what was encrypted.
    assertion: Option<Node<'d>>,
    encrypted: Option<Node<'d>>,
}

/// The text of a response as the HTTP-POST binding carries it (SAML bindings section 3.5.4).
pub fn decode(field: &str) -> Result<String, Refusal> {
    if field.len() > LARGEST / 3 * 4 + 1024 {
        return Err(Fault::TooLarge.into());
    }
    let compact: String = field.split_ascii_whitespace().collect();
    let bytes = BASE64.decode(compact).map_err(|_| Fault::Encoding)?;
    Ok(encoding::decode(&bytes)?)
}

/// Reads a response.
#[must_use]
pub fn read(text: &str, expected: &Expected) -> Reading {
    let (mut report, mut seen, meter) = (Report::default(), ResponseFacts::default(), Meter::default());
    let outcome = examine(text, expected, &mut report, &mut seen, &meter);
    let outcome = outcome.and_then(|accepted| report.refused().map_or(Ok(accepted), Err));
    // A comparison that went badly says more than what came after it.
    let outcome = outcome.map_err(|refusal| report.refused().unwrap_or(refusal));
    Reading { report, outcome, seen, work: meter.work() }
}

impl Reading {
    /// Of a response that was refused before it was looked into.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        let (report, seen, work) = Default::default();
        Self { report, outcome: Err(refusal), seen, work }
    }
}

fn examine(
    text: &str,
    expected: &Expected,
    report: &mut Report,
    seen: &mut ResponseFacts,
    meter: &Meter,
) -> Result<Accepted, Refusal> {
    let tree = Tree::parse(text)?;
    seen.answers = tree.root()?.attribute("InResponseTo").map(str::to_owned);
    let parts = place(&tree)?;
    check_status(parts.root, report)?;
    let trust = Trust { keys: expected.keys, allow_sha1: expected.rules.allow_sha1, now: expected.now };
    let verifier = Verifier::new(&tree, &trust, meter);
    let around = verifier
        .prove(parts.root, "Response")
        .inspect_err(|refusal| note_certificate(refusal, parts.root, expected, report))?;
    seen.proofs.extend(around.iter().map(|one| one.proof.clone()));
    let is_encrypted = parts.encrypted.is_some();
    seen.encrypted = is_encrypted;
    if expected.rules.require_encryption && !is_encrypted {
        let cause = "The assertion is not encrypted, and the settings require that it is.";
        return Err(Refusal::new(Fault::NotEncrypted, cause));
    }
    let opened = match parts.encrypted {
        Some(encrypted) => Some(encryption::open(&tree, encrypted, expected.own_keys, meter)?),
        None => None,
    };
    let inner_tree = opened.as_deref().map(Tree::parse).transpose().map_err(|_| not_an_assertion())?;
    let inner = inner_tree.as_ref().unwrap_or(&tree);
    let assertion = placed_assertion(inner, is_encrypted)?;
    let within = match &inner_tree {
        Some(inner) => Verifier::new(inner, &trust, meter).prove(assertion, "Assertion")?,
        None => verifier
            .prove(assertion, "Assertion")
            .inspect_err(|refusal| note_certificate(refusal, assertion, expected, report))?,
    };
    seen.proofs.extend(within.iter().map(|one| one.proof.clone()));
    let ways = (around.as_ref(), within.as_ref());
    let canonical = proven_assertion(ways, assertion, is_encrypted, expected, meter)?;
    conclude(&tree, around.as_ref(), &canonical, expected, report, seen)
}

/// Puts the certificate that a signature names beside those that are trusted, where it was refused.
fn note_certificate(refusal: &Refusal, element: Node, expected: &Expected, report: &mut Report) {
    let about = [Fault::UnknownCertificate, Fault::CertificateExpired, Fault::SignatureInvalid];
    if about.contains(&refusal.fault) {
        let print = |key: &TrustedKey| format!("{} ({})", signature::thumbprint(&key.der), key.fingerprint);
        let trusted: Vec<String> = expected.keys.iter().map(print).collect();
        let named = signature::named_certificate(element);
        report.note(
            "Signing certificate",
            trusted.join(", "),
            &named.map_or_else(|| "(none named)".to_owned(), |named| named.to_string()),
        );
    }
}

/// Reads what was proven.
fn conclude(
    tree: &Tree,
    around: Option<&Verified>,
    canonical: &str,
    expected: &Expected,
    report: &mut Report,
    seen: &mut ResponseFacts,
) -> Result<Accepted, Refusal> {
    let proven_response = around.map(|verified| Tree::parse(&verified.canonical)).transpose()?;
    let response = proven_response.as_ref().unwrap_or(tree).root()?;
    let proven = Tree::parse(canonical)?;
    let proven = proven.root()?;
    if !proven.is(ASSERTION, "Assertion") {
        return Err(Refusal::new(Fault::Structure, "What is signed is not an assertion."));
    }
    seen.name_id = assertion::name_of(proven);
    check_envelope(response, around.is_some(), seen.encrypted, expected, report);
    let answers = response.attribute("InResponseTo");
    check_answer(answers, proven, expected, report)?;
    let assertion = assertion::read(proven, answers, expected, report)?;
    Ok(Accepted { assertion, proofs: seen.proofs.clone(), encrypted: seen.encrypted })
}

/// Finds the parts, and refuses whatever stands where it does not belong.
fn place<'d>(tree: &'d Tree) -> Result<ResponseParts<'d>, Refusal> {
    let root = tree.root()?;
    if !root.is(PROTOCOL, "Response") {
        let cause = format!("It is not a SAML 2.0 Response, but “{}”.", Unproven(root.name()));
        return Err(Refusal::new(Fault::Structure, cause));
    }
    if root.attribute("Version") != Some("2.0") || root.attribute("ID").is_none_or(str::is_empty) {
        return Err(Refusal::new(Fault::Structure, "The Response has no ID or is not of SAML version 2.0."));
    }
    let (assertions, encrypted) = (tree.named("Assertion"), tree.named("EncryptedAssertion"));
    let is_child = |node: &Node, name| {
        node.is(ASSERTION, name) && node.parent().is_some_and(|parent| parent.id == root.id)
    };
    let placed = assertions.iter().all(|node| is_child(node, "Assertion"))
        && encrypted.iter().all(|node| is_child(node, "EncryptedAssertion"));
    if !placed {
        let cause =
            "An assertion stands where none belongs: this is how signatures are wrapped around forgeries.";
        return Err(Refusal::new(Fault::Structure, cause));
    }
    // Without a success there need be no assertion: the status tells more.
    if assertions.len() + encrypted.len() > 1 || (assertions.len() + encrypted.len() == 0 && is_success(root))
    {
        let cause = format!(
            "The Response has {} assertions; exactly one is taken.",
            assertions.len() + encrypted.len()
        );
        return Err(Refusal::new(Fault::AssertionCount, cause));
    }
    let parts =
        ResponseParts { root, assertion: assertions.first().copied(), encrypted: encrypted.first().copied() };
    check_signatures(tree, &parts)?;
    Ok(parts)
}

/// Signatures stand in the Response or in its assertion, and nowhere else.
fn check_signatures(tree: &Tree, parts: &ResponseParts) -> Result<(), Refusal> {
    let holders = [Some(parts.root), parts.assertion];
    let placed = |node: &Node| {
        let parent = node.parent().map(|parent| parent.id);
        node.is(DSIG, "Signature") && holders.iter().flatten().any(|holder| parent == Some(holder.id))
    };
    let infos = tree.named("SignedInfo").len();
    let signatures = tree.named("Signature");
    if !signatures.iter().all(placed) || infos != signatures.len() {
        let cause =
            "A signature stands where none belongs: this is how signatures are wrapped around forgeries.";
        return Err(Refusal::new(Fault::SignatureShape, cause));
    }
    Ok(())
}

/// The assertion to read: in the clear, or what was encrypted.
fn placed_assertion<'d>(tree: &'d Tree, was_encrypted: bool) -> Result<Node<'d>, Refusal> {
    let assertions = tree.named("Assertion");
    let [only] = assertions.as_slice() else {
        let plain = Refusal::new(Fault::AssertionCount, "There is not exactly one assertion.");
        return Err(if was_encrypted { not_an_assertion() } else { plain });
    };
    if was_encrypted {
        let root = tree.root()?;
        let around = only.parent().filter(|parent| parent.is(ASSERTION, "EncryptedAssertion"));
        let around = around.filter(|parent| parent.parent().is_some_and(|outer| outer.id == root.id));
        let alone = around.is_some_and(|parent| {
            parent.children().all(|child| child.id == only.id || child.is(super::XENC, "EncryptedKey"))
        });
        if !alone {
            return Err(not_an_assertion());
        }
        let inner = tree.named("Signature").into_iter().filter(|signature| {
            signature.parent().is_none_or(|parent| parent.id != only.id && parent.id != root.id)
        });
        if inner.count() > 0 {
            return Err(not_an_assertion());
        }
    }
    if !only.is(ASSERTION, "Assertion") {
        let cause = "The assertion is not in the namespace of SAML 2.0.";
        return Err(Refusal::new(Fault::Structure, cause));
    }
    Ok(*only)
}

/// One refusal for all that can be wrong with what comes out of a ciphertext before a signature is checked: whoever alters
/// ciphertexts must not learn from our answers what is in them.
fn not_an_assertion() -> Refusal {
    Refusal::new(Fault::Decryption, "What was encrypted is not one assertion.")
}

/// The assertion's canonical bytes, from a signature that covers them.
fn proven_assertion(
    (around, within): (Option<&Verified>, Option<&Verified>),
    assertion: Node,
    was_encrypted: bool,
    expected: &Expected,
    meter: &Meter,
) -> Result<String, Refusal> {
    if expected.rules.require_signed_response && around.is_none() {
        let cause = "Only the assertion is signed, and the settings require that the response is.";
        return Err(Refusal::new(Fault::SignatureMissing, cause));
    }
    match (within, around) {
        (Some(within), _) => Ok(within.canonical.clone()),
        // The signature covers the ciphertext, and so what came out of it.
        (None, Some(_)) if was_encrypted => {
            meter.allow_canonical_form(assertion, &[])?;
            signature::canonical_form(assertion, None, &[])
        }
        (None, Some(around)) => {
            let tree = Tree::parse(&around.canonical)?;
            let covered = placed_assertion(&tree, false)?;
            signature::canonical_form(covered, None, &[])
        }
        (None, None) => {
            let cause = "Neither the response nor the assertion is signed.";
            Err(Refusal::new(Fault::SignatureMissing, cause))
        }
    }
}

fn is_success(root: Node) -> bool {
    let code = root.only(PROTOCOL, "Status").and_then(|status| status.only(PROTOCOL, "StatusCode"));
    code.and_then(|code| code.attribute("Value")) == Some(SUCCESS)
}

fn check_status(root: Node, report: &mut Report) -> Result<(), Refusal> {
    let status = root.only(PROTOCOL, "Status");
    let code = status.and_then(|status| status.only(PROTOCOL, "StatusCode"));
    let value = code.and_then(|code| code.attribute("Value"));
    let inner = code.and_then(|code| code.only(PROTOCOL, "StatusCode"));
    let inner = inner.and_then(|code| code.attribute("Value"));
    let message = status.and_then(|status| status.only(PROTOCOL, "StatusMessage")).and_then(Node::text);
    let good = value == Some(SUCCESS) && inner.is_none();
    let short =
        |uri: Option<&str>| uri.and_then(|uri| uri.rsplit(':').next()).unwrap_or("(nothing)").to_owned();
    let shown =
        inner.map_or_else(|| short(value), |inner| format!("{} / {}", short(value), short(Some(inner))));
    report.check("Status", "Success", shown.clone(), good, || {
        let said = message.as_deref().map(|text| format!(" It says: “{}”", Unproven(super::trim(text))));
        let said = said.unwrap_or_default();
        (Fault::Status, format!("Entra ID did not sign the person in: {}.{said}", Unproven(&shown)))
    });
    report.refused().map_or(Ok(()), Err)
}

/// What stands on the Response itself.
fn check_envelope(response: Node, signed: bool, encrypted: bool, expected: &Expected, report: &mut Report) {
    let destination = response.attribute("Destination");
    // It may be missing only where nothing proves that it was (SAML bindings section 3.5.5.2).
    if destination.is_some() || signed {
        report.same("Destination", expected.consumer, destination, Fault::Destination);
    }
    // It may be missing only on what is neither signed nor carries something encrypted (SAML profiles section 4.1.4.2).
    let issuers = response.all(ASSERTION, "Issuer");
    if signed || encrypted || !issuers.is_empty() {
        let issuer = response.only(ASSERTION, "Issuer").and_then(Node::text);
        report.same("Issuer of the response", expected.issuer, issuer.as_deref(), Fault::Issuer);
    }
}

/// Response and assertion must answer the same request, or none where that is allowed.
fn check_answer(
    outer: Option<&str>,
    assertion: Node,
    expected: &Expected,
    report: &mut Report,
) -> Result<(), Refusal> {
    let inner = assertion::answers(assertion, outer, expected)?;
    let shown = |answer: Option<&str>| answer.unwrap_or("(no request)").to_owned();
    let agree = outer == inner.as_deref();
    report.check("InResponseTo", shown(inner.as_deref()), shown(outer), agree, || {
        let cause = "The response and the assertion in it answer different requests.";
        (Fault::InResponseTo, cause.to_owned())
    });
    if agree && inner.is_none() {
        let allowed = expected.rules.allow_unsolicited;
        report.check("Asked for", if allowed { "not needed" } else { "yes" }, "no", allowed, || {
            let cause =
                "Nobody asked for this response, and the settings refuse sign-ins that begin in My Apps.";
            (Fault::Unsolicited, cause.to_owned())
        });
    }
    Ok(())
}
