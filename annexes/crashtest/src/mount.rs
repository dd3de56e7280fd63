//! File systems of our own: images on loop devices, and memory of a fixed size. Needs root.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome, ensure};

/// A kind of file system with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As the system calls it.
    pub name: &'static str,
    /// How it is mounted.
    pub options: &'static str,
    /// Words for the program that makes it.
    pub settings: &'static [&'static str],
    /// Bytes of the smallest image that is useful.
    pub bytes: u64,
    /// Whether it knows to shut down without flushing.
    pub shuts_down: bool,
}

const EXT4_SETTINGS: &[&str] = &["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];

/// The kinds of file systems that power is cut from.
pub const KINDS: [Kind; 5] = [
    Kind { name: "ext4", options: "", settings: EXT4_SETTINGS, bytes: 64 << 20, shuts_down: true },
    Kind {
        name: "ext4",
        options: "data=writeback",
        settings: EXT4_SETTINGS,
        bytes: 64 << 20,
        shuts_down: true,
    },
    Kind { name: "ext4", options: "commit=1", settings: EXT4_SETTINGS, bytes: 64 << 20, shuts_down: true },
    Kind { name: "xfs", options: "", settings: &["-q", "-f"], bytes: 320 << 20, shuts_down: true },
    Kind { name: "btrfs", options: "", settings: &["-q", "-f"], bytes: 256 << 20, shuts_down: false },
];

/// The smallest of them that can be full.
pub const SMALL: Kind = Kind {
    name: "ext4",
    options: "",
    settings: &["-q", "-F", "-O", "^has_journal", "-b", "1024", "-N", "128", "-m", "0"],
    bytes: 2 << 20,
    shuts_down: true,
};

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.options.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}", self.name, self.options)
    }
}

/// A file system that is mounted, until this is dropped.
#[derive(Debug)]
pub struct Mount {
    kind: Option<Kind>,
    image: PathBuf,
    /// Where it is.
    pub point: PathBuf,
    mounted: bool,
}

impl Mount {
    /// Makes a file system in an image in this folder, and mounts it.
    pub fn image(folder: &Path, kind: Kind) -> Outcome<Self> {
        check_root()?;
        let image = folder.join(format!("{}.image", kind.name));
        let _ = std::fs::remove_file(&image);
        std::fs::File::create(&image)?.set_len(kind.bytes)?;
        let make = format!("mkfs.{}", kind.name);
        let image_name = image.display().to_string();
        run(&make, &[kind.settings, &[&image_name]].concat())?;
        let mut mount = Self {
            kind: Some(kind),
            image,
            point: folder.join(format!("{}.mount", kind.name)),
            mounted: false,
        };
        mount.mount()?;
        Ok(mount)
    }

    /// Mounts a file system in memory with this many bytes.
    pub fn memory(folder: &Path, bytes: u64) -> Outcome<Self> {
        check_root()?;
        let point = folder.join("memory.mount");
        std::fs::create_dir_all(&point)?;
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", &point.display().to_string()],
        )?;
        Ok(Self { kind: None, image: PathBuf::new(), point, mounted: true })
    }

    /// Shows a directory once more, at another place, where it cannot be written to.
    pub fn read_only(directory: &Path, point: &Path) -> Outcome<Self> {
        check_root()?;
        std::fs::create_dir_all(point)?;
        let (from, to) = (directory.display().to_string(), point.display().to_string());
        run("mount", &["--bind", &from, &to])?;
        let mount = Self { kind: None, image: PathBuf::new(), point: point.into(), mounted: true };
        run("mount", &["-o", "remount,ro,bind", &to])?;
        Ok(mount)
    }

    /// Mounts the image again; the file system repairs itself from its journal.
    pub fn mount(&mut self) -> Outcome {
        let Some(kind) = self.kind else { return Err(Failure("memory is mounted once".into())) };
        std::fs::create_dir_all(&self.point)?;
        let options = ["loop", kind.options].join(if kind.options.is_empty() { "" } else { "," });
        let (image, point) = (self.image.display().to_string(), self.point.display().to_string());
        run("mount", &["-t", kind.name, "-o", &options, &image, &point])?;
        self.mounted = true;
        Ok(())
    }

    /// Takes it away.
    pub fn unmount(&mut self) -> Outcome {
        run("umount", &[&self.point.display().to_string()])?;
        self.mounted = false;
        Ok(())
    }

    /// Returns whether it knows to shut down without flushing.
    pub fn shuts_down(&self) -> bool {
        self.kind.is_some_and(|kind| kind.shuts_down)
    }

    /// Ends the file system at once: nothing that is not on the device gets there any more, its journal included.
    pub fn shut_down(&self) -> Outcome {
        run("xfs_io", &["-x", "-c", "shutdown", &self.point.display().to_string()])
    }

    /// Copies the image as it is while nothing is written to it: what a power cut at this moment would leave.
    /// Processes that write to the file system must be stopped first; its own writing is waited out.
    pub fn snapshot(&self) -> Outcome<PathBuf> {
        const TRIES: usize = 50;
        let copies = ["copy-1", "copy-2"].map(|name| self.image.with_extension(name));
        let copy = |to: &Path| {
            run("cp", &["--sparse=always", &self.image.display().to_string(), &to.display().to_string()])
        };
        copy(&copies[0])?;
        for attempt in 1..TRIES {
            let (old, new) = (&copies[(attempt + 1) % 2], &copies[attempt % 2]);
            copy(new)?;
            let same = Command::new("cmp").arg("-s").args([old, new]).status()?.success();
            if same {
                std::fs::remove_file(old)?;
                return Ok(new.clone());
            }
        }
        Err(Failure("the image never rests".into()))
    }

    /// Puts a snapshot in the image's place; the file system has to be unmounted.
    pub fn put_back(&self, snapshot: &Path) -> Outcome {
        Ok(std::fs::rename(snapshot, &self.image)?)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &["--lazy", &self.point.display().to_string()]);
        }
    }
}

fn check_root() -> Outcome {
    ensure(rustix::process::geteuid().is_root(), || "mounting file systems takes root".into())
}

/// Returns whether a program is installed.
pub fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| path.join(program).is_file())
}

fn run(program: &str, words: &[&str]) -> Outcome {
    let done = Command::new(program).args(words).stdin(Stdio::null()).output();
    let done = done.map_err(|error| Failure(format!("{program}: {error}")))?;
    ensure(done.status.success(), || {
        format!("{program} {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr).trim())
    })
}
