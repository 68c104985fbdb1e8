//! Making triplets of completions.

use std::hint::black_box;

use corpus::{Completion, FinishReason, Request, TurnMarkers};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use synthesis::{ParseOptions, Prompts, SameQuestion, triplets};

const COMPLETIONS: usize = 1000;

fn parsing(criterion: &mut Criterion) {
    let prompts = Prompts::default().synthesizer;
    let header = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let markers = TurnMarkers {
        end_of_turn: "<|eot_id|>".to_owned(),
        user_header: header("user"),
        assistant_header: header("assistant"),
        end_of_text: "<|end_of_text|>".to_owned(),
    };
    let turn = |hint: &str, question: usize, answer: &str| {
        let (end, assistant) = (&markers.end_of_turn, &markers.assistant_header);
        format!("{hint}\nWhat is in bowl {question}?{end}{assistant}{answer}{end}")
    };
    let (short, long) = (&prompts.hint_precise, &prompts.hint_informative);
    let explained = "The bowl holds lentils, since they are small, round and red. ".repeat(6);
    let completion = |at: usize| {
        // A third asks two different questions and gives no triplet.
        let other = if at.is_multiple_of(3) { at + 1 } else { at };
        let turns = [turn(long, at, &explained), turn(short, other, "Lentils")];
        Completion {
            id: at.to_string(),
            text: turns.join(&markers.user_header) + &markers.end_of_text,
            finish_reason: FinishReason::Stop,
            prompt_tokens: 0,
            completion_tokens: 0,
            error: None,
            logprobs: None,
            top_logprobs: None,
        }
    };
    let completions: Vec<Completion> = (0..COMPLETIONS).map(completion).collect();
    let request = |c: &Completion| Request::question(c.id.clone(), Vec::new(), "");
    let requests: Vec<Request> = completions.iter().map(request).collect();
    let mut group = criterion.benchmark_group("triplets");
    group.throughput(Throughput::Elements(COMPLETIONS as u64));
    for same_question in SameQuestion::ALL {
        let options = ParseOptions {
            markers: &markers,
            prompts: &prompts,
            same_question,
        };
        group.bench_function(same_question.as_str(), |bencher| {
            bencher.iter(|| triplets(black_box(&requests), &completions, options, "bench"));
        });
    }
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
