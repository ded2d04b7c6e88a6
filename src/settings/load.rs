//! From the layers to one struct per role: checks that required values are set, and that related
//! values agree.

use std::path::{Path, PathBuf};

use super::{
    AdminSettings, BackupPlace, BackupPlan, BackupSettings, BenchSettings, CallerLimits,
    CertsSettings, CheckSettings, ClassicMode, ClientCertificate, ClientSecurity, ClientSettings,
    CompactSettings, ConsensusSettings, DiskLimits, DomainSettings, Front, HealthcheckSettings,
    HistoryFile, Layers, Limits, LogChangeSettings, LogFormat, LogSettings, MasterSettings,
    NodeEncryption, NodeSecurity, PlainCalls, RecoverSettings, RestoreSettings, RouterSettings,
    Scenario, Secret, SettingsError, SignUpSettings, SlaveSettings, StatusSettings,
    TerminalSettings, TransferSettings,
    value::{self, ValueKind},
};
use crate::{
    acme::Authority,
    domain::{SecretCode, UserName},
    host::{privacy, text_file},
    tls::{CertificateFiles, NodeFiles, Trust},
};

/// Where container engines put secrets, readable for all users of a container, in which there are no
/// others.
const MOUNTED_SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

impl Layers {
    /// The settings of `tinysns router`.
    pub fn router(&self) -> Result<RouterSettings, SettingsError> {
        Ok(RouterSettings {
            router_listen: self.parsed("router_listen")?,
            witness_listen: self.parsed("witness_listen")?,
            metrics_listen: self.parsed("router_metrics_listen")?,
            advertise_host: self.optional_text("advertise_host")?,
            data_dir: self.text("router_data_dir")?.into(),
            down_after: self.duration("down_after")?,
            classic: self.classic()?,
            consensus: self.consensus()?,
            erase_within: self.duration("erase_within")?,
            callers: self.callers()?,
            secret: self.secret()?,
            nodes: self.nodes()?,
            clients: self.clients(["router_https_listen", "router_http_listen"])?,
            front: self.front()?,
        })
    }

    /// The settings of `tinysns slave`.
    pub fn slave(&self) -> Result<SlaveSettings, SettingsError> {
        Ok(SlaveSettings { reboot_delay: self.duration("reboot_delay")?, master: self.master()? })
    }

    /// The settings of `tinysns master`.
    pub fn master(&self) -> Result<MasterSettings, SettingsError> {
        Ok(MasterSettings {
            name: self.optional_text("name")?,
            router: self.text("router")?,
            client_listen: self.parsed("client_listen")?,
            peer_listen: self.parsed("peer_listen")?,
            metrics_listen: self.parsed("metrics_listen")?,
            advertise_host: self.optional_text("advertise_host")?,
            data_dir: self.text("data_dir")?.into(),
            report_interval: self.duration("report_interval")?,
            drain_timeout: self.duration("drain_timeout")?,
            state_memory_mib: self.parsed("state_memory_mib")?,
            disk: self.disk()?,
            consensus: self.consensus()?,
            erase_within: self.duration("erase_within")?,
            classic: self.classic()?,
            limits: self.limits()?,
            callers: self.callers()?,
            secret: self.secret()?,
            nodes: self.nodes()?,
            clients: self.clients(["https_listen", "http_listen"])?,
            front: self.front()?,
        })
    }

    fn disk(&self) -> Result<DiskLimits, SettingsError> {
        let bytes = |mib: u32| u64::from(mib) << 20;
        let quota = match self.optional_text("data_quota_mib")? {
            None => None,
            Some(_) => Some(bytes(self.parsed("data_quota_mib")?)),
        };
        Ok(DiskLimits { quota, reserve: bytes(self.parsed("disk_reserve_mib")?) })
    }

    /// The settings of `tinysns client`.
    pub fn terminal(
        &self,
        json: bool,
        command: Option<String>,
    ) -> Result<TerminalSettings, SettingsError> {
        let user = self.text("user")?;
        Ok(TerminalSettings {
            client: self.client()?,
            user: UserName::new(user.as_str())
                .map_err(|_| self.refuse("user", format!("{user:?}")))?,
            password_file: self.optional_text("password_file")?.map(PathBuf::from),
            history_file: match self.optional_text("history_file")?.as_deref() {
                None => HistoryFile::Usual,
                Some("none") => HistoryFile::None,
                Some(path) => HistoryFile::At(path.into()),
            },
            full_screen: self.text("full_screen")? == "on",
            json,
            command,
        })
    }

