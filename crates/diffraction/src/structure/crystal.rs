//! A lattice and what sits in its cell.

use crate::symmetry::Symmetry;
use crate::{Element, Lattice};

/// A crystal structure: every atom of one cell.
///
/// # Order of the sites
/// When the symmetry has *m* pure translations, the sites are *m* blocks of equal length, the block
/// of the zero translation first. A simulation reads only that block.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// What the structure is called.
    pub name: String,
    /// The cell.
    pub lattice: Lattice,
    pub(super) kinds: Vec<Kind>,
    pub(super) sites: Vec<Site>,
    pub(super) symmetry: Symmetry,
}

/// What occupies a set of equivalent sites.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// The label in the file, such as `O2`.
    pub label: String,
    /// The species that share the site; their occupancies sum to at most 1.
    pub occupants: Vec<Occupant>,
    /// Isotropic displacement factor B = 8π²U, Å², where the file gives one.
    pub displacement_b: Option<f64>,
}

/// One species on a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Occupant {
    /// The element.
    pub element: Element,
    /// The share of the sites that it occupies, above 0 and at most 1.
    pub occupancy: f64,
    /// The oxidation state, where the file gives one.
    pub charge: Option<f64>,
    /// The mass number, where the file names an isotope (2 for deuterium). X-rays do not see it.
    pub isotope: Option<u16>,
}

/// One atom position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// Which of [`Structure::kinds`] sits here.
    pub kind: u32,
    /// Fractional coordinates, each in 0..1.
    pub position: [f64; 3],
}

impl Occupant {
    /// A fully occupied, neutral species of natural isotopes.
    #[must_use]
    pub fn of(element: Element) -> Self {
        Self { element, occupancy: 1.0, charge: None, isotope: None }
    }
}

impl Structure {
    /// A structure without symmetry, from elements and fractional coordinates of all atoms.
    #[must_use]
    pub fn from_atoms(name: String, lattice: Lattice, atoms: &[(Element, [f64; 3])]) -> Self {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut sites = Vec::with_capacity(atoms.len());
        for &(element, position) in atoms {
            let known = kinds.iter().position(|kind| kind.occupants[0].element == element);
            let kind = known.unwrap_or_else(|| {
                kinds.push(Kind {
                    label: element.symbol().to_owned(),
                    occupants: vec![Occupant::of(element)],
                    displacement_b: None,
                });
                kinds.len() - 1
            });
            let position = position.map(crate::symmetry::wrap);
            sites.push(Site { kind: kind as u32, position });
        }
        Self { name, lattice, kinds, sites, symmetry: Symmetry::none() }
    }

    /// What occupies the sites.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Every atom position of the cell.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The symmetry that the structure was made with; none for plain lists of atoms.
    #[must_use]
    pub fn symmetry(&self) -> &Symmetry {
        &self.symmetry
    }

    /// The sites of the zero translation: all others are these, moved by the centring.
    pub(crate) fn primitive_sites(&self) -> &[Site] {
        &self.sites[..self.sites.len() / self.symmetry.centring.len()]
    }

    /// The atoms of the cell by element, ascending by atomic number, fractional where sites are
    /// partially occupied.
    #[must_use]
    pub fn composition(&self) -> Vec<(Element, f64)> {
        let mut amounts = [0.0; 119];
        for site in &self.sites {
            for occupant in &self.kinds[site.kind as usize].occupants {
                amounts[usize::from(occupant.element.number())] += occupant.occupancy;
            }
        }
        (1..=118_u8)
            .filter(|&z| amounts[usize::from(z)] > 0.0)
            .filter_map(|z| Some((Element::from_number(z)?, amounts[usize::from(z)])))
            .collect()
    }

    /// The chemical formula of the cell, elements as the file orders them, such as `Li8S4`.
    #[must_use]
    pub fn formula(&self) -> String {
        self.formula_of(1.0)
    }

    /// The formula with the smallest whole numbers, such as `Li2S`; the cell's own where amounts are
    /// fractions.
    #[must_use]
    pub fn reduced_formula(&self) -> String {
        let whole = |amount: f64| (amount - amount.round()).abs() < 1e-6;
        let amounts = self.composition();
        if !amounts.iter().all(|&(_, amount)| whole(amount)) {
            return self.formula();
        }
        let divisor = amounts.iter().fold(0, |divisor, &(_, amount)| {
            let (mut a, mut b) = (divisor, amount.round() as u64);
            while b > 0 {
                (a, b) = (b, a % b);
            }
            a
        });
        self.formula_of(divisor.max(1) as f64)
    }

    fn formula_of(&self, divisor: f64) -> String {
        let mut order: Vec<Element> = Vec::new();
        for occupant in self.kinds.iter().flat_map(|kind| &kind.occupants) {
            if !order.contains(&occupant.element) {
                order.push(occupant.element);
            }
        }
        let amounts = self.composition();
        let mut formula = String::new();
        for element in order {
            let Some((_, amount)) = amounts.iter().find(|(e, _)| *e == element) else { continue };
            formula += element.symbol();
            let amount = (amount / divisor * 1000.0).round() / 1000.0;
            if amount != 1.0 {
                formula += &amount.to_string();
            }
        }
        formula
    }
}
