//! What a client finds out of its endpoints while it asks them.

use crate::job::{Job, Words};
use crate::prices::Usage;
use crate::settings::Settings;
use crate::wire::question::LIMITS;

/// What was found out of the endpoints so far.
#[derive(Debug)]
pub(crate) struct Learned {
    /// The word for the most tokens of an answer.
    pub limit: &'static str,
    /// The most tokens that a picture took.
    pub picture_tokens: u64,
    /// Whether the endpoints are engines that know more than OpenAI's own words, and take what is not said from the model's
    /// folder.
    pub speaks_more: bool,
    /// Whether anything was answered.
    pub answered: bool,
    /// How many answers lacked the likelihood of a given text that they were asked for; none once one had it.
    pub unscored: Option<usize>,
    /// Whether a wrong count was told.
    pub told_count: bool,
}

impl Learned {
    pub fn new(settings: &Settings) -> Self {
        Self {
            limit: LIMITS[0],
            picture_tokens: settings.pictures.tokens,
            speaks_more: false,
            answered: false,
            unscored: Some(0),
            told_count: false,
        }
    }

    /// The words that endpoints are asked in.
    pub fn words(&self) -> Words {
        Words {
            limit: self.limit,
            says_all: self.speaks_more,
        }
    }

    /// Learns from what an endpoint counted: reservations go by half as much again as the largest picture so far.
    pub fn count(&mut self, job: &Job, usage: &Usage) {
        let pictures = job.request.images.len() as u64;
        let text = job.most_read(0) / 4;
        let of_pictures = usage.prompt_tokens.saturating_sub(text);
        if let Some(each) = of_pictures.checked_div(pictures) {
            self.picture_tokens = self.picture_tokens.max(each + each / 2);
        }
    }
}
