//! More classes than two, with the recommended settings.

use crate::fixture::{Fixture, pattern_with, stdout, table};

/// Where the strongest stick of a class lies.
const PLACES: [usize; 3] = [40, 100, 170];

/// What fits the recommended settings to short patterns and few of them; the layer is trained as it always is.
const THREE: &str = "
classes = 3
[input]
axis = \"two-theta\"
blur = 0.06
bin = 0.04
[augmentation.physical]
strain = 0.01
elimination = 0.1
[pretrain]
hidden = [24, 12]
epochs = 30
batch = 32
[batch]
unlabeled = 16
";

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let rows = |first: usize, count: usize, known: bool| -> Vec<_> {
        let row = |i: usize| {
            let label = u8::try_from(i % PLACES.len()).expect("three classes");
            let values = pattern_with((first + i) as u64, PLACES[usize::from(label)]);
            (format!("r{}", first + i), known.then_some(label), values)
        };
        (0..count).map(row).collect()
    };
    fixture.write("lbs.csv", &table(&rows(0, 60, true)));
    fixture.write("ulbs.csv", &table(&rows(1000, 200, false)));
    fixture.write("small.toml", THREE);
    fixture
}

#[test]
fn the_default_recipe_tells_three_classes_apart() {
    let fixture = fixture();
    let trained = fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--json"]));
    let summary: serde_json::Value = serde_json::from_str(&stdout(&trained)).expect("JSON");
    // The classical models know two classes.
    assert!(summary["baselines"].is_null(), "{summary}");
    for experiment in 0..2 {
        let result = fixture.read(&format!("r/exp_{experiment:03}/result.json"));
        let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
        let evaluation = &result["evaluation"];
        assert_eq!(evaluation["samples"], 30);
        assert!(evaluation["macro_average"]["f1"].as_f64().expect("a number") > 0.75, "{result}");
        assert!(evaluation["auc"].as_f64().expect("a number") > 0.9, "{result}");
    }
    fixture.ok(&["evaluate", "r", "--protocol"]);
    fixture.ok(&["predict", "r", "--experiment", "0", "--data", "lbs.csv", "-o", "p.csv"]);
    assert!(fixture.read("p.csv").starts_with("name,truth,p0,p1,p2,logit0,logit1,logit2\n"));
}

#[test]
fn labels_beyond_the_classes_are_refused_with_the_row() {
    let fixture = fixture();
    let two = ["--set", "classes=2", "--no-baselines"];
    let text = fixture.fails(3, &fixture.train("r", &two));
    assert!(text.contains("row 3 of lbs.csv") && text.contains("classes=N"), "{text}");
    assert!(!fixture.path("r").exists());
}
