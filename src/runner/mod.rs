//! The loop: observe, decide, record, perform; signals and control requests.
