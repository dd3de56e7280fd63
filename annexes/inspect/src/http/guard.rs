//! The guard: which requests are answered at all.
//!
//! The loopback interface is no boundary: pages of other sites, other programs and other users of the machine reach it.

use std::fmt::Write;
use std::net::SocketAddr;

use super::request::Request;
use super::response::Response;

/// The header that holds the token.
const TOKEN_HEADER: &str = "x-tidegate-token";

/// Which requests are answered.
#[derive(Debug)]
pub(crate) struct Guard {
    token: String,
}

impl Guard {
    /// Returns a guard with a random token of 128 bits.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let mut token = String::new();
        for byte in bytes {
            write!(token, "{byte:02x}").expect("a string takes all text");
        }
        Ok(Self { token })
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Refuses a request that is not the page's own.
    pub(crate) fn check(&self, request: &Request, local: SocketAddr) -> Result<(), Response> {
        if request.method != "GET" {
            return Err(Response::refusal(405, "only GET is answered: the inspector changes nothing"));
        }
        // A name that another site points at this machine is not one of these.
        let port = local.port();
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
        let named: Vec<&str> = request.headers("host").collect();
        let [host] = named[..] else {
            return Err(Response::refusal(421, "a request names exactly one host"));
        };
        if !hosts.iter().any(|known| known == host) {
            return Err(Response::refusal(421, "this address is not answered under that name"));
        }
        if request.headers("sec-fetch-site").any(|site| site != "same-origin" && site != "none") {
            return Err(Response::refusal(403, "a page of another site asks"));
        }
        if request.headers("origin").any(|origin| origin != format!("http://{host}")) {
            return Err(Response::refusal(403, "a page of another origin asks"));
        }
        let has_body = request.headers("content-length").any(|length| length.trim() != "0")
            || request.headers("transfer-encoding").next().is_some();
        if has_body {
            return Err(Response::refusal(400, "a request has no body"));
        }
        if request.path.starts_with("/api/") { self.check_token(request) } else { Ok(()) }
    }

    /// The page sends the token as a header. A browser's event source can send none, so there it is a parameter.
    fn check_token(&self, request: &Request) -> Result<(), Response> {
        let said = request.headers(TOKEN_HEADER).next().or_else(|| request.parameter("token"));
        if said.is_some_and(|said| are_equal(said.as_bytes(), self.token.as_bytes())) {
            return Ok(());
        }
        Err(Response::refusal(
            403,
            "the token is missing or wrong: open the address that the program printed",
        ))
    }
}

/// Compares in a time that does not tell how much of a guess is right.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    std::hint::black_box(differences) == 0 && one.len() == other.len()
}
