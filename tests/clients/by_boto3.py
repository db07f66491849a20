"""A person with boto3 in the sandbox region: sets a scene, deploys a new version by hand, looks at
what a look shows, and makes mistakes. Fails where something is other than in AWS. The endpoint comes
from the environment."""

import base64
import datetime
import json
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# No client retries, so that each answer is seen; no waiter waits its usual 15 s.
ONCE = Config(retries={"total_max_attempts": 1})
SOON = {"Delay": 1, "MaxAttempts": 60}
MINUTE = 60

ecs = boto3.client("ecs", config=ONCE)
elb = boto3.client("elbv2", config=ONCE)
cloudwatch = boto3.client("cloudwatch", config=ONCE)
scheduler = boto3.client("scheduler", config=ONCE)
dynamodb = boto3.client("dynamodb", config=ONCE)
scaling = boto3.client("application-autoscaling", config=ONCE)
ecr = boto3.client("ecr", config=ONCE)
iam = boto3.client("iam", config=ONCE)
secrets = boto3.client("secretsmanager", config=ONCE)
ssm = boto3.client("ssm", config=ONCE)
logs = boto3.client("logs", config=ONCE)
# On a loopback endpoint there is no host to put `data-` before.
discovery = boto3.client(
    "servicediscovery", config=ONCE.merge(Config(inject_host_prefix=False))
)
functions = boto3.client("lambda", config=ONCE)
# It takes five calls a second, however quick this machine is; only throttling is tried again.
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10})
route53 = boto3.client("route53", config=PATIENT)
sns = boto3.client("sns", config=ONCE)
ec2 = boto3.client("ec2", config=ONCE)
events = boto3.client("events", config=ONCE)
NETWORK = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-0a1b2c3d", "subnet-0d3c2b1a"],
        "securityGroups": ["sg-0a1b2c3d"],
        "assignPublicIp": "DISABLED",
    }
}


def refused(code, call, **arguments):
    """The call is refused with this code, or one of these."""
    codes = code if isinstance(code, tuple) else (code,)
    try:
        call(**arguments)
    except ClientError as error:
        got = error.response["Error"]
        assert got["Code"] in codes, f"{call.__name__}: want {code}, got {got}"
        assert got["Message"], f"{call.__name__}: {code} without a message"
        return got["Message"]
    raise AssertionError(f"{call.__name__}({arguments}) is not refused with {code}")


