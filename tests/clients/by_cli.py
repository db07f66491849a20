"""A person with the AWS CLI in the sandbox region: each call is one run of `aws`, with the options
that a shell script would give it. The endpoint comes from the environment."""

import json
import os
import subprocess
import sys
import tempfile
import time

DEFINITION = {
    "family": "web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {"name": "app", "image": "web:v1", "essential": True, "portMappings": [{"containerPort": 80}]}
    ],
}
NETWORK = "awsvpcConfiguration={subnets=[subnet-0a1b2c3d,subnet-0d3c2b1a],securityGroups=[sg-0a1b2c3d]}"


def run(*words):
    """One `aws` with these words; its exit code, standard output and standard error."""
    command = [sys.executable, "-m", "awscli", *words]
    environment = os.environ | {"AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}
    # On a loopback endpoint there is no host to put `data-` before.
    environment["AWS_DISABLE_HOST_PREFIX_INJECTION"] = "true"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def aws(*words):
    """What `aws` answers: text with `--query … --output text`, else a document."""
    code, out, err = run(*words)
    assert code == 0, f"aws {' '.join(words)}: {code}: {err}"
    return out.strip() if "text" in words else json.loads(out or "{}")


def refused(error, *words):
    code, _, err = run(*words)
    assert code in (254, 255), f"aws {' '.join(words)}: exit {code}: {err}"
    assert f"An error occurred ({error})" in err, err


def text(query, *words):
    return aws(*words, "--query", query, "--output", "text")


def until(what, seen, seconds=60):
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, f"never seen: {what}"


def forward(a, b, weight):
    groups = [
        {"TargetGroupArn": a, "Weight": 100 - weight},
        {"TargetGroupArn": b, "Weight": weight},
    ]
    return json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])


def target_group(name):
    return text(
        "TargetGroups[0].TargetGroupArn",
        *"elbv2 create-target-group --protocol HTTP --port 80 --vpc-id vpc-0a1b2c3d".split(),
        *"--target-type ip --health-check-interval-seconds 10 --name".split(),
        name,
    )


def set_scene():
    aws("ecs", "create-cluster", "--cluster-name", "test")
    a, b = target_group("web-a"), target_group("web-b")
    balancer = text(
        "LoadBalancers[0].LoadBalancerArn",
        *"elbv2 create-load-balancer --name web --subnets subnet-0a1b2c3d subnet-0d3c2b1a".split(),
    )
    listener = text(
        "Listeners[0].ListenerArn",
        *"elbv2 create-listener --protocol HTTP --port 80 --load-balancer-arn".split(),
        *(balancer, "--default-actions", forward(a, b, 0)),
    )
    return balancer, listener, a, b


def register(image):
    DEFINITION["containerDefinitions"][0]["image"] = image
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(DEFINITION, file)
        file.flush()
        return text(
            "taskDefinition.taskDefinitionArn",
            *("ecs", "register-task-definition", "--cli-input-json", f"file://{file.name}"),
        )


def create_service(name, task_definition, group):
    service = aws(
        *"ecs create-service --cluster test --desired-count 1 --launch-type FARGATE".split(),
        *("--service-name", name, "--task-definition", task_definition),
        *("--network-configuration", NETWORK, "--tags", "key=team,value=web"),
        *("--load-balancers", f"targetGroupArn={group},containerName=app,containerPort=80"),
    )["service"]
    assert service["runningCount"] == 0 and service["status"] == "ACTIVE", service


def health(group):
    return text(
        "TargetHealthDescriptions[].TargetHealth.State",
        *("elbv2", "describe-target-health", "--target-group-arn", group),
    )


def deploys(listener, a, b):
    create_service("web", register("web:v1"), a)
    create_service("web-b", register("web:v2"), b)
    aws("ecs", "wait", "services-stable", "--cluster", "test", "--services", "web", "web-b")
    for group in (a, b):
        aws("elbv2", "wait", "target-in-service", "--target-group-arn", group)
        assert health(group) == "healthy"
    task = text("taskArns[0]", *"ecs list-tasks --cluster test --service-name web-b".split())
    state = text(
        "tasks[0].[lastStatus,containers[0].image]",
        *("ecs", "describe-tasks", "--cluster", "test", "--tasks", task),
    )
    assert state.split() == ["RUNNING", "web:v2"], state

    aws("elbv2", "modify-listener", "--listener-arn", listener, "--default-actions", forward(a, b, 100))
    weights = text(
        "Listeners[0].DefaultActions[0].ForwardConfig.TargetGroups[].Weight",
        *("elbv2", "describe-listeners", "--listener-arns", listener),
    )
    assert weights.split() == ["0", "100"], weights
    aws(*"ecs update-service --cluster test --service web --desired-count 0".split())
    describe = "ecs describe-services --cluster test --services web".split()
    until("blue at zero", lambda: text("services[0].runningCount", *describe) == "0")
    events = text("services[0].events[].message", *describe)
    assert "has reached a steady state." in events, events


