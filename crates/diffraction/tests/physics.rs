//! Physics that every simulation must obey, on random crystals.

use diffraction::simulate::{Peak, Recipe, reflections, simulate};
use diffraction::structure::{AsymmetricSite, Occupant};
use diffraction::symmetry::{Operation, SpaceGroupHint, Symmetry, space_group_operations};
use diffraction::{Element, Lattice, Structure};
use proptest::prelude::*;

type Atoms = Vec<(Element, [f64; 3])>;

fn element() -> impl Strategy<Value = Element> {
    prop::sample::select(vec![1_u8, 3, 8, 16, 22, 26, 57, 83])
        .prop_map(|z| Element::from_number(z).expect("an element"))
}

fn atoms() -> impl Strategy<Value = Atoms> {
    prop::collection::vec((element(), prop::array::uniform3(0.0_f64..1.0)), 1..7)
}

fn lattice() -> impl Strategy<Value = Lattice> {
    let lengths = prop::array::uniform3(3.0_f64..9.0);
    let angles = prop::array::uniform3(65.0_f64..112.0);
    (lengths, angles).prop_filter_map("a cell", |(l, a)| Lattice::from_parameters(l, a).ok())
}

fn structure(lattice: Lattice, atoms: &[(Element, [f64; 3])]) -> Structure {
    Structure::from_atoms("random".into(), lattice, atoms)
}

/// |F|² by the definition, for one sign of hkl, with real form factors.
fn f_squared_by_definition(structure: &Structure, hkl: [i32; 3], recipe: &Recipe) -> f64 {
    let metric = structure.lattice.reciprocal_metric();
    let h = hkl.map(f64::from);
    let g_squared: f64 = (0..3)
        .flat_map(|i| (0..3).map(move |j| (i, j)))
        .map(|(i, j)| h[i] * metric[i][j] * h[j])
        .sum();
    let (mut real, mut imaginary) = (0.0, 0.0);
    for site in structure.sites() {
        for occupant in &structure.kinds()[site.kind as usize].occupants {
            let f =
                occupant.occupancy * recipe.form_factors.value(occupant.element, g_squared / 4.0);
            let turns: f64 = h.iter().zip(site.position).map(|(h, x)| h * x).sum();
            let (sin, cos) = (std::f64::consts::TAU * turns).sin_cos();
            real += f * cos;
            imaginary += f * sin;
        }
    }
    real * real + imaginary * imaginary
}

