//! How busy a service's tasks are, and how many they are: what policies follow.

use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeMap;

use super::super::World;
use super::super::cloudwatch::store::{Metric, Stats};
use super::super::ecs::Cluster;
use super::super::ecs::json::text;
use super::super::ecs::tasks::TaskStatus;
use super::service_of;

/// What a task takes without any request, in percent of its CPU.
const IDLE: f64 = 2.0;
/// What a request a second adds to that.
const PER_REQUEST: f64 = 1.0;
/// What it holds of its memory, in percent.
const MEMORY: f64 = 30.0;
/// Where Container Insights' metrics are.
const INSIGHTS: &str = "ECS/ContainerInsights";

/// Publishes how busy the services with autoscaling were in the minute that has just ended;
/// `requests` are those of each target group in it.
pub(in crate::sandbox::world) fn publish(world: &mut World, requests: &BTreeMap<String, u64>) {
    let at = world.now - SignedDuration::from_secs(60);
    let visible_at = world.now + world.cloudwatch.lag;
    for resource in world.scaling.targets.keys() {
        let Some((cluster, name)) = service_of(resource) else {
            continue;
        };
        let (Some(service), Some(of)) = (
            world.ecs.service(cluster, name),
            world.ecs.clusters.get(cluster),
        ) else {
            continue;
        };
        let tasks = of.tasks.values();
        let running = tasks.filter(|it| {
            it.status == TaskStatus::Running && it.service() == Some(service.name.as_str())
        });
        let running = running.count();
        if running == 0 {
            continue;
        }
        let groups = service
            .load_balancers()
            .into_iter()
            .map(|(group, _, _)| group);
        let served: u64 = groups.filter_map(|group| requests.get(group)).sum();
        let each = served as f64 / 60.0 / running as f64;
        let cpu = each.mul_add(PER_REQUEST, IDLE).min(100.0);
        let mut metrics = vec![
            ("AWS/ECS", "CPUUtilization", "Percent", cpu),
            ("AWS/ECS", "MemoryUtilization", "Percent", MEMORY),
        ];
        if has_insights(of) {
            let desired = f64::from(service.desired);
            metrics.push((INSIGHTS, "DesiredTaskCount", "Count", desired));
            metrics.push((INSIGHTS, "RunningTaskCount", "Count", running as f64));
        }
        for (namespace, metric, unit, value) in metrics {
            let dimensions = vec![
                ("ClusterName".to_owned(), cluster.to_owned()),
                ("ServiceName".to_owned(), name.to_owned()),
            ];
            let metric = Metric::new(namespace, metric, dimensions);
            let store = &mut world.cloudwatch.store;
            store.record(metric, Some(unit), at, &Stats::of(value), visible_at);
        }
    }
}

/// Whether a cluster's Container Insights are on.
fn has_insights(cluster: &Cluster) -> bool {
    let settings = cluster.settings.get("settings").and_then(Value::as_array);
    settings.into_iter().flatten().any(|setting| {
        text(setting, "name") == Some("containerInsights")
            && matches!(text(setting, "value"), Some("enabled" | "enhanced"))
    })
}
