//! What a model reads of a conversation, and what of it carries loss when it is trained on:
//!
//!     cargo run -p adamllm-processor --example render -- [MODEL [QUESTION ANSWER [PICTURE …]]]
//!
//! MODEL is a Hugging Face folder, of which the text files are enough.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;

use corpus::Sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next();
    let model = model.unwrap_or_else(|| "assets/demo/base-model".to_owned());
    let question = arguments.next();
    let question = question.unwrap_or_else(|| "What is this?".to_owned());
    let answer = arguments.next();
    let answer = answer.unwrap_or_else(|| "a red apple".to_owned());
    let pictures: Vec<PathBuf> = arguments.map(PathBuf::from).collect();

    let processor = processor::load(model.as_ref(), &processor::Options::default())?;
    let encoded = processor.sample(&Sample::exchange("1", pictures, &question, &answer))?;
    println!("   id  learned  token");
    let mut shown = 0;
    for (id, learned) in encoded.ids.iter().zip(&encoded.learn) {
        if *id == processor.image_token() {
            shown += 1;
            continue;
        }
        let token = processor.decode(&[*id], false);
        println!("{id:5}  {:7}  {token:?}", if *learned { "yes" } else { "" });
    }
    println!("and {shown} image tokens");
    for image in &encoded.images {
        println!("picture: {:?}, values {:?}", image.grid, image.shape);
    }
    for (text, learned) in processor.spans(&encoded) {
        println!("{} {text:?}", if learned { "learned:" } else { "read:   " });
    }
    Ok(())
}
