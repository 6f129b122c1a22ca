//! Which Rust builds this: `rust-version` in Cargo.toml, which every other place that names a number must name, no dependency may be above, and `scripts/setup` refuses what is below.
//!
//! That no newer call of the standard library is made is clippy's `incompatible_msrv`, which reads the same line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::root;

/// Minor and patch; all are of Rust 1.
type Version = (u32, u32);

fn version(text: &str) -> Version {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("{text}")));
    assert_eq!(parts.next(), Some(1), "{text}");
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}

/// The value of `key = "..."`, the first that is there.
fn value<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \""))?.strip_suffix('"'))
}

fn ours() -> String {
    value(&fs::read_to_string(root().join("Cargo.toml")).unwrap(), "rust-version").unwrap().to_owned()
}

/// The versions that a text names after the word.
fn named(text: &str) -> Vec<&str> {
    let after = text.split("Rust 1.").skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()).collect()
}

/// Every crate that is built in here, with the Rust that it says it needs.
fn needed() -> Vec<(String, String)> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let named = packages.filter_map(|package| {
        let version = package["rust_version"].as_str()?.to_owned();
        Some((format!("{} {}", package["name"], package["version"]), version))
    });
    named.collect()
}

/// Runs `scripts/setup` with a Rust of this version, and nothing else of Rust.
fn setup(rust: &str) -> Output {
    let place = tempfile::tempdir().unwrap();
    for (name, says) in [("rustc", format!("echo 'rustc {rust} (0123abcde 2026-01-01)'")), ("cargo", "exit 1".into())] {
        let path = place.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{says}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", place.path().display());
    Command::new("sh").arg(root().join("scripts/setup")).env("PATH", path).current_dir("/").output().unwrap()
}

#[test]
fn every_place_names_the_same_rust() {
    let ours = ours();
    for path in ["README.md", "docs/operations.md"] {
        let text = fs::read_to_string(root().join(path)).unwrap();
        assert!(!named(&text).is_empty(), "{path} says which Rust is needed");
        // What the tests are run with is named as such, by three numbers.
        let other: Vec<_> = named(&text).into_iter().filter(|minor| format!("1.{minor}") != ours).collect();
        assert!(other.is_empty(), "{path} names {other:?}, Cargo.toml {ours}");
    }
    let clippy = fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert_eq!(value(&clippy, "msrv"), None, "clippy reads rust-version");
    assert!(!Path::new(root()).join("rust-toolchain.toml").exists(), "any Rust that is new enough builds this");
}

#[test]
fn no_crate_needs_a_newer_rust() {
    let (ours, needed) = (ours(), needed());
    assert!(needed.len() > 200, "the crates are found: {}", needed.len());
    let newer: Vec<_> = needed.iter().filter(|(_, needed)| version(needed) > version(&ours)).collect();
    assert!(newer.is_empty(), "Cargo.toml says {ours}: {newer:?}");
    // Why it is not lower.
    assert!(needed.iter().any(|(name, needed)| !name.contains("pass-terminal") && version(needed) == version(&ours)));
}

#[test]
fn setup_refuses_an_older_rust_in_one_sentence() {
    let (ours, (minor, _)) = (ours(), version(&ours()));
    for old in [format!("1.{}.1", minor - 1), "1.9.0".to_owned()] {
        let refused = setup(&old);
        assert_eq!(refused.status.code(), Some(1), "{old}");
        assert_eq!(
            String::from_utf8_lossy(&refused.stderr),
            format!("setup: this is Rust {old}, and {ours} or newer is needed. With rustup: rustup update stable\n")
        );
    }
    for new in [format!("{ours}.0"), format!("1.{}.0-nightly", minor + 9), "1.100.0".to_owned()] {
        // It goes on to what is missing next.
        let said = String::from_utf8_lossy(&setup(&new).stderr).into_owned();
        assert!(said.starts_with("setup: cargo fmt is missing"), "{new}: {said}");
    }
}

#[test]
fn a_rust_that_is_too_new_is_seen() {
    assert!(
        version("1.92.1") > version("1.92") && version("1.100") > version("1.92") && version("1.9") < version("1.92")
    );
    assert_eq!(named("Rust 1.92 or newer; a Rust 1.100."), ["92", "100"]);
}
