//! When to exchange with the region.