def until(what, seen, seconds=60):
    """Polls for something that takes virtual minutes, wall-clock seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = seen()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"never seen: {what}")


def definition(image, **other):
    wanted = {
        "family": "shop",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": image,
                "essential": True,
                "portMappings": [{"containerPort": 8080}],
                "environment": [{"name": "EMPTY", "value": ""}],
            }
        ],
    }
    return wanted | other


def register(image):
    made = ecs.register_task_definition(**definition(image), tags=[{"key": "team", "value": "shop"}])
    return made["taskDefinition"]["taskDefinitionArn"]


def target_group(name):
    made = elb.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=8080,
        VpcId="vpc-0a1b2c3d",
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )["TargetGroups"][0]
    elb.modify_target_group_attributes(
        TargetGroupArn=made["TargetGroupArn"],
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
    )
    return made["TargetGroupArn"]


def forward(*weights):
    return [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": arn, "Weight": w} for arn, w in weights],
                "TargetGroupStickinessConfig": {"Enabled": False},
            },
        }
    ]


def create_service(name, task_definition, group, **other):
    wanted = {
        "cluster": "prod",
        "serviceName": name,
        "taskDefinition": task_definition,
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
        "loadBalancers": [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
    }
    return ecs.create_service(**(wanted | other))["service"]


def one_service(name):
    return ecs.describe_services(cluster="prod", services=[name])["services"][0]


def set_scene():
    ecs.create_cluster(clusterName="prod")
    a, b, idle = (target_group(f"shop-{part}") for part in ("a", "b", "idle"))
    balancer = elb.create_load_balancer(
        Name="shop", Subnets=NETWORK["awsvpcConfiguration"]["subnets"], Scheme="internal"
    )["LoadBalancers"][0]
    assert balancer["State"]["Code"] in ("provisioning", "active")
    assert ":loadbalancer/app/shop/" in balancer["LoadBalancerArn"]
    elb.get_waiter("load_balancer_available").wait(Names=["shop"], WaiterConfig=SOON)
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=forward((a, 100), (b, 0)),
    )["Listeners"][0]["ListenerArn"]
    elb.create_rule(
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=forward((a, 100), (b, 0)),
    )
    return balancer["LoadBalancerArn"], listener, a, b, idle


def becomes_healthy(service, group):
    """What AWS shows while a service comes up and once it is there."""
    ecs.get_waiter("services_stable").wait(
        cluster="prod", services=[service], WaiterConfig=SOON
    )
    elb.get_waiter("target_in_service").wait(TargetGroupArn=group, WaiterConfig=SOON)
    seen = one_service(service)
    assert (seen["runningCount"], seen["pendingCount"], seen["desiredCount"]) == (2, 0, 2), seen
    primary = seen["deployments"][0]
    until("COMPLETED", lambda: one_service(service)["deployments"][0]["rolloutState"] == "COMPLETED")
    assert primary["status"] == "PRIMARY" and primary["taskDefinition"] == seen["taskDefinition"]
    until(
        "a steady state",
        lambda: any("steady state" in e["message"] for e in one_service(service)["events"]),
    )

    arns = ecs.list_tasks(cluster="prod", serviceName=service)["taskArns"]
    tasks = ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"]
    assert [t["lastStatus"] for t in tasks] == ["RUNNING", "RUNNING"], tasks
    details = [d for t in tasks for a in t["attachments"] for d in a["details"]]
    addresses = {d["value"] for d in details if d["name"] == "privateIPv4Address"}
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {h["Target"]["Id"] for h in health} == addresses, (health, addresses)
    assert all(t["group"] == f"service:{service}" for t in tasks)
    assert all(isinstance(t["startedAt"], datetime.datetime) for t in tasks)


def shift(listener, a, b, weight):
    elb.modify_listener(
        ListenerArn=listener, DefaultActions=forward((a, 100 - weight), (b, weight))
    )
    seen = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    groups = seen[0]["ForwardConfig"]["TargetGroups"]
    assert {g["TargetGroupArn"]: g["Weight"] for g in groups} == {a: 100 - weight, b: weight}
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    default = next(rule for rule in rules if rule["IsDefault"])
    assert default["Priority"] == "default" and default["Actions"] == seen, default


def deploy_by_hand(listener, a, b):
    first = register("shop:v1")
    assert first.endswith(":task-definition/shop:1"), first
    made = create_service("shop", first, a)
    assert made["status"] == "ACTIVE" and made["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    becomes_healthy("shop", a)

    second = register("shop:v2")
    create_service("shop-b", second, b, clientToken="one-deployment")
    again = create_service("shop-b", second, b, clientToken="one-deployment")
    assert again["serviceName"] == "shop-b", "a repeat with its token is the same service"
    refused("InvalidParameterException", create_service, name="shop-b", task_definition=second, group=b)
    becomes_healthy("shop-b", b)
    for weight in (10, 50, 100):
        shift(listener, a, b, weight)

    targets = [h["Target"] for h in elb.describe_target_health(TargetGroupArn=a)["TargetHealthDescriptions"]]
    ecs.update_service(cluster="prod", service="shop", desiredCount=0)
    until("blue at zero", lambda: one_service("shop")["runningCount"] == 0)
    assert len(one_service("shop")["deployments"]) == 1, "a new count starts no deployment"
    elb.get_waiter("target_deregistered").wait(
        TargetGroupArn=a, Targets=targets, WaiterConfig=SOON
    )
    gone = elb.describe_target_health(TargetGroupArn=a, Targets=targets)["TargetHealthDescriptions"]
    assert {h["TargetHealth"]["Reason"] for h in gone} == {"Target.NotRegistered"}, gone
    stopped = ecs.list_tasks(cluster="prod", serviceName="shop", desiredStatus="STOPPED")
    tasks = ecs.describe_tasks(cluster="prod", tasks=stopped["taskArns"])["tasks"]
    assert {t["stopCode"] for t in tasks} == {"ServiceSchedulerInitiated"}, tasks


def rolls_in_place(group):
    """An update of the definition is a rolling deployment; a crash is replaced, with its reason."""
    ecs.update_service(cluster="prod", service="shop-b", taskDefinition=register("shop:v3"))
    kinds = [d["status"] for d in one_service("shop-b")["deployments"]]
    assert kinds == ["PRIMARY", "ACTIVE"], kinds
    becomes_healthy("shop-b", group)
    task = ecs.list_tasks(cluster="prod", serviceName="shop-b")["taskArns"][0]
    ecs.stop_task(cluster="prod", task=task, reason="by hand")
    ecs.get_waiter("tasks_stopped").wait(cluster="prod", tasks=[task], WaiterConfig=SOON)
    seen = ecs.describe_tasks(cluster="prod", tasks=[task])["tasks"][0]
    assert (seen["stopCode"], seen["stoppedReason"]) == ("UserInitiated", "by hand"), seen
    becomes_healthy("shop-b", group)


def watches(balancer):
    """Metrics go in and come out again; an alarm follows them, and a hand's word."""
    for name in ("shop-errors", "shop-late"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Shop",
            MetricName="Errors",
            Dimensions=[{"Name": "Service", "Value": "shop"}],
            Statistic="Sum",
            Period=MINUTE,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=["shop-errors"])

    def alarm(name="shop-errors"):
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    assert alarm()["StateValue"] == "INSUFFICIENT_DATA"

    def put_and_look():
        datum = {"MetricName": "Errors", "Dimensions": [{"Name": "Service", "Value": "shop"}]}
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum | {"Value": 10.0}])
        return alarm()["StateValue"] == "ALARM"

    until("ALARM", put_and_look)
    assert isinstance(alarm()["StateUpdatedTimestamp"], datetime.datetime)
    assert "Threshold Crossed" in alarm()["StateReason"], alarm()["StateReason"]
    cloudwatch.set_alarm_state(AlarmName="shop-late", StateValue="ALARM", StateReason="by hand")
    late = alarm("shop-late")
    assert late["StateValue"] == "ALARM", late

    cloudwatch.put_composite_alarm(
        AlarmName="shop-any", AlarmRule='ALARM("shop-errors") OR ALARM("shop-late")'
    )
    seen = cloudwatch.describe_alarms(AlarmNames=["shop-any"])
    assert not seen["MetricAlarms"] and not seen.get("CompositeAlarms"), "only if asked for"

    def composite():
        seen = cloudwatch.describe_alarms(AlarmNames=["shop-any"], AlarmTypes=["CompositeAlarm"])
        return seen["CompositeAlarms"][0]["StateValue"] == "ALARM"

    until("the composite alarm", composite)
    reads_metrics(balancer, one_service("shop")["createdAt"])


def cloudwatch_by(protocol):
    """A client of CloudWatch that can't speak but one of the protocols that CloudWatch has."""
    session = boto3.session.Session()
    loader = session._session.get_component("data_loader")
    metadata = loader.load_service_model("cloudwatch", "service-2")["metadata"]
    assert protocol in metadata["protocols"], metadata
    metadata.update(protocol=protocol, protocols=[protocol])
    client = session.client("cloudwatch", config=ONCE)
    assert client.meta.service_model.resolved_protocol == protocol
    return client


