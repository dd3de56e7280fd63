//! `doctor` reports every fault, and `salvage` saves what is whole.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{TempFolder, field, positions, run};

const LINES: [&str; 4] = [
    r#"{"scope":"s","entity":"e","key":"a","kind":"k.one","data":1}"#,
    r#"{"scope":"s","entity":"e","key":"b","kind":"k.two","data":2,"causes":["a"]}"#,
    r#"{"scope":"s","entity":"f","key":"c","kind":"k.one","data":3,"causes":["b"],"tags":["t"]}"#,
    r#"{"scope":"s","entity":"e","key":"d","kind":"k.two","data":4,"causes":["a"]}"#,
];
const SEGMENT: &str = "segments/00000000000000000001.seg";

/// A store with a frame an event, and where each frame ends.
fn store(place: &TempFolder) -> (String, Vec<u64>) {
    let path = place.path("store");
    let mut ends = Vec::new();
    for (number, line) in LINES.iter().enumerate() {
        let file = place.file(&format!("{number}.jsonl"), line);
        run(&["import", &path, &file]).ok();
        ends.push(fs::metadata(format!("{path}/{SEGMENT}")).unwrap().len());
    }
    (path, ends)
}

fn flip(path: &str, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_store_in_order_is_one_line() {
    let place = TempFolder::new();
    let (path, _) = store(&place);
    let told = run(&["doctor", &path]).ok();
    assert!(told.starts_with("all is well: 4 events in 2 streams") && told.lines().count() == 1, "{told}");
    let told = run(&["doctor", &path, "--json"]).json();
    assert_eq!((&told[0]["events"], &told[0]["faults"], told.len()), (&4.into(), &0.into(), 1));
    let error = run(&["doctor", &place.path("none")]).refused(1);
    assert!(error.starts_with("tidegate: missing: there is no store in "), "{error}");
}

#[test]
fn a_fault_is_told_with_its_place_and_what_to_do() {
    let place = TempFolder::new();
    let (path, ends) = store(&place);
    flip(&format!("{path}/{SEGMENT}"), ends[0] + 60);
    flip(&format!("{path}/WATERMARK"), 4100);
    let ran = run(&["doctor", &path]);
    assert!(ran.out.contains(&format!("({SEGMENT}, byte {})", ends[0])), "{}", ran.out);
    assert!(
        ran.out.contains("what to do: ") && ran.out.contains("not whole: position 2 (1 event)"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("remark: WATERMARK, byte 4096: a slot of the watermark does not hold"),
        "{}",
        ran.out
    );
    let error = ran.refused(2);
    assert!(error.starts_with("tidegate: damaged: 1 fault in ") && !error.contains("expected"), "{error}");
    let ran = run(&["doctor", &path, "--json"]);
    let told: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let faults: Vec<&Value> = told.iter().filter_map(|line| line.get("fault")).collect();
    assert_eq!(faults.len(), 1);
    assert_eq!(told.last().unwrap()["verdict"], "damaged");
    let broken = faults.iter().find(|fault| fault["file"] == SEGMENT).unwrap();
    assert_eq!((&broken["kind"], &broken["offset"]), (&"damaged".into(), &ends[0].into()));
    assert!(broken["expected"].is_string() && broken["found"].is_string(), "{broken}");
    assert!(broken["remedy"].as_str().unwrap().contains("tidegate salvage DIR NEW"), "{broken}");
    assert!(told.iter().any(|line| line["lost"] == serde_json::json!({"first": 2, "last": 2})), "{told:?}");
    ran.refused(2);
}

/// Anyone may put a file into a directory, under a name that a terminal obeys or that ends a line.
#[test]
fn names_of_foreign_files_are_shown_and_not_obeyed() {
    let place = TempFolder::new();
    let (path, _) = store(&place);
    let name = "\u{1b}[2Jall is well\nremark: \u{202e}txt";
    fs::write(format!("{path}/{name}"), "").unwrap();
    for json in [&[][..], &["--json"]] {
        let told = run(&[&["doctor", &path][..], json].concat()).ok();
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
        assert_eq!(told.lines().count(), 2, "{told:?}");
    }
    let told = run(&["doctor", &path]).ok();
    assert!(
        told.starts_with(r"remark: \u{1b}[2Jall is well\nremark: \u{202e}txt: not a file of"),
        "{told:?}"
    );
    assert!(told.contains("\nsound, with 1 remark: 4 events in 2 streams"), "{told:?}");
    let error = run(&["salvage", &place.path("none"), &path]).refused(1);
    assert!(!error.contains(['\u{1b}', '\u{202e}']), "{error:?}");
}

/// A store file that is gone is not put back by appending, which a reader once advised.
#[test]
fn a_missing_store_file_is_damage_to_every_command() {
    let place = TempFolder::new();
    let (path, _) = store(&place);
    fs::remove_file(format!("{path}/STORE")).unwrap();
    for command in ["read", "tail", "stats", "verify", "doctor"] {
        let error = run(&[command, &path]).refused(2);
        assert!(!error.contains("tidegate append"), "{error}");
    }
    let error = run(&["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"]).refused(2);
    assert!(error.contains("the store file is missing, but a store left segments/"), "{error}");
    let told = run(&["salvage", &path, &place.path("new")]).ok();
    assert!(told.contains("saved 4 events"), "{told}");
}

#[test]
fn what_is_whole_is_saved() {
    let place = TempFolder::new();
    let (path, ends) = store(&place);
    let before = run(&["read", &path, "--json"]).json();
    flip(&format!("{path}/{SEGMENT}"), ends[0] + 60);
    let new = place.path("new");
    let told = run(&["salvage", &path, &new]).ok();
    assert!(told.contains("not whole: position 2 (1 event)"), "{told}");
    assert!(told.contains("moved: positions 3 to 4 are now 2 to 3"), "{told}");
    assert!(told.contains("saved 3 events in 2 streams") && told.contains("another store"), "{told}");
    let after = run(&["read", &new, "--json"]).json();
    assert_eq!(positions(&after), [1, 2, 3]);
    for name in ["id", "kind", "data", "recorded", "tags"] {
        let kept = [before[0][name].clone(), before[2][name].clone(), before[3][name].clone()];
        assert_eq!(field(&after, name), kept, "{name}");
    }
    assert_eq!(after[2]["causes"], before[3]["causes"], "a cause that was saved");
    assert_ne!(after[1]["causes"], before[2]["causes"], "a cause that was not");
    run(&["verify", &new]).ok();
    run(&["doctor", &new]).ok();
    let error = run(&["salvage", &path, &new]).refused(1);
    assert!(error.contains("is not empty"), "{error}");
    let error = run(&["salvage", &path, &format!("{path}/inside/new")]).refused(1);
    assert!(error.contains("inside"), "{error}");
    assert!(fs::metadata(format!("{path}/inside")).is_err(), "nothing is made in the old store");
}

#[test]
fn a_store_that_lost_its_end_is_forked() {
    let place = TempFolder::new();
    let (path, ends) = store(&place);
    flip(&format!("{path}/{SEGMENT}"), ends[2] + 60);
    run(&["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"]).refused(2);
    for (new, same) in [("new", &[][..]), ("kept", &["--same"][..])] {
        let new = place.path(new);
        let told = run(&[&["salvage", &path, &new, "--json"], same].concat());
        let told: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = told.last().unwrap();
        assert_eq!((last["from"] == last["store"], &last["saved"]), (!same.is_empty(), &3.into()));
        assert_eq!(last["runs"], serde_json::json!([{"from": 1, "to": 1, "count": 3}]));
        let file = fs::read_to_string(format!("{new}/STORE")).unwrap();
        let from = format!("\nfrom {} ", last["from"].as_str().unwrap());
        assert_eq!(file.contains(&from), same.is_empty(), "{file}");
    }
    run(&["append", &place.path("new"), "--scope", "s", "--entity", "e", "--kind", "k"]).ok();
}

/// A segment was read into memory as a whole, so that of a large one needed as much memory as it is long.
#[test]
fn a_segment_larger_than_memory_is_examined_and_salvaged() {
    const SEGMENT_BYTES: u64 = 1 << 30;
    const MEMORY_KIB: u64 = 400_000;
    let place = TempFolder::new();
    let (path, ends) = store(&place);
    let file = fs::OpenOptions::new().write(true).open(format!("{path}/{SEGMENT}")).unwrap();
    file.set_len(SEGMENT_BYTES).unwrap();
    let limited = |args: &[&str]| {
        let script = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
        let program = env!("CARGO_BIN_EXE_tidegate");
        let ran = Command::new("sh").args(["-c", &script, program]).args(args).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let told = limited(&["doctor", &path]);
    assert!(told.starts_with("all is well: 4 events"), "zeros behind the frames are unused space: {told}");
    // One byte in them is the torn end of a write, and all of the zeros before it were looked at.
    let last = fs::OpenOptions::new().write(true).open(format!("{path}/{SEGMENT}")).unwrap();
    std::os::unix::fs::FileExt::write_at(&last, &[1], SEGMENT_BYTES - 1).unwrap();
    let told = limited(&["doctor", &path]);
    let remark = format!("remark: {SEGMENT}, byte {}: ", ends[3]);
    assert!(told.starts_with(&remark) && told.contains("sound, with 1 remark: 4 events"), "{told}");
    let told = limited(&["salvage", &path, &place.path("new")]);
    assert!(told.contains("saved 4 events"), "{told}");
}
