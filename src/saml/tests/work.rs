//! What a stranger can make us do: counted, not timed. The files are written here, so that each multiplier can be turned.
//!
//! `cargo test --release --lib -- --ignored --nocapture measured` prints how long the worst of them take.

use super::{Case, cases, read, text};
use crate::saml::Fault;
use crate::saml::bounds::{MOST_ELEMENTS, MOST_ENCRYPTED_KEYS, MOST_OWN_KEYS, MOST_PREFIXES};
use crate::saml::response::Reading;
use std::time::Instant;

const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// What is multiplied in a response whose signature nobody made.
#[derive(Clone, Copy, Default)]
struct Hostile {
    /// Prefixes on the list that are declared on the response.
    prefixes: usize,
    /// Claims in the assertion, each of two elements.
    claims: usize,
    /// The length of each namespace's name.
    namespace: usize,
    /// Attributes of each claim.
    attributes: usize,
}

fn case(file: &str) -> Case {
    cases().into_iter().find(|case| case.file == file).unwrap()
}

impl Hostile {
    fn xml(self) -> String {
        let good = text(&case("good-no-key-info.xml"));
        let names: Vec<String> = (0..self.prefixes).map(|number| format!("p{number}")).collect();
        let padding = "x".repeat(self.namespace);
        let declared: String = names
            .iter()
            .map(|name| format!(" xmlns:{name}=\"urn:{name}:{padding}\""))
            .collect::<Vec<_>>()
            .concat();
        let list = format!(
            "<Transform Algorithm=\"{EXC_C14N}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXC_C14N}\" PrefixList=\"{}\"/>\
             </Transform></Transforms>",
            names.join(" ")
        );
        let attributes: String =
            (0..self.attributes).map(|number| format!(" a{number}=\"\"")).collect::<Vec<_>>().concat();
        let claim = format!("<Attribute Name=\"n\"{attributes}><AttributeValue/></Attribute>");
        let mut changed =
            good.replacen("<samlp:Response ", &format!("<samlp:Response{declared} "), 1).replacen(
                "</AttributeStatement>",
                &format!("{}</AttributeStatement>", claim.repeat(self.claims)),
                1,
            );
        if self.prefixes > 0 {
            changed =
                changed.replacen(&format!("<Transform Algorithm=\"{EXC_C14N}\"/></Transforms>"), &list, 1);
        }
        assert_ne!(changed, good);
        changed
    }

    fn read_with(self, certificates: &[&str]) -> Reading {
        let mut case = case("good-no-key-info.xml");
        case.certificates = certificates.iter().map(|name| (*name).to_owned()).collect();
        read(&case, &self.xml())
    }

    fn fault(self) -> Fault {
        self.read_with(&["idp"]).outcome.unwrap_err().fault
    }
}

#[test]
fn however_many_certificates_are_trusted_an_element_is_canonicalised_once() {
    let hostile = Hostile { prefixes: MOST_PREFIXES, claims: 1_000, ..Hostile::default() };
    for certificates in [&["idp"][..], &["idp", "idp-next", "stranger", "idp-expired"]] {
        let reading = hostile.read_with(certificates);
        assert_eq!(reading.outcome.unwrap_err().fault, Fault::SignatureInvalid);
        assert_eq!(reading.work.canonical_forms, 1);
        assert_eq!(reading.work.certificates_tried as usize, certificates.len());
        assert_eq!(reading.work.private_key_uses, 0);
    }
}

#[test]
fn each_multiplier_has_its_bound() {
    let nothing = Hostile::default();
    let costly = [
        Hostile { prefixes: MOST_PREFIXES + 1, ..nothing },
        Hostile { prefixes: 600, claims: 800, ..nothing },
        Hostile { prefixes: MOST_PREFIXES, claims: 2_000, namespace: 600, ..nothing },
    ];
    for hostile in costly {
        // More namespaces than any message has are refused before the list is read.
        assert!(matches!(hostile.fault(), Fault::TooCostly | Fault::TooLarge));
        assert!(hostile.read_with(&["idp"]).work.canonical_forms <= 1);
    }
    let large = [
        Hostile { claims: MOST_ELEMENTS / 2, ..nothing },
        Hostile { claims: 1, attributes: 20_000, ..nothing },
        Hostile { claims: 1, attributes: 81, ..nothing },
        Hostile { prefixes: 1, namespace: 5_000, ..nothing },
        Hostile { prefixes: 41, ..nothing },
    ];
    for hostile in large {
        let reading = hostile.read_with(&["idp"]);
        assert_eq!(reading.outcome.unwrap_err().fault, Fault::TooLarge);
        assert_eq!(reading.work.canonical_forms, 0);
    }
}

