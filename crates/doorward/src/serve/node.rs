//! One server: everything put together, started, and stopped in order.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use doorward_delivery::sender::Router;
use doorward_delivery::worker::{Worker, WorkerOptions, WorkerParts};
use doorward_domain::Clock;
use doorward_domain::contact::Channel;
use doorward_http::{
    DevAids, Drained, ForwardedHeader, OperatorFace, PublicFace, ServeOptions, ShellOptions,
    TrustedProxies, operator_router, public_router,
};
use doorward_service::{Core, health, jobs};
use doorward_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::listen::Ports;
use super::senders;
use super::signals::Signals;
use super::telemetry;
use crate::config::{Config, Loaded, Values, sections};
use crate::doctor::{Listening, Local, Recent};
use crate::failure::Failure;
use crate::{Outcome, deployment};

/// How long jobs and the outbox may take to end after the last request.
pub(crate) const BACKGROUND_GRACE: Duration = Duration::from_secs(10);

/// What a server is made of.
pub(super) struct Node {
    pub(super) config: Config,
    pub(super) values: Values,
    pub(super) issuer: String,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sender: Arc<Router>,
    pub(super) dev: Option<DevAids>,
    pub(super) telemetry: PrometheusHandle,
}

/// A server that answers.
pub(super) struct Running {
    pub(super) core: Arc<Core>,
    pub(super) issuer: String,
    pub(super) public: SocketAddr,
    pub(super) operator: SocketAddr,
    signals: Signals,
    unready: Duration,
    stop_faces: watch::Sender<()>,
    faces: [JoinHandle<std::io::Result<Drained>>; 2],
    stop_background: watch::Sender<()>,
    background: Vec<JoinHandle<()>>,
    upkeep: JoinHandle<()>,
}

impl Node {
    /// Migrates, loads or makes the keys, starts the background work and then the faces. `None`
    /// when a signal came first.
    pub(super) async fn start(self, ports: Ports) -> Outcome<Option<Running>> {
        let mut signals = Signals::listen()?;
        // A migration may take long, or wait for another node's. What is broken off here leaves a
        // transaction that was never committed.
        let core = tokio::select! {
            core = self.prepare() => core?,
            name = signals.next() => {
                tracing::info!(signal = name, "stopped before it was ready");
                return Ok(None);
            }
        };
        let (stop_faces, stopping) = watch::channel(());
        let (stop_background, background_stopping) = watch::channel(());
        let mut background = jobs::spawn(&core, &background_stopping);
        background.extend(self.outbox(&core, &background_stopping));
        let (public, operator) = (ports.public.address, ports.operator.address);
        let faces = self.faces(
            &core,
            &stopping,
            ports.public.open()?,
            ports.operator.open()?,
        );
        Ok(Some(Running {
            core,
            issuer: self.issuer,
            public,
            operator,
            signals,
            unready: self.config.server.unready,
            stop_faces,
            faces,
            stop_background,
            background,
            upkeep: tokio::spawn(telemetry::upkeep(self.telemetry)),
        }))
    }

    async fn prepare(&self) -> Outcome<Arc<Core>> {
        tracing::debug!("bringing the schema up to date");
        let migrated = self.store.migrate().await?;
        if !migrated.applied_now.is_empty() {
            tracing::info!(versions = ?migrated.applied_now, "the schema was brought up to date");
        }
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        let core = deployment::core(&self.config, store, self.issuer.clone(), clock).await?;
        core.messages.set_sender(self.sender.clone());
        let alarms = senders::alarms(&self.config, self.sender.clone()).map_err(|problem| {
            Failure::configuration("Alarms cannot be told to anybody:", &[problem])
        })?;
        core.messages.set_alarms(Arc::new(alarms));
        Ok(core)
    }

    /// One worker for each channel.
    fn outbox(
        &self,
        core: &Arc<Core>,
        stopping: &watch::Receiver<()>,
    ) -> impl Iterator<Item = JoinHandle<()>> {
        let parts = WorkerParts {
            store: core.store.clone(),
            keyring: Arc::clone(&core.keyring),
            sender: self.sender.clone(),
            apps: Arc::clone(&core.messages),
            clock: Arc::clone(&core.clock),
            random: Arc::clone(&core.random),
            bell: Arc::clone(&core.outbox_bell),
            counts: core.clone(),
        };
        Channel::ALL.into_iter().map(move |channel| {
            let worker = Worker::new(channel, parts.clone(), WorkerOptions::default());
            let mut stopping = stopping.clone();
            tokio::spawn(worker.run(async move {
                // An error means that the sender is gone, which is a stop too.
                drop(stopping.changed().await);
            }))
        })
    }

