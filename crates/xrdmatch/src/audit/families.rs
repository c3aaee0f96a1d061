//! Rows connected through pairs.

/// Sets of rows that are joined one by one.
#[derive(Debug, Clone)]
pub(crate) struct Families {
    /// A row of the same set, nearer to its smallest one.
    parent: Vec<usize>,
}

impl Families {
    /// Every row on its own.
    pub(crate) fn of(rows: usize) -> Self {
        Self { parent: (0..rows).collect() }
    }

    /// Joins the sets of two rows.
    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Per row the smallest row of its set.
    pub(crate) fn smallest(mut self) -> Vec<usize> {
        (0..self.parent.len()).map(|row| self.root(row)).collect()
    }

    fn root(&mut self, mut row: usize) -> usize {
        while self.parent[row] != row {
            self.parent[row] = self.parent[self.parent[row]];
            row = self.parent[row];
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_connected_through_pairs() {
        let mut families = Families::of(6);
        for (a, b) in [(4, 5), (1, 2), (2, 4)] {
            families.join(a, b);
        }
        assert_eq!(families.smallest(), [0, 1, 1, 3, 1, 1]);
    }
}
