//! Readers on files made to exhaust memory: an error, within the bound that the documents state.
//!
//! The bound is on the whole process, by the largest resident set that the system has seen, so this
//! is the only test of its program. It says so where the system does not tell.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use diffraction::scan::Scan;
use diffraction::structure::StructureReader;

/// The bound on reading any one file, in bytes: 1 GiB, the file itself included.
const BOUND: u64 = 1 << 30;

/// Just below the largest file that is read.
const LARGE: usize = (64 << 20) - 4096;

#[test]
fn no_file_takes_more_memory_than_stated() {
    let Some(before) = largest_resident_set() else {
        eprintln!("NOT RUN: no_file_takes_more_memory_than_stated: needs /proc/self/status");
        return;
    };
    assert!(before < BOUND / 4, "the program itself takes {before} bytes");
    let directory = tempfile::tempdir().expect("a directory");
    for (name, write) in cases() {
        let path = directory.path().join(name);
        write(&path);
        let structures = StructureReader::open(&path)
            .map(|reader| reader.filter(Result::is_ok).count())
            .map_err(|error| error.to_string());
        let scans = Scan::read_all(&path).map(|scans| scans.len()).map_err(|e| e.to_string());
        fs::remove_file(&path).expect("removed");
        let peak = largest_resident_set().expect("told before");
        println!("{name}: at most {} MB so far; {structures:?}, {scans:?}", peak >> 20);
        assert!(peak < BOUND, "{name} took {peak} bytes");
        // The largest scan that is allowed is no attack, and is read.
        let expected = if name == "largest.xye" { Ok(1) } else { Err(()) };
        assert!(
            !matches!(structures, Ok(1..)) && scans.clone().map_err(|_| ()) == expected,
            "{name}: {structures:?} {scans:?}"
        );
    }
}

type Case = (&'static str, Box<dyn Fn(&Path)>);

fn cases() -> Vec<Case> {
    let repeated = |head: &'static str, piece: &'static str, size: usize| -> Box<dyn Fn(&Path)> {
        Box::new(move |path| {
            let mut file = std::io::BufWriter::new(File::create(path).expect("created"));
            file.write_all(head.as_bytes()).expect("written");
            for _ in 0..(size - head.len()) / piece.len() {
                file.write_all(piece.as_bytes()).expect("written");
            }
            file.flush().expect("written");
        })
    };
    let atoms = "data_x _cell_length_a 5 _cell_length_b 5 _cell_length_c 5\nloop_ _atom_site_label \
                 _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n";
    vec![
        ("values.cif", repeated("data_x\nloop_ _a\n", "1 ", LARGE)),
        ("blocks.cif", repeated("", "data_\n", LARGE)),
        ("items.cif", repeated("data_x\n", "_a 1\n", LARGE)),
        ("one_line.cif", repeated("data_x loop_ _a ", "'a' ", LARGE)),
        ("quotes.cif", repeated("data_x _a ", "'", LARGE)),
        ("atoms.cif", repeated(atoms, "O 0 0 0\n", LARGE)),
        ("latin.cif", repeated("data_x _a '\u{e9}'\n#", "\u{e9}", LARGE)),
        (
            "giant.vasp",
            repeated("x\n1\n5 0 0\n0 5 0\n0 0 5\nO\n4000000000\nDirect\n", "0 0 0\n", LARGE),
        ),
        ("nested.jsonl", repeated("{\"id\":", "[", LARGE)),
        ("long.jsonl", repeated("{\"id\":\"x\",\"frac\":[[0,0,0]", ",[0,0,0]", LARGE)),
        ("beyond.cif", repeated("data_x\n", "_a 1\n", LARGE + (8 << 20))),
        ("numbers.xy", repeated("", "1e999 1\n", LARGE)),
        ("points.xy", repeated("10 1\n", "10 1\n", LARGE)),
        ("spaces.xy", repeated("", " ", LARGE)),
        ("ranges.uxd", repeated("_START=1\n_STEPSIZE=1\n", "_COUNTS\n1 2\n", LARGE)),
        ("deep.xrdml", repeated("<xrdMeasurements>", "<a>", LARGE)),
        ("wide.xrdml", repeated("<xrdMeasurements>", "<a b='c'/>", LARGE)),
        (
            "counts.xrdml",
            repeated("<xrdMeasurements><xrdMeasurement><scan><dataPoints><counts>", "1 ", LARGE),
        ),
        ("bomb.brml", Box::new(|path| zip_bomb(path, "Experiment0/RawData0.xml"))),
        ("bomb.rasx", Box::new(|path| zip_bomb(path, "Data0/Profile0.txt"))),
        ("bomb.cif.zst", Box::new(zstd_bomb)),
        ("bomb.cif.gz", Box::new(gzip_bomb)),
        ("noise.raw", Box::new(noise)),
        ("largest.xye", Box::new(largest)),
    ]
}

/// Half a gibibyte of blanks in an archive.
fn zip_bomb(path: &Path, member: &str) {
    let mut archive = zip::ZipWriter::new(File::create(path).expect("created"));
    archive.start_file(member, zip::write::SimpleFileOptions::default()).expect("begun");
    blanks(&mut archive);
    archive.finish().expect("finished");
}

fn zstd_bomb(path: &Path) {
    let mut encoder =
        zstd::Encoder::new(File::create(path).expect("created"), 1).expect("an encoder");
    blanks(&mut encoder);
    encoder.finish().expect("finished");
}

fn gzip_bomb(path: &Path) {
    let file = File::create(path).expect("created");
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    blanks(&mut encoder);
    encoder.finish().expect("finished");
}

fn blanks(out: &mut impl Write) {
    let mebibyte = vec![b' '; 1 << 20];
    for _ in 0..512 {
        out.write_all(&mebibyte).expect("written");
    }
}

/// 60 MB that no rule makes, behind the mark of a binary format.
fn noise(path: &Path) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = b"RAW1.01".to_vec();
    while bytes.len() < 60 << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    fs::write(path, bytes).expect("written");
}

/// A scan as large as is read: nearly four million points with uncertainties.
fn largest(path: &Path) {
    let mut file = std::io::BufWriter::new(File::create(path).expect("created"));
    for i in 0..3_900_000 {
        writeln!(file, "{:.5} 7 2", 4e-5 * f64::from(i)).expect("written");
    }
    file.flush().expect("written");
}

/// The largest resident set of this process so far, in bytes.
fn largest_resident_set() -> Option<u64> {
    let status = fs::read_to_string(PathBuf::from("/proc/self/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
