//! The pictures of a block: each is encoded once and kept while prompts that show it are to come.

use std::ops::Range;
use std::sync::Arc;

use model::{Mllm, Picture};
use processor::{Encoded, ImageInput};

use crate::ahead::is_identical;

/// A picture in a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number in [`Shown`].
    pub picture: usize,
    /// Its tokens.
    pub tokens: Range<usize>,
}

/// Pictures with what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    all: Vec<One>,
}

#[derive(Debug)]
struct One {
    image: ImageInput,
    known: Option<Picture>,
    /// Forwards that will show it.
    uses: usize,
}

impl Shown {
    /// Where a prompt's pictures are, or what is wrong if its tokens do not fit them. With `share`, a picture that was there
    /// before is not a new one.
    pub fn places(
        &mut self,
        encoded: &Encoded,
        image_token: i64,
        share: bool,
    ) -> Result<Vec<Place>, String> {
        let found = encoded.ids.iter().filter(|&&id| id == image_token).count();
        let expected: usize = encoded.images.iter().map(|image| image.num_tokens).sum();
        if found != expected && !encoded.images.is_empty() {
            return Err(format!(
                "the prompt has {found} image tokens, and its {} pictures stand for {expected}",
                encoded.images.len()
            ));
        }
        let mut tokens = (0..encoded.ids.len()).filter(|&at| encoded.ids[at] == image_token);
        let mut places = Vec::with_capacity(encoded.images.len());
        for image in &encoded.images {
            let mut own = tokens.by_ref().take(image.num_tokens);
            let start = own.next().unwrap_or(encoded.ids.len());
            let end = own.last().unwrap_or(start) + 1;
            if end - start != image.num_tokens {
                return Err(format!(
                    "the {} image tokens of a picture do not stand together",
                    image.num_tokens
                ));
            }
            let known = self
                .all
                .iter()
                .position(|one| is_identical(&one.image, image));
            let picture = known.filter(|_| share).unwrap_or_else(|| {
                self.all.push(One {
                    image: image.clone(),
                    known: None,
                    uses: 0,
                });
                self.all.len() - 1
            });
            places.push(Place {
                picture,
                tokens: start..end,
            });
        }
        Ok(places)
    }

    /// Counts a forward that will show these.
    pub fn expect(&mut self, places: &[Place]) {
        for place in places {
            self.all[place.picture].uses += 1;
        }
    }

    /// Encodes what is not known yet of these; gives what is wrong with the first that cannot be.
    pub fn encode(
        &mut self,
        model: &dyn Mllm,
        places: &[&Place],
    ) -> Result<(), (usize, model::Error)> {
        let mut missing: Vec<usize> = Vec::new();
        for place in places {
            if self.all[place.picture].known.is_none() && !missing.contains(&place.picture) {
                missing.push(place.picture);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let images: Vec<ImageInput> = missing
            .iter()
            .map(|&at| self.all[at].image.clone())
            .collect();
        if let Ok(found) = model.pictures(&images) {
            for (&at, picture) in missing.iter().zip(found) {
                self.all[at].known = Some(picture);
            }
            return Ok(());
        }
        // One of them is bad, or all together were too many.
        for (&at, image) in missing.iter().zip(&images) {
            let found = model.pictures(std::slice::from_ref(image));
            let found = found.map_err(|error| (at, error))?;
            self.all[at].known = found.into_iter().next();
        }
        Ok(())
    }

    /// Shows these, which are encoded, for the last time but for those forwards that are still expected.
    pub fn show(&mut self, places: &[Place]) -> Vec<Picture> {
        let mut shown = Vec::with_capacity(places.len());
        for place in places {
            let one = &mut self.all[place.picture];
            one.uses = one.uses.saturating_sub(1);
            shown.extend(one.known.clone());
            if one.uses == 0 {
                one.known = None;
                one.image.pixels = Arc::default();
            }
        }
        shown
    }

    /// Takes back what was shown in a forward that failed; others may need it more often than was expected.
    pub fn take_back(&mut self, places: &[Place], pictures: Vec<Picture>) {
        for (place, picture) in places.iter().zip(pictures) {
            let one = &mut self.all[place.picture];
            (one.known, one.uses) = (Some(picture), usize::MAX);
        }
    }

    /// No longer expects a forward with these.
    pub fn forget(&mut self, places: &[Place]) {
        let _ = self.show(places);
    }
}
