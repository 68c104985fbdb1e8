//! The tokenizer: text between control tokens becomes ids, so that what a user typed can never become a control token.

use std::path::Path;

use tokenizers::Tokenizer;

use crate::Error;

/// A tokenizer whose special tokens are found by us and never inside a piece of text.
#[derive(Debug)]
pub struct Tokens {
    plain: Tokenizer,
    /// Special tokens, the longest first.
    special: Vec<(String, i64)>,
}

impl Tokens {
    /// Reads `tokenizer.json`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let tokenizer = Tokenizer::from_file(path)
            .map_err(|e| Error::File { path: path.to_owned(), problem: format!("is not a tokenizer: {e}") })?;
        Ok(Self::new(tokenizer))
    }

    /// From a tokenizer in memory.
    pub fn new(mut plain: Tokenizer) -> Self {
        let _ = plain.with_padding(None).with_truncation(None);
        let mut special: Vec<(String, i64)> = plain
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special && !token.content.is_empty())
            .map(|(id, token)| (token.content, i64::from(id)))
            .collect();
        special.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
        plain.set_encode_special_tokens(true);
        Self { plain, special }
    }

    /// The id of a token's text.
    pub fn id(&self, token: &str) -> Option<i64> {
        self.plain.token_to_id(token).map(i64::from)
    }

    /// The special token that `text` starts with.
    pub fn special_at<'a>(&'a self, text: &str) -> Option<(&'a str, i64)> {
        self.special.iter().find(|(token, _)| text.starts_with(token.as_str())).map(|(token, id)| (token.as_str(), *id))
    }

    /// Ids of text in which no control token is looked for, each with the byte at which it starts.
    pub fn encode(&self, text: &str) -> Result<Vec<(i64, usize)>, Error> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let encoding = self.plain.encode(text, false).map_err(|e| Error::Tokenizer(e.to_string()))?;
        Ok(encoding.get_ids().iter().zip(encoding.get_offsets()).map(|(&id, offset)| (i64::from(id), offset.0)).collect())
    }

    /// Ids of raw text as a plain tokenizer call gives them: control tokens count, and the post-processor adds its own.
    pub fn encode_raw(&self, text: &str) -> Result<Vec<i64>, Error> {
        let mut tokenizer = self.plain.clone();
        tokenizer.set_encode_special_tokens(false);
        let encoding = tokenizer.encode(text, true).map_err(|e| Error::Tokenizer(e.to_string()))?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// Text of ids; ids that no token has are left out.
    pub fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.plain.decode(&ids, skip_special_tokens).unwrap_or_default()
    }
}
