//! Names and ARNs, as types that can't be mixed up.

use std::fmt;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Takes `text` as it came from AWS, the config or the journal.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// One run of `bg deploy` or `bg rollback`; at most 32 characters of `[a-z0-9-]`, so that it
    /// fits an ECS client token and a tag value.
    DeploymentId
}
name! {
    /// What the user deploys: the logical service of `bg.yaml`.
    ServiceName
}
name! {
    /// An ECS cluster, by name.
    ClusterName
}
name! {
    /// An ECS service, by name: one of the two that take turns.
    EcsServiceName
}
name! {
    /// `arn:aws:ecs:…:task-definition/FAMILY:REVISION`.
    TaskDefinitionArn
}
name! {
    /// `arn:aws:elasticloadbalancing:…:targetgroup/NAME/ID`.
    TargetGroupArn
}
name! {
    /// `arn:aws:elasticloadbalancing:…:loadbalancer/app/NAME/ID`.
    LoadBalancerArn
}
name! {
    /// The ARN of a listener or of a listener rule; of a weighted record pair, which has none,
    /// `arn:aws:route53:::hostedzone/ZONE/rrset/NAME/TYPE`.
    RouteArn
}
name! {
    /// A CloudWatch alarm, by name.
    AlarmName
}

name! {
    /// A hosted zone of Route 53, by id: `Z0123456789ABC`.
    HostedZoneId
}
name! {
    /// What a record answers for, in small letters and without the dot at its end.
    RecordName
}
name! {
    /// Tells records of one name and type apart: Route 53's `SetIdentifier`.
    SetId
}
name! {
    /// `arn:aws:iam::ACCOUNT:role/NAME`.
    RoleArn
}
name! {
    /// A schedule of EventBridge Scheduler: at most 64 characters of `[0-9a-zA-Z-_.]`.
    ScheduleName
}

impl RoleArn {
    /// The role's account.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or("")
    }
}

impl TaskDefinitionArn {
    /// `FAMILY:REVISION`, the way people say it.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// `FAMILY`.
    pub fn family(&self) -> &str {
        self.short().split(':').next().unwrap_or(&self.0)
    }
}

impl TargetGroupArn {
    /// The group's name.
    pub fn name(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or(&self.0)
    }

    /// CloudWatch's `TargetGroup` dimension: `targetgroup/NAME/ID`.
    pub fn dimension(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or(&self.0)
    }
}

impl LoadBalancerArn {
    /// The load balancer's name.
    pub fn name(&self) -> &str {
        self.0.split('/').nth(2).unwrap_or(&self.0)
    }

    /// CloudWatch's `LoadBalancer` dimension: `app/NAME/ID`.
    pub fn dimension(&self) -> &str {
        self.0
            .split_once(":loadbalancer/")
            .map_or(self.0.as_str(), |(_, rest)| rest)
    }

    /// The account that it is of.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or("")
    }

    /// Whether it is a network load balancer: those have no request counts.
    pub fn is_network(&self) -> bool {
        self.dimension().starts_with("net/")
    }
}

/// One of a service's two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotName {
    /// The first.
    A,
    /// The second.
    B,
}

impl SlotName {
    /// Both, in order.
    pub const BOTH: [SlotName; 2] = [SlotName::A, SlotName::B];

    /// The one that this is not.
    pub fn other(self) -> SlotName {
        match self {
            SlotName::A => SlotName::B,
            SlotName::B => SlotName::A,
        }
    }

    /// `a` or `b`.
    pub fn as_str(self) -> &'static str {
        match self {
            SlotName::A => "a",
            SlotName::B => "b",
        }
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing for each slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slots<T> {
    /// Slot a's.
    pub a: T,
    /// Slot b's.
    pub b: T,
}

impl<T> Slots<T> {
    /// Makes both from their names.
    pub fn from_fn(mut make: impl FnMut(SlotName) -> T) -> Self {
        Slots {
            a: make(SlotName::A),
            b: make(SlotName::B),
        }
    }
}

impl<T> Index<SlotName> for Slots<T> {
    type Output = T;
    fn index(&self, slot: SlotName) -> &T {
        match slot {
            SlotName::A => &self.a,
            SlotName::B => &self.b,
        }
    }
}

impl<T> IndexMut<SlotName> for Slots<T> {
    fn index_mut(&mut self, slot: SlotName) -> &mut T {
        match slot {
            SlotName::A => &mut self.a,
            SlotName::B => &mut self.b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_give_names_and_dimensions() {
        let group = TargetGroupArn::new(
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-a/0123456789abcdef",
        );
        assert_eq!(group.name(), "shop-a");
        assert_eq!(group.dimension(), "targetgroup/shop-a/0123456789abcdef");
        let balancer = LoadBalancerArn::new(
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188",
        );
        assert_eq!(balancer.name(), "shop");
        assert_eq!(balancer.dimension(), "app/shop/50dc6c495c0c9188");
        let definition =
            TaskDefinitionArn::new("arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7");
        assert_eq!(
            (definition.short(), definition.family()),
            ("shop:7", "shop")
        );
    }
}
