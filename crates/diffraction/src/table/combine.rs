//! Tables into one table: merged, in another container, on another grid.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::{Columns, Row, TableError, TableReader, TableWriter};
use crate::Grid;
use crate::files::Names;
use crate::grid::GridError;
use crate::process::rebin;

/// How tables are combined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Combination {
    /// First angle and step, degrees two-theta, of tables that do not say their grid; without it
    /// they are taken to lie on 0°, 0.02°, … as the published ones do.
    pub stated: Option<(f64, f64)>,
    /// Another grid for all rows, and how they get there.
    pub regrid: Option<(Grid, Regrid)>,
    /// What becomes of a row that is named as an earlier one.
    pub repeated: Repeated,
}

/// How a pattern comes onto another grid.
///
/// The last point of the old grid is left out: in the published files it is no intensity but a
/// mark, which would otherwise become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regrid {
    /// Every stick goes to the nearest point; sticks at one point are added.
    Sticks,
    /// The profile's mean over the bin of each point, which keeps the area.
    Profile,
}

/// What becomes of a row that is named as an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// The combination fails.
    Refused,
    /// It gets a number, as in `name#2`.
    Numbered,
    /// It is left out.
    LeftOut,
}

/// What became of tables that were combined.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// Rows written.
    pub rows: u64,
    /// The grid of the output.
    pub grid: Grid,
    /// Whether the grid of an input was neither in the file nor stated.
    pub assumed: bool,
    /// Rows that got a number because of their name.
    pub numbered: u64,
    /// Rows left out because of their name.
    pub left_out: u64,
    /// Rows of which no intensity lies on the new grid, left out.
    pub emptied: u64,
}

/// Why tables could not be combined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CombineError {
    /// An input cannot be read or the output not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Numbers stated for a table that make no grid.
    #[error("{}: {source}", path.display())]
    Grid {
        /// The table.
        path: PathBuf,
        /// Why they do not.
        source: GridError,
    },
    /// Two tables lie on different grids, and no common one was asked for.
    #[error("{} has {first_grid}, but {} has {second_grid}", first.display(), second.display())]
    Grids {
        /// The first table.
        first: PathBuf,
        /// Its grid.
        first_grid: Box<Grid>,
        /// The other table.
        second: PathBuf,
        /// Its grid.
        second_grid: Box<Grid>,
    },
    /// A row is named as an earlier one.
    #[error("`{name}` (row {row} of {}) names an earlier row too", path.display())]
    Repeated {
        /// The table.
        path: PathBuf,
        /// The row, counted from 1 without the header.
        row: u64,
        /// The name.
        name: String,
    },
    /// Not a single row is left.
    #[error("no row is left for {}", path.display())]
    NoRows {
        /// The output.
        path: PathBuf,
    },
    /// The caller asked to stop.
    #[error("stopped; {} was not written", path.display())]
    Stopped {
        /// The output.
        path: PathBuf,
    },
}

