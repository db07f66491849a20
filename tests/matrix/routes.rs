//! What brings traffic to the groups of application load balancers: listeners, rules, actions.

use serde_json::{Value, json};

use crate::parts::{balancer, forward, group, listener, rule};
use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("listeners on 80 and 443", |team| {
        team.listeners.push(secure("shop"));
    }),
    variant("a redirect from 80 to 443", |team| {
        team.listeners = vec![secure("shop"), listener("web", 80, "HTTP", "shop")];
        team.listeners[1]["DefaultActions"] = json!([{
            "Type": "redirect",
            "RedirectConfig": { "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301" },
        }]);
    }),
    variant("rules by host, path and header", |team| {
        let fixed = json!([{ "Type": "fixed-response", "FixedResponseConfig": {
            "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here",
        } }]);
        team.listeners[0]["DefaultActions"] = fixed;
        let host = json!({ "Field": "host-header", "HostHeaderConfig": { "Values": ["*.example.com", "example.com"] } });
        let path = json!({ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/api/*", "/v?/"] } });
        let header = json!({ "Field": "http-header", "HttpHeaderConfig": {
            "HttpHeaderName": "X-Version", "Values": ["2", "beta*"],
        } });
        let method = json!({ "Field": "http-request-method", "HttpRequestMethodConfig": { "Values": ["GET"] } });
        let query = json!({ "Field": "query-string", "QueryStringConfig": { "Values": [{ "Key": "v", "Value": "2" }] } });
        let source =
            json!({ "Field": "source-ip", "SourceIpConfig": { "Values": ["10.0.0.0/8"] } });
        team.rules = vec![
            rule(80, 5, json!([host, path]), json!([forward("shop")])),
            rule(80, 7, json!([header, method]), json!([forward("shop")])),
            rule(80, 49999, json!([query, source]), json!([forward("shop")])),
        ];
    }),
    variant("rules of others on the same listener", |team| {
        team.groups.push(group("other", 80));
        team.groups.push(group("third", 80));
        let path = |path: &str| json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": [path] } }]);
        let split = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
            { "TargetGroupArn": "@other", "Weight": 3 }, { "TargetGroupArn": "@third", "Weight": 7 },
        ] } }]);
        team.rules = vec![
            rule(80, 1, path("/other/*"), split),
            rule(80, 2, path("/shop/*"), json!([forward("shop")])),
        ];
    }),
    variant("a weighted forward already", |team| {
        team.groups.push(group("shop-b", 8080));
        team.listeners[0]["DefaultActions"] = json!([weighted(json!([
            { "TargetGroupArn": "@shop", "Weight": 100 },
            { "TargetGroupArn": "@shop-b", "Weight": 0 },
        ]))]);
    }),
    variant("a forward of one weighted group", |team| {
        team.listeners[0]["DefaultActions"] = json!([weighted(
            json!([{ "TargetGroupArn": "@shop", "Weight": 999 }])
        )]);
    }),
    variant("a weighted forward with a group of another name", |team| {
        team.groups.push(group("next", 8080));
        team.listeners[0]["DefaultActions"] = json!([weighted(json!([
            { "TargetGroupArn": "@shop", "Weight": 1 },
            { "TargetGroupArn": "@next", "Weight": 0 },
        ]))]);
    }),
    variant("idle groups of others in the forward", |team| {
        team.groups
            .extend(["maintenance", "former"].map(|name| group(name, 80)));
        team.listeners[0]["DefaultActions"] = json!([weighted(json!([
            { "TargetGroupArn": "@maintenance", "Weight": 0 },
            { "TargetGroupArn": "@shop", "Weight": 1 },
            { "TargetGroupArn": "@former", "Weight": 0 },
        ]))]);
    }),
    variant("OIDC before the forward", |team| {
        team.listeners = vec![secure("shop")];
        team.listeners[0]["DefaultActions"] = json!([{
            "Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
                "Issuer": "https://id.example.com", "ClientId": "shop", "ClientSecret": "hush",
                "AuthorizationEndpoint": "https://id.example.com/authorize",
                "TokenEndpoint": "https://id.example.com/token",
                "UserInfoEndpoint": "https://id.example.com/me", "Scope": "openid email",
                "SessionTimeout": 3600, "OnUnauthenticatedRequest": "authenticate",
                "SessionCookieName": "shop",
            },
        }, { "Type": "forward", "Order": 2, "TargetGroupArn": "@shop" }]);
    }),
    variant("Cognito before the forward of a rule", |team| {
        team.listeners = vec![secure("shop")];
        let login = json!({
            "Type": "authenticate-cognito", "Order": 10, "AuthenticateCognitoConfig": {
                "UserPoolArn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a",
                "UserPoolClientId": "abc", "UserPoolDomain": "shop",
                "OnUnauthenticatedRequest": "deny",
            },
        });
        let path =
            json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/me/*"] } }]);
        let forward = json!({ "Type": "forward", "Order": 20, "TargetGroupArn": "@shop" });
        team.rules.push(rule(443, 3, path, json!([login, forward])));
    }),
    variant("a sticky route before a sticky group", |team| {
        team.groups[0]["Attributes"]["stickiness.enabled"] = json!("true");
        team.groups[0]["Attributes"]["stickiness.lb_cookie.duration_seconds"] = json!("60");
        let groups = json!([{ "TargetGroupArn": "@shop", "Weight": 1 }]);
        team.listeners[0]["DefaultActions"] = json!([sticky(groups, 60)]);
    }),
    fails_with("a sticky rule", "crash", |team| {
        let path =
            json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/cart/*"] } }]);
        let groups = json!([{ "TargetGroupArn": "@shop", "Weight": 1 }]);
        team.rules
            .push(rule(80, 10, path, json!([sticky(groups, 90)])));
    }),
    variant("a second service on a load balancer of its own", |team| {
        team.balancers.push(balancer("internal", "application"));
        team.groups.push(group("other", 80));
        team.listeners
            .push(listener("internal", 81, "HTTP", "other"));
    }),
];

fn weighted(groups: Value) -> Value {
    let mut action = json!({ "Type": "forward", "ForwardConfig": {} });
    action["ForwardConfig"]["TargetGroups"] = groups;
    action
}

fn sticky(groups: Value, seconds: u32) -> Value {
    let mut action = weighted(groups);
    action["ForwardConfig"]["TargetGroupStickinessConfig"] =
        json!({ "Enabled": true, "DurationSeconds": seconds });
    action
}

/// An HTTPS listener on port 443 with attributes of its own.
fn secure(group: &str) -> Value {
    let mut listener = listener("web", 443, "HTTPS", group);
    listener["SslPolicy"] = json!("ELBSecurityPolicy-TLS13-1-2-2021-06");
    listener["Certificates"] =
        json!([{ "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b" }]);
    listener["Attributes"] = json!({ "routing.http.response.server.enabled": "false" });
    listener
}
