//! `xrdmatch data fetch` against a server of our own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::fixture::{Fixture, stderr, stdout};

/// How a connection is answered.
#[derive(Clone)]
enum Answer {
    /// The whole file, or the rest that is asked for.
    Serve,
    /// The whole file whatever is asked for, without a mark of its version.
    WithoutRanges,
    /// The head of a whole answer, but only so many bytes of the body.
    Truncated(usize),
    /// The whole file, its second half after a pause that is long enough to be told of.
    Slowly,
    /// Another status.
    Status(u16),
    /// A page with status 200.
    Page,
}

/// A server that answers connections one after another and remembers the requests.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
    port: u16,
}

impl Server {
    /// Serves `body`, whose version is `tag`; after the last of `answers` it repeats that one.
    fn new(body: &[u8], tag: &str, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, body, tag) = (Arc::clone(&requests), body.to_vec(), tag.to_owned());
        let answers = answers.to_vec();
        let thread = std::thread::spawn(move || {
            for number in 0.. {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let head = read_head(&mut stream);
                if head.is_empty() {
                    return;
                }
                seen.lock().expect("not poisoned").push(head.clone());
                let answer = answers.get(number).or(answers.last()).expect("an answer");
                respond(&mut stream, &head, &body, &tag, answer);
            }
        });
        let address = format!("http://127.0.0.1:{port}/data/");
        Self { address, requests, thread: Some(thread), port }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An empty connection ends the server.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn respond(stream: &mut TcpStream, head: &str, body: &[u8], tag: &str, answer: &Answer) {
    let field = |name: &str| {
        head.lines()
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
            .unwrap_or_default()
    };
    let from: usize = field("range")
        .strip_prefix("bytes=")
        .and_then(|range| range.trim_end_matches('-').parse().ok())
        .unwrap_or(0);
    let whole = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: \"{tag}\"\r\nConnection: close\r\n\r\n"
        )
    };
    let (answer_head, sent): (String, &[u8]) = match answer {
        Answer::Serve if from > 0 && field("if-range") == format!("\"{tag}\"") => {
            let total = body.len();
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}\r\nContent-Length: {}\r\nETag: \"{tag}\"\r\nConnection: close\r\n\r\n",
                total - 1,
                total - from
            );
            (head, &body[from..])
        }
        Answer::Serve => (whole(body.len()), body),
        Answer::WithoutRanges => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            (head, body)
        }
        Answer::Truncated(bytes) => (whole(body.len()), &body[..*bytes]),
        Answer::Slowly => {
            let (first, second) = body.split_at(body.len() / 2);
            let head = whole(body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(first));
            std::thread::sleep(Duration::from_millis(2500));
            (String::new(), second)
        }
        Answer::Status(status) => (
            format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"),
            b"no",
        ),
        Answer::Page => (whole(22), b"<html>sign in</html>\r\n"),
    };
    let _ = stream.write_all(answer_head.as_bytes()).and_then(|()| stream.write_all(sent));
}

/// Runs `data fetch labeled` without the proxies of the surroundings.
fn fetch(fixture: &Fixture, server: &Server, more: &[&str]) -> Output {
    let arguments =
        [&["data", "fetch", "labeled", "--to", "got", "--from", &server.address], more].concat();
    let mut command = fixture.command(&arguments);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.output().expect("the binary starts")
}

fn refused(output: &Output, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("error: ") && text.contains("hint: ") && !text.contains("panicked"));
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in {text}");
    }
}

fn table(fixture: &Fixture) -> Vec<u8> {
    std::fs::read(fixture.path("lbs.csv")).expect("the fixture's table")
}

fn got(fixture: &Fixture) -> Vec<u8> {
    std::fs::read(fixture.path("got/lbs.csv")).expect("the fetched file")
}

#[test]
fn a_file_is_fetched_once_and_checked_afterwards() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    let server = Server::new(&body, "v1", &[Answer::Serve]);
    let output = fetch(&fixture, &server, &["--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(got(&fixture), body);
    let sum = fixture.read("got/lbs.csv.blake3");
    assert_eq!(sum, format!("{}  lbs.csv\n", blake3::hash(&body).to_hex()));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report[0]["bytes"], body.len());
    let names: Vec<_> = std::fs::read_dir(fixture.path("got")).expect("listed").collect();
    assert_eq!(names.len(), 2, "nothing but the file and its checksum");

    let text = stderr(&fetch(&fixture, &server, &[]));
    assert!(text.contains("there and unchanged"), "{text}");
    assert_eq!(server.requests().len(), 1, "what is there is not fetched again");

    let mut changed = body.clone();
    changed[200] ^= 1;
    std::fs::write(fixture.path("got/lbs.csv"), &changed).expect("written");
    refused(&fetch(&fixture, &server, &[]), &["changed", "lbs.csv", "--force"]);
    assert_eq!(got(&fixture), changed, "a changed file is left for the user to look at");
    assert!(fetch(&fixture, &server, &["--force"]).status.success());
    assert_eq!(got(&fixture), body);

    std::fs::remove_file(fixture.path("got/lbs.csv.blake3")).expect("removed");
    refused(&fetch(&fixture, &server, &[]), &["no checksum", "--force"]);
}

