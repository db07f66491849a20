//! What planning refuses, warns of and plans.
