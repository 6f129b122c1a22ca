//! Where the worlds of the stories have their stores: in a file beside the keys.

use std::path::{Path, PathBuf};

use pass::region::store::Location;

/// The place of one store.
pub(crate) struct Stores(PathBuf);

impl Stores {
    pub(crate) fn new(directory: &Path) -> Self {
        Self(directory.join("region"))
    }

    pub(crate) fn location(&self) -> Location {
        pass::region::embedded(&self.0)
    }
}
