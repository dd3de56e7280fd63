//! A new version is built beside the old one, which answers until the new one has caught up.

use tidegate::project::{Projector, ProjectorOptions, Start, catch_up_all};
use tidegate::testing::{Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{ErrorKind, Position, Store, StoreOptions};

use super::{Counted, Sums, added, append, plain, store};

#[test]
fn the_old_one_answers_until_the_new_one_is_there() {
    let disk = FaultyDisk::new(1, Model::default());
    let world = Env::simulated(&disk, &SimulatedClock::new(1), &SeededRandom::new(1));
    let store = StoreOptions::new().thread(false).open_in(world).unwrap();
    append(&store, (0..10).map(|number| added("a", number)));
    let old: Projector<Sums> = store.projector().unwrap();
    old.read().unwrap();
    old.save().unwrap();
    let part: Projector<Sums> = store.projector_with(ProjectorOptions::new().stream(("s", "a"))).unwrap();
    part.save().unwrap();

    let new: Projector<Counted> = store.projector().unwrap();
    assert!(matches!(new.start(), Start::New), "a state of another version is not looked at");
    let new = new.with_previous(old).unwrap();
    let saved = || {
        let names = disk.at_rest().names_in("projections/project.sums").into_iter();
        let names = names.filter_map(|name| Some(name.strip_prefix("projections/project.sums/")?.to_owned()));
        names.filter(|name| name.starts_with("all")).collect::<Vec<_>>()
    };
    for advanced in 1..=5 {
        assert!(!new.catch_up(2).unwrap() || advanced == 5);
        if advanced == 3 {
            append(&store, [added("b", 1)]);
            new.save().unwrap();
            assert_eq!(saved(), ["all.1", "all.2"], "the one that answers is kept");
        }
        let reading = new.read().unwrap();
        assert_eq!((reading.version(), reading.count, reading.behind()), (1, 0, 0));
        assert_eq!(reading.inner, plain::<Sums>(&store, reading.position(), None).0);
    }
    assert!(new.catch_up(2).unwrap());
    let reading = new.read().unwrap();
    assert_eq!((reading.version(), reading.count, reading.position()), (2, 11, Position(11)));
    assert_eq!(saved(), ["all.2"], "no caller needs the old one any more");
    assert_eq!(disk.at_rest().names_in("projections/project.sums").len(), 2, "other parts are left alone");
    assert_eq!(catch_up_all(&[&new]).unwrap(), Position(11));
    let again: Projector<Counted> = store.projector().unwrap();
    assert!(matches!(again.start(), Start::Saved(Position(11))));
}

#[test]
fn only_an_earlier_version_of_the_same_stands_beside() {
    let (store, other) = (store(), store());
    let old = |store: &Store| store.projector::<Sums>().unwrap();
    let new = |store: &Store| store.projector::<Counted>().unwrap();
    new(&store).with_previous(old(&store)).unwrap();
    let error = new(&store).with_previous(old(&other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = old(&store).with_previous(old(&store)).unwrap_err();
    assert!(
        error.message().contains("project.sums v1 is not an earlier version of project.sums v1"),
        "{error}"
    );
}

#[test]
fn a_pass_with_others_brings_the_new_one_there_too() {
    let store = store();
    append(&store, [added("a", 1)]);
    let old: Projector<Sums> = store.projector().unwrap();
    let new: Projector<Counted> = store.projector().unwrap();
    let new = new.with_previous(old).unwrap();
    assert_eq!(new.read().unwrap().version(), 1);
    catch_up_all(&[&new]).unwrap();
    assert_eq!(new.read().unwrap().version(), 2);
}
