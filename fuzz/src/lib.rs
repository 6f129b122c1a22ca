//! The targets of `tests/fuzzing`, as a library for the programs of cargo-fuzz.

#[path = "../../tests/fuzzing/targets/mod.rs"]
mod targets;

/// The target of this name.
///
/// # Panics
/// When there is none.
pub fn run(name: &str) -> fn(&[u8]) {
    let found = targets::TARGETS.iter().find(|(is, _)| *is == name);
    found.unwrap_or_else(|| panic!("there is no target {name}")).1
}
