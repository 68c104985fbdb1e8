//! The models that a recipe names, and the words that they are asked with.

use std::path::{Path, PathBuf};

use corpus::ModelPlace;

use super::checked::Recipe;
use super::endpoints::EndpointPlace;
use super::family::{self, Family};
use super::keys::DEMO;

impl Recipe {
    /// The models that are asked at endpoints, each with its section of the recipe; not those that are named and turned off.
    pub fn endpoint_places(&self) -> impl Iterator<Item = (&'static str, &EndpointPlace)> {
        let synthetic = self.mix.synthetic && !self.pairs.is_empty();
        let maker = self.making.maker;
        let by_synthesizer = synthetic && self.making.is_by_synthesizer();
        let judged = synthetic && self.filter.enabled && maker.gives_triplets();
        let all = [
            ("synthesizer", &self.synthesizer.endpoint, by_synthesizer),
            (
                "maker",
                &self.making.endpoint,
                synthetic && maker.asks().is_some(),
            ),
            ("filter", &self.filter.endpoint, judged),
            ("quality", &self.judging.endpoint, self.judges_data()),
        ];
        let asked = all.into_iter().filter(|(_, _, is_asked)| *is_asked);
        asked.filter_map(|(section, place, _)| Some((section, place.as_ref()?)))
    }

    /// The file that replaces prompts by name, for whoever makes the data and all that comes after.
    pub fn prompts(&self) -> Option<&PathBuf> {
        if self.making.is_by_synthesizer() {
            self.synthesizer.prompts.as_ref()
        } else {
            self.making.prompts.as_ref()
        }
    }

    /// The `model_type` of each folder that the recipe names.
    pub(super) fn model_types(&self) -> Vec<String> {
        let models = [
            Some(&self.checkpoint),
            self.synthesizer.checkpoint.as_ref(),
            self.making.checkpoint.as_ref(),
            self.filter.checkpoint.as_ref(),
            self.judging.checkpoint.as_ref(),
            self.judging.answerer.as_ref(),
        ];
        let type_of = |folder: &PathBuf| {
            if folder == Path::new(DEMO) {
                return Some(Family::LlavaNext.as_str().to_owned());
            }
            family::model_type(&ModelPlace::texts(folder))
        };
        models.into_iter().flatten().filter_map(type_of).collect()
    }
}
