//! Observes and changes AWS through the official SDK; never decides anything.
