//! Requests: the head of one, read within a time and a size.

use std::io::Read;
use std::net::TcpStream;
use std::time::Instant;

use super::response::Response;

/// Maximum number of bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Maximum number of header lines.
const HEADERS_MAX: usize = 64;

/// A request without a body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path, with its percent signs decoded.
    pub(crate) path: String,
    /// What stands behind the `?`, decoded.
    pub(crate) parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Returns the values of all header lines of a name, which is compared without case.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    /// Returns a parameter, or `None` if it is missing or empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(other, _)| other == name);
        found.next().map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// Reads a head, or returns `None` if more of it must come.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Response> {
        let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut lines);
        let malformed = || Response::refusal(400, "the request is not HTTP/1.1");
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Response::refusal(431, "the request has too many header lines"));
            }
            Err(_) => return Err(malformed()),
        }
        let (Some(method), Some(target)) = (head.method, head.path) else { return Err(malformed()) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let text = |header: &httparse::Header<'_>| {
            let value = std::str::from_utf8(header.value).map_err(|_| malformed())?;
            Ok((header.name.to_owned(), value.to_owned()))
        };
        let parameters = query.split('&').filter(|pair| !pair.is_empty());
        let parameters = parameters.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Ok(Some(Self {
            method: method.to_owned(),
            path: decoded(path, false).ok_or_else(malformed)?,
            parameters: parameters
                .map(|(name, value)| Some((decoded(name, true)?, decoded(value, true)?)))
                .collect::<Option<_>>()
                .ok_or_else(malformed)?,
            headers: head.headers.iter().map(text).collect::<Result<_, _>>()?,
        }))
    }
}

/// Reads one request. A client that takes longer than until `end`, however slowly it writes, is refused.
pub(crate) fn read_request(stream: &mut TcpStream, end: Instant) -> Result<Request, Response> {
    let mut head = Vec::with_capacity(1024);
    let mut piece = [0; 1024];
    loop {
        let late = || Response::refusal(408, "the request took too long");
        let left =
            end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or_else(late)?;
        stream.set_read_timeout(Some(left)).map_err(|_| late())?;
        let count = match stream.read(&mut piece) {
            Ok(0) => return Err(Response::refusal(400, "the request ends early")),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(late()),
        };
        head.extend_from_slice(&piece[..count]);
        if let Some(request) = Request::parse(&head)? {
            return Ok(request);
        }
        if head.len() >= HEAD_BYTES_MAX {
            return Err(Response::refusal(431, "the head of the request is too long"));
        }
    }
}

/// Returns a text without percent signs, or `None` if it is not UTF-8 then. In parameters a `+` is a space.
fn decoded(text: &str, in_parameters: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok().filter(|digits| !digits.starts_with('+'))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            b'+' if in_parameters => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = b"GET /api/events?kind=order.*&tag=a%26b+c&empty HTTP/1.1\r\nHost: localhost:1\r\n\r\n";
        assert!(Request::parse(&head[..20]).unwrap().is_none());
        let request = Request::parse(head).unwrap().unwrap();
        assert_eq!((&*request.method, &*request.path), ("GET", "/api/events"));
        assert_eq!(request.parameter("kind"), Some("order.*"));
        assert_eq!(request.parameter("tag"), Some("a&b c"));
        assert_eq!(request.parameter("empty"), None);
        assert_eq!(request.headers("HOST").collect::<Vec<_>>(), ["localhost:1"]);
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for path in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(decoded(path, true), None, "{path}");
        }
        assert_eq!(decoded("%C3%A9+", false).as_deref(), Some("é+"));
    }
}
