//! The adapter over servers that the tests start, if there is a program `nats-server`: `NATS_SERVER` names it. Without one they say so
//! and end.
#![allow(clippy::disallowed_methods, reason = "tests start servers")]
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::report::cluster::NodeOptions;
use tidegate::{Draft, ErrorKind, Query, StoreOptions};
use tidegate_nats::{NatsLog, NatsOptions};
use tidegate_shared_log::{SharedLog, conformance};

const WAIT: Duration = Duration::from_secs(20);

/// A server on loopback.
struct Server {
    child: Child,
    config: String,
    program: String,
    address: String,
    monitor: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(program: &str, config: &str) -> Child {
    Command::new(program).args(["-c", config]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Server {
    /// Starts servers that are one cluster, or one alone. `NATS_SERVER` names the program.
    fn cluster(folder: &Path, count: usize, sync: &str) -> Option<Vec<Self>> {
        let Ok(program) = std::env::var("NATS_SERVER") else {
            let _ = writeln!(std::io::stderr(), "skipped: NATS_SERVER names no program");
            return None;
        };
        let ports: Vec<[u16; 3]> = (0..count).map(|_| [free_port(), free_port(), free_port()]).collect();
        let routes: Vec<_> = ports.iter().map(|[_, _, route]| format!("nats://127.0.0.1:{route}")).collect();
        let servers = ports.iter().enumerate().map(|(number, [port, monitor, route])| {
            let directory = folder.join(format!("n{number}"));
            std::fs::create_dir_all(&directory).unwrap();
            let cluster = format!("cluster {{ name: SL, listen: 127.0.0.1:{route}, routes: [{}] }}", routes.join(", "));
            let text = format!(
                "server_name: n{number}\nlisten: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\njetstream {{ store_dir: {:?}, \
                 max_memory_store: 64MB, max_file_store: 1GB{sync} }}\n{}\n",
                directory.display().to_string(),
                if count > 1 { &cluster } else { "" }
            );
            let config = directory.join("conf").display().to_string();
            std::fs::write(&config, text).unwrap();
            let child = start(&program, &config);
            let (address, monitor) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{monitor}"));
            Self { child, config, program: program.clone(), address, monitor }
        });
        Some(servers.collect())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = start(&self.program, &self.config);
    }
}

const ALWAYS: &str = ", sync_interval: always";

fn options(servers: &[Server]) -> NatsOptions {
    let replicas = servers.len() as u32;
    let options =
        NatsOptions::new(servers.iter().map(|server| server.address.clone()), "orders").replicas(replicas);
    options.monitors(servers.iter().map(|server| server.monitor.clone()))
}

/// Returns a log once the servers are ready.
fn ready(servers: &[Server]) -> NatsLog {
    let began = Instant::now();
    loop {
        let log = NatsLog::new(options(servers));
        match log.describe(Duration::from_secs(5)) {
            Ok(_) => return log,
            Err(error) => assert!(began.elapsed() < 3 * WAIT, "{error}"),
        }
    }
}

fn conforms(count: usize) {
    let folder = TempDir::new().unwrap();
    let Some(servers) = Server::cluster(folder.path(), count, ALWAYS) else { return };
    drop(ready(&servers));
    conformance::check(&|| Arc::new(NatsLog::new(options(&servers))));
}

#[test]
fn one_server_conforms() {
    conforms(1);
}

#[test]
fn three_servers_conform() {
    conforms(3);
}

/// A server that syncs every two minutes is refused, unless it is trusted by name.
#[test]
fn what_is_not_synced_is_refused() {
    let folder = TempDir::new().unwrap();
    let Some(servers) = Server::cluster(folder.path(), 1, "") else { return };
    let began = Instant::now();
    let error = loop {
        let error = NatsLog::new(options(&servers)).describe(WAIT).unwrap_err();
        if error.kind() != ErrorKind::Unavailable || began.elapsed() > WAIT {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("sync_interval: always"), "{error}");
    let unchecked = options(&servers).monitors(Vec::<String>::new());
    assert_eq!(NatsLog::new(unchecked.clone()).describe(WAIT).unwrap_err().kind(), ErrorKind::Refused);
    assert!(NatsLog::new(unchecked.trusting()).describe(WAIT).unwrap().durability.contains("believed"));
}

/// Two nodes, and a server that is killed again and again: no acknowledged event is lost or doubled.
#[test]
fn nodes_outlive_killed_servers() {
    for count in [1, 3] {
        let folder = TempDir::new().unwrap();
        let Some(mut servers) = Server::cluster(folder.path(), count, ALWAYS) else { return };
        drop(ready(&servers));
        let open = |name: &str| {
            let log = Arc::new(NatsLog::new(options(&servers)));
            let node = NodeOptions::new(log).patience(WAIT);
            StoreOptions::new().open_node(folder.path().join(name), node).unwrap()
        };
        let nodes = [open("one"), open("two")];
        let mut acknowledged = Vec::new();
        for number in 0..60_usize {
            if number % 20 == 10 {
                let at = number / 20 % count;
                servers[at].kill();
                servers[at].start_again();
            }
            let draft =
                Draft::new(("shop", "order-7"), "order.placed").json_text(format!("{{\"n\":{number}}}"));
            let receipt = nodes[number % 2].append(draft).unwrap_or_else(|error| panic!("{number}: {error}"));
            acknowledged.push(receipt.events[0]);
        }
        for node in &nodes {
            node.catch_up(WAIT).unwrap();
            assert_eq!(node.count(&Query::ALL).unwrap(), 60, "none is lost or doubled");
            let view = node.view().unwrap();
            for placed in &acknowledged {
                assert_eq!(view.at(placed.position).unwrap().unwrap().leaf(), placed.leaf);
            }
            node.close().unwrap();
        }
    }
}
