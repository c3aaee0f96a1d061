//! Completions and manual pages, from the same definitions as the help.

use crate::fixture::{Fixture, stdout};

#[test]
fn completions_know_every_command() {
    let fixture = Fixture::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = stdout(&fixture.ok(&["completions", shell]));
        for word in ["train", "screen", "labeled", "merge"] {
            assert!(text.contains(word), "{shell} does not know `{word}`");
        }
    }
    fixture.write("xrdmatch.bash", &stdout(&fixture.ok(&["completions", "bash"])));
    let checked = std::process::Command::new("bash")
        .args(["-n", "xrdmatch.bash"])
        .current_dir(fixture.path(""))
        .status();
    match checked {
        Ok(status) => assert!(status.success()),
        Err(_) => eprintln!("NOT RUN: bash reads the completions: there is no bash"),
    }
    let text = fixture.run(&["completions", "csh"]);
    assert_eq!(text.status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let fixture = Fixture::new();
    fixture.ok(&["manual", "man/man1"]);
    for page in [
        "xrdmatch",
        "xrdmatch-train",
        "xrdmatch-data-merge",
        "xrdmatch-runs-merge",
        "xrdmatch-manual",
    ] {
        let text = fixture.read(&format!("man/man1/{page}.1")).replace("\\-", "-");
        assert!(text.contains(".TH") && text.contains(&page.replace("xrdmatch-", "")), "{page}");
    }
    assert!(fixture.read("man/man1/xrdmatch-train.1").contains("shard"));
    fixture.write("file", "");
    fixture.fails(3, &["manual", "file/man1"]);
}
