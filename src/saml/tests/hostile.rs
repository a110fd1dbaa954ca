//! Responses that cost as much as possible before anything in them is proven; the benchmark measures the same ones.

const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// What is multiplied in a response whose signature nobody made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hostile {
    /// Prefixes on the list that are declared on the response.
    pub(crate) prefixes: usize,
    /// Claims in the assertion, each of two elements.
    pub(crate) claims: usize,
    /// The length of each namespace's name.
    pub(crate) namespace: usize,
    /// Attributes of each claim.
    pub(crate) attributes: usize,
}

impl Hostile {
    /// The document, made of one whose assertion is signed.
    pub(crate) fn xml(self, good: &str) -> String {
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
}
