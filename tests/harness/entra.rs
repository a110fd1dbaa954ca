//! A SCIM client, as Entra ID is one.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

pub struct Entra {
    client: Client,
    base: String,
    pub token: String,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Reply {
    /// The value at a JSON pointer; null where there is none.
    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn id(&self) -> String {
        self.at("/id").as_str().expect("a resource with an id").to_owned()
    }
}

impl Entra {
    pub fn new(address: &str, token: &str) -> Self {
        Self { client: Client::new(), base: format!("{address}/scim/v2"), token: token.to_owned() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, operations: Value) -> Reply {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// The look-up by user name, as Entra ID writes it.
    pub async fn find(&self, user_name: &str) -> Reply {
        let filter = format!("userName eq \"{user_name}\"");
        let query = serde_urlencoded_pair("filter", &filter);
        self.get(&format!("/Users?{query}")).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request =
                request.header("Content-Type", "application/scim+json; charset=utf-8").body(body.to_string());
        }
        Self::reply(request).await
    }

    /// A request with these headers and this body, and no token unless it is among them.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Option<String>,
    ) -> Reply {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        Self::reply(request).await
    }

    async fn reply(request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        Reply { status, headers, json }
    }
}

fn serde_urlencoded_pair(name: &str, value: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("{name}={encoded}")
}
