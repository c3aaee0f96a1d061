//! Callers that mean no good: each is refused with a reason, and the next one is served.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use xrdmatch_serve::Limits;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::client::{Answer, FORM, analyse, form, get, post, raw, read, try_raw};
use crate::fixture::{CIF, FIXTURE, Running};

/// The server still judges.
#[track_caller]
fn goes_on(server: &Running) {
    let found = analyse(server.at, &[("salt.cif", CIF.as_bytes())]).is(201);
    assert_eq!(found["patterns"].as_array().map(Vec::len), Some(1));
}

fn small() -> Limits {
    Limits {
        body: 200_000,
        file: 100_000,
        json: 50_000,
        files: 3,
        patterns: 20,
        idle: Duration::from_millis(400),
        upload: Duration::from_millis(1500),
        head: Duration::from_millis(500),
        ..Limits::default()
    }
}

/// Why a file of an upload that is otherwise well was refused.
#[track_caller]
fn refused(answer: Answer) -> String {
    let found = answer.is(201);
    assert_eq!(found["patterns"].as_array().map(Vec::len), Some(0), "{found}");
    found["refused"][0]["message"].as_str().expect("a reason").to_owned()
}

#[test]
fn what_is_too_large_is_refused_by_size_and_number() {
    let server = Running::with(small());
    let large = vec![b'1'; 150_000];
    assert_eq!(analyse(server.at, &[("a.xy", &large)]).status, 413, "one file");
    let half = vec![b'1'; 90_000];
    assert_eq!(
        analyse(server.at, &[("a.xy", &half), ("b.xy", &half), ("c.xy", &half)]).status,
        413,
        "together"
    );
    let tiny: &[u8] = b"1 2\n";
    assert_eq!(
        analyse(server.at, &[("a", tiny), ("b", tiny), ("c", tiny), ("d", tiny)]).status,
        413,
        "four files"
    );
    // Without a declared length too.
    let head = format!(
        "POST /api/v1/analyses HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.at
    );
    let mut request = head.into_bytes();
    for _ in 0..20 {
        request.extend_from_slice(b"2000\r\n");
        request.extend_from_slice(&[b' '; 0x2000]);
        request.extend_from_slice(b"\r\n");
    }
    assert_eq!(raw(server.at, &request).status, 413, "chunks without end");
    let json = format!("{{\"patterns\":[{}]}}", "1,".repeat(40_000));
    assert_eq!(
        post(server.at, "/api/v1/analyses", "application/json", json.as_bytes()).status,
        413,
        "JSON"
    );
    let long = format!("GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(100_000), server.at);
    let answer = try_raw(server.at, long.as_bytes());
    assert!(
        answer.is_err() || answer.is_ok_and(|answer| answer.status >= 400),
        "a head without end"
    );
    goes_on(&server);
}

#[test]
fn what_is_too_slow_is_ended() {
    let server = Running::with(small());
    let body = form(&[("salt.cif", CIF.as_bytes())]);
    let head = format!(
        "POST /api/v1/analyses HTTP/1.1\r\nHost: {}\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n",
        server.at,
        body.len()
    );
    // A body that stops in the middle.
    let mut stream = TcpStream::connect(server.at).expect("connected");
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&body[..100]).expect("sent");
    assert_eq!(read(&mut stream).expect("an answer").status, 408);
    // A body that trickles.
    let mut stream = TcpStream::connect(server.at).expect("connected");
    stream.write_all(head.as_bytes()).expect("sent");
    for byte in &body {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let answer = read(&mut stream);
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 408));
    // A head that never ends: the connection is cut.
    let mut stream = TcpStream::connect(server.at).expect("connected");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x").expect("sent");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut rest = Vec::new();
    let ended = std::io::Read::read_to_end(&mut stream, &mut rest);
    assert!(
        ended.is_ok()
            || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    );
    goes_on(&server);
}

