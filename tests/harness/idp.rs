//! Entra ID's side of single sign-on. It writes its responses in canonical form by hand and signs them with another
//! library than the one under test.

use super::{Browser, Console, Page};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{NaiveDateTime, TimeDelta};
use flate2::read::DeflateDecoder;
use jsonwebtoken::{Algorithm, EncodingKey};
use rollcall::domain::sso::{Settings, certificates, settings};
use rollcall::domain::{Noted, Tx};
use rollcall::error::Result;
use sha2::{Digest, Sha256};
use std::io::Read;
use url::Url;

pub const KEY: &[u8] = include_bytes!("../fixtures/keys/entra.pem");
pub const CERTIFICATE: &[u8] = include_bytes!("../fixtures/certificates/idp.pem");
pub const STRANGERS_KEY: &[u8] = include_bytes!("../fixtures/keys/stranger.pem");
pub const STRANGERS_CERTIFICATE: &[u8] = include_bytes!("../fixtures/certificates/stranger.pem");
pub const ISSUER: &str = "https://sts.windows.net/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/";
pub const LOGIN_URL: &str = "https://login.microsoftonline.com/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/saml2";
pub const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// What a response says; the default is a good one.
#[derive(Clone)]
pub struct Says {
    pub name_id: String,
    pub name_format: &'static str,
    pub in_response_to: Option<String>,
    pub issuer: String,
    pub audience: String,
    pub recipient: String,
    pub destination: String,
    pub from: TimeDelta,
    pub until: TimeDelta,
    pub signed_in: TimeDelta,
    pub claims: Vec<(String, String)>,
    pub session_index: String,
    pub assertion_id: String,
    /// Instead of the usual one.
    pub confirmation: Option<String>,
    pub status: &'static str,
    pub key: &'static [u8],
    pub sign_assertion: bool,
    pub sign_response: bool,
    pub now: NaiveDateTime,
}

impl Says {
    /// A good response about this person.
    pub fn of(console: &Console, name_id: &str) -> Self {
        let at = |path: &str| format!("{}/sso/{path}", console.address);
        Self {
            name_id: name_id.to_owned(),
            name_format: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            in_response_to: None,
            issuer: ISSUER.to_owned(),
            audience: at("metadata"),
            recipient: at("consumer"),
            destination: at("consumer"),
            from: TimeDelta::minutes(-5),
            until: TimeDelta::minutes(60),
            signed_in: TimeDelta::zero(),
            claims: Vec::new(),
            session_index: unique(),
            assertion_id: unique(),
            confirmation: None,
            status: "urn:oasis:names:tc:SAML:2.0:status:Success",
            key: KEY,
            sign_assertion: true,
            sign_response: false,
            now: console.clock.now(),
        }
    }

    pub fn answering(mut self, request: &Request) -> Self {
        self.in_response_to = Some(request.id.clone());
        self
    }

    pub fn with(mut self, claim: &str, value: &str) -> Self {
        self.claims.push((claim.to_owned(), value.to_owned()));
        self
    }