def speaks(protocol):
    """What one client puts, a client of the same protocol and the usual one see alike."""
    client = cloudwatch_by(protocol)
    name = f"shop-{protocol}"
    wanted = {
        "AlarmName": name,
        "AlarmDescription": "5 & more <errors>",
        "Namespace": "Shop",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "Service", "Value": "shop"}, {"Name": "Part", "Value": protocol}],
        "Statistic": "Sum",
        "Period": MINUTE,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 2.5,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
        "ActionsEnabled": False,
        "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:pager"],
    }
    client.put_metric_alarm(**wanted, Tags=[{"Key": "team", "Value": "shop"}])
    for one in (client, cloudwatch):
        seen = one.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"][0]
        assert {key: seen.get(key) for key in wanted} == wanted, (protocol, seen)
        assert isinstance(seen["StateUpdatedTimestamp"], datetime.datetime), (protocol, seen)
        assert seen["StateValue"] == "INSUFFICIENT_DATA", (protocol, seen)
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    ringing = client.describe_alarms(AlarmNamePrefix=name, StateValue="ALARM")["MetricAlarms"]
    assert [a["AlarmName"] for a in ringing] == [name], (protocol, ringing)
    assert not client.describe_alarms(AlarmNames=["nope"])["MetricAlarms"], protocol
    refused(("ResourceNotFound", "ResourceNotFoundException"), client.set_alarm_state,
            AlarmName="nope", StateValue="OK", StateReason="x")
    invalid = ("ValidationError", "InvalidParameterValue", "InvalidParameterCombination")
    refused(invalid, client.put_metric_alarm, **(wanted | {"DatapointsToAlarm": 4}))
    client.delete_alarms(AlarmNames=[name])


def reads_metrics(balancer, start):
    """The three ways to read a metric agree, also on those that the load balancer writes."""
    window = {"StartTime": start - datetime.timedelta(hours=1), "EndTime": start + datetime.timedelta(days=1)}
    dimensions = [{"Name": "Service", "Value": "shop"}]
    points = cloudwatch.get_metric_statistics(
        Namespace="Shop", MetricName="Errors", Dimensions=dimensions, Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"], **window,
    )["Datapoints"]
    assert points and all(p["Sum"] == 10 * p["SampleCount"] for p in points), points
    assert all(p["Maximum"] == 10 for p in points)

    metric = {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": dimensions}
    queries = [
        {"Id": "errors", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}},
        {"Id": "double", "Expression": "errors * 2"},
    ]
    results = cloudwatch.get_metric_data(MetricDataQueries=queries, **window)["MetricDataResults"]
    values = {r["Id"]: r["Values"] for r in results}
    assert sum(values["errors"]) > 0, values
    assert values["double"] == [2 * v for v in values["errors"]], values

    listed = cloudwatch.list_metrics(Namespace="Shop")["Metrics"]
    assert [m["MetricName"] for m in listed] == ["Errors"] and listed[0]["Dimensions"] == dimensions
    name = balancer.split(":loadbalancer/")[1]

    def hosts():
        listed = cloudwatch.list_metrics(
            Namespace="AWS/ApplicationELB", Dimensions=[{"Name": "LoadBalancer", "Value": name}]
        )["Metrics"]
        return "HealthyHostCount" in {m["MetricName"] for m in listed}

    until("the load balancer's own metrics", hosts)


def pages(listener):
    """Every list that pages gives the same with small pages as at once."""
    def paged(client, operation, size, **arguments):
        config = {"PageSize": size}
        return client.get_paginator(operation).paginate(PaginationConfig=config, **arguments)

    def count(pages, key):
        pages = list(pages)
        assert len(pages) > 1, f"{key}: one page"
        return sum(len(page[key]) for page in pages)

    assert count(paged(ecs, "list_tasks", 1, cluster="prod"), "taskArns") == 2
    assert count(paged(ecs, "list_services", 1, cluster="prod"), "serviceArns") == 2
    revisions = paged(ecs, "list_task_definitions", 1, familyPrefix="shop")
    assert count(revisions, "taskDefinitionArns") == 3
    assert count(paged(elb, "describe_target_groups", 1), "TargetGroups") == 3
    assert count(paged(elb, "describe_rules", 1, ListenerArn=listener), "Rules") == 2
    assert count(paged(cloudwatch, "describe_alarms", 1), "MetricAlarms") == 2


def mistakes(listener, a, b, idle):
    """What AWS refuses is refused, with its code."""
    nowhere = a[:-16] + "0" * 16
    latest = one_service("shop-b")["taskDefinition"]
    refused("ClusterNotFoundException", ecs.describe_services, cluster="nope", services=["shop"])
    refused("ServiceNotFoundException", ecs.update_service, cluster="prod", service="nope", desiredCount=1)
    refused("ClientException", ecs.describe_task_definition, taskDefinition="nope")
    wrong = definition("shop:v4", cpu="256", memory="4096")
    message = refused("ClientException", ecs.register_task_definition, **wrong)
    assert "No Fargate configuration exists" in message, message
    new = {"name": "new", "task_definition": latest}
    message = refused("InvalidParameterException", create_service, **new, group=idle)
    assert "does not have an associated load balancer" in message, message
    balancers = [{"targetGroupArn": b, "containerName": "web", "containerPort": 8080}]
    refused("InvalidParameterException", create_service, **new, group=b, loadBalancers=balancers)
    message = refused("InvalidParameterException", create_service, **new, group=b, enableExecuteCommand=True)
    assert "couldn't be created because a valid taskRoleArn is not being used" in message, message
    data = {"name": "data", "managedEBSVolume": {"sizeInGiB": 1, "roleArn": "arn:aws:iam::123456789012:role/ebs"}}
    message = refused("InvalidParameterException", create_service, **new, group=b, volumeConfigurations=[data])
    assert "no matching configuredAtLaunch volume" in message, message
    refused("InvalidParameterException", ecs.delete_service, cluster="prod", service="shop-b")
    missing = ecs.describe_services(cluster="prod", services=["nope"])
    assert missing["failures"][0]["reason"] == "MISSING" and not missing["services"], missing
    many = [f"s{n}" for n in range(11)]
    refused("InvalidParameterException", ecs.describe_services, cluster="prod", services=many)

    refused("TargetGroupNotFound", elb.describe_target_groups, Names=["nope"])
    refused("TargetGroupNotFound", elb.describe_target_health, TargetGroupArn=nowhere)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["nope"])
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener[:-16] + "0" * 16])
    modify = {"call": elb.modify_listener, "ListenerArn": listener}
    refused("TargetGroupNotFound", **modify, DefaultActions=forward((a, 1), (nowhere, 1)))
    refused("ValidationError", **modify, DefaultActions=forward((a, 1000), (b, 0)))
    zero = ("ValidationError", "InvalidLoadBalancerAction", "InvalidConfigurationRequest")
    refused(zero, **modify, DefaultActions=forward((a, 0), (b, 0)))
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=a)
    refused("PriorityInUse", elb.create_rule, ListenerArn=listener, Priority=10,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}], Actions=forward((a, 1)))
    refused(("ResourceNotFound", "ResourceNotFoundException"), cloudwatch.set_alarm_state,
            AlarmName="nope", StateValue="OK", StateReason="x")


