//! Checkpoints, proofs, tiles, censuses and witnesses from the command line, and what becomes of files that were changed.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tidegate_proof::{KeyAlgorithm, SigningKey, WitnessRequest};

use crate::program::{TempFolder, field, program, run};

/// A store of five events in two streams, its key, and a checkpoint.
struct Shop {
    place: TempFolder,
    store: String,
    checkpoint: String,
    key: String,
}

impl Shop {
    fn new() -> Self {
        let place = TempFolder::new();
        let line = |entity: &str, at: usize| {
            format!(
                r#"{{"scope":"shop","entity":"{entity}","kind":"order.paid","tags":["vip"],"data":{{"total":{at}}}}}"#
            )
        };
        let lines: Vec<String> = ["order-7", "order-8", "order-7", "order-8", "order-7"]
            .iter()
            .zip(1..)
            .map(|(entity, at)| line(entity, at))
            .collect();
        let store = place.store("store", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let file = place.path("keys/shop.key");
        let key = run(&["key", &store, &file]).ok().trim_end().to_owned();
        let checkpoint = place.path("shop.checkpoint");
        let shop = Self { place, store, checkpoint, key };
        shop.sign();
        shop
    }

    fn sign(&self) {
        let key = self.place.path("keys/shop.key");
        run(&["checkpoint", &self.store, "--key", &key, "--output", &self.checkpoint]).ok();
    }

    fn prove(&self, what: &[&str], name: &str) -> String {
        let file = self.place.path(name);
        let arguments = ["prove", &self.store, "--checkpoint", &self.checkpoint, "--output", &file];
        run(&[&arguments[..], what].concat()).ok();
        file
    }

    fn check(&self, file: &str, more: &[&str]) -> crate::program::Run {
        run(&[&["prove", "--check", file, "--log-key", &self.key, "--json"][..], more].concat())
    }
}

/// The page tells ten commands from an append to a check by people who have no store. They are run as they stand there.
#[test]
fn the_page_on_proofs_can_be_followed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/proofs.md");
    let Ok(page) = fs::read_to_string(page) else { return };
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let (owner, checker) = (blocks[..2].concat(), blocks[2]);
    assert_eq!((blocks.len(), (owner.clone() + checker).lines().count()), (3, 10));
    let (at_owner, at_checker) = (TempFolder::new(), TempFolder::new());
    let shell = |folder: &TempFolder, commands: &str| {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command
            .args(["-eu", "-c", commands])
            .current_dir(folder.path(""))
            .env("PATH", path)
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    };
    shell(&at_owner, &owner);
    assert!(fs::metadata(at_owner.path("public/tile/entries/000.p/3")).is_ok());
    for file in ["shop.vkey", "paid.tlog-proof", "order-7.proof"] {
        fs::copy(at_owner.path(file), at_checker.path(file)).unwrap();
    }
    let said = shell(&at_checker, checker);
    let (one, all) = said.split_once("proved: stream ").unwrap();
    assert!(one.starts_with("proved: the event stands in the log\nposition 2, v2, id "), "{one}");
    assert!(all.starts_with("shop/order-7 has 2 events up to position 2\nposition 1, v1, id "), "{all}");
    assert!(all.contains(": order.placed in shop/order-7 {\"total\":12}\n"), "{all}");
    assert!(all.contains("under 3 events of tidegate.local/"), "{all}");
}

#[test]
fn an_event_is_shown_as_far_as_asked() {
    let shop = Shop::new();
    let show = |form: &str| {
        let file = shop.prove(&["3", "--show", form], form);
        shop.check(&file, &[]).json().remove(0)["events"][0].clone()
    };
    let (entry, names, payload) = (show("entry"), show("names"), show("payload"));
    assert_eq!((&entry["position"], &entry["version"], &entry["kind"]), (&json!(3), &json!(2), &Value::Null));
    assert_eq!(
        (&names["entity"], &names["tags"], &names["data"]),
        (&json!("order-7"), &json!(["vip"]), &Value::Null)
    );
    assert_eq!((&payload["kind"], &payload["data"]), (&json!("order.paid"), &json!({"total": 3})));
    assert_eq!((&entry["leaf"], &entry["leaf"]), (&names["leaf"], &payload["leaf"]));
    let read = run(&["read", &shop.store, "--position", "3", "--json"]).json();
    assert_eq!(payload["id"], read[0]["id"]);
}

