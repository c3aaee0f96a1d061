//! Connections: accepted one by one, bounded in number and time, ended in good order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, watch};
use xrdmatch::screen::RankSettings;

use crate::app::App;
use crate::candidates::Files;
use crate::ensemble::Opening;
use crate::error::ServeError;
use crate::guard::{Hosts, guard};
use crate::limits::Limits;
use crate::shelf::Shelf;
use crate::{api, assets};

/// The most bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// How often it is asked whether to stop.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long connections may take to end in good order.
const FAREWELL: Duration = Duration::from_secs(3);

/// What is served, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A run, or a directory of runs.
    pub runs: PathBuf,
    /// Candidates to browse.
    pub candidates: Option<PathBuf>,
    /// What `xrdmatch explain` says of the candidates.
    pub explanations: Option<PathBuf>,
    /// The file of patterns that the candidates are in, if not the run's unlabelled one.
    pub patterns: Option<PathBuf>,
    /// Where the labelled file is, if no longer where it was.
    pub labeled: Option<PathBuf>,
    /// Where the unlabelled file is, if no longer where it was.
    pub unlabeled: Option<PathBuf>,
    /// How scores become probabilities, as in a screening.
    pub rank: RankSettings,
    /// The address to listen at.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Names besides addresses and `localhost` under which the server may be asked.
    pub names: Vec<String>,
    /// What a caller may ask.
    pub limits: Limits,
}

impl Settings {
    /// A server for this machine alone, at a port of the system's choice.
    #[must_use]
    pub fn new(runs: PathBuf) -> Self {
        Self {
            runs,
            candidates: None,
            explanations: None,
            patterns: None,
            labeled: None,
            unlabeled: None,
            rank: RankSettings::default(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            names: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
    shelf: Shelf,
}

impl Server {
    /// Listens. Callers may connect from now on; they are answered once it [runs](Self::run).
    ///
    /// # Errors
    /// [`ServeError`]: no runs, an absent file, or an address that cannot be listened at.
    pub fn bind(settings: Settings) -> Result<Self, ServeError> {
        let shelf = Shelf::at(&settings.runs)?;
        let files = [&settings.candidates, &settings.explanations, &settings.patterns];
        for path in files.into_iter().flatten() {
            if !path.is_file() {
                return Err(ServeError::Absent { path: path.clone() });
            }
        }
        let address = SocketAddr::new(settings.host, settings.port);
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) =
            listen().map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, address, settings, shelf })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the page for a browser on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}/")
    }

    /// Answers until `stop` is raised; then ends what is under way in good order, within seconds.
    ///
    /// # Errors
    /// [`ServeError::Threads`].
    pub fn run(self, stop: &Arc<AtomicBool>) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(32)
            .thread_name("serve")
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServeError::Threads)?;
        let ended = runtime.block_on(self.serve(stop));
        // What still computes ends with the program.
        runtime.shutdown_timeout(Duration::from_millis(200));
        ended
    }

    async fn serve(self, stop: &Arc<AtomicBool>) -> Result<(), ServeError> {
        let Self { listener, settings, shelf, .. } = self;
        let limits = settings.limits;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Threads)?;
        let (end, stopping) = watch::channel(false);
        let hosts = Hosts {
            loopback: settings.host.is_loopback(),
            names: settings.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        };
        let opening = Opening {
            labeled: settings.labeled,
            unlabeled: settings.unlabeled,
            rank: settings.rank,
        };
        let files = Files {
            table: settings.candidates,
            explanations: settings.explanations,
            patterns: settings.patterns,
        };
        let app = App::new(limits, shelf, opening, files, Arc::clone(stop), stopping.clone());
        let app = Arc::new(app);
        // Of one run the models will be asked; opening them takes time that is free now.
        if let Some(run) = app.shelf.only() {
            let app = Arc::clone(&app);
            // What is wrong is told to whoever asks.
            tokio::spawn(async move { app.ensemble(&run).await.map(drop) });
        }
        let router = router(app, hosts);
        let connections = Arc::new(Semaphore::new(limits.connections));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
        while !stop.load(Ordering::Relaxed) {
            let Ok(place) = Arc::clone(&connections).acquire_owned().await else { break };
            let stream = loop {
                match tokio::time::timeout(ASK_EVERY, listener.accept()).await {
                    Ok(Ok((stream, _))) => break Some(stream),
                    // Out of file handles, or a caller that went: no reason to end.
                    Ok(Err(_)) => tokio::time::sleep(ASK_EVERY).await,
                    Err(_) => {}
                }
                if stop.load(Ordering::Relaxed) {
                    break None;
                }
            };
            let Some(stream) = stream else { break };
            let service = TowerToHyperService::new(router.clone());
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let mut stopping = stopping.clone();
            tokio::spawn(async move {
                let _place = place;
                let mut connection = std::pin::pin!(connection);
                tokio::select! {
                    _ = connection.as_mut() => {}
                    _ = stopping.changed() => {
                        connection.as_mut().graceful_shutdown();
                        let _ = connection.await;
                    }
                }
            });
        }
        let _ = end.send(true);
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(FAREWELL, connections.acquire_many(all)).await;
        Ok(())
    }
}

/// All paths, behind the guard.
fn router(app: Arc<App>, hosts: Hosts) -> Router {
    let mut router = Router::new();
    for (path, methods) in api::routes() {
        router = router.route(path, methods);
    }
    for (path, methods) in assets::routes() {
        router = router.route(path, methods.with_state(()));
    }
    let most = app.limits.body;
    router
        .fallback(api::nothing)
        .method_not_allowed_fallback(api::not_so)
        .layer(DefaultBodyLimit::max(most))
        .layer(from_fn_with_state(Arc::new(hosts), guard))
        .with_state(app)
}
