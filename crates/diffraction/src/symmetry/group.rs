//! What a set of operations implies, when it is a group.

use super::Operation;

/// The most linear parts of a group that keeps a lattice: the order of m-3m.
const MAX_COSETS: usize = 48;

/// The most pure translations for which the symmetry is worked out: a supercell of 8 × 8 × 8. Bounds
/// time, which grows with their square.
const MAX_CENTRING: usize = 512;

/// The symmetry of a structure: the parts of it that shorten a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    /// One operation for each linear part; the identity first.
    pub(crate) cosets: Vec<Operation>,
    /// The pure translations; zero first.
    pub(crate) centring: Vec<[f64; 3]>,
}

impl Symmetry {
    /// No symmetry but the lattice's own.
    #[must_use]
    pub fn none() -> Self {
        Self { cosets: vec![Operation::IDENTITY], centring: vec![[0.0; 3]] }
    }

    /// How many positions a general one has in the cell.
    #[must_use]
    pub fn order(&self) -> usize {
        self.cosets.len() * self.centring.len()
    }

    /// The symmetry of a set of operations, or `None` when they are not a group.
    ///
    /// Every linear part must come with the same pure translations, and each product of two
    /// operations must be one of them again, up to a pure translation.
    #[must_use]
    pub fn of(operations: &[Operation]) -> Option<Self> {
        let mut keyed: Vec<(u64, &Operation)> = operations.iter().map(|op| (key(op), op)).collect();
        keyed.sort_unstable_by_key(|&(key, _)| key);
        keyed.dedup_by_key(|&mut (key, _)| key);
        let linear = |key: u64| key >> TRANSLATION_BITS;
        let centring: Vec<[f64; 3]> = keyed
            .iter()
            .filter(|(_, op)| op.rotation == Operation::IDENTITY.rotation)
            .map(|(_, op)| op.translation)
            .collect();
        if centring.len() > MAX_CENTRING || keyed.len() > MAX_COSETS * centring.len() {
            return None;
        }
        if centring.first() != Some(&[0.0; 3]) || !keyed.len().is_multiple_of(centring.len()) {
            return None;
        }
        let mut cosets = vec![Operation::IDENTITY];
        let mut keys: Vec<u64> = Vec::with_capacity(keyed.len() / centring.len());
        for same in keyed.chunks(centring.len()) {
            if same.iter().any(|&(key, _)| linear(key) != linear(same[0].0)) {
                return None;
            }
            // Every operation with this linear part is the first one and a pure translation.
            for shift in &centring {
                let mut moved = *same[0].1;
                for (t, s) in moved.translation.iter_mut().zip(shift) {
                    *t = super::operation::wrap(*t + s);
                }
                same.binary_search_by_key(&key(&moved), |&(key, _)| key).ok()?;
            }
            if same[0].1.rotation != Operation::IDENTITY.rotation {
                cosets.push(*same[0].1);
            }
            keys.push(linear(same[0].0));
        }
        if !keys.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let symmetry = Self { cosets, centring };
        symmetry.is_closed(&keyed).then_some(symmetry)
    }

    /// Whether products stay inside, by generators: if g·S ⊆ S for the members g of a set that
    /// generates S from the identity, then S is a group.
    fn is_closed(&self, keyed: &[(u64, &Operation)]) -> bool {
        let find = |op: &Operation| keyed.binary_search_by_key(&key(op), |&(key, _)| key).is_ok();
        let linear: Vec<[[i8; 3]; 3]> = self.cosets.iter().map(|op| op.rotation).collect();
        let mut reached = vec![false; linear.len()];
        reached[0] = true;
        let mut generators: Vec<usize> = Vec::new();
        while let Some(new) = reached.iter().position(|&r| !r) {
            generators.push(new);
            let mut queue: Vec<usize> = (0..linear.len()).filter(|&i| reached[i]).collect();
            while let Some(at) = queue.pop() {
                for &generator in &generators {
                    let product = self.cosets[generator].after(&self.cosets[at]);
                    if !find(&product) {
                        return false;
                    }
                    let Some(to) = linear.iter().position(|&r| r == product.rotation) else {
                        return false;
                    };
                    if !reached[to] {
                        reached[to] = true;
                        queue.push(to);
                    }
                }
            }
        }
        // Centring: sums of pure translations, and those that a rotation carries, are pure ones.
        let pure = |translation| Operation { translation, ..Operation::IDENTITY };
        let adds_up = self.centring.iter().all(|&a| {
            self.centring.iter().all(|&b| find(&pure(pure(a).after(&pure(b)).translation)))
        });
        if !adds_up {
            return false;
        }
        self.cosets.iter().all(|op| {
            self.centring.iter().all(|&shift| {
                let rotation = Operation { rotation: op.rotation, translation: [0.0; 3] };
                find(&pure(rotation.after(&pure(shift)).translation))
            })
        })
    }

