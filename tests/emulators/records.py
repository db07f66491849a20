"""Puts a service that scene.py made behind records: a load balancer for each slot, and two pairs of
weighted records that lead to them. Each verb prints one JSON document.

    records.py apart NAME   gives slot b a load balancer of its own, and makes the records
    records.py look NAME    the records, field by field, and both load balancers' listeners
"""

import json
import sys

import boto3

elb = boto3.client("elbv2")
dns = boto3.client("route53")


def group(name):
    return elb.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]


def balancer(name):
    return elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]


def listener(name):
    arn = balancer(name)["LoadBalancerArn"]
    return elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]


def only(arn):
    return [{"Type": "forward", "TargetGroupArn": arn}]


def anew(arn):
    """The group made once more: the emulator never forgets a load balancer that used one."""
    old = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    elb.delete_target_group(TargetGroupArn=arn)
    made = elb.create_target_group(
        Name=old["TargetGroupName"],
        Protocol="HTTP",
        Port=8080,
        VpcId=old["VpcId"],
        TargetType="ip",
        HealthCheckPath="/health",
    )
    return made["TargetGroups"][0]["TargetGroupArn"]


def records(name, one, other):
    """A pair of aliases, and one of plain records beside a name of its own."""
    check = dns.create_health_check(
        CallerReference=name,
        HealthCheckConfig={"IPAddress": "10.0.0.1", "Port": 80, "Type": "HTTP", "ResourcePath": "/"},
    )["HealthCheck"]["Id"]
    for slot, weight, to in [("one", 255, one), ("other", 0, other)]:
        alias = {
            "HostedZoneId": to["CanonicalHostedZoneId"],
            "DNSName": f"dualstack.{to['DNSName']}",
            "EvaluateTargetHealth": slot == "one",
        }
        weighted = {"SetIdentifier": f"{name} {slot}", "Weight": weight}
        yield {
            "Name": f"{name}.example.com",
            "Type": "A",
            "AliasTarget": alias,
            "HealthCheckId": check,
            **weighted,
        }
        yield {
            "Name": f"plain.{name}.example.com",
            "Type": "CNAME",
            "TTL": 1,
            "ResourceRecords": [{"Value": to["DNSName"]}],
            **weighted,
        }


def apart(name):
    a, b = (group(f"{name}-{slot}") for slot in ("a", "b"))
    first = listener(name)["ListenerArn"]
    for rule in elb.describe_rules(ListenerArn=first)["Rules"]:
        if rule["Priority"] == "5":
            elb.delete_rule(RuleArn=rule["RuleArn"])
    elb.modify_listener(ListenerArn=first, DefaultActions=only(a))
    b = anew(b)
    one = balancer(name)
    subnets = [zone["SubnetId"] for zone in one["AvailabilityZones"]]
    other = elb.create_load_balancer(Name=f"{name}-other", Subnets=subnets)["LoadBalancers"][0]
    elb.create_listener(
        LoadBalancerArn=other["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=only(b)
    )
    zone = dns.create_hosted_zone(Name=f"{name}.example.com", CallerReference=name)["HostedZone"]["Id"]
    changes = [
        {"Action": "CREATE", "ResourceRecordSet": record} for record in records(name, one, other)
    ]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return look(name)


def look(name):
    zones = dns.list_hosted_zones_by_name(DNSName=f"{name}.example.com")["HostedZones"]
    shown = dns.list_resource_record_sets(HostedZoneId=zones[0]["Id"])["ResourceRecordSets"]
    return {
        "records": [record for record in shown if "Weight" in record],
        "listeners": [listener(one) for one in (name, f"{name}-other")],
    }


def main():
    verb, name = sys.argv[1:]
    print(json.dumps({"apart": apart, "look": look}[verb](name), default=str))


main()
