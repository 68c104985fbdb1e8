//! What can go wrong with one arrival.

use std::time::Duration;

/// What goes wrong with one arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends when the head of the request is read and its body is not.
    DropBeforeReading,
    /// The connection ends when the request is read and no byte of an answer was sent; its tokens are billed.
    DropAfterReading,
    /// The first byte of the answer comes so much later.
    Late(Duration),
    /// Half of the answer, so long nothing, the other half.
    Pause(Duration),
    /// The body comes byte by byte, so far apart.
    Drip(Duration),
    /// 429, with a `Retry-After` of so long or without one.
    TooMany(Option<Duration>),
    /// 429 for this arrival and for all that come in the time after it.
    TooManyFor {
        /// How long.
        length: Duration,
        /// Whether each says how long to wait.
        retry_after: Option<Duration>,
    },
    /// A status from 500 on, with a `Retry-After` of so long or without one.
    Down(u16, Option<Duration>),
    /// 401 as for a wrong key.
    WrongKey,
    /// 403.
    Forbidden,
    /// 404 as for a model that is not there.
    NoSuchModel,
    /// 400 as for a prompt that is longer than the model's context.
    ContextTooLong,
    /// 413 as for a picture that is too large.
    TooLarge,
    /// 400 as for a field that the endpoint does not know.
    UnknownField,
    /// A page of HTML with status 200, as gateways and portals send.
    Html,
    /// The answer's first half, as a whole message with status 200; half of a stream's events, well ended but without `[DONE]`.
    HalfJson,
    /// The connection ends in the middle of an answer whose head promised more.
    Broken,
    /// Nothing with status 200; a stream without an event.
    Empty,
    /// An error with status 200 in the place of an answer; in a stream after half of the events, as vLLM does it.
    ErrorInside,
    /// The right answer, after which the connection is closed and nobody was told.
    SilentClose,
    /// An answer that goes on until the client closes.
    Endless,
    /// The right answer as `text/plain`.
    WrongContentType,
    /// A redirect with this status to another place, which counts who comes there.
    Redirect(u16),
    /// The right answer in the name of another model.
    OtherModel,
    /// The right answer with a wrong count of tokens.
    Count(WrongCount),
    /// The right answer without the log-probabilities that were asked for.
    NoLogprobs,
    /// The model refuses in `message.refusal`; a completion refuses in its text.
    Refusal,
    /// Half of the text with `finish_reason: content_filter`.
    ContentFilter,
    /// Half of the text with `finish_reason: length`.
    Length,
    /// No choices.
    NoChoices,
    /// `message.content` is null.
    NoContent,
    /// The header with the key comes back.
    EchoKey(KeyPlace),
}

/// How tokens are counted wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongCount {
    /// All are 0.
    Zero,
    /// There is no `usage`.
    Absent,
    /// Ten times too many.
    TenTimes,
    /// 10^12.
    Absurd,
    /// -1.
    Negative,
}

/// Where a key comes back to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the text of an answer.
    Text,
    /// In the message of a status 500.
    Error,
    /// In headers of a right answer.
    Header,
    /// In the address of a redirect.
    Redirect,
}

impl Fault {
    /// One of each kind, with times that a test can wait for.
    pub const ALL: [Self; 47] = [
        Self::DropBeforeReading,
        Self::DropAfterReading,
        Self::Late(Duration::from_millis(500)),
        Self::Pause(Duration::from_millis(500)),
        Self::Drip(Duration::from_millis(2)),
        Self::TooMany(None),
        Self::TooMany(Some(Duration::from_secs(1))),
        Self::TooManyFor {
            length: Duration::from_mins(1),
            retry_after: None,
        },
        Self::TooManyFor {
            length: Duration::from_mins(1),
            retry_after: Some(Duration::from_secs(5)),
        },
        Self::Down(500, None),
        Self::Down(502, None),
        Self::Down(503, None),
        Self::Down(503, Some(Duration::from_secs(1))),
        Self::Down(504, None),
        Self::WrongKey,
        Self::Forbidden,
        Self::NoSuchModel,
        Self::ContextTooLong,
        Self::TooLarge,
        Self::UnknownField,
        Self::Html,
        Self::HalfJson,
        Self::Broken,
        Self::Empty,
        Self::ErrorInside,
        Self::SilentClose,
        Self::Endless,
        Self::WrongContentType,
        Self::Redirect(302),
        Self::Redirect(307),
        Self::Redirect(308),
        Self::OtherModel,
        Self::Count(WrongCount::Zero),
        Self::Count(WrongCount::Absent),
        Self::Count(WrongCount::TenTimes),
        Self::Count(WrongCount::Absurd),
        Self::Count(WrongCount::Negative),
        Self::NoLogprobs,
        Self::Refusal,
        Self::ContentFilter,
        Self::Length,
        Self::NoChoices,
        Self::NoContent,
        Self::EchoKey(KeyPlace::Text),
        Self::EchoKey(KeyPlace::Error),
        Self::EchoKey(KeyPlace::Header),
        Self::EchoKey(KeyPlace::Redirect),
    ];

