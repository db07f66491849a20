//! Services with a test route, which people write into the config themselves.

use serde_json::json;

use crate::parts::{forward, listener, rule};
use crate::{Variant, fails_with, variant};

const ROUTES: &str = "routes: auto\n";

pub(crate) const VARIANTS: &[Variant] = &[
    variant("a listener for testers", |team| {
        team.listeners.push(listener("web", 8443, "HTTP", "shop"));
        let both = "routes: auto\ntest_route: { load_balancer: web, port: 8443 }\n";
        team.edits.push((ROUTES, both));
    }),
    fails_with("a header of testers", "crash", |team| {
        let header = json!([{ "Field": "http-header", "HttpHeaderConfig": {
            "HttpHeaderName": "X-Test", "Values": ["green"],
        } }]);
        let of_testers = rule(80, 5, header, json!([forward("shop")]));
        team.rules.push(of_testers);
        let both = "routes: auto\n\
            test_route: { load_balancer: web, port: 80, header: \"X-Test: green\" }\n";
        team.edits.push((ROUTES, both));
    }),
];
