//! The layers of settings, and where a value was set.
//!
//! figment merges the layers and remembers the source of every value. All values are kept as text:
//! a secret that happens to be all digits must not become a number. The environment is passed in,
//! so that tests need not change their own.

use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format as _, Toml},
    value::{Dict, Map, Value},
};

use super::{
    keys::{self, CONFIG, FOREIGN_VARIABLES, Key, Role, VARIABLE_PREFIX},
    value::{self, SECRET_MIN_CHARS, ValueKind},
};
use crate::host::text_file;

const DEFAULTS: &str = "default";
const ENVIRONMENT: &str = "environment";
const FLAGS: &str = "flag";

/// Why settings were refused, in words for the person who set them.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The key is not a setting of any role.
    #[error("unknown setting `{key}` ({origin}){}", Suggestion(*.nearest))]
    Unknown {
        /// The key as it was written.
        key: String,
        /// Where it was written.
        origin: String,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A value that is not allowed.
    #[error("`{key}` cannot be {value} ({origin}); allowed: {allowed}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Its value, unless it is secret.
        value: String,
        /// Where it was written.
        origin: String,
        /// What the setting may hold.
        allowed: String,
    },
    /// One of our variables is not UTF-8.
    #[error("the variable {name} is not UTF-8 text")]
    NoText {
        /// Its name.
        name: String,
    },
    /// The role needs a secret, but there is none.
    #[error(
        "the cluster's secret is missing: set `secret_file` (flag --secret-file, variable \
         TINYSNS_SECRET_FILE) or the variable TINYSNS_SECRET to the same secret on every node, at \
         least {SECRET_MIN_CHARS} characters; \
         `(umask 077; head -c 24 /dev/urandom | base64 > secret)` makes one"
    )]
    NoSecret,
    /// Two settings say the same in different ways.
    #[error("`{one}` ({at_one}) and `{other}` ({at_other}) are both set; allowed: one of them")]
    Conflict {
        /// The one.
        one: &'static str,
        /// Where it was written.
        at_one: String,
        /// The other.
        other: &'static str,
        /// Where that was written.
        at_other: String,
    },
    /// Some settings mean something only together.
    #[error("`{set}` ({origin}) needs `{missing}`, too, which is not set")]
    Incomplete {
        /// One that is set.
        set: &'static str,
        /// Where it was written.
        origin: String,
        /// One that is not.
        missing: &'static str,
    },
    /// A file that a setting names cannot be used.
    #[error("cannot use the file {path}, which `{key}` ({origin}) names: {reason}")]
    File {
        /// The setting.
        key: &'static str,
        /// Its value.
        path: String,
        /// Where the setting was written.
        origin: String,
        /// What is wrong.
        reason: String,
    },
}

struct Suggestion(Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = self.0 {
            return write!(formatter, "; did you mean `{key}`?");
        }
        let names: Vec<_> = keys::KEYS.iter().map(|key| key.name).collect();
        write!(formatter, "; allowed: {}", names.join(", "))
    }
}

/// Values by key, from one source.
struct Layer {
    source: String,
    values: Dict,
}

