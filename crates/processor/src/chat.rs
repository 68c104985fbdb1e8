//! A conversation through the chat template: ids with what is learned, from one rendering and one tokenisation.

use std::sync::Arc;

use corpus::{Open, Role, Turn, TurnMarkers};

use crate::rendering::{self, Content, Rendering, reserved_in};
use crate::{Error, template::Template, tokens::Tokens};

/// Llama 3's chat format for models with pictures: content is a text or a list of `image` and `text` items.
pub const LLAMA3_TEMPLATE: &str = include_str!("templates/llama3.jinja");

/// The conversation side of one checkpoint.
#[derive(Debug)]
pub(crate) struct Chat {
    tokens: Arc<Tokens>,
    template: Template,
    content: Content,
    image_token: i64,
    /// The begin-of-text token, where the tokenizer adds it to a text that lacks it.
    begin: Option<i64>,
    /// Blanks that the template writes between the generation prompt and an answer: the model writes them too.
    gap: String,
    /// Whether the template leaves blanks at the start of a text, which are then learned with it.
    keeps_blanks: bool,
    parse_texts: bool,
}

impl Chat {
    /// Finds out what the template takes. `parse_texts` reads control tokens in turns' texts as `transformers` does.
    pub fn new(
        tokens: Arc<Tokens>,
        template: Template,
        image_token: i64,
        bos: Option<i64>,
        parse_texts: bool,
    ) -> Result<Self, String> {
        let adds = |id: &i64| {
            tokens
                .encode_raw("")
                .is_ok_and(|ids| ids.first() == Some(id))
        };
        let begin = bos.filter(adds);
        let probe = Turn::new(Role::User, "x");
        let attempt = |content| {
            let rendered = template.render(&rendering::messages(&[&probe], content), false)?;
            let found =
                rendering::read(&rendered, &[&probe], content, (&tokens, image_token), false)?;
            // A template that takes texts prints a list as it would be written in code.
            let (start, end) = found.bodies[0];
            let around = [&found.text[..start], &found.text[end..]];
            let printed = around
                .iter()
                .any(|part| part.contains("\"type\"") || part.contains("'type'"));
            if printed {
                Err("it prints lists of contents".to_owned())
            } else {
                Ok(content)
            }
        };
        let content = attempt(Content::Items).or_else(|_| attempt(Content::Text))?;
        let mut chat = Self {
            tokens,
            template,
            content,
            image_token,
            begin,
            gap: String::new(),
            keeps_blanks: false,
            parse_texts,
        };
        chat.gap = chat.find_gap().unwrap_or_default();
        chat.keeps_blanks = chat.answer_start("  b") > chat.answer_start("b");
        Ok(chat)
    }

    /// Ids of the turns up to where the model goes on, and whether each is learned. A picture is one image token.
    pub fn encode(&self, id: &str, turns: &[Turn], open: Open) -> Result<Vec<(i64, bool)>, Error> {
        for (index, turn) in turns.iter().enumerate() {
            if let Some(character) = reserved_in(&turn.text) {
                return Err(Error::Reserved {
                    id: id.to_owned(),
                    turn: index + 1,
                    character,
                });
            }
        }
        let probe = Turn::new(Role::User, "x");
        let opens_user = open == Open::User;
        let shown: Vec<&Turn> = turns.iter().chain(opens_user.then_some(&probe)).collect();
        let rendering = self.render(&shown, open == Open::Assistant);
        let Rendering {
            mut text,
            mut bodies,
        } = rendering.map_err(|problem| Error::Conversation {
            id: id.to_owned(),
            problem,
        })?;
        if opens_user && let Some((start, _)) = bodies.pop() {
            // Everything before the text of the turn that the model is to write.
            text.truncate(start);
        }
        let learned = self.learned_ranges(&text, &bodies, turns);
        let is_learned = |at: usize| {
            learned
                .iter()
                .any(|&(start, end)| (start..end).contains(&at))
        };
        let ids = self.tokens.encode(&text)?;
        let begin = self
            .begin
            .filter(|begin| ids.first().is_none_or(|first| first.0 != *begin));
        let ids = ids
            .into_iter()
            .map(|(id, at)| (id, id != self.image_token && is_learned(at)));
        Ok(begin
            .map(|begin| (begin, false))
            .into_iter()
            .chain(ids)
            .collect())
    }

