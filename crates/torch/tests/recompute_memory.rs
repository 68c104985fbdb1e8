//! What is held while a backward computes again. One test: the counts are the process's.

use torch::{Device, Error, Kind, Tensor, backward_with, memory, recompute, remake};

const MIB: u64 = 1 << 20;
/// A tensor of 1 MiB.
const SIZES: [i64; 2] = [512, 512];
const BLOCKS: u64 = 8;

/// Five tensors are kept for the backward, the input among them.
fn block(x: &Tensor) -> Tensor {
    x.sin().sin().sin().sin().sin()
}

/// What the activations take at most, in tensors, through as many blocks and their backward.
fn most(again: bool) -> u64 {
    let x = Tensor::ones(SIZES, (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let gradient = x.ones_like().detach();
    let before = memory::stats().in_use;
    memory::release();
    memory::reset_peak();
    let mut hidden = x.shallow_clone();
    for _ in 0..BLOCKS {
        hidden = if again {
            recompute(&[&hidden], |x| Ok::<_, Error>(block(&x[0]))).expect("block")
        } else {
            block(&hidden)
        };
    }
    let forward = memory::stats();
    backward_with(&hidden, &gradient).expect("backward");
    assert!(forward.in_use > before);
    drop(hidden);
    torch::clear_grad(&x).expect("clear");
    assert_eq!(memory::stats().in_use, before);
    (memory::stats().peak_requested - before) / MIB
}

#[test]
fn blocks_hold_their_inputs_and_the_activations_of_one() {
    torch::set_threads(1);
    memory::cache(true);
    // All that is kept, what comes out at last, and gradients on their way.
    let kept = most(false);
    assert!((5 * BLOCKS - 1..=5 * BLOCKS + 3).contains(&kept), "{kept}");
    // An input a block, the five of one block, and the same.
    let found = most(true);
    assert!((BLOCKS + 4..=BLOCKS + 9).contains(&found), "{found}");

    // A product's own copy of an activation goes as soon as it is made again.
    let x = Tensor::ones(SIZES, (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let weight = Tensor::ones(SIZES, (Kind::Float, Device::Cpu)).set_requires_grad(true);
    for again in [false, true] {
        let before = memory::stats().in_use;
        let active = x.gelu("none");
        let out = torch::linear(&active, &weight, None).expect("product");
        if again {
            let own = x.shallow_clone();
            let places = remake(&active, &out, move || Ok::<_, Error>(own.gelu("none")));
            assert_eq!(places.expect("places"), 1);
        }
        drop(active);
        let held = (memory::stats().in_use - before) / MIB;
        assert_eq!(held, if again { 1 } else { 2 });
        backward_with(&out, &x.ones_like().detach()).expect("backward");
        drop(out);
        torch::clear_grad(&x).expect("clear");
        torch::clear_grad(&weight).expect("clear");
        assert_eq!(memory::stats().in_use, before);
    }
}
