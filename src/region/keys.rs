//! The region's private keys: files that only their owner reads.
//!
//! `keys/root.pk8` certifies region keys, `keys/region-N.pk8` sign everything else; the one with the greatest serial is in use. The root is needed twice
//! in its life, at `init` and at `key rotate`: it belongs off line. Move the file to a medium in a safe after `init`, and give it back for a
//! rotation with `--root-key FILE`. A region key is on line because every answer is signed with it; when it is lost to somebody, `key rotate`
//! replaces it.
//!
//! What always holds: directory 0700 and files 0600 from their first instant, a key is on the disk before anything is signed with it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::crypto::{CryptoError, P256Key};
use crate::domain::KeySerial;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file {path} cannot be used: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file holds no such key.
    #[error("{path} does not hold a P-256 private key (PKCS#8): put the right file there, from the backup")]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// No key could be made.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Where the keys are.
#[derive(Clone, Debug)]
pub struct KeyDirectory(PathBuf);

impl KeyDirectory {
    /// The keys of the region in `data`.
    pub fn of(data: &Path) -> Self {
        Self(data.join("keys"))
    }

    /// Makes the directory, for its owner alone, when it is not there.
    ///
    /// # Errors
    /// [`KeyError::Io`].
    pub fn create(&self) -> Result<(), KeyError> {
        make_private_directory(&self.0).map_err(|error| KeyError::Io { path: self.0.clone(), error })
    }

    /// Where the root key is.
    pub fn root_path(&self) -> PathBuf {
        self.0.join("root.pk8")
    }

    fn region_path(&self, serial: KeySerial) -> PathBuf {
        self.0.join(format!("region-{serial}.pk8"))
    }

    /// Makes the root key. One that an interrupted `init` has left, and that certified nothing yet, is taken.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make_root(&self) -> Result<P256Key, KeyError> {
        make(&self.root_path())
    }

    /// Makes the region key with this serial. One that an interrupted run has left without certificate is taken.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make_region_key(&self, serial: KeySerial) -> Result<P256Key, KeyError> {
        make(&self.region_path(serial))
    }

    /// The region key with this serial.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn region_key(&self, serial: KeySerial) -> Result<P256Key, KeyError> {
        read(&self.region_path(serial))
    }
}

/// Reads a private key.
///
/// # Errors
/// [`KeyError::Io`], [`KeyError::Damaged`].
pub fn read(path: &Path) -> Result<P256Key, KeyError> {
    let bytes = fs::read(path).map_err(|error| KeyError::Io { path: path.to_owned(), error })?;
    P256Key::from_pkcs8(&bytes).map_err(|_| KeyError::Damaged { path: path.to_owned() })
}

/// Makes a key and its file. The file appears whole or not at all, and readable for its owner alone.
fn make(path: &Path) -> Result<P256Key, KeyError> {
    if path.exists() {
        return read(path);
    }
    let (key, pkcs8) = P256Key::generate()?;
    write_private(path, &pkcs8).map_err(|error| KeyError::Io { path: path.to_owned(), error })?;
    Ok(key)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    // What an interrupted run has left is no key of anybody.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

/// A directory for its owner alone. One that is there is left as it is.
///
/// # Errors
/// What the system says.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_and_reads_back() {
        let data = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::of(data.path());
        keys.create().unwrap();
        let made = keys.make_region_key(KeySerial::new(1)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&keys.0), 0o700);
        assert_eq!(mode(&keys.region_path(KeySerial::new(1))), 0o600);
        assert_eq!(keys.region_key(KeySerial::new(1)).unwrap().public_key(), made.public_key());
        assert_eq!(keys.make_region_key(KeySerial::new(1)).unwrap().public_key(), made.public_key());
    }

    #[test]
    fn a_damaged_or_absent_key_is_named() {
        let data = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::of(data.path());
        keys.create().unwrap();
        assert!(matches!(keys.region_key(KeySerial::new(2)), Err(KeyError::Io { .. })));
        fs::write(keys.region_path(KeySerial::new(2)), b"no key").unwrap();
        assert!(matches!(keys.region_key(KeySerial::new(2)), Err(KeyError::Damaged { .. })));
    }
}
