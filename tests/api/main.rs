//! The local API as till integrators meet it: its description, and the page of examples, each of them run as it stands there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/kit/mod.rs"]
mod kit;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use kit::{HERE, World};
use pass::domain::refusal::Refusal;
use pass::till::json::ProblemKind;
use pass::till::server::description;
use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_description_that_is_kept_is_the_one_that_is_served() {
    let file = repository().join("docs/terminal-api.json");
    let served = format!("{}\n", description().to_pretty_json().unwrap());
    if std::env::var_os("PASS_WRITE_DESCRIPTION").is_some() {
        fs::write(&file, &served).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == served,
        "PASS_WRITE_DESCRIPTION=1 cargo test --test api description writes docs/terminal-api.json anew"
    );
    let described: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string() && operation["responses"]["200"].is_object(), "{method} {path}");
        }
    }
}

#[test]
fn the_page_of_examples_names_every_refusal_and_problem() {
    let page = fs::read_to_string(repository().join("docs/integration.md")).unwrap();
    let codes =
        Refusal::ALL.iter().map(|refusal| refusal.code()).chain(ProblemKind::ALL.iter().map(|kind| kind.code()));
    let missing: Vec<_> = codes.filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// An example: what is typed, and what must come of it.
struct Example {
    line: usize,
    script: String,
    answer: Value,
}

/// The examples of a page: a block of `sh`, and the block of `json` after it, of which every field must be so in the answer.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut block: Option<(&str, usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(kind)) if !kind.is_empty() => block = Some((kind, index + 1, String::new())),
            (Some((kind, line, text)), Some(_)) => {
                match *kind {
                    "sh" => examples.push(Example { line: *line, script: text.clone(), answer: Value::Null }),
                    "json" => examples.last_mut().unwrap().answer = serde_json::from_str(text).unwrap(),
                    _ => (),
                }
                block = None;
            }
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => (),
        }
    }
    examples
}

/// Whether `answer` has all that `expected` has; `"..."` stands for whatever there is.
fn has(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (_, Value::String(any)) if any == "..." => true,
        (Value::Object(answer), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| answer.get(name).is_some_and(|found| has(found, value)))
        }
        (Value::Array(answer), Value::Array(expected)) => {
            expected.iter().all(|value| answer.iter().any(|found| has(found, value)))
        }
        (answer, expected) => answer == expected,
    }
}

#[test]
fn every_example_does_what_the_page_says() {
    let page = fs::read_to_string(repository().join("docs/integration.md")).unwrap();
    let examples = examples(&page);
    assert!(examples.len() >= 10, "the examples are found");
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let counter = world.counter_with_page(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let _lying = card.lay(&world, HERE);
    counter.card();
    // The examples are one conversation: a variable that one sets, the next ones have.
    let kept = world.stage().place("variables");
    fs::write(&kept, "").unwrap();
    let programs = Path::new(kit::PASS_TERMINAL).parent().unwrap();
    for Example { line, script, answer } in examples {
        let script = script.replace("/var/lib/pass-terminal", &counter.data.display().to_string());
        let script = script.replace("127.0.0.1:8470", &counter.page().to_string());
        let kept = kept.display();
        let whole = format!(
            "set -eu\n. {kept}\n{script}\n{{ echo \"TOKEN=${{TOKEN:-}}\"; echo \"ID=${{ID:-}}\"; }} > {kept}\n"
        );
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let said = Command::new("sh").args(["-c", &whole]).env("PATH", path).output().unwrap();
        let out = String::from_utf8(said.stdout).unwrap();
        let problem = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success(), "docs/integration.md:{line}: {problem}{out}");
        if answer != Value::Null {
            // Of a stream of events the first one.
            let json = out.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&out);
            let answered: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{line}: {error}: {out}"));
            assert!(has(&answered, &answer), "docs/integration.md:{line}: {answered:#}");
        }
    }
}
