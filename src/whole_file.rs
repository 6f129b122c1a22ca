//! Files that are there whole or not at all, also on a USB stick that is full, worn or pulled out too early.
//!
//! What is written goes to a file beside (`NAME.part`), to the medium, and only then under its name. What is read is bounded: a file that somebody brings
//! is as large as he likes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// For its owner alone.
pub const PRIVATE: u32 = 0o600;
/// For everybody to read.
pub const PUBLIC: u32 = 0o644;

/// A file beside its place, which takes its name at the end; without that it is removed.
#[derive(Debug)]
pub struct Part {
    name: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl Part {
    /// Makes an empty file beside `path`, with these permissions where the medium knows any.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn beside(path: &Path, mode: u32) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
        name.push(".part");
        let part = path.with_file_name(name);
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What an earlier try left.
            _ => (),
        }
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
        Ok(Self { name: path.to_owned(), path: part, kept: false })
    }

    /// Where it is until then.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings it to the medium and gives it its name, in the place of whatever had it.
    ///
    /// # Errors
    /// Nothing has the name then that did not have it before.
    pub fn keep(mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, &self.name)?;
        self.kept = true;
        let directory = self.name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match File::open(directory)?.sync_all() {
            // Some file systems of sticks cannot sync a directory by itself.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // On a medium that is gone there is nothing to remove.
            let _gone = fs::remove_file(&self.path);
        }
    }
}

/// Writes `bytes` to `path`, whole and to the medium, or changes nothing.
///
/// # Errors
/// What the medium says: full, read-only, gone.
pub fn write(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let part = Part::beside(path, mode)?;
    OpenOptions::new().write(true).open(part.path())?.write_all(bytes)?;
    part.keep()
}

/// Reads the file at `path`, which has `bytes_max` bytes at most.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`], and what the medium says.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_written_whole_for_whom_it_is_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("demande");
        fs::write(directory.path().join("demande.part"), b"what a pulled stick left").unwrap();
        for bytes in [b"first".as_slice(), b"second, longer"] {
            write(&path, PRIVATE, bytes).unwrap();
            assert_eq!(read(&path, 14).unwrap(), bytes);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(read(&path, 13).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_fails_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(write(directory.path(), PUBLIC, b"x").unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(write(&directory.path().join("none/x"), PUBLIC, b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        let path = directory.path().join("demande");
        fs::write(&path, b"there").unwrap();
        drop(Part::beside(&path, PUBLIC).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"there");
    }
}
