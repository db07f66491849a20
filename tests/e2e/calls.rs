//! What the binary asks of AWS, counted on the wire.

use std::net::SocketAddr;
use std::sync::mpsc::channel;

use super::proxy::{Call, Proxy};
use super::support::{Scene, until};

/// The proxy, in a runtime of its own: everything else here waits by blocking.
pub(crate) struct Wire {
    pub(crate) proxy: Proxy,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Wire {
    pub(crate) fn before(scene: &Scene) -> Wire {
        let address: SocketAddr = scene.address().parse().expect("an address with a port");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (started, wait) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let sent = started.send(Proxy::start(address).await);
                sent.expect("somebody waits for it");
                let _ = stopped.await;
            });
        });
        let proxy = wait.recv().expect("it starts");
        Wire { proxy, _stop: stop }
    }

    fn calls(&self) -> Vec<Call> {
        self.proxy.calls()
    }
}

fn is_look(call: &Call) -> bool {
    call.operation == "DescribeServices"
}

#[test]
fn a_plan_only_reads() {
    let scene = Scene::at_speed(1);
    let wire = Wire::before(&scene);
    let url = wire.proxy.url();
    let plan = ["plan", "--image", "shop:v2", "--endpoint-url", &url];
    scene.bg(&plan).exits(0).says("Nothing was changed.");
    let calls = wire.calls();
    assert!(calls.iter().any(is_look), "it went another way");
    let reads = |call: &&Call| {
        let verbs = ["Describe", "List", "Get", "BatchGet"];
        verbs.iter().any(|verb| call.operation.starts_with(verb))
    };
    let asks_the_time = |call: &&Call| call.operation.starts_with("GET ");
    let writes: Vec<_> = calls
        .iter()
        .filter(|call| !reads(call) && !asks_the_time(call))
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[test]
fn a_look_while_baking_is_at_most_five_calls_and_metrics_one_every_third_look() {
    let scene = Scene::at_speed(60);
    scene.configure(&[("bake: 1m }", "bake: 30m }")]);
    let wire = Wire::before(&scene);
    let url = wire.proxy.url();
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2", "--endpoint-url", &url]);
    deployment.until_it_says("baking");
    // The reading back of the new weights is over once there have been some looks.
    let quiet = wire.calls().len() + 50;
    let looks = until("twenty looks", || {
        let calls = wire.calls();
        let quiet = calls.get(quiet..)?;
        let first = quiet.iter().position(is_look)?;
        let looks = quiet.iter().filter(|call| is_look(call)).count();
        let last = quiet.iter().rposition(is_look)?;
        // From one look to the last, which doesn't count.
        let between = &quiet[first..last];
        let of_metrics = |call: &&Call| call.operation == "GetMetricData";
        let metrics = between.iter().filter(of_metrics).count();
        (looks > 20).then(|| (between.len() - metrics, metrics, looks - 1))
    });
    let (calls, metrics, looks) = looks;
    assert!(calls <= 5 * looks, "{calls} calls in {looks} looks");
    // Every quarter of a minute, where looks are five seconds apart.
    assert!(metrics <= looks / 3 + 1, "{metrics} reads in {looks} looks");
}
