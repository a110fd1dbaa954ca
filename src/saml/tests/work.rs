//! What a stranger can make us do: counted, not timed. The files are written here, so that each multiplier can be turned.
//! `cargo bench --bench saml` prints how long the worst of them take.

use super::hostile::Hostile;
use super::{Case, cases, read, text};
use crate::saml::Fault;
use crate::saml::bounds::{MOST_ELEMENTS, MOST_ENCRYPTED_KEYS, MOST_OWN_KEYS, MOST_PREFIXES};
use crate::saml::response::Reading;

fn case(file: &str) -> Case {
    cases().into_iter().find(|case| case.file == file).unwrap()
}

impl Hostile {
    fn read_with(self, certificates: &[&str]) -> Reading {
        let mut case = case("good-no-key-info.xml");
        let xml = self.xml(&text(&case));
        case.certificates = certificates.iter().map(|name| (*name).to_owned()).collect();
        read(&case, &xml)
    }

    fn fault(self) -> Fault {
        self.read_with(&["idp"]).outcome.unwrap_err().fault
    }
}

#[test]
fn what_no_trusted_key_signed_is_not_canonicalised_and_the_rest_once_however_many_are_trusted() {
    let hostile = Hostile { prefixes: MOST_PREFIXES, claims: 1_000, ..Hostile::default() };
    for certificates in [&["idp"][..], &["idp", "idp-next", "stranger", "idp-expired"]] {
        let reading = hostile.read_with(certificates);
        assert_eq!(reading.outcome.unwrap_err().fault, Fault::UnknownCertificate);
        assert_eq!(reading.work.canonical_forms, 0);
        assert_eq!(reading.work.certificates_tried as usize, certificates.len());
        assert_eq!(reading.work.private_key_uses, 0);
        let mut good = case("good-no-key-info.xml");
        good.certificates = certificates.iter().map(|name| (*name).to_owned()).collect();
        let reading = read(&good, &text(&good));
        assert!(reading.outcome.is_ok());
        assert_eq!(reading.work.canonical_forms, 1);
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
        assert_eq!(hostile.read_with(&["idp"]).work.canonical_forms, 0);
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
