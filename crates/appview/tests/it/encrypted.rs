//! Encryption: the certificate is checked, or there is no connection.

use crate::rig::{Rig, post, row, said};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;

const AUTHORITY: &[u8] = include_bytes!("../data/authority.der");
const CERTIFICATE: &[u8] = include_bytes!("../data/db.test.der");
const KEY: &[u8] = include_bytes!("../data/db.test.key.der");

fn pem(what: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_encrypted_and_the_server_is_who_it_should_be() {
    let Some(mut rig) = Rig::new().await else { return };
    rig.postgres.keep("server.crt", &pem("CERTIFICATE", CERTIFICATE));
    rig.postgres.keep("server.key", &pem("PRIVATE KEY", KEY));
    rig.postgres.keep("pg_hba.conf", b"hostssl all all all scram-sha-256\nlocal all all trust\n");
    rig.db.batch_execute("ALTER ROLE keeper PASSWORD 'p/w@:'").await.unwrap();
    rig.postgres.set(&["ssl=on"]);
    rig.postgres.start_again();
    rig.say("ann", [said(&post(1), "spam")]).await;

    let authority = rig.dir.path().join("authority.pem");
    fs::write(&authority, pem("CERTIFICATE", AUTHORITY)).unwrap();
    let at = |host: &str, password: &str, more: &str| {
        let port = rig.postgres.port();
        format!("postgres://keeper:{password}@{host}:{port}/postgres?hostaddr=127.0.0.1{more}")
    };
    let trusted = format!("&sslmode=verify-full&sslrootcert={}", authority.display());
    let password = "p%2Fw%40%3A";

    let plain = rig.sink_at(&at("db.test", password, ""));
    plain.waits_for("does not let us in").await;
    let wrong = rig.sink_at(&at("db.test", "wrong", &trusted));
    wrong.waits_for("does not let us in").await;
    let unknown = rig.sink_at(&at("db.test", password, "&sslmode=require"));
    unknown.waits_for("certificate").await;
    let another = rig.sink_at(&at("other.test", password, &trusted));
    another.waits_for("certificate").await;
    for sink in [plain, wrong, unknown, another] {
        assert_eq!(sink.progress.position(), 0);
        let said = sink.progress.trouble().unwrap();
        assert!(!said.contains("p/w") && !said.contains("p%2F"), "{said}");
    }

    let sink = rig.sink_at(&at("db.test", password, &trusted));
    sink.in_step().await;
    let socket = format!(
        "host={} user=keeper dbname=postgres port={}",
        rig.postgres.data().display(),
        rig.postgres.port()
    );
    rig.db = crate::rig::connect(&socket).await;
    rig.becomes([row("ann", &post(1), "spam")]).await;
    let encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'labeltap'";
    assert!(rig.db.query_one(encrypted, &[]).await.unwrap().get::<_, bool>(0));
}
