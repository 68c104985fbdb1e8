//! Random numbers of what is computed again. One test: the generator is the process's, and every recomputation sets it.

use torch::{Device, Error, Kind, Tensor, backward_with, recompute, rng_state, set_seed};

/// Values between −1 and 1 that add up differently in another order.
fn values(sizes: &[i64], seed: f64) -> Tensor {
    let count = sizes.iter().product::<i64>();
    let angles = (Tensor::arange(count, (Kind::Double, Device::Cpu)) + seed * 1000.0) * 12.9898;
    let scattered = (angles.sin() * 43758.5453).frac();
    scattered.to_kind(Kind::Float).reshape(sizes)
}

fn leaf(sizes: &[i64], seed: f64) -> Tensor {
    values(sizes, seed).set_requires_grad(true)
}

/// Dropout draws the same mask twice, and leaves the generator as it would be without.
#[test]
fn random_numbers_are_the_same_both_times() {
    let run = |again: bool| {
        set_seed(5);
        let (x, weight) = (leaf(&[64, 8], 1.0), leaf(&[8, 8], 2.0));
        let block = move |x: &[Tensor], weight: &Tensor| x[0].matmul(weight).dropout(0.5, true);
        let mut hidden = x.shallow_clone();
        for _ in 0..2 {
            let own = weight.shallow_clone();
            hidden = if again {
                recompute(&[&hidden], move |x| Ok::<_, Error>(block(x, &own))).expect("block")
            } else {
                block(&[hidden], &own)
            };
        }
        // Whatever draws between forward and backward.
        let _ = Tensor::rand([3], (Kind::Float, Device::Cpu));
        let before = rng_state().expect("state");
        backward_with(&hidden, &values(&[64, 8], 3.0)).expect("backward");
        let after = rng_state().expect("state");
        assert!(before.equal(&after));
        [hidden.detach(), x.grad(), weight.grad(), after]
    };
    let (kept, found) = (run(false), run(true));
    for (at, (kept, found)) in kept.iter().zip(&found).enumerate() {
        assert!(kept.equal(found), "{at}");
    }
    let zeros = kept[0].eq(0.0).sum(Kind::Int64).int64_value(&[]);
    assert!((200..312).contains(&zeros), "{zeros} of 512");
}
