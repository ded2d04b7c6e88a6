//! Parameters of a request. They come in the query, as a form, in several parts or as JSON, and mean the same in each:
//! whatever the notation, a parameter is a path of names, and a text.

use std::{collections::BTreeMap, str::FromStr};

use serde_json::Value;

use super::fault::Fault;

/// More are a fault, or an attack.
const MOST: usize = 1_000;
/// The names on the way to a parameter have at most so many bytes together, and there are at most so many. Each value in JSON
/// has a copy of them, so that a few long ones would make a short request take a lot of memory.
const NAME_BYTES: usize = 256;
const MOST_NAMES: usize = 8;

/// The parameters of one request, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    all: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    /// `a[b][0]` is `a`, `b`, `0`; and `a[]` is `a` and an empty name.
    path: Vec<String>,
    text: String,
}

impl Parameters {
    /// Adds those of a query or of a form.
    pub fn add_form(&mut self, form: &[u8]) -> Result<(), Fault> {
        for (name, text) in form_urlencoded::parse(form) {
            self.add(path(&name), text.into_owned())?;
        }
        Ok(())
    }

    /// Adds one of a form in several parts.
    pub fn add_part(&mut self, name: &str, text: String) -> Result<(), Fault> {
        self.add(path(name), text)
    }

    /// Adds those of a JSON object. What is null is not given.
    pub fn add_json(&mut self, json: &[u8]) -> Result<(), Fault> {
        let json = serde_json::from_slice(json)
            .map_err(|why| Fault::bad_request(format!("this is no JSON: {why}")))?;
        let Value::Object(members) = json else {
            return Err(Fault::bad_request("the parameters in JSON are to be an object"));
        };
        for (name, value) in members {
            self.add_value(path(&name), value)?;
        }
        Ok(())
    }

    fn add_value(&mut self, path: Vec<String>, value: Value) -> Result<(), Fault> {
        // Before it is copied.
        check_names(&path)?;
        let below = |name: String| path.iter().cloned().chain([name]).collect();
        match value {
            Value::Null => Ok(()),
            Value::Bool(is_so) => self.add(path, is_so.to_string()),
            Value::Number(number) => self.add(path, number.to_string()),
            Value::String(text) => self.add(path, text),
            Value::Array(values) => values
                .into_iter()
                .enumerate()
                .try_for_each(|(at, value)| self.add_value(below(at.to_string()), value)),
            Value::Object(members) => {
                members.into_iter().try_for_each(|(name, value)| self.add_value(below(name), value))
            }
        }
    }

    fn add(&mut self, path: Vec<String>, text: String) -> Result<(), Fault> {
        check_names(&path)?;
        if self.all.len() == MOST {
            return Err(Fault::bad_request(format!("a request has at most {MOST} parameters")));
        }
        self.all.push(Parameter { path, text });
        Ok(())
    }

    /// The text of a parameter, such as `status` or `source[privacy]`: the last one, if there are several.
    pub fn text(&self, name: &str) -> Option<&str> {
        let path = path(name);
        self.all.iter().rev().find(|one| one.path == path).map(|one| one.text.as_str())
    }

    /// The same, unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Whether something is so. Empty is not given; what is not said to be false is true.
    pub fn flag(&self, name: &str) -> Option<bool> {
        const FALSE: [&str; 7] = ["0", "f", "F", "false", "FALSE", "off", "OFF"];
        self.filled(name).map(|text| !FALSE.contains(&text))
    }

    /// A number, or an id.
    pub fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Fault> {
        let parse = |text: &str| {
            text.parse().map_err(|_| Fault::bad_request(format!("{name} is to be a number")))
        };
        self.filled(name).map(parse).transpose()
    }

    /// All texts of a parameter that may be given several times: `id[]`, `id[0]`, or one `id`.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let path = path(name);
        let is_one = |one: &&Parameter| {
            let rest = one.path.strip_prefix(path.as_slice());
            rest.is_some_and(|rest| rest.iter().all(|name| is_index(name)))
        };
        self.all.iter().filter(is_one).map(|one| one.text.as_str()).collect()
    }

    /// Whether a parameter, or one below it, was given at all.
    pub fn has(&self, name: &str) -> bool {
        let path = path(name);
        self.all.iter().any(|one| one.path.starts_with(&path))
    }

    /// The parameters of each of several things: `a[0][name]`, or `a[][name]` where the next begins when a name comes
    /// again.
    pub fn groups(&self, name: &str) -> Vec<Self> {
        let path = path(name);
        let mut groups: BTreeMap<usize, Self> = BTreeMap::new();
        let mut unnumbered = 0;
        for Parameter { path: whole, text } in &self.all {
            let Some([index, rest @ ..]) = whole.strip_prefix(path.as_slice()) else { continue };
            let at = match index.parse() {
                Ok(at) => at,
                Err(_) if !index.is_empty() => continue,
                Err(_) => {
                    let begun = groups.get(&unnumbered);
                    if begun.is_some_and(|begun| begun.all.iter().any(|one| one.path == rest)) {
                        unnumbered += 1;
                    }
                    unnumbered
                }
            };
            let one = Parameter { path: rest.to_vec(), text: text.clone() };
            groups.entry(at).or_default().all.push(one);
        }
        groups.into_values().collect()
    }

    /// The same parameters without those of these names, as a query.
    pub fn query_without(&self, names: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for Parameter { path, text } in &self.all {
            let (first, rest) = path.split_first().expect("a path has a name");
            if !names.contains(&first.as_str()) {
                let mut name = first.clone();
                for below in rest {
                    name.extend(["[", below, "]"]);
                }
                query.append_pair(&name, text);
            }
        }
        query.finish()
    }
}

