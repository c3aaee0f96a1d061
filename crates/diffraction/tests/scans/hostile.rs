//! Damaged, hostile and foreign files: a clear error, never a panic.

use diffraction::scan::{MAX_FILE_BYTES, MAX_POINTS, Place, Scan, ScanError, ScanProblem};

use crate::corpus::{archive, brml_raw_data, samples, xrdml};
use crate::shared_data::shared_data;

/// Mutations of each sample; thousands of files over all formats.
const MUTATIONS: u64 = 4000;

/// A small generator (SplitMix64) so that the mutations are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Damages a file in one to four places.
fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    const TOKENS: [&[u8]; 16] = [
        b"nan",
        b"1e999",
        b"-1",
        b"99999999999999999999",
        b"0",
        b"<",
        b">",
        b"\0",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\x7f",
        b"&x;",
        b"\n",
        b"BANK 1 9 9 CONST 0 0",
        b"_COUNTS\n",
        b"]]>",
        b"\xc3\xa9",
    ];
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(7) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 if at < bytes.len() => bytes[at] = random.next() as u8,
            3 => {
                let token = TOKENS[random.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            4 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + random.below(64)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
            _ => {
                let token = TOKENS[random.below(TOKENS.len())];
                for (offset, &byte) in token.iter().enumerate() {
                    if let Some(target) = bytes.get_mut(at + offset) {
                        *target = byte;
                    }
                }
            }
        }
    }
    bytes
}

/// What may come of any file: scans that are valid, or an error that names the file.
fn assert_read_or_refused(name: &str, bytes: &[u8]) -> bool {
    match Scan::read_all_bytes(name, bytes) {
        Ok(scans) => {
            assert!(!scans.is_empty());
            for scan in &scans {
                assert!(scan.len() >= 2);
                assert_eq!(scan.two_theta().len(), scan.intensities().len());
                assert!(scan.two_theta().windows(2).all(|pair| pair[0] < pair[1]));
                assert!(scan.two_theta().iter().all(|angle| angle.abs() <= 180.0));
                assert!(scan.intensities().iter().all(|intensity| intensity.is_finite()));
            }
            true
        }
        Err(error) => {
            assert!(error.to_string().contains(name), "{error}");
            false
        }
    }
}

fn assert_mutations(name: &str, bytes: &[u8], mutations: u64) -> (u64, u64) {
    let (mut read, mut refused) = (0, 0);
    for seed in 0..mutations {
        let damaged = mutate(bytes, &mut Random(seed));
        if assert_read_or_refused(name, &damaged) { read += 1 } else { refused += 1 }
    }
    (read, refused)
}

#[test]
fn mutated_files_are_read_or_refused() {
    for sample in samples() {
        let (_, refused) = assert_mutations(sample.name, &sample.bytes, MUTATIONS);
        assert!(refused > MUTATIONS / 50, "{}: only {refused} refused", sample.name);
    }
}

#[test]
fn mutated_members_of_archives_are_read_or_refused() {
    let raw_data = brml_raw_data();
    for seed in 0..MUTATIONS {
        let damaged = mutate(raw_data.as_bytes(), &mut Random(seed));
        let brml = archive(&[("Experiment0/RawData0.xml", &damaged)]);
        assert_read_or_refused("member.brml", &brml);
    }
}

#[test]
fn mutated_shared_scans_are_read_or_refused() {
    let Some(root) = shared_data("mutated_shared_scans_are_read_or_refused") else { return };
    for entry in std::fs::read_dir(root.join("scans")).expect("scans") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("a file");
        assert_mutations(&name, &bytes, 40);
    }
}

#[test]
fn every_truncation_is_read_or_refused() {
    for sample in samples() {
        for length in 0..sample.bytes.len() {
            assert_read_or_refused(sample.name, &sample.bytes[..length]);
        }
    }
}

#[test]
fn noise_is_refused_under_every_extension() {
    let extensions = [
        "xy", "xye", "dat", "csv", "chi", "xrdml", "brml", "raw", "uxd", "ras", "rasx", "gsa",
        "fxye", "cif", "", "png",
    ];
    for seed in 0..64 {
        let mut random = Random(seed);
        let length = 1 + random.below(4096);
        let noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        for extension in extensions {
            assert!(!assert_read_or_refused(&format!("noise.{extension}"), &noise));
        }
    }
}

fn refused(name: &str, bytes: &[u8]) -> ScanError {
    Scan::read_all_bytes(name, bytes).expect_err("a file to refuse")
}

