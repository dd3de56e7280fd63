//! Defects that a store could have, done by its caller: a simulation that should notice one of them and does
//! not is worthless.

/// What the caller does in place of a broken store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Defect {
    /// Nothing: the store is driven as it should be.
    #[default]
    None,
    /// Conditions are not handed in, as if the commit did not look at them.
    ConditionsIgnored,
    /// Keys are not handed in, as if they were not looked for.
    KeysIgnored,
    /// What a decision read is not held at its commit.
    FootprintsIgnored,
    /// The gates of the store are not attached.
    GatesIgnored,
    /// An event is visible before the index has it: questions miss the last one.
    IndexBehind,
    /// A subscription loses an event now and then.
    EventsSkipped,
    /// Progress is kept before the reaction is committed.
    ProgressBeforeReaction,
    /// A reaction is committed without its key.
    ReactionsWithoutKey,
    /// An acknowledgement is told as kept when it was not.
    ProgressNotKept,
    /// A stage is committed without its key, and its drafts stay.
    StageWithoutKey,
    /// A backup that is there is not brought up to date.
    BackupNotUpdated,
    /// What was erased is not taken out of what is restored.
    ErasuresForgotten,
}
