//! Failures: what went wrong as a message, as JSON, and as the code the program ends with.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use tidegate::{Error, ErrorKind};
use tidegate_json::escape_json;

use crate::escape::escape_lines;

/// The program's end if the call itself makes no sense.
pub(crate) const MISUSE: u8 = 64;
/// The last words of the help: what the codes mean.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   refused: bad input, a broken rule or limit, an unknown or duplicate
      event, no such store or file, a store in use or of a newer format, a
      full disk; the message says what to do
  2   damage: the bytes on disk are not what was written
  64  misuse of the command line
  74  the operating system failed to read or write";

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader closed the output. This is not an error.
    Closed,
    /// The store or the system refused.
    Stopped(Error),
    /// A line of the input could not be taken in.
    Line(Box<LineFailure>),
}

/// Where an import stopped.
#[derive(Debug)]
pub(crate) struct LineFailure {
    pub(crate) error: Error,
    /// File and line.
    pub(crate) place: String,
    /// How many events were imported before it.
    pub(crate) imported: u64,
    /// How to go on from there.
    pub(crate) advice: String,
}

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Stopped(match error.kind() {
            ErrorKind::Newer => error.advise("upgrade tidegate to read it"),
            _ => error,
        })
    }
}

/// Only the output is written without the store; its reader may go at any time.
impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Stopped(Error::new(ErrorKind::Io, "the output cannot be written").because(cause))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(cause: serde_json::Error) -> Self {
        io::Error::from(cause).into()
    }
}

impl Failure {
    /// Tells on standard error what went wrong, and returns the code to end with.
    pub(crate) fn tell(&self, json: bool) -> ExitCode {
        let Some(error) = self.error() else { return ExitCode::SUCCESS };
        let exit = exit_code(error.kind());
        // If even standard error is closed, the code is all that can be said.
        let _ = if json {
            tell_json(&self.error_json(error, exit))
        } else {
            writeln!(io::stderr(), "tidegate: {}", escape_lines(self))
        };
        ExitCode::from(exit)
    }

    fn error(&self) -> Option<&Error> {
        match self {
            Self::Closed => None,
            Self::Stopped(error) => Some(error),
            Self::Line(line) => Some(&line.error),
        }
    }

    fn error_json<'a>(&'a self, error: &'a Error, exit: u8) -> ErrorJson<'a> {
        let (place, imported, advice) = match self {
            Self::Line(line) => (Some(line.place.clone()), Some(line.imported), Some(line.advice.as_str())),
            _ => (error.place().map(ToString::to_string), None, None),
        };
        let message = match error.get_ref() {
            Some(cause) => format!("{}: {cause}", error.message()),
            None => error.message().to_owned(),
        };
        let (expected, found) = error.evidence().unzip();
        ErrorJson { kind: kind_name(error.kind()), message, place, expected, found, imported, advice, exit }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => Ok(()),
            Self::Stopped(error) => error.fmt(f),
            Self::Line(line) => {
                let LineFailure { error, place, advice, .. } = &**line;
                write!(f, "{place}: {error}\n{advice}")
            }
        }
    }
}

/// Tells on standard error of what the answer leaves out, although nothing failed.
pub(crate) fn warn(kind: &str, message: &str, json: bool) {
    // The answer stands, whether the warning can be written or not.
    let _ = if json {
        let warning = serde_json::json!({ "warning": { "kind": kind, "message": message } });
        writeln!(io::stderr(), "{}", escape_json(&warning).unwrap_or_default())
    } else {
        writeln!(io::stderr(), "tidegate: warning: {}", escape_lines(message))
    };
}

/// Says on standard error that there is nothing to show, since silence could be a mistake.
pub(crate) fn note_none(count: u64, what: &str, json: bool) {
    if count == 0 && !json {
        let _ = writeln!(io::stderr(), "tidegate: no {what}s");
    }
}

/// Tells that the call makes no sense, as JSON or as text that a terminal obeys nothing of.
pub(crate) fn tell_misuse(message: &str, json: bool) {
    if !json {
        let _ = writeln!(io::stderr(), "{}", escape_lines(message.trim_end()));
        return;
    }
    let (message, advice) = misuse_parts(message);
    let error_json = ErrorJson {
        kind: "misuse",
        message,
        place: None,
        expected: None,
        found: None,
        imported: None,
        advice: (!advice.is_empty()).then_some(&*advice),
        exit: MISUSE,
    };
    let _ = tell_json(&error_json);
}

/// Splits what the parser of arguments says, made for people, into what is wrong and what to do.
fn misuse_parts(said: &str) -> (String, String) {
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let (mut message, mut advice) = (Vec::new(), Vec::new());
    let mut in_usage = false;
    for paragraph in said.split("\n\n").filter(|paragraph| !paragraph.starts_with("For more information")) {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        in_usage |= words.starts_with("Usage: ");
        if in_usage || words.starts_with("tip: ") { advice.push(words) } else { message.push(words) }
    }
    (message.join("; "), advice.join("; "))
}

fn tell_json(error_json: &ErrorJson<'_>) -> io::Result<()> {
    #[derive(Serialize)]
    struct ErrorLine<'a> {
        error: &'a ErrorJson<'a>,
    }
    writeln!(io::stderr(), "{}", escape_json(&ErrorLine { error: error_json })?)
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imported: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
    exit: u8,
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Damaged => 2,
        ErrorKind::Io => 74,
        _ => 1,
    }
}

pub(crate) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "invalid",
        ErrorKind::Refused => "refused",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Denied => "denied",
        ErrorKind::Erased => "erased",
        ErrorKind::Encrypted => "encrypted",
        ErrorKind::Retired => "retired",
        ErrorKind::Disproved => "disproved",
        ErrorKind::Diverged => "diverged",
        ErrorKind::Older => "older",
        ErrorKind::OutcomeUnknown => "outcome-unknown",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Missing => "missing",
        ErrorKind::Locked => "locked",
        ErrorKind::Full => "full",
        ErrorKind::Damaged => "damaged",
        ErrorKind::Newer => "newer",
        ErrorKind::Ended => "ended",
        ErrorKind::TimedOut => "timed-out",
        _ => "io",
    }
}

#[test]
fn misuse_is_split_into_what_is_wrong_and_what_to_do() {
    let said = "error: unexpected argument '--bogus' found\n\n  tip: to pass '--bogus' as a value, use '-- --bogus'\n\n\
                Usage: tidegate read [OPTIONS] <DIR>\n\nFor more information, try '--help'.\n";
    let (message, advice) = misuse_parts(said);
    assert_eq!(message, "unexpected argument '--bogus' found");
    assert_eq!(
        advice,
        "tip: to pass '--bogus' as a value, use '-- --bogus'; Usage: tidegate read [OPTIONS] <DIR>"
    );
    assert_eq!(misuse_parts("error: a\n  b\n  c\n"), ("a b c".to_owned(), String::new()));
}
