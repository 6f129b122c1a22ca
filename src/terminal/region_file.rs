//! Where the region is: written once by the enrolment, read by the daemon.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The region that the terminal is enrolled with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegionFile {
    /// Its address.
    pub url: String,
    /// A file of PEM certificates: the only authorities that are believed for its TLS. Without it, those that the system believes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegionFileError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what the enrolment writes.
    #[error("{}: {source}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why, with line and key.
        source: Box<toml::de::Error>,
    },
}

fn path_in(data: &Path) -> PathBuf {
    data.join("region.toml")
}

impl RegionFile {
    /// Reads it, if it is there.
    ///
    /// # Errors
    /// [`RegionFileError`].
    pub fn load(data: &Path) -> Result<Option<Self>, RegionFileError> {
        let path = path_in(data);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RegionFileError::File { path, source }),
        };
        toml::from_str(&text).map(Some).map_err(|source| RegionFileError::Content { path, source: Box::new(source) })
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`RegionFileError::File`].
    pub fn save(&self, data: &Path) -> Result<(), RegionFileError> {
        let path = path_in(data);
        let beside = path.with_extension("new");
        let text = toml::to_string(self).map_err(io::Error::other);
        let write = |text: String| {
            let mut file = std::fs::File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        text.and_then(write).map_err(|source| RegionFileError::File { path: path_in(data), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_and_what_is_not_ours_is_refused() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(RegionFile::load(data.path()).unwrap(), None);
        let file = RegionFile { url: "https://pass.example.org/".to_owned(), authorities: None };
        file.save(data.path()).unwrap();
        assert_eq!(RegionFile::load(data.path()).unwrap(), Some(file));
        std::fs::write(path_in(data.path()), "url = \"x\"\nurls = 1\n").unwrap();
        let error = RegionFile::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("urls") && error.contains("line 2"), "{error}");
    }
}