def one_shot(listener, a, b, at):
    call = {"ListenerArn": listener, "DefaultActions": forward((a, 30), (b, 70))}
    return {
        "Name": "back",
        "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:modifyListener",
            "RoleArn": "arn:aws:iam::123456789012:role/back",
            "Input": json.dumps(call),
            "RetryPolicy": {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60},
        },
    }


def schedules(listener, a, b):
    """A one-shot that writes weights, made, listed, moved, deleted, and run at its time."""
    far = datetime.datetime(2099, 1, 1)
    made = scheduler.create_schedule(**one_shot(listener, a, b, far))
    assert made["ScheduleArn"].endswith(":schedule/default/back"), made
    refused("ConflictException", scheduler.create_schedule, **one_shot(listener, a, b, far))
    shown = scheduler.get_schedule(Name="back")
    assert shown["State"] == "ENABLED" and shown["GroupName"] == "default", shown
    assert shown["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 1, shown
    listed = scheduler.list_schedules(NamePrefix="ba")["Schedules"]
    assert [schedule["Name"] for schedule in listed] == ["back"], listed
    assert scheduler.list_schedules(NamePrefix="x")["Schedules"] == []

    past = one_shot(listener, a, b, datetime.datetime(2001, 1, 1))
    refused("ValidationException", scheduler.update_schedule, **past)
    scheduler.delete_schedule(Name="back")
    refused("ResourceNotFoundException", scheduler.delete_schedule, Name="back")
    refused("ResourceNotFoundException", scheduler.get_schedule, Name="back")

    scheduler.create_schedule(**one_shot(listener, a, b, far))
    now = scheduler.get_schedule(Name="back")["CreationDate"].astimezone(datetime.timezone.utc)
    soon = now + datetime.timedelta(seconds=90)
    scheduler.update_schedule(**one_shot(listener, a, b, soon))
    until("the schedule to be gone", lambda: not scheduler.list_schedules()["Schedules"])
    action = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    weights = {group["TargetGroupArn"]: group["Weight"]
               for group in action["ForwardConfig"]["TargetGroups"]}
    assert weights == {a: 30, b: 70}, weights


def is_throttled():
    """RegisterTaskDefinition's small bucket runs dry."""
    for _ in range(300):
        try:
            register("shop:v4")
        except ClientError as error:
            got = error.response["Error"]
            assert got["Code"] == "ThrottlingException", got
            assert "Rate exceeded" in got["Message"], got
            return
    raise AssertionError("300 registrations without throttling")


def keeps_a_table():
    table, keys = {"TableName": "state"}, (("pk", "HASH"), ("sk", "RANGE"))
    refused("ResourceNotFoundException", dynamodb.describe_table, **table)
    create = {
        **table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
    }
    assert dynamodb.create_table(**create)["TableDescription"]["TableStatus"] == "CREATING"
    dynamodb.get_waiter("table_exists").wait(**table, WaiterConfig=SOON)
    refused("ResourceInUseException", dynamodb.create_table, **create)
    ttl = {"Enabled": True, "AttributeName": "expires_at"}
    dynamodb.update_time_to_live(**table, TimeToLiveSpecification=ttl)
    shown = dynamodb.describe_time_to_live(**table)["TimeToLiveDescription"]
    assert shown == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}, shown

    item = lambda sk, n: {"pk": {"S": "p"}, "sk": {"S": sk}, "n": {"N": str(n)}}
    free = {"ConditionExpression": "attribute_not_exists(pk)"}
    for n in range(5):
        dynamodb.put_item(**table, Item=item(f"item#{n}", n), **free)
    refused("ConditionalCheckFailedException", dynamodb.put_item, **table, Item=item("item#0", 9), **free)
    key = {"pk": {"S": "p"}, "sk": {"S": "item#4"}}
    one = {":one": {"N": "1"}}
    grown = dynamodb.update_item(
        **table,
        Key=key,
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues=one,
        ReturnValues="ALL_NEW",
    )
    assert grown["Attributes"] == item("item#4", 5), grown
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {**table, "Item": item("new", 1), **free}},
                {"Put": {**table, "Item": item("item#1", 1), **free}},
            ]
        )
        raise AssertionError("half a transaction went through")
    except dynamodb.exceptions.TransactionCanceledException as error:
        reasons = [reason["Code"] for reason in error.response["CancellationReasons"]]
        assert reasons == ["None", "ConditionalCheckFailed"], reasons
    pages = dynamodb.get_paginator("query").paginate(
        **table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": "p"}, ":prefix": {"S": "item#"}},
        PaginationConfig={"PageSize": 2},
    )
    sizes = [page["Count"] for page in pages]
    assert sizes == [2, 2, 1], sizes
    gone = dynamodb.delete_item(**table, Key=key, ReturnValues="ALL_OLD")
    assert gone["Attributes"]["n"] == {"N": "5"}, gone
    assert "Item" not in dynamodb.get_item(**table, Key=key, ConsistentRead=True)


