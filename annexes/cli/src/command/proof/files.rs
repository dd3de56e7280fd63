//! Texts that are read and written: checkpoints, proofs, policies, requests and answers.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use tidegate::proofs::KeyFile;
use tidegate::{Error, ErrorKind};

use crate::failure::{Result, warn};
use crate::output::Output;
use crate::target::Target;

/// Bytes of a file that is read: the proof of the largest event has 180 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Reads a file; `-` is standard input.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let name = path.display();
    let failed = |cause: io::Error| {
        let is_missing = cause.kind() == io::ErrorKind::NotFound;
        let kind = if is_missing { ErrorKind::Missing } else { ErrorKind::Io };
        Error::new(kind, format!("{name} cannot be read")).because(cause)
    };
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::invalid(format!("{name} has more than {FILE_BYTES_MAX} bytes")).into());
    }
    Ok(bytes)
}

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let not_text = |_| Error::invalid(format!("{} is not text", path.display()));
    Ok(String::from_utf8(read_bytes(path)?).map_err(not_text)?)
}

/// Reads a file that holds one value; `what` says which in the error.
pub(in crate::command) fn read_value<T: FromStr<Err = Error>>(path: &Path, what: &str) -> Result<T> {
    let read = read_text(path)?.parse();
    Ok(read.map_err(|error: Error| {
        Error::new(error.kind(), format!("{} is not {what}", path.display())).because(error)
    })?)
}

/// Returns whether others than its owner can read or change a file.
#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// Returns whether others than its owner can read or change a file, which is not known of other systems.
#[cfg(not(unix))]
fn is_open_to_others(_path: &Path) -> bool {
    false
}

/// Opens a key, and warns if others than its owner can read or change it.
pub(super) fn open_key(path: &Path, json: bool) -> Result<KeyFile> {
    let key = KeyFile::open(path)?;
    if is_open_to_others(path) {
        let message =
            format!("others can read or change {}: `chmod 600` it, or make a new key", path.display());
        warn("permissions", &message, json);
    }
    Ok(key)
}

/// Writes a text that ends in a newline to a file, or to standard output. A file is replaced as a whole, and does not lie in
/// the store.
pub(super) fn write(
    text: &impl fmt::Display,
    file: Option<&Path>,
    store: Option<&Path>,
    output: &mut Output,
) -> Result<()> {
    let text = text.to_string();
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let Some(path) = file else { return output.styled(text) };
    let mut target = match store {
        Some(store) => Target::open(path, store)?,
        None => Target::anywhere(path)?,
    };
    target.line(text)?;
    Ok(target.finish()?)
}
