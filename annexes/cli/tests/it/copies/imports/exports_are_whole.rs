//! An export is the whole store at one moment, or an error; and so is what an import takes of it.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use tidegate::{AppendOptions, Batch, Draft, Position, StoreOptions, StoreReader};

use super::copies_keep_what_a_store_says::{exported, open};
use crate::program::{TempFolder, program, run, run_with};

/// Batches of three events.
fn store(place: &TempFolder, batches: u64) -> String {
    let path = place.path("store");
    let store = open(&path);
    for batch in 0..batches {
        let drafts =
            (0..3).map(|n| Draft::new(("s", format!("e{}", batch % 7)), "k.x").json_text(n.to_string()));
        let batch = Batch::from(drafts.collect::<Vec<_>>()).key(format!("b{batch}"));
        store.append_with(batch, AppendOptions::new().buffered()).unwrap();
    }
    store.close().unwrap();
    path
}

#[test]
fn an_export_that_ends_early_is_refused_at_its_end() {
    let place = TempFolder::new();
    let text = run(&["export", &store(&place, 4)]).ok();
    for (lines, kept, said) in
        [(4, 3, "4 events"), (6, 3, "cut short"), (12, 9, "cut short"), (1, 0, "0 are here")]
    {
        let cut = text.lines().take(lines).collect::<Vec<_>>().join("\n");
        let copy = place.path(&format!("copy {lines}"));
        let error = run_with(&cut, &["import", &copy, "-"]).refused(1);
        assert!(error.contains("cut short") && (lines == 4 || error.contains(said)), "{lines}: {error}");
        assert_eq!(run(&["read", &copy, "--count"]).ok(), format!("{kept}\n"), "no part of a batch is there");
        // What follows goes on at the batch, with the times.
        run_with(&text, &["import", &copy, "-"]).ok();
        assert_eq!(exported(&copy), text.lines().skip(1).collect::<Vec<_>>(), "{lines}");
    }
    let torn = &text[..text.len() - 30];
    let error = run_with(torn, &["import", &place.path("torn"), "-"]).refused(1);
    assert!(error.contains("standard input:13: invalid"), "{error}");
}

#[test]
fn a_line_that_is_missing_is_noticed() {
    let place = TempFolder::new();
    let text = run(&["export", &store(&place, 3)]).ok();
    for missing in 1..text.lines().count() {
        let lines = text.lines().enumerate().filter(|(at, _)| *at != missing);
        let cut = lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        let error = run_with(&cut, &["import", &place.path(&format!("copy {missing}")), "-"]).refused(1);
        assert!(error.contains("cut short"), "{missing}: {error}");
    }
}

