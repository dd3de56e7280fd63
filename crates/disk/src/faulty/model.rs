//! What kind of disk is simulated.

/// How names survive a power cut that came before their folder was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directories {
    /// Each creation, rename and removal is lost or kept on its own.
    Strict,
    /// Changes survive in order: some first part of them, over all folders.
    Ordered,
}

/// The unit in which unsynced bytes survive or are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// 512 bytes, as a disk writes.
    Sector,
    /// 4096 bytes, as a page cache writes.
    Page,
}

impl Grain {
    /// Returns the grain's size.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sector => 512,
            Self::Page => 4096,
        }
    }
}

/// What kind of disk it is. The default is the hardest honest one: strict directories, sectors, torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// How unsynced names survive.
    pub directories: Directories,
    /// In which unit unsynced bytes survive.
    pub grain: Grain,
    /// Whether an unsynced grain may survive in part: new bytes up to some point and old ones after it, or
    /// the other way round.
    pub torn: bool,
    /// Whether syncs answer without doing anything.
    pub sync_lies: bool,
    /// Whether a sync that failed made some of its grains durable. Otherwise it made none.
    pub failed_sync_keeps_some: bool,
    /// How many bytes all named files may hold together. Writes beyond it are done in part and fail with
    /// `ENOSPC`; with nothing free, no file can be created.
    pub capacity_bytes: Option<u64>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            directories: Directories::Strict,
            grain: Grain::Sector,
            torn: true,
            sync_lies: false,
            failed_sync_keeps_some: false,
            capacity_bytes: None,
        }
    }
}
