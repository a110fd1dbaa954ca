//! Lists, and what this server says of itself (RFC 7644 sections 3.4.2 and 4, RFC 7643 sections 5 and 6).

use super::schema::{Attribute, COMMON, Kind, Mutability, RESOURCES, Resource, Schema, find};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The message of a list.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The message of an error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The message of a change.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The message of a search by POST.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// The message of many operations.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The message of what became of many operations.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The media type of every answer (RFC 7644 section 8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";
/// The most resources that one page of a list holds.
pub const LARGEST_PAGE: i64 = 200;
/// How many it holds where the client does not say.
pub const USUAL_PAGE: i64 = 100;
/// The largest body of a request, in bytes.
pub const LARGEST_BODY: usize = 1024 * 1024;
/// The most operations of one bulk request.
pub const MOST_OPERATIONS: usize = 1000;
/// How long a cursor is good for, in seconds (RFC 9865 section 4).
pub const CURSOR_TIMEOUT_S: i64 = 3600;

/// Where a page stands in its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagePosition {
    /// By position, counted from one (RFC 7644 section 3.4.2.4).
    Index(i64),
    /// By cursor: that of the next page, if there is one (RFC 9865 section 2).
    Cursor(Option<String>),
}

/// A list, or a page of one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    schemas: [&'static str; 1],
    total_results: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_index: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    items_per_page: usize,
    #[serde(rename = "Resources")]
    resources: Vec<T>,
}

/// A list, or a page of one.
#[must_use]
pub fn list<T>(total: i64, place: PagePosition, resources: Vec<T>) -> List<T> {
    let (start_index, next_cursor) = match place {
        PagePosition::Index(start) => (Some(start), None),
        PagePosition::Cursor(next) => (None, next),
    };
    List {
        schemas: [LIST_RESPONSE],
        total_results: total,
        start_index,
        next_cursor,
        items_per_page: resources.len(),
        resources,
    }
}

/// What this server can do.
#[must_use]
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": LARGEST_BODY },
        "filter": { "supported": true, "maxResults": LARGEST_PAGE },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": USUAL_PAGE,
            "maxPageSize": LARGEST_PAGE,
            "cursorTimeout": CURSOR_TIMEOUT_S,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "API token",
                "description": "A token made in Rollcall, sent as a bearer token (RFC 6750).",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            },
            {
                "type": "oauth2",
                "name": "OAuth 2.0 client credentials",
                "description": "An access token of one hour, for a client secret or a client assertion.",
                "specUri": "https://www.rfc-editor.org/info/rfc6749",
                "primary": false,
            },
        ],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

/// A type of resource as `/ResourceTypes` tells it.
#[must_use]
pub fn resource_type(kind: &Resource, base: &str) -> Value {
    let extensions: Vec<Value> =
        kind.extensions.iter().map(|schema| json!({ "schema": schema.urn, "required": false })).collect();
    let mut told = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name,
        "name": kind.name,
        "endpoint": kind.endpoint,
        "description": kind.schema.description,
        "schema": kind.schema.urn,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", kind.name) },
    });
    if !extensions.is_empty() {
        told["schemaExtensions"] = extensions.into();
    }
    told
}

/// A schema as `/Schemas` tells it (RFC 7643 section 7), below this base address.
///
/// `externalId` is common to all resources, but Microsoft's validation looks for it among the attributes of their own
/// schemas.
#[must_use]
pub fn schema(schema: &Schema, base: &str) -> Value {
    let is_own = RESOURCES.iter().any(|kind| kind.schema.urn == schema.urn);
    let external_id = find(COMMON, "externalId").filter(|_| is_own);
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.urn,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().chain(external_id).map(describe).collect::<Vec<_>>(),
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.urn) },
    })
}

fn describe(attribute: &Attribute) -> Value {
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("name", attribute.name.into());
    tell("type", attribute.kind.word().into());
    tell("multiValued", attribute.multi.into());
    tell("description", attribute.description.into());
    tell("required", attribute.required.into());
    if !attribute.canonical.is_empty() {
        tell("canonicalValues", json!(attribute.canonical));
    }
    tell("caseExact", attribute.case_exact.into());
    tell("mutability", attribute.mutability.word().into());
    let returned = match attribute.mutability {
        Mutability::WriteOnly => "never",
        _ if attribute.always => "always",
        _ => "default",
    };
    tell("returned", returned.into());
    if attribute.kind != Kind::Complex {
        tell("uniqueness", if attribute.unique { "server" } else { "none" }.into());
    }
    if !attribute.references.is_empty() {
        tell("referenceTypes", json!(attribute.references));
    }
    if !attribute.sub.is_empty() {
        tell("subAttributes", attribute.sub.iter().map(describe).collect());
    }
    Value::Object(told)
}
