//! A network load balancer's listener: each connection goes to one target, byte for byte.

use super::listen::Handler;
use super::{Plane, lock};
use crate::sandbox::world::World;
use crate::sandbox::world::elb::{Request as Routable, Routed};
use crate::sandbox::world::traffic::{Answer, OwnAnswer};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What one listener, by its ARN, does with a connection. A connection that is open outlives a
/// change of weights and the listener itself, as it does in AWS.
pub(super) fn handler(plane: &Arc<Plane>, listener: &str) -> Handler {
    let plane: Weak<Plane> = Arc::downgrade(plane);
    let listener: Arc<str> = Arc::from(listener);
    Arc::new(move |mut stream, client, _stopped| {
        let (plane, listener) = (plane.upgrade(), listener.clone());
        Box::pin(async move {
            let Some(plane) = plane else { return };
            let target = connect(&plane, &listener, client).await;
            // The data plane may end while the connection goes on.
            drop(plane);
            if let Some(mut target) = target {
                // How a connection ends is its two ends' matter.
                let _ = copy_bidirectional(&mut stream, &mut target).await;
            }
        })
    })
}

/// A connection to the target that is chosen, counted; none where there is no target, or where
/// it takes no connection: the client's own is closed then.
async fn connect(plane: &Arc<Plane>, listener: &str, client: SocketAddr) -> Option<TcpStream> {
    let (load_balancer, routed) = route(plane, listener, client);
    let Routed::Target { group, target, .. } = routed else {
        let mut world = lock(&plane.world);
        let World { traffic, now, .. } = &mut *world;
        traffic.count_real_own(&load_balancer, OwnAnswer::NoTarget, *now);
        return None;
    };
    let begun = Instant::now();
    let connected = match plane.address_of(&(target.id, target.port)) {
        Some(address) => TcpStream::connect(address).await.ok(),
        None => None,
    };
    // A connection has no status: one that is made counts as answered.
    let answer = match connected {
        Some(_) => Answer::Status(200, begun.elapsed().mul_f64(plane.options.speed)),
        None => Answer::Unreachable,
    };
    let mut world = lock(&plane.world);
    let World { traffic, now, .. } = &mut *world;
    traffic.count_real(&load_balancer, &group, answer, *now);
    connected
}

/// Decides where a connection goes; with the load balancer's ARN.
fn route(plane: &Plane, listener: &str, client: SocketAddr) -> (String, Routed) {
    let mut world = lock(&plane.world);
    let World { elb, now, .. } = &mut *world;
    let load_balancer = elb.listeners.get(listener);
    let load_balancer = load_balancer.map(|listener| listener.load_balancer.clone());
    let request = Routable {
        source: client.ip(),
        ..Routable::plain()
    };
    let routed = elb.route(listener, &request, &mut lock(&plane.rng), *now);
    (load_balancer.unwrap_or_default(), routed)
}
