//! gRPC and IPv6 groups, dual stacks, and what listeners have of their own.

use super::*;

fn created(made: &mut Made, fields: &Value) -> Value {
    let mut input = json!({"Name": "other", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1",
        "TargetType": "ip"});
    let other = fields.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(other);
    call(&mut made.world, "CreateTargetGroup", &input)["TargetGroups"][0].take()
}

#[test]
fn a_grpc_group_has_grpc_s_codes_and_its_own_defaults() {
    let mut made = made();
    let group = created(&mut made, &json!({"ProtocolVersion": "GRPC"}));
    assert_eq!(group["HealthCheckPath"], "/AWS.ALB/healthcheck");
    assert_eq!(group["Matcher"], json!({"GrpcCode": "12"}));
    let change = json!({"TargetGroupArn": group["TargetGroupArn"], "HealthCheckPath": "/health",
        "Matcher": {"GrpcCode": "0-5"}});
    let changed = call(&mut made.world, "ModifyTargetGroup", &change);
    assert_eq!(
        changed["TargetGroups"][0]["Matcher"],
        json!({"GrpcCode": "0-5"})
    );
    let check = &made
        .world
        .elb
        .group(group["TargetGroupArn"].as_str().unwrap());
    let check = &check.unwrap().check;
    assert_eq!(
        [200, 404, 503].map(|status| check.code_of(status)),
        [0, 12, 14]
    );
}

#[test]
fn a_group_has_its_address_family() {
    let mut made = made();
    let group = created(&mut made, &json!({"IpAddressType": "ipv6"}));
    assert_eq!(group["IpAddressType"], "ipv6");
    let input = json!({"Name": "odd", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1",
        "IpAddressType": "ipv5"});
    assert_eq!(
        code(&mut made.world, "CreateTargetGroup", &input),
        "ValidationError"
    );
}

#[test]
fn a_group_has_the_port_of_its_targets_agents() {
    let mut made = made();
    let group = created(&mut made, &json!({"TargetControlPort": 3000}));
    assert_eq!(group["TargetControlPort"], 3000);
    let named = json!({"Names": ["other"]});
    let shown = call(&mut made.world, "DescribeTargetGroups", &named);
    assert_eq!(shown["TargetGroups"][0]["TargetControlPort"], 3000);
}

#[test]
fn a_listener_s_attributes_are_its_protocol_s_and_those_that_were_set() {
    let mut made = made();
    let named = json!({"ListenerArn": made.listener});
    let server =
        |value: &str| json!([{"Key": "routing.http.response.server.enabled", "Value": value}]);
    let shown = call(&mut made.world, "DescribeListenerAttributes", &named);
    assert_eq!(shown["Attributes"], server("true"));
    let change = json!({"ListenerArn": made.listener, "Attributes": server("false")});
    call(&mut made.world, "ModifyListenerAttributes", &change);
    let shown = call(&mut made.world, "DescribeListenerAttributes", &named);
    assert_eq!(shown["Attributes"], server("false"));
}