    /// The reflections equivalent to one, Friedel opposites included.
    pub(crate) fn family(&self, hkl: [i32; 3]) -> Vec<[i32; 3]> {
        let mut members = Vec::with_capacity(2 * self.cosets.len());
        for operation in &self.cosets {
            let r = operation.rotation.map(|row| row.map(i32::from));
            let image: [i32; 3] = std::array::from_fn(|j| (0..3).map(|i| hkl[i] * r[i][j]).sum());
            members.extend([image, image.map(|x| -x)]);
        }
        members.sort_unstable();
        members.dedup();
        members
    }

    /// Whether every linear part keeps a lattice's metric tensor, to one part in 10⁷.
    pub(crate) fn keeps(&self, metric: [[f64; 3]; 3]) -> bool {
        let scale = metric[0][0].max(metric[1][1]).max(metric[2][2]);
        self.cosets.iter().all(|op| {
            let r = op.rotation.map(|row| row.map(f64::from));
            // Rᵀ G R
            let gr: [[f64; 3]; 3] = std::array::from_fn(|i| {
                std::array::from_fn(|j| (0..3).map(|k| metric[i][k] * r[k][j]).sum())
            });
            (0..3).all(|i| {
                (0..3).all(|j| {
                    let turned: f64 = (0..3).map(|k| r[k][i] * gr[k][j]).sum();
                    (turned - metric[i][j]).abs() <= 1e-7 * scale
                })
            })
        })
    }
}

/// Bits of a key that hold the translation: three times 1/240 of a cell.
const TRANSLATION_BITS: u32 = 24;

/// A number that tells operations apart: linear part first, then translation in 240ths.
///
/// The matrix entries of symmetry operations lie in −3..=4 in any cell that is not absurd; keys of
/// others may collide, and then the operations are not taken for a group.
fn key(operation: &Operation) -> u64 {
    let linear = operation
        .rotation
        .iter()
        .flatten()
        .fold(0_u64, |key, &entry| key << 3 | u64::from((entry + 3) as u8 & 7));
    operation
        .translation
        .iter()
        .fold(linear, |key, &t| key << 8 | (((t * 240.0).round() as i64).rem_euclid(240)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(texts: &[&str]) -> Vec<Operation> {
        texts.iter().map(|t| Operation::parse(t).expect("an operation")).collect()
    }

    #[test]
    fn a_group_is_recognised_with_its_centring() {
        let c2c = operations(&[
            "x,y,z",
            "-x,y,-z+1/2",
            "-x,-y,-z",
            "x,-y,z+1/2",
            "x+1/2,y+1/2,z",
            "-x+1/2,y+1/2,-z+1/2",
            "-x+1/2,-y+1/2,-z",
            "x+1/2,-y+1/2,z+1/2",
        ]);
        let symmetry = Symmetry::of(&c2c).expect("C2/c");
        assert_eq!((symmetry.cosets.len(), symmetry.centring.len()), (4, 2));
        assert_eq!(symmetry.order(), 8);
    }

    #[test]
    fn incomplete_sets_are_not_groups() {
        for texts in [
            &["x,y,z", "-y,x,z"][..],
            &["-x,-y,-z"],
            &["x,y,z", "x+1/3,y,z"],
            &["x,y,z", "-x,y+1/2,-z", "x,-y+1/2,z"],
            &["x,y,z", "x+1/2,y+1/2,z", "-x,-y,-z"],
            &["x,y,z", "x+1/2,y,z", "y,x,z", "y+1/2,x,z"],
        ] {
            assert_eq!(Symmetry::of(&operations(texts)), None, "{texts:?}");
        }
    }

    #[test]
    fn repeated_operations_count_once() {
        let symmetry = Symmetry::of(&operations(&["x,y,z", "-x,-y,-z", "x,y,z"])).expect("P-1");
        assert_eq!(symmetry.order(), 2);
    }
}
