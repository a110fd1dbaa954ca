//! Entra ID's side of workload identity federation: a server that publishes keys, and the assertions signed with them;
//! and whoever asks for an access token.

use super::{Console, Reply};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub const ENTRA_KEY: &[u8] = include_bytes!("../fixtures/keys/entra.pem");
pub const STRANGERS_KEY: &[u8] = include_bytes!("../fixtures/keys/stranger.pem");
pub const TENANT: &str = "5c3e7f80-1a2b-4c3d-8e4f-0123456789ab";
pub const AUDIENCE: &str = "api://b5ba7a93-4452-4522-aeb4-a2b5da870c16";
pub const SUBJECT: &str = "d2f8ee76-c549-45b8-a143-f5b640669704";

/// A server that publishes the keys of one tenant.
pub struct Authority {
    pub address: String,
    shared: Arc<Shared>,
    server: ServerHandle,
}

#[derive(Default)]
struct Shared {
    fetches: AtomicUsize,
    /// What is answered; a failure where there is nothing.
    document: Mutex<Option<String>>,
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Authority {
    /// An authority that publishes the key `entra`.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let state = web::Data::from(shared.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .route("/{tenant}/discovery/v2.0/keys", web::get().to(published))
        });
        let server = server.workers(1).listen(listener).unwrap().run();
        let authority = Self { address, shared, server: server.handle() };
        actix_web::rt::spawn(server);
        authority.publish(&[("entra", ENTRA_KEY)]);
        authority
    }

    /// How often somebody asked for the keys.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    pub fn publish(&self, keys: &[(&str, &[u8])]) {
        let issuer = format!("{}/{{tenantid}}/v2.0", self.address);
        let mut keys: Vec<Value> = keys.iter().map(|(kid, pem)| jwk(kid, pem, &issuer)).collect();
        // A key of another sort, and one that may not sign for this tenant, stand among them as they do at Microsoft's.
        keys.push(json!({ "kty": "EC", "kid": "curve", "crv": "P-256", "x": "AA", "y": "AA" }));
        keys.push(jwk("consumers", ENTRA_KEY, "https://login.example/consumers/v2.0"));
        self.answer(Some(json!({ "keys": keys }).to_string()));
    }

    /// Answers this from now on, or fails.
    pub fn answer(&self, document: Option<String>) {
        *self.shared.document.lock().unwrap() = document;
    }

    /// The claims of a good assertion at the console's time.
    pub fn claims(&self, console: &Console) -> Value {
        let now = console.clock.now().and_utc().timestamp();
        json!({
            "iss": format!("{}/{TENANT}/v2.0", self.address), "aud": AUDIENCE, "sub": SUBJECT, "tid": TENANT,
            "iat": now, "nbf": now, "exp": now + 3900, "jti": uuid::Uuid::new_v4().to_string(), "ver": "2.0",
        })
    }

    pub fn assertion(&self, console: &Console) -> String {
        sign(&self.claims(console), Some("entra"), ENTRA_KEY)
    }
}

async fn published(state: web::Data<Shared>) -> HttpResponse {
    state.fetches.fetch_add(1, Ordering::SeqCst);
    match state.document.lock().unwrap().clone() {
        Some(document) => HttpResponse::Ok().content_type("application/json").body(document),
        None => HttpResponse::ServiceUnavailable().finish(),
    }
}

fn jwk(kid: &str, pem: &[u8], issuer: &str) -> Value {
    let key = EncodingKey::from_rsa_pem(pem).unwrap();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap();
    let jwk = jwk.as_object_mut().unwrap();
    // As Microsoft publishes them: no algorithm, but whose tokens the key may sign.
    jwk.remove("alg");
    jwk.extend([
        ("kid".to_owned(), json!(kid)),
        ("use".to_owned(), json!("sig")),
        ("issuer".to_owned(), json!(issuer)),
    ]);
    Value::Object(jwk.clone())
}

pub fn sign(claims: &Value, kid: Option<&str>, pem: &[u8]) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(pem).unwrap()).unwrap()
}

/// Asks for an access token with these parameters, and these credentials in the header.
pub async fn ask_as(console: &Console, basic: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Reply {
    let request = reqwest::Client::new().post(format!("{}/oauth2/token", console.address)).form(fields);
    send(match basic {
        Some((id, secret)) => request.basic_auth(id, Some(secret)),
        None => request,
    })
    .await
}

/// Asks for an access token with this body.
pub async fn ask_raw(console: &Console, kind: &str, body: String) -> Reply {
    let request = reqwest::Client::new().post(format!("{}/oauth2/token", console.address));
    send(request.header("Content-Type", kind).body(body)).await
}

async fn send(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, json: response.json().await.unwrap() }
}
