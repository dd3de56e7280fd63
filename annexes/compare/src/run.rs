//! The whole comparison: every engine through every phase, each in processes of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::child::{Job, Program, Talk};
use crate::engine::{About, Result, Skill};
use crate::measure::{disk_bytes, median};
use crate::workload::{self, Figure, Phase};

/// Maximum number of slices in which a full scan is measured, since one takes long.
const SCAN_SLICES_MAX: u32 = 3;

/// How the comparison is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where stores are made and removed again.
    pub directory: PathBuf,
    /// How many events a store has.
    pub events: u64,
    /// Seconds that each slice goes on.
    pub seconds: f64,
    /// How many slices there are, the engines taking turns.
    pub slices: u32,
    /// How many times a store is opened after closing.
    pub opens: u32,
    /// The phases that are gone through.
    pub phases: Vec<Phase>,
}

/// What was found of one engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The engine.
    pub about: About,
    /// What was measured, by row; each time that it was.
    pub figures: BTreeMap<String, Vec<Figure>>,
    /// What went wrong.
    pub failures: Vec<String>,
}

impl Finding {
    fn new(about: About) -> Self {
        Self { about, figures: BTreeMap::new(), failures: Vec::new() }
    }

    /// Returns all that was measured for a row.
    pub fn values(&self, row: &str) -> Vec<f64> {
        self.figures.get(row).into_iter().flatten().map(|figure| figure.value).collect()
    }

    /// Returns the middle of it.
    pub fn value(&self, row: &str) -> Option<f64> {
        median(&mut self.values(row))
    }

    /// Number of measurements in all.
    pub fn times(&self, row: &str) -> u64 {
        self.figures.get(row).into_iter().flatten().map(|figure| figure.times).sum()
    }

    fn take(&mut self, what: &str, figures: Result<Vec<Figure>>) -> bool {
        match figures {
            Ok(figures) => {
                for figure in figures {
                    self.figures.entry(figure.row.clone()).or_default().push(figure);
                }
                true
            }
            Err(error) => {
                eprintln!("  {}: {what}: {error}", self.about.name);
                self.failures.push(format!("{what}: {error}"));
                false
            }
        }
    }
}

/// An engine on its way through the phases.
struct Guest<'a> {
    program: &'a Program,
    plan: &'a Plan,
    finding: Finding,
    directory: PathBuf,
}

/// Takes the engines of several programs through all phases.
pub fn compare(programs: &[Program], plan: &Plan) -> Result<Vec<Finding>> {
    let mut guests = Vec::new();
    for program in programs {
        for about in &program.engines {
            let directory = plan.directory.join(guests.len().to_string());
            fs::create_dir_all(&directory)?;
            guests.push(Guest { program, plan, finding: Finding::new(about.clone()), directory });
        }
    }
    for phase in &plan.phases {
        match phase {
            Phase::Append | Phase::Read => slices(*phase, guests.iter_mut().collect(), plan),
            Phase::Decide | Phase::Fold => {
                let skill = if *phase == Phase::Fold { Skill::Folds } else { Skill::Decides };
                let skilled = guests.iter_mut().filter(|guest| guest.finding.about.has(skill));
                slices(*phase, skilled.collect(), plan);
            }
            Phase::Load | Phase::OpenKilled => guests.iter_mut().for_each(|guest| guest.run(*phase)),
            Phase::OpenClosed => {
                for _ in 0..plan.opens {
                    for guest in &mut guests {
                        guest.run(Phase::OpenClosed);
                    }
                }
                for guest in &mut guests {
                    let value = disk_bytes(&guest.directory)? as f64 / plan.events as f64;
                    let figure = Figure { row: "disk".to_owned(), value, times: 1 };
                    guest.finding.take("disk", Ok(vec![figure]));
                }
            }
        }
    }
    fs::remove_dir_all(&plan.directory)?;
    Ok(guests.into_iter().map(|guest| guest.finding).collect())
}

impl Guest<'_> {
    fn job(&self, phase: Phase) -> Job {
        Job {
            engine: self.finding.about.name.clone(),
            phase,
            directory: self.directory.clone(),
            events: self.plan.events,
            seconds: self.plan.seconds,
        }
    }

    /// Goes through a phase that is measured once.
    fn run(&mut self, phase: Phase) {
        eprintln!("{phase:?}, {} events: {}", self.plan.events, self.finding.about.name);
        let figures = self.program.run(&self.job(phase));
        self.finding.take(&format!("{phase:?}"), figures);
    }

    /// Starts a phase that is measured slice by slice.
    fn start(&mut self, phase: Phase) -> Option<Talk> {
        eprintln!("{phase:?}, {} events, starting: {}", self.plan.events, self.finding.about.name);
        let started = self.program.start(&self.job(phase)).and_then(|mut talk| {
            talk.figures()?;
            Ok(talk)
        });
        match started {
            Ok(talk) => Some(talk),
            Err(error) => {
                self.finding.take(&format!("{phase:?}"), Err(error));
                None
            }
        }
    }
}

/// Engines take turns, slice by slice, stroke after stroke.
fn slices(phase: Phase, guests: Vec<&mut Guest<'_>>, plan: &Plan) {
    let start = |guest: &'_ mut Guest<'_>| guest.start(phase);
    let mut talks: Vec<_> = guests.into_iter().map(|guest| (start(guest), guest)).collect();
    for (stroke, skill) in workload::strokes(phase) {
        eprintln!("{phase:?}, {} events: {stroke}", plan.events);
        let slices = if *stroke == "read.scan" { plan.slices.min(SCAN_SLICES_MAX) } else { plan.slices };
        let mut taking: Vec<_> = talks
            .iter_mut()
            .filter(|(_, guest)| workload::takes_part(&guest.finding.about, stroke, *skill))
            .filter_map(|(talk, guest)| talk.as_mut().map(|talk| (talk, guest)))
            .collect();
        for _ in 0..slices {
            taking.retain_mut(|(talk, guest)| guest.finding.take(stroke, talk.slice(stroke)));
        }
    }
    for (talk, guest) in talks {
        if let Some(talk) = talk {
            guest.finding.take(&format!("{phase:?}"), talk.end());
        }
    }
}
