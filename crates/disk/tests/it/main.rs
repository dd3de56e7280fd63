//! What the disks promise, shown from outside.
#![allow(clippy::disallowed_methods, reason = "these tests look at the native disk from behind its back")]

mod crash_ends_everything;
mod damage_lies_where_it_was_put;
mod every_disk_agrees;
mod failed_sync_is_final;
mod full_disk_writes_in_part;
mod kill_keeps_what_was_written;
mod names_need_their_folder;
mod native_keeps_to_itself;
mod native_on_unix;
mod power_cut_takes_unsynced;
mod replacing_is_whole_or_not_at_all;
mod same_seed_same_end;
