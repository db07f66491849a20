//! Journal and lock; never decides anything.
