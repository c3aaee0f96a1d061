//! Who may ask: the server's own page, and programs that are no browsers.
//!
//! A page from elsewhere can make a browser send requests to this machine. Three things tell them:
//! - *Host*: a name that was made to point here (DNS rebinding) is not one of ours. Addresses cannot be
//!   made to point elsewhere;
//! - *Origin*, which browsers send with every request that changes something or crosses origins: it must
//!   be the host's own;
//! - *Sec-Fetch-Site*, which browsers send with every request: the interface answers none from another
//!   site.
//!
//! Answers carry a policy under which the page can load nothing but its own files, and can be framed
//! by nobody.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The policy of every answer.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Under which names the server may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    /// Whether it listens to this machine alone; then only its own addresses are right.
    pub(crate) loopback: bool,
    /// Further names, in lower case.
    pub(crate) names: Vec<String>,
}

impl Hosts {
    /// Whether a name or address in a Host header is one of ours.
    fn accepts(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&host);
        if bare == "localhost" || self.names.iter().any(|name| name == bare) {
            return true;
        }
        match bare.parse::<IpAddr>() {
            Ok(address) => !self.loopback || address.is_loopback(),
            Err(_) => false,
        }
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let host = text(header::HOST).and_then(|host| host.parse::<Authority>().ok());
        let Some(host) = host.filter(|_| headers.get_all(header::HOST).iter().count() == 1) else {
            return Err(Problem::bad_request("the request names no host, or more than one"));
        };
        if !self.accepts(&host) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "foreign_host",
                format!("`{host}` is no name of this server; --allow-host would make it one"),
            ));
        }
        let foreign =
            |message: &str| Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", message));
        if let Some(origin) = text(header::ORIGIN) {
            let own = origin.split_once("://").is_some_and(|(scheme, origin)| {
                ["http", "https"].contains(&scheme) && origin.eq_ignore_ascii_case(host.as_str())
            });
            if !own {
                return foreign("only the server's own page may ask this");
            }
        }
        let site = text(HeaderName::from_static("sec-fetch-site"));
        if path.starts_with("/api/")
            && site.is_some_and(|site| !["same-origin", "none"].contains(&site))
        {
            return foreign("no page of another site may ask this");
        }
        Ok(())
    }
}

/// Refuses what comes from elsewhere, and puts the policy on every answer.
pub(crate) async fn guard(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match hosts.check(request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &Hosts, path: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        hosts.check(path, &map).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn only_own_names_and_addresses_are_hosts() {
        let own = Hosts { loopback: true, names: vec!["lab.example".to_owned()] };
        for host in
            ["localhost:1", "127.0.0.1:80", "127.9.9.9", "[::1]:8", "LAB.example:7", "LocalHost"]
        {
            assert_eq!(check(&own, "/", &[("host", host)]), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "10.0.0.1:80", "127.0.0.1.evil.example"]
        {
            assert_eq!(check(&own, "/", &[("host", host)]), Err(421), "{host}");
        }
        assert_eq!(check(&own, "/", &[]), Err(400));
        assert_eq!(check(&own, "/", &[("host", "localhost"), ("host", "evil.example")]), Err(400));
        let open = Hosts { loopback: false, names: Vec::new() };
        assert_eq!(check(&open, "/", &[("host", "10.0.0.1:80")]), Ok(()));
        assert_eq!(check(&open, "/", &[("host", "rebound.example:80")]), Err(421));
    }

    #[test]
    fn requests_of_other_pages_are_refused() {
        let own = Hosts { loopback: true, names: Vec::new() };
        let host = ("host", "127.0.0.1:4000");
        let api = "/api/v1/runs";
        assert_eq!(check(&own, api, &[host, ("origin", "http://127.0.0.1:4000")]), Ok(()));
        for origin in
            ["http://127.0.0.1:4001", "http://evil.example", "null", "", "file://127.0.0.1:4000"]
        {
            assert_eq!(check(&own, api, &[host, ("origin", origin)]), Err(403), "{origin}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(check(&own, api, &[host, ("sec-fetch-site", site)]), Ok(()));
        }
        for site in ["cross-site", "same-site", "anything"] {
            assert_eq!(check(&own, api, &[host, ("sec-fetch-site", site)]), Err(403));
        }
        // A link from another page may lead here.
        assert_eq!(check(&own, "/", &[host, ("sec-fetch-site", "cross-site")]), Ok(()));
    }
}
