//! Entra ID as a browser meets it.

use super::harness::Console;
use super::harness::idp::{Request, Says, unique};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

/// Entra ID's own pages, as far as a browser meets them: whoever asks to sign in is Ana, at the press of a button.
pub struct Directory {
    pub address: String,
    server: ServerHandle,
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Directory {
    /// Answers sign-in requests of this console with this name, and says goodbye at sign-out.
    pub fn open(console: &Console, name: &'static str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let good = Says::of(console, name);
        let clock = console.clock.clone();
        let sign_in = move |request: HttpRequest| {
            let asked = Request::read(&format!("http://entra.example/?{}", request.query_string()));
            let says = Says {
                now: clock.now(),
                assertion_id: unique(),
                session_index: unique(),
                ..good.clone().answering(&asked)
            };
            let form = format!(
                "<!DOCTYPE html><html lang=\"en\"><title>Entra ID</title><form method=\"post\" action=\"{}\">\
                 <input type=\"hidden\" name=\"SAMLResponse\" value=\"{}\"><button>Yes, it is me</button></form></html>",
                says.recipient,
                says.field()
            );
            async move { HttpResponse::Ok().content_type("text/html").body(form) }
        };
        let server = HttpServer::new(move || {
            App::new().route("/saml2", web::get().to(sign_in.clone())).route(
                "/goodbye",
                web::get().to(|| async {
                    HttpResponse::Ok()
                        .content_type("text/html")
                        .body("<title>Entra ID</title><p>Signed out of everything</p>")
                }),
            )
        });
        let server = server.workers(1).listen(listener).unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, server: handle }
    }
}
