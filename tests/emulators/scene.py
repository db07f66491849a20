"""Sets a scene in the two emulators, looks at it, and touches it: what a person would do with
boto3. Endpoints and credentials come from the environment. Each verb prints one JSON document.

    scene.py make NAME SECONDS    a service NAME on two slots behind one listener: its default action
                                  and a rule; the former sticky for SECONDS, or not at all with 0
    scene.py look NAME            everything that a deployment may have changed
    scene.py alone NAME           takes slot b out of it, and gives slot a's group settings of its own
    scene.py groups NAME          both slots' groups, without what each has for itself
    scene.py alarm NAME STATE     sets the alarm NAME-errors
    scene.py needs NAME           makes what tasks need beside: roles, an image, a secret, parameters, a
                                  log group
    scene.py subscribe NAME       makes topics and a bus, and queues that hear of what they are told: of
                                  promotions alone, but for the FIFO topic's
    scene.py told NAME            what arrived there, and takes it away
"""

import json
import os
import sys

import boto3

ecs = boto3.client("ecs")
elb = boto3.client("elbv2")
ec2 = boto3.client("ec2")
cloudwatch = boto3.client("cloudwatch")
iam = boto3.client("iam")
ecr = boto3.client("ecr")
secrets = boto3.client("secretsmanager")
ssm = boto3.client("ssm")
logs = boto3.client("logs")
sns = boto3.client("sns")
sqs = boto3.client("sqs")
events = boto3.client("events")
# A bus passes on to the queues of its own emulator.
sqs_of_events = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL_EVENTBRIDGE"])


def network():
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for block, zone in [("10.0.1.0/24", "us-east-1a"), ("10.0.2.0/24", "us-east-1b")]
    ]
    group = ec2.create_security_group(GroupName="shop", Description="shop", VpcId=vpc)["GroupId"]
    return vpc, subnets, group


def target_group(name, vpc):
    made = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/health"
    )
    return made["TargetGroups"][0]["TargetGroupArn"]


def forward(sticky, *groups):
    """A weighted forward action; sticky for so many seconds, or not."""
    stickiness = {"Enabled": True, "DurationSeconds": sticky} if sticky else {"Enabled": False}
    config = {
        "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups],
        "TargetGroupStickinessConfig": stickiness,
    }
    return {"Type": "forward", "ForwardConfig": config}


def rule(listener, priority, path, action):
    elb.create_rule(
        ListenerArn=listener,
        Priority=priority,
        Conditions=[{"Field": "path-pattern", "Values": [path]}],
        Actions=[action],
    )


def listener(name, sticky, vpc, subnets):
    """One listener: the two slots on its default action and on a rule, and a rule for somebody
    else's group."""
    a, b, admin = (target_group(f"{name}-{part}", vpc) for part in ("a", "b", "admin"))
    balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]
    arn = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[forward(sticky, (a, 100), (b, 0))],
    )["Listeners"][0]["ListenerArn"]
    rule(arn, 5, "/api/*", forward(0, (a, 100), (b, 0)))
    rule(arn, 10, "/admin/*", forward(600, (admin, 7)))
    return a


def task_definition(name):
    made = ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "app",
                "image": "shop:v1",
                "essential": True,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
                "environment": [{"name": "EMPTY", "value": ""}, {"name": "LEVEL", "value": "info"}],
            }
        ],
        tags=[{"key": "team", "value": "shop"}],
    )
    return made["taskDefinition"]["taskDefinitionArn"]


def service(name, group, subnets, security_group):
    ecs.create_service(
        cluster=name,
        serviceName=name,
        taskDefinition=task_definition(name),
        desiredCount=2,
        launchType="FARGATE",
        loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": subnets, "securityGroups": [security_group]}
        },
        deploymentConfiguration={
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        tags=[{"key": "team", "value": "shop"}],
    )


def alarm(name, state):
    cloudwatch.set_alarm_state(
        AlarmName=f"{name}-errors", StateValue=state, StateReason="set by the test"
    )


def make(name, sticky):
    vpc, subnets, security_group = network()
    group = listener(name, int(sticky), vpc, subnets)
    ecs.create_cluster(clusterName=name)
    service(name, group, subnets, security_group)
    cloudwatch.put_metric_alarm(
        AlarmName=f"{name}-errors",
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    alarm(name, "OK")
    return look(name)


def weights(action):
    groups = action["ForwardConfig"]["TargetGroups"]
    return {g["TargetGroupArn"].split("/")[1]: g["Weight"] for g in groups}


def services(name):
    seen = ecs.describe_services(cluster=name, services=[name, f"{name}-b"], include=["TAGS"])
    for one in seen["services"]:
        definition = ecs.describe_task_definition(
            taskDefinition=one["taskDefinition"], include=["TAGS"]
        )
        yield one["serviceName"], {
            "status": one["status"],
            "desired": one["desiredCount"],
            "running": one["runningCount"],
            "task_definition": one["taskDefinition"].rsplit("/", 1)[1],
            "containers": definition["taskDefinition"]["containerDefinitions"],
            "definition_tags": {t["key"]: t["value"] for t in definition.get("tags", [])},
            "deployment_configuration": one["deploymentConfiguration"],
            "tags": {t["key"]: t["value"] for t in one.get("tags", [])},
        }


def look(name):
    balancer = elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]["LoadBalancerArn"]
    one = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]
    rules = elb.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]
    routes = {r["Priority"]: r["Actions"][0] for r in rules if r["Priority"] != "10"}
    return {
        "weights": {priority: weights(action) for priority, action in routes.items()},
        "listener": one,
        "rules": rules,
        "services": dict(services(name)),
    }


