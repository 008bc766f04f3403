//! TLS on real sockets: forms of keys, client certificates, new certificates without a restart, clients that misbehave.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::support::{
    Engine,
    app::ADMIN_SECRET,
    otlp,
    process::{Process, command},
};

const PASSWORD: &str = "correct-horse";

/// A certificate and its key, PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn identity(&self) -> reqwest::Identity {
        reqwest::Identity::from_pem(format!("{}{}", self.key, self.certificate).as_bytes()).unwrap()
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/fixtures/tls/{name}.pem"))
}

fn server_params() -> CertificateParams {
    CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

/// A self-signed certificate of the server.
fn server() -> Pair {
    signed_by_itself(&server_params(), &KeyPair::generate().unwrap())
}

fn signed_by_itself(params: &CertificateParams, key: &KeyPair) -> Pair {
    Pair { certificate: params.self_signed(key).unwrap().pem(), key: key.serialize_pem() }
}

/// A self-signed certificate as OpenSSL makes it: of an authority.
fn self_made_client(change: impl FnOnce(&mut CertificateParams)) -> Pair {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    signed_by_itself(&params, &KeyPair::generate().unwrap())
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    fn client(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        Pair { certificate: params.signed_by(&key, &issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// A folder with the files of a server.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(pair: &Pair) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("cert.pem", &pair.certificate);
        folder.write("key.pem", &pair.key);
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Replaces the file whole, as those do who renew certificates.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join("new"), text).unwrap();
        std::fs::rename(self.0.path().join("new"), self.0.path().join(name)).unwrap();
    }

    async fn start(&self, further: &[(&str, &str)]) -> Process {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let mut environment = vec![
            ("PHOENIX_TLS_ENABLED", "true"),
            ("PHOENIX_TLS_CERT_FILE", certificate.as_str()),
            ("PHOENIX_TLS_KEY_FILE", key.as_str()),
        ];
        environment.extend_from_slice(further);
        Process::start_with(Engine::Sqlite, self.0.path(), "", &environment).await
    }
}

/// A client that trusts one certificate alone and keeps no connection.
fn client(trusted: &str) -> reqwest::ClientBuilder {
    let certificate = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
    reqwest::Client::builder().add_root_certificate(certificate).pool_max_idle_per_host(0)
}

fn https(process: &Process, path: &str) -> String {
    format!("https://127.0.0.1:{}{path}", process.port)
}

async fn grpc(process: &Process, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
    let endpoint = format!("https://127.0.0.1:{}", process.grpc_port);
    Endpoint::new(endpoint).unwrap().tls_config(tls.domain_name("localhost")).unwrap().connect().await
}

async fn export(channel: Channel) -> Result<(), tonic::Status> {
    let mut request = tonic::Request::new(otlp::request("p", vec![otlp::span(1, 1)]));
    request.metadata_mut().insert("authorization", format!("Bearer {ADMIN_SECRET}").parse().unwrap());
    TraceServiceClient::new(channel).export(request).await.map(|_| ())
}

fn healthcheck(process: &Process, folder: &Folder, further: &[(&str, &str)]) -> std::process::Output {
    command(&["healthcheck"])
        .env("PHOENIX_HOST", "127.0.0.1")
        .env("PHOENIX_PORT", process.port.to_string())
        .env("PHOENIX_TLS_ENABLED", "true")
        .env("PHOENIX_TLS_CERT_FILE", folder.path("cert.pem"))
        .env("PHOENIX_TLS_KEY_FILE", folder.path("key.pem"))
        .envs(further.iter().copied())
        .output()
        .unwrap()
}

#[tokio::test]
async fn both_listeners_speak_tls_and_browsers_are_told_to_stay_with_it() {
    let pair = server();
    let folder = Folder::new(&pair);
    let process = folder.start(&[]).await;
    let answer = client(&pair.certificate).build().unwrap().get(https(&process, "/healthz")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let old = client(&pair.certificate).http1_only().build().unwrap();
    let answer = old.get(https(&process, "/healthz")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11));
    for version in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
        let client = client(&pair.certificate).min_tls_version(version).max_tls_version(version).build().unwrap();
        assert_eq!(client.get(https(&process, "/healthz")).send().await.unwrap().status(), 200, "{version:?}");
    }
    // The session cookie is for HTTPS alone, and the server names itself accordingly.
    let login = serde_json::json!({"email": "admin@localhost", "password": "admin"});
    let answer = old.post(https(&process, "/auth/login")).json(&login).send().await.unwrap();
    assert!(answer.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    let refused = old.get(https(&process, "/v1/projects")).send().await.unwrap();
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().contains("\"https://127.0.0.1:"));

    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pair.certificate));
    export(grpc(&process, trusting).await.unwrap()).await.unwrap();
    let other = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(server().certificate));
    assert!(grpc(&process, other).await.is_err());
    assert!(healthcheck(&process, &folder, &[]).status.success());
}