fn check_names(path: &[String]) -> Result<(), Fault> {
    let bytes: usize = path.iter().map(String::len).sum();
    if bytes > NAME_BYTES || path.len() > MOST_NAMES {
        return Err(Fault::bad_request("a parameter has a name that is too long"));
    }
    Ok(())
}

fn is_index(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The path that a name is in brackets. A name that is written otherwise is itself.
fn path(name: &str) -> Vec<String> {
    let Some((first, rest)) = name.split_once('[') else { return vec![name.to_owned()] };
    let Some(rest) = rest.strip_suffix(']').filter(|_| !first.is_empty()) else {
        return vec![name.to_owned()];
    };
    [first].into_iter().chain(rest.split("][")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.add_form(text.as_bytes()).expect("few");
        parameters
    }

    fn json(text: &str) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.add_json(text.as_bytes()).expect("an object");
        parameters
    }

    #[test]
    fn a_parameter_means_the_same_in_every_notation() {
        for parameters in [
            form("status=a+b&sensitive=1&ids%5B%5D=7&ids[]=8&source[privacy]=direct&limit=5"),
            form(
                "status=x&status=a%20b&sensitive=true&ids[0]=7&ids[1]=8&source[privacy]=direct&limit=5",
            ),
            json(
                r#"{"status": "a b", "sensitive": true, "ids": [7, "8"], "limit": "5",
                    "source": {"privacy": "direct"}, "language": null}"#,
            ),
            json(
                r#"{"status": "a b", "sensitive": "on", "ids[]": ["7", "8"], "limit": 5,
                    "source": {"privacy": "direct"}}"#,
            ),
        ] {
            assert_eq!(parameters.text("status"), Some("a b"), "{parameters:?}");
            assert_eq!(parameters.flag("sensitive"), Some(true));
            assert_eq!(parameters.list("ids"), ["7", "8"]);
            assert_eq!(parameters.text("source[privacy]"), Some("direct"));
            assert_eq!(parameters.number("limit").ok(), Some(Some(5_u32)));
            assert_eq!(parameters.text("language"), None);
            assert!(parameters.has("source") && !parameters.has("sour"));
        }
        assert_eq!(form("timeline=home").list("timeline"), ["home"], "one bare value is a list");
    }

    #[test]
    fn what_is_false_is_said_so_and_empty_is_not_given() {
        for (text, expected) in [
            ("a=0", Some(false)),
            ("a=false", Some(false)),
            ("a=off", Some(false)),
            ("a=F", Some(false)),
            ("a=", None),
            ("b=1", None),
            ("a=1", Some(true)),
            ("a=yes", Some(true)),
        ] {
            assert_eq!(form(text).flag("a"), expected, "{text}");
        }
    }

    #[test]
    fn several_things_have_parameters_of_their_own() {
        for parameters in [
            form("f[0][name]=a&f[0][value]=1&f[1][name]=b"),
            form("f[][name]=a&f[][value]=1&f[][name]=b"),
            json(r#"{"f": [{"name": "a", "value": 1}, {"name": "b"}]}"#),
            json(r#"{"f": {"0": {"name": "a", "value": "1"}, "1": {"name": "b"}}}"#),
        ] {
            let groups = parameters.groups("f");
            let named = |at: usize, name: &str| groups[at].text(name).map(str::to_owned);
            assert_eq!(groups.len(), 2, "{parameters:?}");
            assert_eq!((named(0, "name"), named(0, "value")), (Some("a".into()), Some("1".into())));
            assert_eq!((named(1, "name"), named(1, "value")), (Some("b".into()), None));
        }
    }

    #[test]
    fn what_is_no_parameter_is_refused_and_what_is_odd_is_harmless() {
        let mut parameters = Parameters::default();
        for bad in ["", "[1]", "7", "{", "{\"a\":", "\u{0}"] {
            assert!(parameters.add_json(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = "[".repeat(10_000);
        assert!(parameters.add_json(format!("{{\"a\":{deep}").as_bytes()).is_err());
        let many = "a=1&".repeat(MOST + 1);
        assert!(Parameters::default().add_form(many.as_bytes()).is_err());
        for odd in ["[=1", "]=1", "a[=1", "a]=1", "[a]=1", "a[]b=1", "=", "&&&", "%ff=%fe"] {
            let odd = form(odd);
            assert!(odd.text("a").is_none() && odd.groups("a").is_empty(), "{odd:?}");
        }
        assert!(form("limit=many").number::<u32>("limit").is_err());
    }

    #[test]
    fn a_name_that_each_of_many_values_would_have_is_short() {
        let (long, many) = ("x".repeat(NAME_BYTES + 1), "0,".repeat(MOST - 2));
        let nested = |name: &str, times: usize| {
            let (begin, end) = (format!("{{\"{name}\":").repeat(times), "}".repeat(times));
            format!("{begin}[{many}0]{end}")
        };
        for bad in [nested(&long, 1), nested("a", MOST_NAMES), nested(&long[..50], 6)] {
            assert!(Parameters::default().add_json(bad.as_bytes()).is_err());
        }
        for bad in [format!("{long}=1"), format!("a{}=1", "[b]".repeat(MOST_NAMES))] {
            assert!(Parameters::default().add_form(bad.as_bytes()).is_err());
        }
        json(&nested(&long[..40], 5));
        form(&format!("{}=1&a{}=1", &long[1..], "[b]".repeat(MOST_NAMES - 1)));
    }

    #[test]
    fn the_query_of_a_neighbour_keeps_what_was_asked_for() {
        let parameters = form("types[]=mention&max_id=5&limit=20&q=a+%26b");
        let query = parameters.query_without(&["max_id", "min_id", "since_id"]);
        assert_eq!(query, "types%5B%5D=mention&limit=20&q=a+%26b");
    }
}
