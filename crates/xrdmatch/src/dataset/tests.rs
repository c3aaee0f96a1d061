//! Reading data sets: what is kept, what is set aside, what is refused.

use super::*;

const REQUIRED: Labels = Labels::Required { classes: 2 };

fn read(text: &str) -> Result<Dataset, DatasetError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("t.csv");
    std::fs::write(&path, text).expect("written");
    Dataset::read(&path, REQUIRED, None)
}

#[test]
fn samples_keep_all_that_is_known_of_them() {
    let data = read("formula_id,index,name,condutivity,label,v1,v2,v3,v4\nLi2S,7,a,1.5e-3,0,0,1,0.5,0\n,,b,,1,2,0,1,0\n")
        .expect("a table");
    let sample = data.sample(0);
    assert_eq!(
        (
            sample.name.as_str(),
            sample.id.as_deref(),
            sample.formula.as_deref(),
            sample.conductivity,
            sample.label
        ),
        ("a", Some("7"), Some("Li2S"), Some(1.5e-3), Some(0))
    );
    assert_eq!(data.sample(1).formula, None);
    assert_eq!(data.pattern(0), (&[1, 2][..], &[1.0, 0.5][..]));
    assert_eq!(data.pattern(1), (&[0, 2][..], &[2.0, 1.0][..]));
    assert_eq!(data.grid(), Grid::new(0.0, 0.02, 4).expect("a grid"));
    assert_eq!(data.source_name(), "t.csv");
}

#[test]
fn the_last_grid_point_is_set_aside_with_a_notice() {
    let data = read("name,label,v1,v2,v3\na,0,1,0,0.00001\nb,1,0,1,0\nc,1,0,1,0.00002\n")
        .expect("a table");
    assert_eq!(data.marker(), Some(Marker { rows: 2, smallest: 1e-5, largest: 2e-5 }));
    for row in 0..3 {
        assert!(!data.pattern(row).0.contains(&2));
    }
    assert_eq!(read("name,label,v1,v2,v3\na,0,1,0,0\n").expect("a table").marker(), None);
}

#[test]
fn in_a_pattern_without_zeros_the_last_point_takes_the_smallest_value() {
    let data = read("name,label,v1,v2,v3,v4\na,0,5,9,7,100\n").expect("a table");
    assert_eq!(data.pattern(0), (&[0, 1, 2, 3][..], &[5.0, 9.0, 7.0, 5.0][..]));
    let prepared = Prepared::new(&data, crate::augment::Preparation { cut: 0.1 });
    assert_eq!(prepared.pattern(0), (&[1, 2][..], &[1.0, 0.5][..]));
}

#[test]
fn a_pattern_that_is_flat_but_for_the_last_point_is_flat() {
    for row in ["0,0,0,0.00001", "0,0,0,0", "3,3,3,3", "3,3,3,9"] {
        let error =
            read(&format!("name,label,v1,v2,v3,v4\nok,1,1,0,0,0\na,0,{row}\n")).expect_err("flat");
        assert!(
            matches!(&error, DatasetError::Flat { row: 2, sample, .. } if sample == "a"),
            "{error}"
        );
    }
}

#[test]
fn each_defect_of_a_data_set_has_its_error() {
    use DatasetError as E;
    let of = |text: &str| read(text).expect_err("defective");
    assert!(matches!(of("name,v1,v2,v3\na,0,1,0\n"), E::NoLabels { .. }));
    assert!(matches!(of("name,label,v1,v2,v3\na,,1,0,0\n"), E::NoLabel { row: 1, .. }));
    assert!(matches!(
        of("name,label,v1,v2,v3\na,0,1,0,0\nb,2,1,0,0\n"),
        E::Label { row: 2, found: 2, last: 1, .. }
    ));
    assert!(matches!(
        of("name,label,v1,v2,v3\na,0,1,0,0\nb,0,1,0,0\na,1,1,0,0\n"),
        E::DuplicateName { first: 1, second: 3, .. }
    ));
    assert!(matches!(of("name,label,v1,v2\na,0,1,0\n"), E::TooFewPoints { points: 2, .. }));
    assert!(matches!(of("name,label,v1,v2,v3\na,0,NaN,0,0\n"), E::Table(_)));
    assert!(matches!(
        Dataset::read(Path::new("absent.csv"), REQUIRED, None),
        Err(E::Read { .. } | E::Table(_))
    ));
    let three = Grid::new(10.0, 0.05, 4).ok();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("t.csv");
    std::fs::write(&path, "name,label,v1,v2,v3\na,0,1,0,0\n").expect("written");
    assert!(matches!(
        Dataset::read(&path, REQUIRED, three),
        Err(E::StatedGrid { found: 3, stated: 4, .. })
    ));
}

#[test]
fn data_sets_on_different_grids_are_refused() {
    let one = read("name,label,v1,v2,v3,v4\na,0,1,0,0,0\n").expect("a table");
    let other = read("name,label,v1,v2,v3\na,0,1,0,0\n").expect("a table");
    assert!(one.check_same_grid(&one).is_ok());
    assert!(matches!(one.check_same_grid(&other), Err(DatasetError::Grids { .. })));
}

#[test]
fn chunks_together_are_the_whole_table() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("t.csv");
    let rows: String = (0..23).map(|i| format!("s{i},{},{},0,1\n", i % 2, i + 2)).collect();
    std::fs::write(&path, format!("name,label,v1,v2,v3\n{rows}")).expect("written");
    let whole = Dataset::read(&path, REQUIRED, None).expect("a table");
    for size in [1, 5, 23, 100] {
        let mut row = 0;
        for chunk in Chunks::open(&path, REQUIRED, None, size).expect("a table") {
            let chunk = chunk.expect("a chunk");
            assert!(chunk.len() <= size);
            for inner in 0..chunk.len() {
                assert_eq!(chunk.sample(inner), whole.sample(row));
                assert_eq!(chunk.pattern(inner), whole.pattern(row));
                row += 1;
            }
        }
        assert_eq!(row, whole.len());
    }
}

#[test]
fn a_duplicate_in_a_later_chunk_is_found_with_its_row() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("t.csv");
    std::fs::write(&path, "name,v1,v2,v3\na,1,0,0\nb,1,0,0\na,1,0,0\n").expect("written");
    let mut chunks =
        Chunks::open(&path, Labels::Optional { classes: 2 }, None, 1).expect("a table");
    let last = chunks.nth(2).expect("a third chunk");
    assert!(matches!(last, Err(DatasetError::DuplicateName { first: 1, second: 3, .. })));
}
