//! Workers as processes of their own: started, listened to, ended.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::report::{ReportLine, WorkerReport};
use crate::worker::{DONE, GAVE_UP, WorkerOptions};

/// After this time a worker counts as hanging.
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// Starts workers: this program, or another one that runs it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program with the worker in it.
    pub path: PathBuf,
    /// Words before it, such as those of a tracer.
    pub under: Vec<String>,
}

/// A running worker.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    /// When it counts as hanging.
    late: Instant,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did its run.
    Done,
    /// Too many calls failed, each with an error.
    GaveUp,
    /// A signal ended it.
    Killed,
}

impl Program {
    /// Workers of a program.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), under: Vec::new() }
    }

    /// Returns the same, run by another program.
    #[must_use]
    pub fn under<T: Into<String>>(&self, words: impl IntoIterator<Item = T>) -> Self {
        Self { under: words.into_iter().map(Into::into).collect(), ..self.clone() }
    }

    /// Starts this program with these words.
    pub fn start(&self, words: &[String]) -> Outcome<Running> {
        self.start_with(words, Stdio::null())
    }

    /// Does the same with a program that waits, where it reads its input to the end, until it is [let go](Running::let_go).
    pub fn start_held(&self, words: &[String]) -> Outcome<Running> {
        self.start_with(words, Stdio::piped())
    }

    fn start_with(&self, words: &[String], input: Stdio) -> Outcome<Running> {
        let path = self.path.display().to_string();
        let mut all = self.under.iter().chain([&path]).chain(words);
        let program = all.next().map(String::as_str).unwrap_or_default();
        let mut child = Command::new(program)
            .args(all)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure(format!("{program}: {error}")))?;
        let out = child.stdout.take().ok_or_else(|| Failure("no output".into()))?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            // A last line without its end was never report.
            while out.read_line(&mut line).is_ok_and(|count| count > 0) && line.ends_with('\n') {
                if send.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Running { child, lines, late: Instant::now() + HANGS_AFTER })
    }

    /// Runs a worker until it ends in any way, and takes in what it reports.
    pub fn run(&self, orders: &WorkerOptions, report: &mut WorkerReport) -> Outcome<End> {
        let mut running = self.start(&orders.words())?;
        while let Some(line) = running.hear()? {
            report.note(line);
        }
        running.end()
    }
}

impl Running {
    /// Lets a program go on that was started held.
    pub fn let_go(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Returns the next line; nothing at the end of its output.
    pub fn hear(&mut self) -> Outcome<Option<ReportLine>> {
        let left = self.late.saturating_duration_since(Instant::now());
        self.hear_within(left.max(Duration::from_millis(1)))?.map_or_else(|| Err(self.hangs()), Ok)
    }

    /// Returns the same, and nothing at all if the time is over before.
    pub fn hear_within(&mut self, time: Duration) -> Outcome<Option<Option<ReportLine>>> {
        match self.lines.recv_timeout(time) {
            Ok(line) => line.parse().map(|line| Some(Some(line))).map_err(Failure),
            Err(RecvTimeoutError::Disconnected) => Ok(Some(None)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
        }
    }

    /// Returns the same, for a process that is meant to stay: it hangs when it says nothing for a while.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { late: Instant::now() + 100 * HANGS_AFTER, ..self }
    }

    /// Returns its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it outright.
    pub fn kill(&mut self) -> Outcome {
        Ok(self.child.kill()?)
    }

    /// Kills it, and takes in what it still report.
    pub fn kill_and_hear(mut self, report: &mut WorkerReport) -> Outcome<End> {
        self.kill()?;
        while let Some(line) = self.hear()? {
            report.note(line);
        }
        self.end()
    }

    /// Waits for its end after its output ended. A panic, an abort or a wrong answer is a failure.
    pub fn end(mut self) -> Outcome<End> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return judge(status, self.child.stderr.take());
            }
            if Instant::now() > self.late {
                return Err(self.hangs());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn hangs(&mut self) -> Failure {
        let _ = self.child.kill();
        let _ = self.child.wait();
        Failure("the worker hangs".into())
    }
}

fn judge(status: ExitStatus, errors: Option<ChildStderr>) -> Outcome<End> {
    use std::os::unix::process::ExitStatusExt;
    const KILL: i32 = 9;
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(DONE) => return Ok(End::Done),
        (Some(code), _) if code == i32::from(GAVE_UP) => return Ok(End::GaveUp),
        (_, Some(KILL)) => return Ok(End::Killed),
        _ => {}
    }
    let mut text = String::new();
    if let Some(mut errors) = errors {
        errors.read_to_string(&mut text)?;
    }
    Err(Failure(format!("the worker ended with {status}: {}", text.trim())))
}
