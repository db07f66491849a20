//! The guards' arithmetic: target health, alarms. Pure.
