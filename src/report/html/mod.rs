//! A deployment as one HTML page that needs nothing else: no script, no font, no request.

mod axis;
mod chart;
mod lanes;
mod page;

pub use page::{Measured, page};
