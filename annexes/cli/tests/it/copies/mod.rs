//! What is made of a store: exports and imports, backups, restored stores, forks.

mod backups_are_restored;
mod batpak_comes_over;
mod imports;
mod operating_commands_run;
