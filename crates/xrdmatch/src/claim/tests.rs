//! Tests of claims: of several, one holds; what was lost is known.

use super::*;

fn directory() -> (tempfile::TempDir, Place) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = Place::new(directory.path(), "claim");
    (directory, place)
}

fn held(place: &Place, seconds: u32) -> Claim {
    match attempt(place, seconds, &mut Sightings::default()).expect("attempted") {
        Attempt::Held(claim) => claim,
        Attempt::Busy(holder) => panic!("busy: {holder}"),
    }
}

/// A claim as a process on another machine writes it.
fn foreign(place: &Place, number: u32, seconds: u32, state: &str, count: u64) {
    let head = format!(
        r#"{{"host":"node7","process":42,"job":"Slurm job 5_1","since":"","seconds":{seconds},"system":{{"host":"node7","boot":"b","processes":"p"}},"began":1,"token":"t{number}"}}"#
    );
    std::fs::write(place.path(number), format!("{head}\n{}", line(state, count))).expect("written");
}

#[test]
fn a_claim_is_held_once_and_free_after_it_was_left() {
    let (_directory, place) = directory();
    let first = held(&place, 60);
    first.confirm().expect("held");
    let second = attempt(&place, 60, &mut Sightings::default()).expect("attempted");
    assert!(matches!(second, Attempt::Busy(holder) if holder.process == std::process::id()));
    drop(first);
    let third = held(&place, 60);
    third.confirm().expect("held");
    assert_eq!(third.pulse.number, 2, "numbers grow");
    let left = std::fs::read_dir(&place.directory).expect("listed").count();
    assert_eq!(left, 1, "older claims are removed");
}

#[test]
fn of_many_attempts_at_one_instant_one_holds() {
    let (_directory, place) = directory();
    for round in 0..20 {
        let start = std::sync::Barrier::new(8);
        let claims: Vec<Option<Claim>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        match attempt(&place, 60, &mut Sightings::default()).expect("attempted") {
                            Attempt::Held(claim) => Some(claim),
                            Attempt::Busy(_) => None,
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("joined")).collect()
        });
        let held: Vec<Claim> = claims.into_iter().flatten().collect();
        assert_eq!(held.len(), 1, "round {round}");
        held[0].confirm().expect("held");
    }
}

#[test]
fn a_claim_of_another_machine_is_respected_while_it_moves_and_taken_when_it_does_not() {
    let (_directory, place) = directory();
    let mut sightings = Sightings::default();
    let mut busy = |place: &Place| match attempt(place, 60, &mut sightings).expect("attempted") {
        Attempt::Busy(holder) => Some(holder),
        Attempt::Held(claim) => {
            claim.confirm().expect("held");
            None
        }
    };
    foreign(&place, 3, 1, HELD, 0);
    assert_eq!(busy(&place).expect("busy").to_string(), "process 42 on node7 (Slurm job 5_1)");
    for count in 1..4 {
        std::thread::sleep(Duration::from_millis(600));
        foreign(&place, 3, 1, HELD, count);
        assert!(busy(&place).is_some(), "it moves");
    }
    let still = Instant::now();
    while busy(&place).is_some() {
        assert!(still.elapsed() < Duration::from_secs(60), "never taken over");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(still.elapsed() >= Duration::from_millis(900), "{:?}", still.elapsed());
    assert!(!place.path(3).exists() && place.path(4).exists());
}

#[test]
fn a_claim_that_another_machine_left_is_free_at_once() {
    let (_directory, place) = directory();
    foreign(&place, 1, 1000, LEFT, 7);
    assert_eq!(held(&place, 60).pulse.number, 2);
}

#[test]
fn who_was_thought_dead_finds_the_claim_lost_and_does_not_touch_it() {
    let (_directory, place) = directory();
    let claim = held(&place, 60);
    foreign(&place, 2, 60, HELD, 0);
    let before = std::fs::read(place.path(2)).expect("read");
    let lost = claim.confirm().expect_err("lost");
    assert!(lost.to_string().contains("lost to process 42 on node7"), "{lost}");
    drop(claim);
    assert_eq!(std::fs::read(place.path(2)).expect("read"), before);
    // The new holder removed the old claim, and was itself replaced.
    let (_directory, place) = directory();
    let claim = held(&place, 60);
    std::fs::remove_file(place.path(1)).expect("removed");
    assert!(matches!(claim.confirm(), Err(ClaimError::Lost { by: None, .. })));
    foreign(&place, 1, 60, HELD, 0);
    assert!(matches!(claim.confirm(), Err(ClaimError::Lost { by: Some(_), .. })));
}

#[test]
fn a_holder_gives_signs_of_life() {
    let (_directory, place) = directory();
    let claim = held(&place, 1);
    let first = std::fs::read(place.path(1)).expect("read");
    let began = Instant::now();
    while std::fs::read(place.path(1)).expect("read") == first {
        assert!(began.elapsed() < Duration::from_secs(60), "no sign of life");
        std::thread::sleep(Duration::from_millis(5));
    }
    claim.confirm().expect("held");
}

#[test]
fn damaged_claims_are_somebodys_for_now() {
    for contents in ["", "{", "\n\n", "held", "nonsense\nheld 1\n", "{}\nheld 0\n"] {
        let (_directory, place) = directory();
        std::fs::write(place.path(1), contents).expect("written");
        let found = attempt(&place, 60, &mut Sightings::default()).expect("attempted");
        assert!(matches!(found, Attempt::Busy(_)), "{contents:?}");
    }
}
