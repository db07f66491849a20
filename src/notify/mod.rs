//! Telling people elsewhere what happens: which occasions there are, what is said, and in which
//! form each channel wants it. Pure: who sends it is `cli`'s affair.

mod channel;
mod github;
mod notice;
mod place;
mod published;
mod wanted;

pub use channel::{Letter, letter};
pub use github::{GitHubWanted, earlier, found};
pub use notice::{Notice, Occasion, notice};
pub use place::{EventBus, Repository, TopicArn, address_flaw};
pub use wanted::{Channel, Held, NotifyWanted};
