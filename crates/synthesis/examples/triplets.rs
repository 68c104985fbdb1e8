//! Makes triplets of what a synthesizer wrote, and counts why the rest gives none:
//!
//!     cargo run -p adamllm-synthesis --example triplets -- [COMPLETIONS.jsonl]
//!
//! A line is a completion (`id`, `text`, `finish_reason`, `prompt_tokens`, `completion_tokens`) with Llama 3's control tokens
//! left in its text. Without a file, four of them are made up.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use corpus::{Completion, FinishReason, Request, TurnMarkers, jsonl};
use synthesis::{Funnel, ParseOptions, Prompts, SameQuestion, triplets};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let completions: Vec<Completion> = match std::env::args().nth(1) {
        Some(file) => jsonl::read(file.as_ref())?,
        None => made_up(),
    };
    // Whoever asked knows the requests; of them only the ids matter here.
    let asked = completions.iter().map(|c| c.id.as_str());
    let requests: Vec<Request> = asked
        .map(|id| Request::question(id, Vec::new(), ""))
        .collect();
    let prompts = Prompts::default();
    let markers = llama3();
    let options = ParseOptions {
        markers: &markers,
        prompts: &prompts.synthesizer,
        same_question: SameQuestion::Normalised,
    };
    let found = triplets(&requests, &completions, options, "example");
    for triplet in &found.items {
        println!("{}: {}", triplet.pair, triplet.instruction);
        println!("  informative: {}", triplet.informative);
        println!("  precise:     {}", triplet.precise);
    }
    let mut funnel = Funnel::default();
    funnel.count(&found.rejected);
    println!("{} of {} give a triplet", found.items.len(), requests.len());
    for (reason, count) in &funnel.rejects {
        println!("  {count} {reason}");
    }
    Ok(())
}

fn llama3() -> TurnMarkers {
    let header = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    TurnMarkers {
        end_of_turn: "<|eot_id|>".to_owned(),
        user_header: header("user"),
        assistant_header: header("assistant"),
        end_of_text: "<|end_of_text|>".to_owned(),
    }
}

fn made_up() -> Vec<Completion> {
    let markers = llama3();
    let prompts = Prompts::default().synthesizer;
    let turn = |hint: &str, question: &str, answer: &str| {
        format!(
            "{hint}\n{question}{end}{}{answer}{end}",
            markers.assistant_header,
            end = markers.end_of_turn
        )
    };
    let (short, long) = (&prompts.hint_precise, &prompts.hint_informative);
    let both = |one: String, other: String| format!("{one}{}{other}", markers.user_header);
    let texts = [
        both(
            turn(short, "What is in the bowl?", "Lentils"),
            turn(long, "What is in the bowl?", "The bowl holds red lentils."),
        ),
        both(
            turn(long, "Is it hot?", "Steam rises, so it is."),
            turn(short, "is it hot", "Yes"),
        ),
        turn(short, "What is it?", "A stew"),
        "I see a bowl.".to_owned(),
    ];
    let completion = |(at, text): (usize, String)| Completion {
        id: format!("bowl-{at}"),
        text,
        finish_reason: FinishReason::Stop,
        prompt_tokens: 0,
        completion_tokens: 0,
        error: None,
        logprobs: None,
        top_logprobs: None,
    };
    texts.into_iter().enumerate().map(completion).collect()
}
