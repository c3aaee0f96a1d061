//! The local page's server as a command.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::fixture::{Fixture, stderr};

/// A server that was started, and the address that it printed.
fn started(fixture: &Fixture, arguments: &[&str]) -> (Child, String) {
    let mut command = fixture.command(&[&["serve"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    (child, line.trim().to_owned())
}

/// Ends a server as Ctrl-C does; gives its exit code and what it said.
fn interrupted(child: Child) -> (Option<i32>, String) {
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill starts").success());
    let output = child.wait_with_output().expect("ended");
    (output.status.code(), stderr(&output))
}

fn get(url: &str, path: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).expect("connected");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_server_says_where_it_is_answers_and_ends_in_good_order() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("runs/r", &["--no-baselines"]));
    let (child, url) = started(&fixture, &[]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert!(get(&url, "/").contains("<title>XRDMatch</title>"));
    assert!(get(&url, "/api/v1/runs").contains(r#""id":"r","state":"complete""#));
    // Its port is taken while it runs.
    let port = url.trim_end_matches('/').rsplit(':').next().expect("a port");
    let text = fixture.fails(2, &["serve", "runs", "--port", port]);
    assert!(text.contains("hint: without --port"), "{text}");
    let (code, said) = interrupted(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("warning") && !said.contains("panicked"), "{said}");
}

#[test]
fn letting_others_in_is_warned_of_and_mistakes_are_explained() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("runs")).expect("created");
    let (child, url) = started(&fixture, &["--host", "0.0.0.0"]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert!(get(&url, "/api/v1/about").contains(r#""run":null"#));
    let (_, said) = interrupted(child);
    assert!(
        said.contains("warning: listening at 0.0.0.0:") && said.contains("no password"),
        "{said}"
    );
    let text = fixture.fails(3, &["serve", "nowhere"]);
    assert!(
        text.contains("neither a run nor a directory of runs") && text.contains("hint:"),
        "{text}"
    );
    fixture.fails(3, &["serve", "runs", "--candidates", "absent.csv"]);
    fixture.fails(2, &["serve", "runs", "--prior", "estimate"]);
}
