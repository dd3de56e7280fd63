//! `doctor`: everything that is wrong with a store.

use std::path::PathBuf;

use clap::Args;
use console::style;
use indicatif::BinaryBytes;
use serde::Serialize;
use tidegate::report::{DoctorReport, Fault, LostRange, Remark, StoreVerdict, examine_with};
use tidegate::{Error, ErrorKind, ErrorPlace};

use crate::escape::escape_lines;
use crate::failure::{Result, kind_name};
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::reader::open_state_dir;

const EXAMPLES: &str = "\
Reads every file: the store file, the watermark, all segments with every checksum, leaf, link and cause, index \
files and filter groups beside what they should be, cursors and saved states. It goes on after a fault and reports all, \
each with file, byte, expected, found, and what to do. It writes nothing, works on a store that does not open, and \
may run beside a writer.

Ends with 0 if the store is sound, and with 2 if durable events, the store file or a cursor are damaged: then opening \
or reading the store is refused too. What costs no event is a remark: what a crash left and the next opening for \
writing cuts off, index files and saved states that are built anew, and files that are passed over.

Examples:
  tidegate doctor ./store
  tidegate doctor ./store --state-dir ./mailer-state
  tidegate doctor ./store --json";

/// Look for everything that is wrong with a store
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Also check the cursors and saved states that reader processes keep in this directory; several times
    #[arg(long, value_name = "DIR")]
    state_dir: Vec<PathBuf>,
}

/// What was read, and how much of it is wrong.
#[derive(Serialize)]
struct DoctorSummary {
    verdict: String,
    events: u64,
    streams: u64,
    bytes: u64,
    segments: u64,
    index_files: u64,
    reader_files: u64,
    head: u64,
    kept: u64,
    faults: u64,
    remarks: u64,
}

impl DoctorArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let progress = Progress::of_bytes(None, json);
        let state_dirs =
            self.state_dir.iter().map(|directory| open_state_dir(directory)).collect::<Result<Vec<_>>>()?;
        let report = examine_with(&self.directory, &state_dirs, |so_far| progress.events(so_far.events));
        drop(progress);
        let report = report?;
        let DoctorReport { faults, remarks, lost, .. } = &report;
        write_findings(faults, remarks, output, json)?;
        let lost: &[LostRange] = if faults.is_empty() { &[] } else { lost };
        write_lost(lost, output, json)?;
        let count = faults.len() as u64;
        let verdict = report.verdict();
        let summary = DoctorSummary {
            verdict: verdict.to_string(),
            events: report.verified.events,
            streams: report.verified.streams,
            bytes: report.verified.bytes,
            segments: report.segments,
            index_files: report.index_files,
            reader_files: report.reader_files,
            head: report.head.0,
            kept: report.kept.0,
            faults: count,
            remarks: remarks.len() as u64,
        };
        summary.write(output, json)?;
        let message = format!("{} in {}", counted(count, "fault"), self.directory.display());
        match verdict {
            StoreVerdict::Sound | StoreVerdict::Mendable => Ok(()),
            StoreVerdict::Unknown => Err(Error::new(ErrorKind::Io, message).into()),
            _ => Err(Error::new(ErrorKind::Damaged, message).into()),
        }
    }
}

impl DoctorSummary {
    fn write(&self, output: &mut Output, json: bool) -> Result<()> {
        if json {
            return output.json(self);
        }
        let state = match (self.faults, self.remarks) {
            (0, 0) => style("all is well".to_owned()).green(),
            (0, remarks) => style(format!("sound, with {}", counted(remarks, "remark"))).green(),
            _ => style("whole".to_owned()),
        };
        output.styled(format_args!(
            "{state}: {} in {}, {} of records; read {}, {}, {} of readers",
            counted(self.events, "event"),
            counted(self.streams, "stream"),
            BinaryBytes(self.bytes),
            counted(self.segments, "segment"),
            counted(self.index_files, "index file"),
            counted(self.reader_files, "file"),
        ))
    }
}

/// A fault or a remark, as JSON.
#[derive(Serialize)]
struct FindingJson<'a> {
    kind: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
}

/// Reports faults and of what is worth knowing.
pub(super) fn write_findings(
    faults: &[Fault],
    remarks: &[Remark],
    output: &mut Output,
    json: bool,
) -> Result<()> {
    #[derive(Serialize)]
    struct FaultLine<'a> {
        fault: FindingJson<'a>,
    }
    #[derive(Serialize)]
    struct RemarkLine<'a> {
        remark: FindingJson<'a>,
    }
    for fault in faults {
        if json {
            output.json(&FaultLine { fault: finding_json(fault) })?;
        } else {
            let (error, remedy) = (escape_lines(&fault.error), escape_lines(fault.remedy));
            output.styled(format_args!(
                "{}\n  {} {remedy}",
                style(error).red(),
                style("what to do:").bold()
            ))?;
        }
    }
    for remark in remarks {
        if json {
            let (message, file) = (remark.text.as_str(), Some(remark.file.as_str()));
            let offset = remark.offset.map(u64::from);
            let (expected, found, remedy) = (None, None, None);
            let remark = FindingJson { kind: "remark", message, file, offset, expected, found, remedy };
            output.json(&RemarkLine { remark })?;
        } else {
            output.styled(format_args!("{} {}", style("remark:").yellow(), escape_lines(remark)))?;
        }
    }
    Ok(())
}

fn finding_json(fault: &Fault) -> FindingJson<'_> {
    let Fault { error, remedy } = fault;
    let (file, offset) = match error.place() {
        Some(ErrorPlace::File { name, offset }) => (Some(name.as_str()), offset.map(u64::from)),
        _ => (None, None),
    };
    let (expected, found) = error.evidence().unzip();
    debug_assert!(file.is_some() || error.kind() == ErrorKind::Io, "a fault says where it is");
    let kind = kind_name(error.kind());
    FindingJson { kind, message: error.message(), file, offset, expected, found, remedy: Some(remedy) }
}

/// Reports positions of which nothing is whole.
pub(super) fn write_lost(lost: &[LostRange], output: &mut Output, json: bool) -> Result<()> {
    #[derive(Serialize)]
    struct LostLine {
        lost: LostJson,
    }
    #[derive(Serialize)]
    struct LostJson {
        first: u64,
        last: Option<u64>,
    }
    for lost in lost {
        if json {
            output
                .json(&LostLine { lost: LostJson { first: lost.first.0, last: lost.last.map(u64::from) } })?;
            continue;
        }
        match lost.count() {
            Some(count) => {
                let count = counted(count, "event");
                output.styled(format_args!("{} {lost} ({count})", style("not whole:").red()))?;
            }
            None => output.styled(format_args!("{} {lost}", style("not whole:").red()))?,
        }
    }
    Ok(())
}
