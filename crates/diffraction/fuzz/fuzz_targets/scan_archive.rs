//! Members of BRML and RASX, packed into sound archives; the first byte chooses the member.
#![no_main]

use std::io::{Cursor, Write};

use diffraction::scan::Scan;
use libfuzzer_sys::fuzz_target;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MEMBERS: [(&str, &str); 4] = [
    ("scan.brml", "Experiment0/RawData0.xml"),
    ("scan.brml", "Experiment0/DataContainer.xml"),
    ("scan.rasx", "Data0/Profile0.txt"),
    ("scan.rasx", "Data0/MesurementConditions0.xml"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let (name, member) = MEMBERS[usize::from(*choice) % MEMBERS.len()];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(member, SimpleFileOptions::default()).expect("a new member");
    zip.write_all(rest).expect("memory");
    if member.ends_with("Conditions0.xml") {
        zip.start_file("Data0/Profile0.txt", SimpleFileOptions::default()).expect("a new member");
        zip.write_all(b"10 1 1\n11 2 1\n").expect("memory");
    }
    let archive = zip.finish().expect("memory").into_inner();
    let _ = Scan::read_all_bytes(name, &archive);
});
