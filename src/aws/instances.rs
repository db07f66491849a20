//! The addresses of EC2 instances: a load balancer that sends to instances tells their ids alone.

use std::collections::{BTreeMap, BTreeSet};

use super::by_hand::Other;
use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use super::xml::Element;

const DESCRIBE: &str = "ec2:DescribeInstances";
/// As many as DescribeInstances is asked about at once here: it takes 1,000 by id.
const AT_ONCE: usize = 100;

impl Cloud {
    /// The private address of each of these instances, by its id: IPv4 where it has one. One that
    /// has none is left out.
    pub(super) async fn instance_addresses(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, AwsError> {
        let ids: Vec<&String> = ids.iter().collect();
        let mut addresses = BTreeMap::new();
        for some in ids.chunks(AT_ONCE) {
            let named = (1..).zip(some);
            let named = named.map(|(at, id)| (format!("InstanceId.{at}"), (*id).clone()));
            let parameters: Vec<_> = named.collect();
            let call = (DESCRIBE, Effect::Reads);
            let answer = self.ask_query(Other::Ec2, call, self.region(), &parameters);
            addresses.extend(of_answer(&answer.await?));
        }
        Ok(addresses)
    }
}

fn of_answer(answer: &Element) -> Vec<(String, String)> {
    let reservations = answer.members("reservationSet").iter();
    let instances = reservations.flat_map(|it| it.members("instancesSet"));
    let pair = |instance: &Element| {
        let text = |name: &str| instance.text_of(name).filter(|it| !it.is_empty());
        let address = text("privateIpAddress").or_else(|| text("ipv6Address"))?;
        Some((text("instanceId")?.to_owned(), address.to_owned()))
    };
    instances.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{Answer, Canned};

    #[tokio::test]
    async fn instances_are_asked_for_by_id_where_they_are() {
        let canned = Canned::new(|_| {
            Answer::ok(
                "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                 <requestId>1</requestId><reservationSet><item><instancesSet>\
                 <item><instanceId>i-1</instanceId><privateIpAddress>172.31.0.4</privateIpAddress>\
                 </item><item><instanceId>i-2</instanceId><privateIpAddress/>\
                 <ipv6Address>fd00::4</ipv6Address></item></instancesSet></item>\
                 <item><instancesSet><item><instanceId>i-3</instanceId></item></instancesSet>\
                 </item></reservationSet></DescribeInstancesResponse>",
            )
        });
        let ids = ["i-1", "i-2", "i-3"].map(str::to_owned).into();
        let found = canned.cloud().instance_addresses(&ids).await;
        let pair = |id: &str, address: &str| (id.to_owned(), address.to_owned());
        let known = BTreeMap::from([pair("i-1", "172.31.0.4"), pair("i-2", "fd00::4")]);
        assert_eq!(found.expect("it is read"), known);
        let asked = canned.asked();
        let [asked] = asked.as_slice() else {
            panic!("one call, not {asked:?}");
        };
        assert!(asked.url.starts_with("https://ec2."), "{asked:?}");
        assert!(asked.authorization.contains("/ec2/"), "{asked:?}");
        let body = "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1&InstanceId.2=i-2\
                    &InstanceId.3=i-3";
        assert_eq!(asked.body, body);
    }
}
