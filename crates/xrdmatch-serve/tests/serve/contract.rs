//! The description of the interface is true: its paths are the router's, and answers are as it says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{analyse, get};
use crate::fixture::{CIF, Running};

fn described() -> Value {
    serde_json::from_str(xrdmatch_serve::api::OPENAPI).expect("JSON")
}

/// What an instance has against a schema of the description; only the words that it uses are known.
fn differences(all: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) =
        schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/"))
    {
        return differences(all, &all["components"]["schemas"][name], value, at, found);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = |schema: &Value| {
            let mut found = Vec::new();
            differences(all, schema, value, at, &mut found);
            found.is_empty()
        };
        if !any.iter().any(fits) {
            found.push(format!("{at}: fits none of the forms"));
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{at}: a schema without a type: {schema}"),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let whole_number = kind == "integer" && kinds.contains(&"number");
    if !kinds.contains(&kind) && !whole_number {
        return found.push(format!("{at}: {kind}, not {kinds:?}"));
    }
    if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
        found.push(format!("{at}: {value} is none of {known:?}"));
    }
    let number = value.as_f64();
    for (word, wrong) in [
        (
            "minimum",
            schema["minimum"].as_f64().zip(number).is_some_and(|(least, value)| value < least),
        ),
        (
            "maximum",
            schema["maximum"].as_f64().zip(number).is_some_and(|(most, value)| value > most),
        ),
    ] {
        if wrong {
            found.push(format!("{at}: {value} is beyond the {word}"));
        }
    }
    if let Some(items) = value.as_array() {
        let length = items.len() as u64;
        if schema["minItems"].as_u64().is_some_and(|least| length < least)
            || schema["maxItems"].as_u64().is_some_and(|most| length > most)
        {
            found.push(format!("{at}: {length} items"));
        }
        for (place, item) in items.iter().enumerate() {
            differences(all, &schema["items"], item, &format!("{at}[{place}]"), found);
        }
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                found.push(format!("{at}: without `{name}`"));
            }
        }
        for (name, value) in object {
            match schema["properties"].get(name) {
                Some(schema) => differences(all, schema, value, &format!("{at}.{name}"), found),
                None if schema["additionalProperties"] == Value::Bool(false) => {
                    found.push(format!("{at}: `{name}` is not described"));
                }
                None => {}
            }
        }
    }
}

#[track_caller]
fn conforms(path: &str, method: &str, status: &str, value: &Value) {
    let all = described();
    let schema =
        &all["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{path} is described");
    let mut found = Vec::new();
    differences(&all, schema, value, "", &mut found);
    assert!(found.is_empty(), "{path}: {found:#?}");
}

#[test]
fn the_described_paths_are_the_routers() {
    let all = described();
    let described: BTreeSet<&str> =
        all["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    let routed: BTreeSet<&str> = xrdmatch_serve::api::paths().into_iter().collect();
    assert_eq!(described, routed);
    let text = xrdmatch_serve::api::OPENAPI;
    for name in all["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is used");
    }
}

#[test]
fn every_answer_is_as_described() {
    let server = Running::new();
    let table = "name,v1,v2\na,0,1\n";
    let scan = crate::fixture::scan();
    let files: [(&str, &[u8]); 3] =
        [("salt.cif", CIF.as_bytes()), ("a.xy", scan.as_bytes()), ("t.csv", table.as_bytes())];
    let analysis = analyse(server.at, &files).is(201);
    conforms("/api/v1/analyses", "post", "201", &analysis);
    let id = analysis["id"].as_str().expect("an id");
    let mut looked_at = BTreeSet::from(["/api/v1/analyses".to_owned()]);
    for path in xrdmatch_serve::api::paths() {
        if looked_at.contains(path) || path.ends_with("/table") || path.ends_with("/events") {
            continue;
        }
        let filled = path
            .replace("{run}", "small")
            .replace("{analysis}", id)
            .replace("{pattern}", "0")
            .replace("{candidate}", "3");
        conforms(path, "get", "200", &get(server.at, &filled).is(200));
        looked_at.insert(path.to_owned());
    }
    assert!(looked_at.len() >= 14, "{looked_at:?}");
    let all = described();
    for (path, status) in
        [("/api/v1/runs/none", 404), ("/api/v1/nothing", 404), ("/api/v1/analyses/99", 404)]
    {
        let problem = get(server.at, path).is(status);
        let mut found = Vec::new();
        differences(&all, &all["components"]["schemas"]["Problem"], &problem, "", &mut found);
        assert!(found.is_empty(), "{path}: {found:?}");
    }
}