    /// The settings of `tinysns status`.
    pub fn status(&self, watch: bool, json: bool) -> Result<StatusSettings, SettingsError> {
        Ok(StatusSettings {
            client: self.client()?,
            secret: self.secret_of_operator()?,
            nodes: self.nodes()?,
            watch,
            json,
        })
    }

    /// The settings of `tinysns healthcheck`.
    pub fn healthcheck(&self) -> Result<HealthcheckSettings, SettingsError> {
        Ok(HealthcheckSettings { address: self.text("address")? })
    }

    /// The settings of `tinysns log`.
    pub fn log_change(&self, filter: Option<String>) -> Result<LogChangeSettings, SettingsError> {
        Ok(LogChangeSettings { metrics: self.text("metrics")?, filter })
    }

    /// The settings of `tinysns certs`.
    pub fn certs(&self, directory: &str, nodes: Vec<String>) -> CertsSettings {
        CertsSettings { directory: directory.into(), nodes }
    }

    /// The settings of `tinysns check`.
    pub fn check(&self, directory: &str, json: bool) -> CheckSettings {
        CheckSettings { directory: directory.into(), json }
    }

    /// The settings of `tinysns backup`, which makes this one, or several in this directory.
    pub fn backup(&self, place: BackupPlace) -> Result<BackupSettings, SettingsError> {
        let plan = match self.optional_text("every")? {
            None => BackupPlan::Once { place },
            Some(_) => BackupPlan::Every {
                directory: place,
                every: self.duration("every")?,
                keep: self.parsed("keep")?,
            },
        };
        let (client, secret, nodes) = (self.client()?, self.secret()?, self.nodes()?);
        Ok(BackupSettings { client, secret, nodes, plan })
    }

    /// The settings of `tinysns restore`, of this backup.
    pub fn restore(
        &self,
        place: BackupPlace,
        keeps_sessions: bool,
    ) -> Result<RestoreSettings, SettingsError> {
        let data_dir = self.text("data_dir")?.into();
        Ok(RestoreSettings { place, data_dir, keeps_sessions })
    }

    /// The settings of `tinysns compact`.
    pub fn compact(&self) -> Result<CompactSettings, SettingsError> {
        let (client, secret, nodes) = (self.client()?, self.secret()?, self.nodes()?);
        Ok(CompactSettings { client, secret, nodes })
    }

    /// The settings of `tinysns admin`: as somebody, or with the cluster's secret.
    pub fn admin(
        &self,
        as_user: Option<UserName>,
        json: bool,
    ) -> Result<AdminSettings, SettingsError> {
        let secret = if as_user.is_none() { Some(self.secret()?) } else { None };
        Ok(AdminSettings {
            client: self.client()?,
            secret,
            nodes: self.nodes()?,
            as_user,
            password_file: self.optional_text("password_file")?.map(PathBuf::from),
            json,
        })
    }

    /// The settings of `tinysns sign-up`.
    pub fn sign_up(
        &self,
        invitation: Option<SecretCode>,
        reason: Option<String>,
    ) -> Result<SignUpSettings, SettingsError> {
        Ok(SignUpSettings {
            client: self.client()?,
            user: self.user()?,
            password_file: self.optional_text("password_file")?.map(PathBuf::from),
            invitation,
            reason: reason.unwrap_or_default(),
        })
    }

    fn user(&self) -> Result<UserName, SettingsError> {
        let user = self.text("user")?;
        UserName::new(user.as_str()).map_err(|_| self.refuse("user", format!("{user:?}")))
    }

    /// What `tinysns export` and `tinysns import` have in common.
    pub fn transfer(
        &self,
        host: Option<String>,
        json: bool,
    ) -> Result<TransferSettings, SettingsError> {
        Ok(TransferSettings {
            client: self.client()?,
            user: self.user()?,
            password_file: self.optional_text("password_file")?.map(PathBuf::from),
            host,
            json,
        })
    }

    /// The settings of `tinysns recover`, of what is left in these directories.
    pub fn recover(
        &self,
        directories: Vec<PathBuf>,
        is_agreed: bool,
    ) -> Result<RecoverSettings, SettingsError> {
        Ok(RecoverSettings {
            directories,
            data_dir: self.text("data_dir")?.into(),
            is_agreed,
            client: self.client()?,
            secret: self.secret_of_operator()?,
            nodes: self.nodes()?,
        })
    }

