//! What values a key takes.

use toml::{Table, Value};

use super::address;
use super::size;
use super::training::Group;

/// What values a key takes.
#[derive(Debug)]
pub enum Shape {
    /// A text or name.
    Text,
    /// A file or folder; what lies there is asked for by content, so that its place makes no difference.
    Path,
    /// A file or folder, or a list of them.
    Paths,
    /// A model: a folder, a repository's name, or the demo's name; asked for by content, too.
    Model,
    /// A list of names.
    Texts,
    /// A whole number in a closed range.
    Integer(i64, i64),
    /// A number in a closed range.
    Number(f64, f64),
    /// A share of at least 0 and less than 1, or a file; the latter is asked for by content, too.
    ShareOrPath,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One rate, or a table of them by [`Group`].
    Rates,
    /// Two numbers.
    Two,
    /// A table of text to text.
    Columns,
    /// So many bytes, as a text.
    Size,
    /// Tables in a list, one a stage of a training.
    Stages,
    /// The address of a server.
    Address,
    /// The address of a server, or a list of them.
    Addresses,
    /// The name of an environment variable.
    Variable,
    /// A table of prices by what is paid for.
    Prices,
}

/// What is paid for at an endpoint, and whether a price of it has to be given.
const PRICED: [(&str, bool); 4] = [
    ("input", true),
    ("output", true),
    ("cached_input", false),
    ("request", false),
];

impl Shape {
    /// The value if it fits (a file's `8` is taken where a number is expected), else what is wrong, to follow the key's name.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        let fits = match self {
            Self::Text | Self::Path | Self::Model | Self::Address => value.is_str(),
            Self::Paths => match value.as_array() {
                Some(list) => !list.is_empty() && list.iter().all(Value::is_str),
                None => value.is_str(),
            },
            Self::Texts => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_str)),
            Self::Integer(low, high) => value
                .as_integer()
                .is_some_and(|i| (*low..=*high).contains(&i)),
            Self::Number(low, high) => as_number(value).is_some_and(|x| x >= *low && x <= *high),
            Self::ShareOrPath => {
                value.is_str() || as_number(value).is_some_and(|x| (0.0..1.0).contains(&x))
            }
            Self::Flag => value.is_bool(),
            Self::Word(words) => value.as_str().is_some_and(|w| words.contains(&w)),
            Self::Rates => match value {
                Value::Table(table) => table.iter().all(|(name, rate)| {
                    Group::WORDS.contains(&name.as_str())
                        && as_number(rate).is_some_and(|x| (0.0..=1.0).contains(&x))
                }),
                other => as_number(other).is_some_and(|x| (0.0..=1.0).contains(&x)),
            },
            Self::Two => value
                .as_array()
                .is_some_and(|l| l.len() == 2 && l.iter().all(|v| as_number(v).is_some())),
            Self::Columns => value
                .as_table()
                .is_some_and(|t| t.values().all(Value::is_str)),
            Self::Size => value.as_str().and_then(size::bytes).is_some(),
            Self::Stages => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_table)),
            Self::Addresses => Self::Paths.check(value).is_ok(),
            Self::Variable => value.as_str().is_some_and(address::is_variable),
            Self::Prices => value.as_table().is_some_and(are_prices),
        };
        if let (true, Self::Address | Self::Addresses) = (fits, self) {
            let all = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            let mut all = all.iter().filter_map(Value::as_str);
            return match all.find_map(address::problem) {
                Some(problem) => Err(problem),
                None => Ok(value.clone()),
            };
        }
        if fits {
            Ok(value.clone())
        } else {
            Err(self.problem(value))
        }
    }

    /// Whether a value says where something lies, be it here or at a server.
    pub fn is_place(&self, value: &Value) -> bool {
        match self {
            Self::Path | Self::Paths | Self::Model | Self::Address | Self::Addresses => true,
            Self::ShareOrPath => value.is_str(),
            Self::Text
            | Self::Texts
            | Self::Integer(..)
            | Self::Number(..)
            | Self::Flag
            | Self::Word(_)
            | Self::Rates
            | Self::Two
            | Self::Columns
            | Self::Size
            | Self::Variable
            | Self::Prices
            | Self::Stages => false,
        }
    }

    fn problem(&self, value: &Value) -> String {
        let expected = self.expected();
        match self {
            // What was written may be a key.
            Self::Address | Self::Addresses => format!("is no address, expected {expected}"),
            Self::Variable => format!(
                "is no name of an environment variable (and is not repeated here, since it may be a key), expected {expected}"
            ),
            _ => format!("is `{value}`, expected {expected}"),
        }
    }

    /// What fits, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Text | Self::Path | Self::Model => "a text in quotes".to_owned(),
            Self::Paths => "a text in quotes, or a list of them".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Integer(low, high) => format!("a whole number from {low} to {high}"),
            Self::Number(low, high) => format!("a number from {low} to {high}"),
            Self::ShareOrPath => "a share from 0 to less than 1, or a file in quotes".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Rates => {
                let groups = Group::WORDS.map(|word| format!("`{word}`"));
                format!(
                    "a rate from 0 to 1, or a table of {}",
                    listed(&groups, "and")
                )
            }
            Self::Two => "two numbers in a list".to_owned(),
            Self::Columns => "a table of our key = your column".to_owned(),
            Self::Size => size::EXPECTED.to_owned(),
            Self::Stages => "tables in a list".to_owned(),
            Self::Address => "such as \"http://host:8000/v1\" in quotes".to_owned(),
            Self::Addresses => {
                "such as \"http://host:8000/v1\" in quotes, or a list of them".to_owned()
            }
            Self::Variable => {
                "a name of capital letters, digits and `_`, such as \"OPENAI_API_KEY\"".to_owned()
            }
            Self::Prices => {
                "a table of `input` and `output`, and where need be `cached_input` and `request`, each 0 or more".to_owned()
            }
        }
    }
}

fn are_prices(table: &Table) -> bool {
    let is_price = |x: f64| x >= 0.0 && x.is_finite();
    let known = |name: &String| PRICED.iter().any(|(one, _)| one == name);
    let mut needed = PRICED.iter().filter(|(_, is_needed)| *is_needed);
    needed.all(|(name, _)| table.contains_key(*name))
        && table.keys().all(known)
        && table
            .values()
            .all(|price| as_number(price).is_some_and(is_price))
}

/// A number, be it written as a whole one or not.
pub fn as_number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))
}

/// `a, b and c`.
pub fn listed(items: &[impl AsRef<str>], before_last: &str) -> String {
    let mut out = String::new();
    for (at, item) in items.iter().enumerate() {
        match at {
            0 => {}
            _ if at + 1 == items.len() => out.extend([" ", before_last, " "]),
            _ => out += ", ",
        }
        out += item.as_ref();
    }
    out
}
