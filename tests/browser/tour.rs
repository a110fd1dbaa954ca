//! A person with a browser: goes, clicks, types, and looks until what they expect is there.

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the browser runs scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Script {
    On,
    Off,
}

pub struct Tour {
    client: Client,
    address: String,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Tour {
    pub async fn start(address: &str, script: Script) -> Self {
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().unwrap();
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities(profile.path(), script))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver opens a browser");
        Self { client, address: address.to_owned(), driver, _profile: profile }
    }

    pub async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.address)).await.unwrap();
    }

    pub async fn sign_in(&self, user_name: &str, password: &str) {
        self.go("/sign-in").await;
        self.fill("user_name", user_name).await;
        self.fill("password", password).await;
        self.click("Sign in").await;
        self.see("Needs attention").await;
    }

    /// Types into the field of this name.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("main [name='{name}']")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn choose_file(&self, name: &str, file: &Path) {
        self.find(&format!("input[name='{name}']")).await.send_keys(file.to_str().unwrap()).await.unwrap();
    }

    pub async fn tick(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// Clicks the button with these words.
    pub async fn click(&self, words: &str) {
        let named = format!("normalize-space()='{words}'");
        let path =
            format!("//button[{named} and not(@hidden)] | //a[{named} and contains(@class, 'button')]");
        let button = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        let button = button.unwrap_or_else(|_| panic!("no button “{words}”"));
        button.click().await.unwrap();
    }

    /// Waits until these words stand on the page.
    pub async fn see(&self, words: &str) {
        let path = format!("//*[contains(normalize-space(), '{words}')]");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        if found.is_err() {
            let page = self.find("body").await.text().await.unwrap();
            panic!("no “{words}” on this page:\n{page}");
        }
    }

    pub async fn value(&self, selector: &str) -> String {
        self.find(selector).await.prop("value").await.unwrap().unwrap()
    }

    pub async fn shows(&self, selector: &str) -> bool {
        self.find(selector).await.is_displayed().await.unwrap()
    }

    pub async fn is_enabled(&self, selector: &str) -> bool {
        self.find(selector).await.is_enabled().await.unwrap()
    }

    pub async fn resize(&self, width: u32) {
        // A window has a least width; what counts is the page's.
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.client.set_window_size(width.max(500), 900).await.unwrap();
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What every page must be: one heading, a language, a name for each control, nothing wider than the screen.
    pub async fn check(&self, page: &str, width: u32) {
        let script = r"
            const faults = [];
            if (document.documentElement.lang !== 'en') faults.push('no language');
            // On a large screen what decides is seen without scrolling to the side.
            if (document.documentElement.clientWidth >= 1200) {
                for (const button of document.querySelectorAll('.scroll button')) {
                    const edge = button.closest('.scroll').getBoundingClientRect().right;
                    if (button.getBoundingClientRect().right > edge + 1) faults.push(`out of view: ${button.textContent}`);
                }
            }
            if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
            if (!document.querySelector('main')) faults.push('no main');
            const named = (one) => one.labels && one.labels.length || one.getAttribute('aria-label')
                || one.type === 'hidden' || one.type === 'submit';
            for (const one of document.querySelectorAll('input, select, textarea')) {
                if (!named(one)) faults.push('no label: ' + one.outerHTML);
            }
            for (const one of document.querySelectorAll('button, a')) {
                if (!one.textContent.trim() && !one.getAttribute('aria-label')) faults.push('no words: ' + one.outerHTML);
            }
            const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
            for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push('id twice: ' + id);
            if (document.querySelector('[style], style, script:not([src])')) faults.push('inline style or script');
            const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
            if (wide > 0) faults.push('wider than the screen by ' + wide);
            if (document.styleSheets.length !== 1) faults.push('not one style sheet');
            return faults;
        ";
        let faults = self.client.execute(script, Vec::new()).await.unwrap();
        assert_eq!(faults, json!([]), "{page} at {width}");
    }

    pub async fn end(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }

    async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|_| panic!("nothing is {selector} on this page"))
    }

    async fn command(&self, name: &'static str, parameters: Value) {
        self.client.issue_cmd(DevTools { name, parameters }).await.unwrap();
    }
}

impl Drop for Tour {
    fn drop(&mut self) {
        // Also when a test fails in the middle: no browser outlives it.
        drop(self.driver.kill());
    }
}

/// A command of Chromium's own protocol, through chromedriver.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    parameters: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.name, "params": self.parameters }).to_string()))
    }
}

fn capabilities(profile: &Path, script: Script) -> serde_json::Map<String, Value> {
    let mut options = json!({
        "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--window-size=1280,900",
            format!("--user-data-dir={}", profile.display()),
        ],
    });
    if let Ok(chromium) = std::env::var("CHROMIUM") {
        options["binary"] = json!(chromium);
    }
    if script == Script::Off {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": options });
    capabilities.as_object().unwrap().clone()
}

/// Starts a driver on a port of its own choice and reads which.
fn start_driver() -> (Child, u16) {
    let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
    let mut driver = Command::new(&program)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|cause| panic!("{program} is needed for the browser tests: {cause}"));
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().expect("chromedriver says its port").unwrap();
        if let Some(port) = line.strip_prefix("ChromeDriver was started successfully on port ") {
            break port.trim_end_matches('.').parse().unwrap();
        }
    };
    // What it says later must have a reader, or it waits for one.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port)
}
