//! Readers of structures on text that nobody meant to write: a bounded run of mutations.
//!
//! Whatever comes in, a structure or an error comes out; what is read can be simulated or is refused.

mod shared;

use std::fs;
use std::path::Path;

use diffraction::cif;
use diffraction::simulate::{Recipe, simulate};
use diffraction::structure::{StructureFileError, StructureReader, read_json_line, read_poscar};

const CIF: &str = "\
#\\#CIF_1.1
data_Li2S
_chemical_name_common 'lithium sulfide'
_chemical_formula_sum \"Li2 S\"
_cell_length_a   5.708(1)
_cell_length_b   5.708(1)
_cell_length_c   5.708(1)
_cell_angle_alpha 90
_cell_angle_beta  90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
_publ_section_title
;
 a text; with ; and 'quotes'
;
loop_
_symmetry_equiv_pos_as_xyz
x,y,z
'-x, -y, -z'
x+1/2,y+1/2,z
-x+1/2,-y+1/2,-z
loop_
_atom_type_symbol
_atom_type_oxidation_number
Li+ 1
S2- -2
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_U_iso_or_equiv
Li1 Li+ 0.25 0.25 0.25 1.0 0.012(3)
S1  S2- 0    0    0    .9  ?
Se1 Se  0.0  0.0  0.0  0.1 .
";

const POSCAR: &str =
    "Li2 S\n1.0\n5.7 0 0\n0 5.7 0\n0 0 5.7\nLi S\n2 1\nDirect\n.25 .25 .25\n.75 .75 .75\n0 0 0\n";

const JSON: &str = r#"{"id":"x","lattice":[[5,0,0],[0,5,0],[0,0,5]],"species":["Li","F"],"frac":[[0,0,0],[0.5,0.5,0.5]]}"#;

/// What mutations put in.
const PIECES: [&str; 30] = [
    "1e308",
    "-1e308",
    "99999999999999999999",
    "0",
    "-0",
    "nan",
    "inf",
    "(((((",
    ";",
    "\n;\n",
    "'",
    "\"",
    "loop_",
    "data_",
    "_",
    "_atom_site_fract_x",
    "?",
    ".",
    "1/0",
    "x,y,z",
    "-x/3,y,1e9+z",
    "\u{0}",
    "é",
    "\r",
    "Qq",
    "0.0000001",
    "180",
    "F d -3 m :9",
    "save_",
    "\u{feff}",
];

/// Xorshift: the mutations are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(40)).min(bytes.len());
        match dice.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at.min(end)..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            3 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            4 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            5 => {
                let piece = PIECES[dice.below(PIECES.len())].bytes();
                bytes.splice(at..at, piece);
            }
            _ => {
                // A whole word for another.
                let text = String::from_utf8_lossy(bytes).into_owned();
                let words: Vec<&str> = text.split(' ').collect();
                let changed = dice.below(words.len());
                let piece = PIECES[dice.below(PIECES.len())];
                let words =
                    words.iter().enumerate().map(|(i, w)| if i == changed { piece } else { w });
                *bytes = words.collect::<Vec<_>>().join(" ").into_bytes();
            }
        }
    }
}

/// Reads and simulates; whether there was a structure.
fn survives(bytes: &[u8]) -> bool {
    let mut structures = cif::read(bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    structures.extend(read_poscar(&text));
    structures.extend(read_json_line(&text));
    for structure in &structures {
        for recipe in [Recipe::paper(), Recipe::physical()] {
            // A mutated cell may be large: what takes long is not the readers' doing.
            if structure.sites().len() as f64 * structure.lattice.volume() > 1e6 {
                continue;
            }
            if let Ok(peaks) = simulate(structure, &recipe) {
                assert!(!peaks.is_empty());
                for peak in peaks {
                    assert!(peak.intensity.is_finite() && peak.two_theta.is_finite());
                    assert!(peak.intensity > 0.0 && peak.intensity <= 100.0);
                }
            }
        }
    }
    !structures.is_empty()
}

#[test]
fn mutated_structures_end_in_a_structure_or_an_error() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut read = 0;
    for seed in [CIF, POSCAR, JSON] {
        assert!(survives(seed.as_bytes()), "the seed itself is readable: {seed}");
        for _ in 0..4000 {
            let mut bytes = seed.as_bytes().to_vec();
            mutate(&mut bytes, &mut dice);
            read += usize::from(survives(&bytes));
        }
    }
    // Both ends are reached: some mutations harm nothing, some everything.
    assert!((500..11_500).contains(&read), "{read} of 12000 were readable");
}

#[test]
fn mutated_files_of_other_programs_end_in_a_structure_or_an_error() {
    let name = "mutated_files_of_other_programs_end_in_a_structure_or_an_error";
    let Some(data) = shared::data(name) else { return };
    let mut dice = Dice(42);
    let files = fs::read_dir(data.join("cifs")).expect("listed");
    for file in files {
        let seed = fs::read(file.expect("listed").path()).expect("readable");
        if seed.len() > 40_000 {
            continue;
        }
        for _ in 0..12 {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut dice);
            survives(&bytes);
        }
    }
}

#[test]
fn every_prefix_of_a_cif_ends_in_a_structure_or_an_error() {
    for end in 0..CIF.len() {
        let _ = cif::read(&CIF.as_bytes()[..end]);
    }
}

fn open(path: &Path) -> Result<usize, StructureFileError> {
    let mut count = 0;
    for structure in StructureReader::open(path)? {
        structure?;
        count += 1;
    }
    Ok(count)
}

#[test]
fn files_are_told_by_content_and_bad_ones_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    };
    assert_eq!(open(&write("a.txt", CIF.as_bytes())).expect("a CIF"), 1);
    assert_eq!(open(&write("b.txt", POSCAR.as_bytes())).expect("a POSCAR"), 1);
    let lines = format!("{JSON}\n\n{JSON}\n");
    assert_eq!(open(&write("c.txt", lines.as_bytes())).expect("lines"), 2);
    let compressed = zstd::encode_all(lines.as_bytes(), 1).expect("compressed");
    assert_eq!(open(&write("c.zst", &compressed)).expect("lines"), 2);
    let cut = &compressed[..compressed.len() - 5];
    assert!(matches!(open(&write("d.zst", cut)), Err(StructureFileError::Read { .. })));
    assert!(matches!(open(&write("e.txt", b"hello")), Err(StructureFileError::Unknown { .. })));
    assert!(matches!(open(&write("POSCAR", b"hello")), Err(StructureFileError::Poscar { .. })));
    assert!(matches!(open(&write("f.cif", b"hello")), Err(StructureFileError::Cif { .. })));
    assert!(matches!(open(&write("g.cif", b"")), Err(StructureFileError::File(_))));
    assert!(matches!(open(&directory.path().join("none")), Err(StructureFileError::File(_))));
    let faulty = format!("{JSON}\n{{}}\n");
    let error = open(&write("h.txt", faulty.as_bytes())).expect_err("faulty");
    assert!(matches!(error, StructureFileError::JsonLine { line: 2, .. }));
}

#[test]
fn a_zip_bomb_is_refused_in_bounded_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("bomb.cif.zst");
    let mut encoder =
        zstd::Encoder::new(fs::File::create(&path).expect("created"), 1).expect("an encoder");
    let mebibyte = vec![b' '; 1 << 20];
    for _ in 0..200 {
        std::io::Write::write_all(&mut encoder, &mebibyte).expect("written");
    }
    encoder.finish().expect("finished");
    assert!(matches!(open(&path), Err(StructureFileError::TooLarge { .. })));
}
