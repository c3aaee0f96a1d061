//! A small XML tree, built within limits.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{MAX_XML_DEPTH, MAX_XML_NODES, check_points};
use super::text::number;

/// An element; names are without their namespace prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
    attributes: Vec<(String, String)>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub(super) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at the end of a path of children.
    pub(super) fn descend(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The first element of this name below this one, in document order.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children
            .iter()
            .find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }

    /// All elements of this name below this one, in document order.
    pub(super) fn find_all<'a>(&'a self, name: &str) -> Vec<&'a Self> {
        let mut found = Vec::new();
        self.collect(name, &mut found);
        found
    }

    fn collect<'a>(&'a self, name: &str, found: &mut Vec<&'a Self>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            child.collect(name, found);
        }
    }

    /// The number that is all of this element's text.
    pub(super) fn number(&self) -> Option<f64> {
        number(self.text.trim())
    }

    /// The list of numbers, separated by white space, that is this element's text.
    pub(super) fn numbers(&self, format: ScanFormat) -> Result<Vec<f64>, ScanProblem> {
        let mut values = Vec::new();
        for (index, token) in self.text.split_ascii_whitespace().enumerate() {
            let value = number(token).ok_or_else(|| ScanProblem::BadRow {
                format,
                place: Place::Value { element: self.name.clone(), index: index + 1 },
                expected: "a number",
                found: excerpt(token),
            })?;
            values.push(value);
            check_points(format, values.len())?;
        }
        Ok(values)
    }
}

/// Parses a document and returns its root element.
///
/// Document type declarations are refused, so no entity but the five of XML and character
/// references can be expanded.
pub(super) fn parse(format: ScanFormat, text: &str) -> Result<Element, ScanProblem> {
    let mut reader = Reader::from_str(text);
    // The first element of the stack stands for the document.
    let mut open = vec![Element::default()];
    let mut nodes = 0;
    loop {
        let offset = reader.buffer_position();
        let broken =
            |reason: String| ScanProblem::Xml { format, place: Place::Byte(offset), reason };
        let event = reader.read_event().map_err(|error| broken(error.to_string()))?;
        let top = open.last_mut().expect("the document stays on the stack");
        match event {
            Event::Start(start) => {
                if open.len() > MAX_XML_DEPTH {
                    return Err(broken(format!("more than {MAX_XML_DEPTH} nested elements")));
                }
                let element = element(&start, &mut nodes).map_err(broken)?;
                open.push(element);
            }
            Event::Empty(start) => {
                let element = element(&start, &mut nodes).map_err(broken)?;
                top.children.push(element);
            }
            Event::End(_) => {
                let closed = open.pop().expect("the document stays on the stack");
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => return Err(broken("an element ends that did not begin".to_owned())),
                }
            }
            Event::Text(text) => top.text.push_str(&text),
            Event::CData(text) => top.text.push_str(&text),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", reference.as_ref());
                let text = quick_xml::escape::unescape(&entity)
                    .map_err(|error| broken(error.to_string()))?;
                top.text.push_str(&text);
            }
            Event::DocType(_) => {
                return Err(broken("a document type declaration is not read".to_owned()));
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    let end = || Place::Byte(text.len() as u64);
    if open.len() != 1 {
        let name = open.last().map(|element| element.name.clone()).unwrap_or_default();
        let reason = format!("the document ends inside <{name}>");
        return Err(ScanProblem::Xml { format, place: end(), reason });
    }
    let root = open.pop().and_then(|document| document.children.into_iter().next());
    root.ok_or_else(|| ScanProblem::Xml { format, place: end(), reason: "no element".to_owned() })
}

fn element(start: &BytesStart<'_>, nodes: &mut usize) -> Result<Element, String> {
    let mut element =
        Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    *nodes += 1;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.local_name().as_ref().to_owned();
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        element.attributes.push((name, value.into_owned()));
        *nodes += 1;
    }
    if *nodes > MAX_XML_NODES {
        return Err(format!("more than {MAX_XML_NODES} elements and attributes"));
    }
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_text_attributes_and_references() {
        let root = parse(
            ScanFormat::Xrdml,
            "<?xml version='1.0'?><a:r xmlns:a='u' k='1&amp;2'><b>x &lt; y</b><b/></a:r>",
        )
        .unwrap();
        assert_eq!(root.name, "r");
        assert_eq!(root.attribute("k"), Some("1&2"));
        assert_eq!(root.child("b").unwrap().text, "x < y");
        assert_eq!(root.children_named("b").count(), 2);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<a>".repeat(100_000);
        let bomb = "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>";
        for text in [deep.as_str(), bomb, "<a>", "<a></b>", "</a>", "", "<a>&x;</a>", "<a b=1/>"] {
            assert!(
                matches!(parse(ScanFormat::Xrdml, text), Err(ScanProblem::Xml { .. })),
                "{}",
                excerpt(text)
            );
        }
    }
}
