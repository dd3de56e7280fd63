//! `inspect`: a store, live, in a browser.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;
use tidegate::{Error, ErrorKind};
use tidegate_inspect::Inspector;

use crate::failure::Result;
use crate::keyring::KeyringArg;
use crate::output::Output;
use crate::reader::open;

const EXAMPLES: &str = "\
The page shows the store beside a writer, changes nothing, and is for the person who has its address: that holds a random \
token. It is served to this machine alone, until the program is interrupted.

Examples:
  tidegate inspect ./store
  tidegate inspect ./store --open
  tidegate inspect ./store --port 4000";

/// Show a store, live, in a browser
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct InspectArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    keyring: KeyringArg,
    /// Listen on this port; by default the system chooses one that is free
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

impl InspectArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        self.keyring.read_with(&store)?;
        let listener = TcpListener::bind(("127.0.0.1", self.port)).map_err(|cause| {
            let message = format!("port {} cannot be listened on: choose another --port, or none", self.port);
            Error::new(ErrorKind::Io, message).because(cause)
        })?;
        let name = self.directory.canonicalize().ok();
        let name = name.as_ref().and_then(|path| path.file_name()).unwrap_or(self.directory.as_os_str());
        let inspector = Inspector::new(store)?.name(name.to_string_lossy()).directory(&self.directory);
        let address = inspector.address(&listener)?;
        if json {
            output.json(&json!({ "address": address }))?;
        } else {
            output.line(&address)?;
        }
        output.flush()?;
        if self.open {
            show(&address);
        }
        Ok(inspector.serve(&listener)?)
    }
}

/// Has the system open an address. If it cannot, the address stands on the terminal.
fn show(address: &str) {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[address])
    } else if cfg!(windows) {
        ("explorer", &[address])
    } else {
        ("xdg-open", &[address])
    };
    let mut command = Command::new(program);
    let _ = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
