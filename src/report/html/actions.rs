//! What can be asked of a deployment on its page, and what is asked back before that is done.

use serde::Serialize;

use super::super::view::{Phase, Role, View};
use crate::deployment::gate::Point;

/// A button.
#[derive(Debug, Serialize)]
pub(super) struct Action {
    /// The last part of its path.
    name: &'static str,
    label: &'static str,
    /// What it does, beside it.
    does: &'static str,
    tone: &'static str,
    path: String,
    /// What will happen, where that is asked once more.
    asks: Option<String>,
}

/// Everything that can be asked of one that somebody drives; `path` is the deployment's own.
/// After its promotion nothing is: the outcome is fixed.
pub(super) fn actions(view: &View, path: &str) -> Vec<Action> {
    if view.promoted_at.is_some() {
        return Vec::new();
    }
    let action = |name, label, does, tone, asks| Action {
        name,
        label,
        does,
        tone,
        path: format!("{path}/{name}"),
        asks,
    };
    let mut actions = vec![
        action("pause", "Pause", "stay at the present weight", "warn", None),
        action(
            "promote",
            "Promote",
            "go on, past a pause or the present bake",
            "good",
            Some(goes_on(view)),
        ),
    ];
    if !is_at_the_top(view) {
        actions.push(action(
            "promote-full",
            "Promote fully",
            "give green everything at once",
            "good",
            Some(straight_up(view)),
        ));
    }
    actions.push(action(
        "abort",
        "Abort",
        "put all traffic back on blue",
        "bad",
        Some(reverts(view)),
    ));
    actions
}

/// What a no to the gate in the way does, in short.
pub(super) fn no_does(view: &View) -> &'static str {
    match (stands_after_promotion(view), view.is_bare()) {
        (true, _) => "say no: green stays",
        (false, true) => "say no: green goes",
        (false, false) => "say no: all traffic goes back to blue",
    }
}

/// The same as it is asked back.
pub(super) fn rejects(view: &View) -> String {
    match stands_after_promotion(view) {
        true => "Nothing moves: green keeps everything, and `bg rollback` goes back.".to_owned(),
        false => reverts(view),
    }
}

fn stands_after_promotion(view: &View) -> bool {
    let point = view.gate.as_ref().map(|gate| gate.point);
    point == Some(Point::AfterPromotion)
}

fn reverts(view: &View) -> String {
    let (blue, green) = (view.side(Role::Blue), view.side(Role::Green));
    match (view.is_bare(), view.had_traffic()) {
        (true, _) => format!("Reverts: {green} goes, and {blue} works alone."),
        (false, true) => format!("Reverts: all traffic goes back to {blue}."),
        (false, false) => format!("Reverts: all traffic stays on {blue}, and green is put away."),
    }
}

/// Whether no larger share is left to go to; without a load balancer none ever is.
fn is_at_the_top(view: &View) -> bool {
    view.is_bare() || view.step.is_some_and(|step| step + 1 >= view.steps())
}

fn goes_on(view: &View) -> String {
    let green = view.side(Role::Green);
    let bakes = view.phase == Phase::Baking;
    let next = view.step.map_or(0, |step| step + 1);
    let next = view.plan.as_ref().and_then(|plan| plan.steps.get(next));
    match (bakes, next.filter(|_| !view.is_bare())) {
        (true, Some(next)) => format!(
            "Ends the bake: {} of traffic goes to {green} next, as soon as guards and gates let it.",
            next.weight
        ),
        (true, None) => {
            format!("Ends the bake: {green} is promoted, as soon as guards and gates let it.")
        }
        (false, _) => "Ends a pause, if there is one: it goes on as planned.".to_owned(),
    }
}

fn straight_up(view: &View) -> String {
    let green = view.side(Role::Green);
    format!(
        "All traffic goes to {green} as soon as guards and gates let it, without the steps between."
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::stories;
    use super::*;

    fn asked(view: &View) -> Vec<(&'static str, Option<String>)> {
        let all = actions(view, "/x").into_iter();
        all.map(|it| (it.name, it.asks)).collect()
    }

    #[test]
    fn what_moves_traffic_is_asked_back_with_what_will_happen() {
        let view = View::of(&stories::paused());
        let asks = |text: &str| Some(text.to_owned());
        assert_eq!(
            asked(&view),
            [
                ("pause", None),
                (
                    "promote",
                    asks(
                        "Ends the bake: 100% of traffic goes to green (slot b, shop:8) next, as soon as guards and gates let it."
                    )
                ),
                (
                    "promote-full",
                    asks(
                        "All traffic goes to green (slot b, shop:8) as soon as guards and gates let it, without the steps between."
                    )
                ),
                (
                    "abort",
                    asks("Reverts: all traffic goes back to blue (slot a, shop:7).")
                ),
            ]
        );
    }

    #[test]
    fn without_traffic_on_green_none_goes_back() {
        let view = View::of(&stories::approval_at(Point::BeforeTraffic));
        let stays = "Reverts: all traffic stays on blue (slot a, shop:7), and green is put away.";
        assert_eq!(rejects(&view), stays);
        assert_eq!(
            asked(&view).last(),
            Some(&("abort", Some(stays.to_owned())))
        );
    }

    #[test]
    fn a_worker_has_no_shares_to_go_through() {
        let view = View::of(&stories::worker());
        let asked = asked(&view);
        assert_eq!(asked.len(), 3, "{asked:?}");
        let told = format!("{asked:?}");
        assert!(!told.contains("traffic"), "{told}");
        assert!(
            told.contains("Reverts: green (slot b, shop:8) goes"),
            "{told}"
        );
    }

    #[test]
    fn after_promotion_nothing_reverts_any_more() {
        let view = View::of(&stories::approval_at(Point::AfterPromotion));
        assert_eq!(asked(&view), []);
        assert!(
            rejects(&view).starts_with("Nothing moves"),
            "{}",
            rejects(&view)
        );
        assert_eq!(no_does(&view), "say no: green stays");
    }
}
