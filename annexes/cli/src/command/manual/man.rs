//! `man`: a page of the manual for each command.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use serde::Serialize;
use tidegate::{Error, ErrorKind};

use crate::failure::Result;
use crate::output::{Output, counted};
use crate::target::Target;

const EXAMPLES: &str = "\
Examples:
  tidegate man ~/.local/share/man/man1
  man tidegate-graph-draw";

/// Write a page of the manual for each command
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct ManArgs {
    /// The directory of the pages, which is made if it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// What was written, as JSON.
#[derive(Serialize)]
struct ManJson {
    pages: u64,
    directory: String,
}

impl ManArgs {
    pub(in crate::command) fn run(&self, program: Command, output: &mut Output, json: bool) -> Result<()> {
        std::fs::create_dir_all(&self.directory).map_err(|cause| {
            Error::new(ErrorKind::Io, format!("cannot make {}", self.directory.display())).because(cause)
        })?;
        // What a command takes over of the program is known only once it is built.
        let mut program = program.disable_help_subcommand(true);
        program.build();
        let pages = write(&program, "tidegate", &self.directory)?;
        let directory = self.directory.display().to_string();
        if json {
            return output.json(&ManJson { pages, directory });
        }
        output.line(format_args!("{} in {directory}", counted(pages, "page")))
    }
}

/// Writes the pages of a command and of those below it, and returns how many.
fn write(command: &Command, name: &str, directory: &Path) -> Result<u64> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    let mut file = Target::anywhere(&directory.join(format!("{name}.1")))?;
    file.line(String::from_utf8_lossy(&page).trim_end())?;
    file.finish()?;
    let mut pages = 1;
    for below in command.get_subcommands() {
        pages += write(below, &format!("{name}-{}", below.get_name()), directory)?;
    }
    Ok(pages)
}
