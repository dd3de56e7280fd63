//! Ships Tidegate stores to buckets of S3 and of servers that speak the same protocol. The [`ShipTarget`] has a crate of its
//! own, since the store itself needs no network.
//!
//! ```no_run
//! use std::sync::Arc;
//! use tidegate::report::backup::Shipper;
//! use tidegate_s3::{S3Options, S3Target};
//!
//! let options = S3Options::new("backups").prefix("shop").region("eu-central-1").credentials("KEY", "SECRET");
//! let mut shipper = Shipper::new("shop", Arc::new(S3Target::new(options)?));
//! let shipment = shipper.ship()?;
//! println!("everything up to position {} is in the bucket", shipment.until);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a target has to promise is promised by these: an object is there whole or not at all, and is seen by every read once a
//! put was answered, as S3 says of itself; and a put that asks for a new object (`If-None-Match: *`) fails if there is one. S3 and
//! recent versions of what speaks like it do all of these. [`S3Target::check`] tries the last one, and
//! refuses a server that does not know it: there two shippers would not notice each other.
//!
//! Objects are not encrypted here, and not locked: that is the bucket's to say. A bucket that keeps old versions keeps what
//! was erased in the store, unless a rule of its lifecycle deletes them.
#![allow(clippy::disallowed_methods, reason = "a client outside the store waits by the clock")]

use std::fmt;
use std::io;
use std::time::Duration;

use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tidegate::report::backup::ShipTarget;
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long a signed request is good for.
const SIGNED_FOR: Duration = Duration::from_secs(600);
/// The largest object or listing that is read: pieces have 16 MiB at most.
const BODY_BYTES_MAX: u64 = 1 << 30;
/// How many times a request is sent that changes nothing if it is sent again.
const TRIES_MAX: u32 = 5;
/// How long is waited before the second time; twice as long before each further one.
const WAIT: Duration = Duration::from_millis(100);

/// Which bucket, where, and who asks.
#[derive(Clone)]
#[non_exhaustive]
pub struct S3Options {
    bucket: String,
    prefix: String,
    endpoint: Option<String>,
    region: String,
    key: String,
    secret: String,
    token: Option<String>,
    timeout: Duration,
}

impl S3Options {
    /// Returns options for a bucket: without a prefix, in `us-east-1` of Amazon, without credentials, and with a timeout of a minute
    /// for each request.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: String::new(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            key: String::new(),
            secret: String::new(),
            token: None,
            timeout: Duration::from_secs(60),
        }
    }

    /// Reads `s3://BUCKET/PREFIX`, and takes the rest from variables of the environment, by these names: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, and `AWS_ENDPOINT_URL` for a server that is not Amazon's.
    ///
    /// ```
    /// use tidegate_s3::S3Options;
    ///
    /// let variable = |name: &str| (name == "AWS_REGION").then(|| "eu-central-1".to_owned());
    /// let options = S3Options::from_url("s3://backups/shop", variable).expect("it names a bucket");
    /// assert_eq!(options.to_string(), "s3://backups/shop");
    /// assert!(S3Options::from_url("./backups/shop", |_| None).is_none());
    /// ```
    pub fn from_url(url: &str, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let rest = url.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return None;
        }
        let mut options = Self::new(bucket).prefix(prefix);
        let text = |name: &str| variable(name).unwrap_or_default();
        options = options.credentials(text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY"));
        options.token = variable("AWS_SESSION_TOKEN");
        options.endpoint = variable("AWS_ENDPOINT_URL");
        options.region = variable("AWS_REGION").unwrap_or(options.region);
        Some(options)
    }

    /// Sets what the names of objects begin with, without slashes at its ends.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        prefix.into().trim_matches('/').clone_into(&mut self.prefix);
        self
    }

    /// Sets the region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Sets the address of a server that is not Amazon's, such as `http://localhost:8333`. Buckets are parts of its paths.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Sets the id and the secret of an access key.
    #[must_use]
    pub fn credentials(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        (self.key, self.secret) = (key.into(), secret.into());
        self
    }

    /// Sets the token of credentials that end by themselves.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sets how long a request may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl fmt::Display for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// No secret is shown.
impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Options").field("place", &self.to_string()).finish_non_exhaustive()
    }
}

/// A bucket as a target of shipments.
pub struct S3Target {
    agent: Agent,
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
    place: String,
}

impl S3Target {
    /// Returns the target. Nothing is asked of the server yet.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an address that is none, or without credentials.
    pub fn new(options: S3Options) -> io::Result<Self> {
        let place = options.to_string();
        let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidInput, format!("{place}: {what}"));
        let S3Options { bucket, prefix, endpoint, region, key, secret, token, timeout } = options;
        if key.is_empty() || secret.is_empty() {
            return Err(wrong(
                "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
            ));
        }
        let (address, style) = match endpoint {
            Some(endpoint) => (endpoint, UrlStyle::Path),
            None => (format!("https://s3.{region}.amazonaws.com"), UrlStyle::VirtualHost),
        };
        let parsed =
            address.parse().map_err(|error| wrong(format!("{address} is not an address: {error}")))?;
        let bucket = Bucket::new(parsed, style, bucket, region).map_err(|error| wrong(error.to_string()))?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .build();
        let credentials = match token {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        };
        let prefix = if prefix.is_empty() { prefix } else { format!("{prefix}/") };
        Ok(Self { agent: config.into(), bucket, credentials, prefix, place })
    }

    /// Tries whether the bucket can be written to, read and listed, and whether the server refuses to put an object anew that is
    /// there. The object `check` under the prefix is put for it and deleted.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) if the server puts it anew; those of the server.
    pub fn check(&self) -> io::Result<()> {
        const NAME: &str = "check/there";
        self.put(NAME, b"1")?;
        let again = self.put_new(NAME, b"2");
        let is_kept = self.get(NAME)? == b"1" && self.list("check")? == ["there"];
        self.delete(NAME)?;
        match again {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_kept => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => {
                let message = format!(
                    "{} puts an object anew that is there, so that two who ship to it would not notice each other",
                    self.place
                );
                Err(io::Error::new(io::ErrorKind::Unsupported, message))
            }
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Sends a request until it is answered, if it is no matter how many times it comes.
    fn send(
        &self,
        what: &str,
        send: impl Fn() -> Result<Response<Body>, ureq::Error>,
    ) -> io::Result<Response<Body>> {
        let mut wait = WAIT;
        for tries in 1.. {
            let answer = send();
            let may_pass = match &answer {
                Ok(response) => matches!(response.status().as_u16(), 429 | 500 | 502..=504),
                Err(_) => true,
            };
            if !may_pass || tries == TRIES_MAX {
                return answer.map_err(|error| self.failed(what, &error));
            }
            std::thread::sleep(wait);
            wait *= 2;
        }
        unreachable!("the last try is answered")
    }

    fn failed(&self, what: &str, error: &ureq::Error) -> io::Error {
        let kind = match error {
            ureq::Error::Io(error) => error.kind(),
            ureq::Error::Timeout(_) => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, format!("{what} in {}: {error}", self.place))
    }

    /// Returns the body of an answer, or the error that it is.
    fn read(&self, what: &str, mut response: Response<Body>) -> io::Result<Vec<u8>> {
        let status = response.status();
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
        if status.is_success() {
            return body.map_err(|error| self.failed(what, &error));
        }
        let kind = match status.as_u16() {
            404 => io::ErrorKind::NotFound,
            412 => io::ErrorKind::AlreadyExists,
            401 | 403 => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        let said = body.unwrap_or_default();
        let code =
            code_of(&String::from_utf8_lossy(&said)).map_or_else(String::new, |code| format!(" ({code})"));
        Err(io::Error::new(kind, format!("{what} in {}: the server answers {status}{code}", self.place)))
    }

    fn list_page(&self, prefix: &str, token: Option<String>) -> io::Result<(Vec<String>, Option<String>)> {
        let what = format!("listing {prefix}");
        let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
        action.with_prefix(prefix);
        if let Some(token) = token {
            action.with_continuation_token(token);
        }
        let response = self.send(&what, || self.agent.get(action.sign(SIGNED_FOR).as_str()).call())?;
        let body = String::from_utf8(self.read(&what, response)?);
        let parsed = body.ok().and_then(|body| ListObjectsV2::parse_response(&body).ok());
        let listed = parsed.ok_or_else(|| {
            let message = format!("{what} in {}: the answer is not a listing", self.place);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        let names = listed.contents.into_iter().filter_map(|object| {
            object.key.strip_prefix(prefix).filter(|name| !name.is_empty()).map(str::to_owned)
        });
        Ok((names.collect(), listed.next_continuation_token))
    }
}

impl ShipTarget for S3Target {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (key, what) = (self.key(name), format!("putting {name}"));
        let action = self.bucket.put_object(Some(&self.credentials), &key);
        let response = self.send(&what, || self.agent.put(action.sign(SIGNED_FOR).as_str()).send(bytes))?;
        self.read(&what, response).map(drop)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (key, what) = (self.key(name), format!("putting {name}"));
        let mut action = self.bucket.put_object(Some(&self.credentials), &key);
        // Signed, so that nothing on the way leaves it out.
        action.headers_mut().insert("if-none-match", "*");
        let url = action.sign(SIGNED_FOR);
        // Once: a second one would meet what the first one put.
        let sent = self.agent.put(url.as_str()).header("if-none-match", "*").send(bytes);
        self.read(&what, sent.map_err(|error| self.failed(&what, &error))?).map(drop)
    }

    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        let (key, what) = (self.key(name), format!("getting {name}"));
        let action = self.bucket.get_object(Some(&self.credentials), &key);
        let response = self.send(&what, || self.agent.get(action.sign(SIGNED_FOR).as_str()).call())?;
        self.read(&what, response)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let prefix = self.key(&format!("{folder}/"));
        let (mut names, mut token) = self.list_page(&prefix, None)?;
        while token.is_some() {
            let (more, next) = self.list_page(&prefix, token)?;
            names.extend(more);
            token = next;
        }
        Ok(names)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        let (key, what) = (self.key(name), format!("deleting {name}"));
        let action = self.bucket.delete_object(Some(&self.credentials), &key);
        let response = self.send(&what, || self.agent.delete(action.sign(SIGNED_FOR).as_str()).call())?;
        match self.read(&what, response) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            read => read.map(drop),
        }
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

impl fmt::Debug for S3Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3Target").field(&self.place).finish()
    }
}

/// Returns the code of an error that a server says.
fn code_of(body: &str) -> Option<&str> {
    let (_, behind) = body.split_once("<Code>")?;
    let (code, _) = behind.split_once("</Code>")?;
    (!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_options_is_told() {
        let wrong = |options: S3Options| {
            let error = S3Target::new(options).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            error.to_string()
        };
        assert!(wrong(S3Options::new("b")).contains("AWS_ACCESS_KEY_ID"));
        let options = S3Options::new("b").credentials("key", "hidden");
        assert!(wrong(options.clone().endpoint("not an address")).starts_with("s3://b: not an address"));
        assert!(wrong(options.clone().endpoint("ftp://host")).starts_with("s3://b: "));
        let shown = format!("{options:?} {:?}", S3Target::new(options.clone()).unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_code_is_shown_if_it_is_one() {
        assert_eq!(code_of("<Error><Code>NoSuchKey</Code></Error>"), Some("NoSuchKey"));
        for body in ["", "<Code>", "<Code></Code>", "<Code>a b</Code>", "<Code>\u{1b}[2J</Code>"] {
            assert_eq!(code_of(body), None);
        }
    }
}
