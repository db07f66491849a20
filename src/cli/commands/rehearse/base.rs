//! What a rehearsal stands on, and what one should know of that.

use crate::deployment::ids::SlotName;

/// What a rehearsal stands on.
pub(super) struct Base {
    /// The slot that carries production.
    pub(super) slot: SlotName,
    /// Whether it is the live service.
    pub(super) is_live: bool,
    /// What was taken, or why the live service was not.
    pub(super) said: String,
    /// What one should know, each once.
    pub(super) notes: Vec<String>,
    /// What planning warns of, and for which strategies.
    warnings: Vec<(String, Vec<String>)>,
    /// How many strategies were planned.
    planned: usize,
}

impl Base {
    /// Of the live service.
    pub(super) fn live(slot: SlotName, said: String) -> Base {
        Base {
            slot,
            is_live: true,
            ..Base::stand_in(said)
        }
    }

    /// Of something else: why, or what.
    pub(super) fn stand_in(said: impl Into<String>) -> Base {
        Base {
            slot: SlotName::A,
            is_live: false,
            said: said.into(),
            notes: Vec::new(),
            warnings: Vec::new(),
            planned: 0,
        }
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// What planning with a strategy warns of.
    pub(super) fn warn(&mut self, strategy: Option<&str>, warnings: Vec<String>) {
        self.planned += 1;
        let strategy = strategy.unwrap_or_default();
        for warning in warnings {
            match self.warnings.iter_mut().find(|it| it.0 == warning) {
                Some((_, strategies)) => strategies.push(strategy.to_owned()),
                None => self.warnings.push((warning, vec![strategy.to_owned()])),
            }
        }
    }

    /// Everything that one should know, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|(warning, strategies)| {
            match strategies.len() == self.planned {
                true => warning.clone(),
                false => format!("{}: {warning}", strategies.join(", ")),
            }
        });
        self.notes.iter().cloned().chain(warnings).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_names_the_strategies_that_it_is_about_unless_it_is_about_all() {
        let mut base = Base::stand_in("x");
        base.note("once");
        base.note("once");
        let all = || "of all".to_owned();
        base.warn(Some("canary"), vec![all()]);
        base.warn(Some("linear"), vec![all(), "of linear".to_owned()]);
        assert_eq!(base.lines(), ["once", "of all", "linear: of linear"]);
    }
}
