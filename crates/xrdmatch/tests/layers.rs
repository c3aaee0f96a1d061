//! Keeps the table of modules in ARCHITECTURE.md true: every module of this crate stands in it, in
//! the order in which data flows, and uses only modules that stand before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn every_module_sees_only_those_before_it_in_the_architectures_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let order = table(&root.join("../../ARCHITECTURE.md"));
    let used = uses(&root.join("src"));
    let listed: BTreeSet<&String> = order.iter().collect();
    let found: BTreeSet<&String> = used.keys().collect();
    assert_eq!(listed, found, "the table and the modules differ");
    for (place, module) in order.iter().enumerate() {
        for other in &used[module] {
            let seen = order.iter().position(|known| known == other);
            assert!(
                seen.is_some_and(|seen| seen < place),
                "`{module}` uses `{other}`, which does not stand before it in ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn every_module_of_every_crate_is_named_in_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).expect("the crates") {
        let source = entry.expect("a crate").path().join("src");
        for file in std::fs::read_dir(&source).expect("its source") {
            let path = file.expect("a file").path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let Some(module) = name.strip_suffix(".rs") else { continue };
            let named =
                text.contains(&format!("`{name}`")) || text.contains(&format!("\n| `{module}` |"));
            if !named && !["lib", "main"].contains(&module) {
                missing.push(path);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// The modules in the rows ``| `name` | … |`` under the heading of this crate's table.
fn table(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("ARCHITECTURE.md");
    let (_, section) =
        text.split_once("### Modules of `xrdmatch`").expect("the heading of the table");
    let section = section.split("\n#").next().expect("a section");
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(row).collect()
}

/// Per module, the other modules it uses outside its tests.
fn uses(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(source) {
        let inner = file.strip_prefix(source).expect("below the source");
        let module = inner.iter().next().and_then(|name| name.to_str()).expect("a name");
        let module = module.trim_end_matches(".rs").to_owned();
        if module == "lib" || inner.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source file");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let entry = used.entry(module.clone()).or_default();
        for part in text.split("crate::").skip(1) {
            let name: String =
                part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if name != module && source.join(format!("{name}.rs")).exists() {
                entry.insert(name);
            }
        }
    }
    used
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
