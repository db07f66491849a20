//! A cluster or a service that is named by its ARN: which one that is, and whether it is here.

use super::adopt::cant_look;
use super::file::last_part;
use crate::aws::Cloud;
use crate::cli::args::InitArgs;
use crate::cli::error::CliError;
use crate::deployment::problem::Problem;

/// What the flags ask for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The arguments, with names in the place of ARNs, and the cluster that a service's names.
    pub(super) args: InitArgs,
    /// The flag that names the cluster, if any does.
    pub(super) cluster_by: &'static str,
    /// The ARNs among them.
    pub(super) arns: Vec<String>,
}

impl Asked {
    /// Reads the flags.
    ///
    /// # Errors
    /// For an ARN of something else, and for a service of another cluster than `--cluster`.
    pub(super) fn of(args: &InitArgs) -> Result<Asked, CliError> {
        let cluster = args.cluster.as_deref().map(|it| path(it, "cluster"));
        let service = args.service.as_deref().map(|it| path(it, "service"));
        let cluster = cluster.transpose()?.map(last_part);
        let (of_service, service) = match service.transpose()? {
            Some(path) => match path.rsplit_once('/') {
                Some((head, name)) => (Some(last_part(head)), Some(name)),
                None => (None, Some(path)),
            },
            None => (None, None),
        };
        if let (Some(cluster), Some(other)) = (cluster, of_service)
            && cluster != other
        {
            let named = args.service.as_deref().unwrap_or_default();
            let message =
                format!("--service {named} is in cluster {other}, and --cluster says {cluster}");
            return Err(CliError::usage(message)
                .hint("leave --cluster out (BG_CLUSTER too), or correct one of the two"));
        }
        let named = [&args.cluster, &args.service].into_iter().flatten();
        let owned = |it: &str| it.to_owned();
        Ok(Asked {
            args: InitArgs {
                cluster: cluster.or(of_service).map(owned),
                service: service.map(owned),
                ..args.clone()
            },
            cluster_by: match cluster {
                Some(_) => "--cluster",
                None => "--service",
            },
            arns: named.filter(|it| is_arn(it)).cloned().collect(),
        })
    }
}

pub(super) fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}

/// What an ARN or a name says of which one it is: `NAME`, or `CLUSTER/NAME` of a service.
fn path<'n>(named: &'n str, what: &'static str) -> Result<&'n str, CliError> {
    let of_arn = |rest: &'n str| {
        let mut parts = rest.splitn(5, ':').skip(1);
        let (service, resource) = (parts.next()?, parts.nth(2)?);
        let path = resource.strip_prefix(what)?.strip_prefix('/')?;
        (service == "ecs" && !last_part(path).is_empty()).then_some(path)
    };
    match named.strip_prefix("arn:") {
        None => Ok(named),
        Some(rest) => of_arn(rest).ok_or_else(|| {
            let end = match what {
                "service" => "service/CLUSTER/NAME",
                _ => "cluster/NAME",
            };
            CliError::usage(format!("--{what} {named} is no ECS {what}")).hint(format!(
                "give its name, or arn:aws:ecs:REGION:ACCOUNT:{end}"
            ))
        }),
    }
}

/// Refuses what is in another region or account than bg works in.
///
/// # Errors
/// Where one is, and where AWS doesn't say whose the credentials are.
pub(super) async fn refuse_elsewhere(cloud: &Cloud, arns: &[&str]) -> Result<(), CliError> {
    if arns.is_empty() {
        return Ok(());
    }
    let account = cloud.account().await;
    let region = cloud.region();
    let in_words = |arn: &&str| elsewhere(arn, region, account.as_deref().ok());
    let problems: Vec<Problem> = arns.iter().flat_map(in_words).collect();
    match problems.is_empty() {
        false => Err(CliError::preflight(problems)),
        true => account.map(|_| ()).map_err(|error| cant_look(&error)),
    }
}

/// What is wrong with the place that an ARN names.
fn elsewhere(arn: &str, region: &str, account: Option<&str>) -> Vec<Problem> {
    let mut parts = arn.split(':').skip(3);
    let (of_region, of_account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let mut problems = Vec::new();
    if of_region != region {
        problems.push(Problem::new(
            format!("{arn} is in region {of_region}, and bg works in {region}"),
            format!("--region {of_region}, or correct the ARN"),
        ));
    }
    if let Some(account) = account.filter(|it| *it != of_account) {
        problems.push(Problem::new(
            format!("{arn} is of account {of_account}, the credentials are for {account}"),
            "use the other account's credentials (--profile), or correct the ARN",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: InitArgs,
    }

    fn asked(line: &[&str]) -> Result<Asked, CliError> {
        Asked::of(&Line::parse_from([&["init"], line].concat()).args)
    }

    #[test]
    fn an_arn_names_a_service_and_its_cluster() {
        let arn = "arn:aws:ecs:eu-west-1:123456789012:service/other/twin";
        for line in [&["--service", arn][..], &["--service", "other/twin"]] {
            let asked = asked(line).unwrap();
            assert_eq!(asked.args.cluster.as_deref(), Some("other"));
            assert_eq!(asked.args.service.as_deref(), Some("twin"));
            assert_eq!(asked.cluster_by, "--service");
        }
        // As AWS wrote it before 2018: without a cluster.
        let old = "arn:aws:ecs:eu-west-1:123456789012:service/twin";
        let alone = asked(&["--service", old]).unwrap();
        assert_eq!(alone.args.service.as_deref(), Some("twin"));
        assert_eq!(
            (alone.args.cluster, alone.arns),
            (None, vec![old.to_owned()])
        );
        let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/other";
        let both = asked(&["--service", arn, "--cluster", cluster]).unwrap();
        assert_eq!(both.args.cluster.as_deref(), Some("other"));
        assert_eq!((both.cluster_by, both.arns.len()), ("--cluster", 2));
    }

    #[test]
    fn an_arn_of_something_else_is_none() {
        for service in [
            "arn:aws:ecs:eu-west-1:123456789012:cluster/other",
            "arn:aws:ecs:eu-west-1:123456789012:service/other/",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:service/other/twin",
            "arn:aws:ecs",
        ] {
            let said = asked(&["--service", service]).unwrap_err().to_string();
            assert!(said.contains("is no ECS service"), "{said}");
            assert!(said.contains(":service/CLUSTER/NAME"), "{said}");
        }
    }

    #[test]
    fn every_place_that_is_not_here_is_told() {
        let arn = "arn:aws:ecs:us-east-1:999999999999:cluster/demo";
        let told = |region, account| -> Vec<String> {
            let problems = elsewhere(arn, region, account).into_iter();
            problems.map(|it| it.what).collect()
        };
        let region = format!("{arn} is in region us-east-1, and bg works in eu-west-1");
        let account = format!("{arn} is of account 999999999999, the credentials are for 1");
        assert_eq!(told("eu-west-1", Some("1")), [region.clone(), account]);
        assert_eq!(told("eu-west-1", None), [region]);
        assert_eq!(told("us-east-1", Some("999999999999")), [""; 0]);
    }
}