#[test]
fn slow_bodies_do_not_keep_others_from_being_served() {
    let server = Running::with(Limits { idle: Duration::from_secs(20), ..Limits::default() });
    let head = format!(
        "POST /api/v1/analyses HTTP/1.1\r\nHost: {}\r\nContent-Type: {FORM}\r\nContent-Length: 5000\r\n\r\n--XX\r\n",
        server.at
    );
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(server.at).expect("connected");
        stream.write_all(head.as_bytes()).expect("sent");
        slow.push(stream);
    }
    goes_on(&server);
    assert_eq!(get(server.at, "/api/v1/health").status, 200);
}

#[test]
fn malformed_requests_are_refused_with_a_reason() {
    let server = Running::new();
    let path = "/api/v1/analyses";
    let whole = form(&[("salt.cif", CIF.as_bytes())]);
    for (kind, body, status) in [
        (FORM, &b""[..], 400),
        (FORM, b"garbage without any boundary", 400),
        (FORM, &whole[..whole.len() / 2], 400),
        (
            FORM,
            b"--XX\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nno file\r\n--XX--\r\n",
            400,
        ),
        ("multipart/form-data", &whole, 400),
        ("application/json", b"{", 400),
        ("application/json", b"null", 400),
        (
            "application/json",
            br#"{"patterns":[{"name":"a","two_theta":[1,2],"intensities":[1,2],"more":1}]}"#,
            400,
        ),
        ("text/plain", b"10 20", 415),
        ("", b"10 20", 415),
    ] {
        let answer = post(server.at, path, kind, body);
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
        assert!(answer.json()["message"].as_str().is_some_and(|message| message.len() > 10));
    }
    let deep = format!("{{\"patterns\":{}", "[".repeat(200_000));
    assert_eq!(post(server.at, path, "application/json", deep.as_bytes()).status, 400);
    for (request, status) in [
        ("DELETE /api/v1/runs/small HTTP/1.1", 405),
        ("PUT /api/v1/analyses HTTP/1.1", 405),
        ("GET /api/v1/analyses HTTP/1.1", 405),
        ("GET /api/v2/runs HTTP/1.1", 404),
        ("OPTIONS /api/v1/analyses HTTP/1.1", 405),
    ] {
        let answer = raw(
            server.at,
            format!("{request}\r\nHost: {}\r\nConnection: close\r\n\r\n", server.at).as_bytes(),
        );
        assert_eq!(answer.status, status, "{request}");
    }
    assert_eq!(raw(server.at, b"\x16\x03\x01 not even HTTP\r\n\r\n").status, 400);
    goes_on(&server);
}

/// A zip archive of one member, of this name, that unpacks to so many megabytes of one byte.
fn zip_bomb(member: &str, begin: &[u8], megabytes: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(member, SimpleFileOptions::default()).expect("a member");
    zip.write_all(begin).expect("written");
    let megabyte = vec![b'1'; 1 << 20];
    (0..megabytes).for_each(|_| zip.write_all(&megabyte).expect("written"));
    zip.finish().expect("an archive").into_inner()
}

fn gzip_bomb(begin: &[u8], megabytes: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(begin).expect("written");
    let megabyte = vec![b'1'; 1 << 20];
    (0..megabytes).for_each(|_| gzip.write_all(&megabyte).expect("written"));
    gzip.finish().expect("packed")
}

#[test]
fn what_unpacks_to_too_much_is_refused_in_bounded_memory() {
    let server = Running::new();
    goes_on(&server);
    let before = resident_at_most();
    let bombs = [
        ("a.brml", zip_bomb("Experiment0/RawData0.xml", b"<RawData>", 300)),
        ("a.rasx", zip_bomb("Data0/Profile0.txt", b"", 300)),
        ("a.cif.gz", gzip_bomb(b"data_x\n_cell_length_a ", 300)),
        ("a.csv.gz", gzip_bomb(b"name,v1,v2\nx,", 300)),
        ("a.jsonl.gz", gzip_bomb(b"{\"id\":\"", 300)),
        ("nothing.zip", zip_bomb("a/b/c", b"", 10)),
    ];
    for (name, bytes) in &bombs {
        assert!(bytes.len() < 1 << 20, "{name} is {} bytes", bytes.len());
        let reason = refused(analyse(server.at, &[(name, bytes)]));
        assert!(!reason.contains("/tmp") && reason.len() > 10, "{name}: {reason}");
    }
    if let (Some(before), Some(after)) = (before, resident_at_most()) {
        println!(
            "six bombs of less than 1 MB: memory at most {before} kB before, {after} kB after"
        );
        // The readers promise less than 1 GiB each, two at a time.
        assert!(after - before < 1_500_000, "{before} kB before, {after} kB after");
    }
    goes_on(&server);
}