def group_of(name):
    return elb.describe_target_groups(Names=[name])["TargetGroups"][0]


def alone(name):
    a, b = (group_of(f"{name}-{part}")["TargetGroupArn"] for part in ("a", "b"))
    seen = look(name)
    only = [forward(0, (a, 100))]
    elb.modify_listener(ListenerArn=seen["listener"]["ListenerArn"], DefaultActions=only)
    for one in seen["rules"]:
        if one["Priority"] == "5":
            elb.modify_rule(RuleArn=one["RuleArn"], Actions=[forward(77, (a, 9))])
    elb.delete_target_group(TargetGroupArn=b)
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "45"}
    elb.modify_target_group_attributes(TargetGroupArn=a, Attributes=[delay])
    elb.add_tags(ResourceArns=[a], Tags=[{"Key": "team", "Value": "a & b"}])
    return look(name)


def groups(name):
    def shown(one):
        arn = one["TargetGroupArn"]
        own = ("TargetGroupArn", "TargetGroupName", "LoadBalancerArns")
        return {
            "settings": {key: value for key, value in one.items() if key not in own},
            "attributes": {
                each["Key"]: each["Value"]
                for each in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            },
            "tags": elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"],
        }

    return {part: shown(group_of(f"{name}-{part}")) for part in ("a", "b")}


def role(name, service):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = iam.create_role(RoleName=name, Path="/tasks/", AssumeRolePolicyDocument=policy)
    return made["Role"]["Arn"]


def image(repository):
    """An image for one platform only, as its index says."""
    uri = ecr.create_repository(repositoryName=repository)["repository"]["repositoryUri"]
    kind = "application/vnd.oci.image.index.v1+json"
    one = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": 1,
        "digest": "sha256:" + "0a" * 32,
        "platform": {"os": "linux", "architecture": "arm64"},
    }
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": [one]}
    ecr.put_image(
        repositoryName=repository,
        imageManifest=json.dumps(index),
        imageManifestMediaType=kind,
        imageTag="v2",
    )
    return f"{uri}:v2"


def needs(name):
    ssm.put_parameter(Name=f"/{name}/db", Value="x", Type="SecureString")
    ssm.put_parameter(Name=f"{name}-key", Value="x", Type="String")
    logs.create_log_group(logGroupName=f"/ecs/{name}")
    logs.create_log_group(logGroupName=f"/ecs/{name}-and-more")
    return {
        "execution_role": role(f"{name}-exec", "ecs-tasks.amazonaws.com"),
        "task_role": role(f"{name}-task", "ec2.amazonaws.com"),
        "image": image(name),
        "secret": secrets.create_secret(Name=f"{name}/db", SecretString="x")["ARN"],
    }


QUEUES = {
    "topic": (sqs, "-topic"),
    "ordered": (sqs, "-ordered.fifo"),
    "events": (sqs_of_events, "-events"),
}


def queue(name, kind, **attributes):
    queues, end = QUEUES[kind]
    url = queues.create_queue(QueueName=name + end, Attributes=attributes)["QueueUrl"]
    got = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return got["Attributes"]["QueueArn"]


def subscribe(name):
    topic = sns.create_topic(Name=name)["TopicArn"]
    promotions = {"FilterPolicy": json.dumps({"occasion": ["promoted"]})}
    arn = queue(name, "topic")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=promotions)
    ordered = sns.create_topic(Name=name + ".fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    arn = queue(name, "ordered", FifoQueue="true")
    sns.subscribe(TopicArn=ordered, Protocol="sqs", Endpoint=arn)
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    pattern = {"source": ["bg"], "detail-type": ["Deployment Promoted"]}
    rule = {"Rule": name, "EventBusName": name}
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps(pattern))
    arn = queue(name, "events")
    events.put_targets(**rule, Targets=[{"Id": "queue", "Arn": arn}])
    return {"topic": topic, "ordered": ordered, "bus": bus}


def received(name, kind):
    queues, end = QUEUES[kind]
    url = queues.get_queue_url(QueueName=name + end)["QueueUrl"]
    bodies = []
    while True:
        messages = queues.receive_message(QueueUrl=url).get("Messages", [])
        if not messages:
            return bodies
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def told(name):
    return {kind: received(name, kind) for kind in QUEUES}


def main():
    verbs = {"make": make, "look": look, "alone": alone, "groups": groups, "alarm": alarm}
    verbs |= {"needs": needs, "subscribe": subscribe, "told": told}
    verb, *arguments = sys.argv[1:]
    print(json.dumps(verbs[verb](*arguments), default=str))


main()
