//! The newest events, and those that another process appends meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tidegate::{AppendOptions, Draft, StoreOptions};

use crate::program::{TempFolder, positions, program, run};

const PATIENCE: Duration = Duration::from_secs(20);

fn append(store: &str, kind: &str, count: usize) {
    for _ in 0..count {
        run(&["append", store, "--scope", "s", "--entity", "e", "--kind", kind]).ok();
    }
}

#[test]
fn the_newest_come_in_order() {
    let place = TempFolder::new();
    let store = place.path("store");
    append(&store, "a.x", 12);
    append(&store, "b.y", 2);
    let tail =
        |options: &[&str]| positions(&run(&[&["tail", &store, "--json"][..], options].concat()).json());
    assert_eq!(tail(&[]), (5..=14).collect::<Vec<_>>());
    assert_eq!(tail(&["--limit", "3"]), [12, 13, 14]);
    assert_eq!(tail(&["--limit", "3", "--kind", "a.*"]), [10, 11, 12]);
    assert_eq!(tail(&["--after", "12"]), [13, 14]);
    assert_eq!(run(&["tail", &store, "--limit", "3"]).ok().lines().count(), 3);
}

/// `tail --follow --json`, and the events it shows.
struct Follower {
    child: Child,
    events: mpsc::Receiver<Value>,
}

impl Follower {
    fn start(store: &str, options: &[&str]) -> Self {
        let arguments = [&["tail", store, "--follow", "--json"][..], options].concat();
        let mut child = program(&arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let (sender, events) = mpsc::channel::<Value>();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, events }
    }

    #[track_caller]
    fn shows(&self, position: u64) {
        let event = self.events.recv_timeout(PATIENCE);
        assert_eq!(event.expect("the event shows in time")["position"], position);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn events_of_other_processes_show() {
    let place = TempFolder::new();
    let store = place.path("store");
    append(&store, "a.x", 3);
    let tail = Follower::start(&store, &["--limit", "1", "--kind", "a.*"]);
    tail.shows(3);
    append(&store, "b.y", 1);
    append(&store, "a.x", 2);
    tail.shows(5);
    tail.shows(6);
    let line = "{\"scope\":\"s\",\"entity\":\"e\",\"kind\":\"a.x\"}\n";
    let file = place.file("more.jsonl", line.repeat(3000));
    run(&["import", &store, &file]).ok();
    (7..=3006).for_each(|position| tail.shows(position));
}

#[test]
fn it_goes_on_from_segment_to_segment() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = StoreOptions::new().segment_bytes(16 << 10).open(&path).unwrap();
    let tail = Follower::start(&path, &["--limit", "300"]);
    let draft = Draft::new(("s", "e"), "a.x").bytes(vec![7; 500]);
    for position in 1..=300 {
        store.append_with(draft.clone(), AppendOptions::new().synced()).unwrap();
        if position % 50 == 0 {
            let stats = run(&["stats", &path, "--json"]).json();
            assert_eq!(
                (&stats[0]["events"], &stats[0]["segments"]),
                (&position.into(), &store_segments(&path).into())
            );
        }
    }
    (1..=300).for_each(|position| tail.shows(position));
}

fn store_segments(store: &str) -> usize {
    std::fs::read_dir(format!("{store}/segments")).unwrap().count()
}
