//! Operations of a space group that a file only names.

use moyo::data::{HallSymbol, HallSymbolEntry, Setting, hall_symbol_entry, operations_from_number};

use super::{Operation, Symmetry};
use crate::Lattice;

/// Settings in the tables: Hall numbers 1 to 530.
const SETTINGS: std::ops::RangeInclusive<i32> = 1..=530;

/// What a file says about its space group; all may be missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpaceGroupHint<'a> {
    /// Hall symbol, such as `-P 2ybc`.
    pub hall: Option<&'a str>,
    /// Hermann–Mauguin symbol, short or full, with or without spaces and origin choice (`:2`).
    pub hermann_mauguin: Option<&'a str>,
    /// Number in the International Tables.
    pub number: Option<i32>,
}

/// The operations of the setting that the hints name, or `None` when they name none.
///
/// The Hall symbol says everything; a Hermann–Mauguin symbol leaves the origin open, a number also
/// the axes. What is open is taken as the International Tables' standard has it: origin choice 2,
/// unique axis b, cell choice 1; for rhombohedral groups the axes that the cell shows.
#[must_use]
pub fn space_group_operations(
    hint: SpaceGroupHint<'_>,
    lattice: &Lattice,
) -> Option<Vec<Operation>> {
    space_group_settings(hint, lattice).into_iter().next()
}

/// The operations of every setting that the hints leave open and the cell allows, in the order in
/// which [`space_group_operations`] would take them.
#[must_use]
pub fn space_group_settings(hint: SpaceGroupHint<'_>, lattice: &Lattice) -> Vec<Vec<Operation>> {
    let by_hall = hint.hall.and_then(|symbol| {
        let wanted = hall_key(symbol);
        let entry = entries().find(|entry| hall_key(entry.hall_symbol) == wanted);
        entry.and_then(|entry| tabulated(entry.hall_number)).or_else(|| generated(symbol))
    });
    if let Some(operations) = by_hall {
        return vec![operations];
    }
    let mut found = hint
        .hermann_mauguin
        .map(|symbol| by_hermann_mauguin(symbol, hint.number))
        .unwrap_or_default();
    if found.is_empty() {
        found = entries().filter(|entry| Some(entry.number) == hint.number).collect();
    }
    let Some(first) = preferred(&found, lattice) else { return Vec::new() };
    let others = found.iter().map(|entry| entry.hall_number).filter(|&number| number != first);
    let metric = lattice.metric();
    let mut settings: Vec<Vec<Operation>> = tabulated(first).into_iter().collect();
    settings.extend(others.filter_map(tabulated).filter(|operations| {
        Symmetry::of(operations).is_some_and(|symmetry| symmetry.keeps(metric))
    }));
    settings
}

/// The settings that a Hermann–Mauguin symbol can mean.
fn by_hermann_mauguin(symbol: &str, number: Option<i32>) -> Vec<HallSymbolEntry> {
    let (symbol, choice) = symbol.split_once(':').unwrap_or((symbol, ""));
    let mut wanted = hm_key(symbol);
    let mut choice = choice.trim().to_ascii_lowercase();
    // The ICSD appends the setting: S and Z for origin choices 1 and 2, H and R for axes.
    if choice.is_empty() && matching(&wanted, number).is_empty() {
        choice = match wanted.pop() {
            Some('s') => "1".into(),
            Some('z') => "2".into(),
            Some(axes @ ('h' | 'r')) => axes.into(),
            _ => return Vec::new(),
        };
    }
    let mut found = matching(&wanted, number);
    if found.is_empty() {
        found = matching(&wanted, None);
    }
    if !choice.is_empty() {
        let chosen: Vec<HallSymbolEntry> = found
            .iter()
            .filter(|entry| entry.setting.to_ascii_lowercase().starts_with(choice.as_str()))
            .cloned()
            .collect();
        if !chosen.is_empty() {
            found = chosen;
        }
    }
    found
}

/// The settings with a Hermann–Mauguin symbol, of one group if its number is known.
fn matching(wanted: &str, number: Option<i32>) -> Vec<HallSymbolEntry> {
    entries()
        .filter(|entry| number.is_none_or(|n| n == entry.number))
        .filter(|entry| hm_key(entry.hm_short) == wanted || hm_key(entry.hm_full) == wanted)
        .collect()
}

/// The setting to take of several: the standard one, rhombohedral axes where the cell has them.
fn preferred(candidates: &[HallSymbolEntry], lattice: &Lattice) -> Option<i32> {
    let ([a, b, c], [alpha, beta, gamma]) = lattice.parameters();
    let near = |x: f64, y: f64| (x - y).abs() < 1e-2;
    let rhombohedral =
        near(a, b) && near(b, c) && near(alpha, beta) && near(beta, gamma) && !near(gamma, 90.0);
    if let Some(entry) = candidates.iter().find(|e| rhombohedral && e.setting == "R") {
        return Some(entry.hall_number);
    }
    let standard = candidates
        .iter()
        .find(|entry| Setting::Standard.hall_number(entry.number) == Some(entry.hall_number));
    standard.or(candidates.first()).map(|entry| entry.hall_number)
}