#[test]
fn killed_midway_and_run_again_the_copy_is_the_same() {
    let place = TempFolder::new();
    let path = store(&place, 1_200);
    let (file, whole) = (place.path("store.jsonl"), place.path("whole"));
    run(&["export", &path, "--output", &file]).ok();
    let start = Instant::now();
    run(&["import", &whole, &file]).ok();
    let time = start.elapsed();
    let expected = exported(&path);
    assert!(exported(&whole) == expected);
    let chance = RandomState::new();
    for round in 0..3 {
        let killed = place.path(&format!("killed {round}"));
        for share in [0, 300, 600] {
            let share = share + chance.hash_one((round, share)) % 300;
            let mut child = program(&["import", &killed, &file]).spawn().unwrap();
            std::thread::sleep(time.mul_f64(share as f64 / 1000.0));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let ran = run(&["import", &killed, &file]);
        assert_eq!(ran.code, Some(0), "at most it warns of the end that it cut off: {}", ran.err);
        assert!(exported(&killed) == expected, "round {round}: the copy is another one");
        run(&["verify", &killed]).ok();
    }
}

#[test]
fn an_export_is_as_of_a_position_that_ends_a_batch() {
    let place = TempFolder::new();
    let path = store(&place, 4);
    let error = run(&["export", &path, "--until", "5"]).refused(1);
    assert!(error.contains("inside the batch of 4 to 6") && error.contains("--until 3"), "{error}");
    run(&["export", &path, "--until", "13"]).refused(1);
    let (all, part) = (run(&["export", &path]).ok(), run(&["export", &path, "--until", "6"]).ok());
    assert!(part.lines().next().unwrap().contains("\"events\":6"), "{part}");
    assert_eq!(part.lines().skip(1).collect::<Vec<_>>(), all.lines().skip(1).take(6).collect::<Vec<_>>());
    assert_eq!(run(&["export", &path, "--until", "0"]).ok().lines().count(), 1);
}

#[test]
fn an_export_beside_a_writer_is_one_moment() {
    let place = TempFolder::new();
    let path = store(&place, 2);
    let writer = open(&path);
    writer.append(Draft::new(("s", "e"), "k.x")).unwrap();
    let before = run(&["export", &path]).ok();
    assert_eq!(before.lines().count(), 8);
    writer.append(Draft::new(("s", "e"), "k.x")).unwrap();
    let copy = place.path("copy");
    run_with(&before, &["import", &copy, "-"]).ok();
    // What came since is imported by the next export.
    let said = run_with(&run(&["export", &path]).ok(), &["import", &copy, "-", "--json"]).json();
    assert_eq!((&said[0]["imported"], &said[0]["skipped"]), (&1.into(), &7.into()));
    assert_eq!(said[0]["times_kept"], true);
    writer.close().unwrap();
    assert_eq!(exported(&copy), exported(&path));
}

/// Flips a bit in the middle of a segment.
fn flip(segment: &str) {
    let at = fs::metadata(segment).unwrap().len() / 2;
    let file = fs::File::options().read(true).write(true).open(segment).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn damage_ends_an_export_and_leaves_no_file() {
    let place = TempFolder::new();
    let path = store(&place, 200);
    flip(&format!("{path}/segments/00000000000000000001.seg"));
    let target = place.file("store.jsonl", "what was there before");
    for call in
        [&["export", &path][..], &["export", &path, "--output", &target], &["export", &path, "--json"]]
    {
        let ran = run(call);
        assert_eq!(ran.out, "", "what precedes the damage is not an export");
        assert!(ran.refused(2).contains("damaged"));
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "what was there before");
    assert!(!fs::exists(format!("{target}.part")).unwrap());
    assert_eq!(
        run(&["export", &path, "--until", "3"]).ok().lines().count(),
        4,
        "what was whole then can be had"
    );
}

/// Opening does not read sealed segments, so the export has begun when it meets the damage.
#[test]
fn damage_that_shows_on_the_way_is_told_by_both_ends() {
    let place = TempFolder::new();
    let path = place.path("store");
    let options = StoreOptions::new().segment_bytes(4096);
    let store = options.open(&path).unwrap();
    for _ in 0..100 {
        store.append_with(Draft::new(("s", "e"), "k.x"), AppendOptions::new().buffered()).unwrap();
    }
    store.close().unwrap();
    let mut segments: Vec<_> =
        fs::read_dir(format!("{path}/segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    flip(segments[1].to_str().unwrap());
    let target = place.path("store.jsonl");
    run(&["export", &path, "--output", &target]).refused(2);
    assert!(!fs::exists(&target).unwrap() && !fs::exists(format!("{target}.part")).unwrap());
    let ran = run(&["export", &path]);
    let text = ran.out.clone();
    assert!(ran.refused(2).contains("damaged"));
    assert!(text.lines().count() > 1, "the events before it were written when it was met");
    let error = run_with(&text, &["import", &place.path("copy"), "-"]).refused(1);
    assert!(error.contains("cut short"), "{error}");
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let place = TempFolder::new();
    let path = store(&place, 2);
    let target = place.file("store.jsonl", "x".repeat(10_000));
    let said = run(&["export", &path, "--output", &target, "--json"]).json();
    assert_eq!((&said[0]["events"], &said[0]["file"]), (&6.into(), &target.as_str().into()));
    assert_eq!(fs::read_to_string(&target).unwrap(), run(&["export", &path]).ok());
    let said = run(&["export", &path, "--output", "/dev/null"]).ok();
    assert!(said.starts_with("exported 6 events of the store "), "{said}");
    run(&["export", &path, "--output", &place.path("none/file")]).refused(74);
}

/// An export replaces the file that it is told to write, and in the store's directory that is a file of the store.
#[test]
fn a_file_in_the_store_is_never_replaced() {
    let place = TempFolder::new();
    let path = store(&place, 2);
    fs::create_dir(format!("{path}/cursors")).unwrap();
    fs::write(format!("{path}/cursors/mailer"), "a cursor").unwrap();
    let files = ["STORE", "LOCK", "segments/00000000000000000001.seg", "cursors/mailer"];
    let contents = || files.map(|name| fs::read(format!("{path}/{name}")).unwrap());
    let before = contents();
    let mut targets: Vec<_> = files.map(|name| format!("{path}/{name}")).into();
    targets.extend(["new", "cursors/../new", "../store/new"].map(|name| format!("{path}/{name}")));
    let links = [
        ("to a file", format!("{path}/STORE"), "to a file"),
        ("to nothing", format!("{path}/new"), "to nothing"),
        ("to the store", path.clone(), "to the store/new"),
        ("in part.part", format!("{path}/STORE"), "in part"),
        ("relative", "store/new".to_owned(), "relative"),
    ];
    for (link, to, target) in links {
        std::os::unix::fs::symlink(to, place.path(link)).unwrap();
        targets.push(place.path(target));
    }
    for target in targets {
        let call = ["export", &path, "--output", &target];
        let error = run(&call).refused(1);
        assert!(error.contains("cannot lie inside the store"), "{target}: {error}");
        let call = ["graph", "draw", &path, "1", "--output", &target];
        let error = run(&call).refused(1);
        assert!(error.contains("cannot lie inside the store"), "{target}: {error}");
        assert!(contents() == before && !fs::exists(format!("{path}/new")).unwrap(), "{target}");
    }
    // A second name of a file cannot be told from the first; that name alone is replaced.
    let target = place.path("second");
    for call in [&["export", path.as_str()][..], &["graph", "draw", &path, "1"]] {
        fs::hard_link(format!("{path}/STORE"), &target).unwrap();
        run(&[call, &["--output", &target]].concat()).ok();
        assert!(contents() == before, "{call:?}");
        fs::remove_file(&target).unwrap();
    }
    run(&["export", &path, "--output", &format!("{path}/../store.jsonl")]).ok();
}

#[test]
fn a_newer_export_and_times_that_go_back_are_refused() {
    let place = TempFolder::new();
    let line = |last: u32, time: &str| {
        format!(
            r#"{{"id":"0195fdd6-0000-7000-8000-{last:012}","scope":"s","entity":"e","kind":"k","recorded":"{time}","ends_batch":true}}"#
        )
    };
    let header = |version: u32, events: u32| {
        format!(r#"{{"tidegate_export":{version},"store":"x","events":{events}}}"#)
    };
    let newer = run_with(&header(2, 0), &["import", &place.path("a"), "-"]).refused(1);
    assert!(newer.contains("version 2") && newer.contains("upgrade"), "{newer}");
    let (early, late) = (line(1, "2005-04-07T22:13:13.000001Z"), line(2, "253402300800000000"));
    let text = [header(1, 2), early.clone(), late.clone()].join("\n");
    run_with(&text, &["import", &place.path("b"), "-"]).ok();
    let times: Vec<_> = run(&["read", &place.path("b"), "--json"]).json();
    assert_eq!(times[0]["recorded"], "2005-04-07T22:13:13.000001Z");
    assert_eq!(times[1]["recorded"], "253402300800000000", "beyond the calendar it is exact still");
    let text = [header(1, 2), late, early].join("\n");
    let error = run_with(&text, &["import", &place.path("c"), "-"]).refused(1);
    assert!(error.contains("times never decrease"), "{error}");
    assert_eq!(StoreReader::open(place.path("c")).unwrap().view().unwrap().head(), Position(1));
}
