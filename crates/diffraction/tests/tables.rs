//! Tables of patterns in every container: round trips, and what is said about bad ones.

mod shared;

use std::fs;
use std::io::Write;
use std::path::Path;

use diffraction::Grid;
use diffraction::table::{Columns, Row, TableError, TableReader, TableWriter};
use proptest::prelude::*;

const CONTAINERS: [&str; 4] = ["t.csv", "t.csv.gz", "t.csv.zst", "t.parquet"];

fn read(path: &Path) -> Result<(Columns, Vec<Row>), TableError> {
    let mut table = TableReader::open(path)?;
    let mut rows = Vec::new();
    let mut row = Row::default();
    while table.read(&mut row)? {
        rows.push(row.clone());
    }
    assert!(!table.read(&mut row)?, "the end of a table stays the end");
    Ok((table.columns(), rows))
}

fn read_text(text: impl AsRef<[u8]>) -> Result<(Columns, Vec<Row>), TableError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.csv");
    fs::write(&path, text).expect("written");
    read(&path)
}

fn write(path: &Path, columns: Columns, grid: Option<Grid>, rows: &[Row]) {
    let mut table = TableWriter::create(path, columns, grid).expect("created");
    for row in rows {
        table.write(row).expect("written");
    }
    table.finish().expect("finished");
}

fn sample(name: &str, dense: &[f32]) -> Row {
    let mut row = Row { name: name.into(), ..Row::default() };
    row.take(dense);
    row
}