fn entries() -> impl Iterator<Item = HallSymbolEntry> {
    SETTINGS.filter_map(hall_symbol_entry)
}

fn tabulated(hall_number: i32) -> Option<Vec<Operation>> {
    let number = hall_symbol_entry(hall_number)?.number;
    let operations =
        operations_from_number(number, Setting::HallNumber(hall_number), false).ok()?;
    operations.iter().map(|op| convert(op, [0.0; 3])).collect()
}

/// The operations of a Hall symbol that is in no table.
fn generated(symbol: &str) -> Option<Vec<Operation>> {
    // The parser of the library indexes by position and expects its own spelling.
    if !symbol.is_ascii() || symbol.len() > 40 {
        return None;
    }
    let hall = HallSymbol::new(&symbol.replace('"', "=").replace('\'', "^"))?;
    // Its traversal leaves the centring out.
    let coset = hall.traverse();
    let mut all = Vec::new();
    for shift in hall.centering.lattice_points() {
        for operation in &coset {
            all.push(convert(operation, [shift.x, shift.y, shift.z])?);
        }
    }
    Some(all)
}

fn convert(operation: &moyo::base::Operation, shift: [f64; 3]) -> Option<Operation> {
    let entry = |i, j| i8::try_from(operation.rotation[(i, j)]).ok();
    let row = |i| Some([entry(i, 0)?, entry(i, 1)?, entry(i, 2)?]);
    let rotation = [row(0)?, row(1)?, row(2)?];
    let moved = Operation {
        rotation: Operation::IDENTITY.rotation,
        translation: std::array::from_fn(|i| operation.translation[i] + shift[i]),
    };
    Some(moved.after(&Operation { rotation, translation: [0.0; 3] }))
}

/// A Hall symbol without what its spellings differ in.
fn hall_key(symbol: &str) -> String {
    let spelled = symbol.replace('_', " ").replace('"', "=").replace('\'', "^");
    spelled.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// A Hermann–Mauguin symbol without what its spellings differ in.
fn hm_key(symbol: &str) -> String {
    symbol
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cubic() -> Lattice {
        Lattice::from_parameters([5.0; 3], [90.0; 3]).expect("a lattice")
    }

    fn order(hint: SpaceGroupHint<'_>) -> Option<usize> {
        let operations = space_group_operations(hint, &cubic())?;
        Symmetry::of(&operations).map(|symmetry| symmetry.order())
    }

    #[test]
    fn every_tabulated_setting_is_a_group_under_its_hall_symbol() {
        for entry in entries() {
            let hint = SpaceGroupHint { hall: Some(entry.hall_symbol), ..Default::default() };
            let listed = space_group_operations(hint, &cubic()).expect("operations");
            let symmetry = Symmetry::of(&listed);
            assert!(symmetry.is_some(), "{}", entry.hall_symbol);
            let generated = generated(entry.hall_symbol).expect("operations");
            assert_eq!(Symmetry::of(&generated).map(|s| s.order()), symmetry.map(|s| s.order()));
        }
    }

    #[test]
    fn symbols_are_found_in_their_usual_spellings() {
        let hm =
            |symbol| order(SpaceGroupHint { hermann_mauguin: Some(symbol), ..Default::default() });
        assert_eq!(hm("F m -3 m"), Some(192));
        assert_eq!(hm("Fm-3m"), Some(192));
        assert_eq!(hm("P 21/c"), Some(4));
        assert_eq!(hm("P2_1/c"), Some(4));
        assert_eq!(hm("P 1 21/n 1"), Some(4));
        assert_eq!(hm("F d -3 m :2"), Some(192));
        assert_eq!(hm("F d -3 m Z"), Some(192));
        assert_eq!(hm("I a -3 d"), Some(96));
        assert_eq!(hm("R -3 m :H"), Some(36));
        assert_eq!(hm("R -3 m :R"), Some(12));
        assert_eq!(hm("R -3 m R"), Some(12));
        assert_eq!(hm("no group"), None);
        assert_eq!(hm(""), None);
        assert_eq!(order(SpaceGroupHint { number: Some(225), ..Default::default() }), Some(192));
        assert_eq!(order(SpaceGroupHint { number: Some(0), ..Default::default() }), None);
        assert_eq!(order(SpaceGroupHint { hall: Some("-P 2ybc"), ..Default::default() }), Some(4));
        assert_eq!(order(SpaceGroupHint { hall: Some("rubbish"), ..Default::default() }), None);
    }

    #[test]
    fn origin_choices_differ() {
        let hm = |symbol| {
            let hint = SpaceGroupHint { hermann_mauguin: Some(symbol), ..Default::default() };
            space_group_operations(hint, &cubic()).expect("operations")
        };
        let inversion = |operations: &[Operation]| {
            operations.contains(&Operation::parse("-x,-y,-z").expect("an operation"))
        };
        assert!(inversion(&hm("F d -3 m :2")) && !inversion(&hm("F d -3 m :1")));
        assert!(inversion(&hm("F d -3 m")));
    }
}
