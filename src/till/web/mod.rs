//! The cashier's page, and what guards the local API where every program of the machine can connect.
//!
//! Nothing here knows a sale. What is decided for each request, in this order: is it meant for this terminal (`guard`), does it come from the terminal's own
//! page or from no page at all, and who asks (`access`).

pub(super) mod access;
pub(super) mod assets;
pub(super) mod guard;

pub use access::{Access, AccessError, KnownTill, TillKind};

#[cfg(test)]
mod tests;
