//! The addresses a server may be at, tried one after the other, each for a limited time.
//!
//! tokio-postgres limits the time to open a socket only. A machine that is frozen, or a proxy whose
//! server is away, still accepts connections and then says nothing: it would be waited for, for
//! ever, while the next host of the list is the new primary.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

/// PostgreSQL's port.
const PORT: u16 = 5432;

/// Where to begin: with the address that was good last, or with another one each time.
pub(super) struct Start {
    index: AtomicUsize,
    rotates: bool,
}

impl Start {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            index: AtomicUsize::new(0),
            rotates: config.get_load_balance_hosts() == LoadBalanceHosts::Random,
        }
    }

    /// The order in which `count` addresses are tried.
    pub(super) fn order(&self, count: usize) -> impl Iterator<Item = usize> {
        let first = if self.rotates {
            self.index.fetch_add(1, Relaxed)
        } else {
            self.index.load(Relaxed)
        };
        (0..count).map(move |offset| first.wrapping_add(offset) % count)
    }

    /// This one was good.
    pub(super) fn keep(&self, index: usize) {
        if !self.rotates {
            self.index.store(index, Relaxed);
        }
    }
}

/// One configuration for each address of each host, in the order of the URL.
///
/// # Errors
/// Why there is none.
pub(super) async fn addresses(config: &Config, limit: Duration) -> Result<Vec<Config>, String> {
    let mut found = Vec::new();
    let mut why = String::from("no host is named");
    for (index, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(PORT);
        match host {
            Host::Tcp(name) => {
                let look_up = tokio::net::lookup_host((name.as_str(), port));
                match tokio::time::timeout(limit, look_up).await {
                    Ok(Ok(addresses)) => {
                        found.extend(addresses.map(|at| only(config, host, Some(at.ip()), port)))
                    }
                    Ok(Err(error)) => why = format!("{name}: {error}"),
                    Err(_) => why = format!("{name}: its address was not found in time"),
                }
            }
            #[cfg(unix)]
            Host::Unix(_) => found.push(only(config, host, None, port)),
        }
    }
    if found.is_empty() {
        Err(why)
    } else {
        Ok(found)
    }
}

/// The configuration with one host, at one address.
fn only(config: &Config, host: &Host, address: Option<IpAddr>, port: u16) -> Config {
    let mut only = Config::new();
    match host {
        Host::Tcp(name) => only.host(name),
        #[cfg(unix)]
        Host::Unix(path) => only.host_path(path),
    };
    if let Some(address) = address {
        only.hostaddr(address);
    }
    only.port(port)
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    if let Some(user) = config.get_user() {
        only.user(user);
    }
    if let Some(password) = config.get_password() {
        only.password(password);
    }
    if let Some(name) = config.get_dbname() {
        only.dbname(name);
    }
    if let Some(options) = config.get_options() {
        only.options(options);
    }
    if let Some(name) = config.get_application_name() {
        only.application_name(name);
    }
    if let Some(limit) = config.get_connect_timeout() {
        only.connect_timeout(*limit);
    }
    if let Some(limit) = config.get_tcp_user_timeout() {
        only.tcp_user_timeout(*limit);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        only.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        only.keepalives_retries(retries);
    }
    only
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_configuration_is_lost() {
        let all: Config = "postgres://u:p@h:6000/d?options=-c%20a%3Db&application_name=x\
             &connect_timeout=3&tcp_user_timeout=4&keepalives=1&keepalives_idle=5\
             &keepalives_interval=6&keepalives_retries=7&target_session_attrs=read-write\
             &channel_binding=require&load_balance_hosts=random&sslmode=require\
             &sslnegotiation=direct"
            .parse()
            .unwrap();
        let host = all.get_hosts()[0].clone();
        let copy = only(&all, &host, None, 6000);
        assert_eq!(format!("{copy:?}"), format!("{all:?}"));
        assert_eq!(copy, all, "the password too, which is not printed");
    }

    #[test]
    fn the_one_that_was_good_comes_first() {
        let start = Start::new(&"postgres://h/d".parse().unwrap());
        assert_eq!(start.order(3).collect::<Vec<_>>(), [0, 1, 2]);
        start.keep(1);
        assert_eq!(start.order(3).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(start.order(1).collect::<Vec<_>>(), [0]);
        assert_eq!(start.order(0).count(), 0);
    }

    #[test]
    fn balanced_hosts_take_turns() {
        let start = Start::new(&"postgres://h/d?load_balance_hosts=random".parse().unwrap());
        assert_eq!(start.order(2).next(), Some(0));
        assert_eq!(start.order(2).next(), Some(1));
        assert_eq!(start.order(2).next(), Some(0));
    }
}