def scales_by_itself():
    """A service whose desired count autoscaling owns: bounds, a policy with its own alarms, a
    schedule, and all of it gone again."""
    of = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/prod/shop-b",
        "ScalableDimension": "ecs:service:DesiredCount",
    }

    def desired():
        seen = ecs.describe_services(cluster="prod", services=["shop-b"])
        return seen["services"][0]["desiredCount"]

    before = desired()
    refused("ObjectNotFoundException", scaling.deregister_scalable_target, **of)
    target = scaling.register_scalable_target(
        **of, MinCapacity=before, MaxCapacity=before + 3, Tags={"team": "shop"}
    )["ScalableTargetARN"]
    assert scaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"team": "shop"}
    policy = scaling.put_scaling_policy(
        **of,
        PolicyName="busy",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 1.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
        },
    )
    names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
    assert [name.split("-")[3] for name in names] == ["AlarmHigh", "AlarmLow"], names
    shown = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert shown[0]["AlarmActions"] == [policy["PolicyARN"]], shown
    calling = cloudwatch.describe_alarms(ActionPrefix=policy["PolicyARN"])["MetricAlarms"]
    assert sorted(alarm["AlarmName"] for alarm in calling) == sorted(names), calling
    metric = {"Namespace": "Shop", "MetricName": "Waiting", "Dimensions": []}
    metrics = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "e", "Expression": "FILL(m, 0) / 2", "Label": "half"},
    ]
    by_math = {
        "PolicyName": "queue",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 9.0,
            "CustomizedMetricSpecification": {"Metrics": metrics},
        },
    }
    made = scaling.put_scaling_policy(**of, **by_math)
    shown = cloudwatch.describe_alarms(AlarmNames=[one["AlarmName"] for one in made["Alarms"]])
    for alarm in shown["MetricAlarms"]:
        assert "MetricName" not in alarm, alarm
        assert alarm["Metrics"][0]["MetricStat"]["Period"] == 60, alarm
        assert alarm["Metrics"][1]["Expression"] == "FILL(m, 0) / 2", alarm
    metrics[1]["Expression"] = "SEARCH('Shop', 'Sum')"
    message = refused("ValidationException", scaling.put_scaling_policy, **of, **by_math)
    assert "SEARCH" in message, message
    scaling.delete_scaling_policy(**of, PolicyName="queue")
    # Idle tasks take 2 % of their CPU, which is twice the target.
    until("scaling out", lambda: desired() > before)
    told = scaling.describe_scaling_activities(ServiceNamespace="ecs", ResourceId=of["ResourceId"])
    assert "AlarmHigh" in told["ScalingActivities"][0]["Cause"], told
    all_off = {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": True,
        "ScheduledScalingSuspended": True,
    }
    scaling.register_scalable_target(**of, MinCapacity=0, SuspendedState=all_off)
    seen = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    assert (seen["MinCapacity"], seen["SuspendedState"]) == (0, all_off), seen
    scaling.put_scheduled_action(
        **of,
        ScheduledActionName="morning",
        Schedule="cron(0 7 ? * MON-FRI *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 4},
    )
    refused(
        "ValidationException",
        scaling.put_scheduled_action,
        **of,
        ScheduledActionName="never",
        Schedule="cron(0 7 *)",
    )
    shown = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    assert [one["Timezone"] for one in shown] == ["Europe/Berlin"], shown
    scaling.deregister_scalable_target(**of)
    assert not cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert not scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]


