//! Files, clock and randomness of a Tidegate store behind one seam.
mod block;
mod seam;

pub use block::Block;
pub use seam::{Clock, Disk, File, Identity, Lock, Mode, Random, World};
