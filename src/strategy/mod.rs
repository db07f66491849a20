//! Reads and checks strategies. Pure.
