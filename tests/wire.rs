//! What goes over the wire, as it is written: SCIM and SAML, with the clock at a standstill and words in the place of
//! what chance makes.

use crate::harness::{Console, Entra, Reply};
use chrono::{NaiveDate, NaiveDateTime};
use insta::assert_snapshot;
use reqwest::Method;
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::users::by_entra::Scope;
use rollcall::saml::request::SignIn;
use serde_json::json;

const PUBLIC: &str = "https://rollcall.example.com";

fn moment() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2027, 1, 1).and_then(|day| day.and_hms_milli_opt(10, 0, 0, 250)).unwrap()
}

/// A console with Entra ID, at a time that does not pass.
fn console() -> (Console, Entra) {
    let console = Console::known_as(PUBLIC);
    console.clock.stop_at(moment());
    console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
    let entra = console.entra("Entra ID");
    (console, entra)
}

/// The body, with a word for each id.
fn body(reply: &Reply, ids: &[(&str, &str)]) -> String {
    let text = serde_json::to_string_pretty(&reply.json).unwrap();
    ids.iter().fold(text, |text, (id, word)| text.replace(id, word))
}

/// XML with a line for each element, and a word for each certificate.
fn lines(xml: &str) -> String {
    let mut parts = xml.split("<ds:X509Certificate>");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once('<').unwrap();
        text.push_str("<ds:X509Certificate>CERTIFICATE<");
        text.push_str(rest);
    }
    text.replace("><", ">\n<")
}

#[actix_web::test]
async fn users_groups_and_lists() {
    let (_console, entra) = console();
    let ana = entra
        .post(
            "/Users",
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "externalId": "ana-1",
                "userName": "Ana.Lima@example.com",
                "displayName": "Ana Lima",
                "name": { "givenName": "Ana", "familyName": "Lima" },
                "title": "Engineer",
                "active": true,
                "emails": [{ "type": "work", "value": "ana.lima@example.com", "primary": true }],
                "phoneNumbers": [{ "type": "mobile", "value": "+31 6 1234 5678" }],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Dikes" },
                "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": { "site": "Delft" },
            }),
        )
        .await;
    let ana_id = ana.id();
    let group = json!({ "displayName": "Sales", "externalId": "g-1", "members": [{ "value": ana_id }] });
    let sales = entra.post("/Groups", group).await;
    let sales_id = sales.id();
    let ids = [(ana_id.as_str(), "ANA"), (sales_id.as_str(), "SALES")];
    assert_eq!((ana.status, sales.status), (201, 201));
    let headers = |name: &str| ana.headers[name].to_str().unwrap().replace(&ana_id, "ANA");
    assert_snapshot!([headers("content-type"), headers("location"), headers("etag")].join("\n"), @r#"
    application/scim+json
    https://rollcall.example.com/scim/v2/Users/ANA
    W/"1"
    "#);
    assert_snapshot!(body(&ana, &ids), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User"
      ],
      "id": "ANA",
      "externalId": "ana-1",
      "userName": "Ana.Lima@example.com",
      "name": {
        "familyName": "Lima",
        "givenName": "Ana"
      },
      "displayName": "Ana Lima",
      "title": "Engineer",
      "active": true,
      "emails": [
        {
          "value": "ana.lima@example.com",
          "type": "work",
          "primary": true
        }
      ],
      "phoneNumbers": [
        {
          "value": "+31 6 1234 5678",
          "type": "mobile"
        }
      ],
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "department": "Dikes"
      },
      "meta": {
        "resourceType": "User",
        "created": "2027-01-01T10:00:00.250Z",
        "lastModified": "2027-01-01T10:00:00.250Z",
        "location": "https://rollcall.example.com/scim/v2/Users/ANA",
        "version": "W/\"1\""
      },
      "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": {
        "site": "Delft"
      }
    }
    "#);
    assert_snapshot!(body(&sales, &ids), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:Group"
      ],
      "id": "SALES",
      "externalId": "g-1",
      "displayName": "Sales",
      "members": [
        {
          "value": "ANA",
          "$ref": "https://rollcall.example.com/scim/v2/Users/ANA",
          "type": "User",
          "display": "Ana Lima"
        }
      ],
      "meta": {
        "resourceType": "Group",
        "created": "2027-01-01T10:00:00.250Z",
        "lastModified": "2027-01-01T10:00:00.250Z",
        "location": "https://rollcall.example.com/scim/v2/Groups/SALES",
        "version": "W/\"1\""
      }
    }
    "#);
    let found =
        entra.get("/Users?filter=userName%20eq%20%22ana.lima@example.com%22&attributes=userName").await;
    assert_snapshot!(body(&found, &ids), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:ListResponse"
      ],
      "totalResults": 1,
      "startIndex": 1,
      "itemsPerPage": 1,
      "Resources": [
        {
          "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User"
          ],
          "id": "ANA",
          "userName": "Ana.Lima@example.com"
        }
      ]
    }
    "#);
    assert_snapshot!(body(&entra.get("/Users?filter=userName%20eq%20%22nobody%22").await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:ListResponse"
      ],
      "totalResults": 0,
      "startIndex": 1,
      "itemsPerPage": 0,
      "Resources": []
    }
    "#);
}

