//! What a stranger can make us do: counted, not timed. The files are written here, so that each multiplier can be turned.
//! `cargo bench --bench saml` prints how long the worst of them take.

use super::hostile::Hostile;
use super::{Case, cases, read, text};
use crate::saml::Fault;
use crate::saml::bounds::{MOST_ELEMENTS, MOST_ENCRYPTED_KEYS, MOST_PREFIXES, MOST_PRIVATE_KEY_USES};
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
    let most = read(&case, &with(MOST_ENCRYPTED_KEYS)).work.private_key_uses;
    assert_eq!(most, MOST_PRIVATE_KEY_USES);
    // Where the mask is not named two may have been meant: that does not make them more.
    let unnamed = other.replacen(
        "xmlenc#rsa-oaep-mgf1p\"/>",
        "xmlenc11#rsa-oaep\"><DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/></xenc:EncryptionMethod>",
        1,
    );
    let unnamed =
        unnamed.replacen("http://www.w3.org/2001/04/xmlenc11", "http://www.w3.org/2009/xmlenc11", 1);
    let unnamed = good.replacen(key, &unnamed.repeat(MOST_ENCRYPTED_KEYS), 1);
    let reading = read(&case, &unnamed);
    assert_eq!(reading.outcome.unwrap_err().fault, Fault::Decryption);
    assert_eq!(reading.work.private_key_uses, MOST_PRIVATE_KEY_USES);
    // One that names our certificate is tried first, wherever it stands.
    let named = |certificate: &str, key: &str| {
        let data = format!("<X509Data><X509Certificate>{certificate}</X509Certificate></X509Data>");
        key.replacen("<KeyName/>", &data, 1)
    };
    let own = super::own_key().certificate;
    let own: String = own.lines().filter(|line| !line.starts_with('-')).collect();
    let last = format!("{}{}{}", other.repeat(2), named("MIIB", &other), named(&own, key));
    let reading = read(&case, &good.replacen(key, &last, 1));
    assert!(reading.outcome.is_ok());
    assert_eq!(reading.work.private_key_uses, 1);
    for count in [MOST_ENCRYPTED_KEYS + 1, 300] {
        let reading = read(&case, &with(count));
        assert_eq!(reading.outcome.unwrap_err().fault, Fault::TooCostly);
        assert_eq!(reading.work.private_key_uses, 0);
    }
}

/// Everybody's `SignedInfo` is brought into canonical form: nothing is in it by which somebody could make that dear.
#[test]
fn signed_info_holds_its_parts_and_nothing_else() {
    let case = case("good-no-key-info.xml");
    let good = text(&case);
    let prefixed = "<p0:x p1:a='' p2:a=''/>".repeat(1_000);
    let within = [
        prefixed.as_str(),
        "<x a='' b=''/>",
        &"&#13;".repeat(60_000),
        "x",
        "<![CDATA[x]]>",
        "<HMACOutputLength>1</HMACOutputLength>",
    ];
    let holders = [
        "<SignedInfo",
        "<CanonicalizationMethod",
        "<SignatureMethod",
        "<Reference",
        "<Transforms",
        "<Transform",
        "<DigestMethod",
        "<DigestValue",
    ];
    let declared = good.replacen(
        "<samlp:Response ",
        "<samlp:Response xmlns:p0=\"urn:0\" xmlns:p1=\"urn:1\" xmlns:p2=\"urn:2\" ",
        1,
    );
    for holder in holders {
        let start =
            declared.find(&format!("{holder} ")).or_else(|| declared.find(&format!("{holder}>"))).unwrap();
        let end = start + declared[start..].find('>').unwrap();
        let tag = &declared[start..=end];
        let bodies = within.iter().map(|inner| match tag.strip_suffix("/>") {
            Some(open) => format!("{open}>{inner}</{}>", &holder[1..]),
            None => format!("{tag}{inner}"),
        });
        let attributes = ["p1:a=\"\"", "a=\"\""]
            .iter()
            .map(|attribute| tag.replacen(holder, &format!("{holder} {attribute}"), 1));
        for instead in bodies.chain(attributes) {
            let changed = format!("{}{instead}{}", &declared[..start], &declared[end + 1..]);
            let reading = read(&case, &changed);
            let shown = &instead[..instead.len().min(80)];
            let fault = reading.outcome.unwrap_err().fault;
            // Space is lawful, and Base64 may be broken into lines: how much of it decides.
            let is_space = instead.contains("&#13;");
            assert!(
                matches!(fault, Fault::SignatureShape | Fault::Algorithm)
                    || (is_space && fault == Fault::TooCostly),
                "{shown}: {fault:?}"
            );
            assert_eq!((reading.work.canonical_forms, reading.work.certificates_tried), (0, 0), "{shown}");
        }
    }
    for place in ["<Reference", "</Reference>", "</DigestValue>"] {
        let changed = good.replacen(place, &format!("{}{place}", " ".repeat(5_000)), 1);
        let reading = read(&case, &changed);
        assert_eq!(reading.outcome.unwrap_err().fault, Fault::TooCostly, "{place}");
        assert_eq!(reading.work.certificates_tried, 0);
    }
}
