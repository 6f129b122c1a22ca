//! The description of the API held against the terminal by schemathesis, which knows only the description: no 5xx, no answer that is not described.
//!
//! `make api-fuzz` installs schemathesis and runs this; it takes more than a minute, so `make test` does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/kit/mod.rs"]
mod kit;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use kit::{HERE, World};

/// How many requests are made up for each address.
const EXAMPLES: &str = "60";

#[test]
fn schemathesis_finds_no_undocumented_answer() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let world = World::new();
    let region = world.region();
    let counter = world.counter_with_page(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let token = counter.till("schemathesis");
    let address = format!("http://{}", counter.page());
    let ended = Command::new(target.join("tools/venv/bin/schemathesis"))
        .env("SCHEMATHESIS_HOOKS", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/hooks.py"))
        .args(["run", &format!("{address}/v1/openapi.json"), "--header", &format!("Authorization: Bearer {token}")])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args([
            "--exclude-path",
            "/v1/events",
            "--max-examples",
            EXAMPLES,
            "--generation-deterministic",
            // One: of two, Python 3.11's own parser trips over the other now and then (CPython issue 106905).
            "--workers",
            "1",
        ])
        .current_dir(world.stage().place(""))
        .status()
        .expect("`make api-fuzz` installs schemathesis");
    assert!(ended.success(), "schemathesis found something");
    // The terminal is as well as before.
    assert_eq!(counter.status()["running"], true);
    counter.ask(&["verify"]).exits(0);
}
