//! Turns events into text, JSON lines and pages. Pure.
