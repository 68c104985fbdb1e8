//! Asking the synthesizer: a pair becomes a request that ends in a bare user header, so that the model writes hint and
//! instruction itself, then the answers. The caption stands before it as a finished
//! assistant turn, as in tuning.

use corpus::{Decoding, Open, Pair, Request};

use crate::opening::{Input, missing, opening};
use crate::outcome::{Outcome, reject};
use crate::prompts::Prompts;

/// How the reference draws: greedy, at most 512 tokens, ended by the end-of-text token alone, control tokens kept in
/// the text for the parser.
///
/// `end_of_text` replaces the model's own stop tokens, of which end-of-turn would end the text after one turn.
pub fn synthesis_decoding(end_of_text: i64) -> Decoding {
    Decoding {
        max_new_tokens: 512,
        stop_ids: vec![end_of_text],
        skip_special_tokens: false,
        ..Decoding::default()
    }
}

/// One request a pair, with the pair's id.
///
/// ```
/// use synthesis::{Input, Prompts, synthesis_decoding, synthesis_requests};
/// let pair = serde_json::from_str(r#"{"id": "a", "images": ["a.png"], "caption": "A cup of tea."}"#)?;
/// let found = synthesis_requests(&[pair], Input::Both, &synthesis_decoding(2), &Prompts::default());
/// assert_eq!(found.items[0].turns[1].text, "A cup of tea.");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn synthesis_requests(
    pairs: &[Pair],
    input: Input,
    decoding: &Decoding,
    prompts: &Prompts,
) -> Outcome<Request> {
    let mut outcome = Outcome::default();
    for pair in pairs {
        if let Some((reason, detail)) = missing(&pair.images, &pair.caption, input) {
            outcome.rejected.push(reject(&pair.id, reason, detail));
            continue;
        }
        let (images, turns) = opening(&pair.images, &pair.caption, input, &prompts.synthesizer);
        outcome.items.push(Request {
            id: pair.id.clone(),
            images,
            turns,
            open: Open::User,
            prompt: None,
            decoding: decoding.clone(),
        });
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::{pair, show_turns};

    fn check(input: Input, expected: &str) {
        let pair = pair("a", "A cup of <image> tea.");
        let found = synthesis_requests(&[pair], input, &synthesis_decoding(7), &Prompts::default());
        let request = &found.items[0];
        assert_eq!(request.images.len(), usize::from(input.has_image()));
        assert_eq!(request.open, Open::User);
        assert_eq!(show_turns(&request.turns), expected);
    }

    #[test]
    fn shows_what_the_input_says() {
        check(
            Input::Both,
            "user! <image>\\nDescribe the image.\nassistant A cup of <image> tea.\n",
        );
        check(
            Input::Image,
            "user! <image>\\nDescribe the image.\nassistant Ready.\n",
        );
        check(
            Input::Caption,
            "user! Describe the image.\nassistant A cup of <image> tea.\n",
        );
        check(Input::None, "user! Describe the image.\nassistant Ready.\n");
    }

    #[test]
    fn draws_until_end_of_text_with_control_tokens() {
        let decoding = synthesis_decoding(7);
        assert_eq!((decoding.max_new_tokens, decoding.temperature), (512, 0.0));
        assert_eq!(
            (decoding.stop_ids, decoding.skip_special_tokens),
            (vec![7], false)
        );
    }

    #[test]
    fn a_pair_that_lacks_its_part_is_rejected() {
        let mut bare = pair("b", " ");
        bare.images.clear();
        let mut reasons = Vec::new();
        for input in [Input::Both, Input::Caption, Input::None] {
            let found = synthesis_requests(
                std::slice::from_ref(&bare),
                input,
                &synthesis_decoding(7),
                &Prompts::default(),
            );
            reasons.push(found.rejected.first().map(|r| r.reason.clone()));
        }
        assert_eq!(
            reasons,
            [
                Some("no-image".to_owned()),
                Some("empty-caption".to_owned()),
                None
            ]
        );
    }

    #[test]
    fn a_system_message_comes_first() {
        let prompts =
            Prompts::with_overrides("[synthesizer]\nsystem = 'Be kind.'").expect("prompts");
        let found = synthesis_requests(
            &[pair("a", "Tea.")],
            Input::Both,
            &synthesis_decoding(7),
            &prompts,
        );
        assert!(show_turns(&found.items[0].turns).starts_with("system Be kind.\nuser! <image>"));
    }
}
