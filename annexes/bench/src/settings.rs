//! The sizes of a run.

use std::path::PathBuf;

use clap::Parser;
use serde::Serialize;

/// Measures Tidegate beside a bare append log that neither hashes nor indexes.
#[derive(Clone, Debug, Parser, Serialize)]
#[command(version)]
pub(crate) struct Settings {
    /// Where the files go, in a directory of their own that is removed afterwards.
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    #[serde(skip)]
    pub(crate) json: bool,
    /// A short run: a tenth of the sizes, fewer rounds.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only the rows whose name contains this.
    #[arg(long)]
    #[serde(skip)]
    pub(crate) only: Option<String>,
    /// Rounds of every comparison; each measures both sides once.
    #[arg(long, default_value_t = 11)]
    pub(crate) rounds: usize,
    /// How many entities the events are about.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) entities: u64,
    /// How many streams of a store that is appended to keep the place of their last event in memory.
    #[arg(long, default_value_t = 1 << 16)]
    pub(crate) streams_in_memory: usize,
    /// Events of a round with one synced caller. Other rows take multiples of it.
    #[arg(long, default_value_t = 300)]
    pub(crate) events: usize,
    /// Events of the history that is read.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) history: u64,
    /// Point reads, stream reads and pages of each kind.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) reads: usize,
    /// Events of each made-up graph.
    #[arg(long, default_value_t = 5_000_000)]
    pub(crate) graph: u64,
    /// Events of the log that proofs are made over; 10 million take 4 GB of disk.
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) proofs: u64,
    /// The history of the git project as `tidegate import` reads it, in gzip; without it its rows are left out.
    #[arg(long, default_value = "../shared/data/git-history.jsonl.gz")]
    pub(crate) git_history: PathBuf,
    /// A clone of git that holds this history, to ask git the same questions. Its commit-graph file is written.
    #[arg(long)]
    pub(crate) git_repository: Option<PathBuf>,
}

impl Settings {
    /// Returns the sizes after `--quick`.
    pub(crate) fn sized(&self) -> Self {
        if !self.quick {
            return self.clone();
        }
        let (history, reads) = (self.history / 10, self.reads / 10);
        let (graph, proofs) = (self.graph / 10, self.proofs / 10);
        let (rounds, events) = (self.rounds.min(3), self.events / 2);
        Self { rounds, events, history, reads, graph, proofs, ..self.clone() }
    }

    /// Returns whether a row is asked for.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.only.as_ref().is_none_or(|only| row.contains(only))
    }
}