/// The same list as attributes and declarations in quotes of the other kind, with spaces, and with brackets in them.
#[test]
fn a_tag_is_counted_however_it_is_written() {
    use crate::saml::bounds::survey;
    let many: String = (0..100).map(|number| format!(" a{number} = 'x>y'")).collect::<Vec<_>>().concat();
    assert_eq!(survey(&format!("<a{many}/>"), 10), Err(Fault::TooLarge));
    let spaces: String =
        (0..41).map(|number| format!("\n xmlns:p{number}\t=\n\"urn:x\"")).collect::<Vec<_>>().concat();
    assert_eq!(survey(&format!("<a><b{spaces}/></a>"), 10), Err(Fault::TooLarge));
    let nested: String = (0..39)
        .map(|number| format!("<a xmlns:p{number}=\"urn:x\" xmlns:q{number}=\"urn:x\">"))
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(survey(&nested, 100), Err(Fault::TooLarge));
    let beside = "<a xmlns:p='urn:x' xmlns:q='urn:y'></a>".repeat(90);
    assert_eq!(survey(&format!("<b>{beside}</b>"), 100), Ok(()));
    assert_eq!(survey("<a><![CDATA[<b><b><b>]]><!-- <c> --><?d <e>?></a>", 1), Ok(()));
    assert_eq!(survey(&"<a>".repeat(41), 100), Err(Fault::TooLarge));
    assert_eq!(survey("<a b='", 100), Ok(()), "that this is not XML, the parser says");
    assert_eq!(survey("<!ENTITY a ''><a/>", 100), Err(Fault::DocumentType));
}

#[test]
fn a_few_encrypted_keys_are_tried_and_not_hundreds() {
    let case = case("good-encrypted-small-gcm.xml");
    let good = text(&case);
    let (start, end) =
        (good.find("<xenc:EncryptedKey>").unwrap(), good.find("</xenc:EncryptedKey>").unwrap());
    let key = &good[start..end + "</xenc:EncryptedKey>".len()];
    let opened = read(&case, &good);
    assert!(opened.outcome.is_ok());
    assert_eq!(opened.work.private_key_uses, 1);
    // One whose first byte differs opens nothing.
    let other = key.replacen("<xenc:CipherValue>", "<xenc:CipherValue>A", 1).replacen("==<", "=<", 1);
    let with = |count: usize| good.replacen(key, &other.repeat(count), 1);
    let most = read(&case, &with(MOST_ENCRYPTED_KEYS)).work.private_key_uses as usize;
    assert!((1..=MOST_ENCRYPTED_KEYS * MOST_OWN_KEYS * 2).contains(&most), "{most}");
    for count in [MOST_ENCRYPTED_KEYS + 1, 300] {
        let reading = read(&case, &with(count));
        assert_eq!(reading.outcome.unwrap_err().fault, Fault::TooCostly);
        assert_eq!(reading.work.private_key_uses, 0);
    }
}

/// Figures for the record: run by hand, in release.
#[test]
#[ignore = "a measurement, not a check"]
fn the_worst_responses_measured() {
    let nothing = Hostile::default();
    let four = &["idp", "idp-next", "stranger", "idp-expired"][..];
    let cases = [
        ("600 prefixes, 800 claims", Hostile { prefixes: 600, claims: 800, ..nothing }),
        ("16 prefixes, 2,400 claims", Hostile { prefixes: 16, claims: 2_400, ..nothing }),
        (
            "16 prefixes, 2,400 claims, long names",
            Hostile { prefixes: 16, claims: 2_400, namespace: 150, ..nothing },
        ),
        ("2,400 claims of 30 attributes", Hostile { claims: 2_400, attributes: 30, ..nothing }),
    ];
    for (what, hostile) in cases {
        for certificates in [&["idp"][..], four] {
            let begun = Instant::now();
            let reading = hostile.read_with(certificates);
            let took = begun.elapsed();
            let (bytes, work) = (hostile.xml().len(), reading.work);
            let fault = reading.outcome.unwrap_err().fault.code();
            println!(
                "{what}, {bytes} bytes, {} certificates: {took:?}, {fault}, {work:?}",
                certificates.len()
            );
        }
    }
}
