use proptest::prelude::*;

use super::*;
use crate::Prompts;

fn llama() -> TurnMarkers {
    TurnMarkers {
        end_of_turn: "<|eot_id|>".to_owned(),
        user_header: "<|start_header_id|>user<|end_header_id|>\n\n".to_owned(),
        assistant_header: "<|start_header_id|>assistant<|end_header_id|>\n\n".to_owned(),
        end_of_text: "<|end_of_text|>".to_owned(),
    }
}

fn chatml() -> TurnMarkers {
    TurnMarkers {
        end_of_turn: "<|im_end|>\n".to_owned(),
        user_header: "<|im_start|>user\n".to_owned(),
        assistant_header: "<|im_start|>assistant\n".to_owned(),
        end_of_text: "<|endoftext|>".to_owned(),
    }
}

/// `U`, `A`, `E`, `T` in brackets stand for the markers, `P` and `I` for the hints with their line break.
fn expand(text: &str, markers: &TurnMarkers) -> String {
    let prompts = Prompts::default().synthesizer;
    text.replace("[U]", &markers.user_header)
        .replace("[A]", &markers.assistant_header)
        .replace("[E]", &markers.end_of_turn)
        .replace("[T]", &markers.end_of_text)
        .replace("[P]", &format!("{}\n", prompts.hint_precise))
        .replace("[I]", &format!("{}\n", prompts.hint_informative))
}

fn parse_with(
    text: &str,
    markers: &TurnMarkers,
    same_question: SameQuestion,
) -> Result<Parsed, Unparsed> {
    let prompts = Prompts::default().synthesizer;
    parse(
        text,
        ParseOptions {
            markers,
            prompts: &prompts,
            same_question,
        },
    )
}