    /// Examines this node, off the threads that serve.
    fn doctor(&self, operator: SocketAddr) -> doorward_http::LocalDoctor {
        let loaded = Loaded {
            config: self.config.clone(),
            values: self.values.clone(),
            problems: Vec::new(),
        };
        let local = Arc::new(Local::new(loaded, Some(Listening { operator })));
        let recent = Arc::new(Recent::default());
        Arc::new(move || {
            let (local, recent) = (Arc::clone(&local), Arc::clone(&recent));
            let examine = || async move {
                let done = tokio::task::spawn_blocking(move || local.examine());
                // A panic has been logged; the database's half is told all the same.
                done.await.unwrap_or_default()
            };
            // A task of its own: who hangs up and asks again would begin another beside it.
            let found = tokio::spawn(async move { recent.or(examine).await });
            Box::pin(async move { found.await.unwrap_or_default() })
        })
    }

    fn faces(
        &self,
        core: &Arc<Core>,
        stopping: &watch::Receiver<()>,
        public: tokio::net::TcpListener,
        operator: tokio::net::TcpListener,
    ) -> [JoinHandle<std::io::Result<Drained>>; 2] {
        let options = shell_options(&self.config, &self.issuer);
        let health_secret = self.config.health.secret.clone();
        let public_routes = public_router(PublicFace {
            core: Arc::clone(core),
            health_secret: health_secret.clone(),
            options: options.clone(),
        });
        let operator_routes = operator_router(OperatorFace {
            core: Arc::clone(core),
            health_secret,
            metrics: self.telemetry.clone(),
            options,
            local: operator
                .local_addr()
                .ok()
                .map(|address| self.doctor(address)),
            dev: self.dev.clone(),
        });
        [(public, public_routes), (operator, operator_routes)].map(|(listener, routes)| {
            let mut stopping = stopping.clone();
            let shutdown = async move { drop(stopping.changed().await) };
            let options = serve_options(&self.config);
            tokio::spawn(doorward_http::serve(listener, routes, options, shutdown))
        })
    }
}

fn shell_options(config: &Config, issuer: &str) -> ShellOptions {
    ShellOptions {
        proxies: TrustedProxies {
            networks: config.server.trusted_proxies.clone(),
            header: match config.server.forwarded_header {
                sections::ForwardedHeader::XForwardedFor => ForwardedHeader::XForwardedFor,
                sections::ForwardedHeader::Forwarded => ForwardedHeader::Forwarded,
            },
        },
        body_limit: config.limits.body_bytes,
        request_timeout: config.limits.request,
        max_in_flight: config.limits.concurrency,
        https: issuer.starts_with("https://"),
    }
}

fn serve_options(config: &Config) -> ServeOptions {
    ServeOptions {
        header_timeout: config.limits.header,
        max_connections: config.limits.connections,
        drain_timeout: config.server.shutdown,
        ..ServeOptions::default()
    }
}

impl Running {
    /// Serves until a signal comes, then stops in order: `/health` says so (for as long as is
    /// configured), no new connections, requests in flight finish, background work ends, the
    /// database is closed. A second signal ends it at once.
    pub(super) async fn until_stopped(self) -> Outcome<ExitCode> {
        let Self {
            core,
            mut signals,
            unready,
            stop_faces,
            mut faces,
            stop_background,
            background,
            ..
        } = self;
        let [public, operator] = &mut faces;
        let broken = tokio::select! {
            name = signals.next() => {
                tracing::info!(signal = name, "stopping: requests in flight may finish");
                None
            }
            ended = public => Some(("public", ended)),
            ended = operator => Some(("operator", ended)),
        };
        if let Some((face, ended)) = &broken {
            tracing::error!(face, "the face ended by itself: {ended:?}");
        }
        let orderly = async {
            health::announce_stop(&core);
            if broken.is_none() {
                tokio::time::sleep(unready).await;
            }
            drop(stop_faces);
            for face in &mut faces {
                if face.is_finished() {
                    continue;
                }
                if let Ok(Ok(drained)) = face.await
                    && drained.cut_off > 0
                {
                    tracing::warn!(cut_off = drained.cut_off, "requests did not finish in time");
                }
            }
            drop(stop_background);
            let ends = async {
                for job in background {
                    if let Err(error) = job.await {
                        tracing::error!(%error, "background work broke off");
                    }
                }
            };
            if tokio::time::timeout(BACKGROUND_GRACE, ends).await.is_err() {
                tracing::warn!("background work did not end in time and is broken off");
            }
            core.store.close().await;
        };
        tokio::select! {
            () = orderly => tracing::info!("stopped"),
            name = signals.next() => {
                tracing::warn!(signal = name, "stopped at once");
                return Ok(ExitCode::from(1));
            }
        }
        self.upkeep.abort();
        match broken {
            None => Ok(ExitCode::SUCCESS),
            Some((face, _)) => Err(Failure::failed(
                "SERVER",
                format!("The {face} face ended by itself."),
            )),
        }
    }
}
