//! What a model says.

use crate::chance;
use crate::fault::Fault;
use crate::request::Request;
use crate::tokens;

/// Why a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// By itself.
    Stop,
    /// At the most tokens.
    Length,
    /// A filter stopped it.
    ContentFilter,
}

impl Finish {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// What a model says to one request.
///
/// ```
/// let answer = faults::Answer::text("Yes.");
/// assert_eq!(answer.finish, faults::Finish::Stop);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The text; one that is longer than the request allows is cut.
    pub text: String,
    /// Why it ends.
    pub finish: Finish,
    /// A refusal instead of a text.
    pub refusal: Option<String>,
    /// How many tokens of the request are said to have been in the endpoint's cache.
    pub cached_tokens: u64,
    /// What goes wrong each time that this is asked; a fault that the arrival was to meet anyway comes first.
    pub fault: Option<Fault>,
}

/// Words of the answers that nobody wrote.
const WORDS: [&str; 32] = [
    "the", "small", "left", "upper", "image", "shows", "a", "round", "bright", "region", "near",
    "its", "edge", "which", "is", "typical", "of", "that", "kind", "and", "two", "dark", "lines",
    "cross", "below", "it", "with", "no", "other", "change", "seen", "there",
];

impl Answer {
    /// A text that ends by itself.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            finish: Finish::Stop,
            refusal: None,
            cached_tokens: 0,
            fault: None,
        }
    }

    /// A refusal in these words.
    pub fn refusing(words: impl Into<String>) -> Self {
        Self {
            refusal: Some(words.into()),
            ..Self::text("")
        }
    }

    /// What meets this fault each time that it is asked.
    pub fn failing(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::text("")
        }
    }

    /// Eight to thirty-one words that are a function of the request's digest.
    pub fn of(request: &Request) -> Self {
        let seed = chance::after(chance::START, request.digest.as_bytes());
        let draw = |at: u64| chance::mixed(seed ^ chance::mixed(at));
        let words: Vec<&str> = (0..8 + draw(0) % 24)
            .map(|at| WORDS[(draw(at + 1) % 32) as usize])
            .collect();
        Self::text(words.join(" ") + ".")
    }

    /// As much of it as the request allows.
    pub(crate) fn cut_for(mut self, request: &Request) -> Self {
        let ends = request.stop().into_iter();
        if let Some(end) = ends
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| self.text.find(stop))
            .min()
        {
            self.text.truncate(end);
            self.finish = Finish::Stop;
        }
        if let Some(most) = request.max_tokens()
            && tokens::count(self.text.len()) > most
        {
            self.keep(4 * most as usize);
            self.finish = Finish::Length;
        }
        self
    }

    /// Half of it, for this reason.
    pub(crate) fn halved(mut self, finish: Finish) -> Self {
        self.keep(self.text.len() / 2);
        self.finish = finish;
        self
    }

    /// No more than so many bytes, and whole characters.
    fn keep(&mut self, bytes: usize) {
        let end = (0..=bytes.min(self.text.len()))
            .rev()
            .find(|end| self.text.is_char_boundary(*end));
        self.text.truncate(end.unwrap_or(0));
    }

    /// The tokens that it counts as.
    pub(crate) fn tokens(&self) -> u64 {
        tokens::count(self.text.len())
            + self
                .refusal
                .as_ref()
                .map_or(0, |words| tokens::count(words.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Service;

    fn request(fields: &str) -> Request {
        let body = format!(r#"{{"model": "m", "prompt": "x"{fields}}}"#);
        let mut all = Request::read(Service::Completions, body.as_bytes()).unwrap();
        all.remove(0)
    }

    #[test]
    fn an_answer_is_a_function_of_the_request() {
        let (one, other) = (request(""), request(r#", "seed": 1"#));
        assert_eq!(Answer::of(&one), Answer::of(&request("")));
        assert_ne!(Answer::of(&one).text, Answer::of(&other).text);
    }

    #[test]
    fn a_text_ends_where_the_request_says() {
        let cut = |fields: &str, text: &str| {
            let answer = Answer::text(text).cut_for(&request(fields));
            (answer.text, answer.finish.as_str())
        };
        assert_eq!(cut("", "one two"), ("one two".to_owned(), "stop"));
        assert_eq!(
            cut(r#", "max_tokens": 1"#, "one two"),
            ("one ".to_owned(), "length")
        );
        // Seven bytes are two tokens.
        assert_eq!(
            cut(r#", "max_tokens": 2"#, "one two"),
            ("one two".to_owned(), "stop")
        );
        assert_eq!(
            cut(r#", "max_tokens": 1"#, "日本"),
            ("日".to_owned(), "length")
        );
        assert_eq!(
            cut(r#", "stop": ["w", "e"]"#, "one two"),
            ("on".to_owned(), "stop")
        );
        let empty = cut(r#", "max_tokens": 0, "stop": "", "echo": true"#, "one");
        assert_eq!(empty, (String::new(), "length"));
    }
}