def watches():
    aws(
        *"cloudwatch put-metric-alarm --alarm-name web-errors --namespace Web".split(),
        *"--metric-name Errors --statistic Sum --period 60 --evaluation-periods 1".split(),
        *"--threshold 5 --comparison-operator GreaterThanThreshold".split(),
    )
    state = "cloudwatch describe-alarms --alarm-names web-errors".split()
    assert text("MetricAlarms[0].StateValue", *state) == "INSUFFICIENT_DATA"

    def alarmed():
        aws(*"cloudwatch put-metric-data --namespace Web --metric-name Errors --value 9".split())
        return text("MetricAlarms[0].StateValue", *state) == "ALARM"

    until("ALARM", alarmed)
    metrics = text("Metrics[].MetricName", *"cloudwatch list-metrics --namespace Web".split())
    assert metrics == "Errors", metrics


def mistakes():
    refused("ClusterNotFoundException", *"ecs list-services --cluster nope".split())
    update = "ecs update-service --cluster test --desired-count 1 --service nope"
    refused("ServiceNotFoundException", *update.split())
    refused("TargetGroupNotFound", *"elbv2 describe-target-groups --names nope".split())
    refused("LoadBalancerNotFound", *"elbv2 describe-load-balancers --names nope".split())
    refused("ClientException", *"ecs describe-task-definition --task-definition nope".split())


def answers_for_names():
    create = "route53 create-hosted-zone --name example.org --caller-reference cli".split()
    zone = text("HostedZone.Id", *create)
    record = {"Name": "web.example.org", "Type": "CNAME", "TTL": 60, "Weight": 255}
    record |= {"SetIdentifier": "a b", "ResourceRecords": [{"Value": "a.elb.amazonaws.com"}]}
    batch = json.dumps({"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
    write = ["route53", "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", batch]
    change = text("ChangeInfo.Id", *write)
    status = ["route53", "get-change", "--id", change]
    until("INSYNC", lambda: text("ChangeInfo.Status", *status) == "INSYNC")
    shown = aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone)["ResourceRecordSets"]
    assert record | {"Name": "web.example.org."} in shown, shown
    refused("InvalidChangeBatch", *write)
    zones = text("HostedZones[].Name", *"route53 list-hosted-zones --max-items 1".split())
    assert zones.split()[0] == "example.org.", zones

    check = "Type=HTTPS,FullyQualifiedDomainName=web.example.org,ResourcePath=/health"
    made = "route53 create-health-check --caller-reference cli --health-check-config".split()
    id = text("HealthCheck.Id", *made, check)
    one = ["--health-check-id", id]
    shown = text("HealthCheck.HealthCheckConfig.[Port,RequestInterval]", "route53", "get-health-check", *one)
    assert shown.split() == ["443", "30"], shown
    listed = text("HealthChecks[].Id", *"route53 list-health-checks".split())
    assert listed == id, listed
    status = text("HealthCheckObservations[].StatusReport.Status", "route53", "get-health-check-status", *one)
    assert status.startswith("Success"), status
    aws("route53", "delete-health-check", *one)
    refused("NoSuchHealthCheck", "route53", "get-health-check", *one)


def scales_by_itself():
    of = "--service-namespace ecs --scalable-dimension ecs:service:DesiredCount".split()
    of += "--resource-id service/test/web-b".split()
    call = "application-autoscaling"
    refused("ObjectNotFoundException", call, "deregister-scalable-target", *of)
    bounds = "--min-capacity 1 --max-capacity 4 --tags team=web".split()
    target = text("ScalableTargetARN", call, "register-scalable-target", *of, *bounds)
    tags = text("Tags.team", call, "list-tags-for-resource", "--resource-arn", target)
    assert tags == "web", tags
    tracking = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    }
    put = ["--policy-name", "busy", "--policy-type", "TargetTrackingScaling"]
    put += ["--target-tracking-scaling-policy-configuration", json.dumps(tracking)]
    alarms = text("Alarms[].AlarmName", call, "put-scaling-policy", *of, *put)
    assert len(alarms.split()) == 2, alarms
    policies = [call, *"describe-scaling-policies --service-namespace ecs".split()]
    assert text("ScalingPolicies[].PolicyName", *policies) == "busy"

    # More at least than there are: it scales at once.
    aws(call, "register-scalable-target", *of, "--min-capacity", "2")
    desired = "ecs describe-services --cluster test --services web-b".split()
    until("two tasks", lambda: text("services[0].desiredCount", *desired) == "2")
    off = "DynamicScalingInSuspended=true,DynamicScalingOutSuspended=true,ScheduledScalingSuspended=true"
    aws(call, "register-scalable-target", *of, "--min-capacity", "0", "--suspended-state", off)
    targets = [call, *"describe-scalable-targets --service-namespace ecs".split()]
    seen = aws(*targets)["ScalableTargets"][0]
    assert (seen["MinCapacity"], seen["MaxCapacity"]) == (0, 4), seen
    assert all(seen["SuspendedState"].values()) and len(seen["SuspendedState"]) == 3, seen

    schedule = ["--scheduled-action-name", "morning", "--timezone", "Europe/Berlin"]
    schedule += ["--scalable-target-action", "MinCapacity=2,MaxCapacity=6"]
    put = [call, "put-scheduled-action", *of, *schedule, "--schedule"]
    aws(*put, "cron(0 7 ? * MON-FRI *)")
    refused("ValidationException", *put, "cron(0 7 *)")
    shown = [call, *"describe-scheduled-actions --service-namespace ecs".split()]
    assert text("ScheduledActions[].ScalableTargetAction.MaxCapacity", *shown) == "6"
    aws(call, "delete-scheduled-action", *of, "--scheduled-action-name", "morning")
    aws(call, "delete-scaling-policy", *of, "--policy-name", "busy")
    assert text("length(ScalingPolicies)", *policies) == "0"
    aws(call, "deregister-scalable-target", *of)
    assert text("length(ScalableTargets)", *targets) == "0"


