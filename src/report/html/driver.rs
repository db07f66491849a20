//! Who drives a deployment, as far as that is known.

/// Who drives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driver {
    /// This one: `kim@build-7`.
    Is(String),
    /// Nobody does.
    Nobody,
    /// The lock can't be read, and why: somebody may.
    Unread(String),
}

impl Driver {
    /// Whether it can be asked for something.
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Driver::Is(_))
    }

    /// On the deployment's own page.
    pub(super) fn told(&self) -> String {
        match self {
            Driver::Is(who) => who.clone(),
            Driver::Nobody => "nobody: `bg resume` goes on with it".to_owned(),
            Driver::Unread(why) => format!(
                "who drives it can't be read: {why}; it can't be asked for anything until then"
            ),
        }
    }

    /// In a list.
    pub(super) fn listed(&self) -> String {
        match self {
            Driver::Is(who) => who.clone(),
            Driver::Nobody => String::new(),
            Driver::Unread(why) => format!("can't be read: {why}"),
        }
    }
}