    /// The response as XML.
    pub fn xml(&self) -> String {
        let (head, tail) = self.assertion();
        let assertion = if self.sign_assertion {
            format!("{head}{}{tail}", signature(&format!("{head}{tail}"), &self.assertion_id, self.key))
        } else {
            format!("{head}{tail}")
        };
        let id = unique();
        let answering = self.answering_attribute();
        let head = format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" Destination=\"{}\" ID=\"{id}\"{answering} \
             IssueInstant=\"{}\" Version=\"2.0\"><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}</Issuer>",
            self.destination,
            self.at(TimeDelta::zero()),
            self.issuer
        );
        let tail = format!(
            "<samlp:Status><samlp:StatusCode Value=\"{}\"></samlp:StatusCode></samlp:Status>{assertion}</samlp:Response>",
            self.status
        );
        if self.sign_response {
            format!("{head}{}{tail}", signature(&format!("{head}{tail}"), &id, self.key))
        } else {
            format!("{head}{tail}")
        }
    }

    /// The field of the form.
    pub fn field(&self) -> String {
        STANDARD.encode(self.xml())
    }

    fn at(&self, offset: TimeDelta) -> String {
        (self.now + offset).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    fn answering_attribute(&self) -> String {
        self.in_response_to.as_ref().map(|id| format!(" InResponseTo=\"{id}\"")).unwrap_or_default()
    }

    /// The assertion in canonical form, before and after the place of its signature.
    fn assertion(&self) -> (String, String) {
        let (now, until) = (self.at(TimeDelta::zero()), self.at(self.until));
        let claims: Vec<String> = self
            .claims
            .iter()
            .map(|(name, value)| {
                let value = escaped(value);
                format!("<Attribute Name=\"{name}\"><AttributeValue>{value}</AttributeValue></Attribute>")
            })
            .collect();
        let attributes = if claims.is_empty() {
            String::new()
        } else {
            format!("<AttributeStatement>{}</AttributeStatement>", claims.concat())
        };
        let head = format!(
            "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{}\" IssueInstant=\"{now}\" \
             Version=\"2.0\"><Issuer>{}</Issuer>",
            self.assertion_id, self.issuer
        );
        let confirmation = self.confirmation.clone().unwrap_or_else(|| {
            format!(
                "<SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><SubjectConfirmationData{} \
                 NotOnOrAfter=\"{until}\" Recipient=\"{}\"></SubjectConfirmationData></SubjectConfirmation>",
                self.answering_attribute(),
                self.recipient
            )
        });
        let tail = format!(
            "<Subject><NameID Format=\"{}\">{}</NameID>{confirmation}</Subject><Conditions NotBefore=\"{}\" \
             NotOnOrAfter=\"{until}\"><AudienceRestriction><Audience>{}</Audience></AudienceRestriction></Conditions>\
             {attributes}<AuthnStatement AuthnInstant=\"{}\" SessionIndex=\"{}\"><AuthnContext><AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef></AuthnContext></AuthnStatement>\
             </Assertion>",
            self.name_format,
            escaped(&self.name_id),
            self.at(self.from),
            self.audience,
            self.at(self.signed_in),
            self.session_index,
        );
        (head, tail)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub fn unique() -> String {
    format!("_{}", uuid::Uuid::new_v4())
}

/// An enveloped signature over an element whose canonical form this is.
fn signature(canonical: &str, id: &str, key: &[u8]) -> String {
    let digest = STANDARD.encode(Sha256::digest(canonical));
    let info = format!(
        "<CanonicalizationMethod Algorithm=\"{EXC_C14N}\"></CanonicalizationMethod><SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></SignatureMethod><Reference URI=\"#{id}\">\
         <Transforms><Transform Algorithm=\"{DSIG}enveloped-signature\"></Transform><Transform \
         Algorithm=\"{EXC_C14N}\"></Transform></Transforms><DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>{digest}</DigestValue>\
         </Reference></SignedInfo>"
    );
    let value = sign(&format!("<SignedInfo xmlns=\"{DSIG}\">{info}"), key);
    format!(
        "<Signature xmlns=\"{DSIG}\"><SignedInfo>{info}<SignatureValue>{value}</SignatureValue></Signature>"
    )
}

/// RSA with SHA-256, in Base64.
pub fn sign(text: &str, key: &[u8]) -> String {
    let key = EncodingKey::from_rsa_pem(key).unwrap();
    let value = jsonwebtoken::crypto::sign(text.as_bytes(), &key, Algorithm::RS256).unwrap();
    STANDARD.encode(URL_SAFE_NO_PAD.decode(value).unwrap())
}

/// A request of ours as it arrives at Entra ID.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: String,
    pub xml: String,
    pub url: Url,
}

impl Request {
    /// Reads the request in the address that a browser is sent to.
    pub fn read(location: &str) -> Self {
        let url: Url = location.parse().unwrap();
        let value = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let deflated = STANDARD.decode(value("SAMLRequest")).unwrap();
        let mut xml = String::new();
        DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
        let id = xml.split(" ID=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Self { id, xml, url }
    }
}

/// Trusts the certificates of this file, read beforehand.
pub fn adding(
    file: &[u8],
) -> impl FnOnce(&mut Tx) -> Result<Noted<certificates::Added>> + Send + 'static + use<> {
    let found = certificates::read(file);
    move |tx| certificates::add(tx, found?)
}

impl Console {
    /// An instance with an owner `olga`, single sign-on on, and Entra ID trusted.
    pub fn with_sso() -> Self {
        let console = Self::open();
        console.trust_entra(true);
        console
    }

    pub fn trust_entra(&self, enabled: bool) {
        let found = certificates::read(CERTIFICATE).unwrap();
        self.write(move |tx| {
            certificates::add(tx, found)?;
            let wish = Settings {
                enabled,
                login_url: Some(LOGIN_URL.to_owned()),
                issuer: Some(ISSUER.to_owned()),
                ..Settings::default()
            };
            settings::save(tx, &wish)
        });
    }

    pub fn sso(&self, change: impl FnOnce(&mut Settings) + Send + 'static) {
        self.write(move |tx| {
            let mut wish = settings::read(tx.conn)?;
            change(&mut wish);
            settings::save(tx, &wish)
        });
    }
}

impl Browser {
    /// Begins a sign-in, and reads what Entra ID is asked.
    pub async fn ask_entra(&self, path: &str) -> Request {
        let sent = self.get(path).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        Request::read(sent.location())
    }

    /// Brings a response.
    pub async fn bring(&self, says: &Says) -> Page {
        self.bring_field(&says.field(), "").await
    }

    pub async fn bring_field(&self, field: &str, relay_state: &str) -> Page {
        self.post_bare("/sso/consumer", &[("SAMLResponse", field), ("RelayState", relay_state)]).await
    }

    /// Signs in through Entra ID from beginning to end.
    pub async fn sign_in_by_entra(&self, console: &Console, name_id: &str) -> Page {
        let request = self.ask_entra("/sso/start").await;
        self.bring(&Says::of(console, name_id).answering(&request)).await
    }
}
