//! The crystals in the samples.

use diffraction::{Structure, cif};

/// Zabuyelite. H. Effenberger, J. Zemann, Z. Kristallogr. 150, 133 (1979).
pub(crate) fn li2co3() -> Structure {
    structure(
        "data_Li2CO3
_cell_length_a 8.3593
_cell_length_b 4.9725
_cell_length_c 6.1975
_cell_angle_alpha 90
_cell_angle_beta 114.83
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'C 1 2/c 1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 0.1965 0.4484 0.8344
C1 0 0.0657 0.25
O1 0 0.3213 0.25
O2 0.1459 -0.0635 0.3127
",
    )
}

/// Baddeleyite. C. J. Howard, R. J. Hill, B. E. Reichert, Acta Crystallogr. B 44, 116 (1988).
pub(crate) fn zro2() -> Structure {
    structure(
        "data_ZrO2
_cell_length_a 5.1505
_cell_length_b 5.2116
_cell_length_c 5.3173
_cell_angle_alpha 90
_cell_angle_beta 99.230
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1 21/c 1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Zr1 0.2754 0.0395 0.2083
O1 0.0700 0.3317 0.3447
O2 0.4496 0.7569 0.4792
",
    )
}

/// Orthorhombic LiMnO2, of the type described by R. Hoppe, G. Brachtel, M. Jansen, Z. Anorg. Allg. Chem.
/// 417, 1 (1975). Cell and coordinates are rounded values for this type, not quoted from that paper; the
/// line positions agree with the scan. Setting Pmmn with the origin on 2mm, written out.
pub(crate) fn limno2() -> Structure {
    structure(
        "data_LiMnO2
_cell_length_a 2.806
_cell_length_b 4.574
_cell_length_c 5.751
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_symmetry_equiv_pos_as_xyz
x,y,z
-x,-y,z
x,-y,z
-x,y,z
x+1/2,y+1/2,-z
-x+1/2,-y+1/2,-z
x+1/2,-y+1/2,-z
-x+1/2,y+1/2,-z
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 0 0 0.120
Mn1 0 0 0.635
O1 0 0.5 0.144
O2 0 0.5 0.601
",
    )
}

fn structure(text: &str) -> Structure {
    let mut structures = cif::read(text.as_bytes()).expect("the crystal is well written");
    structures.remove(0)
}