/// Writes the rows of tables, in their order, into one table, in constant memory but for 8 bytes a
/// name. The output has every column that any input has; `each` is told the rows written so far and
/// stops the work by breaking.
///
/// # Errors
/// See [`CombineError`]; the output is then as it was before.
pub fn combine(
    inputs: &[PathBuf],
    output: &Path,
    combination: &Combination,
    each: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Combined, CombineError> {
    let plan = Plan::of(inputs, output, combination)?;
    let mut writer = TableWriter::create(output, plan.columns, Some(plan.grid))?;
    let mut done = Combined {
        rows: 0,
        grid: plan.grid,
        assumed: plan.assumed,
        numbered: 0,
        left_out: 0,
        emptied: 0,
    };
    let mut names = Names::default();
    let mut dense = Vec::new();
    for (path, from) in inputs.iter().zip(&plan.grids) {
        let mut reader = TableReader::open(path)?;
        // A new row for each table: reading keeps what the table has no column for.
        let mut row = Row::default();
        let mut number = 0;
        while reader.read(&mut row)? {
            number += 1;
            if let Some((to, how)) = combination.regrid {
                regrid(&mut row, from, &to, how, &mut dense);
                if row.values.is_empty() {
                    done.emptied += 1;
                    continue;
                }
            }
            match combination.repeated {
                Repeated::Numbered => {
                    let before = names.numbered;
                    row.name = names.take(std::mem::take(&mut row.name));
                    done.numbered += (names.numbered - before) as u64;
                }
                _ if names.is_new(&row.name) => {}
                Repeated::LeftOut => {
                    done.left_out += 1;
                    continue;
                }
                Repeated::Refused => {
                    let (path, name) = (path.clone(), row.name);
                    return Err(CombineError::Repeated { path, row: number, name });
                }
            }
            writer.write(&row)?;
            done.rows += 1;
            if each(done.rows).is_break() {
                return Err(CombineError::Stopped { path: output.to_path_buf() });
            }
        }
    }
    if done.rows == 0 {
        return Err(CombineError::NoRows { path: output.to_path_buf() });
    }
    writer.finish()?;
    Ok(done)
}

/// What the headers of all inputs come to.
struct Plan {
    columns: Columns,
    grids: Vec<Grid>,
    grid: Grid,
    assumed: bool,
}

impl Plan {
    fn of(
        inputs: &[PathBuf],
        output: &Path,
        combination: &Combination,
    ) -> Result<Self, CombineError> {
        let mut grids = Vec::with_capacity(inputs.len());
        let mut assumed = false;
        let mut columns = Columns {
            points: 0,
            has_formula: false,
            has_id: false,
            has_conductivity: false,
            has_label: false,
        };
        for path in inputs {
            let reader = TableReader::open(path)?;
            let found = reader.columns();
            columns.has_formula |= found.has_formula;
            columns.has_id |= found.has_id;
            columns.has_conductivity |= found.has_conductivity;
            columns.has_label |= found.has_label;
            let grid = match reader.grid() {
                Some(grid) => grid,
                None => {
                    assumed |= combination.stated.is_none();
                    let published = Grid::published();
                    let (start, step) =
                        combination.stated.unwrap_or((published.start(), published.step()));
                    Grid::new(start, step, found.points)
                        .map_err(|source| CombineError::Grid { path: path.clone(), source })?
                }
            };
            grids.push(grid);
        }
        let Some(&first) = grids.first() else {
            return Err(CombineError::NoRows { path: output.to_path_buf() });
        };
        let grid = match combination.regrid {
            Some((grid, _)) => grid,
            None => {
                if let Some(other) = grids.iter().position(|grid| !grid.is_same(&first)) {
                    return Err(CombineError::Grids {
                        first: inputs[0].clone(),
                        first_grid: Box::new(first),
                        second: inputs[other].clone(),
                        second_grid: Box::new(grids[other]),
                    });
                }
                first
            }
        };
        columns.points = grid.points();
        Ok(Self { columns, grids, grid, assumed })
    }
}

/// Brings a row onto another grid; `dense` is a buffer.
fn regrid(row: &mut Row, from: &Grid, to: &Grid, how: Regrid, dense: &mut Vec<f32>) {
    let last = from.points() - 1;
    if row.indices.last().is_some_and(|&index| usize::from(index) == last) {
        row.indices.pop();
        row.values.pop();
    }
    match how {
        Regrid::Sticks => {
            dense.clear();
            dense.resize(to.points(), 0.0);
            for (&index, &value) in row.indices.iter().zip(&row.values) {
                if let Some(at) = to.nearest(from.two_theta(usize::from(index))) {
                    dense[at] += value;
                }
            }
        }
        Regrid::Profile => {
            dense.clear();
            dense.resize(from.points(), 0.0);
            row.fill(dense);
            let angles: Vec<f64> = from.angles().take(last).collect();
            let values: Vec<f64> = dense[..last].iter().map(|&value| f64::from(value)).collect();
            dense.clear();
            dense.extend(rebin(&angles, &values, to).into_iter().map(|value| value as f32));
        }
    }
    row.take(dense);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PLAIN: Combination =
        Combination { stated: None, regrid: None, repeated: Repeated::Refused };

    fn rows(path: &Path) -> Vec<Row> {
        let mut reader = TableReader::open(path).expect("a table");
        let mut rows = Vec::new();
        let mut row = Row::default();
        while reader.read(&mut row).expect("rows") {
            rows.push(row.clone());
        }
        rows
    }

    #[test]
    fn merged_tables_have_the_columns_of_both_and_nothing_of_the_row_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a.csv"), "formula_id,name,label,v1,v2\nX,a,1,0,1\n").expect("written");
        fs::write(path("b.csv"), "name,index,v1,v2\nb,7,1,0\na,8,0.5,1\n").expect("written");
        let inputs = [path("a.csv"), path("b.csv")];
        let out = path("out.parquet");
        let go = &mut |_| ControlFlow::Continue(());
        let error = combine(&inputs, &out, &PLAIN, go).expect_err("`a` twice");
        assert!(matches!(error, CombineError::Repeated { row: 2, .. }), "{error}");
        assert!(!out.exists());

        let numbered = Combination { repeated: Repeated::Numbered, ..PLAIN };
        let done = combine(&inputs, &out, &numbered, go).expect("combined");
        assert_eq!((done.rows, done.numbered, done.assumed), (3, 1, true));
        let found = rows(&out);
        let names: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "a#2"]);
        assert_eq!((found[0].label, found[0].formula.as_deref()), (Some(1), Some("X")));
        assert_eq!((found[1].label, found[1].formula.as_deref()), (None, None));
        assert_eq!(TableReader::open(&out).expect("a table").grid(), Some(done.grid));

        let left_out = Combination { repeated: Repeated::LeftOut, ..PLAIN };
        let done = combine(&inputs, &out, &left_out, go).expect("combined");
        assert_eq!((done.rows, done.left_out), (2, 1));
        let stopped = combine(&inputs, &path("s.csv"), &left_out, &mut |_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(CombineError::Stopped { .. })));
        assert!(!path("s.csv").exists());
    }

    #[test]
    fn different_grids_are_refused_unless_a_common_one_is_asked_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a.csv"), "name,v1,v2,v3,v4\na,0,1,0,9\n").expect("written");
        fs::write(path("b.csv"), "name,v1,v2,v3\nb,0,1,0\n").expect("written");
        let inputs = [path("a.csv"), path("b.csv")];
        let go = &mut |_| ControlFlow::Continue(());
        let error = combine(&inputs, &path("o.csv"), &PLAIN, go).expect_err("two grids");
        assert!(matches!(error, CombineError::Grids { .. }), "{error}");
        let to = Grid::new(0.0, 0.01, 6).expect("a grid");
        let regrid = Combination { regrid: Some((to, Regrid::Sticks)), ..PLAIN };
        combine(&inputs, &path("o.csv"), &regrid, go).expect("combined");
        let found = rows(&path("o.csv"));
        // 0.02° is point 2; the mark of 9 at the last old point is not carried over.
        assert_eq!((&found[0].indices, &found[0].values), (&vec![2], &vec![1.0]));
        assert_eq!(found[1].indices, [2]);
    }

    #[test]
    fn a_profile_keeps_its_area_on_another_grid() {
        let (from, to) = (
            Grid::new(10.0, 0.02, 2001).expect("a grid"),
            Grid::new(5.0, 0.05, 1200).expect("a grid"),
        );
        let dense: Vec<f32> =
            from.angles().map(|x| (100.0 * (-((x - 30.0) / 0.3).powi(2)).exp()) as f32).collect();
        let mut row = Row::default();
        row.take(&dense);
        let before: f32 = dense.iter().sum::<f32>() * 0.02;
        regrid(&mut row, &from, &to, Regrid::Profile, &mut Vec::new());
        let after: f32 = row.values.iter().sum::<f32>() * 0.05;
        assert!((before - after).abs() < 1e-3 * before, "{before} {after}");
    }
}
