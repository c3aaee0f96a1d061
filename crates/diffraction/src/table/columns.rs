//! Which columns a table has, and what each is for.

use std::path::Path;

use super::TableError;
use crate::grid::MAX_POINTS;

/// The columns of a table, besides `name`, which every table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Grid points: columns `v1…vN`.
    pub points: usize,
    /// Whether there is a `formula_id` (or `formula`) column.
    pub has_formula: bool,
    /// Whether there is an `index` (or `id`) column.
    pub has_id: bool,
    /// Whether there is a `condutivity` (or `conductivity`) column.
    pub has_conductivity: bool,
    /// Whether there is a `label` column.
    pub has_label: bool,
}

impl Columns {
    /// The published unlabelled layout: `formula_id,index,name,v1…vN`.
    #[must_use]
    pub fn unlabeled(points: usize) -> Self {
        Self { points, has_formula: true, has_id: true, has_conductivity: false, has_label: false }
    }

    /// The published labelled layout: `formula_id,index,name,condutivity,label,v1…vN`.
    #[must_use]
    pub fn labeled(points: usize) -> Self {
        Self { points, has_formula: true, has_id: true, has_conductivity: true, has_label: true }
    }

    /// The header's names in the published order, spelled as the published files spell them.
    pub(crate) fn names(self) -> impl Iterator<Item = String> {
        let described = [
            (self.has_formula, "formula_id"),
            (self.has_id, "index"),
            (true, "name"),
            (self.has_conductivity, "condutivity"),
            (self.has_label, "label"),
        ];
        described
            .into_iter()
            .filter(|&(present, _)| present)
            .map(|(_, name)| name.to_owned())
            .chain((1..=self.points).map(|i| format!("v{i}")))
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Formula,
    Id,
    Name,
    Conductivity,
    Label,
    /// The intensity at a grid point, counted from 0.
    Value(u16),
}

/// A header understood: the role of each column, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) columns: Columns,
    pub(crate) roles: Vec<Role>,
    /// The first column of a run `v1…vN` that goes on to the last column, if the file ends so.
    pub(crate) values_from: Option<usize>,
}

impl Header {
    /// Reads the names of a header.
    pub(crate) fn parse<N: AsRef<str>>(path: &Path, names: &[N]) -> Result<Self, TableError> {
        let path_buf = || path.to_path_buf();
        let mut seen = [false; 5];
        let mut points = vec![false; names.len() + 1];
        let mut last_point = 0;
        let mut roles = Vec::with_capacity(names.len());
        let recognised = names.iter().filter(|name| role(name.as_ref()).is_some()).count();
        if recognised == 0 {
            let first: Vec<&str> = names.iter().take(3).map(AsRef::as_ref).collect();
            let found = super::error::excerpt(first.join(",").as_bytes());
            let reason = format!("its first line reads `{found}`, expected `…,name,…,v1,v2,…`");
            return Err(TableError::NotATable { path: path_buf(), reason });
        }
        for (at, name) in names.iter().enumerate() {
            let name = name.as_ref().trim();
            let Some(role) = role(name) else {
                let column = super::error::excerpt(name.as_bytes());
                return Err(TableError::UnknownColumn {
                    path: path_buf(),
                    position: at + 1,
                    column,
                });
            };
            let first = match role {
                Role::Formula => !std::mem::replace(&mut seen[0], true),
                Role::Id => !std::mem::replace(&mut seen[1], true),
                Role::Name => !std::mem::replace(&mut seen[2], true),
                Role::Conductivity => !std::mem::replace(&mut seen[3], true),
                Role::Label => !std::mem::replace(&mut seen[4], true),
                Role::Value(point) => {
                    let point = usize::from(point);
                    last_point = last_point.max(point + 1);
                    // A point beyond the number of columns leaves a gap, found below.
                    points.get_mut(point).is_none_or(|seen| !std::mem::replace(seen, true))
                }
            };
            if !first {
                return Err(TableError::DuplicateColumn { path: path_buf(), column: name.into() });
            }
            roles.push(role);
        }
        if !seen[2] {
            return Err(TableError::MissingColumn { path: path_buf(), column: "name".into() });
        }
        let gap = points.iter().position(|&seen| !seen).unwrap_or(points.len());
        if gap < last_point || last_point == 0 {
            let column = format!("v{}", gap + 1);
            return Err(TableError::MissingColumn { path: path_buf(), column });
        }
        let columns = Columns {
            points: last_point,
            has_formula: seen[0],
            has_id: seen[1],
            has_conductivity: seen[3],
            has_label: seen[4],
        };
        let from = roles.len() - last_point;
        let trailing = roles[from..].iter().enumerate().all(|(i, &r)| r == Role::Value(i as u16));
        Ok(Self { columns, roles, values_from: trailing.then_some(from) })
    }
}

/// The role that a column's name stands for; letter case and white space around it do not matter.
fn role(name: &str) -> Option<Role> {
    let name = name.trim();
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if let Some(digits) = name.strip_prefix(['v', 'V']) {
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let number = digits.parse::<usize>().ok().filter(|n| plain && (1..=MAX_POINTS).contains(n));
        return number.map(|n| Role::Value((n - 1) as u16));
    }
    match () {
        () if is("name") => Some(Role::Name),
        () if is("formula_id") || is("formula") => Some(Role::Formula),
        () if is("index") || is("id") => Some(Role::Id),
        () if is("condutivity") || is("conductivity") => Some(Role::Conductivity),
        () if is("label") => Some(Role::Label),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Header, TableError> {
        Header::parse("t.csv".as_ref(), &header.split(',').collect::<Vec<_>>())
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let header = parse("v2,label,name, Index ,v1,v3,conductivity,formula").expect("a header");
        assert_eq!(header.columns, Columns::labeled(3));
        assert_eq!(header.values_from, None);
        assert_eq!(header.roles[0], Role::Value(1));
    }

    #[test]
    fn published_headers_are_their_own_names() {
        for columns in [Columns::labeled(7), Columns::unlabeled(2)] {
            let names: Vec<String> = columns.names().collect();
            let header = Header::parse("t.csv".as_ref(), &names).expect("a header");
            assert_eq!(header.columns, columns);
            assert_eq!(header.values_from, Some(names.len() - columns.points));
        }
    }

    #[test]
    fn a_wrong_header_names_the_column() {
        let missing = |header: &str, wanted: &str| {
            let error = parse(header).expect_err("incomplete");
            assert!(matches!(error, TableError::MissingColumn { column, .. } if column == wanted));
        };
        missing("index,v1,v2", "name");
        missing("name,label", "v1");
        missing("name,v1,v3", "v2");
        missing("name,v2,v3", "v1");
        missing("name,v65535", "v1");
        assert!(matches!(parse("name,v1,v1"), Err(TableError::DuplicateColumn { .. })));
        assert!(matches!(parse("id,index,name,v1"), Err(TableError::DuplicateColumn { .. })));
        assert!(matches!(
            parse("name,v1,remark"),
            Err(TableError::UnknownColumn { position: 3, .. })
        ));
        assert!(matches!(parse("name,v1,v65536"), Err(TableError::UnknownColumn { .. })));
        assert!(matches!(parse("name,v01"), Err(TableError::UnknownColumn { .. })));
        assert!(matches!(parse("hello world"), Err(TableError::NotATable { .. })));
    }
}