    /// Faults of the way and of a busy server: the next try of a patient client gets the right answer.
    pub const PASSING: [Self; 21] = [
        Self::DropBeforeReading,
        Self::DropAfterReading,
        Self::Late(Duration::from_millis(500)),
        Self::Pause(Duration::from_millis(500)),
        Self::Drip(Duration::from_millis(2)),
        Self::TooMany(None),
        Self::TooMany(Some(Duration::from_secs(1))),
        Self::Down(500, None),
        Self::Down(502, None),
        Self::Down(503, None),
        Self::Down(503, Some(Duration::from_secs(1))),
        Self::Down(504, None),
        Self::Html,
        Self::HalfJson,
        Self::Broken,
        Self::Empty,
        Self::ErrorInside,
        Self::SilentClose,
        Self::WrongContentType,
        Self::NoChoices,
        Self::NoLogprobs,
    ];

    /// Wrong counts beside right answers.
    pub const COUNTS: [Self; 5] = [
        Self::Count(WrongCount::Zero),
        Self::Count(WrongCount::Absent),
        Self::Count(WrongCount::TenTimes),
        Self::Count(WrongCount::Absurd),
        Self::Count(WrongCount::Negative),
    ];

    /// The word that stands for it in logs and on the command line; times are no part of it.
    pub fn name(self) -> String {
        let name = match self {
            Self::DropBeforeReading => "drop-before-reading",
            Self::DropAfterReading => "drop-after-reading",
            Self::Late(_) => "late",
            Self::Pause(_) => "pause",
            Self::Drip(_) => "drip",
            Self::TooMany(None) => "too-many",
            Self::TooMany(Some(_)) => "too-many-retry-after",
            Self::TooManyFor {
                retry_after: None, ..
            } => "too-many-for",
            Self::TooManyFor { .. } => "too-many-for-retry-after",
            Self::Down(status, None) => return format!("down-{status}"),
            Self::Down(status, Some(_)) => return format!("down-{status}-retry-after"),
            Self::WrongKey => "wrong-key",
            Self::Forbidden => "forbidden",
            Self::NoSuchModel => "no-such-model",
            Self::ContextTooLong => "context-too-long",
            Self::TooLarge => "too-large",
            Self::UnknownField => "unknown-field",
            Self::Html => "html",
            Self::HalfJson => "half-json",
            Self::Broken => "broken",
            Self::Empty => "empty",
            Self::ErrorInside => "error-inside",
            Self::SilentClose => "silent-close",
            Self::Endless => "endless",
            Self::WrongContentType => "wrong-content-type",
            Self::Redirect(status) => return format!("redirect-{status}"),
            Self::OtherModel => "other-model",
            Self::Count(WrongCount::Zero) => "count-zero",
            Self::Count(WrongCount::Absent) => "count-absent",
            Self::Count(WrongCount::TenTimes) => "count-ten-times",
            Self::Count(WrongCount::Absurd) => "count-absurd",
            Self::Count(WrongCount::Negative) => "count-negative",
            Self::NoLogprobs => "no-logprobs",
            Self::Refusal => "refusal",
            Self::ContentFilter => "content-filter",
            Self::Length => "length",
            Self::NoChoices => "no-choices",
            Self::NoContent => "no-content",
            Self::EchoKey(KeyPlace::Text) => "echo-key-text",
            Self::EchoKey(KeyPlace::Error) => "echo-key-error",
            Self::EchoKey(KeyPlace::Header) => "echo-key-header",
            Self::EchoKey(KeyPlace::Redirect) => "echo-key-redirect",
        };
        name.to_owned()
    }

    /// The fault of [`Self::ALL`] with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether the answer is still the right one with the right count, be it slow or with strange headers.
    pub(crate) fn leaves_it_sound(self) -> bool {
        matches!(
            self,
            Self::Late(_)
                | Self::Pause(_)
                | Self::Drip(_)
                | Self::SilentClose
                | Self::EchoKey(KeyPlace::Header)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(&fault.name()), Some(fault));
        }
        for fault in Fault::PASSING.into_iter().chain(Fault::COUNTS) {
            assert!(Fault::ALL.contains(&fault), "{}", fault.name());
        }
        assert_eq!(Fault::named("rain"), None);
    }
}
