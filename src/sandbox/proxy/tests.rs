use super::*;
use crate::sandbox::world::app::Probe;
use crate::sandbox::world::elb::testing::{Scene, behaviour, call, target};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The scene's load balancer on a real port. A thread's worth of seconds passes for the scene
/// only as a test says.
struct Live {
    scene: Scene,
    world: Arc<Mutex<World>>,
    proxy: Proxy,
}

impl Live {
    fn new(scene: Scene) -> Self {
        let world = Arc::new(Mutex::new(scene.world.clone()));
        let proxy = Proxy::start(world.clone(), options(1.0)).unwrap();
        Self {
            scene,
            world,
            proxy,
        }
    }

    /// Changes the scene, and the proxy's world with it. Counts since are kept.
    fn change(&mut self, change: impl FnOnce(&mut Scene)) {
        let mut world = lock(&self.world);
        self.scene.world = world.clone();
        change(&mut self.scene);
        *world = self.scene.world.clone();
    }

    fn address(&self) -> SocketAddr {
        self.proxy.url_of("shop", 80).unwrap()
    }
}

fn options(speed: f64) -> Options {
    Options {
        speed,
        ..Options::default()
    }
}

/// A raw HTTP/1.1 request on its own connection: status, headers, body.
async fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

fn target_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["target"].as_str().unwrap().to_owned()
}

fn scene() -> Scene {
    let mut scene = Scene::new(&["a", "b"]);
    scene.healthy("a", 1);
    scene.healthy("b", 2);
    scene
}

#[tokio::test]
async fn requests_reach_the_targets_by_weight_and_are_counted() {
    let mut live = Live::new(scene());
    let (status, head, body) = get(live.address(), "/x", "").await;
    assert_eq!((status, target_of(&body).as_str()), (200, "10.0.0.1:1"));
    assert!(!head.contains("sandbox-latency"), "{head}");
    live.change(|scene| scene.forward(&[("a", 0), ("b", 1)]));
    let (status, _, body) = get(live.address(), "/x", "").await;
    assert_eq!((status, target_of(&body).as_str()), (200, "10.0.0.1:2"));
    let ledger = lock(&live.world).traffic.ledger.clone();
    assert_eq!((ledger.requests(), ledger.failed()), (2, 0));
}

#[tokio::test]
async fn an_empty_group_answers_503_and_a_dead_app_502() {
    let mut live = Live::new(scene());
    live.change(|scene| {
        let (arn, now) = (scene.arn("a"), scene.world.now);
        let target = crate::sandbox::world::elb::testing::target(1);
        scene.world.elb.deregister(&arn, &target, now);
    });
    let (status, head, _) = get(live.address(), "/", "").await;
    assert_eq!(status, 503);
    assert!(head.contains("awselb/2.0"));
    live.change(|scene| {
        scene.forward(&[("b", 1)]);
        scene.world.ecs.planted.clear();
    });
    tokio::time::sleep(2 * FOLLOW_EVERY).await;
    assert_eq!(get(live.address(), "/", "").await.0, 502);
    let totals = *lock(&live.world)
        .traffic
        .ledger
        .load_balancers
        .values()
        .next()
        .unwrap();
    assert_eq!((totals.unavailable, totals.bad_gateway), (1, 1));
}

#[tokio::test]
async fn a_client_with_a_cookie_stays() {
    let mut live = Live::new(scene());
    live.change(|scene| scene.forward_sticky(&[("a", 1), ("b", 0)], 600));
    let (_, head, _) = get(live.address(), "/", "").await;
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: AWSALBTG="))
        .unwrap();
    let cookie = format!(
        "Cookie: theme=dark; AWSALBTG={}\r\n",
        cookie.split(';').next().unwrap()
    );
    live.change(|scene| scene.forward_sticky(&[("a", 0), ("b", 1)], 600));
    let (_, _, body) = get(live.address(), "/", &cookie).await;
    assert_eq!(target_of(&body), "10.0.0.1:1");
    let (_, _, body) = get(live.address(), "/", "").await;
    assert_eq!(target_of(&body), "10.0.0.1:2");
}

#[tokio::test]
async fn fixed_responses_and_redirects_are_the_load_balancers_own() {
    let mut live = Live::new(scene());
    live.change(|scene| {
        scene.rule(1, &json!({"Field": "path-pattern", "Values": ["/teapot"]}),
            &json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "MessageBody": "tea", "ContentType": "text/plain"}}));
        scene.rule(2, &json!({"Field": "path-pattern", "Values": ["/old"]}),
            &json!({"Type": "redirect", "RedirectConfig": {"Path": "/new", "StatusCode": "HTTP_301"}}));
    });
    let (status, _, body) = get(live.address(), "/teapot", "").await;
    assert_eq!((status, body.as_str()), (418, "tea"));
    let (status, head, _) = get(live.address(), "/old?a=1", "").await;
    assert_eq!(status, 301);
    assert!(
        head.contains("location: http://shop.example.com:80/new?a=1"),
        "{head}"
    );
}

#[tokio::test]
async fn listeners_appear_and_go_with_the_world() {
    let mut live = Live::new(scene());
    let address = live.address();
    live.change(|scene| {
        let listener = scene.listener.clone();
        scene.world.elb.listeners.remove(&listener);
    });
    tokio::time::sleep(3 * FOLLOW_EVERY).await;
    assert!(live.proxy.url_of("shop", 80).is_none());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let world = Arc::new(Mutex::new(scene().world));
    let ports = BTreeMap::from([(("shop".to_owned(), 80), port)]);
    let error = Proxy::start(world, Options { speed: 1.0, ports }).unwrap_err();
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );
}