#[tokio::test]
async fn each_listener_may_be_left_without() {
    let pair = server();
    let folder = Folder::new(&pair);
    let process = folder.start(&[("PHOENIX_TLS_ENABLED_FOR_HTTP", "false")]).await;
    let answer = reqwest::get(process.url("/healthz")).await.unwrap();
    assert_eq!(answer.headers().get("strict-transport-security"), None);
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pair.certificate));
    export(grpc(&process, trusting).await.unwrap()).await.unwrap();
    let only_http = [("PHOENIX_TLS_ENABLED", "false"), ("PHOENIX_TLS_ENABLED_FOR_HTTP", "true")];
    let process = folder.start(&only_http).await;
    let client = client(&pair.certificate).build().unwrap();
    assert_eq!(client.get(https(&process, "/healthz")).send().await.unwrap().status(), 200);
    let plain = Endpoint::new(format!("http://127.0.0.1:{}", process.grpc_port)).unwrap().connect().await.unwrap();
    export(plain).await.unwrap();
}

#[tokio::test]
async fn every_form_of_key_serves() {
    for (family, forms) in [
        (
            "ec",
            &["sec1", "pkcs8", "pkcs8-default", "pkcs8-aes192", "legacy-aes128", "legacy-aes256", "legacy-des3"][..],
        ),
        ("rsa", &["pkcs1", "pkcs8-default", "legacy-aes192"]),
        ("ed25519", &["pkcs8"]),
    ] {
        let key = std::fs::read_to_string(fixture(&format!("{family}-pkcs8"))).unwrap();
        let pair = signed_by_itself(&server_params(), &KeyPair::from_pem(&key).unwrap());
        for form in forms {
            let folder = Folder::new(&pair);
            std::fs::copy(fixture(&format!("{family}-{form}")), folder.0.path().join("key.pem")).unwrap();
            let process = folder.start(&[("PHOENIX_TLS_KEY_FILE_PASSWORD", PASSWORD)]).await;
            let client = client(&pair.certificate).build().unwrap();
            let answer = client.get(https(&process, "/healthz")).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{family} {form}");
        }
    }
}

#[tokio::test]
async fn a_demanded_client_certificate_must_be_issued_or_listed() {
    let pair = server();
    let folder = Folder::new(&pair);
    let authority = Authority::new();
    let listed = self_made_client(|_| ());
    let expired = self_made_client(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let for_servers = self_made_client(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    // People put the key beside the certificate; it is not ours to use.
    let file = [&authority.pem(), &listed.certificate, &listed.key, &expired.certificate, &for_servers.certificate];
    folder.write("ca.pem", &file.map(String::as_str).concat());
    let ca = folder.path("ca.pem");
    let verifying = [("PHOENIX_TLS_VERIFY_CLIENT", "true"), ("PHOENIX_TLS_CA_FILE", ca.as_str())];
    let process = folder.start(&verifying).await;
    let impostor = Pair { certificate: listed.certificate.clone(), key: self_made_client(|_| ()).key };
    let cases = [
        ("issued", Some(authority.client(|_| ())), true),
        ("listed", Some(listed), true),
        ("none", None, false),
        ("another's", Some(self_made_client(|_| ())), false),
        ("issued by another", Some(Authority::new().client(|_| ())), false),
        ("listed, expired", Some(expired), false),
        ("listed, for servers", Some(for_servers), false),
        ("issued, expired", Some(authority.client(|p| p.not_after = rcgen::date_time_ymd(2020, 1, 1))), false),
        ("issued, not yet", Some(authority.client(|p| p.not_before = rcgen::date_time_ymd(2090, 1, 1))), false),
        (
            "issued, for servers",
            Some(authority.client(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])),
            false,
        ),
    ];
    for (what, shown, accepted) in cases {
        for version in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
            let mut client = client(&pair.certificate).min_tls_version(version).max_tls_version(version);
            if let Some(shown) = &shown {
                client = client.identity(shown.identity());
            }
            let answer = client.build().unwrap().get(https(&process, "/healthz")).send().await;
            if what == "none" {
                let told = format!("{:?}", answer.as_ref().unwrap_err());
                assert!(told.contains("CertificateRequired"), "{version:?}: {told}");
            }
            assert_eq!(answer.is_ok_and(|a| a.status() == 200), accepted, "{what} {version:?}");
        }
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pair.certificate));
        if let Some(shown) = &shown {
            tls = tls.identity(Identity::from_pem(&shown.certificate, &shown.key));
        }
        let sent = match grpc(&process, tls).await {
            Ok(channel) => export(channel).await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(sent, accepted, "{what}, gRPC");
    }
    // A key that is another's proves nothing, whatever the certificate; no client library would even try.
    assert!(!shakes_hands_with(&impostor, &process, &pair));
    let health = healthcheck(&process, &folder, &verifying);
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
}

