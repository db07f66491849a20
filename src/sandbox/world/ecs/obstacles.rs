//! Why a task can't start or be placed although its image is there: things that the region doesn't
//! play (secrets, log groups, file systems, roles, networks) say by their names what is wrong with
//! them. Texts are ECS's own.

use super::{
    definitions::Definition,
    json::{list, text},
};
use serde_json::{Map, Value};

const SECRETS: &str = "ResourceInitializationError: unable to pull secrets or registry auth: \
                       execution resource retrieval failed: unable to retrieve";
const RETRIED: &str = "service call has been retried 1 time(s)";
const EFS: &str = "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS \
                   volumes: stderr:";
const LOGS: &str = "ResourceInitializationError: failed to validate logger args: create stream has \
                    been retried 1 times: failed to create Cloudwatch log stream:";

/// What keeps a task of `definition` in that service from starting.
pub(super) fn of_start(
    definition: &Definition,
    subnets: &[&str],
    settings: &Map<String, Value>,
) -> Option<String> {
    of_network(subnets, settings)
        .or_else(|| definition.containers().iter().find_map(of_container))
        .or_else(|| {
            let volumes = definition.body.get("volumes")?.as_array()?;
            volumes.iter().find_map(of_volume)
        })
}

fn of_network(subnets: &[&str], settings: &Map<String, Value>) -> Option<String> {
    let interface = |subnet: &str, code: &str| {
        format!(
            "Unexpected EC2 error while attempting to Create Network Interface with public IP \
             assignment enabled in subnet '{subnet}': {code}"
        )
    };
    let subnet = |word: &str| subnets.iter().find(|subnet| subnet.contains(word));
    if let Some(subnet) = subnet("full") {
        return Some(interface(subnet, "InsufficientFreeAddressesInSubnet"));
    }
    if let Some(subnet) = subnet("missing") {
        return Some(interface(subnet, "InvalidSubnetID.NotFound"));
    }
    if subnet("isolated").is_some() {
        return Some(
            "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot \
             pull registry auth from Amazon ECR: There is a connection issue between the task and \
             Amazon ECR. Check your task network configuration. RequestError: send request failed \
             caused by: Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp \
             10.0.0.1:443: i/o timeout"
                .to_owned(),
        );
    }
    let network = settings
        .get("networkConfiguration")?
        .get("awsvpcConfiguration")?;
    let groups = list(network, "securityGroups")
        .iter()
        .filter_map(Value::as_str);
    let mut missing = groups.filter(|group| group.contains("missing"));
    missing.next()?;
    Some(interface(subnets.first()?, "InvalidGroup.NotFound"))
}

fn of_container(container: &Value) -> Option<String> {
    let mut secrets = list(container, "secrets").iter();
    secrets
        .find_map(|secret| of_secret(text(secret, "valueFrom")?))
        .or_else(|| of_log(container.get("logConfiguration")?))
        .or_else(|| {
            let folder = text(container, "workingDirectory").filter(|it| it.contains("missing"))?;
            Some(format!(
                "CannotStartContainerError: ResourceInitializationError: failed to create new \
                 container runtime task: failed to create shim task: OCI runtime create failed: \
                 runc create failed: unable to start container process: chdir to cwd (\"{folder}\") \
                 set in config.json failed: no such file or directory: unknown"
            ))
        })
}

fn of_secret(from: &str) -> Option<String> {
    let role = "arn:aws:sts::123456789012:assumed-role/ecsTaskExecutionRole/0a1b";
    if !from.contains(":secretsmanager:") {
        return match from {
            _ if from.contains("missing") => Some(format!(
                "{SECRETS} secrets from ssm: {RETRIED}: invalid ssm parameters: {from}"
            )),
            _ if from.contains("denied") => Some(format!(
                "{SECRETS} secrets from ssm: {RETRIED}: AccessDeniedException: User: {role} is not \
                 authorized to perform: ssm:GetParameters on resource: {from} because no \
                 identity-based policy allows the ssm:GetParameters action"
            )),
            _ => None,
        };
    }
    // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:KEY:STAGE:VERSION
    let mut parts = from.split(':').skip(6);
    let (name, key) = (parts.next()?, parts.next().unwrap_or_default());
    let failed =
        format!("{SECRETS} secret from asm: {RETRIED}: failed to fetch secret {from} from");
    match name {
        _ if name.contains("missing") => Some(format!(
            "{failed} secrets manager: ResourceNotFoundException: Secrets Manager can't find the \
             specified secret."
        )),
        _ if name.contains("denied") => Some(format!(
            "{failed} secrets manager: AccessDeniedException: User: {role} is not authorized to \
             perform: secretsmanager:GetSecretValue on resource: {from} because no identity-based \
             policy allows the secretsmanager:GetSecretValue action"
        )),
        _ if key.contains("missing") => Some(format!(
            "{SECRETS} secret from asm: {RETRIED}: retrieved secret from Secrets Manager did not \
             contain json key {key}"
        )),
        _ => None,
    }
}

fn of_log(log: &Value) -> Option<String> {
    let options = log.get("options")?;
    let group = text(options, "awslogs-group")?;
    let makes = text(options, "awslogs-create-group") == Some("true");
    match group {
        _ if group.contains("missing") && !makes => Some(format!(
            "{LOGS} ResourceNotFoundException: The specified log group does not exist. : exit \
             status 1"
        )),
        _ if group.contains("denied") => Some(format!(
            "{LOGS} AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x/y is not \
             authorized to perform: logs:CreateLogStream on resource: {group}"
        )),
        _ => None,
    }
}

fn of_volume(volume: &Value) -> Option<String> {
    let system = text(volume.get("efsVolumeConfiguration")?, "fileSystemId")?;
    match system {
        _ if system.contains("missing") => Some(format!(
            "{EFS} Failed to resolve \"{system}.efs.eu-west-1.amazonaws.com\" - check that your \
             file system ID is correct, and ensure that the VPC has an EFS mount target for this \
             file system ID. : unsuccessful EFS utils command execution; code: 1"
        )),
        _ if system.contains("blocked") => Some(format!(
            "{EFS} mount.nfs4: Connection timed out : unsuccessful EFS utils command execution; \
             code: 32"
        )),
        _ if system.contains("denied") => Some(format!(
            "{EFS} mount.nfs4: access denied by server while mounting 127.0.0.1:/ : unsuccessful EFS \
             utils command execution; code: 32"
        )),
        _ => None,
    }
}

/// What keeps ECS from placing a task, as it follows `(service NAME)`. It is `crowded` where its
/// host ports are taken on every container instance.
pub(super) fn of_placement(definition: &Definition, crowded: bool) -> Option<String> {
    for role in ["taskRoleArn", "executionRoleArn"] {
        let arn = definition.body.get(role).and_then(Value::as_str);
        if let Some(arn) = arn.filter(|it| it.contains("untrusted") || it.contains("missing")) {
            return Some(format!(
                "failed to launch a task with (error ECS was unable to assume the role '{arn}' \
                 that was provided for this task. Please verify that the role being passed has the \
                 proper trust relationship and permissions and that your IAM user has permissions \
                 to pass this role.)."
            ));
        }
    }
    crowded.then(|| {
        "was unable to place a task because no container instance met all of its requirements. The \
         closest matching (container-instance 0a1b2c3d) is already using a port required by your \
         task. For more information, see the Troubleshooting section of the Amazon ECS Developer \
         Guide."
            .to_owned()
    })
}
