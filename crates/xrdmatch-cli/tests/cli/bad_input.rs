//! Bad input: each a clear error that names file, line, column or sample, exit code 3, and nothing
//! half-written.

use std::io::Write;
use std::process::Command;

use crate::fixture::{Fixture, POINTS, shared_data, stderr};

/// Trains with a changed labelled file and expects refusal with all of some words.
fn refused(fixture: &Fixture, labeled: &[u8], words: &[&str]) {
    std::fs::write(fixture.path("bad.csv"), labeled).expect("written");
    refused_file(fixture, "bad.csv", words);
}

fn refused_file(fixture: &Fixture, name: &str, words: &[&str]) {
    let arguments = [
        "train",
        "--labeled",
        name,
        "--unlabeled",
        "ulbs.csv",
        "--config",
        "small.toml",
        "--run",
        "bad",
    ];
    let text = fixture.fails(3, &arguments);
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
    assert!(!fixture.path("bad").exists(), "no run is begun on bad input");
    assert!(fixture.files(".cache").iter().all(|path| !path.to_string_lossy().contains(".tmp-")));
}

/// The labelled file with one cell of one sample replaced.
fn with_cell(fixture: &Fixture, sample: &str, column: &str, value: &str) -> String {
    let text = fixture.read("lbs.csv");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let place = header.split(',').position(|name| name == column).expect("a column");
    let mut out = format!("{header}\n");
    for line in lines {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[2] == sample {
            cells[place] = value;
        }
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

#[test]
fn files_that_are_no_tables_are_refused() {
    let fixture = Fixture::new();
    refused_file(&fixture, "absent.csv", &["absent.csv"]);
    refused_file(&fixture, ".", &[]);
    refused(&fixture, b"", &["bad.csv", "empty"]);
    refused(&fixture, b"hello world\n", &["bad.csv"]);
    refused(&fixture, &[0x89, b'P', b'N', b'G', 0, 1, 2, 255], &["bad.csv"]);
    let header = fixture.read("lbs.csv").lines().next().expect("a header").to_owned() + "\n";
    refused(&fixture, header.as_bytes(), &["bad.csv"]);
}

#[test]
fn missing_and_extra_columns_are_named() {
    let fixture = Fixture::new();
    let text = fixture.read("lbs.csv");
    refused(&fixture, text.replacen(",v17,", ",w17,", 1).as_bytes(), &["bad.csv", "w17"]);
    refused(&fixture, text.replacen(",name,", ",nome,", 1).as_bytes(), &["bad.csv", "nome"]);
    refused(&fixture, text.replacen(",v17,", ",v16,", 1).as_bytes(), &["bad.csv", "v16"]);
    refused(
        &fixture,
        text.replacen(&format!(",v{POINTS}"), ",v999", 1).as_bytes(),
        &["bad.csv", &format!("v{POINTS}")],
    );
    let short = text.replacen("Li2S,3,l3,", "Li2S,3,l3,0,", 1);
    refused(&fixture, short.as_bytes(), &["bad.csv", "5"]);
    refused(&fixture, fixture.read("ulbs.csv").as_bytes(), &["bad.csv", "label"]);
}

#[test]
fn cells_that_are_no_intensities_are_named() {
    let fixture = Fixture::new();
    for value in ["abc", "NaN", "inf", "-inf", "-0.5", "", "1e999", "0x10"] {
        let text = with_cell(&fixture, "l3", "v17", value);
        refused(&fixture, text.as_bytes(), &["bad.csv", "v17", "l3"]);
    }
}

#[test]
fn samples_that_cannot_be_used_are_named() {
    let fixture = Fixture::new();
    let text = fixture.read("lbs.csv");
    let flat: Vec<String> = text
        .lines()
        .map(|line| match line.split(',').nth(2) {
            Some("l4") => format!("Li2S,4,l4,1e-3,0{}", ",0".repeat(POINTS)),
            _ => line.to_owned(),
        })
        .collect();
    refused(&fixture, flat.join("\n").as_bytes(), &["bad.csv", "l4", "flat"]);
    refused(
        &fixture,
        text.replace(",l5,", ",l6,").as_bytes(),
        &["bad.csv", "l6", "row 6", "row 7"],
    );
    refused(
        &fixture,
        with_cell(&fixture, "l3", "label", "2").as_bytes(),
        &["bad.csv", "l3", "label 2"],
    );
    refused(
        &fixture,
        with_cell(&fixture, "l3", "label", "yes").as_bytes(),
        &["bad.csv", "label", "yes"],
    );
    refused(
        &fixture,
        with_cell(&fixture, "l3", "label", "").as_bytes(),
        &["bad.csv", "l3", "label"],
    );
}

#[test]
fn labels_that_do_not_suffice_are_counted() {
    let fixture = Fixture::new();
    let header_and = |keep: &dyn Fn(usize) -> bool| {
        let text = fixture.read("lbs.csv");
        let lines: Vec<&str> = text
            .lines()
            .enumerate()
            .filter(|(line, _)| *line == 0 || keep(line - 1))
            .map(|(_, text)| text)
            .collect();
        lines.join("\n")
    };
    refused(&fixture, header_and(&|row| row >= 24).as_bytes(), &["bad.csv", "label 0"]);
    refused(&fixture, header_and(&|row| row >= 18).as_bytes(), &["bad.csv", "label 0", "10", "6"]);
    let text = fixture.fails(3, &fixture.train("r", &["--labeled-per-class", "25"]));
    assert!(text.contains("25") && text.contains("24"), "{text}");
}

#[test]
fn files_on_different_grids_are_refused() {
    let fixture = Fixture::new();
    let longer: Vec<String> = fixture
        .read("ulbs.csv")
        .lines()
        .enumerate()
        .map(
            |(line, text)| {
                if line == 0 { format!("{text},v{}", POINTS + 1) } else { format!("{text},0") }
            },
        )
        .collect();
    fixture.write("longer.csv", &longer.join("\n"));
    let text = fixture.fails(
        3,
        &[
            "train",
            "--labeled",
            "lbs.csv",
            "--unlabeled",
            "longer.csv",
            "--config",
            "small.toml",
            "--run",
            "r",
        ],
    );
    assert!(
        text.contains("lbs.csv has 240 points") && text.contains("longer.csv has 241 points"),
        "{text}"
    );
    assert!(!fixture.path("r").exists());
}

#[test]
fn truncated_compression_is_refused() {
    let fixture = Fixture::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(fixture.read("lbs.csv").as_bytes()).expect("compressed");
    let whole = encoder.finish().expect("compressed");
    for part in [whole.len() / 2, whole.len() - 4, 15] {
        refused(&fixture, &whole[..part], &["bad.csv"]);
    }
}

#[test]
fn a_run_of_another_configuration_or_data_is_left_alone() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    let before = fixture.files("r");
    let text = fixture.fails(3, &fixture.train("r", &["--epochs", "9"]));
    assert!(text.contains("training.epochs is 6 there, 9 here"), "{text}");
    std::fs::write(fixture.path("lbs.csv"), fixture.read("lbs.csv").replace("l53", "l99"))
        .expect("written");
    let text = fixture.fails(3, &fixture.train("r", &[]));
    assert!(text.contains("the labelled file is another"), "{text}");
    assert_eq!(fixture.files("r"), before);
}

#[test]
fn a_run_of_a_newer_version_or_a_damaged_manifest_is_left_alone() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    let manifest = fixture.read("r/manifest.json");
    fixture.write("r/manifest.json", &manifest.replacen("\"format\": 1", "\"format\": 2", 1));
    let text = fixture.fails(3, &fixture.train("r", &[]));
    assert!(text.contains("format 2"), "{text}");
    fixture.fails(3, &["evaluate", "r"]);
    fixture.write("r/manifest.json", &manifest[..manifest.len() / 2]);
    let text = fixture.fails(4, &fixture.train("r", &[]));
    assert!(text.contains("manifest.json is damaged"), "{text}");
}