#[test]
fn a_download_that_broke_off_is_continued_by_the_next_call() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    let server = Server::new(&body, "v1", &[Answer::Truncated(5000), Answer::Serve]);
    refused(&fetch(&fixture, &server, &["--attempts", "1"]), &["5000 of", "run the same command"]);
    assert!(!fixture.path("got/lbs.csv").exists());
    let output = fetch(&fixture, &server, &[]);
    assert!(stderr(&output).contains("continued after 5000 bytes"), "{}", stderr(&output));
    assert_eq!(got(&fixture), body);
    let second = server.requests()[1].to_ascii_lowercase();
    assert!(
        second.contains("range: bytes=5000-") && second.contains("if-range: \"v1\""),
        "{second}"
    );
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_within_the_call() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    let answers = [Answer::Truncated(3000), Answer::Serve];
    let server = Server::new(&body, "v1", &answers);
    let output = fetch(&fixture, &server, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!((got(&fixture), server.requests().len()), (body, 2));
}

#[test]
fn a_download_that_takes_its_time_tells_how_far_it_is() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    let server = Server::new(&body, "v1", &[Answer::Slowly]);
    let output = fetch(&fixture, &server, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stderr(&output);
    let told = text.lines().next().is_some_and(|line| line.contains(" of ") && line.contains("/s"));
    assert!(told, "{text}");
    assert_eq!(got(&fixture), body);
    let server = Server::new(&body, "v1", &[Answer::Slowly]);
    assert!(stderr(&fetch(&fixture, &server, &["--force", "--quiet"])).is_empty());
}

#[test]
fn a_file_that_changed_on_the_server_is_fetched_anew_and_never_patched_together() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    {
        let server = Server::new(&vec![b'x'; body.len()], "old", &[Answer::Truncated(4000)]);
        refused(&fetch(&fixture, &server, &["--attempts", "1"]), &["4000 of"]);
    }
    // Another server, so another address: the part belongs to the old one.
    let server = Server::new(&body, "new", &[Answer::Serve]);
    assert!(fetch(&fixture, &server, &[]).status.success());
    assert_eq!(got(&fixture), body);
    assert!(!server.requests()[0].to_ascii_lowercase().contains("range:"));
    // The same address, another version.
    std::fs::remove_dir_all(fixture.path("got")).expect("removed");
    let server = Server::new(&body, "new", &[Answer::Truncated(4000), Answer::Serve]);
    refused(&fetch(&fixture, &server, &["--attempts", "1"]), &["4000 of"]);
    let record = fixture.read("got/.lbs.csv.part.json").replace("new", "old");
    fixture.write("got/.lbs.csv.part.json", &record);
    std::fs::write(fixture.path("got/.lbs.csv.part"), vec![b'x'; 4000]).expect("written");
    assert!(fetch(&fixture, &server, &[]).status.success());
    assert_eq!(got(&fixture), body);
    assert!(server.requests()[1].contains("\"old\""), "{:?}", server.requests());
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    let server = Server::new(&body, "v1", &[Answer::Truncated(5000), Answer::WithoutRanges]);
    let output = fetch(&fixture, &server, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(got(&fixture), body);
}

#[test]
fn answers_that_are_not_the_file_are_refused_and_leave_nothing() {
    let fixture = Fixture::new();
    let body = table(&fixture);
    for (answer, words) in [
        (Answer::Status(404), &["404", "no such file", "docs/data.md"][..]),
        (Answer::Status(403), &["403", "refused"]),
        (Answer::Status(503), &["503"]),
        (Answer::Page, &["no table of patterns", "portal"]),
    ] {
        let server = Server::new(&body, "v1", &[answer]);
        refused(&fetch(&fixture, &server, &["--attempts", "1"]), words);
        let left = std::fs::read_dir(fixture.path("got")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{words:?}");
    }
    let server = Server::new(&body, "v1", &[Answer::Serve]);
    let address = server.address.clone();
    drop(server);
    let arguments =
        ["data", "fetch", "labeled", "--to", "got", "--from", &address, "--attempts", "1"];
    let mut command = fixture.command(&arguments);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    refused(&command.output().expect("the binary starts"), &["cannot be fetched", "network"]);
}

#[test]
fn a_proxy_named_in_the_environment_is_asked() {
    let fixture = Fixture::new();
    let proxy = Server::new(b"", "v1", &[Answer::Status(502)]);
    let target = ["--to", "got", "--from", "http://data.invalid/x", "--attempts", "1"];
    let mut command = fixture.command(&[&["data", "fetch", "labeled"], &target[..]].concat());
    for name in ["all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY"] {
        command.env_remove(name);
    }
    let address = format!("http://127.0.0.1:{}", proxy.port);
    command.env("http_proxy", &address).env("HTTP_PROXY", &address);
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let requests = proxy.requests();
    assert!(requests.first().is_some_and(|head| head.contains("data.invalid")), "{requests:?}");
}