/// One client on one kept-alive connection; how many answers weren't 200.
async fn client(address: SocketAddr, requests: usize) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut bad = 0;
    let mut buffer = vec![0; 4096];
    for _ in 0..requests {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut read = 0;
        loop {
            let more = stream.read(&mut buffer[read..]).await.unwrap();
            assert_ne!(more, 0, "the connection was closed");
            read += more;
            let text = String::from_utf8_lossy(&buffer[..read]);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                bad += usize::from(!text.starts_with("HTTP/1.1 200"));
                break;
            }
        }
    }
    bad
}

#[tokio::test]
async fn no_request_is_lost_while_weights_shift_and_targets_drain() {
    let mut scene = scene();
    for port in 3..=4 {
        scene.healthy("a", port);
    }
    let mut live = Live::new(scene);
    let address = live.address();
    let clients: Vec<_> = (0..16).map(|_| tokio::spawn(client(address, 60))).collect();
    for step in 1..=4_u16 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        live.change(|scene| scene.forward(&[("a", 100 - 25 * step), ("b", 25 * step)]));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Blue is put away: its targets drain, then their apps stop.
    live.change(|scene| {
        let (arn, now) = (scene.arn("a"), scene.world.now);
        for port in [1, 3, 4] {
            let target = crate::sandbox::world::elb::testing::target(port);
            scene.world.elb.deregister(&arn, &target, now);
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    live.change(|scene| {
        scene.pass(301);
        scene.world.ecs.planted.retain(|(_, port), _| *port == 2);
    });
    let mut bad = 0;
    for client in clients {
        bad += client.await.unwrap();
    }
    assert_eq!(bad, 0);
    let ledger = lock(&live.world).traffic.ledger.clone();
    assert_eq!((ledger.requests(), ledger.failed()), (960, 0));
    assert!(ledger.groups.values().all(|group| group.requests > 0));
}

#[tokio::test]
async fn failing_versions_fail_for_real() {
    let mut scene = scene();
    scene.set_behaviour(1, behaviour(1.0, Probe::Status(200)));
    let live = Live::new(scene);
    assert_eq!(get(live.address(), "/", "").await.0, 500);
    assert_eq!(lock(&live.world).traffic.ledger.failed(), 1);
}

/// A network load balancer `net` beside the scene's own, with two more groups of one app each.
fn with_a_network_load_balancer() -> (Scene, String, [String; 2]) {
    let mut scene = scene();
    let world = &mut scene.world;
    let text =
        |made: &Value, pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let input = json!({"Name": "net", "Type": "network", "Subnets": ["subnet-a"]});
    let made = call(world, "CreateLoadBalancer", &input);
    let load_balancer = text(&made, "/LoadBalancers/0/LoadBalancerArn");
    let groups = ["c", "d"].map(|name| {
        let input = json!({
            "Name": name, "Protocol": "TCP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip",
        });
        text(
            &call(world, "CreateTargetGroup", &input),
            "/TargetGroups/0/TargetGroupArn",
        )
    });
    let input = json!({
        "LoadBalancerArn": load_balancer, "Port": 5000, "Protocol": "TCP",
        "DefaultActions": tcp_weights(&groups, [1, 0]),
    });
    let made = call(world, "CreateListener", &input);
    let listener = text(&made, "/Listeners/0/ListenerArn");
    for (port, group) in [(3, &groups[0]), (4, &groups[1])] {
        scene.set_probe("", port, Probe::Status(200));
        let now = scene.world.now;
        scene.world.elb.register(group, target(port), now);
    }
    scene.pass(200);
    (scene, listener, groups)
}

fn tcp_weights(groups: &[String; 2], weights: [u32; 2]) -> Value {
    let groups = [0, 1].map(|at| json!({"TargetGroupArn": groups[at], "Weight": weights[at]}));
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
}

#[tokio::test]
async fn connections_to_a_network_load_balancer_go_by_weight_and_open_ones_stay() {
    let (scene, listener, groups) = with_a_network_load_balancer();
    let mut live = Live::new(scene);
    let address = live.proxy.url_of("net", 5000).unwrap();
    let mut open = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask_again(&mut open).await, "10.0.0.1:3");
    live.change(|scene| {
        let actions = tcp_weights(&groups, [0, 1]);
        let input = json!({"ListenerArn": listener, "DefaultActions": actions});
        call(&mut scene.world, "ModifyListener", &input);
    });
    assert_eq!(
        ask_again(&mut open).await,
        "10.0.0.1:3",
        "it is open already"
    );
    let (status, _, body) = get(address, "/", "").await;
    assert_eq!((status, target_of(&body).as_str()), (200, "10.0.0.1:4"));
    let ledger = lock(&live.world).traffic.ledger.clone();
    assert_eq!((ledger.requests(), ledger.failed()), (2, 0), "connections");
}

#[tokio::test]
async fn a_connection_that_no_target_takes_is_closed() {
    let (scene, _, groups) = with_a_network_load_balancer();
    let mut live = Live::new(scene);
    let address = live.proxy.url_of("net", 5000).unwrap();
    live.change(|scene| {
        let now = scene.world.now;
        scene.world.elb.deregister(&groups[0], &target(3), now);
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(lock(&live.world).traffic.ledger.failed(), 1);
}

/// A request on a connection that is kept; which target answered.
async fn ask_again(stream: &mut TcpStream) -> String {
    let request = b"GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    while !text.ends_with("}\n") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    target_of(text.split_once("\r\n\r\n").unwrap().1)
}
