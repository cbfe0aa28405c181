//! How firmware tables become an [`crate::inventory::Inventory`].