#[actix_web::test]
async fn errors() {
    let (console, entra) = console();
    let ana = json!({ "userName": "ana" });
    entra.post("/Users", ana.clone()).await;
    assert_snapshot!(body(&entra.get("/Users/none").await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "404",
      "detail": "There is no such resource."
    }
    "#);
    assert_snapshot!(body(&entra.post("/Users", ana).await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "409",
      "detail": "A user with userName “ana” exists already.",
      "scimType": "uniqueness"
    }
    "#);
    assert_snapshot!(body(&entra.get("/Users?filter=userName%20is%20x").await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "400",
      "detail": "The filter cannot be read: “is” is not an operator: after “userName” one of eq, ne, co, sw, ew, gt, ge, lt, le or pr is due.",
      "scimType": "invalidFilter"
    }
    "#);
    assert_snapshot!(body(&entra.send(Method::GET, "/Bulk", None).await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "405",
      "detail": "GET is not possible at this address: it takes POST. It carries out many operations in one request (RFC 7644 section 3.7)."
    }
    "#);
    let stranger = Entra::new(&console.address, "wrong");
    assert_snapshot!(body(&stranger.get("/Users").await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "401",
      "detail": "The API token is missing or not accepted."
    }
    "#);
}

#[actix_web::test]
async fn the_service_provider_configuration() {
    let (_console, entra) = console();
    assert_snapshot!(body(&entra.get("/ServiceProviderConfig").await, &[]), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
      ],
      "patch": {
        "supported": true
      },
      "bulk": {
        "supported": true,
        "maxOperations": 1000,
        "maxPayloadSize": 1048576
      },
      "filter": {
        "supported": true,
        "maxResults": 200
      },
      "changePassword": {
        "supported": false
      },
      "sort": {
        "supported": true
      },
      "etag": {
        "supported": true
      },
      "pagination": {
        "cursor": true,
        "index": true,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 200,
        "cursorTimeout": 3600
      },
      "authenticationSchemes": [
        {
          "type": "oauthbearertoken",
          "name": "API token",
          "description": "A token made in Rollcall, sent as a bearer token (RFC 6750).",
          "specUri": "https://www.rfc-editor.org/info/rfc6750",
          "primary": true
        },
        {
          "type": "oauth2",
          "name": "OAuth 2.0 client credentials",
          "description": "An access token of one hour, for a client secret or a client assertion.",
          "specUri": "https://www.rfc-editor.org/info/rfc6749",
          "primary": false
        }
      ],
      "meta": {
        "resourceType": "ServiceProviderConfig",
        "location": "https://rollcall.example.com/scim/v2/ServiceProviderConfig"
      }
    }
    "#);
}

#[actix_web::test]
async fn our_metadata() {
    let (console, _) = console();
    let metadata = console.browser().get("/sso/metadata").await;
    assert_snapshot!(lines(&metadata.body), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://rollcall.example.com/sso/metadata">
    <md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="false" WantAssertionsSigned="true">
    <md:KeyDescriptor use="signing">
    <ds:KeyInfo>
    <ds:X509Data>
    <ds:X509Certificate>CERTIFICATE</ds:X509Certificate>
    </ds:X509Data>
    </ds:KeyInfo>
    </md:KeyDescriptor>
    <md:KeyDescriptor use="encryption">
    <ds:KeyInfo>
    <ds:X509Data>
    <ds:X509Certificate>CERTIFICATE</ds:X509Certificate>
    </ds:X509Data>
    </ds:KeyInfo>
    <md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>
    <md:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>
    <md:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>
    </md:KeyDescriptor>
    <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://rollcall.example.com/sso/logout"/>
    <md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://rollcall.example.com/sso/consumer" index="0" isDefault="true"/>
    </md:SPSSODescriptor>
    </md:EntityDescriptor>
    "#);
}

#[test]
fn our_sign_in_request() {
    let request = SignIn {
        id: "id-1",
        entity_id: "https://rollcall.example.com/sso/metadata",
        consumer: "https://rollcall.example.com/sso/consumer",
        destination: "https://login.microsoftonline.com/tenant/saml2?a=1&b=2",
        force: false,
        now: moment(),
    };
    assert_snapshot!(lines(&request.to_xml()), @r#"
    <samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="id-1" Version="2.0" IssueInstant="2027-01-01T10:00:00.250Z" Destination="https://login.microsoftonline.com/tenant/saml2?a=1&amp;b=2" AssertionConsumerServiceURL="https://rollcall.example.com/sso/consumer" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">
    <saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://rollcall.example.com/sso/metadata</saml:Issuer>
    </samlp:AuthnRequest>
    "#);
    let forced = SignIn { force: true, ..request }.to_xml();
    assert!(forced.contains(" ForceAuthn=\"true\""), "{forced}");
}
