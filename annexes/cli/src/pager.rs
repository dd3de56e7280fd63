//! The pager: a program that shows long output a page at a time, as `less` does.

use std::env;
use std::io;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What a pager is started with, and the one that runs.
pub(crate) struct Pager {
    child: Child,
    input: Option<ChildStdin>,
}

impl Pager {
    /// Returns the command line of the pager that the user wants: that of `TIDEGATE_PAGER`, or of `PAGER`, or `less`. `None` for none:
    /// if it is empty or `cat`.
    pub(crate) fn wanted() -> Option<String> {
        let said = ["TIDEGATE_PAGER", "PAGER"].into_iter().find_map(|name| env::var(name).ok());
        let said = said.unwrap_or_else(|| "less".to_owned());
        let said = said.trim();
        (!said.is_empty() && said != "cat").then(|| said.to_owned())
    }

    /// Starts a pager. `less` is told to end at once if all fits on the screen, to keep colours, to leave the text on the
    /// screen, and to end when the user interrupts it.
    pub(crate) fn start(line: &str) -> io::Result<Self> {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("less"));
        command.args(words).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            command.env("LESS", "FRXK");
        }
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    /// Returns where it reads from.
    pub(crate) fn input(&mut self) -> Option<&mut ChildStdin> {
        self.input.as_mut()
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.input = None;
        // It ends when its user is done with it.
        let _ = self.child.wait();
    }
}
