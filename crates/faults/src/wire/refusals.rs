//! Errors as OpenAI and vLLM word them.

use serde_json::{Value, json};

use crate::setup::Wording;

/// An error as an object, in OpenAI's words.
pub(crate) fn error(kind: &str, code: Option<&str>, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The same error in the words of whom the server plays. vLLM has the status in the place of a code, and no words for a
/// wrong key.
pub(crate) fn worded(wording: Wording, status: u16, error: &Value) -> Value {
    let kind = match (wording, status) {
        (Wording::OpenAi, _) => return error.clone(),
        (Wording::Vllm, 401) => return json!({"error": "Unauthorized"}),
        (Wording::Vllm, 400) => "BadRequestError",
        (Wording::Vllm, 404) => "NotFoundError",
        (Wording::Vllm, 503) => "ServiceUnavailableError",
        (Wording::Vllm, _) => "InternalServerError",
    };
    let message = &error["error"]["message"];
    json!({"error": {"message": message, "type": kind, "param": null, "code": status}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_form_of_whom_the_server_plays() {
        let error = error("invalid_request_error", Some("model_not_found"), "no");
        assert_eq!(worded(Wording::OpenAi, 404, &error), error);
        // As vLLM 0.32 sends them.
        assert_eq!(
            worded(Wording::Vllm, 404, &error),
            json!({"error": {"message": "no", "type": "NotFoundError", "param": null, "code": 404}})
        );
        assert_eq!(
            worded(Wording::Vllm, 401, &error),
            json!({"error": "Unauthorized"})
        );
    }
}
