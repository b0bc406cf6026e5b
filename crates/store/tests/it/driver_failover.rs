//! A primary that freezes, is replaced by its standby, and wakes up as the primary it was: nobody
//! tells it otherwise, as a manager of the cluster would after a moment.

use std::time::{Duration, Instant};

use doorward_store::postgres::{Options, PostgresDriver};
use doorward_store::{Connection, StoreError};

use crate::support::{Raw, Server, ids, insert, postgres_options};

/// The primary comes first, so that it is asked first.
fn options(primary: &Server, standby: &Server) -> Options {
    let (before, after) = (primary.port(), standby.port());
    let url = primary.url("127.0.0.1", "");
    let both = format!(":{before},127.0.0.1:{after}/");
    let mut options = postgres_options(&url.replace(&format!(":{before}/"), &both));
    options.unavailable_after = Duration::from_secs(6);
    options
}

async fn driver(options: &Options) -> Raw {
    Raw::new(PostgresDriver::connect(options.clone()).await.unwrap())
}

/// Long enough that each connection has to do one of as many as there are connections.
fn slowly(tx: &mut dyn Connection) -> Result<Vec<i64>, StoreError> {
    tx.query("SELECT CAST(1 AS BIGINT) FROM pg_sleep(0.2)", &[])?;
    ids(tx)
}

async fn all(raw: &Raw) -> Vec<Vec<i64>> {
    let reads: Vec<_> = (0..4).map(|_| raw.read(slowly)).collect();
    let mut found = Vec::new();
    for read in reads {
        found.push(read.await.unwrap());
    }
    found
}

#[test]
fn a_primary_that_was_replaced_while_it_stood_still_is_not_believed() {
    let Some(primary) = Server::start() else {
        return;
    };
    let standby = primary.standby().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let options = options(&primary, &standby);
        let (busy, idle) = (driver(&options).await, driver(&options).await);
        let table = "CREATE TABLE probe (id BIGINT NOT NULL PRIMARY KEY)";
        busy.write(move |tx| tx.execute(table, &[])).await.unwrap();
        busy.write(|tx| insert(tx, 1)).await.unwrap();
        assert_eq!(all(&busy).await, vec![vec![1]; 4]);
        assert_eq!(all(&idle).await, vec![vec![1]; 4]);
        // What the primary has sent has arrived.
        tokio::time::sleep(Duration::from_millis(500)).await;

        primary.freeze();
        let began = Instant::now();
        let waiting = busy.write(|tx| insert(tx, 2));
        tokio::task::block_in_place(|| standby.promote());
        waiting.await.unwrap();
        // Much sooner than a connection that is silent is given up.
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");

        // It wakes up, and takes writes.
        primary.wake();
        assert_eq!(all(&busy).await, vec![vec![1, 2]; 4]);
        // Nobody has told this one; its connections are as old as the primary's belief.
        assert_eq!(all(&idle).await, vec![vec![1, 2]; 4]);
        idle.write(|tx| insert(tx, 3)).await.unwrap();
        // A process that remembers nothing, and asks the older one first.
        let fresh = driver(&options).await;
        assert_eq!(all(&fresh).await, vec![vec![1, 2, 3]; 4]);
        // With the later one away, the older one is no substitute for those who know.
        tokio::task::block_in_place(|| standby.stop());
        let refused = busy.read(ids).await;
        assert!(
            matches!(&refused, Err(StoreError::Unavailable { message, .. })
                if message.contains("timeline")),
            "{refused:?}"
        );
    });
}

/// That the question was interrupted says nothing about where a server is: it is not believed for it.
#[test]
fn a_server_that_could_not_finish_saying_where_it_is_is_not_used() {
    const SCHEMA: &str = "CREATE SCHEMA before";
    const INTERRUPTED: &str = "CREATE FUNCTION before.pg_control_system() \
         RETURNS TABLE (system_identifier BIGINT) LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'interrupted' USING ERRCODE = '57014'; END $$";
    let Some(server) = Server::start() else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = server.url("127.0.0.1", "");
        let superuser = driver(&postgres_options(&url)).await;
        for sql in [SCHEMA, INTERRUPTED] {
            let done = superuser.write(move |tx| tx.execute(sql, &[]));
            done.await.unwrap();
        }
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{mark}options=-c%20search_path%3Dbefore,pg_catalog,public");
        let mut options = postgres_options(&url);
        options.unavailable_after = Duration::from_secs(1);
        let refused = PostgresDriver::connect(options).await.err();
        assert!(
            matches!(&refused, Some(StoreError::Unavailable { message, .. })
                if message.contains("interrupted")),
            "{refused:?}"
        );
    });
}

/// Every role may ask for the timeline; where somebody forbade it, Doorward works without.
#[test]
fn a_server_that_does_not_say_where_it_is_is_used_all_the_same() {
    const ROLE: &str = "CREATE ROLE ordinary LOGIN PASSWORD 'test-only'";
    const FORBIDDEN: &str = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC";
    const QUESTION: &str = "SELECT pg_walfile_name(pg_current_wal_lsn()) \
         FROM pg_control_system()";
    let Some(server) = Server::start() else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let superuser = driver(&postgres_options(&server.url("127.0.0.1", ""))).await;
        let run = async |sql: &'static str| {
            let done = superuser.write(move |tx| tx.execute(sql, &[]));
            done.await.unwrap();
        };
        run(ROLE).await;
        let url = server
            .url("127.0.0.1", "")
            .replace("postgres:test", "ordinary:test");
        let options = postgres_options(&url);
        let told = driver(&options).await;
        let file = told.read(|tx| tx.query(QUESTION, &[])?.remove(0).take::<String>());
        assert!(file.await.unwrap().starts_with("00000001"));
        run(FORBIDDEN).await;
        let untold = driver(&options).await;
        assert!(untold.read(|tx| tx.query(QUESTION, &[])).await.is_err());
        // Also after a silence, when the other addresses would be asked.
        tokio::time::sleep(Duration::from_millis(2_200)).await;
        let one = untold.read(|tx| {
            tx.query("SELECT CAST(1 AS BIGINT)", &[])?
                .remove(0)
                .take::<i64>()
        });
        assert_eq!(one.await.unwrap(), 1);
    });
}