/// The most memory that this process has ever held, in kB; where the system tells.
fn resident_at_most() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[test]
fn names_lead_nowhere() {
    let server = Running::new();
    let before = tree();
    for name in [
        "../../../../tmp/owned.cif",
        "..\\..\\owned.cif",
        "/etc/passwd",
        "..",
        ".",
        "CON",
        "a\\..\\b.cif",
        "%2e%2e%2fowned.cif",
        "owned.cif\u{0}.txt",
        "<img src=x onerror=alert(1)>.cif",
    ] {
        let answer = analyse(server.at, &[(name, CIF.as_bytes())]);
        assert!([201, 400].contains(&answer.status), "{name}: {}", answer.text());
        let text = answer.text();
        assert!(!text.contains("../") && !text.contains("<img"), "{name}: {text}");
    }
    for path in [
        "/../lbs.csv",
        "/..%2f..%2flbs.csv",
        "/page.js/../../lbs.csv",
        "/api/v1/runs/..",
        "/api/v1/runs/..%2f..",
        "/api/v1/runs/%2e%2e%2fsmall",
        "/api/v1/runs/small%2f..%2fsmall",
        "/api/v1/runs/small/../small/manifest.json",
        "/manifest.json",
        "/api/v1/analyses/..%2f1",
    ] {
        let answer = get(server.at, path);
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
    assert_eq!(before, tree(), "run records are only read");
    assert!(!std::path::Path::new("/tmp/owned.cif").exists());
    goes_on(&server);
}

/// Every file below the fixture's runs with its length and time.
fn tree() -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let (mut found, mut open) = (Vec::new(), vec![FIXTURE.path("runs")]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let about = entry.metadata().expect("its length");
            if about.is_dir() {
                open.push(entry.path());
            } else {
                found.push((entry.path(), about.len(), about.modified().expect("a time")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn no_other_page_can_use_the_server() {
    let server = Running::new();
    let at = server.at;
    let port = at.port();
    let ask = |headers: &str| {
        raw(
            at,
            format!("GET /api/v1/runs HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes(),
        )
    };
    assert_eq!(ask(&format!("Host: localhost:{port}\r\n")).status, 200);
    assert_eq!(ask(&format!("Host: evil.example:{port}\r\n")).status, 421, "a rebound name");
    assert_eq!(ask("").status, 400, "no host");
    assert_eq!(ask(&format!("Host: {at}\r\nOrigin: http://evil.example\r\n")).status, 403);
    assert_eq!(ask(&format!("Host: {at}\r\nSec-Fetch-Site: cross-site\r\n")).status, 403);
    assert_eq!(
        ask(&format!("Host: {at}\r\nOrigin: http://{at}\r\nSec-Fetch-Site: same-origin\r\n"))
            .status,
        200
    );
    let answer = get(at, "/");
    assert_eq!(answer.status, 200);
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "cross-origin-resource-policy: same-origin",
        "referrer-policy: no-referrer",
    ] {
        assert!(answer.head.contains(header), "{header}: {}", answer.head);
    }
    assert!(!answer.head.contains("access-control-allow"), "{}", answer.head);
    assert!(at.ip().is_loopback());
    // What is sent to it by a form of another page is not read.
    let body = form(&[("salt.cif", CIF.as_bytes())]);
    let mut request = format!("POST /api/v1/analyses HTTP/1.1\r\nHost: {at}\r\nOrigin: null\r\nConnection: close\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(&body);
    assert_eq!(raw(at, &request).status, 403);
}