#[test]
fn what_was_changed_shows_nothing() {
    let shop = Shop::new();
    let file = shop.prove(&["3"], "3.tlog-proof");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let middle = line.char_indices().nth(line.chars().count() / 2).unwrap();
        let other = if middle.1 == 'B' { "C" } else { "B" };
        let mut changed = lines.clone();
        let line = format!("{}{other}{}", &line[..middle.0], &line[middle.0 + middle.1.len_utf8()..]);
        changed[at] = &line;
        let changed = shop.place.file("changed", changed.join("\n") + "\n");
        shop.check(&changed, &[]).refused(1);
    }
    let other = Shop::new();
    let error = other.check(&file, &[]).refused(1);
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["error"]["kind"], "disproved");
    assert!(error["error"]["message"].as_str().unwrap().starts_with("origin: "), "{error}");
    shop.check(&file, &["--all", "scope=shop"]).refused(1);
    run(&["prove", "--check", &file]).refused(64);
}

#[test]
fn all_events_of_something_are_shown_or_none() {
    let shop = Shop::new();
    let what = ["--all", "stream=shop/order-7"];
    let asked = ["prove", &shop.store, "--checkpoint", &shop.checkpoint];
    let error = run(&[&asked[..], &what].concat()).refused(1);
    assert!(error.contains("take one"), "{error}");
    for by in ["stream", "scope", "kind", "tag"] {
        run(&["census", &shop.store, "--by", by]).ok();
    }
    shop.sign();
    let all = |what: &str| {
        let file = shop.prove(&["--all", what], "all.proof");
        let found = shop.check(&file, &["--all", what]).json().remove(0);
        let positions = field(found["events"].as_array().unwrap(), "position");
        assert_eq!(found["count"], json!(positions.len()));
        (found["until"].clone(), positions)
    };
    assert_eq!(all("stream=shop/order-7"), (json!(5), vec![json!(1), json!(3), json!(5)]));
    assert_eq!(all("stream=shop/order-9"), (json!(5), vec![]));
    assert_eq!(all("scope=shop").1.len(), 5);
    assert_eq!(all("scope=tidegate").1.len(), 1);
    assert_eq!((all("kind=order.paid").1.len(), all("kind=tidegate.census").1.len()), (5, 2));
    assert_eq!((all("tag=vip").1.len(), all("tag=none").1.len()), (5, 0));
    let file = shop.prove(&what, "order-7.proof");
    for wrong in [&["--all", "stream=shop/order-8"][..], &["--all", "scope=shop"], &[]] {
        shop.check(&file, wrong).refused(1);
    }
    let audit =
        run(&["audit", &shop.store, "--json", "--checkpoint", &shop.checkpoint, "--log-key", &shop.key]);
    assert_eq!(field(&audit.json(), "right"), vec![json!(true); 4]);
    assert!(run(&["audit", &shop.store]).ok().ends_with("all is well: 8 events counted again\n"));
}

/// A copy is another store, and the word of the store that it was copied from is not its own.
#[test]
fn a_copy_does_not_take_over_a_census() {
    let shop = Shop::new();
    run(&["census", &shop.store]).ok();
    let (file, copy) = (shop.place.path("all.jsonl"), shop.place.path("copy"));
    run(&["export", &shop.store, "--output", &file]).ok();
    run(&["import", &copy, &file]).ok();
    let kinds = field(&run(&["read", &copy, "--kind", "tidegate.*", "--json"]).json(), "kind");
    assert_eq!(kinds, ["tidegate.imported.census"]);
    assert!(run(&["audit", &copy]).ok().contains("no census"));
    let key = shop.place.path("keys/shop.key");
    let error = run(&["key", &copy, &key]).refused(1);
    assert!(error.contains("another file"), "{error}");
    assert!(run(&["checkpoint", &copy, "--key", &key]).refused(1).contains("own key"));
}

/// The folder is the tree of the checkpoint, grows with the log, and is not mixed with that of another store.
#[test]
fn tiles_are_continued() {
    let shop = Shop::new();
    let out = shop.place.path("public");
    let tiles = |more: &[&str]| {
        run(&[&["tiles", &shop.store, &out, "--checkpoint", &shop.checkpoint][..], more].concat())
    };
    let first = run(&["tiles", &shop.store, &out, "--checkpoint", &shop.checkpoint, "--json"]).json();
    assert_eq!(first, [json!({"old": 0, "new": 5, "files": 1, "mended": false})]);
    run(&["append", &shop.store, "--scope", "shop", "--entity", "order-9", "--kind", "order.paid"]).ok();
    shop.sign();
    assert!(tiles(&[]).ok().contains("6 events now, 1 more"));
    assert_eq!(fs::read(format!("{out}/checkpoint")).unwrap(), fs::read(&shop.checkpoint).unwrap());
    assert_eq!(fs::read(format!("{out}/tile/0/000.p/6")).unwrap().len(), 6 * 32);
    let other = Shop::new();
    let error = run(&["tiles", &other.store, &out, "--checkpoint", &other.checkpoint]).refused(1);
    assert!(error.contains("export to another folder"), "{error}");
    let error = run(&["tiles", &other.store, &out, "--checkpoint", &shop.checkpoint]).refused(1);
    assert!(error.contains("store"), "{error}");
    let inside = format!("{}/public", shop.store);
    run(&["tiles", &shop.store, &inside, "--checkpoint", &shop.checkpoint]).refused(1);
}

