//! Target groups as a clone needs them: as ELBv2 prints them, not as the SDK knows them.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::TargetGroupAttribute;

use super::lag::until_shown;
use crate::adopt::Group;
use crate::aws::cloud::Cloud;
use crate::aws::error::AwsError;
use crate::aws::groups::{ATTRIBUTES, DESCRIBE};
use crate::aws::listeners::{form, read};
use crate::aws::raw::{Kept, replace_body};
use crate::aws::retry::Effect;
use crate::aws::together::some;
use crate::aws::xml::Element;
use crate::deployment::ids::{LoadBalancerArn, TargetGroupArn};

const CREATE: &str = "elasticloadbalancing:CreateTargetGroup";
const MODIFY_ATTRIBUTES: &str = "elasticloadbalancing:ModifyTargetGroupAttributes";
const TAGS: &str = "elasticloadbalancing:DescribeTags";
/// DescribeTags takes so many ARNs.
const TAGS_AT_ONCE: usize = 20;
/// Calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 8;
/// What a description has and CreateTargetGroup doesn't take.
const NO_SETTINGS: [&str; 3] = ["TargetGroupArn", "TargetGroupName", "LoadBalancerArns"];
/// Tags that AWS alone writes begin so.
const RESERVED: &str = "aws:";

type DescribeGroups =
    aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::builders::DescribeTargetGroupsFluentBuilder;

impl Cloud {
    /// Those groups, without attributes and tags; fails where one is missing.
    pub(super) async fn groups_by_arn(&self, arns: &[String]) -> Result<Vec<Group>, AwsError> {
        self.group_pages(|request| request.set_target_group_arns(Some(arns.to_vec())))
            .await
    }

    /// All groups of a load balancer, the same way.
    pub(super) async fn groups_of(
        &self,
        balancer: &LoadBalancerArn,
    ) -> Result<Vec<Group>, AwsError> {
        self.group_pages(|request| request.load_balancer_arn(balancer.as_str()))
            .await
    }

    /// Those of these names that exist. One at a time: one that is missing fails the call.
    pub(super) async fn groups_named(&self, names: &[String]) -> Result<Vec<Group>, AwsError> {
        let asked = names
            .iter()
            .map(|name| self.group_pages(move |it| it.names(name)));
        let mut found = Vec::new();
        for groups in some(AT_ONCE, asked.collect()).await {
            match groups {
                Err(error) if error.is_not_found() => {}
                groups => found.extend(groups?),
            }
        }
        Ok(found)
    }

    async fn group_pages(
        &self,
        ask: impl Fn(DescribeGroups) -> DescribeGroups,
    ) -> Result<Vec<Group>, AwsError> {
        let pages = self.pages(DESCRIBE, "TargetGroups", |marker, kept| {
            let request = ask(self.elb().describe_target_groups()).set_marker(marker);
            let request = request.customize().interceptor(kept.clone());
            async move { request.send().await.map(|_| kept.take()) }
        });
        Ok(pages.await?.iter().map(group).collect())
    }

    /// The attributes of a group.
    pub(super) async fn attributes_of(
        &self,
        group: &str,
    ) -> Result<BTreeMap<String, String>, AwsError> {
        let attributes = self
            .call(ATTRIBUTES, Effect::Reads, || {
                let request = self.elb().describe_target_group_attributes();
                request.target_group_arn(group).send()
            })
            .await?;
        let attributes = attributes.attributes().iter().filter_map(|attribute| {
            let value = attribute.value().unwrap_or_default();
            Some((attribute.key()?.to_owned(), value.to_owned()))
        });
        Ok(attributes.collect())
    }

