//! Every parameter of a model with its shape, in the order in which a model takes them.

use super::architecture::{Architecture, Text, Tower, Vision};
use crate::recipe::training::Group;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The last part of its module's name, such as `q_proj`.
    pub part: &'static str,
    /// Which learning rate it has.
    pub group: Group,
    /// Rows: what comes out of a linear map.
    pub outputs: u64,
    /// Columns: what goes in; 1 of a vector.
    pub inputs: u64,
    /// Whether a gradient can reach it: layers that are held and not run have none, nor have biases of all keys alike.
    pub reachable: bool,
}

impl Parameter {
    /// Its values.
    pub fn count(&self) -> u64 {
        self.outputs * self.inputs
    }
}

/// Takes parameters of one group.
struct Taker {
    all: Vec<Parameter>,
    group: Group,
    reachable: bool,
}

impl Taker {
    fn take(&mut self, part: &'static str, outputs: u64, inputs: u64) {
        self.all.push(Parameter {
            part,
            group: self.group,
            outputs,
            inputs,
            reachable: self.reachable,
        });
    }

    fn linear(&mut self, part: &'static str, inputs: u64, outputs: u64, bias: bool) {
        self.take(part, outputs, inputs);
        if bias {
            self.take(part, outputs, 1);
        }
    }

    /// Weight and bias of a layer norm.
    fn norm(&mut self, width: u64) {
        self.take("norm", width, 1);
        self.take("norm", width, 1);
    }

    /// The key's map of a tower in which a bias on all keys has no gradient.
    fn keys(&mut self, part: &'static str, width: u64, bias: bool) {
        self.take(part, width, width);
        if bias {
            let reachable = std::mem::replace(&mut self.reachable, false);
            self.take(part, width, 1);
            self.reachable = reachable;
        }
    }
}

/// All parameters; a tied head is its embedding and counts once.
pub fn parameters(model: &Architecture) -> Vec<Parameter> {
    let mut taker = Taker {
        all: Vec::new(),
        group: Group::VisionTower,
        reachable: true,
    };
    if let Some(vision) = &model.vision {
        see(&mut taker, vision, model.text.width);
    }
    taker.group = Group::LanguageModel;
    read(&mut taker, &model.text, model.tied);
    taker.all
}

fn read(taker: &mut Taker, text: &Text, tied: bool) {
    let d = text.width;
    let (q, kv) = (text.queries(), text.keys());
    taker.take("embed_tokens", text.rows, d);
    for layer in 0..text.layers {
        let cross = layer < text.cross_layers;
        let (bias, out) = if cross {
            (false, false)
        } else {
            (text.input_bias, text.output_bias)
        };
        taker.linear("q_proj", d, q, bias);
        taker.linear("k_proj", d, kv, bias);
        taker.linear("v_proj", d, kv, bias);
        taker.linear("o_proj", q, d, out);
        taker.linear("gate_proj", d, text.inner, text.inner_bias);
        taker.linear("up_proj", d, text.inner, text.inner_bias);
        taker.linear("down_proj", text.inner, d, text.inner_bias);
        if cross {
            taker.take("norm", text.head_width, 1);
            taker.take("norm", text.head_width, 1);
            taker.take("gate", 1, 1);
            taker.take("gate", 1, 1);
        }
        taker.take("norm", d, 1);
        taker.take("norm", d, 1);
    }
    taker.take("norm", d, 1);
    if !tied {
        taker.take("lm_head", text.vocabulary, d);
    }
}

fn see(taker: &mut Taker, vision: &Vision, d: u64) {
    let (w, f) = (vision.width, vision.inner);
    let pixels = vision.channels * vision.patch * vision.patch;
    match vision.tower {
        Tower::Tiles {
            side,
            run,
            projector_bias,
            newline,
            dino,
        } => {
            taker.take("class", w, 1);
            taker.take("patch", w, pixels);
            taker.take("position", side * side + 1, w);
            let bias = if let Some((bias, masks)) = dino {
                taker.take("patch", w, 1);
                taker.reachable = false;
                if masks {
                    taker.take("mask", w, 1);
                }
                bias
            } else {
                taker.norm(w);
                true
            };
            for layer in 0..vision.layers {
                taker.reachable = layer < run;
                taker.keys("k_proj", w, bias);
                taker.linear("v_proj", w, w, bias);
                taker.linear("q_proj", w, w, bias);
                taker.linear("out_proj", w, w, true);
                taker.linear("fc1", w, f, true);
                taker.linear("fc2", f, w, true);
                taker.norm(w);
                taker.norm(w);
                if dino.is_some() {
                    taker.take("scale", w, 1);
                    taker.take("scale", w, 1);
                }
            }
            taker.reachable = false;
            taker.norm(w);
            taker.reachable = true;
            taker.group = Group::Projector;
            taker.linear("linear_1", w, d, projector_bias);
            taker.linear("linear_2", d, d, projector_bias);
            if newline {
                taker.take("newline", d, 1);
            }
        }
        Tower::Merged { merge, frames } => {
            taker.take("patch", w, pixels * frames);
            for _ in 0..vision.layers {
                taker.linear("qkv", w, 3 * w, true);
                taker.linear("proj", w, w, true);
                taker.linear("fc1", w, f, true);
                taker.linear("fc2", f, w, true);
                taker.norm(w);
                taker.norm(w);
            }
            taker.group = Group::Projector;
            let wide = w * merge * merge;
            taker.norm(w);
            taker.linear("merger", wide, wide, true);
            taker.linear("merger", wide, d, true);
        }
        Tower::Canvas {
            side,
            tiles,
            global,
            states,
            arrangements,
        } => {
            let (p, rows) = (side * side + 1, arrangements + 1);
            taker.take("patch", w, pixels);
            taker.take("class", w, 1);
            taker.take("position", p, w);
            taker.take("position", rows, tiles * p * w);
            taker.take("gate", 1, 1);
            for _ in 0..2 {
                taker.take("position", rows, tiles * w);
                taker.take("gate", 1, 1);
                taker.norm(w);
            }
            for layer in 0..vision.layers + global {
                for part in ["q_proj", "k_proj", "v_proj", "o_proj"] {
                    taker.linear(part, w, w, false);
                }
                taker.linear("fc1", w, f, true);
                taker.linear("fc2", f, w, true);
                taker.norm(w);
                taker.norm(w);
                if layer >= vision.layers {
                    taker.take("gate", 1, 1);
                    taker.take("gate", 1, 1);
                }
            }
            taker.group = Group::Projector;
            taker.linear("projector", w * (1 + states), d, true);
        }
    }
}