fn check(text: &str, same_question: SameQuestion, expected: Result<[&str; 3], Reason>) {
    for markers in [llama(), chatml()] {
        let found = parse_with(&expand(text, &markers), &markers, same_question);
        let found = found
            .as_ref()
            .map(|p| [&*p.instruction, &*p.informative, &*p.precise])
            .map_err(|u| u.reason);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn finds_the_triplet_in_either_order() {
    let expected = Ok(["What is it?", "It is a cup.", "cup"]);
    let cases = [
        "[P]What is it?[E][A]cup[E][U][I]What is it?[E][A]It is a cup.[E]",
        "[I]What is it?[E][A]It is a cup.[E][U][P]What is it?[E][A]cup[E][T]",
        // White space around parts does not matter.
        "\n[P] What is it? [E]\n[A]\n cup [E]\n[U]\n[I]\nWhat is it?\n[E][A]It is a cup.[E]\n[T]\n",
        // The first instruction under both hints counts; later ones do not.
        "[P]What is it?[E][A]cup[E][U][I]Where?[E][A]Here.[E][U][I]What is it?[E][A]It is a cup.[E]\
         [U][P]Where?[E][A]here[E]",
        // A last turn without an end is left out.
        "[P]What is it?[E][A]cup[E][U][I]What is it?[E][A]It is a cup.[E][U][P]Whi",
        "[P]What is it?[E][A]cup[E][U][I]What is it?[E][A]It is a cup.[E][U]",
        // Turns that cannot be used are passed over.
        "[P]Where?[E][U][P]What is it?[E][A]cup[E][U]Hm?[E][A]Hm.[E][U][I]What is it?[E][A]It is a cup.[E]",
        // The first answer under a hint stays.
        "[P]What is it?[E][A]cup[E][U][P]What is it?[E][A]mug[E][U][I]What is it?[E][A]It is a cup.[E]",
        // What stands after the end of the text is not read.
        "[P]What is it?[E][A]cup[E][U][I]What is it?[E][A]It is a cup.[E][T][U][E]noise",
    ];
    for text in cases {
        check(text, SameQuestion::Exact, expected);
        check(text, SameQuestion::Normalised, expected);
    }
}

#[test]
fn every_reject_has_its_reason() {
    let cases = [
        ("", Reason::NoTurns),
        (" \n[U] ", Reason::NoTurns),
        ("[T][P]What is it?[E][A]cup[E]", Reason::NoTurns),
        ("[P]What is", Reason::Unfinished),
        (
            "[P]What is it?[E][A]cup[E][U][I]What is it?[E][A]It is",
            Reason::Unfinished,
        ),
        ("[P]What is it?[E]", Reason::BadTurn),
        ("[P]What is it?[A]cup[E]", Reason::BadTurn),
        ("[P]What is it?[E][A]cup[E][A]mug[E]", Reason::BadTurn),
        ("[P]What[E] is it?[E][A]cup[E]", Reason::BadTurn),
        ("[P]What is it?[E][A] [E]", Reason::EmptyPart),
        ("[P] [E][A]cup[E]", Reason::EmptyPart),
        ("[E][A]cup[E]", Reason::EmptyPart),
        (
            "What is it?[E][A]cup[E][U]What is it?[E][A]It is a cup.[E]",
            Reason::MissingHint,
        ),
        ("Please. [P]What is it?[E][A]cup[E]", Reason::MissingHint),
        ("[P]What is it?[E][A]cup[E]", Reason::MissingMode),
        (
            "[P]What is it?[E][A]cup[E][U][P]Where?[E][A]here[E]",
            Reason::MissingMode,
        ),
        (
            "[P]What is it?[E][A]cup[E][U][I]What is this?[E][A]It is a cup.[E]",
            Reason::NoMatchingInstruction,
        ),
    ];
    for (text, reason) in cases {
        check(text, SameQuestion::Exact, Err(reason));
    }
}

#[test]
fn case_space_and_end_marks_count_only_when_exact() {
    let text = "[I]What  is it?[E][A]It is a cup.[E][U][P]what is\nit.[E][A]cup[E]";
    check(
        text,
        SameQuestion::Exact,
        Err(Reason::NoMatchingInstruction),
    );
    check(
        text,
        SameQuestion::Normalised,
        Ok(["What  is it?", "It is a cup.", "cup"]),
    );
}

#[test]
fn one_token_may_end_turns_and_text() {
    let mut markers = chatml();
    markers.end_of_text = "<|im_end|>".to_owned();
    let text = expand("[P]Q?[E][A]a[E][U][I]Q?[E][A]A a.[E]", &markers);
    assert!(parse_with(&text, &markers, SameQuestion::Exact).is_ok());
}

#[test]
fn triplets_keep_pair_and_raw_text_and_every_request_is_answered_for() {
    let markers = llama();
    let prompts = Prompts::default();
    let request = |id: &str| Request {
        id: id.to_owned(),
        images: Vec::new(),
        turns: Vec::new(),
        open: corpus::Open::User,
        prompt: None,
        decoding: corpus::Decoding::default(),
    };
    let completion = |id: &str, text: &str, finish_reason| Completion {
        id: id.to_owned(),
        text: expand(text, &markers),
        finish_reason,
        prompt_tokens: 1,
        completion_tokens: 1,
        error: (finish_reason == FinishReason::Error).then(|| "out of memory".to_owned()),
        logprobs: None,
        top_logprobs: None,
    };
    let good = "[P]What is it?[E][A]cup[E][U][I]What is it?[E][A]It is a cup.[E]";
    let completions = [
        completion("c", good, FinishReason::Stop),
        completion("b", "", FinishReason::Error),
        completion("a", good, FinishReason::Length),
    ];
    let options = ParseOptions {
        markers: &markers,
        prompts: &prompts.synthesizer,
        same_question: SameQuestion::Exact,
    };
    let found = triplets(
        &["a", "b", "c", "d"].map(request),
        &completions,
        options,
        "toy",
    );
    let ids: Vec<_> = found
        .items
        .iter()
        .map(|t| (t.id.as_str(), t.pair.as_str()))
        .collect();
    assert_eq!(ids, [("a/1", "a"), ("c/1", "c")]);
    assert_eq!(found.items[0].origin["synthesizer"], "toy");
    assert_eq!(found.items[0].origin["raw"], expand(good, &markers));
    let rejected: Vec<_> = found
        .rejected
        .iter()
        .map(|r| (&*r.id, &*r.reason, &*r.detail))
        .collect();
    assert_eq!(
        rejected,
        [
            ("b", "generation-error", "out of memory"),
            ("d", "no-completion", "")
        ]
    );
}

proptest! {
    #[test]
    fn never_panics(text in r"(\[[UAETPI]\]|[a-z é\n<|>]{0,6}){0,24}", raw in any::<String>()) {
        for markers in [llama(), chatml()] {
            for same in [SameQuestion::Exact, SameQuestion::Normalised] {
                let _ = parse_with(&expand(&text, &markers), &markers, same);
                let _ = parse_with(&raw, &markers, same);
            }
        }
        let none = String::new();
        let empty = TurnMarkers {
            end_of_turn: none.clone(), user_header: none.clone(), assistant_header: none.clone(), end_of_text: none,
        };
        let _ = parse_with(&raw, &empty, SameQuestion::Exact);
    }

    #[test]
    fn reads_back_what_was_written(
        parts in prop::array::uniform3(r"[^\s<|>]([^<|>]{0,40}[^\s<|>])?"),
        precise_first in any::<bool>(),
    ) {
        let [question, informative, precise] = &parts;
        let mut turns = [format!("[P]{question}[E][A]{precise}[E]"), format!("[I]{question}[E][A]{informative}[E]")];
        if !precise_first {
            turns.reverse();
        }
        prop_assume!(parts.iter().all(|p| !p.contains('[')));
        for markers in [llama(), chatml()] {
            let found = parse_with(&expand(&turns.join("[U]"), &markers), &markers, SameQuestion::Exact).expect("triplet");
            prop_assert_eq!([&found.instruction, &found.informative, &found.precise], [question, informative, precise]);
        }
    }
}
