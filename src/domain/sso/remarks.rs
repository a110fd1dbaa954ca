//! Addresses that may look like others.

use crate::characters;
use url::Url;

/// So many letters are told of an address that may look like another.
const MOST_TOLD: usize = 5;

/// What is to be known of an address with letters beyond ASCII, in its host or anywhere: how it is written, and that it may
/// look like another. The letters are shown beside their code points.
#[must_use]
pub(super) fn remark(address: &str) -> Option<String> {
    let host = Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let is_international = host.split('.').any(|label| label.starts_with("xn--"));
    let written = match (address.is_ascii(), is_international) {
        (true, false) => return None,
        (true, true) => url::quirks::domain_to_unicode(&host),
        (false, _) => address.to_owned(),
    };
    let mut beyond: Vec<String> = Vec::new();
    for char in written.chars().filter(|char| !char.is_ascii()) {
        let told = format!("“{char}” (U+{:04X})", u32::from(char));
        if beyond.len() < MOST_TOLD && !beyond.contains(&told) {
            beyond.push(told);
        }
    }
    let is_foreign = |part: &&str| !part.is_ascii();
    let part = written.split(['.', '/', ':']).find(is_foreign).unwrap_or_default();
    let writing = characters::writing(part).map(|writing| format!(", {writing}")).unwrap_or_default();
    Some(format!(
        "It stands for “{written}”{writing}: {} may look like other letters. Compare it with care.",
        beyond.join(", ")
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_look_like_others_are_pointed_out() {
        for address in ["https://l\u{43e}gin.example/x", "https://xn--lgin-55d.example/x"] {
            let told = remark(address).unwrap();
            assert!(told.contains("Latin and Cyrillic letters") && told.contains("U+043E"), "{told}");
        }
        assert!(remark("https://xn--80ak6aa92e.com/").unwrap().contains("Cyrillic letters"));
        assert!(remark("urn:ex\u{430}mple").is_some());
    }

    #[test]
    fn of_plain_addresses_there_is_nothing_to_say() {
        for plain in
            ["https://login.microsoftonline.com/t/saml2", "urn:example:idp", "https://[2001:db8::7]/x"]
        {
            assert_eq!(remark(plain), None);
        }
    }
}