    /// The settings of `tinysns bench`.
    pub fn bench(
        &self,
        scenarios: Vec<Scenario>,
        json: bool,
    ) -> Result<BenchSettings, SettingsError> {
        let rate = self.optional_text("rate")?.map(|_| self.parsed("rate")).transpose()?;
        let start = self.optional_text("start")?.map(|_| self.parsed("start")).transpose()?;
        let lone = scenarios.iter().find(|named| Scenario::OF_ITS_OWN.contains(named));
        if let (None, Some(scenario)) = (start, lone) {
            let origin = "on the command line".to_owned();
            return Err(SettingsError::Incomplete {
                set: scenario.name(),
                origin,
                missing: "start",
            });
        }
        Ok(BenchSettings {
            client: self.client()?,
            start,
            scenarios,
            callers: self.parsed("callers")?,
            clients: self.parsed("clients")?,
            rate,
            round: self.duration("round")?,
            rounds: self.parsed("rounds")?,
            readers: self.parsed("readers")?,
            people: self.parsed("people")?,
            posts: self.parsed("posts")?,
            duration: self.duration("duration")?,
            pause: self.duration("pause")?,
            metrics: self.text("metrics")?,
            json,
        })
    }

    /// The log settings of any role.
    pub fn log(&self) -> Result<LogSettings, SettingsError> {
        let format = match self.text("log_format")?.as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        };
        Ok(LogSettings { filter: self.text("log")?, format })
    }

    /// What is allowed, but probably not meant; for a node's log.
    pub fn warnings(&self) -> Result<Vec<String>, SettingsError> {
        let secret_file =
            if self.reads("secret_file") { self.optional_text("secret_file")? } else { None };
        let open_secret = secret_file.iter().filter_map(|path| open_secret(Path::new(path)));
        let in_clear = self.reads("domain")
            && self.optional_text("domain")?.is_some()
            && self.nodes()?.encryption == NodeEncryption::Off;
        let in_clear = in_clear.then(|| {
            "node_encryption is off: nodes tell each other the key of the domain's certificate in clear"
                .to_owned()
        });
        Ok(open_secret.chain(in_clear).collect())
    }

    fn client(&self) -> Result<ClientSettings, SettingsError> {
        let (router, name) = value::network(&self.text("router")?);
        let trust = self.trust()?;
        Ok(ClientSettings { router, name: name.map(|name| (name, trust)) })
    }

    fn nodes(&self) -> Result<NodeSecurity, SettingsError> {
        let encryption = match self.text("node_encryption")?.as_str() {
            "off" => NodeEncryption::Off,
            "optional" => NodeEncryption::Optional,
            _ => NodeEncryption::On,
        };
        Ok(NodeSecurity { encryption, files: self.node_files()? })
    }

    fn node_files(&self) -> Result<Option<NodeFiles>, SettingsError> {
        let [authority, certificate, key] =
            self.together(["node_authority", "node_certificate", "node_key"])?;
        Ok(Option::zip(authority, Option::zip(certificate, key))
            .map(|(authority, (certificate, key))| NodeFiles { authority, certificate, key }))
    }

    /// Of a node that listens where these settings say, encrypted and in clear.
    fn clients(&self, listens: [&'static str; 2]) -> Result<ClientSecurity, SettingsError> {
        let certificate = self.client_certificate()?;
        let plain = match (self.optional_text("plain")?.as_deref(), &certificate) {
            (Some("allow"), _) | (None, None) => PlainCalls::Allow,
            (Some("loopback"), _) => PlainCalls::Loopback,
            _ => PlainCalls::Refuse,
        };
        let [https_listen, http_listen] = listens.map(|key| {
            let address = self.optional_text(key)?.map(|_| self.parsed(key)).transpose()?;
            match &certificate {
                None if address.is_some() => Err(self.incomplete(key, "domain")),
                _ => Ok(address),
            }
        });
        let (https_listen, http_listen) = (https_listen?, http_listen?);
        Ok(ClientSecurity { certificate, plain, https_listen, http_listen })
    }

    fn front(&self) -> Result<Front, SettingsError> {
        let proxies =
            self.optional_text("trusted_proxies")?.and_then(|text| value::addresses(&text));
        Ok(Front {
            public_url: self.optional_text("public_url")?,
            trusted_proxies: proxies.unwrap_or_default().into(),
        })
    }

    fn client_certificate(&self) -> Result<Option<ClientCertificate>, SettingsError> {
        let [certificate, key] = self.together(["tls_certificate", "tls_key"])?;
        let files = Option::zip(certificate, key)
            .map(|(certificate, key)| CertificateFiles { certificate, key });
        match (files, self.optional_text("domain")?) {
            (Some(_), Some(_)) => Err(self.conflict("tls_certificate", "domain")),
            (Some(files), None) => Ok(Some(ClientCertificate::Files(files))),
            (None, Some(domain)) => {
                let authority = Authority {
                    directory: self.text("acme_directory")?,
                    trust: self.trust()?,
                    email: self.optional_text("acme_email")?,
                };
                Ok(Some(ClientCertificate::OfDomain(DomainSettings { domain, authority })))
            }
            (None, None) => Ok(None),
        }
    }

    fn trust(&self) -> Result<Trust, SettingsError> {
        Ok(self.optional_text("ca_file")?.map_or(Trust::System, |path| Trust::File(path.into())))
    }

    /// The files that these settings name: all of them, or none.
    fn together<const N: usize>(
        &self,
        keys: [&'static str; N],
    ) -> Result<[Option<PathBuf>; N], SettingsError> {
        let mut paths = [const { None }; N];
        for (path, key) in paths.iter_mut().zip(keys) {
            *path = self.optional_text(key)?.map(PathBuf::from);
        }
        let set = keys.iter().zip(&paths).find(|(_, path)| path.is_some());
        let missing = keys.iter().zip(&paths).find(|(_, path)| path.is_none());
        match (set, missing) {
            (Some((set, _)), Some((missing, _))) => Err(self.incomplete(set, missing)),
            _ => Ok(paths),
        }
    }

    fn conflict(&self, one: &'static str, other: &'static str) -> SettingsError {
        let [at_one, at_other] = [one, other].map(|key| self.origin(key));
        SettingsError::Conflict { one, at_one, other, at_other }
    }

    fn incomplete(&self, set: &'static str, missing: &'static str) -> SettingsError {
        SettingsError::Incomplete { set, origin: self.origin(set), missing }
    }

    fn classic(&self) -> Result<ClassicMode, SettingsError> {
        Ok(match self.text("classic")?.as_str() {
            "direct" => ClassicMode::Direct,
            "off" => ClassicMode::Off,
            _ => ClassicMode::Relay,
        })
    }

    fn consensus(&self) -> Result<ConsensusSettings, SettingsError> {
        let heartbeat = self.duration("heartbeat")?;
        let election_min = self.duration("election_min")?;
        let election_max = self.duration("election_max")?;
        if election_min <= heartbeat * 2 {
            return Err(self.refuse_because(
                "election_min",
                humantime::format_duration(election_min).to_string(),
                format!(
                    "more than twice `heartbeat`, which is {} ({})",
                    humantime::format_duration(heartbeat),
                    self.origin("heartbeat")
                ),
            ));
        }
        if election_max <= election_min {
            return Err(self.refuse_because(
                "election_max",
                humantime::format_duration(election_max).to_string(),
                format!(
                    "more than `election_min`, which is {} ({})",
                    humantime::format_duration(election_min),
                    self.origin("election_min")
                ),
            ));
        }
        Ok(ConsensusSettings { heartbeat, election_min, election_max })
    }

    fn limits(&self) -> Result<Limits, SettingsError> {
        Ok(Limits {
            post_chars: self.parsed("post_chars")?,
            page_size: self.parsed("page_size")?,
            subscriptions: self.parsed("subscriptions")?,
            subscriptions_per_account: self.parsed("subscriptions_per_account")?,
            stream_queue: self.parsed("stream_queue")?,
            streams_per_connection: self.parsed("streams_per_connection")?,
            pending_writes: self.parsed("pending_writes")?,
            session_lifetime: self.duration("session_lifetime")?,
            limits_rates: self.text("rate_limits")? == "on",
        })
    }

    fn callers(&self) -> Result<CallerLimits, SettingsError> {
        Ok(CallerLimits {
            connections: self.parsed("connections")?,
            connections_per_address: self.parsed("connections_per_address")?,
            calls_per_address: self.parsed("calls_per_address")?,
        })
    }

    fn secret(&self) -> Result<Secret, SettingsError> {
        match (self.optional_text("secret")?, self.optional_text("secret_file")?) {
            (Some(_), Some(_)) => Err(self.conflict("secret", "secret_file")),
            (Some(secret), None) => Ok(Secret::new(&secret)),
            (None, Some(path)) => self.secret_in(path),
            (None, None) => Err(SettingsError::NoSecret),
        }
    }

    /// The secret, if this process may know it. The file and the environment are written for nodes, and
    /// what they name may be out of reach here; a flag is meant for this call.
    fn secret_of_operator(&self) -> Result<Option<Secret>, SettingsError> {
        match self.secret() {
            Ok(secret) => Ok(Some(secret)),
            Err(refusal) if self.is_flag("secret_file") => Err(refusal),
            Err(_) => Ok(None),
        }
    }

    fn secret_in(&self, path: String) -> Result<Secret, SettingsError> {
        let checked = text_file::read(Path::new(&path)).and_then(|secret| {
            ValueKind::Secret.check(&secret).map(|()| Secret::new(&secret)).map_err(|_| {
                let found = value::without_secret(&secret);
                format!("it holds {found}; allowed: {}", ValueKind::Secret)
            })
        });
        checked.map_err(|reason| SettingsError::File {
            key: "secret_file",
            path,
            origin: self.origin("secret_file"),
            reason,
        })
    }
}

/// A warning if other users may read the secret in a file. Its group may: that is how a file that
/// belongs to an administrator is given to the user who runs the nodes.
fn open_secret(path: &Path) -> Option<String> {
    if MOUNTED_SECRETS.iter().any(|mounted| path.starts_with(mounted))
        || !privacy::is_open_to_others(path).ok()?
    {
        return None;
    }
    let path = path.display();
    Some(format!(
        "other users of this machine may read or change the cluster's secret in {path}, with which \
         they can take part as a node: `chmod o= {path}` prevents that, and a new secret keeps out \
         those who have read it already"
    ))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap, fs, io::Write as _, os::unix::fs::PermissionsExt as _,
        time::Duration,
    };

    use super::*;
    use crate::settings::Role;

    const SECRET: (&str, &str) = ("TINYSNS_SECRET", "0123456789012345");

    fn gather(
        role: Role,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Layers, SettingsError> {
        Layers::gather(
            role,
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            flags
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
        )
    }

    fn file(text: &str) -> (tempfile::NamedTempFile, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        (file, path)
    }

    fn slave(variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
        let mut variables = variables.to_vec();
        variables.push(SECRET);
        match gather(Role::Slave, &variables, flags).and_then(|layers| layers.slave()) {
            Ok(settings) => panic!("not refused: {settings:?}"),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn flags_win_over_variables_over_the_file_over_defaults() {
        let (_file, path) = file(
            "reboot_delay = \"3s\"\nheartbeat = \"50ms\"\npage_size = 7\nrouter = \"file:1\"\n",
        );
        let layers = gather(
            Role::Slave,
            &[("TINYSNS_HEARTBEAT", "60ms"), ("TINYSNS_ROUTER", "variable:1"), SECRET],
            &[("config", path.as_str()), ("router", "flag:1")],
        );
        let settings = layers.unwrap().slave().unwrap();
        assert_eq!(settings.master.router, "flag:1");
        assert_eq!(settings.master.consensus.heartbeat, Duration::from_millis(60));
        assert_eq!(settings.master.limits.page_size, 7);
        assert_eq!(settings.reboot_delay, Duration::from_secs(3));
        assert_eq!(settings.master.drain_timeout, Duration::from_secs(10));
    }

    #[test]
    fn the_flag_that_names_a_file_wins_over_the_variable_that_does() {
        let (_one, flag) = file("router = \"flag:1\"");
        let (_other, variable) = file("router = \"variable:1\"");
        let flags = [("config", flag.as_str())];
        for (flags, expected) in [(&flags[..], "flag:1"), (&[], "variable:1")] {
            let layers = gather(Role::Status, &[("TINYSNS_CONFIG", &variable)], flags).unwrap();
            assert_eq!(layers.status(false, false).unwrap().client.router, expected);
        }
    }

    #[test]
    fn one_file_and_one_environment_serve_every_role() {
        let (_file, path) =
            file("router_listen = \"127.0.0.1:1\"\npost_chars = 10\nuser = \"ann\"\n");
        let variables = [
            SECRET,
            ("TINYSNS_CONFIG", path.as_str()),
            ("TINYSNS_REBOOT_DELAY", "1s"),
            ("TINYSNS_BIN", "/somewhere/tinysns"),
            ("TINYSNS_NAME", ""),
            ("PATH", "/bin"),
        ];
        let router = gather(Role::Router, &variables, &[]).unwrap().router().unwrap();
        assert_eq!(router.router_listen.port(), 1);
        let master = gather(Role::Master, &variables, &[]).unwrap().master().unwrap();
        assert_eq!((master.limits.post_chars, master.name), (10, None));
        let terminal = gather(Role::Client, &variables, &[]).unwrap();
        let terminal = terminal.terminal(false, None).unwrap();
        assert_eq!(terminal.user.as_str(), "ann");
    }

    #[test]
    fn the_defaults_are_valid_for_every_role_once_there_is_a_secret() {
        gather(Role::Router, &[SECRET], &[]).unwrap().router().unwrap();
        gather(Role::Slave, &[SECRET], &[]).unwrap().slave().unwrap();
        gather(Role::Client, &[], &[]).unwrap().terminal(false, None).unwrap();
        gather(Role::Status, &[], &[]).unwrap().status(true, false).unwrap();
        gather(Role::Healthcheck, &[], &[]).unwrap().healthcheck().unwrap();
        for role in [Role::Router, Role::Client] {
            gather(role, &[], &[]).unwrap().log().unwrap();
        }
    }

    #[test]
    fn lines_are_kept_in_the_usual_place_in_a_file_or_nowhere() {
        for (value, expected) in [
            (None, HistoryFile::Usual),
            (Some("none"), HistoryFile::None),
            (Some("./none"), HistoryFile::At("./none".into())),
        ] {
            let flags: Vec<_> = value.map(|value| ("history_file", value)).into_iter().collect();
            let layers = gather(Role::Client, &[], &flags).unwrap();
            assert_eq!(layers.terminal(false, None).unwrap().history_file, expected);
        }
    }

    #[test]
    fn an_unknown_setting_is_refused_with_its_source_and_the_nearest_one() {
        assert_eq!(
            slave(&[("TINYSNS_REBOOT_DELY", "1s")], &[]),
            "unknown setting `reboot_dely` (variable TINYSNS_REBOOT_DELY); did you mean \
             `reboot_delay`?"
        );
        let (_file, path) = file("zzz = 1");
        let message = slave(&[], &[("config", &path)]);
        assert!(
            message.starts_with(&format!(
                "unknown setting `zzz` (file {path}); allowed: router_listen, "
            )),
            "{message}"
        );
    }

    #[test]
    fn a_bad_value_is_refused_with_its_source_and_what_is_allowed() {
        let (_number, number) = file("heartbeat = 100");
        let (_table, table) = file("[router]\nlisten = \"x\"");
        for (variables, flags, expected) in [
            (
                vec![("TINYSNS_POST_CHARS", "10001")],
                vec![],
                "`post_chars` cannot be \"10001\" (variable TINYSNS_POST_CHARS); allowed: a whole \
                 number from 1 to 10000"
                    .to_owned(),
            ),
            (
                vec![],
                vec![("heartbeat", "19ms")],
                "`heartbeat` cannot be \"19ms\" (flag --heartbeat); allowed: a duration with its \
                 unit, such as 25s or 500ms, from 20ms to 10s"
                    .to_owned(),
            ),
            (
                vec![],
                vec![("config", number.as_str())],
                format!(
                    "`heartbeat` cannot be \"100\" (file {number}); allowed: a duration with its \
                     unit, such as 25s or 500ms, from 20ms to 10s"
                ),
            ),
            (
                vec![],
                vec![("config", table.as_str())],
                format!(
                    "`router` cannot be a table (file {table}); allowed: a host and a port from 1 \
                     to 65535, such as localhost:3010 or [::1]:3010"
                ),
            ),
            (
                vec![("TINYSNS_HEARTBEAT", "250ms")],
                vec![],
                "`election_min` cannot be 500ms (the default); allowed: more than twice \
                 `heartbeat`, which is 250ms (variable TINYSNS_HEARTBEAT)"
                    .to_owned(),
            ),
            (
                vec![],
                vec![("election_max", "500ms")],
                "`election_max` cannot be 500ms (flag --election-max); allowed: more than \
                 `election_min`, which is 500ms (the default)"
                    .to_owned(),
            ),
        ] {
            assert_eq!(slave(&variables, &flags), expected);
        }
    }

    #[test]
    fn clients_may_call_in_clear_until_there_is_a_certificate() {
        let files = [("tls_certificate", "cert.pem"), ("tls_key", "key.pem")];
        let plain = |more: &[(&'static str, &str)]| {
            let flags = [&files[..], more].concat();
            gather(Role::Master, &[SECRET], &flags).unwrap().master().unwrap().clients.plain
        };
        let without = gather(Role::Master, &[SECRET], &[]).unwrap().master().unwrap().clients;
        assert_eq!((without.plain, without.certificate), (PlainCalls::Allow, None));
        assert_eq!(plain(&[]), PlainCalls::Refuse);
        assert_eq!(plain(&[("plain", "allow")]), PlainCalls::Allow);
        assert_eq!(plain(&[("plain", "loopback")]), PlainCalls::Loopback);
    }

    #[test]
    fn a_network_with_a_domain_orders_its_certificate_and_encrypts() {
        let flags = [("domain", "sns.example.net"), ("acme_email", "admin@example.net")];
        let master = gather(Role::Master, &[SECRET], &flags).unwrap().master().unwrap();
        let router = gather(Role::Router, &[SECRET], &flags).unwrap().router().unwrap();
        assert_eq!(master.clients, router.clients);
        assert_eq!(master.clients.plain, PlainCalls::Refuse);
        let authority = Authority {
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            trust: Trust::System,
            email: Some("admin@example.net".to_owned()),
        };
        let domain = "sns.example.net".to_owned();
        let expected = ClientCertificate::OfDomain(DomainSettings { domain, authority });
        assert_eq!(master.clients.certificate, Some(expected));
        let both = [("domain", "a.b"), ("tls_certificate", "a"), ("tls_key", "b")];
        let message = slave(&[], &both);
        assert!(
            message.contains("`tls_certificate` (flag --tls-certificate) and `domain`"),
            "{message}"
        );
    }

    #[test]
    fn settings_that_mean_something_only_together_are_set_together() {
        for (flags, missing) in [
            (&[("tls_key", "key.pem")][..], "tls_certificate"),
            (&[("tls_certificate", "cert.pem")], "tls_key"),
            (&[("node_key", "a"), ("node_certificate", "b")], "node_authority"),
            (&[("https_listen", "0.0.0.0:443")], "domain"),
            (&[("http_listen", "0.0.0.0:80")], "domain"),
        ] {
            let message = slave(&[], flags);
            let said = format!("needs `{missing}`, too");
            assert!(message.contains(&said) && message.contains("flag --"), "{message}");
        }
    }

    #[test]
    fn a_client_encrypts_connections_to_a_network_that_is_named_by_https() {
        let client = |flags: &[(&'static str, &str)]| {
            let layers = gather(Role::Client, &[], flags).unwrap();
            layers.terminal(false, None).unwrap().client
        };
        let named = client(&[("router", "https://sns.example.net")]);
        assert_eq!(named.router, "sns.example.net:443");
        assert_eq!(named.name, Some(("sns.example.net".to_owned(), Trust::System)));
        let trusting = client(&[("router", "https://a:3010"), ("ca_file", "ca.pem")]);
        assert_eq!(trusting.name, Some(("a".to_owned(), Trust::File("ca.pem".into()))));
        assert_eq!(client(&[("router", "a:3010")]).name, None);
    }

    #[test]
    fn a_settings_file_that_is_missing_or_not_toml_is_refused_by_its_name() {
        let (_file, broken) = file("router = \n");
        for path in ["/nowhere/tinysns.toml", &broken] {
            let message = slave(&[("TINYSNS_CONFIG", path)], &[]);
            let start = format!(
                "cannot use the file {path}, which `config` (variable TINYSNS_CONFIG) names"
            );
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn files_that_people_wrote_may_begin_with_the_mark_of_utf_8() {
        let (_secret, secret) = file("\u{feff}0123456789012345\r\n");
        let (_config, config) = file(&format!("\u{feff}secret_file = '{secret}'\n"));
        let layers = gather(Role::Router, &[("TINYSNS_CONFIG", &config)], &[]).unwrap();
        assert_eq!(layers.router().unwrap().secret.expose(), SECRET.1);
    }

    #[test]
    fn a_node_without_a_good_secret_is_refused_and_told_how_to_make_one() {
        let (_short, short) = file("short\n");
        let (_good, good) = file("0123456789012345\n");
        let (_two, two) = file("0123456789012345\nshort\n");
        let (_wide, wide) = file("0\u{0}1\u{0}2\u{0}3\u{0}");
        for (variables, expected) in [
            (vec![], "/dev/urandom"),
            (vec![("TINYSNS_SECRET", "short")], "at least 16 characters"),
            (vec![("TINYSNS_SECRET_FILE", short.as_str())], "at least 16 characters"),
            (vec![("TINYSNS_SECRET_FILE", "/nowhere/secret")], "/nowhere/secret"),
            (vec![("TINYSNS_SECRET", "0123456789\t012345")], "control character U+0009"),
            (
                vec![("TINYSNS_SECRET_FILE", two.as_str())],
                "a text of 5 characters as the secret number 2",
            ),
            (vec![("TINYSNS_SECRET", "0123456789012345\u{e9}")], "some of them not ASCII"),
            (vec![("TINYSNS_SECRET_FILE", wide.as_str())], "save it as UTF-8"),
            (vec![SECRET, ("TINYSNS_SECRET_FILE", good.as_str())], "both set"),
        ] {
            let refusal =
                gather(Role::Router, &variables, &[]).unwrap().router().unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
            assert!(!refusal.contains("short"), "the secret itself is not shown: {refusal}");
        }
        let layers = gather(Role::Router, &[("TINYSNS_SECRET_FILE", &good)], &[]).unwrap();
        assert_eq!(layers.router().unwrap().secret.expose(), "0123456789012345");
    }

    #[test]
    fn status_takes_a_secret_that_it_can_use_and_insists_on_one_that_a_flag_names() {
        let (_good, good) = file("0123456789012345");
        let status = |variables: &[(&str, &str)], flags: &[(&'static str, &str)]| {
            let settings = gather(Role::Status, variables, flags)?.status(false, false)?;
            Ok::<_, SettingsError>(settings.secret.map(|secret| secret.expose().to_owned()))
        };
        let of_file = |path: &'static str| [("TINYSNS_SECRET_FILE", path)];
        let of_good = [("TINYSNS_SECRET_FILE", good.as_str())];
        for (variables, flags, expected) in [
            (&[][..], &[][..], None),
            (&[SECRET], &[], Some(SECRET.1)),
            (&of_good, &[], Some(SECRET.1)),
            (&of_file("/nowhere/secret"), &[], None),
            (&of_file("/nowhere/secret"), &[("secret_file", &*good)], Some(SECRET.1)),
            (&[("TINYSNS_SECRET", "short")], &[], None),
        ] {
            let secret = status(variables, flags).unwrap();
            assert_eq!(secret.as_deref(), expected, "{variables:?} {flags:?}");
        }
        let refusal = status(&[], &[("secret_file", "/nowhere/secret")]).unwrap_err().to_string();
        assert!(refusal.contains("flag --secret-file"), "{refusal}");
    }

    #[test]
    fn a_secret_that_others_may_read_is_warned_of_by_nodes() {
        let (file, path) = file("0123456789012345");
        let variables = [("TINYSNS_SECRET_FILE", path.as_str())];
        let warnings = |role| gather(role, &variables, &[]).unwrap().warnings().unwrap();
        for (mode, count) in [(0o644, 1), (0o640, 0), (0o600, 0)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let said = warnings(Role::Router);
            assert_eq!(said.len(), count, "{mode:o}: {said:?}");
            assert!(said.iter().all(|said| said.contains(&format!("`chmod o= {path}`"))));
            assert_eq!(warnings(Role::Client), Vec::<String>::new());
        }
        assert_eq!(open_secret(Path::new("/run/secrets/tinysns_secret")), None);
        let variables = [SECRET];
        let warnings = gather(Role::Slave, &variables, &[]).unwrap().warnings().unwrap();
        assert_eq!(warnings, Vec::<String>::new());
    }
}