def runs_where_its_cluster_says():
    """A service that says nothing of its launch runs on its cluster's default capacity providers."""
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    put = {"cluster": "spot", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": spot}
    ecs.create_cluster(clusterName="spot")
    message = refused("InvalidParameterException", ecs.put_cluster_capacity_providers, **put)
    assert "not associated with the cluster" in message, message
    put["capacityProviders"].append("FARGATE_SPOT")
    made = ecs.put_cluster_capacity_providers(**put)["cluster"]
    assert made["defaultCapacityProviderStrategy"] == spot, made
    shown = ecs.describe_clusters(clusters=["spot"])["clusters"][0]
    assert shown["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"], shown
    ecs.register_task_definition(**definition("spot:v1", family="spot"))
    service = ecs.create_service(
        cluster="spot",
        serviceName="spot",
        taskDefinition="spot",
        desiredCount=0,
        networkConfiguration=NETWORK,
    )["service"]
    assert service["capacityProviderStrategy"] == spot and "launchType" not in service, service
    ecs.delete_service(cluster="spot", service="spot")
    until("the service's end", lambda: not ecs.list_services(cluster="spot")["serviceArns"])
    ecs.delete_cluster(cluster="spot")


def looks_into_the_registry():
    of = {"repositoryName": "team/shop"}
    image = ecr.batch_get_image(**of, imageIds=[{"imageTag": "v2"}])["images"][0]
    digest = image["imageId"]["imageDigest"]
    assert image["imageManifestMediaType"] == "application/vnd.oci.image.index.v1+json", image
    index = json.loads(image["imageManifest"])
    platforms = [one["platform"]["architecture"] for one in index["manifests"]]
    assert platforms == ["amd64", "arm64", "unknown"], platforms
    image = ecr.batch_get_image(**of, imageIds=[{"imageTag": "arm"}])["images"][0]
    config = json.loads(image["imageManifest"])["config"]["digest"]
    layer = ecr.get_download_url_for_layer(**of, layerDigest=config)
    with urllib.request.urlopen(layer["downloadUrl"]) as answer:
        assert json.load(answer)["architecture"] == "arm64"
    failed = ecr.batch_get_image(**of, imageIds=[{"imageTag": "missing"}])["failures"]
    assert failed[0]["failureCode"] == "ImageNotFound", failed
    refused(
        "RepositoryNotFoundException",
        ecr.batch_get_image,
        repositoryName="missing",
        imageIds=[{"imageTag": "v2"}],
    )
    shown = ecr.describe_images(**of, imageIds=[{"imageTag": "vulnerable"}])["imageDetails"][0]
    assert shown["imageScanStatus"]["status"] == "COMPLETE", shown
    assert isinstance(shown["imagePushedAt"], datetime.datetime), shown
    counts = shown["imageScanFindingsSummary"]["findingSeverityCounts"]
    same = ecr.describe_images(**of, imageIds=[{"imageDigest": digest}])["imageDetails"][0]
    assert same["imageDigest"] == digest, same
    of_tag = {"imageId": {"imageTag": "vulnerable"}}
    found = ecr.describe_image_scan_findings(**of, **of_tag)["imageScanFindings"]
    assert found["findingSeverityCounts"] == counts == {"CRITICAL": 1, "HIGH": 3, "MEDIUM": 8}, found
    assert len(found["findings"]) == 12, found
    not_found = {"imageId": {"imageTag": "missing"}}
    refused("ImageNotFoundException", ecr.describe_image_scan_findings, **of, **not_found)
    index = ecr.batch_get_image(**of, imageIds=[{"imageTag": "vulnerable"}])["images"][0]
    part = json.loads(index["imageManifest"])["manifests"][0]["digest"]
    found = ecr.describe_image_scan_findings(**of, imageId={"imageDigest": part})
    assert found["imageScanFindings"]["findingSeverityCounts"] == counts, found
    running = ecr.describe_image_scan_findings(**of, imageId={"imageTag": "scanning"})
    assert running["imageScanStatus"]["status"] == "IN_PROGRESS", running
    unscanned = {"imageId": {"imageTag": "unscanned"}}
    refused("ScanNotFoundException", ecr.describe_image_scan_findings, **of, **unscanned)


def looks_at_what_tasks_need():
    role = iam.get_role(RoleName="exec")["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/exec", role
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
    assert "ecs-tasks.amazonaws.com" in trusted, role
    refused("NoSuchEntity", iam.get_role, RoleName="missing")
    may = iam.simulate_principal_policy(
        PolicySourceArn=role["Arn"],
        ActionNames=["logs:CreateLogGroup"],
        ResourceArns=["arn:aws:logs:eu-west-1:123456789012:log-group:/shop", "arn:denied"],
    )["EvaluationResults"]
    assert [one["EvalDecision"] for one in may] == ["allowed", "implicitDeny"], may
    secret = secrets.describe_secret(SecretId="shop")
    assert ":secret:shop-" in secret["ARN"], secret
    assert list(secret["VersionIdsToStages"].values()) == [["AWSCURRENT"]], secret
    deleted = secrets.describe_secret(SecretId="deleted")["DeletedDate"]
    assert isinstance(deleted, datetime.datetime), deleted
    refused("ResourceNotFoundException", secrets.describe_secret, SecretId="missing")
    names = ["/shop/db", "/shop/missing"]
    named = [{"Key": "Name", "Option": "Equals", "Values": names}]
    shown = ssm.describe_parameters(ParameterFilters=named, MaxResults=50)["Parameters"]
    assert [one["Name"] for one in shown] == ["/shop/db"], shown
    many = [{"Key": "Name", "Option": "Equals", "Values": [str(n) for n in range(51)]}]
    refused("ValidationException", ssm.describe_parameters, ParameterFilters=many)
    groups = logs.describe_log_groups(logGroupNamePrefix="/ecs/missing")["logGroups"]
    assert not groups, groups


def finds_tasks_in_cloud_map():
    made = discovery.create_private_dns_namespace(Name="prod.local", Vpc="vpc-1")
    done = discovery.get_operation(OperationId=made["OperationId"])["Operation"]
    assert done["Status"] == "SUCCESS", done
    space = done["Targets"]["NAMESPACE"]
    assert discovery.get_namespace(Id=space)["Namespace"]["Name"] == "prod.local"
    again = discovery.create_http_namespace
    refused("NamespaceAlreadyExists", again, Name="prod.local")
    registry = discovery.create_service(
        Name="worker",
        NamespaceId=space,
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]},
        HealthCheckCustomConfig={"FailureThreshold": 1},
    )["Service"]
    shown = discovery.get_service(Id=registry["Id"])["Service"]
    assert shown["DnsConfig"]["DnsRecords"][0]["TTL"] == 10, shown
    refused("ServiceNotFound", discovery.get_service, Id="srv-none")
    ecs.register_task_definition(**definition("worker:v1", family="worker"))
    for name in ("worker", "worker-b"):
        ecs.create_service(
            cluster="prod",
            serviceName=name,
            taskDefinition="worker",
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            serviceRegistries=[{"registryArn": registry["Arn"]}],
        )

    def found():
        answer = discovery.discover_instances(
            NamespaceName="prod.local", ServiceName="worker", HealthStatus="HEALTHY"
        )
        names = [one["Attributes"]["ECS_SERVICE_NAME"] for one in answer["Instances"]]
        return sorted(names)

    both = ["worker", "worker", "worker-b", "worker-b"]
    until("both services in one registry", lambda: found() == both)
    listed = discovery.list_instances(ServiceId=registry["Id"])["Instances"]
    tasks = ecs.list_tasks(cluster="prod", serviceName="worker")["taskArns"]
    ids = {arn.rsplit("/", 1)[1] for arn in tasks}
    assert ids < {one["Id"] for one in listed}, (ids, listed)
    address = listed[0]["Attributes"]["AWS_INSTANCE_IPV4"]
    one = discovery.get_instance(ServiceId=registry["Id"], InstanceId=listed[0]["Id"])
    assert one["Instance"]["Attributes"]["AWS_INSTANCE_IPV4"] == address, one
    refused("ResourceInUse", discovery.delete_service, Id=registry["Id"])
    ecs.update_service(cluster="prod", service="worker-b", desiredCount=0)
    until("one service in the registry", lambda: found() == ["worker", "worker"])
    for name in ("worker", "worker-b"):
        ecs.delete_service(cluster="prod", service=name, force=True)
    until("nobody in the registry", lambda: not found())
    discovery.delete_service(Id=registry["Id"])


def calls_functions():
    def called(name, **event):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        assert answer["StatusCode"] == 200, answer
        return json.load(answer["Payload"]), answer

    answer, meta = called("shop-smoke:live", executionId="1")
    assert answer == {"hookStatus": "SUCCEEDED"} and "FunctionError" not in meta, (answer, meta)
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-failed"
    assert called(arn)[0]["hookStatus"] == "FAILED"
    details = {}
    for asked in (1, 2):
        answer, _ = called("shop-in-progress", executionId="2", hookDetails=details)
        details = answer["hookDetails"]
        assert answer["hookStatus"] == "IN_PROGRESS" and details == {"asked": asked}, answer
    answer, _ = called("shop-in-progress", executionId="2", hookDetails=details)
    assert answer == {"hookStatus": "SUCCEEDED"}, answer
    answer, meta = called("shop-error")
    assert meta["FunctionError"] == "Unhandled", meta
    assert answer["errorMessage"] == "no table users", answer
    assert "[ERROR]" in base64.b64decode(meta["LogResult"]).decode(), meta
    dry = functions.invoke(FunctionName="shop-smoke", InvocationType="DryRun")
    assert dry["StatusCode"] == 204, dry
    refused("ResourceNotFoundException", functions.invoke, FunctionName="missing")
    refused("AccessDeniedException", functions.invoke, FunctionName="denied")
    refused("InvalidRequestContentException", functions.invoke, FunctionName="a", Payload="{")