    /// Gives a group those attributes.
    pub(super) async fn set_attributes(
        &self,
        group: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let attribute = |(key, value): (&String, &String)| {
            TargetGroupAttribute::builder()
                .key(key)
                .value(value)
                .build()
        };
        let attributes: Vec<_> = attributes.iter().map(attribute).collect();
        self.call(MODIFY_ATTRIBUTES, Effect::Writes, || {
            self.elb()
                .modify_target_group_attributes()
                .target_group_arn(group)
                .set_attributes(Some(attributes.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }

    /// The tags of each of `groups` that can be copied.
    pub(super) async fn tags_of(
        &self,
        groups: &[String],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, AwsError> {
        let mut found = BTreeMap::new();
        for arns in groups.chunks(TAGS_AT_ONCE) {
            let described = self
                .call(TAGS, Effect::Reads, || {
                    let request = self.elb().describe_tags();
                    request.set_resource_arns(Some(arns.to_vec())).send()
                })
                .await?;
            for of_one in described.tag_descriptions() {
                let tags = of_one.tags().iter().filter_map(|tag| {
                    let value = tag.value().unwrap_or_default();
                    Some((tag.key()?.to_owned(), value.to_owned()))
                });
                let own = tags.filter(|(key, _)| !key.starts_with(RESERVED));
                found.insert(
                    of_one.resource_arn().unwrap_or_default().to_owned(),
                    own.collect(),
                );
            }
        }
        Ok(found)
    }

    /// A group with the settings and tags of `like`. It gives back the group that is there where
    /// one of that name has just these settings.
    pub(super) async fn create_group(&self, name: &str, like: &Group) -> Result<Group, AwsError> {
        let body = create_body(name, like);
        let send = || {
            let (body, kept) = (body.clone(), Kept::default());
            // The SDK wants what it knows as required; the body is replaced.
            let request = self.elb().create_target_group().name(name).customize();
            let request = request
                .interceptor(kept.clone())
                .mutate_request(move |request| replace_body(request, body.as_str()));
            async move { request.send().await.map(|_| kept.take()) }
        };
        let read = |answer: &[u8]| {
            let (mut items, _) = read("TargetGroups", answer)?;
            let created = items.pop();
            created.ok_or_else(|| "it doesn't show what was created".to_owned())
        };
        let created = self
            .call_and_read(CREATE, Effect::Writes, send, read)
            .await?;
        let created = group(&created);
        match differing(&like.settings, &created.settings) {
            None => Ok(created),
            Some(words) => Err(AwsError::invalid(
                CREATE,
                format!(
                    "target group {name} is there and not like {}: {words}",
                    like.name
                ),
            )),
        }
    }

    /// Makes the attributes of a group those of `like`, and reads them back.
    pub(super) async fn align_attributes(&self, group: &str, like: &Group) -> Result<(), AwsError> {
        // It may have been made just now.
        let own = until_shown(|| self.attributes_of(group), |_| true).await?;
        let differs =
            |(key, value): &(&String, &String)| !value.is_empty() && own.get(*key) != Some(*value);
        let wanted = like.attributes.iter().filter(differs);
        let wanted: BTreeMap<String, String> = wanted
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.set_attributes(group, &wanted).await?;
        let are_taken = |own: &_| differing(&wanted, own).is_none();
        let own = until_shown(|| self.attributes_of(group), are_taken).await?;
        let name = TargetGroupArn::new(group);
        match differing(&wanted, &own) {
            None => Ok(()),
            Some(words) => Err(AwsError::invalid(
                MODIFY_ATTRIBUTES,
                format!(
                    "target group {} did not take an attribute: {words}",
                    name.name()
                ),
            )),
        }
    }
}

/// The first value that is not as it was wanted, in words.
fn differing(
    wanted: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Option<String> {
    let mut differing = wanted
        .iter()
        .filter(|(key, value)| found.get(*key) != Some(*value));
    let (key, value) = differing.next()?;
    let found = found.get(key).map_or("nothing", String::as_str);
    Some(format!("{key} is {found}, {value} was wanted"))
}

fn group(described: &Element) -> Group {
    let mut settings = Vec::new();
    let parts = described.children.iter();
    for part in parts.filter(|part| !NO_SETTINGS.contains(&part.name.as_str())) {
        part.to_query(&part.name, &mut settings);
    }
    settings.retain(|(_, value)| !value.is_empty());
    let text = |name: &str| described.text_of(name).unwrap_or_default().to_owned();
    let balancers = described.members("LoadBalancerArns");
    Group {
        arn: text("TargetGroupArn"),
        name: text("TargetGroupName"),
        settings: settings.into_iter().collect(),
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        load_balancer: balancers.first().map(|arn| LoadBalancerArn::new(&arn.text)),
        targets: 0,
        draining: 0,
        strangers: Vec::new(),
        elsewhere: Vec::new(),
    }
}

fn create_body(name: &str, like: &Group) -> String {
    let mut parameters = vec![("Name".to_owned(), name.to_owned())];
    let settings = like.settings.iter();
    parameters.extend(settings.map(|(key, value)| (key.clone(), value.clone())));
    for (at, (key, value)) in like.tags.iter().enumerate() {
        let at = at + 1;
        parameters.push((format!("Tags.member.{at}.Key"), key.clone()));
        parameters.push((format!("Tags.member.{at}.Value"), value.clone()));
    }
    form("CreateTargetGroup", &parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_has_settings_that_nobody_has_heard_of_and_nothing_of_the_original_alone() {
        let described = Element::parse(
            b"<member><TargetGroupArn>arn:tg</TargetGroupArn><TargetGroupName>shop</TargetGroupName>\
              <Port>80</Port><Matcher><GrpcCode>0-5</GrpcCode></Matcher><HealthCheckPath/>\
              <LoadBalancerArns><member>arn:lb</member></LoadBalancerArns>\
              <Later><member>x y</member></Later></member>",
        )
        .unwrap();
        let mut found = group(&described);
        assert_eq!(found.name, "shop");
        assert_eq!(found.load_balancer, Some(LoadBalancerArn::new("arn:lb")));
        found.tags.insert("team".to_owned(), "a&b".to_owned());
        assert_eq!(
            create_body("shop-b", &found),
            "Action=CreateTargetGroup&Version=2015-12-01&Name=shop-b&Later.member.1=x%20y\
             &Matcher.GrpcCode=0-5&Port=80&Tags.member.1.Key=team&Tags.member.1.Value=a%26b"
        );
    }

    #[test]
    fn a_value_that_was_not_taken_is_named() {
        let of = |value: &str| BTreeMap::from([("k".to_owned(), value.to_owned())]);
        assert_eq!(differing(&of("1"), &of("1")), None);
        assert_eq!(
            differing(&of("1"), &of("2")).unwrap(),
            "k is 2, 1 was wanted"
        );
    }
}