fn rows(points: usize) -> impl Strategy<Value = Vec<Row>> {
    let text = || prop::option::of("[ -~éλ]{0,6}[!-~]");
    let value = prop_oneof![
        3 => Just(0.0_f32),
        2 => 0.0_f32..1.0,
        1 => prop::sample::select(vec![f32::MIN_POSITIVE, f32::MAX, 1e-9, 123_456_790.0]),
    ];
    let row = (
        "[!-~]{1,8}",
        text(),
        text(),
        prop::option::of(0.0_f64..1.0),
        prop::option::of(0_u8..=255),
        prop::collection::vec(value, points),
    );
    let row = row.prop_map(|(name, id, formula, conductivity, label, dense)| {
        let trim = |t: Option<String>| t.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        let mut row = Row {
            name,
            id: trim(id),
            formula: trim(formula),
            conductivity,
            label,
            ..Row::default()
        };
        row.take(&dense);
        row
    });
    prop::collection::vec(row, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read_in_every_container(rows in (1_usize..20).prop_flat_map(|n| (Just(n), rows(n)))) {
        let (points, rows) = rows;
        let directory = tempfile::tempdir().expect("a directory");
        let grid = Grid::new(5.0, 0.25, points).expect("a grid");
        for name in CONTAINERS {
            let path = directory.path().join(name);
            write(&path, Columns::labeled(points), Some(grid), &rows);
            let (columns, back) = read(&path).expect("readable");
            prop_assert_eq!(columns, Columns::labeled(points));
            prop_assert_eq!(&back, &rows, "{}", name);
        }
        let parquet = TableReader::open(&directory.path().join("t.parquet")).expect("readable");
        prop_assert_eq!(parquet.grid(), Some(grid));
    }

    #[test]
    fn mangled_files_end_in_an_error_or_in_rows(
        container in 0_usize..4,
        cut in 0.0_f64..1.0,
        flips in prop::collection::vec((0.0_f64..1.0, any::<u8>()), 0..4),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(CONTAINERS[container]);
        let rows = [sample("a", &[0.0, 0.5, 0.0, 1.0]), sample("b", &[0.25, 0.0, 0.0, 1.0])];
        write(&path, Columns::unlabeled(4), None, &rows);
        let mut bytes = fs::read(&path).expect("there");
        for (at, byte) in flips {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        bytes.truncate((cut * 1.25 * bytes.len() as f64) as usize);
        fs::write(&path, bytes).expect("written");
        if let Ok((columns, rows)) = read(&path) {
            for row in rows {
                prop_assert!(row.indices.is_sorted_by(|a, b| a < b));
                prop_assert!(row.indices.iter().all(|&i| usize::from(i) < columns.points));
                prop_assert!(row.values.iter().all(|v| v.is_finite() && *v > 0.0));
            }
        }
    }
}

#[test]
fn a_table_of_many_row_groups_keeps_its_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.parquet");
    let all: Vec<Row> =
        (0..9_001_u16).map(|i| sample(&format!("s{i}"), &[f32::from(i), 0.0, 1.0])).collect();
    write(&path, Columns::unlabeled(3), None, &all);
    assert_eq!(read(&path).expect("readable").1, all);
}

#[test]
fn the_published_spelling_the_usual_one_and_any_order_are_read() {
    let text = "\u{feff}v2,Conductivity,name,v1,formula,label,id\r\n0.5,1.00E-07,\"Li, \"\"x\"\"\",0,Li2S,1.0,7\r\n";
    let (columns, rows) = read_text(text).expect("readable");
    assert_eq!(columns, Columns::labeled(2));
    assert_eq!(
        rows,
        [Row {
            name: "Li, \"x\"".into(),
            id: Some("7".into()),
            formula: Some("Li2S".into()),
            conductivity: Some(1e-7),
            label: Some(1),
            indices: vec![1],
            values: vec![0.5],
            exact: Vec::new(),
        }]
    );
}

#[test]
fn empty_cells_of_a_description_are_none() {
    let (_, rows) = read_text("formula,name,conductivity,label,v1\n,a,,,1\n").expect("readable");
    assert_eq!(rows[0], sample("a", &[1.0]));
}

/// What a bad text must be told.
#[test]
fn bad_text_is_told_its_line_column_and_sample() {
    let told = |text: &[u8]| read_text(text).map(|_| ()).expect_err("bad").to_string();
    let check = |text: &str, expected: &str| {
        let found = told(text.as_bytes());
        assert!(found.ends_with(expected), "`{text}` was told `{found}`, expected `…{expected}`");
    };
    check("name,v1\na,1\nb,x\n", "line 3, sample `b`, column `v1`: `x` is not a number");
    check("name,v1\na,nan\n", "line 2, sample `a`, column `v1`: nan is not finite");
    check("name,v1\na,inf\n", "line 2, sample `a`, column `v1`: inf is not finite");
    check("name,v1\na,1e300\n", "line 2, sample `a`, column `v1`: 1e300 is not finite");
    check("name,v1\na,-0.5\n", "line 2, sample `a`, column `v1`: -0.5 is negative");
    check("v1,name\n-0.5,a\n", "line 2, sample `a`, column `v1`: -0.5 is negative");
    check("name,v1,v2\na,1,\n", "line 2, sample `a`, column `v2`: the cell is empty");
    check("name,v1,v2\na,1\n", "line 2: 2 fields, but the header has 3");
    check("name,v1,v2\na,1,2,3\n", "line 2: 4 fields, but the header has 3");
    check("name,v1,v2\n\"a\",1,2,3\n", "line 2: 4 fields, but the header has 3");
    check("name,v1\n,1\n", "line 2: the sample has no name");
    check("name,label,v1\na,-1,1\n", "line 2, sample `a`: label `-1` is not a class number");
    check("name,label,v1\na,positive,1\n", "sample `a`: label `positive` is not a class number");
    check("name,conductivity,v1\na,<1e-9,1\n", "column `condutivity`: `<1e-9` is not a number");
    check("name,conductivity,v1\na,-1,1\n", "column `condutivity`: -1 is negative");
    check("name,v1\n\"a,1\n", "line 2: a quoted field is not closed properly");
    check("name,v1\n", "has a header but no rows");
    check("name,v1", "has a header but no rows");
    check("\n\r\n", "is empty");
    check("name,v2\na,1\n", "has no column `v1`");
    assert!(told(b"name,v1\n\xff,1\n").ends_with("line 2, column `name`: the text is not UTF-8"));
    assert!(told(b"\x89PNG\r\n\x1a\n\0\0\0").contains("is not a table of patterns"));
    assert!(told(b"PK\x03\x04 spreadsheet").contains("zip archive"));
    assert!(told(b"n\0a\0m\0e\0").contains("is not a table of patterns"));
}

#[test]
fn files_that_are_not_there_or_empty_are_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing.csv");
    assert!(matches!(read(&missing), Err(TableError::Missing { path }) if path == missing));
    assert!(matches!(read(directory.path()), Err(TableError::NotATable { .. })));
    for name in CONTAINERS {
        let path = directory.path().join(name);
        fs::write(&path, "").expect("written");
        assert!(matches!(read(&path), Err(TableError::Empty { .. })));
    }
    for bytes in [&[0x1f_u8, 0x8b][..], b"PAR1", &[0x28, 0xb5, 0x2f, 0xfd]] {
        let path = directory.path().join("stub");
        fs::write(&path, bytes).expect("written");
        assert!(matches!(
            read(&path),
            Err(TableError::Truncated { .. } | TableError::Damaged { .. })
        ));
    }
}