def finds_tasks_in_cloud_map():
    call = "servicediscovery"
    made = [call, *"create-private-dns-namespace --name prod.local --vpc vpc-1".split()]
    operation = text("OperationId", *made)
    done = aws(call, "get-operation", "--operation-id", operation)["Operation"]
    assert done["Status"] == "SUCCESS", done
    refused("NamespaceAlreadyExists", *made)
    space = done["Targets"]["NAMESPACE"]
    assert text("Namespaces[].Name", call, "list-namespaces") == "prod.local"
    records = ["--dns-config", "DnsRecords=[{Type=A,TTL=10}]"]
    create = [call, "create-service", "--name", "worker", "--namespace-id", space, *records]
    registry = aws(*create, "--health-check-custom-config", "FailureThreshold=1")["Service"]
    task = register("worker:v1")
    registries = ["--service-registries", f"registryArn={registry['Arn']}"]
    create = "ecs create-service --cluster test --desired-count 2 --launch-type FARGATE".split()
    named = ["--service-name", "worker", "--task-definition", task]
    aws(*create, *named, "--network-configuration", NETWORK, *registries)
    discover = [call, *"discover-instances --namespace-name prod.local --service-name worker".split()]
    names = "Instances[].Attributes.ECS_SERVICE_NAME"
    until("both tasks", lambda: text(names, *discover).split() == ["worker", "worker"])
    instances = [call, "list-instances", "--service-id", registry["Id"]]
    found = set(text("Instances[].Id", *instances).split())
    tasks = text("taskArns", *"ecs list-tasks --cluster test --service-name worker".split())
    assert found == {arn.rsplit("/", 1)[1] for arn in tasks.split()}, (found, tasks)
    remove = [call, "delete-service", "--id", registry["Id"]]
    refused("ResourceInUse", *remove)
    aws(*"ecs delete-service --cluster test --force --service worker".split())
    until("nobody in the registry", lambda: text("length(Instances)", *instances) == "0")
    aws(*remove)
    refused("ServiceNotFound", call, "get-service", "--id", registry["Id"])


def cleans_up(balancer):
    aws(*"ecs delete-service --cluster test --force --service web-b".split())
    status = "ecs describe-services --cluster test --services web-b".split()
    until("INACTIVE", lambda: text("services[0].status", *status) == "INACTIVE")
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", balancer)
    aws(*"cloudwatch delete-alarms --alarm-names web-errors".split())
    assert text("length(MetricAlarms)", *"cloudwatch describe-alarms".split()) == "0"


def main():
    balancer, listener, a, b = set_scene()
    deploys(listener, a, b)
    watches()
    mistakes()
    answers_for_names()
    scales_by_itself()
    finds_tasks_in_cloud_map()
    cleans_up(balancer)
    print("as in AWS")


main()
