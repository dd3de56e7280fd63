//! Something else than a file in the place of a file of the store: a folder, a link, a socket. What is not a plain file is
//! none of the store's, so it is as if there was nothing of that name; and if no writer can open the store beside it, or a
//! reader's place is gone, that is damage.
//!
//! A writer once was refused by the system for what a reader, the doctor and salvage called sound, the doctor gave up at an
//! index file that can be done without, and nothing told of a cursor that had become a folder.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tidegate::report::{DoctorReport, StoreVerdict, examine_in, salvage_in};
use tidegate::subscription::cursor::names;
use tidegate::testing::Env;
use tidegate::{ErrorKind, Query, Result, StoreReader};

use super::one_state_one_verdict::read_through;
use super::sample::closed;
use crate::faults::stage::Stage;
use crate::stored::access::Access;

/// What may stand in the place of a file.
#[derive(Clone, Copy, Debug)]
enum Stranger {
    Folder,
    FullFolder,
    /// A link to what was there.
    Link,
    DeadLink,
    Socket,
    /// A plain file, in the place of a folder.
    File,
}

impl Stranger {
    const OF_FILES: [Self; 5] = [Self::Folder, Self::FullFolder, Self::Link, Self::DeadLink, Self::Socket];
    const OF_FOLDERS: [Self; 3] = [Self::Link, Self::DeadLink, Self::File];

    /// Puts it at a path; what was there is at `aside`.
    fn put(self, path: &Path, aside: &Path) {
        match self {
            Self::Folder => fs::create_dir_all(path).unwrap(),
            Self::FullFolder => fs::create_dir_all(path.join("more")).unwrap(),
            Self::Link => symlink(aside, path).unwrap(),
            Self::DeadLink => symlink("nowhere", path).unwrap(),
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
            Self::File => fs::write(path, "no folder").unwrap(),
        }
    }
}

/// A directory of the system with the files of a store.
struct Directory {
    _folder: tempfile::TempDir,
    place: PathBuf,
    aside: PathBuf,
}

impl Directory {
    fn of(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (place, aside) = (folder.path().join("store"), folder.path().join("aside"));
        for name in stage.disk.at_rest().names() {
            let path = place.join(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, stage.bytes(&name)).unwrap();
        }
        Self { _folder: folder, place, aside }
    }

    /// The same with a stranger under this name.
    fn with(stage: &Stage, name: &str, stranger: Stranger) -> Self {
        let directory = Self::of(stage);
        let path = directory.place.join(name);
        if path.exists() {
            fs::rename(&path, &directory.aside).unwrap();
        }
        stranger.put(&path, &directory.aside);
        directory
    }

    fn env(&self) -> Env {
        Env::native(&self.place)
    }

    fn read(&self, stage: &Stage, access: Access) -> StoreVerdict {
        let opened = access.open(self.env(), stage.options).and_then(|store| read_through(&store));
        opened.map_or_else(|error| StoreVerdict::from(&error), |()| StoreVerdict::Sound)
    }
}

/// What each says, in the order writer, reader, doctor, salvage, and the doctor's report if it has one.
fn told(stage: &Stage, name: &str, stranger: Stranger) -> ([StoreVerdict; 4], Option<DoctorReport>) {
    let directory = || Directory::with(stage, name, stranger);
    let plain = |verdict| if verdict == StoreVerdict::Mendable { StoreVerdict::Sound } else { verdict };
    let of = |result: Result<StoreVerdict>| plain(result.unwrap_or_else(|error| StoreVerdict::from(&error)));
    let (examined, new) = (examine_in(&directory().env(), |_| ()), Stage::seeded(7));
    let verdicts = [
        directory().read(stage, Access::Write),
        directory().read(stage, Access::Read),
        of(examined.as_ref().map(DoctorReport::verdict).map_err(Clone::clone)),
        of(salvage_in(&directory().env(), &new.world(), |_| ()).map(|salvaged| salvaged.verdict())),
    ];
    (verdicts, examined.ok())
}

#[track_caller]
fn check(stage: &Stage, name: &str, strangers: &[Stranger], expected: StoreVerdict) {
    for stranger in strangers {
        let (verdicts, examined) = told(stage, name, *stranger);
        assert_eq!(verdicts, [expected; 4], "{name} is a {stranger:?}: {examined:#?}");
        let examined = examined.expect("the doctor goes on");
        let mut all = examined.faults.iter().map(ToString::to_string);
        let is_named = all.any(|fault| fault.contains(name))
            || examined.remarks.iter().any(|remark| remark.file.starts_with(name));
        assert!(is_named, "{name} is a {stranger:?}: {examined:#?}");
    }
}

#[test]
fn in_the_place_of_any_file() {
    let (stage, _) = closed(30);
    let names = stage.disk.at_rest().names();
    let newest = stage.active();
    let first_of = |folder: &str| names.iter().find(|name| name.starts_with(folder)).unwrap();
    let all = &Stranger::OF_FILES;
    for name in ["STORE", "LOCK", "WATERMARK", "FLOOR", first_of("segments"), &newest, "cursors/reader"] {
        check(&stage, name, all, StoreVerdict::Damaged);
    }
    for name in [
        first_of("index/"),
        first_of("projections/"),
        names.iter().rfind(|name| name.starts_with("index/")).unwrap(),
    ] {
        check(&stage, name, all, StoreVerdict::Sound);
    }
}

#[test]
fn under_the_name_of_a_file_that_never_was() {
    let (stage, _) = closed(12);
    let all = &Stranger::OF_FILES;
    for name in ["segments/00000000000000000999.seg", "index/00000000000000000999.idx", "something"] {
        check(&stage, name, all, StoreVerdict::Sound);
    }
}

#[test]
fn in_the_place_of_a_folder() {
    let (stage, _) = closed(12);
    for (name, expected) in [
        ("segments", StoreVerdict::Damaged),
        ("cursors", StoreVerdict::Damaged),
        ("index", StoreVerdict::Sound),
        ("projections", StoreVerdict::Sound),
    ] {
        check(&stage, name, &Stranger::OF_FOLDERS, expected);
    }
}

/// A cursor that lost its place so does not begin anew in silence.
#[test]
fn a_cursor_does_not_begin_anew_over_it() {
    let (stage, _) = closed(12);
    for stranger in Stranger::OF_FILES {
        let directory = Directory::with(&stage, "cursors/reader", stranger);
        let store = stage.options.open_in(directory.env()).unwrap();
        let error = store.cursor("reader", Query::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{stranger:?}: {error}");
        assert!(error.to_string().contains("move it out of the store"), "{stranger:?}: {error}");
        let reader: &StoreReader = &store;
        assert_eq!(names(reader).unwrap(), ["reader"], "{stranger:?}");
    }
}
