//! What a survey looks at.

use std::collections::BTreeMap;

use super::dns::RecordsAsk;
use super::metrics::MetricsAsk;
use super::test_address::TestRequest;
use crate::deployment::deadman;
use crate::deployment::ids::{AlarmName, ClusterName, EcsServiceName, SlotName, Slots};
use crate::deployment::preflight::{DefinitionWanted, Request, RouteWanted};
use crate::deployment::task_definition;
use crate::gate::{Address, FunctionName, HeaderValue};

/// What to look at.
#[derive(Debug, Clone)]
pub struct SurveyAsk {
    /// The cluster.
    pub cluster: ClusterName,
    /// Each slot's service.
    pub services: Slots<EcsServiceName>,
    /// Target groups, by name or ARN.
    pub groups: Vec<String>,
    /// Alarms, `{slot}` filled in both ways.
    pub alarms: Vec<AlarmName>,
    /// A task definition that is asked for: `FAMILY`, `FAMILY:REVISION` or an ARN.
    pub definition: Option<String>,
    /// Image references whose registry digest is wanted.
    pub images: Vec<String>,
    /// What the names of the service's dead-man schedules begin with, where it has any.
    pub deadman: Option<String>,
    /// What the metric guards have to know, where there are any.
    pub metrics: Option<MetricsAsk>,
    /// Functions that gates call.
    pub functions: Vec<FunctionName>,
    /// What gates ask through test routes, by the gates' names.
    pub test_requests: BTreeMap<String, TestRequest>,
    /// Those test routes.
    pub test_routes: Vec<RouteWanted>,
    /// The version whose images gates look at, and whether at their scans too.
    pub version: Option<(DefinitionWanted, bool)>,
    /// The records among the routes.
    pub records: RecordsAsk,
    /// Each slot's target groups, by name or ARN, where it is looked for targets that are no tasks
    /// of the slot's; none where nothing is to be deployed.
    pub owned: Slots<Vec<String>>,
}

impl SurveyAsk {
    /// What has to be looked at to plan `request`.
    pub fn of(request: &Request) -> SurveyAsk {
        let targets = SlotName::BOTH
            .iter()
            .flat_map(|slot| &request.slots[*slot].targets);
        let alarms = request.guards.alarms.iter().flat_map(|alarm| {
            SlotName::BOTH
                .iter()
                .flat_map(|live| alarm.names(*live))
                .map(AlarmName::new)
        });
        let definition = match &request.definition {
            DefinitionWanted::Existing(reference) => Some(reference.clone()),
            _ => None,
        };
        let images = match &request.definition {
            DefinitionWanted::Images(changes) => changes
                .iter()
                .map(|change| change.image.as_str().to_owned())
                .collect(),
            DefinitionWanted::Body(body) => {
                let images = task_definition::images(body);
                images.into_iter().map(|(_, image)| image).collect()
            }
            DefinitionWanted::Existing(_) => Vec::new(),
        };
        let mut alarms: Vec<AlarmName> = alarms.collect();
        alarms.sort();
        alarms.dedup();
        SurveyAsk {
            cluster: request.cluster.clone(),
            services: Slots::from_fn(|slot| request.slots[slot].service.clone()),
            groups: targets.map(|target| target.group.clone()).collect(),
            alarms,
            definition,
            images,
            deadman: request
                .deadman
                .as_ref()
                .map(|_| deadman::prefix(&request.cluster, &request.service)),
            metrics: MetricsAsk::of(request),
            functions: request.functions(),
            test_requests: test_requests(request),
            test_routes: request.test_routes.clone(),
            version: (request.image_gate()).map(|scans| (request.definition.clone(), scans)),
            records: RecordsAsk::of(&request.slots, &request.routes),
            owned: Slots::from_fn(|slot| {
                let targets = request.slots[slot].targets.iter();
                targets.map(|target| target.group.clone()).collect()
            }),
        }
    }
}

/// What a request's gates ask through test routes; values of headers that come from the environment
/// are known when the gate is asked.
fn test_requests(request: &Request) -> BTreeMap<String, TestRequest> {
    let asked = request.http_gates().filter_map(|(gate, check)| {
        let Address::TestRoute(path) = &check.to else {
            return None;
        };
        let value = |value: &HeaderValue| match value {
            HeaderValue::Text(text) => Some(text.clone()),
            HeaderValue::Env(_) => None,
        };
        let headers = check.headers.iter();
        let asked = TestRequest {
            method: check.method.clone(),
            path: path.clone(),
            headers: headers
                .map(|(name, it)| (name.clone(), value(it)))
                .collect(),
        };
        Some((gate.name.clone(), asked))
    });
    asked.collect()
}