def publishes():
    topic = "arn:aws:sns:eu-west-1:123456789012:deployments"
    attributes = {"service": {"DataType": "String", "StringValue": "shop"}}
    told = sns.publish(
        TopicArn=topic, Subject="shop", Message="promoted", MessageAttributes=attributes
    )
    assert told["MessageId"], told
    ordered = {"TopicArn": topic + ".fifo", "Message": "promoted", "MessageGroupId": "shop"}
    told = sns.publish(**ordered, MessageDeduplicationId="1")
    assert told["SequenceNumber"], told
    refused("InvalidParameter", sns.publish, **ordered)
    refused("NotFound", sns.publish, TopicArn=topic + "-missing", Message="promoted")
    event = {
        "Time": datetime.datetime.now(datetime.timezone.utc),
        "Source": "bg",
        "DetailType": "Deployment Promoted",
        "Detail": json.dumps({"service": "shop"}),
        "EventBusName": "deployments",
    }
    told = events.put_events(Entries=[event, event | {"Detail": "no JSON"}])
    assert told["FailedEntryCount"] == 1, told
    assert told["Entries"][0]["EventId"], told
    assert told["Entries"][1]["ErrorCode"] == "MalformedDetail", told
    with urllib.request.urlopen(sns.meta.endpoint_url + "/published") as answer:
        published = json.load(answer)
    assert [one["Message"] for one in published["messages"]] == ["promoted"] * 2, published
    assert published["messages"][0]["MessageAttributes"] == attributes, published
    assert published["events"][0]["EventBusName"].endswith(":event-bus/deployments"), published


def weighted(set_id, weight, target):
    return {
        "Name": "shop.example.com",
        "Type": "A",
        "SetIdentifier": set_id,
        "Weight": weight,
        "AliasTarget": {
            "HostedZoneId": "Z32O12XQLNTSW2",
            "DNSName": target,
            "EvaluateTargetHealth": True,
        },
    }


def change(zone, *changes):
    batch = {"Changes": [{"Action": how, "ResourceRecordSet": record} for how, record in changes]}
    return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]


def answers_for_names():
    made = route53.create_hosted_zone(Name="example.com", CallerReference="1")
    zone = made["HostedZone"]["Id"]
    assert zone.startswith("/hostedzone/Z"), made
    zone = zone.rsplit("/", 1)[1]
    kinds = {"NS", "SOA"}
    shown = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert {record["Type"] for record in shown} == kinds, shown
    one, two = (weighted(name, weight, f"{name}.elb.amazonaws.com.") for name, weight in [("a", 255), ("b", 0)])
    done = change(zone, ("CREATE", one), ("CREATE", two))
    assert done["Status"] == "PENDING" and done["Id"].startswith("/change/C"), done
    assert isinstance(done["SubmittedAt"], datetime.datetime), done
    waiter = route53.get_waiter("resource_record_sets_changed")
    waiter.wait(Id=done["Id"], WaiterConfig=SOON)
    change(zone, ("UPSERT", one | {"Weight": 9}), ("UPSERT", two | {"Weight": 1}))
    shown = route53.list_resource_record_sets(
        HostedZoneId=zone, StartRecordName="shop.example.com", StartRecordType="A"
    )["ResourceRecordSets"]
    name = {"Name": "shop.example.com."}
    assert shown == [one | name | {"Weight": 9}, two | name | {"Weight": 1}], shown
    listed = route53.list_hosted_zones_by_name(DNSName="example.com")["HostedZones"]
    assert [one["Name"] for one in listed] == ["example.com."], listed
    other = route53.create_hosted_zone(Name="example.net", CallerReference="2")["HostedZone"]["Id"]
    pages = route53.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 1})
    pages = [[zone["Name"] for zone in page["HostedZones"]] for page in pages]
    assert pages == [["example.com."], ["example.net."]], pages
    by_name = route53.list_hosted_zones_by_name(MaxItems="1")
    rest = {"DNSName": by_name["NextDNSName"], "HostedZoneId": by_name["NextHostedZoneId"]}
    listed = route53.list_hosted_zones_by_name(**rest)["HostedZones"]
    assert [one["Name"] for one in listed] == ["example.net."], listed
    route53.delete_hosted_zone(Id=other)
    for code, changes in [
        ("InvalidChangeBatch", [("CREATE", one)]),
        ("InvalidChangeBatch", [("DELETE", weighted("c", 0, "c.elb.amazonaws.com."))]),
        ("InvalidChangeBatch", [("UPSERT", one | {"Name": "shop.example.org"})]),
        ("InvalidInput", [("UPSERT", two | {"Weight": 1}), ("UPSERT", one | {"Weight": 256})]),
        ("InvalidInput", [("UPSERT", one | {"TTL": 60})]),
    ]:
        batch = {"Changes": [{"Action": how, "ResourceRecordSet": it} for how, it in changes]}
        refused(code, route53.change_resource_record_sets, HostedZoneId=zone, ChangeBatch=batch)
        time.sleep(0.1)
    refused("NoSuchHostedZone", route53.list_resource_record_sets, HostedZoneId="Z0")
    refused("NoSuchChange", route53.get_change, Id="C0")
    refused("HostedZoneNotEmpty", route53.delete_hosted_zone, Id=zone)
    change(zone, ("DELETE", one | {"Weight": 9}), ("DELETE", two | {"Weight": 1}))
    route53.delete_hosted_zone(Id=zone)