#[test]
fn foreign_files_are_named_with_the_formats_that_are_read() {
    let picture = refused("scan.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
    assert!(matches!(*picture.problem, ScanProblem::UnknownFormat { .. }));
    let message = picture.to_string();
    for word in ["scan.png", "PNG picture", "`.png`", "Bruker BRML", "powder CIF"] {
        assert!(message.contains(word), "{message}");
    }
    let office = archive(&[("xl/workbook.xml", b"<workbook/>")]);
    let cases: [(&str, &[u8]); 4] = [
        ("table.xlsx", &office),
        ("letter.txt", b"Dear colleague,\nplease find attached no data.\n"),
        ("page.html", b"<!DOCTYPE html><html></html>"),
        ("data.bin", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ];
    for (name, bytes) in cases {
        let error = refused(name, bytes);
        assert!(matches!(*error.problem, ScanProblem::UnknownFormat { .. }), "{error}");
    }
}

#[test]
fn empty_and_absent_files_are_told_apart() {
    assert!(matches!(*refused("a.xy", b"").problem, ScanProblem::Empty));
    assert!(matches!(*refused("a.raw", b" \r\n\t ").problem, ScanProblem::Empty));
    let absent = Scan::read("no/such/scan.xy").expect_err("no file");
    assert!(matches!(*absent.problem, ScanProblem::Io(_)));
    assert!(absent.to_string().contains("no/such/scan.xy"));
}

#[test]
fn angles_and_numbers_that_are_none_are_refused_with_their_place() {
    let back = *refused("a.xy", b"10 1\n11 1\n10.5 1\n12 1\n").problem;
    assert!(matches!(back, ScanProblem::AnglesNotIncreasing { point: 3, .. }), "{back}");
    let nan = *refused("a.xy", b"10 1\n11 nan\n12 1\n").problem;
    assert!(matches!(nan, ScanProblem::BadRow { place: Place::Line(2), .. }), "{nan}");
    let giant = *refused("a.xy", b"10 1\n11 1e300\n12 1\n").problem;
    assert!(matches!(giant, ScanProblem::BadIntensity { point: 2, .. }), "{giant}");
    let infinite = *refused("a.xy", b"10 1\n11 1e999\n12 1\n").problem;
    assert!(matches!(infinite, ScanProblem::BadRow { place: Place::Line(2), .. }), "{infinite}");
    let far = *refused("a.xy", b"1000 1\n1100 1\n").problem;
    assert!(matches!(far, ScanProblem::BadAngle { point: 1, .. }), "{far}");
    let value = xrdml().replace(" 20 ", " 2o ");
    let value = *refused("a.xrdml", value.as_bytes()).problem;
    assert!(matches!(value, ScanProblem::BadRow { place: Place::Value { .. }, .. }), "{value}");
}

#[test]
fn truncated_binary_files_say_at_which_byte() {
    for sample in samples().iter().filter(|sample| sample.name.ends_with(".raw")) {
        let short = &sample.bytes[..sample.bytes.len() - 600.min(sample.bytes.len() / 2)];
        let problem = *refused(sample.name, short).problem;
        let says_where = matches!(
            problem,
            ScanProblem::Truncated { .. }
                | ScanProblem::BadField { .. }
                | ScanProblem::Unsupported { .. }
        );
        assert!(says_where, "{}: {problem}", sample.name);
    }
}

#[test]
fn declared_sizes_reserve_nothing() {
    let mut raw = samples().into_iter().find(|sample| sample.name == "three.raw").unwrap().bytes;
    raw[716..720].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(*refused("a.raw", &raw).problem, ScanProblem::TooManyPoints { .. }));
    raw[716..720].copy_from_slice(&(MAX_POINTS as u32).to_le_bytes());
    assert!(matches!(*refused("a.raw", &raw).problem, ScanProblem::Truncated { .. }));
    let list = "0 0.0000001 100 title\n1 2 3\n";
    assert!(matches!(
        *refused("a.dat", list.as_bytes()).problem,
        ScanProblem::TooManyPoints { .. }
    ));
}

#[test]
fn zip_bombs_stop_at_the_limit() {
    // 300 MB of blanks, and of elements, in less than a megabyte.
    let blanks = vec![b' '; 300 << 20];
    let bomb = archive(&[("Experiment0/RawData0.xml", &blanks)]);
    assert!(bomb.len() < 1 << 20);
    assert!(matches!(*refused("a.brml", &bomb).problem, ScanProblem::UnpacksTooLarge { .. }));
    let bomb = archive(&[("Data0/Profile0.txt", &blanks)]);
    assert!(matches!(*refused("a.rasx", &bomb).problem, ScanProblem::UnpacksTooLarge { .. }));
    drop(blanks);
    let elements = "<a/>".repeat(2 << 20);
    let bomb = archive(&[("Experiment0/RawData0.xml", format!("<r>{elements}</r>").as_bytes())]);
    assert!(matches!(*refused("a.brml", &bomb).problem, ScanProblem::Xml { .. }));
}

#[test]
fn files_beyond_the_limit_are_refused_by_their_size() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("huge.xy");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(MAX_FILE_BYTES + 1).expect("a sparse file");
    let error = Scan::read(&path).expect_err("a file to refuse");
    assert!(
        matches!(*error.problem, ScanProblem::TooLarge { bytes } if bytes == MAX_FILE_BYTES + 1)
    );
}

#[test]
fn floods_of_small_scans_stop_at_the_limit() {
    let uxd = format!("_START=1\n_STEPSIZE=1\n{}", "_COUNTS\n1 2\n".repeat(10_000));
    assert!(matches!(*refused("a.uxd", uxd.as_bytes()).problem, ScanProblem::TooManyScans { .. }));
    let xy = "# x\n10 1\n11 1\n".repeat(10_000);
    assert!(matches!(*refused("a.xy", xy.as_bytes()).problem, ScanProblem::TooManyScans { .. }));
    let cif = "data_\n".repeat(10_000) + "_pd_x 1\n";
    assert!(matches!(*refused("a.cif", cif.as_bytes()).problem, ScanProblem::TooManyScans { .. }));
    let mark = [b"FI\0\0".as_slice(), &b"PI\0\0".repeat(1 << 20)].concat();
    assert!(matches!(*refused("a.raw", &mark).problem, ScanProblem::Unsupported { .. }));
}