/// Peaks of two descriptions of one crystal: the same, but for what lies on the edge of being
/// dropped.
fn assert_same_pattern(one: &[Peak], other: &[Peak]) -> Result<(), TestCaseError> {
    for (left, right) in [(one, other), (other, one)] {
        for peak in left.iter().filter(|peak| peak.intensity > 0.01) {
            // Peaks that nearly coincide may be merged in one and not in the other.
            let sum = |peaks: &[Peak]| -> f64 {
                let near = peaks.iter().filter(|p| (p.two_theta - peak.two_theta).abs() < 1e-4);
                near.map(|p| p.intensity).sum()
            };
            let (a, b) = (sum(left), sum(right));
            prop_assert!((a - b).abs() < 1e-5 + 1e-6 * a, "{} and {} at {}", a, b, peak.two_theta);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn structure_factors_equal_their_definition(lattice in lattice(), atoms in atoms()) {
        let structure = structure(lattice, &atoms);
        let recipe = Recipe::paper();
        let found = reflections(&structure, &recipe).expect("reflections");
        let scale = found.iter().map(|r| r.f_squared).fold(0.0, f64::max);
        for reflection in &found {
            let expected = f_squared_by_definition(&structure, reflection.hkl, &recipe);
            prop_assert!((reflection.f_squared - expected).abs() < 1e-10 * scale);
        }
    }

    #[test]
    fn friedel_opposites_are_as_strong_without_anomalous_scattering(
        lattice in lattice(), atoms in atoms(),
    ) {
        let structure = structure(lattice, &atoms);
        let recipe = Recipe::paper();
        let found = reflections(&structure, &recipe).expect("reflections");
        let scale = found.iter().map(|r| r.f_squared).fold(0.0, f64::max);
        for reflection in &found {
            let opposite = reflection.hkl.map(|x| -x);
            let expected = f_squared_by_definition(&structure, opposite, &recipe);
            prop_assert!((reflection.f_squared - expected).abs() < 1e-10 * scale);
        }
    }

    /// With anomalous scattering the two of a pair differ, but a powder shows both at one angle: a
    /// crystal and its inverse have one pattern.
    #[test]
    fn a_crystal_and_its_inverse_have_one_pattern(lattice in lattice(), atoms in atoms()) {
        let inverse: Atoms = atoms.iter().map(|&(e, x)| (e, x.map(|x| 1.0 - x))).collect();
        for recipe in [Recipe::paper(), Recipe::physical()] {
            assert_same_pattern(
                &simulate(&structure(lattice, &atoms), &recipe).expect("peaks"),
                &simulate(&structure(lattice, &inverse), &recipe).expect("peaks"),
            )?;
        }
    }

    #[test]
    fn primitive_and_centred_cells_have_one_pattern(
        lattice in lattice(), atoms in atoms(), centring in 0_usize..5,
    ) {
        // Basis of the primitive cell in that of the centred one, as rows; and the points added.
        type Centring = ([[f64; 3]; 3], &'static [[f64; 3]]);
        let h = 0.5;
        let t = 1.0 / 3.0;
        let centrings: [Centring; 5] = [
            ([[h, 0.0, h], [h, h, 0.0], [0.0, h, h]], &[[0.5, 0.0, 0.5], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]),
            ([[-h, h, h], [h, -h, h], [h, h, -h]], &[[0.5, 0.5, 0.5]]),
            ([[h, h, 0.0], [-h, h, 0.0], [0.0, 0.0, 1.0]], &[[0.5, 0.5, 0.0]]),
            ([[1.0, 0.0, 0.0], [0.0, h, h], [0.0, -h, h]], &[[0.0, 0.5, 0.5]]),
            (
                [[2.0 * t, t, t], [-t, t, t], [-t, -2.0 * t, t]],
                &[[2.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], [1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]],
            ),
        ];
        let (basis, added) = centrings[centring];
        let mut centred = atoms.clone();
        for shift in added {
            let moved = |&(e, x): &(Element, [f64; 3])| (e, std::array::from_fn(|i| x[i] + shift[i]));
            centred.extend(atoms.iter().map(moved));
        }
        let rows = lattice.rows();
        let primitive_rows = basis.map(|row| {
            std::array::from_fn(|i| (0..3).map(|j| row[j] * rows[j][i]).sum::<f64>())
        });
        let primitive_lattice = Lattice::from_rows(primitive_rows).expect("a lattice");
        // x in the centred basis is x · B⁻¹ in the primitive one.
        let inverse = inverse(basis);
        let primitive: Atoms = atoms
            .iter()
            .map(|&(e, x)| {
                (e, std::array::from_fn(|j| (0..3).map(|i| x[i] * inverse[i][j]).sum()))
            })
            .collect();
        let recipe = Recipe::paper();
        assert_same_pattern(
            &simulate(&structure(lattice, &centred), &recipe).expect("peaks"),
            &simulate(&structure(primitive_lattice, &primitive), &recipe).expect("peaks"),
        )?;
    }

    /// h R = h and h·t not whole for an operation (R, t) make a reflection vanish, in any setting of
    /// any group; the atoms are listed, so that the program knows of no symmetry.
    #[test]
    fn reflections_that_an_operation_forbids_are_absent(
        hall in 1_i32..=530, seed in lattice(), unit in atoms(),
    ) {
        let symbol = moyo_hall_symbol(hall);
        let hint = SpaceGroupHint { hall: Some(&symbol), ..SpaceGroupHint::default() };
        let operations = space_group_operations(hint, &seed).expect("a group");
        let lattice = symmetrised(&seed, &operations);
        let images = |&(e, x): &(Element, [f64; 3])| {
            operations.iter().map(|o| (e, image(o, x))).collect::<Atoms>()
        };
        let listed: Atoms = unit.iter().take(2).flat_map(images).collect();
        let recipe = Recipe { two_theta: (5.0, 70.0), ..Recipe::paper() };
        let found = reflections(&structure(lattice, &listed), &recipe).expect("reflections");
        let scale = found.iter().map(|r| r.f_squared).fold(0.0, f64::max);
        for reflection in found.iter().filter(|r| is_forbidden(r.hkl, &operations)) {
            prop_assert!(reflection.f_squared < 1e-18 * scale, "{} {:?}", symbol, reflection);
        }
    }

    #[test]
    fn every_reflection_in_range_is_found_once(lattice in lattice(), atoms in atoms()) {
        let structure = structure(lattice, &atoms);
        let recipe = Recipe { two_theta: (10.0, 70.0), ..Recipe::paper() };
        let found = reflections(&structure, &recipe).expect("reflections");
        let metric = lattice.reciprocal_metric();
        let g = |t: f64| (2.0 * (t / 2.0).to_radians().sin() / recipe.wavelength.angstrom()).powi(2);
        let mut expected = 0_usize;
        for h in -9_i32..=9 {
            for k in -9_i32..=9 {
                for l in -9_i32..=9 {
                    let v = [h, k, l].map(f64::from);
                    let g_squared: f64 = (0..3)
                        .map(|i| v[i] * (0..3).map(|j| metric[i][j] * v[j]).sum::<f64>())
                        .sum();
                    expected += usize::from((g(10.0)..=g(70.0)).contains(&g_squared));
                }
            }
        }
        prop_assert_eq!(found.iter().map(|r| r.multiplicity as usize).sum::<usize>(), expected);
    }

    #[test]
    fn peaks_obey_braggs_law(lattice in lattice(), atoms in atoms()) {
        let recipe = Recipe::paper();
        for peak in simulate(&structure(lattice, &atoms), &recipe).expect("peaks") {
            let sine = (peak.two_theta / 2.0).to_radians().sin();
            prop_assert!((2.0 * peak.d * sine - recipe.wavelength.angstrom()).abs() < 1e-12);
        }
    }

    #[test]
    fn the_origin_does_not_matter(
        lattice in lattice(), atoms in atoms(), shift in prop::array::uniform3(0.0_f64..1.0),
    ) {
        let moved: Atoms = atoms
            .iter()
            .map(|&(e, x)| (e, std::array::from_fn(|i| x[i] + shift[i])))
            .collect();
        let recipe = Recipe::paper();
        assert_same_pattern(
            &simulate(&structure(lattice, &atoms), &recipe).expect("peaks"),
            &simulate(&structure(lattice, &moved), &recipe).expect("peaks"),
        )?;
    }

    #[test]
    fn the_choice_of_cell_does_not_matter(
        lattice in lattice(), atoms in atoms(), times in 1_i32..4, shear in -1_i32..2,
    ) {
        // a' = times · a, b' = b + shear · a, c' = c.
        let [a, b, c] = lattice.rows();
        let (n, m) = (f64::from(times), f64::from(shear));
        let rows = [
            a.map(|x| n * x),
            std::array::from_fn(|i| b[i] + m * a[i]),
            c,
        ];
        let other = Lattice::from_rows(rows).expect("a lattice");
        let mut repeated = Atoms::new();
        for &(e, [x, y, z]) in &atoms {
            for copy in 0..times {
                repeated.push((e, [(x - m * y + f64::from(copy)) / n, y, z]));
            }
        }
        let recipe = Recipe::paper();
        assert_same_pattern(
            &simulate(&structure(lattice, &atoms), &recipe).expect("peaks"),
            &simulate(&structure(other, &repeated), &recipe).expect("peaks"),
        )?;
    }

    #[test]
    fn symmetry_changes_the_speed_and_not_the_pattern(
        hall in 1_i32..=530,
        seed in lattice(),
        unit in atoms(),
        special in prop::array::uniform3(prop::sample::select(vec![0.0, 0.25, 0.5, 0.125, 0.31])),
        physical in any::<bool>(),
    ) {
        let symbol = moyo_hall_symbol(hall);
        let hint = SpaceGroupHint { hall: Some(&symbol), ..SpaceGroupHint::default() };
        let operations = space_group_operations(hint, &seed).expect("a group");
        let lattice = symmetrised(&seed, &operations);
        let mut sites: Vec<AsymmetricSite> = unit.iter().take(3).map(|&(e, x)| site(e, x)).collect();
        sites[0].position = special;
        sites.dedup_by_key(|s| s.position);
        let symmetric =
            Structure::from_asymmetric_unit("s".into(), lattice, &sites, &operations).expect("a structure");
        prop_assert_eq!(symmetric.symmetry().order(), Symmetry::of(&operations).expect("a group").order());
        let listed: Atoms = symmetric
            .sites()
            .iter()
            .map(|s| (symmetric.kinds()[s.kind as usize].occupants[0].element, s.position))
            .collect();
        let recipe = if physical { Recipe::physical() } else { Recipe::paper() };
        assert_same_pattern(
            &simulate(&symmetric, &recipe).expect("peaks"),
            &simulate(&structure(lattice, &listed), &recipe).expect("peaks"),
        )?;
    }
}

/// The image of a point under an operation.
fn image(operation: &Operation, x: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| {
        let row = operation.rotation[i].map(f64::from);
        row.iter().zip(x).map(|(r, x)| r * x).sum::<f64>() + operation.translation[i]
    })
}

/// Whether an operation keeps the reflection and turns its phase.
fn is_forbidden(hkl: [i32; 3], operations: &[Operation]) -> bool {
    operations.iter().any(|operation| {
        let turned: [i32; 3] = std::array::from_fn(|j| {
            (0..3).map(|i| hkl[i] * i32::from(operation.rotation[i][j])).sum()
        });
        let turns: f64 =
            hkl.iter().zip(operation.translation).map(|(&h, t)| f64::from(h) * t).sum();
        turned == hkl && (turns - turns.round()).abs() > 1e-3
    })
}

/// The inverse of a 3 × 3 matrix, by cofactors.
fn inverse(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let cofactor = |i: usize, j: usize| {
        let (r, s, c, d) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
        m[r][c] * m[s][d] - m[r][d] * m[s][c]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| cofactor(j, i) / determinant))
}

fn moyo_hall_symbol(hall: i32) -> String {
    moyo::data::hall_symbol_entry(hall).expect("an entry").hall_symbol.to_owned()
}

fn site(element: Element, position: [f64; 3]) -> AsymmetricSite {
    AsymmetricSite {
        label: element.symbol().into(),
        occupant: Occupant::of(element),
        position,
        tolerance: 1e-4,
        displacement_b: None,
    }
}

/// A lattice whose metric the operations keep: the mean of Rᵀ G R, as vectors.
fn symmetrised(seed: &Lattice, operations: &[Operation]) -> Lattice {
    let metric = seed.metric();
    let mut mean = [[0.0; 3]; 3];
    for operation in operations {
        let r = operation.rotation.map(|row| row.map(f64::from));
        for (i, row) in mean.iter_mut().enumerate() {
            for (j, entry) in row.iter_mut().enumerate() {
                let pairs = (0..3).flat_map(|k| (0..3).map(move |l| (k, l)));
                let turned: f64 = pairs.map(|(k, l)| r[k][i] * metric[k][l] * r[l][j]).sum();
                *entry += turned / operations.len() as f64;
            }
        }
    }
    // Cholesky: rows of L have the products that the metric asks for.
    let mut rows = [[0.0_f64; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let rest = mean[i][j] - (0..j).map(|k| rows[i][k] * rows[j][k]).sum::<f64>();
            rows[i][j] = if i == j { rest.sqrt() } else { rest / rows[j][j] };
        }
    }
    Lattice::from_rows(rows).expect("a lattice")
}

/// Every reflection of a group that the International Tables call absent is, and others are not.
#[test]
fn systematic_absences_are_those_of_the_international_tables() {
    type Condition = fn([i32; 3]) -> bool;
    let groups: [(&str, [f64; 3], [f64; 3], Condition); 5] = [
        ("F m -3 m", [6.0; 3], [90.0; 3], |[h, k, l]| (h + k) % 2 != 0 || (k + l) % 2 != 0),
        ("I m -3 m", [5.0; 3], [90.0; 3], |[h, k, l]| (h + k + l) % 2 != 0),
        ("P 1 21/c 1", [5.0, 6.0, 7.0], [90.0, 101.0, 90.0], |[h, k, l]| {
            (k == 0 && l % 2 != 0) || (h == 0 && l == 0 && k % 2 != 0)
        }),
        ("P n m a", [5.0, 6.0, 7.0], [90.0; 3], |[h, k, l]| {
            (h == 0 && (k + l) % 2 != 0) || (l == 0 && h % 2 != 0)
        }),
        ("P 63", [6.0, 6.0, 7.0], [90.0, 90.0, 120.0], |[h, k, l]| h == 0 && k == 0 && l % 2 != 0),
    ];
    let lithium = Element::from_number(3).expect("lithium");
    let oxygen = Element::from_number(8).expect("oxygen");
    for (symbol, lengths, angles, is_absent) in groups {
        let lattice = Lattice::from_parameters(lengths, angles).expect("a lattice");
        let hint = SpaceGroupHint { hermann_mauguin: Some(symbol), ..SpaceGroupHint::default() };
        let operations = space_group_operations(hint, &lattice).expect("a group");
        let unit = [site(lithium, [0.113, 0.207, 0.341]), site(oxygen, [0.371, 0.059, 0.153])];
        let symmetric = Structure::from_asymmetric_unit("s".into(), lattice, &unit, &operations)
            .expect("a structure");
        let found = reflections(&symmetric, &Recipe::paper()).expect("reflections");
        let strongest = found.iter().map(|r| r.f_squared).fold(0.0, f64::max);
        let (mut absent, mut present) = (0, 0);
        for reflection in &found {
            if is_absent(reflection.hkl) {
                absent += 1;
                assert!(reflection.f_squared < 1e-20 * strongest, "{symbol} {:?}", reflection.hkl);
            } else {
                present += 1;
                assert!(reflection.f_squared > 1e-12 * strongest, "{symbol} {:?}", reflection.hkl);
            }
        }
        // Centring is left out while walking, so nothing is left to vanish.
        let is_centred = symbol.starts_with(['F', 'I']);
        assert!(present > 5 && (absent > 0) != is_centred, "{symbol}: {present}, {absent}");
    }
}
