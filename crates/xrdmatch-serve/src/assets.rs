//! The page: its files are built from `page/` and stand in the program.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use xrdmatch_report::page::{CHART_SCRIPTS, STYLE};

const INDEX: &str = include_str!("../page/dist/index.html");
const SCRIPT: &str = include_str!("../page/dist/page.js");
const OWN_STYLE: &str = include_str!("../page/dist/page.css");
const ICON: &str = include_str!("../page/dist/icon.svg");

/// The scripts that draw charts, those of the report.
static CHARTS: LazyLock<String> =
    LazyLock::new(|| format!("\"use strict\";\n{}", CHART_SCRIPTS.concat()));

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The files of the page by their paths.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter)> {
    const SCRIPTS: &str = "text/javascript; charset=utf-8";
    const STYLES: &str = "text/css; charset=utf-8";
    vec![
        ("/", get(async || file("text/html; charset=utf-8", INDEX))),
        ("/page.js", get(async || file(SCRIPTS, SCRIPT))),
        ("/charts.js", get(async || file(SCRIPTS, &CHARTS))),
        ("/report.css", get(async || file(STYLES, STYLE))),
        ("/page.css", get(async || file(STYLES, OWN_STYLE))),
        ("/icon.svg", get(async || file("image/svg+xml", ICON))),
        ("/favicon.ico", get(async || file("image/svg+xml", ICON))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nothing_of_other_hosts() {
        for text in [INDEX, SCRIPT, OWN_STYLE, ICON] {
            let bare = text.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "//cdn", "@import", "eval(", "innerHTML"] {
                assert!(!bare.contains(word), "{word}");
            }
        }
        // The policy allows no script or style within the page.
        assert!(!INDEX.contains("<style") && !INDEX.contains("style=") && !INDEX.contains(" on"));
    }
}
