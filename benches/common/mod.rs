//! What the measurements share: how they measure, what they measure, and the bare minimum that they measure it against.

#![allow(dead_code, reason = "every measurement uses another part of it")]

pub(crate) mod bare;
pub(crate) mod measure;
pub(crate) mod terminal;
#[path = "../../tests/support/world.rs"]
pub(crate) mod world;

use std::path::PathBuf;

/// A directory of this run on a real disk, empty.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench").join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A directory that is kept from run to run, for what takes long to make.
pub(crate) fn kept(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-data");
    std::fs::create_dir_all(&path).unwrap();
    path.join(name)
}
