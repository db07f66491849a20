//! Telling people elsewhere what happens: which occasions there are, what is said, and in which
//! form each channel wants it. Pure: who sends it is `cli`'s affair.

mod channel;
mod notice;
mod wanted;

pub use channel::{Letter, letter};
pub use notice::{Notice, Occasion, notice};
pub use wanted::{Channel, Held, NotifyWanted};
