//! Help, settings and mistakes on the command line.

use crate::fixture::{Fixture, stderr, stdout};

#[test]
fn every_command_has_help_with_an_example() {
    let fixture = Fixture::new();
    let general = stdout(&fixture.ok(&["--help"]));
    assert!(general.contains("Exit codes"));
    let commands = general.split("Commands:").nth(1).expect("a list of commands");
    let commands = commands.split("Options:").next().expect("text");
    let commands: Vec<&str> =
        commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands.into_iter().filter(|&command| !command.is_empty() && command != "help")
    {
        assert!(general.contains(command));
        let text = stdout(&fixture.ok(&[command, "--help"]));
        assert!(text.contains(&format!("xrdmatch {command}")), "{text}");
        assert!(text.contains("Example") || text.contains("Commands:"), "{text}");
    }
    for words in [
        ["config", "show"],
        ["data", "info"],
        ["data", "merge"],
        ["data", "convert"],
        ["data", "fetch"],
    ] {
        let text = stdout(&fixture.ok(&[words[0], words[1], "--help"]));
        assert!(
            text.contains("Example") && text.contains(&format!("xrdmatch {}", words.join(" "))),
            "{text}"
        );
    }
    assert!(stdout(&fixture.ok(&["--version"])).starts_with("xrdmatch "));
}

#[test]
fn settings_are_shown_with_their_origin() {
    let fixture = Fixture::new();
    fixture.write("mine.toml", "[training]\nepochs = 33\n");
    let text = stdout(&fixture.ok(&[
        "config",
        "show",
        "--preset",
        "paper",
        "--config",
        "mine.toml",
        "--set",
        "seed=5",
    ]));
    let line =
        |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(
        line("training.epochs").contains("= 33")
            && line("training.epochs").ends_with("# mine.toml")
    );
    assert!(line("optimizer.weight_decay").ends_with("# preset paper"));
    assert!(line("seed").contains("= 5") && line("seed").ends_with("# --set"));
    assert!(
        line("preparation.cut").contains("= 0.1 ")
            && line("preparation.cut").ends_with("# default")
    );
    let presets = stdout(&fixture.ok(&["config", "presets"]));
    for preset in ["default", "paper", "paddlescience", "quick"] {
        assert!(presets.contains(preset));
        let shown = stdout(&fixture.ok(&["config", "show", "--preset", preset, "--json"]));
        serde_json::from_str::<serde_json::Value>(&shown).expect("JSON");
    }
}

#[test]
fn mistakes_on_the_command_line_are_explained_and_exit_2() {
    let fixture = Fixture::new();
    let text = fixture.fails(2, &fixture.train("r", &["--set", "training.epoch=3"]));
    assert!(text.contains("did you mean `training.epochs`"), "{text}");
    let text = fixture.fails(2, &fixture.train("r", &["--preset", "papr"]));
    assert!(text.contains("paddlescience"), "{text}");
    fixture.fails(2, &fixture.train("r", &["--set", "training.epochs"]));
    fixture.fails(2, &fixture.train("r", &["--set", "training.epochs=many"]));
    fixture.fails(2, &fixture.train("r", &["--epochs", "0"]));
    fixture.fails(2, &fixture.train("r", &["--experiments", "5..3"]));
    fixture.fails(2, &fixture.train("r", &["--experiments", "x"]));
    fixture.fails(2, &fixture.train("r", &["--seed", "18446744073709551615"]));
    fixture.fails(2, &fixture.train("r", &["--jobs", "0"]));
    fixture.fails(2, &fixture.train("r", &["--grid", "zero"]));
    fixture.fails(2, &fixture.train("r", &["--set", "objective.cutoff=1.5"]));
    fixture.fails(2, &fixture.train("r", &["--set", "network.architecture=\"vgg99\""]));
    fixture.fails(
        2,
        &fixture.train("r", &["--set", "optimizer.average=0", "--set", "training.teacher=\"ema\""]),
    );
    fixture.fails(2, &["train", "--labeled", "lbs.csv", "--config", "small.toml", "--run", "r"]);
    fixture.write("broken.toml", "[training\nepochs = 3");
    fixture.fails(2, &["train", "--labeled", "lbs.csv", "--config", "broken.toml", "--run", "r"]);
    assert!(!fixture.path("r").exists(), "nothing is written before everything is checked");
    let output = fixture.run(&["tarin"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("train"), "{}", stderr(&output));
}
