//! The load balancers' data plane: a real proxy on loopback, HTTP/1.1 for application load
//! balancers and TCP for network ones.
//!
//! Each HTTP and TCP listener gets a port, and so does each application that is registered as a
//! target. The proxy routes as [`crate::sandbox::world::elb`] decides and
//! counts every request or connection into the metrics. It follows the world: listeners and applications
//! appear and go, and those that go finish what is in flight. The world's lock is only ever held
//! to route or to count, never across an await.

mod app;
mod balancer;
mod flow;
mod listen;
mod pool;
#[cfg(test)]
mod tests;

use crate::sandbox::world::World;
use crate::sandbox::world::elb::{Kind, LoadBalancer};
use listen::{Handler, Listening, http};
use pool::Pool;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often the world is looked at for new and gone listeners and applications.
const FOLLOW_EVERY: Duration = Duration::from_millis(50);

/// Settings of the data plane.
#[derive(Debug, Clone)]
pub struct Options {
    /// Virtual seconds per second of tokio's clock: latencies and time-outs are shorter by this.
    pub speed: f64,
    /// Ports asked for, by load balancer and listener port; the others get a free one.
    pub ports: BTreeMap<(String, u16), u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            speed: 1.0,
            ports: BTreeMap::new(),
        }
    }
}

/// The running data plane. Dropping it closes every port once what is in flight has ended.
#[derive(Debug)]
pub struct Proxy {
    plane: Arc<Plane>,
    follower: AbortHandle,
}

impl Proxy {
    /// Starts the data plane in the current tokio runtime; what the world has now is listening
    /// when this returns.
    ///
    /// # Errors
    /// When a port can't be bound, above all one that was asked for: the message names it.
    pub fn start(world: Arc<Mutex<World>>, options: Options) -> io::Result<Self> {
        let plane = Arc::new(Plane {
            world,
            options,
            ports: Mutex::new(Ports::default()),
            pool: Pool::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(0)),
        });
        plane.follow()?;
        let follower = tokio::spawn({
            let plane = Arc::downgrade(&plane);
            async move {
                loop {
                    tokio::time::sleep(FOLLOW_EVERY).await;
                    let Some(plane) = plane.upgrade() else {
                        return;
                    };
                    // A port that can't be bound now is tried again the next time.
                    let _ = plane.follow();
                }
            }
        });
        Ok(Self {
            plane,
            follower: follower.abort_handle(),
        })
    }

    /// Where a load balancer's listener can be reached.
    pub fn url_of(&self, load_balancer_name: &str, port: u16) -> Option<SocketAddr> {
        let ports = lock(&self.plane.ports);
        let listening = ports.listeners.get(&(load_balancer_name.to_owned(), port));
        listening.map(Listening::address)
    }

    /// Every listener's load balancer, port and address.
    pub fn addresses(&self) -> Vec<(String, u16, SocketAddr)> {
        let ports = lock(&self.plane.ports);
        let listeners = ports.listeners.iter();
        listeners
            .map(|((name, port), listening)| (name.clone(), *port, listening.address()))
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.follower.abort();
        let mut ports = lock(&self.plane.ports);
        ports.listeners.clear();
        ports.apps.clear();
    }
}

/// An address and port of a target in the world.
type TargetKey = (String, u16);

/// Kind of load balancer and listener's ARN, by load balancer's name and listener's port.
type Listeners = BTreeMap<(String, u16), (Kind, String)>;

/// What all parts share.
#[derive(Debug)]
struct Plane {
    world: Arc<Mutex<World>>,
    options: Options,
    ports: Mutex<Ports>,
    pool: Pool,
    rng: Mutex<fastrand::Rng>,
}

#[derive(Debug, Default)]
struct Ports {
    /// By load balancer's name and listener's port.
    listeners: BTreeMap<(String, u16), Listening>,
    /// By the target's address in the world.
    apps: BTreeMap<TargetKey, Listening>,
}

/// Locks; a panic elsewhere doesn't make the data unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plane {
    /// Opens and closes ports so that they are those of the world.
    fn follow(self: &Arc<Self>) -> io::Result<()> {
        let (listeners, apps) = self.wanted();
        let mut ports = lock(&self.ports);
        ports
            .listeners
            .retain(|key, open| listeners.get(key).is_some_and(|(_, arn)| open.serves(arn)));
        ports.apps.retain(|key, _| apps.contains_key(key));
        for (key, (kind, arn)) in listeners {
            let asked = self.options.ports.get(&key).copied().unwrap_or(0);
            if let Entry::Vacant(vacant) = ports.listeners.entry(key) {
                let handler = self.handler(kind, &arn);
                vacant.insert(Listening::open(asked, &arn, handler)?);
            }
        }
        for (key, group) in apps {
            if let Entry::Vacant(vacant) = ports.apps.entry(key) {
                let service = app::service(self, vacant.key().clone(), group);
                vacant.insert(Listening::open(0, "", http(service))?);
            }
        }
        Ok(())
    }

    fn handler(self: &Arc<Self>, kind: Kind, listener: &str) -> Handler {
        match kind {
            Kind::Application => http(balancer::service(self, listener)),
            Kind::Network => flow::handler(self, listener),
        }
    }

    /// The listeners (with their kinds and ARNs) and applications (with a group's name) of the
    /// world. Of a network load balancer's listeners only those for TCP: nothing here ends TLS.
    fn wanted(&self) -> (Listeners, BTreeMap<TargetKey, String>) {
        let world = lock(&self.world);
        let elb = &world.elb;
        let mut listeners = BTreeMap::new();
        for listener in elb.listeners.values() {
            let lb = elb.load_balancers.get(&listener.load_balancer);
            let served =
                |lb: &&LoadBalancer| lb.kind == Kind::Application || listener.protocol == "TCP";
            if let Some(lb) = lb.filter(served) {
                let key = (lb.name.clone(), listener.port);
                listeners.insert(key, (lb.kind, listener.arn.clone()));
            }
        }
        let mut apps = BTreeMap::new();
        for group in elb.groups.values() {
            for target in &group.targets {
                let (id, port) = (&target.id.id, target.id.port);
                if world.ecs.application_at(id, port).is_some() {
                    apps.insert((id.clone(), port), group.name.clone());
                }
            }
        }
        (listeners, apps)
    }

    /// The real address of an application; an application that has just come is looked for.
    fn address_of(self: &Arc<Self>, key: &TargetKey) -> Option<SocketAddr> {
        let known = || lock(&self.ports).apps.get(key).map(Listening::address);
        known().or_else(|| {
            let _ = self.follow();
            known()
        })
    }

    /// A virtual duration in tokio's time.
    fn real(&self, duration: Duration) -> Duration {
        duration.div_f64(self.options.speed.max(f64::MIN_POSITIVE))
    }
}