/// Whether a client that shows a certificate with a key that is not its own gets an answer.
fn shakes_hands_with(shown: &Pair, process: &Process, server: &Pair) -> bool {
    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned,
        client::ResolvesClientCert,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        sign::CertifiedKey,
    };
    use std::sync::Arc;

    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);
    impl ResolvesClientCert for Shows {
        fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
        fn has_certs(&self) -> bool {
            true
        }
    }
    let certificate = CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(vec![certificate], key)))));
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", process.port)).unwrap());
    let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    sent.is_ok() && stream.read_to_end(&mut answer).is_ok() && !answer.is_empty()
}

#[test]
fn a_bad_file_or_password_stops_the_start_with_one_line_that_names_the_variable() {
    let pair = server();
    let folder = Folder::new(&pair);
    folder.write("empty.pem", "");
    folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder.write("cut.pem", &pair.certificate[..200]);
    folder.write("other.pem", &server().key);
    let encrypted = fixture("ec-pkcs8-default").display().to_string();
    let path = |name: &str| folder.path(name);
    for (variable, further, says) in [
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", String::new())], "PHOENIX_TLS_ENABLED=true"),
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", path("none"))], "cannot read"),
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", path("empty.pem"))], "no certificate"),
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", path("key.pem"))], "no certificate"),
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", path("broken.pem"))], "cannot be used"),
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", path("cut.pem"))], "damaged"),
        ("PHOENIX_TLS_CERT_FILE", vec![("PHOENIX_TLS_CERT_FILE", path(""))], "cannot read"),
        ("PHOENIX_TLS_KEY_FILE", vec![("PHOENIX_TLS_KEY_FILE", String::new())], "unset"),
        ("PHOENIX_TLS_KEY_FILE", vec![("PHOENIX_TLS_KEY_FILE", path("none"))], "cannot read"),
        ("PHOENIX_TLS_KEY_FILE", vec![("PHOENIX_TLS_KEY_FILE", path("cert.pem"))], "no private key"),
        ("PHOENIX_TLS_KEY_FILE", vec![("PHOENIX_TLS_KEY_FILE", path("other.pem"))], "does not fit"),
        ("PHOENIX_TLS_KEY_FILE_PASSWORD", vec![("PHOENIX_TLS_KEY_FILE", encrypted.clone())], "unset"),
        (
            "PHOENIX_TLS_KEY_FILE_PASSWORD",
            vec![("PHOENIX_TLS_KEY_FILE", encrypted), ("PHOENIX_TLS_KEY_FILE_PASSWORD", "hunter2".to_owned())],
            "does not decrypt",
        ),
        ("PHOENIX_TLS_CA_FILE", vec![("PHOENIX_TLS_VERIFY_CLIENT", "true".to_owned())], "unset"),
        (
            "PHOENIX_TLS_CA_FILE",
            vec![("PHOENIX_TLS_VERIFY_CLIENT", "true".to_owned()), ("PHOENIX_TLS_CA_FILE", path("key.pem"))],
            "no certificate",
        ),
        (
            "PHOENIX_TLS_CA_FILE",
            vec![("PHOENIX_TLS_VERIFY_CLIENT", "true".to_owned()), ("PHOENIX_TLS_CA_FILE", path("broken.pem"))],
            "cannot be used",
        ),
    ] {
        let output = command(&["serve"])
            .env("PHOENIX_WORKING_DIR", folder.0.path())
            .env("PHOENIX_TLS_ENABLED", "true")
            .env("PHOENIX_TLS_CERT_FILE", path("cert.pem"))
            .env("PHOENIX_TLS_KEY_FILE", path("key.pem"))
            .envs(further)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.lines().count() == 1, "{said}");
        assert!(said.starts_with(&format!("phoenix-server: {variable}: ")) && said.contains(says), "{says}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn new_certificates_are_used_without_a_restart_and_bad_ones_are_not() {
    let (old, new) = (server(), server());
    let folder = Folder::new(&old);
    let process = folder.start(&[]).await;
    let works_with = async |pair: &Pair| {
        client(&pair.certificate).build().unwrap().get(https(&process, "/healthz")).send().await.is_ok()
    };
    let hang_up = || {
        let pid = rustix::process::Pid::from_child(&process.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    };
    assert!(works_with(&old).await && !works_with(&new).await);
    // Half of a change, then one that is damaged: what was good stays.
    for bad in [&new.certificate, "nonsense"] {
        folder.write("cert.pem", bad);
        hang_up();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(works_with(&old).await);
    }
    folder.write("cert.pem", &new.certificate);
    folder.write("key.pem", &new.key);
    hang_up();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !works_with(&new).await {
        assert!(Instant::now() < deadline, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!works_with(&old).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_or_bad_handshake_costs_others_nothing_and_ends() {
    let pair = server();
    let folder = Folder::new(&pair);
    let mut process = folder.start(&[]).await;
    let connect = || TcpStream::connect(("127.0.0.1", process.port)).unwrap();
    // More than are let wait at once: nobody who is honest is turned away for them.
    let silent: Vec<TcpStream> = (0..600).map(|_| connect()).collect();
    let mut slow = connect();
    slow.write_all(&[0x16, 0x03, 0x01]).unwrap();
    let mut bad = connect();
    bad.write_all(&[0xFF; 64]).unwrap();
    let client = client(&pair.certificate).build().unwrap();
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(client.get(https(&process, "/healthz")).send().await.unwrap().status(), 200);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let ends = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    };
    assert!(ends(&mut bad));
    assert!(ends(&mut silent.into_iter().next().unwrap()), "pushed out by those after it");
    assert!(started.elapsed() < Duration::from_secs(9), "before its time: {:?}", started.elapsed());
    assert!(ends(&mut slow), "out of time");
    // A handshake that is under way does not hold up a stop.
    let _waiting = connect();
    let stopping = Instant::now();
    assert!(process.terminate());
    assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
}

#[tokio::test]
async fn http_without_tls_is_told_what_is_wrong() {
    let folder = Folder::new(&server());
    let process = folder.start(&[]).await;
    let answer = reqwest::Client::new().post(process.url("/v1/traces")).body(vec![0; 10_000]).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("https"));
}

#[tokio::test]
async fn the_summary_shows_https_addresses() {
    use std::io::{BufRead as _, BufReader};
    let folder = Folder::new(&server());
    let mut child = command(&["serve"])
        .env("PHOENIX_HOST", "127.0.0.1")
        .env("PHOENIX_PORT", "0")
        .env("PHOENIX_GRPC_PORT", "0")
        .env("PHOENIX_WORKING_DIR", folder.0.path())
        .env("PHOENIX_TLS_ENABLED", "true")
        .env("PHOENIX_TLS_CERT_FILE", folder.path("cert.pem"))
        .env("PHOENIX_TLS_KEY_FILE", folder.path("key.pem"))
        .env("PHOENIX_TLS_CA_FILE", folder.path("cert.pem"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.contains("Auth  "))
        .collect();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let told = lines.join("\n");
    for wanted in ["UI and REST  https://127.0.0.1:0", "OTLP/gRPC    https://127.0.0.1:0"] {
        assert!(told.contains(wanted), "{told}");
    }
    let log = format!("{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(log.contains("PHOENIX_TLS_CA_FILE set without effect"), "{log}");
}
