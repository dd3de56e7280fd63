//! Which processes hold a lock, as far as the system tells. Linux tells it under `/proc`; other systems do not.
#![expect(clippy::disallowed_methods, reason = "this is where the system's own files come in")]

use std::path::Path;

/// Returns the processes that hold the lock on a file, in order, or none if the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn of(file: &Path) -> Vec<u32> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    let Ok(locked) = fs::metadata(file) else { return Vec::new() };
    // Descriptors come first: they tell of forks too, and of files whose device has another number there.
    let mut found = by_descriptors(file, (locked.dev(), locked.ino()));
    if found.is_empty() {
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        found = by_locks(&locks, (locked.dev(), locked.ino()));
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(_file: &Path) -> Vec<u32> {
    Vec::new()
}

/// Looks for a locked descriptor of the file in every process whose descriptors can be seen.
#[cfg(target_os = "linux")]
fn by_descriptors(file: &Path, locked: (u64, u64)) -> Vec<u32> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &std::ffi::OsStr| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let is_locked = |process: &Path, descriptor: u32| {
        let place = process.join("fd").join(descriptor.to_string());
        // Only files of this name are looked at: others may lie on a file system that does not answer.
        let alike = fs::read_link(&place).is_ok_and(|link| link.file_name() == file.file_name());
        let same = || fs::metadata(&place).is_ok_and(|found| (found.dev(), found.ino()) == locked);
        let info = || fs::read_to_string(process.join("fdinfo").join(descriptor.to_string()));
        alike && same() && info().is_ok_and(|info| info.lines().any(|line| line.starts_with("lock:")))
    };
    let holds = |process: &Path| {
        let mut descriptors = entries(&process.join("fd")).filter_map(|entry| number(&entry.file_name()));
        descriptors.any(|descriptor| is_locked(process, descriptor))
    };
    let processes =
        entries(Path::new("/proc")).filter_map(|entry| Some((number(&entry.file_name())?, entry.path())));
    processes.filter(|(_, process)| holds(process)).map(|(id, _)| id).collect()
}

/// Reads the list of all locks, where each has the process that took it, and its file as device and inode.
#[cfg(target_os = "linux")]
fn by_locks(locks: &str, (device, inode): (u64, u64)) -> Vec<u32> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    let holder = |line: &str| {
        // `1: FLOCK  ADVISORY  WRITE 18122 fe:00:5775451 0 EOF`; one that waits has an arrow behind the number.
        let mut words = line.split_whitespace().skip(1);
        let kind = words.next()?;
        let process = words.nth(2)?.parse().ok().filter(|process| *process > 0)?;
        (kind == "FLOCK" && words.next()? == file).then_some(process)
    };
    locks.lines().filter_map(holder).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_locks_is_read() {
        let locks = "1: FLOCK  ADVISORY  WRITE 18122 fe:00:5775451 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 18123 fe:00:5775451 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 17 fe:00:5775451 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 18 fe:01:5775451 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE -1 fe:00:5775451 0 EOF\n\
                     5: FLOCK\n";
        let device = rustix::fs::makedev(0xfe, 0);
        assert_eq!(by_locks(locks, (device, 5_775_451)), [18122]);
        assert_eq!(by_locks(locks, (device, 5_775_452)), [0_u32; 0]);
    }
}
