//! Lists, and what this server says of itself (RFC 7644 sections 3.4.2 and 4, RFC 7643 sections 5 and 6).

use super::schema;
use serde_json::{Value, json};

/// The message of a list.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The message of an error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The media type of every answer (RFC 7644 section 8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";
/// The most resources that one page of a list holds.
pub const LARGEST_PAGE: i64 = 200;

/// A list, or a page of one; `start` counts from one.
#[must_use]
pub fn list(total: i64, start: i64, resources: &[Value]) -> Value {
    json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// What this server can do.
#[must_use]
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": LARGEST_PAGE },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "API token",
            "description": "A token made in Rollcall, sent as a bearer token (RFC 6750).",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

/// The one resource type.
#[must_use]
pub fn user_type(base: &str) -> Value {
    let extensions: Vec<Value> =
        schema::EXTENSIONS.iter().map(|schema| json!({ "schema": schema.urn, "required": false })).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "description": schema::USER.description,
        "schema": schema::USER.urn,
        "schemaExtensions": extensions,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/User") },
    })
}
