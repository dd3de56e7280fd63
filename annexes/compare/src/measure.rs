//! Time, memory and disk.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::Result;

/// How many times something is measured: for a time, within a minimum and a maximum number.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When to stop.
    pub time: Duration,
    /// Minimum number of measurements.
    pub least: usize,
    /// Maximum number of measurements.
    pub most: usize,
}

impl Times {
    /// Measures `once` again and again.
    pub fn measure(self, mut once: impl FnMut(usize) -> Result) -> Result<Durations> {
        let start = Instant::now();
        let mut all = Vec::new();
        while all.len() < self.most && (all.len() < self.least || start.elapsed() < self.time) {
            let before = Instant::now();
            once(all.len())?;
            all.push(before.elapsed());
        }
        all.sort_unstable();
        Ok(Durations(all))
    }
}

/// How long something took, each time that it was measured; the shortest first.
#[derive(Debug)]
pub struct Durations(Vec<Duration>);

impl Durations {
    /// Number of measurements.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Returns a percentile, in seconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).map_or(0.0, Duration::as_secs_f64)
    }

    /// Returns the middle one, in seconds.
    pub fn median(&self) -> f64 {
        self.percentile(50)
    }
}

/// Returns the middle of some values, the upper one if there are two.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What a process holds in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The most it ever held, pages of mapped files included.
    pub peak: f64,
    /// What it holds now that is not a page of a file.
    pub own: f64,
}

impl Memory {
    /// Returns that of this process.
    pub fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = |name: &str| -> Result<f64> {
            let line = status.lines().find(|line| line.starts_with(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(kibibytes.ok_or("the kernel does not say how much memory is used")?.parse::<f64>()? * 1024.0)
        };
        Ok(Self { peak: line("VmHWM:")?, own: line("RssAnon:")? })
    }
}

/// Returns how many bytes of the disk a directory takes.
pub fn disk_bytes(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// Reads all files of a directory, so that they are in the page cache although other work runs.
pub fn warm(directory: &Path) -> Result {
    let mut buffer = vec![0; 64 << 10];
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            warm(&path)?;
            continue;
        }
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(())
}
