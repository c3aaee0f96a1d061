//! A training followed while it goes on.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::client::get;
use crate::fixture::{FIXTURE, Running, train};
use xrdmatch_serve::Settings;

/// The events of a run until `enough`, each as its name and its data.
fn follow(
    server: &Running,
    path: &str,
    enough: impl Fn(&[(String, String)]) -> bool,
) -> Vec<(String, String)> {
    let mut stream = TcpStream::connect(server.at).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.at).expect("sent");
    let (mut told, mut name) = (Vec::new(), String::new());
    for line in BufReader::new(stream).lines() {
        let line = line.expect("a line in good time");
        if let Some(event) = line.strip_prefix("event: ") {
            name = event.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            told.push((name.clone(), data.to_owned()));
        }
        if enough(&told) {
            break;
        }
    }
    told
}

fn count(told: &[(String, String)], name: &str) -> usize {
    told.iter().filter(|(event, _)| event == name).count()
}

#[test]
fn a_finished_run_is_told_from_the_beginning() {
    let server = Running::new();
    let told = follow(&server, "/api/v1/runs/small/events", |told| count(told, "state") == 1);
    assert_eq!((count(&told, "epoch"), count(&told, "finished")), (12, 3));
    let first: serde_json::Value = serde_json::from_str(&told[0].1).expect("JSON");
    assert_eq!((&first["event"], &first["epoch"]), (&"epoch".into(), &0.into()));
    assert!(first["evaluation"]["macro_average"]["f1"].is_number(), "{first}");
    assert!(told.last().is_some_and(|(_, data)| data == r#"{"state":"complete"}"#), "{told:?}");
}

#[test]
fn a_training_is_told_as_it_goes_on() {
    let fixture = &*FIXTURE;
    train(fixture, "live/growing", &[0]);
    let server = Running::of(Settings::new(fixture.path("live")));
    let told = std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let path = "/api/v1/runs/growing/events?from=now";
            follow(&server, path, |told| count(told, "finished") == 1)
        });
        std::thread::sleep(Duration::from_millis(1500));
        train(fixture, "live/growing", &[0, 1]);
        follower.join().expect("followed")
    });
    // Of the experiment that was complete before nothing is told again.
    assert_eq!(count(&told, "epoch"), 4, "{told:?}");
    assert!(
        told.iter()
            .filter(|(name, _)| name == "epoch")
            .all(|(_, data)| data.starts_with("{\"experiment\":1,"))
    );
    let training = get(server.at, "/api/v1/runs/growing/training").is(200);
    assert_eq!(training["experiments"].as_array().map(Vec::len), Some(2));
}

#[test]
fn there_is_an_end_to_followers_and_to_following() {
    let limits = xrdmatch_serve::Limits { followers: 1, ..xrdmatch_serve::Limits::default() };
    let server = Running::with(limits);
    let path = "/api/v1/runs/small/events";
    let mut stream = TcpStream::connect(server.at).expect("connected");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.at).expect("sent");
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut line).expect("an answer");
    assert!(line.contains("200"), "{line}");
    assert_eq!(get(server.at, path).status, 503);
    // Stopping the server ends the follower; that it does is what dropping the server waits for.
    drop(server);
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) {}
    assert_eq!(get_refused(), 0);
}

/// Nothing listens any more where a stopped server was.
fn get_refused() -> u16 {
    let server = Running::new();
    let at = server.at;
    drop(server);
    crate::client::try_raw(at, b"GET / HTTP/1.1\r\n\r\n").map_or(0, |answer| answer.status)
}