impl Layer {
    fn new<K: Into<String>, V: Into<String>>(
        source: &str,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let values = values.into_iter().map(|(key, value)| (key.into(), Value::from(value.into())));
        Self { source: source.to_owned(), values: values.collect() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The merged layers, for one role.
pub struct Layers {
    role: Role,
    figment: Figment,
}

impl Layers {
    /// Merges, weakest first: the defaults, the settings file that `config` names in `flags` or
    /// the environment, the `TINYSNS_*` variables of `environment`, and `flags` by key.
    pub fn gather(
        role: Role,
        environment: impl IntoIterator<Item = (String, String)>,
        mut flags: BTreeMap<&'static str, String>,
    ) -> Result<Self, SettingsError> {
        let mut variables = our_variables(environment);
        let file = match (flags.remove(CONFIG), variables.remove(CONFIG)) {
            (Some(path), _) => Some(file_layer(&path, FLAGS)?),
            (None, Some(path)) => Some(file_layer(&path, ENVIRONMENT)?),
            (None, None) => None,
        };
        if let Some(key) = variables.keys().find(|key| !keys::exists(key)) {
            return Err(unknown(key, ENVIRONMENT));
        }
        Ok(Self::merge(role, file, variables, flags))
    }

    /// The same for a settings file of these bytes and these variables, without flags.
    #[cfg(feature = "laboratory")]
    pub(crate) fn of_file(
        role: Role,
        bytes: Vec<u8>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let file = layer_of(CONFIG, ENVIRONMENT, text_file::text(bytes))?;
        Ok(Self::merge(role, Some(file), our_variables(environment), BTreeMap::new()))
    }

    fn merge(
        role: Role,
        file: Option<Layer>,
        variables: BTreeMap<String, String>,
        flags: BTreeMap<&'static str, String>,
    ) -> Self {
        let defaults = Key::of(role).filter_map(|key| Some((key.name, key.default?)));
        let mut figment = Figment::from(Layer::new(DEFAULTS, defaults));
        if let Some(file) = file {
            figment = figment.merge(file);
        }
        let figment =
            figment.merge(Layer::new(ENVIRONMENT, variables)).merge(Layer::new(FLAGS, flags));
        Self { role, figment }
    }

    /// Whether the role reads this setting.
    pub(super) fn reads(&self, name: &str) -> bool {
        Key::of(self.role).any(|key| key.name == name)
    }

    /// The value of a setting that has a default.
    pub(super) fn text(&self, name: &'static str) -> Result<String, SettingsError> {
        Ok(self.optional_text(name)?.expect("a setting read as required has a default"))
    }

    /// The value of a setting, if anything set it.
    pub(super) fn optional_text(
        &self,
        name: &'static str,
    ) -> Result<Option<String>, SettingsError> {
        let Ok(value) = self.figment.find_value(name) else { return Ok(None) };
        let key = self.key(name);
        match as_text(&value) {
            Some(text) if key.kind.check(&text) == Ok(()) => Ok(Some(key.kind.normal(&text))),
            // Describes what is wrong with it without revealing it.
            Some(text) if matches!(key.kind, ValueKind::Secret) => {
                Err(self.refuse(name, value::without_secret(&text)))
            }
            Some(text) => Err(self.refuse(name, format!("{text:?}"))),
            None => Err(self.refuse(name, describe_value(&value).to_owned())),
        }
    }

    /// The value of a setting, parsed.
    pub(super) fn parsed<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<T, SettingsError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| self.refuse(name, format!("{text:?}")))
    }

    /// The value of a setting that is a duration.
    pub(super) fn duration(&self, name: &'static str) -> Result<Duration, SettingsError> {
        let text = self.text(name)?;
        humantime::parse_duration(&text).map_err(|_| self.refuse(name, format!("{text:?}")))
    }

    /// Refuses a setting's value, because its kind does not allow it.
    pub(super) fn refuse(&self, name: &'static str, value: String) -> SettingsError {
        self.refuse_because(name, value, self.key(name).kind.to_string())
    }

    /// Refuses a setting's value although its kind allows it.
    pub(super) fn refuse_because(
        &self,
        name: &'static str,
        value: String,
        allowed: String,
    ) -> SettingsError {
        SettingsError::Value { key: name, value, origin: self.origin(name), allowed }
    }

    /// Where a setting's value was set, in words.
    pub(super) fn origin(&self, name: &str) -> String {
        match self.figment.find_metadata(name) {
            Some(metadata) => origin(&metadata.name, name),
            None => "not set".to_owned(),
        }
    }

    /// Whether a setting was given on the command line.
    pub(super) fn is_flag(&self, name: &str) -> bool {
        self.figment.find_metadata(name).is_some_and(|metadata| metadata.name == FLAGS)
    }

    fn key(&self, name: &str) -> &'static Key {
        Key::of(self.role).find(|key| key.name == name).expect("a role reads its own settings")
    }
}

/// Our variables by key. An empty one counts as not set: compose files and shell scripts pass on
/// unset variables that way.
fn our_variables(
    environment: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    environment
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| {
            let key = name.strip_prefix(VARIABLE_PREFIX)?.to_ascii_lowercase();
            Some((key, value))
        })
        .filter(|(key, _)| !FOREIGN_VARIABLES.contains(&key.as_str()))
        .collect()
}

fn file_layer(path: &str, source: &str) -> Result<Layer, SettingsError> {
    layer_of(path, source, text_file::read(Path::new(path)))
}

/// The values in the `text` of the file at `path`, or why it has none.
fn layer_of(
    path: &str,
    source: &str,
    text: Result<String, String>,
) -> Result<Layer, SettingsError> {
    let refuse = |reason: String| SettingsError::File {
        key: CONFIG,
        path: path.to_owned(),
        origin: origin(source, CONFIG),
        reason: reason.trim_end().to_owned(),
    };
    let text = text.map_err(refuse)?;
    let data = Toml::string(&text).data().map_err(|error| refuse(error.kind.to_string()))?;
    let values = data.into_iter().next().map(|(_, values)| values).unwrap_or_default();
    let source = format!("file {path}");
    match values.keys().find(|key| !keys::exists(key)) {
        Some(key) => Err(unknown(key, &source)),
        None => Ok(Layer { source, values }),
    }
}

fn unknown(key: &str, source: &str) -> SettingsError {
    SettingsError::Unknown {
        key: key.to_owned(),
        origin: origin(source, key),
        nearest: keys::nearest(key),
    }
}

fn origin(source: &str, key: &str) -> String {
    match source {
        DEFAULTS => "the default".to_owned(),
        ENVIRONMENT => format!("variable {VARIABLE_PREFIX}{}", key.to_ascii_uppercase()),
        FLAGS => format!("flag --{}", key.replace('_', "-")),
        file => file.to_owned(),
    }
}

/// Numbers and words as they would have been written; other types are not values.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_u128().map(|number| number.to_string()))
            .or_else(|| number.to_f64().map(|number| number.to_string())),
        Value::Bool(_, value) => Some(value.to_string()),
        Value::Char(..) | Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

fn describe_value(value: &Value) -> &'static str {
    match value {
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
        _ => "of this type",
    }
}