/// What a question came to is kept, signed or not, and compared with the log later.
#[test]
fn evidence_is_kept_and_compared_later() {
    let shop = Shop::new();
    let (key, file) = (shop.place.path("keys/shop.key"), shop.place.path("order-7.evidence"));
    let all = ["evidence", &shop.store, "--stream", "shop/order-7"];
    let printed = run(&all).ok();
    let line: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&line["count"], &line["from"], &line["until"]), (&json!(3), &json!(1), &json!(5)));
    assert_eq!(run(&[&all[..], &["--json"]].concat()).ok(), printed);
    shop.place.file("order-7.evidence", &printed);
    let check =
        |file: &str, more: &[&str]| run(&[&["evidence", &shop.store, "--check", file][..], more].concat());
    let said = check(&file, &[]).ok();
    assert!(said.starts_with("the log still says 3 events from position 1 to 5, with the root "), "{said}");

    let note = shop.place.path("part.note");
    let part = ["--after", "1", "--before", "5", "--key", &key, "--output", &note];
    let said = run(&[&all[..], &part].concat()).ok();
    assert!(said.starts_with(&format!("{note} says 1 event from position 2 to 4, ")), "{said}");
    let found = check(&note, &["--signer", &shop.key, "--json"]).json();
    assert_eq!(
        (&found[0]["evidence"]["count"], found[0]["signer"].as_str()),
        (&json!(1), shop.key.split('+').next())
    );
    // The log goes on, and what was kept holds; another one, or a changed file, does not.
    run(&["append", &shop.store, "--scope", "shop", "--entity", "order-7", "--kind", "order.paid"]).ok();
    check(&file, &[]).ok();
    let other = Shop::new();
    assert!(run(&["evidence", &other.store, "--check", &file]).refused(1).contains("it is about the store"));
    let changed = shop.place.file("changed", printed.replace("\"count\":3", "\"count\":2"));
    assert!(check(&changed, &["--json"]).refused(1).contains("disproved"));
    let text = fs::read_to_string(&note).unwrap();
    let changed = shop.place.file("changed.note", text.replace("\"count\":1", "\"count\":2"));
    assert!(check(&changed, &["--signer", &shop.key, "--json"]).refused(1).contains("disproved"));
    assert!(check(&note, &["--signer", &other.key, "--json"]).refused(1).contains("disproved"));
    assert!(check(&note, &[]).refused(1).contains("--signer"));
    assert!(check(&file, &["--signer", &shop.key]).refused(1).contains("not signed"));
    assert!(check(&file, &["--tag", "vip"]).refused(1).contains("leave out"));
    // A note that is evidence is no checkpoint, and the key's memory is as it was.
    assert!(run(&["prove", &shop.store, "1", "--checkpoint", &note]).refused(1).contains("not a checkpoint"));
    assert_eq!(
        run(&["checkpoint", "--last", "--key", &key]).ok(),
        fs::read_to_string(&shop.checkpoint).unwrap()
    );
}

/// What was signed last is given out again without the store; the environment may name the key.
#[test]
fn a_key_gives_out_again_what_it_signed_last() {
    let shop = Shop::new();
    let (key, signed) = (shop.place.path("keys/shop.key"), fs::read_to_string(&shop.checkpoint).unwrap());
    fs::remove_dir_all(&shop.store).unwrap();
    assert_eq!(run(&["checkpoint", "--last", "--key", &key]).ok(), signed);
    let named = program(&["checkpoint", "--last", "--json"]).env("TIDEGATE_KEY", &key).output().unwrap();
    let told: Value = serde_json::from_slice(&named.stdout).unwrap();
    assert_eq!((&told["size"], told["checkpoint"].as_str()), (&json!(5), Some(&*signed)));
    let unnamed = program(&["checkpoint", "--last"]).env_remove("TIDEGATE_KEY").output().unwrap();
    assert!(!unnamed.status.success());
    assert!(run(&["checkpoint", &shop.store, "--last", "--key", &key]).refused(64).contains("--last"));
}

