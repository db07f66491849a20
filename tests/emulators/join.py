"""Joins the emulators: registers and deregisters targets in one as the tasks of the other come and
go, as ECS itself does with a load balancer. Runs until standard input closes.

    join.py NAME FILE

Prints `joined` once all that runs is registered. A group that FILE names loses its targets.
"""

import hashlib
import pathlib
import select
import sys

import boto3

ecs = boto3.client("ecs")
elb = boto3.client("elbv2")


def address(task):
    """An address of its own for each task; the emulator gives them none."""
    digest = hashlib.sha256(task.encode()).digest()
    return f"10.0.{1 + digest[0] % 2}.{1 + digest[1] % 250}"


def wanted(name, service):
    """The addresses of the running tasks."""
    tasks = ecs.list_tasks(cluster=name, serviceName=service, desiredStatus="RUNNING")["taskArns"]
    if not tasks:
        return set()
    running = ecs.describe_tasks(cluster=name, tasks=tasks)["tasks"]
    return {address(t["taskArn"]) for t in running if t["lastStatus"] == "RUNNING"}


def registered(group):
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {h["Target"]["Id"] for h in health if h["TargetHealth"]["State"] != "draining"}


def join(group, want):
    have = registered(group)
    for call, addresses in [
        (elb.register_targets, want - have),
        (elb.deregister_targets, have - want),
    ]:
        if addresses:
            call(TargetGroupArn=group, Targets=[{"Id": a, "Port": 8080} for a in sorted(addresses)])


def groups(names):
    """The ARNs of the groups that there are: they may come and go."""
    found = elb.describe_target_groups()["TargetGroups"]
    arns = {g["TargetGroupName"]: g["TargetGroupArn"] for g in found}
    return {name: arns[name] for name in names if name in arns}


def main():
    name, file = sys.argv[1], pathlib.Path(sys.argv[2])
    told = False
    slots = {name: f"{name}-a", f"{name}-b": f"{name}-b"}
    while True:
        arns = groups(slots.values())
        there = ecs.describe_services(cluster=name, services=list(slots))["services"]
        there = {s["serviceName"] for s in there if s["status"] == "ACTIVE"}
        dropped = file.read_text().split() if file.exists() else []
        for service, group in slots.items():
            empty = group in dropped or service not in there
            try:
                if group in arns:
                    join(arns[group], set() if empty else wanted(name, service))
            except elb.exceptions.TargetGroupNotFoundException:
                pass  # It went just now.
        if not told:
            print("joined")
            told = True
        if select.select([sys.stdin], [], [], 0.3)[0]:
            return


main()
