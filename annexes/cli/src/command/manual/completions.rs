//! `completions`: what a shell needs to complete the words of a call.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Result;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
  tidegate completions zsh > ~/.zfunc/_tidegate
  tidegate completions fish > ~/.config/fish/completions/tidegate.fish";

/// Write what a shell needs to complete the words of a call
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsArgs {
    pub(in crate::command) fn run(&self, mut program: Command, output: &mut Output) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "tidegate", &mut script);
        output.text(&String::from_utf8_lossy(&script))
    }
}
