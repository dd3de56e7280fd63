//! Commands: what can be run from the command line, a file each.

mod append;
mod events;
mod transfer;
mod stats;
mod project;
mod readers;
mod graph;
mod verify;
mod doctor;
mod upkeep;
mod proof;
mod copies;
mod manual;
#[cfg(any(test, fuzzing))]
mod fuzz;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use tidegate_format::name;

use crate::failure::{self, EXIT_CODES, Failure, MISUSE, Result};
use crate::output::Output;

#[cfg(fuzzing)]
pub(crate) use fuzz::one;

const ABOUT: &str = "\
Puts events into a Tidegate store and gets them out again.

A store is a directory that holds an append-only log of events. One process writes to it at a time; any number \
of others read it meanwhile, and see what has been synced.";

/// Puts events into a Tidegate store and gets them out again
#[derive(Parser, Debug)]
#[command(name = "tidegate", version, long_about = ABOUT, after_long_help = EXIT_CODES)]
#[command(
    after_help = "`tidegate --help` tells what the exit codes mean, `tidegate COMMAND --help` shows examples."
)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Write JSON, one object a line; errors too
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// When to use colours; `auto` is on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Coloured::Auto, display_order = 901)]
    color: Coloured,
    /// Write long lists to the terminal at once, without $PAGER
    #[arg(long, global = true, display_order = 902)]
    no_pager: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Coloured {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    Import(transfer::ImportArgs),
    ImportBatpak(transfer::ImportBatpakArgs),
    Export(transfer::ExportArgs),
    Append(append::AppendArgs),
    Read(events::ReadArgs),
    Show(events::ShowArgs),
    Tail(events::TailArgs),
    Stats(stats::StatsArgs),
    Project(project::ProjectArgs),
    Cursors(readers::CursorsArgs),
    Parked(readers::ParkedArgs),
    Graph(graph::GraphCommand),
    Explain(events::ExplainArgs),
    Inspect(events::InspectArgs),
    Verify(verify::VerifyArgs),
    Doctor(doctor::DoctorArgs),
    Salvage(copies::SalvageArgs),
    Reindex(upkeep::ReindexArgs),
    Erase(upkeep::EraseArgs),
    Retire(upkeep::RetireArgs),
    Keyring(upkeep::KeyringArgs),
    Stage(upkeep::StageCommand),
    Backup(copies::BackupArgs),
    Ship(copies::ShipArgs),
    Examine(copies::ExamineArgs),
    Restore(copies::RestoreArgs),
    Fork(copies::ForkArgs),
    Key(proof::KeyArgs),
    Checkpoint(proof::CheckpointArgs),
    Prove(proof::ProveArgs),
    Census(proof::CensusArgs),
    Audit(proof::AuditArgs),
    Evidence(proof::EvidenceArgs),
    Tiles(proof::TilesArgs),
    Witness(proof::WitnessArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// Does what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let call = match Cli::try_parse() {
        Ok(call) => call,
        Err(error) => return misuse(&error),
    };
    match call.color {
        Coloured::Auto => {}
        Coloured::Always => console::set_colors_enabled(true),
        Coloured::Never => {
            console::set_colors_enabled(false);
            console::set_colors_enabled_stderr(false);
        }
    }
    let mut output = Output::new(!call.no_pager);
    let done = call.run(&mut output);
    match done.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was found before the failure belongs before the message, and its pager ends first.
            let _ = output.flush();
            drop(output);
            failure.tell(call.json)
        }
    }
}

impl Cli {
    fn run(&self, output: &mut Output) -> Result<()> {
        match &self.command {
            Command::Import(import) => import.run(output, self.json),
            Command::ImportBatpak(import) => import.run(output, self.json),
            Command::Export(export) => export.run(output, self.json),
            Command::Append(append) => append.run(output, self.json),
            Command::Read(read) => read.run(output, self.json),
            Command::Show(show) => show.run(output, self.json),
            Command::Tail(tail) => tail.run(output, self.json),
            Command::Stats(stats) => stats.run(output, self.json),
            Command::Project(project) => project.run(output, self.json),
            Command::Cursors(cursors) => cursors.run(output, self.json),
            Command::Parked(parked) => parked.run(output, self.json),
            Command::Graph(graph) => graph.run(output, self.json),
            Command::Explain(explain) => explain.run(output, self.json),
            Command::Inspect(inspect) => inspect.run(output, self.json),
            Command::Verify(verify) => verify.run(output, self.json),
            Command::Doctor(doctor) => doctor.run(output, self.json),
            Command::Salvage(salvage) => salvage.run(output, self.json),
            Command::Reindex(reindex) => reindex.run(output, self.json),
            Command::Backup(backup) => backup.run(output, self.json),
            Command::Ship(ship) => ship.run(output, self.json),
            Command::Examine(examine) => examine.run(output, self.json),
            Command::Restore(restore) => restore.run(output, self.json),
            Command::Fork(fork) => fork.run(output, self.json),
            Command::Erase(erase) => erase.run(output, self.json),
            Command::Retire(retire) => retire.run(output, self.json),
            Command::Keyring(keyring) => keyring.run(output, self.json),
            Command::Stage(stage) => stage.run(output, self.json),
            Command::Key(key) => key.run(output, self.json),
            Command::Checkpoint(checkpoint) => checkpoint.run(output, self.json),
            Command::Prove(prove) => prove.run(output, self.json),
            Command::Census(census) => census.run(output, self.json),
            Command::Audit(audit) => audit.run(output, self.json),
            Command::Evidence(evidence) => evidence.run(output, self.json),
            Command::Tiles(tiles) => tiles.run(output, self.json),
            Command::Witness(witness) => witness.run(output, self.json),
            Command::Completions(completions) => completions.run(Self::command(), output),
            Command::Man(man) => man.run(Self::command(), output, self.json),
        }
    }
}

/// Help and version go to standard output and are not errors; everything else is misuse.
fn misuse(error: &clap::Error) -> ExitCode {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = std::env::args_os().any(|argument| argument == "--json");
    // An argument may be a name of someone else's; styles are given up for it.
    let obeyed = error.to_string().contains(|c: char| c != '\n' && name::is_hidden(c));
    if !is_help && (json || obeyed) {
        failure::tell_misuse(&error.to_string(), json);
    } else if let Err(cause) = error.print()
        && is_help
    {
        return Failure::from(cause).tell(false);
    }
    if is_help { ExitCode::SUCCESS } else { ExitCode::from(MISUSE) }
}
