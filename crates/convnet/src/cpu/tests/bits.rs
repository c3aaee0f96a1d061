//! What must be bitwise the same.

use super::*;

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (architecture, length) in cases() {
        let results: Vec<_> = [1, 2, 3, 8]
            .map(|threads| {
                let pool =
                    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let mut network = network(&architecture, length, 6);
                let mut rounded = rounded(&architecture, length, 6);
                pool.install(|| [run(&mut network, 0..3), run(&mut rounded, 0..3)])
            })
            .into();
        assert!(results.iter().all(|result| *result == results[0]));
        let finite = results[0].iter().flatten().flat_map(|t| t.values()).flat_map(|t| &t.data);
        assert!(finite.into_iter().all(|x| x.is_finite()));
    }
}

#[test]
fn what_is_said_of_a_row_does_not_depend_on_what_stands_beside_it() {
    // Tiles of several algorithms, odd numbers of them in a sample, more rows than a piece has.
    let paper = (Architecture::preset("paper").expect("a preset"), 1009);
    for (architecture, length) in cases().into_iter().chain([paper]) {
        for mut network in [network(&architecture, length, 8), rounded(&architecture, length, 8)] {
            let rows = signals(35, length, 9);
            let mut ask = |rows: &Matrix| {
                [
                    network.infer(rows, Weights::Current),
                    network.embed(rows, Weights::Current),
                    network.input_gradient(rows, 1, Weights::Current),
                ]
            };
            let together = ask(&rows);
            for few in [0..1, 1..2, 3..6, 30..35] {
                let values = rows.as_slice()[few.start * length..few.end * length].to_vec();
                let answers = ask(&Matrix::from_vec(few.len(), length, values));
                for (answer, together) in answers.iter().zip(&together) {
                    for (i, row) in few.clone().enumerate() {
                        assert_eq!(answer.row(i), together.row(row), "row {row}, {architecture:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_restored_network_continues_bitwise() {
    for (architecture, length) in cases() {
        let mut whole = network(&architecture, length, 6);
        let expected = run(&mut whole, 0..5);
        let mut first = network(&architecture, length, 6);
        let [weights, average, optimizer] = run(&mut first, 0..2);
        let mut second =
            CpuNetwork::new(architecture.clone(), length, Initialization::Xavier, 1).expect("fits");
        second.restore(&weights, Some(&average), &optimizer).expect("its own state");
        assert_eq!(run(&mut second, 2..5), expected);
    }
}
