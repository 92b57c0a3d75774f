//! Whose line is it: the listener's own source, else by the sender's certificate, else by peer address, else by syslog
//! host name, else `unknown`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{Listener, ListenerKind, UNKNOWN};
use crate::parser::Context;
use crate::sources::{SourceConfig, Sources};
use crate::syslog;

/// How far into a message its host name is looked for.
const HEAD_BYTES: usize = 512;

/// Tenant and source of a record.
pub(super) type Owner = (Arc<str>, Arc<str>);

/// Who is at the other end of a connection.
pub(super) struct Sender {
    pub(super) peer: IpAddr,
    /// The names in its certificate, where it showed one.
    pub(super) names: Vec<String>,
}

/// What a listener goes by at the moment.
pub(super) struct Routes {
    listener: Listener,
    current: ArcSwap<Router>,
}

impl Routes {
    pub(super) fn new(listener: &Listener, sources: Arc<Sources>) -> Self {
        Routes { listener: listener.clone(), current: ArcSwap::from_pointee(Router::new(listener, sources)) }
    }

    pub(super) fn load(&self) -> Arc<Router> {
        self.current.load_full()
    }

    /// From here on these sources are the declared ones.
    pub(super) fn renew(&self, sources: Arc<Sources>) {
        self.current.store(Arc::new(Router::new(&self.listener, sources)));
    }

    pub(super) fn kind(&self) -> ListenerKind {
        self.listener.kind
    }
}

/// The owners of one listener's records.
pub(super) struct Router {
    pub(super) kind: ListenerKind,
    pub(super) tenant: Option<Arc<str>>,
    pub(super) sources: Arc<Sources>,
    fixed: Option<Owner>,
    unknown: Owner,
    by_certificate: HashMap<String, Owner>,
    by_peer: HashMap<IpAddr, Owner>,
    by_host: HashMap<String, Owner>,
}

impl Router {
    pub(super) fn new(listener: &Listener, sources: Arc<Sources>) -> Self {
        let tenant: Option<Arc<str>> = listener.tenant.as_deref().map(Arc::from);
        let fixed = tenant.clone().zip(listener.source.as_deref().map(Arc::from));
        let unknown = (tenant.clone().unwrap_or_else(|| UNKNOWN.into()), UNKNOWN.into());
        let mut router = Router {
            kind: listener.kind,
            tenant,
            sources: Arc::clone(&sources),
            fixed,
            unknown,
            by_certificate: HashMap::new(),
            by_peer: HashMap::new(),
            by_host: HashMap::new(),
        };
        for source in sources.iter() {
            if !router.admits(source) {
                continue;
            }
            let owner: Owner = (source.tenant.as_str().into(), source.id.as_str().into());
            router.by_certificate.extend(source.certificate.iter().map(|name| (name.clone(), owner.clone())));
            router.by_peer.extend(source.from.iter().map(|peer| (peer.to_canonical(), owner.clone())));
            // A name that a line claims chooses a source only within the listener's own tenant.
            if router.tenant.is_some() {
                router.by_host.extend(source.hosts.iter().map(|host| (host.to_ascii_lowercase(), owner.clone())));
            }
        }
        router
    }

    /// The owner of everything that comes over this connection, if it does not depend on the message.
    pub(super) fn of_sender(&self, sender: &Sender) -> Option<&Owner> {
        let certified = || self.of_certificate(&sender.names);
        self.fixed.as_ref().or_else(certified).or_else(|| self.of_peer(sender.peer))
    }

    /// The owner of what comes with a certificate of these names.
    pub(super) fn of_certificate(&self, names: &[String]) -> Option<&Owner> {
        names.iter().find_map(|name| self.by_certificate.get(name))
    }

    /// The owner of everything that this peer sends, if it does not depend on the message.
    pub(super) fn of_peer(&self, peer: IpAddr) -> Option<&Owner> {
        let known = self.fixed.as_ref().or_else(|| self.by_peer.get(&peer.to_canonical()));
        if self.by_host.is_empty() { Some(known.unwrap_or(&self.unknown)) } else { known }
    }

    /// The listener's own source.
    pub(super) fn fixed(&self) -> Option<&Owner> {
        self.fixed.as_ref()
    }

    /// The owner of a message that names its host itself.
    pub(super) fn of_host(&self, host: &str) -> &Owner {
        self.by_host.get(&host.to_ascii_lowercase()).unwrap_or(&self.unknown)
    }

    /// The owner of a message from a peer that alone does not tell.
    pub(super) fn of_message(&self, raw: &[u8]) -> &Owner {
        let head = String::from_utf8_lossy(&raw[..raw.len().min(HEAD_BYTES)]);
        let header = syslog::parse(&head, &Context::utc(stream::Timestamp::default()));
        let host = header.hostname.map(str::to_ascii_lowercase);
        host.and_then(|host| self.by_host.get(&host)).unwrap_or(&self.unknown)
    }

    /// Whether the listener takes lines of this source at all.
    pub(super) fn admits(&self, source: &SourceConfig) -> bool {
        self.tenant.as_deref().is_none_or(|tenant| tenant == source.tenant)
    }
}
