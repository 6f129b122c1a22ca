//! Where the worlds of the stories have their stores: in a database each, on the server that they share.

use std::path::Path;

use pass::region::store::Location;

use super::postgres::Database;

/// The place of one store.
pub(crate) struct Stores(Database);

impl Stores {
    pub(crate) fn new(_directory: &Path) -> Self {
        Self(Database::new())
    }

    pub(crate) fn location(&self) -> Location {
        Location::parse(&self.0.url).unwrap()
    }
}