    /// The control tokens around turns.
    pub fn markers(&self, end_of_text: String) -> Result<TurnMarkers, Error> {
        let turns = [
            Turn::new(Role::User, "a"),
            Turn::new(Role::Assistant, "b"),
            Turn::new(Role::User, "c"),
        ];
        let shown: Vec<&Turn> = turns.iter().collect();
        let Rendering { text, bodies } = self.render(&shown, false).map_err(Error::Template)?;
        let end_of = |body: usize| bodies[body].1 + end_of_turn(&text[bodies[body].1..]);
        let between =
            |from: usize, to: usize| self.tokens.spell(text.get(from..to).unwrap_or_default());
        Ok(TurnMarkers {
            end_of_turn: between(bodies[0].1, end_of(0)),
            user_header: between(end_of(1), bodies[2].0),
            assistant_header: between(end_of(0), bodies[1].0),
            end_of_text,
        })
    }

    /// What carries loss: a learned turn's text and end-of-turn token, and its header if the turn before is learned too.
    fn learned_ranges(
        &self,
        text: &str,
        bodies: &[(usize, usize)],
        turns: &[Turn],
    ) -> Vec<(usize, usize)> {
        let end = |i: usize| bodies[i].1 + end_of_turn(&text[bodies[i].1..]);
        let start = |i: usize| {
            let mut start = bodies[i].0;
            if i > 0 && turns[i - 1].learn {
                return end(i - 1);
            }
            let own = &turns[i].text;
            let blanks = &own[..own.len() - own.trim_start().len()];
            if self.keeps_blanks && text[..start].ends_with(blanks) {
                start -= blanks.len();
            }
            if turns[i].role == Role::Assistant && text[..start].ends_with(&self.gap) {
                start -= self.gap.len();
            }
            start
        };
        let learned = (0..turns.len()).filter(|&i| turns[i].learn);
        learned.map(|i| (start(i), end(i))).collect()
    }

    fn find_gap(&self) -> Option<String> {
        let (asks, answers) = (Turn::new(Role::User, "a"), Turn::new(Role::Assistant, "b"));
        let prompt = self.render(&[&asks], true).ok()?.text;
        let full = self.render(&[&asks, &answers], false).ok()?;
        let gap = full.text[..full.bodies[1].0].strip_prefix(&prompt)?;
        gap.trim().is_empty().then(|| gap.to_owned())
    }

    /// Where an answer's text begins when it is trimmed.
    fn answer_start(&self, answer: &str) -> Option<usize> {
        let turns = [
            Turn::new(Role::User, "a"),
            Turn::new(Role::Assistant, answer),
        ];
        let rendering = self.render(&[&turns[0], &turns[1]], false).ok()?;
        rendering.bodies.get(1).map(|body| body.0)
    }

    fn render(&self, turns: &[&Turn], add_generation_prompt: bool) -> Result<Rendering, String> {
        let rendered = self.template.render(
            &rendering::messages(turns, self.content),
            add_generation_prompt,
        )?;
        rendering::read(
            &rendered,
            turns,
            self.content,
            (&self.tokens, self.image_token),
            self.parse_texts,
        )
    }
}

/// Length of the control token that ends a turn, with the blanks before it; 0 when another thing follows its text.
fn end_of_turn(rest: &str) -> usize {
    let blank = rest.len() - rest.trim_start().len();
    Tokens::name_at(&rest[blank..]).map_or(0, |length| blank + length)
}
