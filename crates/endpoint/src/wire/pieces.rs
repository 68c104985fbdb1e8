//! An answer that comes in pieces (server-sent events), put together as if it had come whole.

use serde_json::{Map, Value, json};

/// Puts the pieces of a streamed answer together.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    whole: Map<String, Value>,
    text: String,
    refusal: String,
    finish_reason: Value,
    logprobs: Map<String, Value>,
    ended: bool,
    /// Bytes of a line that is not whole.
    rest: Vec<u8>,
}

impl Pieces {
    /// Takes what came; says what is wrong with it.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(line.trim_ascii())?;
        }
        Ok(())
    }

    /// Whether the last piece has come.
    pub fn ended(&self) -> bool {
        self.ended
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        // Other fields of an event, and comments that keep a connection alive.
        let Some(data) = line.strip_prefix(b"data:") else {
            return Ok(());
        };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            return Ok(());
        }
        let piece: Value = serde_json::from_slice(data)
            .map_err(|error| format!("a piece that is no JSON ({error})"))?;
        if let Some(message) = piece["error"]["message"].as_str() {
            return Err(format!("an error in the middle of an answer: {message}"));
        }
        for key in ["model", "usage"] {
            if !piece[key].is_null() {
                self.whole.insert(key.to_owned(), piece[key].clone());
            }
        }
        let choice = &piece["choices"][0];
        let delta = &choice["delta"];
        let text = delta["content"].as_str().or(choice["text"].as_str());
        self.text.push_str(text.unwrap_or_default());
        let refusal = delta["refusal"].as_str();
        self.refusal.push_str(refusal.unwrap_or_default());
        if !choice["finish_reason"].is_null() {
            self.finish_reason = choice["finish_reason"].clone();
        }
        for (key, part) in choice["logprobs"].as_object().into_iter().flatten() {
            if let (Value::Array(all), Value::Array(part)) =
                (self.logprobs.entry(key.clone()).or_insert(json!([])), part)
            {
                all.extend(part.iter().cloned());
            }
        }
        Ok(())
    }

    /// The answer as if it had come whole; none if the stream broke off.
    pub fn whole(self) -> Option<Value> {
        if !self.ended {
            return None;
        }
        let mut whole = self.whole;
        let logprobs = if self.logprobs.is_empty() {
            Value::Null
        } else {
            Value::Object(self.logprobs)
        };
        let message = json!({"content": self.text, "refusal": self.refusal});
        let choice = json!({
            "message": message, "text": self.text, "finish_reason": self.finish_reason, "logprobs": logprobs,
        });
        whole.insert("choices".to_owned(), json!([choice]));
        Some(Value::Object(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": here\n\
        data: {\"model\": \"m\", \"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"Te\"}, \"logprobs\": {\"content\": [{\"logprob\": -1}]}}]}\n\n\
        data: {\"model\": \"m\", \"choices\": [{\"delta\": {\"content\": \"a.\"}, \"finish_reason\": \"stop\", \"logprobs\": {\"content\": [{\"logprob\": -2}]}}]}\r\n\r\n\
        data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 2, \"completion_tokens\": 2}}\n\n\
        data: [DONE]\n\n";

    #[test]
    fn pieces_make_the_whole_wherever_they_are_cut() {
        for cut in 1..STREAM.len() {
            let mut pieces = Pieces::default();
            for part in STREAM.as_bytes().chunks(cut) {
                pieces.take(part).expect("sound");
            }
            assert!(pieces.ended());
            let whole = pieces.whole().expect("whole");
            assert_eq!(whole["model"], "m");
            assert_eq!(whole["choices"][0]["message"]["content"], "Tea.");
            assert_eq!(whole["choices"][0]["finish_reason"], "stop");
            let logprobs = &whole["choices"][0]["logprobs"]["content"];
            assert_eq!(*logprobs, json!([{"logprob": -1}, {"logprob": -2}]));
            assert_eq!(whole["usage"]["completion_tokens"], 2);
        }
    }

    #[test]
    fn what_breaks_off_is_no_answer() {
        let mut pieces = Pieces::default();
        pieces.take(&STREAM.as_bytes()[..200]).expect("sound");
        assert!(pieces.whole().is_none());
        let broken = Pieces::default().take(b"data: {\"choices\"\n");
        assert!(broken.expect_err("half").contains("no JSON"));
        let failed = Pieces::default().take(b"data: {\"error\": {\"message\": \"gone\"}}\n");
        assert!(failed.expect_err("error").contains("gone"));
    }
}
