//! The keys of models that are asked at an endpoint.

use super::key::{Key, MANY, OURS, Preset, key};
use super::picture_format::PictureFormat;
use super::shape::Shape;

/// More than anybody can pay.
const MUCH: f64 = 1e9;

/// More tokens than anybody asks for.
const TOKENS: i64 = 1_000_000_000_000_000;

/// The keys of one place where a model may be asked, beside those that only it has.
macro_rules! of_place {
    ($section:literal, $whose:literal $(, $own:expr)*) => {
        &[
            key!(
                concat!($section, ".endpoint"),
                Shape::Addresses,
                concat!("where ", $whose, " is served with OpenAI's interface, such as \"http://host:8000/v1\", instead of a `checkpoint`; several addresses share the work")
            ),
            key!(
                concat!($section, ".endpoint_model"),
                Shape::Text,
                concat!("the name that ", $whose, " has at its endpoint")
            ),
            key!(
                concat!($section, ".endpoint_key"),
                Shape::Variable,
                "the environment variable that holds the endpoint's key; default: OPENAI_API_KEY, if it is set"
            ),
            $($own,)*
            key!(
                concat!($section, ".prices"),
                Shape::Prices,
                "what a million tokens cost at the endpoint: `input`, `output`, where it differs `cached_input`, and `request` for each request"
            ),
            key!(
                concat!($section, ".max_cost"),
                Shape::Number(0.0, MUCH),
                "most that its answers may cost, in the currency of `prices`; no request leaves that could cost more"
            ),
            key!(
                concat!($section, ".max_tokens"),
                Shape::Integer(1, TOKENS),
                "most tokens that its requests and answers may have together"
            ),
        ]
    };
}

pub(super) const OF_SYNTHESIZER: &[Key] = of_place!(
    "synthesizer",
    "the synthesizer",
    key!(
        "synthesizer.send_images",
        Shape::Flag,
        "false",
        OURS,
        "whether pictures may leave this machine for `synthesizer.endpoint`, encoded anew and without what else their files hold"
    )
);

pub(super) const OF_MAKER: &[Key] = of_place!(
    "maker",
    "the maker's model",
    key!(
        "maker.send_images",
        Shape::Flag,
        "false",
        OURS,
        "whether pictures may leave this machine for `maker.endpoint`, encoded anew and without what else their files hold"
    )
);

pub(super) const OF_QUALITY: &[Key] = of_place!(
    "quality",
    "the judge of data",
    key!(
        "quality.send_images",
        Shape::Flag,
        "false",
        OURS,
        "whether pictures may leave this machine for `quality.endpoint`, encoded anew and without what else their files hold"
    )
);

pub(super) const OF_FILTER: &[Key] = of_place!("filter", "the judge");

pub(super) const OF_ENDPOINTS: &[Key] = &[
    key!(
        "endpoints.max_cost",
        Shape::Number(0.0, MUCH),
        "most that the answers of all endpoints of the run may cost together"
    ),
    key!(
        "endpoints.max_tokens",
        Shape::Integer(1, TOKENS),
        "most tokens of the whole run at endpoints"
    ),
    key!(
        "endpoints.concurrency",
        Shape::Integer(1, 1 << 16),
        "256",
        OURS,
        "most requests at once at one endpoint; how many there are is found by trying"
    ),
    key!(
        "endpoints.requests_per_minute",
        Shape::Integer(1, MANY),
        "most requests a minute at one endpoint"
    ),
    key!(
        "endpoints.tokens_per_minute",
        Shape::Integer(1, TOKENS),
        "most tokens a minute at one endpoint"
    ),
    key!(
        "endpoints.attempts",
        Shape::Integer(1, 1000),
        "10",
        OURS,
        "how often a request is tried; an answer that asks for patience does not count"
    ),
    key!(
        "endpoints.patience",
        Shape::Number(1.0, 1e7),
        "600.0",
        OURS,
        "seconds for which all endpoints may give no answer before the run stops"
    ),
    key!(
        "endpoints.connect_timeout",
        Shape::Number(0.01, 1e5),
        "10.0",
        OURS,
        "seconds that a connection may take"
    ),
    key!(
        "endpoints.first_byte_timeout",
        Shape::Number(0.01, 1e6),
        "600.0",
        OURS,
        "seconds until an answer begins"
    ),
    key!(
        "endpoints.between_bytes_timeout",
        Shape::Number(0.01, 1e6),
        "120.0",
        OURS,
        "seconds between two parts of an answer"
    ),
    key!(
        "endpoints.stream",
        Shape::Flag,
        "false",
        OURS,
        "whether answers come in pieces while they are written"
    ),
    key!(
        "endpoints.accept_other_model",
        Shape::Flag,
        "false",
        OURS,
        "whether answers that name another model than the one that was asked are taken"
    ),
    key!(
        "endpoints.proxy",
        Shape::Address,
        "proxy for all endpoints; default: those of the environment"
    ),
    key!(
        "endpoints.ca_file",
        Shape::Path,
        "certificates (PEM) of your own authorities, beside the system's"
    ),
    key!(
        "endpoints.cache",
        Shape::Path,
        "folder of answers that several runs share; default: the run's own"
    ),
    key!(
        "endpoints.picture_format",
        Shape::Word(&PictureFormat::WORDS),
        "\"png\"",
        OURS,
        "how pictures are sent: png keeps every pixel, jpeg is smaller"
    ),
    key!(
        "endpoints.max_picture_side",
        Shape::Integer(0, 1 << 16),
        "0",
        OURS,
        "pictures with a longer side are scaled down to it before they are sent; 0 sends them as they are"
    ),
    key!(
        "endpoints.picture_tokens",
        Shape::Integer(0, MANY),
        "1600",
        OURS,
        "tokens that a picture is taken to have before an answer has counted them"
    ),
];

/// What of the endpoints' keys an answer depends on. All others say where, how fast or for how much it comes.
const LASTING: [&str; 6] = [
    "synthesizer.endpoint_model",
    "maker.endpoint_model",
    "filter.endpoint_model",
    "quality.endpoint_model",
    "endpoints.picture_format",
    "endpoints.max_picture_side",
];

/// Whether a key is one of the endpoints' keys that change no answer: addresses, prices, caps, limits, timeouts, names of
/// keys. They are in no identity.
pub fn is_of_transport(key: &str) -> bool {
    let all = [
        OF_SYNTHESIZER,
        OF_MAKER,
        OF_FILTER,
        OF_QUALITY,
        OF_ENDPOINTS,
    ];
    let mut all = all.into_iter().flatten();
    !LASTING.contains(&key) && all.any(|one| one.name == key)
}
