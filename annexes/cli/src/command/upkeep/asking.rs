//! Asking at the terminal before something that cannot be undone.

use std::io::{self, Write};

use crate::failure::Result;
use crate::output::Output;

/// Asks, and returns whether the answer is yes.
pub(super) fn asked(question: &str, output: &mut Output) -> Result<bool> {
    output.flush()?;
    write!(io::stderr(), "{question} This cannot be undone. Type yes: ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
