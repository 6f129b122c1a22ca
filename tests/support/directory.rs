//! Directories that no disk makes slow, and copies of one that was made once.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// A directory in memory, where the machine has one.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("pass-test-");
        builder
    };
    if memory.is_dir() { builder().tempdir_in(memory).unwrap() } else { builder().tempdir().unwrap() }
}

/// Copies what a directory has, but for SQLite's index of its log, which a program that starts makes anew.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(&source, &target).unwrap();
        }
    }
    // The region's directory of keys must be its owner's alone, and fs::copy keeps the rights of files only.
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}
