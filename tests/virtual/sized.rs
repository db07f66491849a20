//! A green that grows with its weight.

use std::cell::RefCell;

use bg::deployment::event::Event;
use bg::deployment::outcome::Outcome;
use bg::deployment::plan::GreenCapacity;
use bg::deployment::preflight::Request;

use crate::harness::request;
use crate::stage;

fn growing(image: &str) -> Request {
    let mut request = request(image, "canary");
    request.green_capacity = GreenCapacity::Proportional;
    request
}

#[tokio::test(start_paused = true)]
async fn it_has_its_tasks_ahead_of_their_traffic_and_all_of_them_at_last() {
    let stage = stage();
    let sizes = RefCell::new(Vec::new());
    let request = growing("shop:v2");
    let outcome = stage.deploy(&request, |stage, record| {
        if let Event::Shifting { .. } = record.event {
            sizes.borrow_mut().push(stage.counts("shop-b"));
        }
    });
    assert_eq!(outcome.await, Outcome::Promoted);
    assert_eq!(*sizes.borrow(), [Some((1, 1)), Some((2, 2))]);
    assert_eq!(stage.counts("shop-b"), Some((2, 2)));
    assert_eq!(
        stage.counts("shop"),
        Some((2, 2)),
        "blue is whole all along"
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_of_which_little_runs_is_reverted_like_any_other() {
    for image in ["shop:bad", "shop:crash", "shop:unhealthy"] {
        let stage = stage();
        let outcome = stage.deploy(&growing(image), |_, _| {}).await;
        assert!(
            matches!(outcome, Outcome::Reverted { .. }),
            "{image}: {outcome:?}"
        );
        assert_eq!(stage.weights(), (100, 0), "{image}");
        let green = stage.counts("shop-b").map(|(desired, _)| desired);
        assert_eq!(green, Some(0), "{image}");
    }
}