def checks_health_of_names():
    config = {"Type": "HTTP", "IPAddress": "10.0.0.1", "ResourcePath": "/health"}
    made = route53.create_health_check(CallerReference="1", HealthCheckConfig=config)["HealthCheck"]
    shown = made["HealthCheckConfig"]
    usual = {"Port": 80, "RequestInterval": 30, "FailureThreshold": 3, "Inverted": False}
    assert config.items() <= shown.items() and usual.items() <= shown.items(), shown
    again = route53.create_health_check(CallerReference="1", HealthCheckConfig=config)
    assert again["HealthCheck"]["Id"] == made["Id"], again
    create = route53.create_health_check
    other = config | {"Port": 8080}
    refused("HealthCheckAlreadyExists", create, CallerReference="1", HealthCheckConfig=other)
    refused("InvalidInput", create, CallerReference="2", HealthCheckConfig={"Type": "HTTP"})
    parents = {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": [made["Id"]]}
    second = create(CallerReference="3", HealthCheckConfig=parents)["HealthCheck"]
    assert second["HealthCheckConfig"]["ChildHealthChecks"] == [made["Id"]], second
    pages = route53.get_paginator("list_health_checks").paginate(PaginationConfig={"PageSize": 1})
    ids = [check["Id"] for page in pages for check in page["HealthChecks"]]
    assert sorted(ids) == sorted([made["Id"], second["Id"]]), ids
    got = route53.get_health_check(HealthCheckId=made["Id"])["HealthCheck"]
    assert got == made, got
    changed = route53.update_health_check(HealthCheckId=made["Id"], HealthCheckVersion=1, Port=8443)
    changed = changed["HealthCheck"]
    assert (changed["HealthCheckVersion"], changed["HealthCheckConfig"]["Port"]) == (2, 8443), changed
    late = {"HealthCheckId": made["Id"], "HealthCheckVersion": 1, "Port": 1}
    refused("HealthCheckVersionMismatch", route53.update_health_check, **late)
    of = {"ResourceType": "healthcheck", "ResourceId": made["Id"]}
    added = [{"Key": "team", "Value": "shop & co"}, {"Key": "old", "Value": "x"}]
    route53.change_tags_for_resource(**of, AddTags=added)
    route53.change_tags_for_resource(**of, RemoveTagKeys=["old"])
    tags = route53.list_tags_for_resource(**of)["ResourceTagSet"]["Tags"]
    assert tags == added[:1], tags
    seen = route53.get_health_check_status(HealthCheckId=made["Id"])["HealthCheckObservations"]
    assert seen[0]["StatusReport"]["Status"].startswith("Success"), seen
    for id in ids:
        route53.delete_health_check(HealthCheckId=id)
    refused("NoSuchHealthCheck", route53.get_health_check, HealthCheckId=made["Id"])
    refused("NoSuchHealthCheck", route53.delete_health_check, HealthCheckId=made["Id"])


def builds_otherwise(balancer, listener):
    """Groups of other protocols, attributes of listeners, instances, an external controller."""
    other = {"Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0a1b2c3d", "TargetType": "ip"}
    grpc = elb.create_target_group(Name="grpc", ProtocolVersion="GRPC", **other)["TargetGroups"][0]
    assert grpc["Matcher"] == {"GrpcCode": "12"}, grpc
    assert grpc["HealthCheckPath"] == "/AWS.ALB/healthcheck", grpc
    ipv6 = elb.create_target_group(Name="ipv6", IpAddressType="ipv6", **other)["TargetGroups"][0]
    assert ipv6["IpAddressType"] == "ipv6", ipv6
    for group in (grpc, ipv6):
        elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    server = {"Key": "routing.http.response.server.enabled", "Value": "false"}
    elb.modify_listener_attributes(ListenerArn=listener, Attributes=[server])
    seen = elb.describe_listener_attributes(ListenerArn=listener)["Attributes"]
    assert server in seen, seen
    document = json.dumps({"instanceId": "i-0a1b2c3d4e5f60718"})
    made = ecs.register_container_instance(cluster="prod", instanceIdentityDocument=document)
    arn = made["containerInstance"]["containerInstanceArn"]
    assert ecs.list_container_instances(cluster="prod")["containerInstanceArns"] == [arn]
    found = ec2.describe_instances(InstanceIds=["i-0a1b2c3d4e5f60718"])["Reservations"]
    instance = found[0]["Instances"][0]
    assert instance["InstanceId"] == "i-0a1b2c3d4e5f60718", instance
    assert instance["PrivateIpAddress"].startswith("172.31."), instance
    absent = {"InstanceIds": ["i-0ffffffffffffffff"]}
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, **absent)
    controller = {"deploymentController": {"type": "EXTERNAL"}, "desiredCount": 0}
    ecs.create_service(cluster="prod", serviceName="outside", **controller)
    seen = one_service("outside")
    assert seen["deployments"] == [] and "taskDefinition" not in seen, seen
    ecs.delete_service(cluster="prod", service="outside")


def cleans_up(balancer, a, b):
    ecs.delete_service(cluster="prod", service="shop-b", force=True)
    ecs.get_waiter("services_inactive").wait(cluster="prod", services=["shop-b"], WaiterConfig=SOON)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[balancer], WaiterConfig=SOON)
    for group in (a, b):
        elb.delete_target_group(TargetGroupArn=group)
    cloudwatch.delete_alarms(AlarmNames=["shop-any", "shop-errors"])
    left = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [a["AlarmName"] for a in left["MetricAlarms"]] == ["shop-late"], left


def main():
    balancer, listener, a, b, idle = set_scene()
    deploy_by_hand(listener, a, b)
    rolls_in_place(b)
    watches(balancer)
    for protocol in ("smithy-rpc-v2-cbor", "json", "query"):
        speaks(protocol)
    pages(listener)
    mistakes(listener, a, b, idle)
    schedules(listener, a, b)
    is_throttled()
    keeps_a_table()
    scales_by_itself()
    runs_where_its_cluster_says()
    looks_into_the_registry()
    looks_at_what_tasks_need()
    finds_tasks_in_cloud_map()
    calls_functions()
    publishes()
    answers_for_names()
    checks_health_of_names()
    builds_otherwise(balancer, listener)
    cleans_up(balancer, a, b)
    print("as in AWS")


main()