#[test]
fn truncated_compressed_tables_are_told_from_whole_ones() {
    let directory = tempfile::tempdir().expect("a directory");
    let dense: Vec<f32> =
        (0..500_u16).map(|i| f32::from(i.wrapping_mul(40_503)) / 65_536.0).collect();
    let all: Vec<Row> = (0..50).map(|i| sample(&format!("s{i}"), &dense[i..i + 400])).collect();
    for name in CONTAINERS {
        let path = directory.path().join(name);
        write(&path, Columns::unlabeled(400), None, &all);
        let bytes = fs::read(&path).expect("there");
        fs::write(&path, &bytes[..bytes.len() - 40]).expect("written");
        let error = read(&path).map(|_| ()).expect_err("truncated");
        match name {
            // Of plain text only the last row shows it.
            "t.csv" => assert!(
                matches!(error, TableError::RaggedRow { ref place, .. } if place.line == 51)
            ),
            "t.parquet" => {
                assert!(matches!(error, TableError::Damaged { .. } | TableError::Truncated { .. }));
            }
            _ => assert!(matches!(error, TableError::Truncated { .. }), "{error}"),
        }
    }
}

#[test]
fn two_gzip_members_are_one_table() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.csv.gz");
    let mut file = fs::File::create(&path).expect("created");
    for part in ["name,v1\na,1\n", "b,2\n"] {
        let mut encoder = flate2::write::GzEncoder::new(&mut file, flate2::Compression::fast());
        encoder.write_all(part.as_bytes()).expect("written");
        encoder.finish().expect("finished");
    }
    assert_eq!(read(&path).expect("readable").1, [sample("a", &[1.0]), sample("b", &[2.0])]);
}

#[test]
fn containers_are_told_by_content_not_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let rows = [sample("a", &[0.0, 1.0])];
    for name in CONTAINERS {
        let (path, disguise) = (directory.path().join(name), directory.path().join("t.dat"));
        write(&path, Columns::unlabeled(2), None, &rows);
        fs::rename(&path, &disguise).expect("renamed");
        assert_eq!(read(&disguise).expect("readable").1, rows);
    }
}

#[test]
fn rows_that_do_not_fit_are_refused_and_nothing_is_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.csv");
    let refuse = |row: Row| {
        let mut table = TableWriter::create(&path, Columns::unlabeled(3), None).expect("created");
        assert!(matches!(table.write(&row), Err(TableError::Misfit { .. })), "{row:?}");
    };
    refuse(sample("", &[1.0]));
    refuse(sample("a", &[0.0, 0.0, 0.0, 1.0]));
    refuse(Row { values: vec![f32::NAN], ..sample("a", &[1.0]) });
    refuse(Row { indices: vec![1, 1], values: vec![1.0, 1.0], ..sample("a", &[]) });
    refuse(Row { indices: vec![1], values: vec![], ..sample("a", &[]) });
    refuse(Row { conductivity: Some(f64::INFINITY), ..sample("a", &[1.0]) });
    assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 0);
}

#[test]
fn impossible_tables_are_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let create = |name: &str, points, grid| {
        TableWriter::create(&directory.path().join(name), Columns::unlabeled(points), grid).err()
    };
    assert!(matches!(create("t.xlsx", 3, None), Some(TableError::Extension { .. })));
    assert!(matches!(create("t.csv", 0, None), Some(TableError::Points { .. })));
    assert!(matches!(create("t.csv", 65_536, None), Some(TableError::Points { .. })));
    let other = Some(Grid::published());
    assert!(matches!(create("t.parquet", 3, other), Some(TableError::Points { .. })));
    assert!(matches!(create("none/t.csv", 3, None), Some(TableError::Unwritable { .. })));
    assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 0);
}

#[test]
fn the_published_labelled_file_is_read_whole() {
    let Some(data) = shared::data("the_published_labelled_file_is_read_whole") else { return };
    let (columns, rows) = read(&data.join("lbs.csv")).expect("readable");
    assert_eq!(columns, Columns::labeled(4501));
    assert_eq!(rows.len(), 112);
    assert_eq!(rows.iter().filter(|row| row.label == Some(0)).count(), 23);
    assert!(rows.iter().all(|row| row.indices.last() == Some(&4500)));
    assert_eq!(rows[0].formula.as_deref(), Some("Li4(B7O12)Cl"));
    assert_eq!(rows[0].conductivity, Some(1e-7));
}

#[test]
fn the_unlabelled_file_survives_parquet() {
    let Some(data) = shared::data("the_unlabelled_file_survives_parquet") else { return };
    let (columns, rows) = read(&data.join("ulbs.csv.gz")).expect("readable");
    assert_eq!((columns, rows.len()), (Columns::unlabeled(4501), 9000));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ulbs.parquet");
    write(&path, columns, Some(Grid::published()), &rows[..5000]);
    assert_eq!(read(&path).expect("readable").1, rows[..5000]);
}
