//! The main job on the real files, shortened: a few steps of the paper's network.

use crate::fixture::{Fixture, shared_data, stderr};

#[test]
fn the_published_experiment_85_trains_on_the_real_files() {
    let Some(data) = shared_data("the_published_experiment_85_trains_on_the_real_files") else {
        return;
    };
    let fixture = Fixture::new();
    let path = |name: &str| data.join(name).to_str().expect("a path in UTF-8").to_owned();
    let (labeled, unlabeled, splits) =
        (path("lbs.csv"), path("ulbs.csv.gz"), path("paper_splits.json"));
    let output = fixture.ok(&[
        "train",
        "--labeled",
        &labeled,
        "--unlabeled",
        &unlabeled,
        "--splits",
        &splits,
        "--preset",
        "paper",
        "--experiments",
        "85",
        "--epochs",
        "1",
        "--set",
        "training.iterations=2",
        "--set",
        "batch.unlabeled=16",
        "--run",
        "r",
    ]);
    let text = stderr(&output);
    assert!(text.contains("lbs.csv: 112 patterns of 4501 points"), "{text}");
    assert!(
        text.contains(
            "112 of 112 rows had a value (0.00001 to 0.00002) at the last grid point, v4501"
        ),
        "{text}"
    );
    assert!(text.contains("ulbs.csv.gz: 9000 patterns of 4501 points"), "{text}");
    let split: serde_json::Value =
        serde_json::from_str(&fixture.read("r/exp_085/split.json")).expect("JSON");
    let count = |role: &str| split[role].as_array().map(Vec::len);
    assert_eq!(
        (count("labeled"), count("evaluation"), count("held_out")),
        (Some(20), Some(73), Some(19))
    );
    let result: serde_json::Value =
        serde_json::from_str(&fixture.read("r/exp_085/result.json")).expect("JSON");
    assert_eq!(result["steps"], 2);
    assert!(fixture.path("r/exp_085/checkpoints/000002/weights.safetensors").exists());
}
