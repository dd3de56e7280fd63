//! A simulated world that crashes stores and checks what they kept.
//!
//! One seed says everything: what a scenario does, what kind of disk it runs on, where the process dies and
//! what the power cut leaves. A plain list of events says what may be true afterwards. Nothing here reaches
//! into the store; it is driven through its public face, on a disk that is an ordinary implementation of
//! the disk seam.
//!
//! ```
//! use tidegate_sim::{Sweep, sweep};
//! let done = sweep(&Sweep { seed: 7, acts: 6, ..Sweep::default() }).unwrap();
//! assert!(done.crash_points > 0);
//! ```
//!
//! Reading order: `dice` and `failure`, `defect` (how a store could be broken), `query`, `attempt` and `weighed` (what is
//! asked and handed in), `model` (what may be true), `machine` (disk, clock and randomness, with one number over a run),
//! `check` (what an opening must show), `damage` (what happens to files between lives), `life` (one process from opening
//! to its end), [`sweep`] (a crash at every call), [`soak`] (many lives under random faults).
mod dice;
mod failure;
mod defect;
mod query;
mod attempt;
mod weighed;
mod model;
mod machine;
mod check;
mod damage;
mod life;
mod sweep;
mod soak;

pub use defect::Defect;
pub use dice::Dice;
pub use failure::Failure;
pub use machine::{Machine, Wrap, plain};
pub use model::{End, Model, UpkeepCounts};
pub use soak::{Soak, SoakReport, Workload, soak};
pub use sweep::{Sweep, SweepReport, sweep};
