//! A caller that can be as rude as a test needs: bytes out, an answer in.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

/// Sends bytes as they are, and reads what comes until the connection ends.
pub(crate) fn raw(to: SocketAddr, request: &[u8]) -> Answer {
    try_raw(to, request).expect("an answer")
}

pub(crate) fn try_raw(to: SocketAddr, request: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    // Who refuses a body may close before it is sent.
    let _ = stream.write_all(request);
    read(&mut stream)
}

/// Reads an answer to the end of the connection.
pub(crate) fn read(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            // A connection that is cut after the answer has still given it.
            Err(error) if bytes.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| std::io::Error::other(format!("no answer but {bytes:?}")))?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = &bytes[end + 4..];
    let chunked = head.contains("transfer-encoding: chunked");
    Ok(Answer { status, head, body: if chunked { joined(body) } else { body.to_vec() } })
}

fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(&String::from_utf8_lossy(&body[..end]), 16).unwrap_or(0);
        let from = end + 2;
        if length == 0 || from + length > body.len() {
            break;
        }
        whole.extend_from_slice(&body[from..from + length]);
        body = body.get(from + length + 2..).unwrap_or_default();
    }
    whole
}

pub(crate) fn get(to: SocketAddr, path: &str) -> Answer {
    raw(to, format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n").as_bytes())
}

pub(crate) fn post(to: SocketAddr, path: &str, kind: &str, body: &[u8]) -> Answer {
    raw(to, &posting(to, path, kind, body))
}

pub(crate) fn posting(to: SocketAddr, path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

pub(crate) const FORM: &str = "multipart/form-data; boundary=XX";

/// A form of files.
pub(crate) fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        body.extend_from_slice(
            format!(
                "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

pub(crate) fn analyse(to: SocketAddr, files: &[(&str, &[u8])]) -> Answer {
    post(to, "/api/v1/analyses", FORM, &form(files))
}
