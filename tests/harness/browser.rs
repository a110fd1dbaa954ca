//! A browser as far as HTTP goes: it keeps cookies, reads forms and posts them with their hidden fields.

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, ClientBuilder, RequestBuilder, redirect};
use scraper::{Html, Selector};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone)]
pub struct Browser {
    client: Client,
    address: String,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// A page that was answered, redirects not followed.
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    browser: Browser,
}

/// The server closes a connection that was idle for five seconds: on a busy machine a form must not be sent just then.
fn client() -> ClientBuilder {
    Client::builder().redirect(redirect::Policy::none()).pool_idle_timeout(Duration::from_secs(2))
}

impl Browser {
    pub fn new(address: &str) -> Self {
        let client = client().build().unwrap();
        Self { client, address: address.to_owned(), cookies: Arc::default() }
    }

    /// A browser at another address of this machine, as anywhere in 127.0.0.0/8.
    pub fn at(address: &str, own: &str) -> Self {
        let client = client().local_address(own.parse::<IpAddr>().ok());
        Self { client: client.build().unwrap(), address: address.to_owned(), cookies: Arc::default() }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send(self.client.get(format!("{}{path}", self.address))).await
    }

    /// Posts fields as they are: no hidden fields are added.
    pub async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(self.client.post(format!("{}{path}", self.address)).form(&fields)).await
    }

    /// Opens a page, fills the form with this action in, and posts it.
    pub async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        self.get(page).await.submit(action, fields).await
    }

    /// Uploads a file by the form with this action on a page.
    pub async fn upload(
        &self,
        page: &str,
        action: &str,
        fields: &[(&str, &str)],
        name: &str,
        file: &[u8],
    ) -> Page {
        let page = self.get(page).await;
        let mut form = reqwest::multipart::Form::new();
        let mut all = page.fields_of(action);
        all.retain(|(name, _)| !fields.iter().any(|(given, _)| given == name));
        for (field, value) in all.into_iter().chain(owned(fields)) {
            form = form.text(field, value);
        }
        let input = page.file_field(action);
        form = form.part(input, reqwest::multipart::Part::bytes(file.to_vec()).file_name(name.to_owned()));
        self.send(self.client.post(format!("{}{action}", self.address)).multipart(form)).await
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// All cookies, as the value of a header.
    pub fn cookies(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub async fn send(&self, request: RequestBuilder) -> Page {
        let response = request.header(COOKIE, self.cookies()).send().await.unwrap();
        for line in response.headers().get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if line.contains("Max-Age=0") {
                cookies.remove(name)
            } else {
                cookies.insert(name.into(), value.into())
            };
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Page { status, headers, body: response.text().await.unwrap(), browser: self.clone() }
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }
}

impl Page {
    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The page that a redirect leads to.
    pub async fn follow(&self) -> Page {
        assert_eq!(self.status, 303, "{}", self.body);
        self.browser.get(self.location()).await
    }

    /// The page that the browser shows in the end: the one that a redirect leads to, or else this one.
    pub async fn shown(self) -> Page {
        if self.status == 303 { self.follow().await } else { self }
    }

    /// The page of a form that was refused.
    #[track_caller]
    pub fn refused(self) -> Page {
        assert!([409, 422].contains(&self.status), "{}: {}", self.status, self.body);
        self
    }

    /// Posts the form with this action, its hidden and preset fields with it; `fields` replace or add.
    pub async fn submit(&self, action: &str, fields: &[(&str, &str)]) -> Page {
        let mut all = self.fields_of(action);
        all.retain(|(name, _)| !fields.iter().any(|(given, _)| given == name));
        all.extend(owned(fields));
        let all: Vec<(&str, &str)> =
            all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.browser.post_bare(action, &all).await
    }

    /// What is written on the page, tags left out and space folded.
    pub fn text(&self) -> String {
        let document = Html::parse_document(&self.body);
        let words: Vec<&str> = document.root_element().text().flat_map(str::split_whitespace).collect();
        words.join(" ")
    }

    /// The value of the first element that the selector finds: its `value`, else its text.
    pub fn value(&self, selector: &str) -> Option<String> {
        let document = Html::parse_document(&self.body);
        let found = document.select(&Selector::parse(selector).unwrap()).next()?;
        Some(found.value().attr("value").map_or_else(|| found.text().collect(), str::to_owned))
    }

    /// An attribute of the first element that the selector finds.
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let document = Html::parse_document(&self.body);
        let found = document.select(&Selector::parse(selector).unwrap()).next()?;
        found.value().attr(name).map(str::to_owned)
    }

    pub fn has(&self, selector: &str) -> bool {
        Html::parse_document(&self.body).select(&Selector::parse(selector).unwrap()).next().is_some()
    }

    /// The names of the fields of the form with this action, hidden ones left out.
    pub fn field_names(&self, action: &str) -> Vec<String> {
        let document = Html::parse_document(&self.body);
        let inputs = format!(
            "form[action=\"{action}\"] input:not([type=hidden]):not([type=file]), form[action=\"{action}\"] textarea"
        );
        let inputs = Selector::parse(&inputs).unwrap();
        document.select(&inputs).filter_map(|input| input.value().attr("name").map(str::to_owned)).collect()
    }

    fn fields_of(&self, action: &str) -> Vec<(String, String)> {
        let document = Html::parse_document(&self.body);
        let form = Selector::parse("form").unwrap();
        let form = document.select(&form).find(|form| form.value().attr("action") == Some(action));
        let form = form.unwrap_or_else(|| panic!("no form posts to {action} on this page:\n{}", self.body));
        let mut fields = Vec::new();
        for input in form.select(&Selector::parse("input, textarea, select").unwrap()) {
            let element = input.value();
            let Some(name) = element.attr("name") else { continue };
            let kind = element.attr("type").unwrap_or("text");
            let unticked = matches!(kind, "checkbox" | "radio") && element.attr("checked").is_none();
            if unticked || matches!(kind, "file" | "submit") {
                continue;
            }
            let value = match element.name() {
                "textarea" => input.text().collect(),
                "select" => {
                    let chosen = Selector::parse("option[selected]").unwrap();
                    let first = Selector::parse("option").unwrap();
                    let option = input.select(&chosen).next().or_else(|| input.select(&first).next());
                    option.and_then(|option| option.value().attr("value")).unwrap_or_default().to_owned()
                }
                _ => element.attr("value").unwrap_or_default().to_owned(),
            };
            fields.push((name.to_owned(), value));
        }
        fields
    }

    fn file_field(&self, action: &str) -> String {
        let document = Html::parse_document(&self.body);
        let selector = Selector::parse(&format!("form[action=\"{action}\"] input[type=file]")).unwrap();
        document
            .select(&selector)
            .next()
            .and_then(|input| input.value().attr("name"))
            .expect("a file field")
            .to_owned()
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
