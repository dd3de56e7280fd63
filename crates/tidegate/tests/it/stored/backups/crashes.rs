//! A crash and a power cut at any call of a backup, a restore or a fork leave what was there before, or what was to be made.

use tidegate::report::backup::{RestoreOptions, RestoreUntil, back_up_in, examine_in, fork_in, restore_in};
use tidegate::testing::{Env, FaultPlan};
use tidegate::{ErrorKind, Result, StoreOptions};

use super::{backed_up, go_on, names, other, sample};
use crate::faults::stage::{History, Stage, history};
use crate::stored::access::Access;

/// The store in memory, whose files no simulated disk links, so that all are copied.
fn in_memory() -> (Env, History) {
    let env = Env::memory();
    let options = StoreOptions::new().thread(false).segment_bytes(1400);
    let store = options.open_in(env.clone()).unwrap();
    super::grow(&Stage::new(), &store, 0..12);
    let history = history(&store).unwrap();
    store.close().unwrap();
    (env, history)
}

fn is_whole(to: &Stage, intact: &History, place: &str) {
    let examined = examine_in(&to.world(), |_| ()).unwrap();
    assert!(examined.faults.is_empty(), "{place}: {:?}", examined.faults);
    let reader = to.options.open_reader_in(to.world()).unwrap();
    assert!(reader.report().damage.is_none() && reader.report().unconfirmed.is_none(), "{place}");
    assert_eq!(&history(&reader).unwrap(), intact, "{place}");
}

/// K1: the backup file is there once everything that it names is durable. The next try goes on from what is left.
fn first_backups(from: &Env, intact: &History) -> (u32, u32) {
    let (mut unfinished, mut whole) = (0, 0);
    for nth in 1.. {
        let mut to = other();
        to.disk.set_plan(FaultPlan::default().crash_at(nth));
        let made = back_up_in(from, &to.world(), |_| ());
        if !to.disk.ended() {
            to.disk.set_plan(FaultPlan::default());
            made.unwrap();
            is_whole(&to, intact, "without a crash");
            break;
        }
        let seed = nth;
        to.disk.power_cut(seed);
        to.restart();
        let place = format!("crash at call {nth}");
        if to.disk.at_rest().names().contains(&"BACKUP".to_owned()) {
            is_whole(&to, intact, &place);
            whole += 1;
        } else {
            let error = examine_in(&to.world(), |_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Missing, "{place}: {error}");
            let error = restore_in(&to.world(), &Env::memory(), &RestoreOptions::new(), |_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Missing, "{place}: {error}");
            for access in [Access::Read, Access::Write] {
                let error = to.fork().try_open(access).map(drop).unwrap_err();
                assert_eq!(
                    error.kind(),
                    ErrorKind::Missing,
                    "{place}: nothing takes it for a store: {error}"
                );
            }
            unfinished += 1;
        }
        back_up_in(from, &to.world(), |_| ()).unwrap_or_else(|error| panic!("{place}: {error}"));
        is_whole(&to, intact, &place);
        let left: Vec<_> = names(&to.disk).into_iter().filter(|name| name.contains(".tmp")).collect();
        assert!(left.is_empty(), "{place}: {left:?}");
    }
    (unfinished, whole)
}

#[test]
fn at_any_call_of_a_first_backup() {
    let (stage, intact) = sample();
    let (unfinished, whole) = first_backups(&stage.world(), &intact);
    assert!(unfinished > 20 && whole > 0, "{unfinished} unfinished, {whole} whole, linked");
    let (env, intact) = in_memory();
    let (unfinished, whole) = first_backups(&env, &intact);
    assert!(unfinished > 20 && whole > 0, "{unfinished} unfinished, {whole} whole, copied");
}

/// K1: a backup that is interrupted leaves the one before, whole.
#[test]
fn at_any_call_of_a_later_backup() {
    let (mut stage, before) = sample();
    let first = other();
    backed_up(&stage, &first);
    let after = go_on(&mut stage, 12..21);
    let (mut old, mut new) = (0, 0);
    for nth in 1.. {
        let mut to = first.fork();
        to.disk.set_plan(FaultPlan::default().crash_at(nth));
        let made = back_up_in(&stage.world(), &to.world(), |_| ());
        if !to.disk.ended() {
            to.disk.set_plan(FaultPlan::default());
            assert_eq!(made.unwrap().number, 2);
            is_whole(&to, &after, "without a crash");
            break;
        }
        to.disk.power_cut(nth);
        to.restart();
        let place = format!("crash at call {nth}");
        match examine_in(&to.world(), |_| ()).unwrap().number {
            1 => {
                is_whole(&to, &before, &place);
                // It is restored as it was, cursors and all.
                let restored = other();
                let same = RestoreOptions::new().keep_id(true);
                let report = restore_in(&to.world(), &restored.world(), &same, |_| ()).unwrap();
                assert!(report.plan.cursors.iter().all(|cursor| cursor.is_kept), "{place}");
                assert_eq!(history(&restored.open()).unwrap(), before, "{place}");
                old += 1;
            }
            _ => {
                is_whole(&to, &after, &place);
                new += 1;
            }
        }
        backed_up(&stage, &to);
        is_whole(&to, &after, &place);
    }
    assert!(old > 20 && new > 0, "{old} old, {new} new");
}

/// Crashes at every call of what fills a directory: until it is a whole store it says that it is none.
fn at_every_call(intact: &History, fill: impl Fn(&Env) -> Result<()>) {
    let (mut unfinished, mut whole) = (0, 0);
    for nth in 1.. {
        let mut new = other();
        new.disk.set_plan(FaultPlan::default().crash_at(nth));
        let done = fill(&new.world());
        if !new.disk.ended() {
            new.disk.set_plan(FaultPlan::default());
            done.unwrap();
            assert_eq!(&history(&new.open()).unwrap(), intact);
            break;
        }
        new.disk.power_cut(nth);
        new.restart();
        match new.try_open(Access::Write) {
            Ok(store) => {
                assert_eq!(&history(&store).unwrap(), intact, "crash at call {nth}");
                store.verify(|_| ()).unwrap();
                whole += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Missing, "crash at call {nth}: {error}");
                let reader = new.try_open(Access::Read).map(drop).unwrap_err();
                assert_eq!(reader.kind(), ErrorKind::Missing, "{reader}");
                unfinished += 1;
            }
        }
    }
    assert!(unfinished > 10 && whole > 0, "{unfinished} unfinished, {whole} whole");
}

#[test]
fn at_any_call_of_a_restore() {
    let (stage, intact) = sample();
    let backup = other();
    backed_up(&stage, &backup);
    for keeps in [false, true] {
        let options = RestoreOptions::new().keep_id(keeps);
        at_every_call(&intact, |to| restore_in(&backup.world(), to, &options, |_| ()).map(drop));
    }
}

#[test]
fn at_any_call_of_a_fork() {
    let (stage, intact) = sample();
    at_every_call(&intact, |to| fork_in(&stage.world(), to, RestoreUntil::All, |_| ()).map(drop));
    let (env, intact) = in_memory();
    at_every_call(&intact, |to| fork_in(&env, to, RestoreUntil::All, |_| ()).map(drop));
}
