//! Over many lives of a store, with crashes, damage and a change of version, every answer is the plain fold.

use std::fmt::Debug;

use tidegate::Event;
use tidegate::project::{Poison, Projection, Projector, ProjectorOptions, Reading, Staleness, Start};
use tidegate::testing::{Env, FaultPlan, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{AppendOptions, Draft, Position, Result, Store, StoreOptions};

use super::{Added, Counted, POISON, Sums, Taken, try_plain};

/// Numbers that look random and follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// What happened in all runs: one in which too little did would show nothing.
#[derive(Debug, Default)]
struct Seen {
    answers: u64,
    crashes: u64,
    from_saved: u64,
    rebuilt: u64,
    parked: u64,
    replaced: u64,
}

fn draft(dice: &mut Dice) -> Draft {
    const ENTITIES: [&str; 3] = ["a", "b", "c"];
    let at = ("s", ENTITIES[dice.roll(3) as usize]);
    let number = dice.roll(40).cast_signed();
    match dice.roll(8) {
        0 => Draft::new(at, "project.other"),
        1 => Draft::new(at, "project.added").message_pack(b"\xc1"),
        2 => Draft::new(at, "project.added").schema(9),
        3 => Added { number: POISON }.draft(at).unwrap(),
        4 | 5 => Taken { number }.draft(at).unwrap(),
        _ => Added { number }.draft(at).unwrap(),
    }
}

fn check<P: Projection + PartialEq + Debug>(
    store: &Store,
    reading: &Reading<P>,
    entity: Option<&str>,
    seen: &mut Seen,
) -> Result<()> {
    let (state, left_out) = try_plain::<P>(store, reading.position(), entity)?;
    assert_eq!(**reading, state, "at {}", reading.position());
    assert_eq!(reading.parked(), left_out.len());
    seen.answers += 1;
    seen.parked += left_out.len() as u64;
    Ok(())
}

/// One projector used for a while in all ways. `entity` is the one whose stream it is of.
fn use_it<P: Projection + PartialEq + Debug>(
    store: &Store,
    projector: &Projector<P>,
    entity: Option<&str>,
    dice: &mut Dice,
    seen: &mut Seen,
) -> Result<()> {
    let head = store.view()?.head().0;
    match dice.roll(6) {
        0 | 1 => {
            let reading = projector.read()?;
            assert_eq!((reading.behind(), reading.version()), (0, P::VERSION));
            check(store, &reading, entity, seen)?;
        }
        2 => {
            let most = dice.roll(20);
            let reading = projector.read_with(Staleness::positions(most))?;
            assert!(reading.behind() <= most);
            check(store, &reading, entity, seen)?;
        }
        3 => {
            let position = Position(dice.roll(head + 2));
            let reading = projector.at(position)?;
            assert_eq!(reading.position(), position.min(Position(head)));
            check(store, &reading, entity, seen)?;
        }
        4 => projector.save()?,
        _ => {
            projector.catch_up(dice.roll(5) as usize)?;
            check(store, &projector.read_with(Staleness::ANY)?, entity, seen)?;
        }
    }
    Ok(())
}

fn opened<P: Projection>(store: &Store, options: ProjectorOptions, seen: &mut Seen) -> Result<Projector<P>> {
    let projector = store.projector_with(options)?;
    match projector.start() {
        Start::New => {}
        Start::Saved(_) => seen.from_saved += 1,
        _ => seen.rebuilt += 1,
    }
    Ok(projector)
}

/// One life: until the work is done or the disk ends.
fn live(store: &Store, life: u64, dice: &mut Dice, seen: &mut Seen) -> Result<()> {
    let project = |dice: &mut Dice| {
        ProjectorOptions::new()
            .poison(Poison::Park(usize::MAX))
            .save_after((dice.roll(3) > 0).then(|| 1 + dice.roll(12)))
    };
    let of_b = project(dice).stream(("s", "b"));
    let of_b: Projector<Sums> = opened(store, of_b, seen)?;
    let old: Projector<Sums> = opened(store, project(dice), seen)?;
    if life < 3 {
        for _ in 0..30 {
            grow(store, dice)?;
            use_it(store, &old, None, dice, seen)?;
            use_it(store, &of_b, Some("b"), dice, seen)?;
        }
        return Ok(());
    }
    let new: Projector<Counted> = opened(store, project(dice), seen)?;
    let new = new.with_previous(old)?;
    for _ in 0..30 {
        grow(store, dice)?;
        let done = new.catch_up(dice.roll(40) as usize)?;
        let reading = new.read()?;
        if reading.version() == 1 {
            assert!(!done);
            let (state, _) = try_plain::<Sums>(store, reading.position(), None)?;
            assert_eq!((reading.count, &reading.inner), (0, &state));
        } else {
            seen.replaced += 1;
            check(store, &reading, None, seen)?;
            use_it(store, &new, None, dice, seen)?;
        }
    }
    Ok(())
}

fn grow(store: &Store, dice: &mut Dice) -> Result<()> {
    let drafts: Vec<Draft> = (0..=dice.roll(3)).map(|_| draft(dice)).collect();
    let append =
        if dice.roll(2) == 0 { AppendOptions::new().buffered() } else { AppendOptions::new().synced() };
    store.append_with(drafts, append).map(|_| ())
}

/// Something happens to the saved states between two openings.
fn damage(disk: &FaultyDisk, dice: &mut Dice) {
    let at_rest = disk.at_rest();
    let saved: Vec<String> =
        at_rest.names().into_iter().filter(|name| name.starts_with("projections/project.sums/")).collect();
    let Some(name) = saved.get(dice.roll(saved.len().max(1) as u64) as usize) else { return };
    let length = at_rest.read(name).unwrap().len() as u64;
    match dice.roll(6) {
        0 if length > 0 => at_rest.flip_bit(name, dice.roll(8 * length)).unwrap(),
        1 => at_rest.truncate(name, dice.roll(length + 1)).unwrap(),
        2 => at_rest.remove(name).unwrap(),
        3 => at_rest.copy(name, &saved[dice.roll(saved.len() as u64) as usize]).unwrap(),
        _ => {}
    }
}

fn lives(seed: u64, seen: &mut Seen) {
    let mut dice = Dice(seed);
    let mut disk = FaultyDisk::new(seed, Model::default());
    let (clock, random) = (SimulatedClock::new(1), SeededRandom::new(seed));
    let options = StoreOptions::new().thread(false).segment_bytes(4 << 10);
    for life in 0..6 {
        let world = Env::simulated(&disk, &clock, &random);
        let store = options.open_in(world).unwrap();
        if dice.roll(4) > 0 {
            disk.set_plan(FaultPlan::default().crash_at(1 + dice.roll(250)));
        }
        if let Err(error) = live(&store, life, &mut dice, seen) {
            assert!(disk.ended(), "seed {seed}, life {life}: {error}");
            seen.crashes += 1;
        }
        match dice.roll(3) {
            0 => disk.power_cut(dice.roll(1 << 40)),
            // The planned crash may come while closing.
            1 => drop(store.close()),
            _ => disk.kill(),
        }
        drop(store);
        disk = disk.reopen();
        damage(&disk, &mut dice);
        clock.advance(1000);
    }
}

#[test]
fn at_every_position_of_every_life() {
    let mut seen = Seen::default();
    for seed in 0..40 {
        lives(seed, &mut seen);
    }
    println!("{seen:?}");
    assert!(seen.answers > 4000 && seen.crashes > 80 && seen.parked > 10_000, "{seen:?}");
    assert!(seen.from_saved > 100 && seen.rebuilt > 40 && seen.replaced > 500, "{seen:?}");
}