/// A key without a checkpoint would look like a check that was made, and so would a checkpoint without a key.
#[test]
fn an_audit_says_whose_signature_it_checked() {
    let shop = Shop::new();
    let audit = |more: &[&str]| run(&[&["audit", &shop.store][..], more].concat());
    assert!(audit(&["--log-key", &shop.key]).refused(1).contains("--checkpoint"));
    let (_, warning) = audit(&["--checkpoint", &shop.checkpoint]).warned();
    assert!(warning.contains("none was checked"), "{warning}");
    audit(&["--checkpoint", &shop.checkpoint, "--log-key", &shop.key]).ok();
    let other = Shop::new();
    let error = audit(&["--checkpoint", &shop.checkpoint, "--log-key", &other.key]).refused(1);
    assert!(error.contains("origin: "), "{error}");
}

/// A key that others can read is used, and said to be one.
#[test]
fn a_key_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::new();
    let key = shop.place.path("keys/shop.key");
    let sign = || run(&["checkpoint", &shop.store, "--key", &key]);
    let signed = sign().ok();
    for mode in [0o644, 0o620, 0o601] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let (said, warning) = sign().warned();
        assert_eq!(said, signed);
        assert!(warning.contains("chmod 600"), "{warning}");
    }
}

/// A backup that was put back is not signed.
#[test]
fn an_older_copy_is_not_signed() {
    let shop = Shop::new();
    let copy = shop.place.path("copy");
    copy_folder(&shop.store, &copy);
    run(&["append", &shop.store, "--scope", "shop", "--entity", "order-9", "--kind", "order.paid"]).ok();
    shop.sign();
    let key = shop.place.path("keys/shop.key");
    let error = run(&["checkpoint", &copy, "--key", &key, "--json"]).refused(1);
    assert!(error.contains("\"older\""), "{error}");
    run(&["append", &copy, "--scope", "shop", "--entity", "order-9", "--kind", "order.lost"]).ok();
    let error = run(&["checkpoint", &copy, "--key", &key, "--json"]).refused(1);
    assert!(error.contains("\"diverged\""), "{error}");
    assert_eq!(run(&["key", &shop.store, &key]).ok().trim_end(), shop.key);
}

fn copy_folder(from: &str, to: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), format!("{to}/{}", entry.file_name().to_str().unwrap()));
        if entry.file_type().unwrap().is_dir() {
            copy_folder(from.to_str().unwrap(), &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A witness is told by its two texts: what it is sent, and what it answers.
#[test]
fn a_witness_signs_what_it_is_shown() {
    let shop = Shop::new();
    let witness = SigningKey::new("witness.example", KeyAlgorithm::Cosignature, [7; 32]).unwrap();
    let (request, vkey) = (shop.place.path("ask"), witness.verifier().to_string());
    let ask = |old: &str| {
        run(&["witness", &shop.store, "--checkpoint", &shop.checkpoint, "--request", &request, "--old", old])
            .ok();
        fs::read_to_string(&request).unwrap().parse::<WitnessRequest>().unwrap()
    };
    let answer = |status: &str, body: &str| {
        let answer = shop.place.file("answer", body);
        let files = ["--checkpoint", &shop.checkpoint, "--request", &request, "--answer", &answer];
        run(&[&["witness", "--status", status, "--witness-key", &vkey, "--json"][..], &files].concat())
    };
    ask("0");
    let error = answer("409", "2\n").refused(1);
    assert!(error.contains("--old 2"), "{error}");
    let asked = ask("2");
    assert_eq!(asked.old(), 2);
    for (status, kind) in
        [("422", "diverged"), ("404", "invalid"), ("500", "unavailable"), ("200", "invalid")]
    {
        assert!(answer(status, "").refused(1).contains(kind), "{status}");
    }
    let foreign = SigningKey::new("witness.example", KeyAlgorithm::Cosignature, [8; 32]).unwrap();
    let line = |key: &SigningKey| {
        format!("{}\n", key.cosign(asked.checkpoint().note().text(), 1_795_000_000).unwrap())
    };
    assert!(answer("200", &line(&foreign)).refused(1).contains("disproved"));
    let policy = format!("log {}\nwitness w {vkey}\nquorum w\n", shop.key);
    let policy = shop.place.file("policy", policy);
    let before = shop.prove(&["3"], "before");
    assert!(run(&["prove", "--check", &before, "--policy", &policy]).refused(1).contains("quorum: "));
    assert_eq!(answer("200", &line(&witness)).json(), [json!({"size": 5, "witness": "witness.example"})]);
    let after = shop.prove(&["3"], "after");
    let found = run(&["prove", "--check", &after, "--policy", &policy, "--json"]).json();
    assert_eq!(
        found[0]["cosigners"],
        json!([{"name": "witness.example", "time": "2026-11-18T11:06:40.000000Z"}])
    );
}
