//! Network interfaces, subnets and security groups.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::image::network;

pub(super) const RULES: &[Rule] = &[
    Rule::said("subnet-full", subnet_full),
    Rule::said("subnet-missing", subnet_missing),
    Rule::said("security-group-missing", security_group_missing),
    Rule::said("interface-limit", interface_limit),
    Rule::said("interface-timeout", interface_timeout),
    Rule::said("zone-without-fargate", zone_without_fargate),
];

fn about(evidence: &Evidence, words: &[&str]) -> Option<Vec<String>> {
    let said = evidence.said(|text| has(text, words))?;
    Some(said.lines().into_iter().chain(network(evidence)).collect())
}

/// The first thing of that kind that the lines name, such as a subnet's id.
fn named<'a>(lines: &'a [String], begins: &str) -> Option<&'a str> {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    lines.iter().find_map(|line| {
        let (at, _) = line.match_indices(begins).next()?;
        line[at..].split(ends).next()
    })
}

fn subnet_full(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "insufficientfreeaddressesinsubnet",
        "insufficient free addresses",
    ];
    let found = about(evidence, &words).map(|lines| {
        let subnet = named(&lines, "subnet-").unwrap_or("its subnet").to_owned();
        Found::new(format!("{subnet} has no free addresses"))
            .shown_by(lines)
            .because(
                "each task takes an address of its own, and a rolling deployment twice as many",
            )
            .mended_by(format!(
                "look: aws ec2 describe-subnets --subnet-ids {subnet} --query \
                 Subnets[].AvailableIpAddressCount; give the service larger or more subnets"
            ))
    });
    found.into_iter().collect()
}

fn subnet_missing(evidence: &Evidence) -> Vec<Found> {
    let words = ["invalidsubnetid.notfound", "the subnet id"];
    let found = about(evidence, &words).map(|lines| {
        let subnet = named(&lines, "subnet-").unwrap_or("a subnet").to_owned();
        Found::new(format!("{subnet} of the service doesn't exist"))
            .shown_by(lines)
            .because("it was deleted, or is of another account or region")
            .mended_by(evidence.update_service(
                "--network-configuration 'awsvpcConfiguration={subnets=[…],securityGroups=[…]}'",
            ))
    });
    found.into_iter().collect()
}

fn security_group_missing(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "invalidgroup.notfound",
        "invalidsecuritygroupid.notfound",
        "the security group 'sg",
        "belong to different networks",
    ];
    let found = about(evidence, &words).map(|lines| {
        let group = named(&lines, "sg-")
            .unwrap_or("a security group")
            .to_owned();
        Found::new(format!("{group} of the service doesn't exist in its VPC"))
            .shown_by(lines)
            .because("it was deleted, or is of another VPC than the subnets")
            .mended_by(evidence.update_service(
                "--network-configuration 'awsvpcConfiguration={subnets=[…],securityGroups=[…]}'",
            ))
    });
    found.into_iter().collect()
}

fn interface_limit(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "resource:eni",
        "networkinterfacelimitexceeded",
        "maximum number of network interfaces",
    ];
    let found = about(evidence, &words).map(|lines| {
        Found::new("there are no network interfaces left")
            .shown_by(lines)
            .because(
                "the region's quota of interfaces is used up, or an instance can't take any more of \
                 them",
            )
            .mended_by(
                "ask Service Quotas for more network interfaces per region; on instances turn on \
                 awsvpcTrunking, or add instances",
            )
    });
    found.into_iter().collect()
}

fn interface_timeout(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "timeout waiting for network interface",
        "network interface provision complete error",
    ];
    let found = about(evidence, &words).map(|lines| {
        Found::new("the task's network interface was not ready in time")
            .shown_by(lines)
            .because("a hitch of AWS, which the next task rarely has; many at once mean throttling")
            .mended_by(
                "wait for the next task; where it comes again look at EC2's CreateNetworkInterface \
                 calls in CloudTrail",
            )
    });
    found.into_iter().collect()
}

fn zone_without_fargate(evidence: &Evidence) -> Vec<Found> {
    let words = ["was unable to place a task. reason: internal error"];
    let found = about(evidence, &words).map(|lines| {
        let subnets = evidence.service.as_ref().and_then(|it| it.network.as_ref());
        let subnets = subnets.map_or_else(String::new, |it| it.subnets.join(" "));
        Found::new("Fargate could not place a task, and says no more than \"Internal error\"")
            .shown_by(lines)
            .because("most often a subnet is in a zone that Fargate doesn't serve")
            .mended_by(format!(
                "look: aws ec2 describe-subnets --subnet-ids {subnets}; leave out those in a zone \
                 that Fargate doesn't have"
            ))
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnose;
    use super::super::super::testing::{explains, first, not_started, told};

    const FULL: &str = "Unexpected EC2 error while attempting to Create Network Interface with \
                        public IP assignment disabled in subnet 'subnet-0a1b': \
                        InsufficientFreeAddressesInSubnet";

    #[test]
    fn each_trouble_of_the_network_is_told_apart() {
        explains(&[
            (FULL, "subnet-full"),
            (
                "Unexpected EC2 error while attempting to Create Network Interface with public IP \
                 assignment enabled in subnet 'subnet-1': InvalidSubnetID.NotFound",
                "subnet-missing",
            ),
            (
                "Unexpected EC2 error while attempting to Create Network Interface with public IP \
                 assignment enabled in subnet 'subnet-1': InvalidGroup.NotFound",
                "security-group-missing",
            ),
            (
                "Timeout waiting for network interface provisioning to complete.",
                "interface-timeout",
            ),
        ]);
        let text = "was unable to place a task. Reason: Internal error.";
        assert_eq!(first(&told(text)), "zone-without-fargate");
        let text = "was unable to place a task because no container instance met all of its \
                    requirements. Reason: RESOURCE:ENI.";
        assert_eq!(first(&told(text)), "interface-limit");
    }

    #[test]
    fn the_subnet_is_named() {
        let found = diagnose(&not_started(FULL)).remove(0);
        assert_eq!(found.what, "subnet-0a1b has no free addresses");
    }
}
