//! Stories of the registry.
