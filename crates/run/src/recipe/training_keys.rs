//! The keys of a training: those of the synthesizer have their presets from the paper's table 9, those of the adapted model
//! from the column of table 10 that its family has.

use super::key::{Key, MANY, OURS, Preset, key};
use super::shape::Shape;
use super::training::{
    FitChoice, Gradients, Masters, OptimizerDevice, OptimizerState, Recompute, Scheduler, Sharding,
    TooLong,
};
use super::watching::OnSpike;

/// The keys of one training: the name of its section, the paper's table, its passes, its rates, decay and warm-up, where the
/// presets of its checkpoints come from, and what `data` takes the place of.
macro_rules! training {
    ($section:literal, $paper:expr, $epochs:literal, $rates:expr, $decay:expr, $warmup:expr, $saving:expr, $instead:literal) => {
        &[
            key!(
                concat!($section, ".data"),
                Shape::Path,
                concat!("sample file that is trained on instead of ", $instead)
            ),
            key!(
                concat!($section, ".epochs"),
                Shape::Number(0.001, 10_000.0),
                preset $paper($epochs),
                "passes over the data"
            ),
            key!(
                concat!($section, ".max_steps"),
                Shape::Integer(0, MANY),
                "0",
                OURS,
                "stop after so many steps; 0 is off"
            ),
            key!(
                concat!($section, ".batch_size"),
                Shape::Integer(1, 1_000_000),
                preset $paper("128"),
                "global batch in samples"
            ),
            key!(
                concat!($section, ".micro_tokens"),
                Shape::Integer(1, MANY),
                "6144",
                OURS,
                "tokens of a packed microbatch, which holds at most twice as many patches"
            ),
            key!(
                concat!($section, ".max_seq_len"),
                Shape::Integer(8, 1_000_000),
                preset $paper("6144"),
                "longest sample in tokens"
            ),
            key!(
                concat!($section, ".too_long"),
                Shape::Word(&TooLong::WORDS),
                "\"error\"",
                OURS,
                "what becomes of longer samples"
            ),
            key!(
                concat!($section, ".shuffle"),
                Shape::Flag,
                preset $paper("true"),
                "whether the order is shuffled"
            ),
            key!(
                concat!($section, ".seed"),
                Shape::Integer(0, i64::MAX),
                "seed of the order; default: run.seed"
            ),
            key!(
                concat!($section, ".learning_rate"),
                Shape::Rates,
                preset $rates,
                "peak learning rates"
            ),
            key!(
                concat!($section, ".freeze"),
                Shape::Texts,
                preset $paper("[]"),
                "groups that are not trained"
            ),
            key!(
                concat!($section, ".scheduler"),
                Shape::Word(&Scheduler::WORDS),
                preset $paper("\"cosine\""),
                "learning-rate schedule"
            ),
            key!(
                concat!($section, ".warmup_ratio"),
                Shape::Number(0.0, 1.0),
                preset $warmup,
                "share of steps with a rising rate"
            ),
            key!(
                concat!($section, ".min_lr"),
                Shape::Number(0.0, 1.0),
                preset $paper("0.0"),
                "final rate as a share of the peak"
            ),
            key!(
                concat!($section, ".weight_decay"),
                Shape::Number(0.0, 10.0),
                preset $decay,
                "decoupled weight decay"
            ),
            key!(
                concat!($section, ".betas"),
                Shape::Two,
                "[0.9, 0.999]",
                "transformers' default",
                "AdamW betas"
            ),
            key!(
                concat!($section, ".eps"),
                Shape::Number(0.0, 1.0),
                "1e-8",
                "transformers' default",
                "AdamW epsilon"
            ),
            key!(
                concat!($section, ".max_grad_norm"),
                Shape::Number(0.0, 1e9),
                "1.0",
                "transformers' default",
                "gradients are clipped to this norm; 0 is off"
            ),
            key!(
                concat!($section, ".save_steps"),
                Shape::Integer(0, MANY),
                preset $saving("500"),
                "a checkpoint every so many steps; 0 is never"
            ),
            key!(
                concat!($section, ".keep"),
                Shape::Integer(1, 1000),
                preset $saving("1"),
                "checkpoints kept"
            ),
            key!(
                concat!($section, ".recompute"),
                Shape::Word(&Recompute::WORDS),
                "\"none\"",
                OURS,
                "what is computed again in the backward instead of being kept: less memory, more time, the same numbers"
            ),
            key!(
                concat!($section, ".fit"),
                Shape::Word(&FitChoice::WORDS),
                "\"auto\"",
                OURS,
                "auto: what the recipe leaves open is the first of a fixed order that fits the device's memory (`adamllm plan`)"
            ),
            key!(
                concat!($section, ".gradients"),
                Shape::Word(&Gradients::WORDS),
                "\"f32\"",
                OURS,
                "in what gradients of a bf16 model are summed"
            ),
            key!(
                concat!($section, ".optimizer_state"),
                Shape::Word(&OptimizerState::WORDS),
                "\"f32\"",
                OURS,
                "in what AdamW's moments are kept"
            ),
            key!(
                concat!($section, ".masters"),
                Shape::Word(&Masters::WORDS),
                "\"f32\"",
                OURS,
                "what is updated in a bf16 model: a copy, or the weights themselves"
            ),
            key!(
                concat!($section, ".optimizer_device"),
                Shape::Word(&OptimizerDevice::WORDS),
                "\"model\"",
                OURS,
                "where masters and moments are: beside the model, or in the host's memory"
            ),
            key!(
                concat!($section, ".sharding"),
                Shape::Word(&Sharding::WORDS),
                "\"auto\"",
                OURS,
                "what each of several processes keeps of the optimizer's state: all, its piece (ZeRO-1), or its piece but of an adapter"
            ),
            key!(
                concat!($section, ".validation"),
                Shape::ShareOrPath,
                "0",
                OURS,
                "share of the samples, by whole groups, that is held back and watched, or a sample file; 0 is off"
            ),
            key!(
                concat!($section, ".eval_steps"),
                Shape::Integer(0, MANY),
                "0",
                OURS,
                "validation and tasks are looked at every so many steps, and at both ends; 0 is at the ends alone"
            ),
            key!(
                concat!($section, ".eval_tasks"),
                Shape::Texts,
                "[]",
                OURS,
                "tasks of 64 questions at most that are asked then, none of which the run reports"
            ),
            key!(
                concat!($section, ".best_by"),
                Shape::Text,
                "\"none\"",
                OURS,
                "whose weights become the model: the last step's (`none`), or the best one's by `loss` or a task of `eval_tasks`"
            ),
            key!(
                concat!($section, ".patience"),
                Shape::Integer(0, MANY),
                "0",
                OURS,
                "training ends after so many looks without a better one by `best_by`; 0 is off"
            ),
            key!(
                concat!($section, ".on_spike"),
                Shape::Word(&OnSpike::WORDS),
                "\"stop\"",
                OURS,
                "what becomes of a step whose loss or gradient norm is no number or jumps; `skip` leaves out three at most"
            ),
            key!(
                concat!($section, ".tensorboard"),
                Shape::Flag,
                "false",
                OURS,
                "whether files for TensorBoard are written beside the metrics"
            ),
            key!(
                concat!($section, ".lora.rank"),
                Shape::Integer(1, 65_536),
                "rank of an adapter that is trained instead of the model's weights; default: they are trained"
            ),
            key!(
                concat!($section, ".lora.alpha"),
                Shape::Number(0.0, 1e6),
                "the adapter's update is alpha / rank times B(A(x)); above 0; default: twice the rank"
            ),
            key!(
                concat!($section, ".lora.dropout"),
                Shape::Number(0.0, 1.0),
                "share of A's inputs that is left out while training, below 1; default: 0"
            ),
            key!(
                concat!($section, ".lora.targets"),
                Shape::Texts,
                "what gets an adapter: groups (all their linear layers), and layers by name or by a name's end from a dot on; \
                 default: language_model"
            ),
            key!(
                concat!($section, ".lora.rslora"),
                Shape::Flag,
                "whether the update is alpha / √rank instead; default: false"
            ),
        ]
    };
}

pub(super) const TUNING: &[Key] = training!(
    "synthesizer.train",
    Preset::Table9,
    "2.0",
    Preset::Table9("{ vision_tower = 2e-6, projector = 2e-5, language_model = 2e-5 }"),
    Preset::Table9("0.0"),
    Preset::Table9("0.03"),
    Preset::Table9,
    "the seed data"
);

pub(super) const TRAINING: &[Key] = training!(
    "train",
    Preset::Table10,
    "1.0",
    Preset::Columns([
        "{ vision_tower = 2e-6, projector = 2e-5, language_model = 2e-5 }",
        "{ vision_tower = 1e-5, projector = 1e-5, language_model = 1e-5 }",
        "{ vision_tower = 5e-6, projector = 5e-6, language_model = 5e-6 }",
    ]),
    Preset::Columns(["0.0", "0.1", "0.1"]),
    Preset::Columns(["0.03", "0.1", "0.1"]),
    Preset::ours,
    "the mix"
);
