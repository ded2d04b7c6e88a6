//! Where clients come in: at the address that everybody knows, and at the ports that browsers and
//! phones expect.

use tokio_util::sync::CancellationToken;

use super::{Served, serve};
use crate::{
    host::net::{self, ListenError, Listener},
    settings::ClientSecurity,
};

/// Where clients come in, bound and not served yet.
pub struct ClientListeners {
    main: Listener,
    /// The same, at another address.
    https: Option<Listener>,
    /// In clear, where browsers are told to use the encrypted one.
    http: Option<Listener>,
}

impl ClientListeners {
    /// Takes the first listener, and binds the others if the settings name addresses; these settings are
    /// for the encrypted one, and for the one in clear.
    pub async fn bind(
        main: Listener,
        clients: &ClientSecurity,
        [https, http]: [&'static str; 2],
    ) -> Result<Self, ListenError> {
        let https = net::listen_also(https, clients.https_listen).await?;
        let http = net::listen_also(http, clients.http_listen).await?;
        Ok(Self { main, https, http })
    }

    /// The port of the address that everybody knows.
    pub fn port(&self) -> u16 {
        self.main.port()
    }

    /// Serves on all of them, as [`serve`] does; what callers may hold, they may hold in all.
    pub async fn serve(self, served: Served, stop: CancellationToken) {
        let referring = self.http.map(|listener| (listener, served.referring()));
        let all = [Some(self.main), self.https].into_iter().flatten();
        let all = all.map(|listener| (listener, served.clone())).chain(referring);
        let all = all.map(|(listener, served)| serve(listener, served, stop.clone()));
        futures::future::join_all(all).await;
    }
}
