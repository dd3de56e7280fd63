//! The command line of a program with engines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser as _, ValueEnum as _};

use crate::child::{self, Job, Program};
use crate::engine::{Entry, Result};
use crate::report;
use crate::run::{Plan, compare};
use crate::sample::{CUSTOMER_EVENTS, PAYLOAD_BYTES};
use crate::workload::Phase;

/// The program with the engines that cannot be built beside the others.
const BESIDE: &str = "compare-batpak";

/// The least number of events that the pages of 10,000 fit into.
const EVENTS_MIN: u64 = 100_000;

/// Compares embedded stores: the same workloads, each in a process of its own.
#[derive(Debug, clap::Parser)]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// How many events a store has.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// A short run: 100,000 events, five slices of 0.15 seconds each.
    #[arg(long)]
    quick: bool,
    /// Afterwards the first engine alone, with five times the events.
    #[arg(long)]
    large: bool,
    /// Only engines with this in their name, and the first one; may be given several times.
    #[arg(long)]
    engine: Vec<String>,
    /// Only these phases; may be given several times.
    #[arg(long)]
    phase: Vec<Phase>,
    /// Seconds that each slice goes on.
    #[arg(long, default_value_t = 0.3)]
    seconds: f64,
    /// How many slices each measurement has, the engines taking turns.
    #[arg(long, default_value_t = 15)]
    slices: u32,
    /// Where stores are made, on the disk to be measured.
    #[arg(long, default_value = "target/compare")]
    directory: PathBuf,
    /// Also writes the tables into this file.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Also writes all figures into this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Inner {
    /// Lists the engines, for the program that runs this one.
    #[command(hide = true)]
    List,
    /// Does one job, for the program that runs this one.
    #[command(hide = true)]
    Child(Job),
}

/// What a program with engines does.
pub fn main(entries: &[Entry]) -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.inner {
        Some(Inner::List) => {
            child::list(entries);
            Ok(())
        }
        Some(Inner::Child(job)) => {
            child::work(entries, job);
            Ok(())
        }
        None => whole(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn whole(arguments: &Arguments) -> Result {
    let plan = plan(arguments)?;
    let mut programs = programs()?;
    for (number, program) in programs.iter_mut().enumerate() {
        let mut place = 0;
        program.engines.retain(|about| {
            place += 1;
            let named = arguments.engine.iter().any(|part| about.name.contains(part));
            named || arguments.engine.is_empty() || (number, place) == (0, 1)
        });
    }
    let findings = compare(&programs, &plan)?;
    let cores = std::thread::available_parallelism()?;
    let head = |events: u64| {
        let (slices, seconds) = (plan.slices, plan.seconds);
        format!(
            "{events} events, {PAYLOAD_BYTES} bytes of payload each; {slices} slices of {seconds} s; \
             {cores} cores.\n\n"
        )
    };
    let mut text = head(plan.events) + &report::markdown(&findings);
    let mut json = vec![(plan.events, findings)];
    if arguments.large {
        let phases = plan.phases.iter().copied().filter(|phase| *phase != Phase::Append).collect();
        let plan = Plan { events: plan.events * 5, phases, ..plan.clone() };
        programs.truncate(1);
        programs[0].engines.truncate(1);
        let findings = compare(&programs, &plan)?;
        text += "\n## Five times the events\n\n";
        text += &head(plan.events);
        text += &report::markdown(&findings);
        json.push((plan.events, findings));
    }
    print!("{text}");
    write(arguments.markdown.as_deref(), &text)?;
    write(arguments.json.as_deref(), &serde_json::to_string_pretty(&json)?)
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let directory = std::path::absolute(&arguments.directory)?;
    if directory.exists() && fs::read_dir(&directory)?.next().is_some() {
        let directory = directory.display();
        return Err(format!("{directory} is not empty, and would be removed; name another one").into());
    }
    fs::create_dir_all(&directory)?;
    let phases = Phase::value_variants().iter().copied();
    let phases =
        phases.filter(|phase| arguments.phase.is_empty() || arguments.phase.contains(phase)).collect();
    if arguments.quick {
        return Ok(Plan { directory, events: EVENTS_MIN, seconds: 0.15, slices: 5, opens: 2, phases });
    }
    let (seconds, slices) = (arguments.seconds, arguments.slices);
    // Whole streams and customers only.
    let events = arguments.events - arguments.events % CUSTOMER_EVENTS;
    if events < EVENTS_MIN {
        let message = format!("{events} events are too few for some of the pages; {EVENTS_MIN} are enough");
        return Err(message.into());
    }
    Ok(Plan { directory, events, seconds, slices, opens: 3, phases })
}

/// This program, and the one beside it if it is built.
fn programs() -> Result<Vec<Program>> {
    let own = std::env::current_exe()?;
    let mut programs = vec![Program::ask(&own)?];
    let beside = own.with_file_name(BESIDE);
    if beside.exists() {
        programs.push(Program::ask(&beside)?);
    } else {
        eprintln!("compare: {BESIDE} is not built, so batpak takes no part");
    }
    Ok(programs)
}

fn write(path: Option<&Path>, text: &str) -> Result {
    Ok(path.map_or(Ok(()), |path| fs::write(path, text))?)
}
