//! A view as one self-contained page: HTML with its style, its script and its data inside.
//!
//! The page asks nothing of any other host, and a policy in its head forbids it to. Without scripts,
//! and in print, the charts are those of [`svg`](crate::chart::svg); with scripts they are drawn again
//! from the same data, with zoom and hover.

mod html;
mod sections;

use serde::Serialize;

use crate::View;
use crate::chart::Chart;
use crate::view::CandidatesView;
use html::Html;

/// The style of the page, for other pages that are to look alike.
pub const STYLE: &str = include_str!("page/page.css");
/// The scripts that draw a [`Chart`] and let it be looked into, for other pages: plain scripts, to be
/// loaded in this order, that define `Chart` and `Figure`.
pub const CHART_SCRIPTS: [&str; 2] = [SCRIPTS[0], SCRIPTS[1]];
/// The scripts, in the order in which they depend on one another.
const SCRIPTS: [&str; 4] = [
    include_str!("page/chart.js"),
    include_str!("page/figure.js"),
    include_str!("page/table.js"),
    include_str!("page/page.js"),
];

/// What the scripts draw from.
#[derive(Serialize)]
struct Data<'a> {
    charts: Vec<&'a Chart>,
    candidates: Option<&'a CandidatesView>,
}

/// Writes the page.
#[must_use]
pub fn write(view: &View) -> String {
    let mut page = Html::new();
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // Nothing may be fetched: the page works where there is no network, and tells nobody.
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:\">\n",
    );
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    page.text(&format!("{} · XRDMatch report", view.title));
    page.raw("</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n");
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n");
    sections::body(&mut page, view);
    let data = Data { charts: view.charts().collect(), candidates: view.candidates.as_ref() };
    page.raw("<script type=\"application/json\" id=\"numbers\">");
    page.raw(&json_for_script(&data));
    page.raw("</script>\n<script>\n\"use strict\";\n");
    for script in SCRIPTS {
        page.raw(script);
    }
    page.raw("</script>\n</body>\n</html>\n");
    page.finish()
}

/// JSON that may stand in a script element, whatever the names of samples hold.
fn json_for_script(value: &impl Serialize) -> String {
    // Serialising plain data into a string cannot fail: keys are strings, numbers are finite or null.
    let json = serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned());
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_end_the_script() {
        let json = json_for_script(&["</script><script>alert(1)</script>", "<!--"]);
        assert!(!json.contains('<'), "{json}");
        let back: Vec<String> = serde_json::from_str(&json).expect("still JSON");
        assert_eq!(back[1], "<!--");
    }

    #[test]
    fn the_style_and_the_scripts_ask_nothing_of_other_hosts() {
        for text in SCRIPTS.iter().chain([&STYLE]) {
            let bare = text.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "//cdn", "@import", "fetch(", "XMLHttpRequest", "eval("]
            {
                assert!(!bare.contains(word), "{word}");
            }
        }
    }
}
