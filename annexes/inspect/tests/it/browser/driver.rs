//! A browser, driven as [W3C WebDriver](https://www.w3.org/TR/webdriver2/) says: JSON over HTTP.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use base64::Engine;
use serde_json::{Value, json};

/// How long a page may take for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
/// The name under which answers hold an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
#[derive(Debug)]
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts a browser, or returns `None` with a message if there is none.
    pub(crate) fn start(scheme: &str) -> Option<Self> {
        // Taken and given back: the driver is told which port to use.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        let spawned =
            command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(driver) = spawned else {
            let message = "skipped: no chromedriver is installed (Debian: chromium, chromium-driver)";
            let _ = writeln!(std::io::stderr(), "{message}");
            return None;
        };
        let mut browser = Self { driver, port, session: String::new() };
        browser.until("the driver", |browser| TcpStream::connect(("127.0.0.1", browser.port)).ok());
        let mut arguments = vec![
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-sandbox",
            "--hide-scrollbars",
        ];
        arguments.extend([
            "--window-size=1280,900",
            "--force-device-scale-factor=1",
            "--lang=en",
            "--no-first-run",
        ]);
        if scheme == "dark" {
            arguments.push("--force-dark-mode");
        }
        let options = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "ALL" }, "timeouts": { "pageLoad": 60_000, "script": 60_000 },
        } } });
        let session = browser.command("POST", "/session", &options);
        session["sessionId"].as_str().expect("a session has an id").clone_into(&mut browser.session);
        browser.prefer(scheme);
        Some(browser)
    }

    /// Has pages believe that the system prefers a scheme.
    fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let call = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        self.post("goog/cdp/execute", &call);
    }

    pub(crate) fn open(&self, address: &str) {
        self.post("url", &json!({ "url": address }));
    }

    /// Goes to a view by its address behind the `#`, and waits until it stands there.
    pub(crate) fn go(&self, hash: &str) {
        self.run(
            "document.getElementById('main').dataset.state = 'left'; if (location.hash === arguments[0]) dispatchEvent(new Event('hashchange')); else location.hash = arguments[0];",
            &json!([hash]),
        );
        self.ready();
    }

    /// Waits until a view stands there.
    pub(crate) fn ready(&self) {
        let state = "return document.getElementById('main')?.dataset.state ?? ''";
        self.until("the view", |browser| {
            let state = browser.run(state, &json!([]));
            assert_ne!(state, "failed", "{}", browser.text("main"));
            (state == "ready").then_some(())
        });
    }

    /// Runs a script in the page.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Clicks the first element that matches, once there is one.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.until(selector, |browser| browser.find("css selector", selector));
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Clicks the first link with this text, once there is one.
    pub(crate) fn follow(&self, text: &str) {
        let element = self.until(text, |browser| browser.find("partial link text", text));
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into the first element that matches.
    pub(crate) fn keys(&self, selector: &str, text: &str) {
        let element = self.until(selector, |browser| browser.find("css selector", selector));
        self.post(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    fn find(&self, using: &str, value: &str) -> Option<String> {
        let found = self.post("elements", &json!({ "using": using, "value": value }));
        found.get(0)?.get(ELEMENT)?.as_str().map(str::to_owned)
    }

    /// Returns the text of the first element that matches, as a person sees it.
    pub(crate) fn text(&self, selector: &str) -> String {
        let text =
            self.run("return document.querySelector(arguments[0])?.innerText ?? ''", &json!([selector]));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element has this in it.
    pub(crate) fn sees(&self, selector: &str, text: &str) -> String {
        self.until(&format!("{text:?} in {selector}"), |browser| {
            Some(browser.text(selector)).filter(|found| found.contains(text))
        })
    }

    /// Waits until `wanted` returns something.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, wanted: impl Fn(&Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = wanted(self) {
                return found;
            }
            let shown = if self.session.is_empty() { String::new() } else { self.text("main") };
            assert!(start.elapsed() < PATIENCE, "{what} did not come; the page shows:\n{shown}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Keeps a picture of the whole page, as wide as a window and as high as it is, if a folder for them is named.
    pub(crate) fn picture(&self, scheme: &str, name: &str) {
        let Some(folder) = std::env::var_os("INSPECT_PICTURES") else { return };
        let height = self
            .run("return Math.min(Math.max(document.documentElement.scrollHeight, 500), 1600)", &json!([]));
        let metrics = json!({ "width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.post(
            "goog/cdp/execute",
            &json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics }),
        );
        let picture = self.get("screenshot");
        self.post(
            "goog/cdp/execute",
            &json!({ "cmd": "Emulation.clearDeviceMetricsOverride", "params": {} }),
        );
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap()).unwrap();
        let folder = std::path::Path::new(&folder).join(scheme);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Fails if the browser logged anything severe, such as a script that failed or what the policy refused.
    pub(crate) fn logged_nothing_severe(&self) {
        let log = self.post("se/log", &json!({ "type": "browser" }));
        let severe: Vec<&Value> =
            log.as_array().into_iter().flatten().filter(|line| line["level"] == "SEVERE").collect();
        assert!(severe.is_empty(), "{severe:#?}");
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("/session/{}/{path}", self.session), body)
    }

    fn get(&self, path: &str) -> Value {
        self.command("GET", &format!("/session/{}/{path}", self.session), &Value::Null)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE * 2)).unwrap();
        let (port, length) = (self.port, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        let value: Value = serde_json::from_slice(&answer).unwrap_or_default();
        assert!(value["value"].get("error").is_none(), "{method} {path}: {}", value["value"]);
        value["value"].clone()
    }
}

/// Reads an answer as far as its head says; the driver may keep the connection open.
fn read_answer(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 8_192]);
    loop {
        let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(split) = split {
            let head = String::from_utf8_lossy(&bytes[..split]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if length.is_some_and(|length| bytes.len() >= split + 4 + length) {
                return bytes.split_off(split + 4);
            }
        }
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the driver ended: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..count]);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let request =
                format!("DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.session, self.port);
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.read(&mut [0; 256]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