#[test]
fn a_directory_that_holds_something_else_is_left_alone() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("thesis")).expect("created");
    fixture.write("thesis/chapter.tex", "x");
    let text = fixture.fails(3, &fixture.train("thesis", &[]));
    assert!(text.contains("holds no run"), "{text}");
    assert_eq!(fixture.files("thesis").len(), 1);
}

#[test]
fn what_cannot_fit_into_memory_is_refused_before_the_first_step() {
    let fixture = Fixture::new();
    let text = fixture.fails(3, &fixture.train("r", &["--set", "batch.unlabeled=100000000"]));
    assert!(text.contains("of memory"), "{text}");
    assert!(!fixture.path("r").exists());
}

/// Runs a training in a file system of a few hundred kilobytes, in a mount namespace of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_in_a_clear_error_and_the_run_goes_on_when_there_is_space() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("disk")).expect("created");
    let script = |size: u32, epochs: u32| {
        let binary = env!("CARGO_BIN_EXE_xrdmatch");
        format!(
            "mount -t tmpfs -o size={size}k tmpfs disk && \
             {binary} train --labeled lbs.csv --unlabeled ulbs.csv --config small.toml --epochs {epochs} --run disk/runs/r -q; \
             code=$?; ls -aR disk | grep -c tmp-; mount -o remount,size=64m disk; \
             {binary} train --labeled lbs.csv --unlabeled ulbs.csv --config small.toml --epochs {epochs} --run disk/runs/r -q; \
             echo again $?; cp -r disk/runs/r kept; exit $code"
        )
    };
    let unshare = |script: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .current_dir(fixture.directory.path())
            .output()
    };
    if !unshare("mount -t tmpfs tmpfs disk").is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: a full disk: this system allows no mount namespaces");
        return;
    }
    // Room for the cache and the first checkpoint or so, not for all of them at once.
    let output = unshare(&script(420, 40)).expect("unshare runs");
    let (text, out) = (stderr(&output), String::from_utf8_lossy(&output.stdout).into_owned());
    assert_eq!(output.status.code(), Some(3), "{text} {out}");
    assert!(
        text.contains("No space left") && text.contains("hint:") && !text.contains("panicked"),
        "{text}"
    );
    assert!(out.starts_with("0\n") || out.contains("\n0\n"), "nothing half-written remains: {out}");
    assert!(out.contains("again 0"), "{out} {text}");
    fixture.ok(&fixture.train("whole", &["--epochs", "40"]));
    assert_eq!(fixture.final_weights("kept", 0), fixture.final_weights("whole", 0));
}

#[test]
fn the_published_files_are_refused_when_damaged() {
    let Some(data) = shared_data("the_published_files_are_refused_when_damaged") else { return };
    let fixture = Fixture::new();
    let whole = std::fs::read(data.join("ulbs.csv.gz")).expect("the unlabelled file");
    std::fs::write(fixture.path("cut.csv.gz"), &whole[..whole.len() / 3]).expect("written");
    let labeled = data.join("lbs.csv");
    let labeled = labeled.to_str().expect("a path in UTF-8");
    let text = fixture
        .fails(3, &["train", "--labeled", labeled, "--unlabeled", "cut.csv.gz", "--run", "r"]);
    assert!(text.contains("cut.csv.gz"), "{text}");
    assert!(!fixture.path("r").exists());
}
