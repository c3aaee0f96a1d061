use super::*;

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Compounds whose log-odds are known, and scores that exaggerate them threefold.
fn world(rng: &mut ChaCha8Rng, count: usize, shift: f64) -> Vec<(f64, bool)> {
    (0..count)
        .map(|_| {
            let odds = 2.4
                * (rng.random::<f64>() + rng.random::<f64>() + rng.random::<f64>() - 1.5)
                + shift;
            (logistic(3.0 * odds + 1.0), rng.random::<f64>() < logistic(odds))
        })
        .collect()
}

fn labelled(rows: &[(f64, bool)]) -> Predictions {
    let sample = |(row, (_, positive)): (usize, &(f64, bool))| {
        Sample::new(row.to_string(), u8::from(!positive))
    };
    let samples = rows.iter().enumerate().map(sample).collect();
    Predictions::new(2, samples, rows.iter().flat_map(|(s, _)| [*s, 1.0 - s]).collect()).unwrap()
}

#[test]
fn the_number_of_positives_lies_within_its_interval_as_often_as_stated() {
    let (mut within, mut all) = ([0; 3], 0);
    let mut errors = [0.0; 3];
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let known = labelled(&world(&mut rng, 110, -1.0));
        let mut pool = world(&mut rng, 2000, -1.0);
        pool.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let method = Some(CalibrationMethod::Platt);
        let maps = Maps::fit(&known, method, PriorChoice::Labelled, &[], seed).unwrap();
        let mut tally = Tally::new(&maps);
        let mut positives = 0;
        all += 1;
        for (score, positive) in &pool {
            positives += u64::from(*positive);
            tally.add(*score, maps.best.apply(*score));
            if let Some(place) = [20, 200, 2000].iter().position(|n| *n == tally.ranks) {
                let top = tally.top();
                within[place] += u32::from((top.lower..=top.upper).contains(&positives));
                errors[place] += top.expected - positives as f64;
            }
        }
    }
    let coverage = within.map(|within| f64::from(within) / f64::from(all));
    let errors = errors.map(|error| error / f64::from(all));
    eprintln!("coverage of top 20, 200, 2000: {coverage:?}; mean error {errors:?}");
    // Counts are whole numbers, so that a nominal 95 % may be more, never much less.
    assert!(coverage.iter().all(|coverage| (0.92..=1.0).contains(coverage)), "{coverage:?}");
}

#[test]
fn counts_of_few_are_exact_and_of_many_nearly_so() {
    let mut count = Count { mean: 0.0, variance: 0.0, exact: vec![1.0] };
    [0.5, 0.5, 1.0].iter().for_each(|p| count.add(*p, true));
    assert_eq!(count.exact, [0.0, 0.25, 0.5, 0.25]);
    assert_eq!((count.mean, count.variance), (2.0, 0.5));
    let (mut exact, mut normal) = (count.clone(), count);
    for step in 0..600 {
        let p = 0.1 + 0.3 * f64::from(step % 7) / 7.0;
        exact.add(p, true);
        normal.add(p, false);
    }
    // The normal law lacks the skewness γ = Σ p(1−p)(1−2p)/σ³, here 0.05, which is worth at most
    // γ/(6√(2π)) = 3.6e-3 of the distribution; a variance wrong by a tenth would be worth 2e-2.
    for k in [100, 130, 140, 150, 170] {
        assert!((exact.at_most(k) - normal.at_most(k)).abs() < 5e-3, "{k}");
    }
}

#[test]
fn the_share_of_positives_in_the_pool_is_found_and_probabilities_follow_it() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let known = labelled(&world(&mut rng, 4000, 0.0));
    // A pool of the same classes in other shares: one positive in ten.
    let drawn = world(&mut rng, 60_000, 0.0);
    let (mut positives, mut pool) = (0, Vec::new());
    for row in drawn {
        if row.1 && positives < 2000 {
            positives += 1;
            pool.push(row);
        } else if !row.1 && pool.len() - positives < 18_000 {
            pool.push(row);
        }
    }
    assert_eq!((positives, pool.len()), (2000, 20_000));
    pool.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let sketch: Vec<f64> = pool.iter().skip(2).step_by(5).map(|row| row.0).collect();
    let fit =
        |choice| Maps::fit(&known, Some(CalibrationMethod::Platt), choice, &sketch, 0).unwrap();
    let found = fit(PriorChoice::Estimated);
    assert!((found.prior.pool - 0.1).abs() < 0.02, "{:?}", found.prior);
    let expected = |maps: &Maps| pool.iter().map(|row| maps.best.apply(row.0)).sum::<f64>();
    assert!((expected(&found) - 2000.0).abs() < 300.0, "{}", expected(&found));
    assert!(expected(&fit(PriorChoice::Labelled)) > 4000.0);
    let stated = expected(&fit(PriorChoice::Stated(0.1)));
    assert!((stated - 2000.0).abs() < 200.0, "{stated}");
    assert!(matches!(
        Maps::fit(&known, None, PriorChoice::Stated(1.0), &[], 0),
        Err(ScreenError::Prior(_))
    ));
}

#[test]
fn one_class_alone_calibrates_nothing_and_says_so() {
    let rows: Vec<(f64, bool)> = (0..20).map(|i| (f64::from(i) / 20.0, true)).collect();
    let fit = |method| Maps::fit(&labelled(&rows), method, PriorChoice::Labelled, &[], 0);
    assert!(matches!(
        fit(Some(CalibrationMethod::Platt)),
        Err(ScreenError::Calibrate { rows: 20, .. })
    ));
    assert!(fit(None).is_ok());
}

#[test]
fn round_numbers_of_ranks_are_worth_a_line() {
    let maps =
        Maps::fit(&labelled(&[(0.9, true), (0.1, false)]), None, PriorChoice::Labelled, &[], 0)
            .unwrap();
    let mut tally = Tally::new(&maps);
    let round: Vec<u64> = (0..2500)
        .filter_map(|_| {
            tally.add(0.5, 0.5);
            tally.is_round().then_some(tally.ranks)
        })
        .collect();
    assert_eq!(round, [10, 20, 50, 100, 200, 500, 1000, 2000]);
}
