//! Each phase in a process of its own, so that its memory is its own and it can be killed.
//!
//! A child says what it found on its standard output, one line each, behind a word that sets those lines
//! apart from what engines print by themselves. If it is measured slice by slice, it does the stroke that
//! each line of its standard input names.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use crate::engine::{About, Entry, Result};
use crate::workload::{self, Figure, Given, Phase};

/// What stands before a line for the parent.
const MARK: &str = "@compare ";

/// How long a child may say nothing.
const PATIENCE: Duration = Duration::from_mins(20);

/// What a child is to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Job {
    /// The engine, by its name.
    pub engine: String,
    /// The phase.
    pub phase: Phase,
    /// Where the engine's files are.
    pub directory: PathBuf,
    /// How many events the store has.
    pub events: u64,
    /// Seconds that each slice goes on.
    pub seconds: f64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Line {
    Engines(Vec<About>),
    Figure(Figure),
    /// It waits: for a stroke, or to be killed.
    Ready,
    Failed(String),
}

impl Line {
    fn print(&self) {
        let text = serde_json::to_string(self).expect("a line is plain data");
        // An engine may have left a line open.
        println!("\n{MARK}{text}");
        std::io::stdout().flush().expect("the parent reads until the end");
    }

    fn parse(line: &str) -> Option<Result<Self>> {
        Some(serde_json::from_str(line.strip_prefix(MARK)?).map_err(Into::into))
    }
}

/// In a child: says which engines its program has.
pub fn list(entries: &[Entry]) {
    Line::Engines(entries.iter().map(|entry| entry.about.clone()).collect()).print();
}

/// In a child: does its job, and says what it found.
pub fn work(entries: &[Entry], job: &Job) {
    let result = match entries.iter().find(|entry| entry.about.name == job.engine) {
        None => Err("no engine has this name".into()),
        Some(entry) => {
            let time = Duration::from_secs_f64(job.seconds);
            let given = Given { entry, directory: &job.directory, events: job.events, time };
            if workload::strokes(job.phase).is_empty() {
                once(job.phase, given)
            } else {
                slices(job.phase, given)
            }
        }
    };
    if let Err(error) = result {
        Line::Failed(error.to_string()).print();
    }
}

fn say(figure: Figure) {
    Line::Figure(figure).print();
}

fn once(phase: Phase, given: Given<'_>) -> Result {
    workload::run(phase, given, &mut say)?;
    if phase != Phase::Load {
        return Ok(());
    }
    Line::Ready.print();
    loop {
        std::thread::park();
    }
}

fn slices(phase: Phase, given: Given<'_>) -> Result {
    let mut session = workload::start(phase, given)?;
    Line::Ready.print();
    for stroke in std::io::stdin().lines() {
        match session.measure(&stroke?, &mut say) {
            Ok(()) => Line::Ready.print(),
            Err(error) => Line::Failed(error.to_string()).print(),
        }
    }
    session.end(&mut say)
}

/// A program with engines, as the parent sees it.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// Its engines.
    pub engines: Vec<About>,
}

impl Program {
    /// Asks a program for its engines.
    pub fn ask(path: &Path) -> Result<Self> {
        let mut talk = Talk::start(Command::new(path).arg("list"))?;
        let mut engines = Vec::new();
        while let Some(line) = talk.line()? {
            if let Line::Engines(listed) = line {
                engines = listed;
            }
        }
        talk.end()?;
        Ok(Self { path: path.to_owned(), engines })
    }

    /// Starts a child that does a job.
    pub fn start(&self, job: &Job) -> Result<Talk> {
        let phase = job.phase.to_possible_value().expect("every phase has a name");
        let mut command = Command::new(&self.path);
        command.args(["child", &job.engine, phase.get_name()]).arg(&job.directory);
        Talk::start(command.args([job.events.to_string(), job.seconds.to_string()]))
    }

    /// Has a child do a job that is measured once. A child that waits after it is killed.
    pub fn run(&self, job: &Job) -> Result<Vec<Figure>> {
        let mut talk = self.start(job)?;
        let figures = talk.figures()?;
        if job.phase == Phase::Load {
            kill(&talk.child);
            talk.child.lock().unwrap_or_else(PoisonError::into_inner).wait()?;
        } else {
            talk.end()?;
        }
        Ok(figures)
    }
}

/// A child at work. It is killed when nothing was heard of it for too long.
#[derive(Debug)]
pub struct Talk {
    child: Arc<Mutex<Child>>,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    heard: Sender<()>,
    watcher: JoinHandle<bool>,
}

impl Talk {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("the output is piped")).lines();
        let child = Arc::new(Mutex::new(child));
        let (heard, hears) = channel::<()>();
        let watched = Arc::clone(&child);
        let watcher = std::thread::spawn(move || {
            loop {
                match hears.recv_timeout(PATIENCE) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return false,
                    Err(RecvTimeoutError::Timeout) => {
                        kill(&watched);
                        return true;
                    }
                }
            }
        });
        Ok(Self { child, input, output, heard, watcher })
    }

    fn line(&mut self) -> Result<Option<Line>> {
        loop {
            // The watcher may have ended, and the child with it.
            let _ = self.heard.send(());
            match self.output.next().transpose()? {
                None => return Ok(None),
                Some(text) => {
                    if let Some(line) = Line::parse(&text) {
                        return line.map(Some);
                    }
                }
            }
        }
    }

    /// Returns what it says until it waits or ends.
    pub fn figures(&mut self) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        while let Some(line) = self.line()? {
            match line {
                Line::Figure(figure) => figures.push(figure),
                Line::Failed(error) => return Err(error.into()),
                Line::Ready => break,
                Line::Engines(_) => {}
            }
        }
        Ok(figures)
    }

    /// Has it measure one slice.
    pub fn slice(&mut self, stroke: &str) -> Result<Vec<Figure>> {
        writeln!(self.input.as_mut().ok_or("the child hears nothing")?, "{stroke}")?;
        self.figures()
    }

    /// Lets it end in good order, and hands back what it still said.
    pub fn end(mut self) -> Result<Vec<Figure>> {
        drop(self.input.take());
        let figures = self.figures()?;
        drop(self.heard);
        let late = self.watcher.join().expect("the watcher cannot panic");
        let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait()?;
        if late {
            return Err(format!("it said nothing for {} minutes", PATIENCE.as_secs() / 60).into());
        }
        if status.success() { Ok(figures) } else { Err(format!("the process ended with {status}").into()) }
    }
}

fn kill(child: &Mutex<Child>) {
    // It may have ended by itself, which is as good.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}
