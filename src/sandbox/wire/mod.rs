//! AWS's wire protocols in front of the world.
