//! Fused parts against f64, and against libtorch's operators put together the same way.

use torch::{Device, Kind, Tensor, fused, no_grad_guard};

thread_local! {
    /// libtorch's generator is the process's, and tests run side by side.
    static SEED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn seed(seed: u64) {
    SEED.set(seed);
}

/// Values between −1.7 and 1.7, whose variance is about 1.
fn random(sizes: &[i64], kind: Kind) -> Tensor {
    let count = sizes.iter().product::<i64>();
    let mut state = SEED.get();
    let mut next = || {
        // Knuth's multiplier; the high bits are the random ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * 1.7
    };
    let values: Vec<f32> = (0..count).map(|_| next()).collect();
    SEED.set(state);
    Tensor::from_slice(&values).reshape(sizes).to_kind(kind)
}

/// A function of several tensors; gives its outputs.
type Function<'a> = &'a dyn Fn(&[Tensor]) -> Vec<Tensor>;

/// Outputs, and gradients of a weighted sum of them with respect to every input, all in f64.
fn with_gradients(inputs: &[Tensor], kind: Kind, function: Function) -> Vec<Tensor> {
    let leaves: Vec<Tensor> = inputs
        .iter()
        .map(|t| t.detach().to_kind(kind).copy().set_requires_grad(true))
        .collect();
    let outputs = function(&leaves);
    let mut sum = Tensor::zeros([0_i64; 0], (Kind::Double, Device::Cpu));
    for (at, output) in outputs.iter().enumerate() {
        let weights = Tensor::arange(output.numel() as i64, (Kind::Double, Device::Cpu));
        let weights = (weights * 0.37 + at as f64).sin().reshape(output.size());
        sum += (output.to_kind(Kind::Double) * weights).sum(Kind::Double);
    }
    sum.backward();
    let gradients = leaves.iter().map(Tensor::grad);
    let all: Vec<Tensor> = outputs
        .iter()
        .map(Tensor::detach)
        .chain(gradients)
        .collect();
    all.iter().map(|t| t.to_kind(Kind::Double)).collect()
}

/// The largest difference as a part of the largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let largest = expected.abs().max().double_value(&[]).max(1e-30);
    (found - expected).abs().max().double_value(&[]) / largest
}

/// Both in f32 and bf16: near the truth, and in bf16 no further from it than libtorch's own operators (a last bit apart).
fn check(name: &str, inputs: &[Tensor], by_us: Function, composed: Function) {
    for (kind, bound, slack) in [(Kind::Float, 2e-6, 2e-6), (Kind::BFloat16, 3e-2, 1e-3)] {
        let inputs: Vec<Tensor> = inputs.iter().map(|t| t.to_kind(kind)).collect();
        let truth = with_gradients(&inputs, Kind::Double, composed);
        let theirs = with_gradients(&inputs, kind, composed);
        let ours = with_gradients(&inputs, kind, by_us);
        assert_eq!((ours.len(), theirs.len()), (truth.len(), truth.len()));
        for (at, ((ours, theirs), truth)) in ours.iter().zip(&theirs).zip(&truth).enumerate() {
            let (our, their) = (difference(ours, truth), difference(theirs, truth));
            assert!(our < bound, "{name}, {kind:?}, {at}: {our}");
            assert!(
                our <= 2.0 * their + slack,
                "{name}, {kind:?}, {at}: {our} against {their}"
            );
        }
        // Without a graph the outputs are the same to the bit.
        let _guard = no_grad_guard();
        for (alone, with) in by_us(&inputs).iter().zip(&ours) {
            assert!(alone.to_kind(Kind::Double).equal(with), "{name}");
        }
    }
}

const EPS: f64 = 1e-5;

fn composed_norm(x: &Tensor, weight: &Tensor) -> Tensor {
    let kind = x.kind();
    let inner = if kind == Kind::Double {
        kind
    } else {
        Kind::Float
    };
    let x = x.to_kind(inner);
    let scale = (x.square().mean_dim(&[-1i64][..], true, None::<Kind>) + EPS).rsqrt();
    (x * scale).to_kind(kind) * weight
}

#[test]
fn rms_norm_and_its_gradients() {
    seed(1);
    for sizes in [[3, 7], [65, 96], [700, 64]] {
        let inputs = [
            random(&sizes, Kind::Float) * 2.0,
            random(&[sizes[1]], Kind::Float),
        ];
        check(
            "rms_norm",
            &inputs,
            &|t| vec![fused::rms_norm(&t[0], &t[1], EPS).expect("a norm")],
            &|t| vec![composed_norm(&t[0], &t[1])],
        );
        let inputs = [
            random(&sizes, Kind::Float),
            random(&sizes, Kind::Float),
            random(&[sizes[1]], Kind::Float),
        ];
        check(
            "add_rms_norm",
            &inputs,
            &|t| {
                let (sum, normed) = fused::add_rms_norm(&t[0], &t[1], &t[2], EPS).expect("a norm");
                vec![sum, normed]
            },
            &|t| {
                let sum = &t[0] + &t[1];
                let normed = composed_norm(&sum, &t[2]);
                vec![sum, normed]
            },
        );
    }
}

#[test]
fn only_one_of_two_outputs_may_be_read() {
    seed(2);
    let inputs = [
        random(&[9, 32], Kind::Float),
        random(&[9, 32], Kind::Float),
        random(&[32], Kind::Float),
    ];
    let both = |t: &[Tensor]| fused::add_rms_norm(&t[0], &t[1], &t[2], EPS).expect("a norm");
    check("the norm alone", &inputs, &|t| vec![both(t).1], &|t| {
        vec![composed_norm(&(&t[0] + &t[1]), &t[2])]
    });
    let leaf = |at: usize| inputs[at].copy().set_requires_grad(true);
    let (x, added) = (leaf(0), leaf(1));
    let (sum, _) = fused::add_rms_norm(&x, &added, &inputs[2], EPS).expect("a norm");
    sum.sum(Kind::Float).backward();
    assert!(x.grad().equal(&x.ones_like()));
    assert!(added.grad().equal(&added.ones_like()));
    // A frozen weight takes no gradient, and a frozen input none either.
    let weight = leaf(2);
    let normed = fused::rms_norm(&inputs[0], &weight, EPS).expect("a norm");
    normed.sum(Kind::Float).backward();
    assert!(weight.grad().defined() && !inputs[0].grad().defined());
}

#[test]
fn activations_and_their_gradients() {
    seed(3);
    for sizes in [vec![5], vec![40, 33], vec![3, 70, 200]] {
        // Far out, where the sigmoid is 0 or 1, too.
        let scale = Tensor::from_slice(&[30.0_f32]);
        let inputs = [
            random(&sizes, Kind::Float) * scale,
            random(&sizes, Kind::Float),
        ];
        check(
            "gated",
            &inputs,
            &|t| vec![fused::gated(&t[0], &t[1]).expect("a product")],
            &|t| vec![t[0].silu() * &t[1]],
        );
        check(
            "quick_gelu",
            &inputs[..1],
            &|t| vec![fused::quick_gelu(&t[0]).expect("an activation")],
            &|t| vec![(&t[0] * 1.702).sigmoid() * &t[0]],
        );
    }
    let bad = Tensor::from_slice(&[f32::NAN, 1.0]);
    for kind in [Kind::Float, Kind::BFloat16] {
        let bad = bad.to_kind(kind);
        let found = [fused::gated(&bad, &bad), fused::quick_gelu(&bad)];
        for found in found {
            let found = found.expect("values");
            assert!(found.double_value(&[0]).is_nan() && found.double_value(&[1]) > 0.5);
        }
    }
}

#[test]
fn rotary_positions_and_their_gradients() {
    seed(4);
    for (tokens, heads, width) in [(3, 1, 8), (70, 5, 32), (300, 2, 80)] {
        let angles = random(&[tokens, 1, width / 2], Kind::Float) * 3.0;
        let of = |t: &Tensor| {
            (
                angles.cos().to_kind(t.kind()),
                angles.sin().to_kind(t.kind()),
            )
        };
        check(
            "rotate",
            &[random(&[tokens, heads, width], Kind::Float)],
            &|t| {
                let (cos, sin) = of(&t[0]);
                vec![fused::rotate(&t[0], &cos, &sin).expect("heads")]
            },
            &|t| {
                // In f64 with the angles' values of the dtype that is compared: they are inputs, not results.
                let (cos, sin) = (
                    angles.cos().to_kind(t[0].kind()),
                    angles.sin().to_kind(t[0].kind()),
                );
                let halves = t[0].chunk(2, -1);
                let left = &halves[0] * &cos - &halves[1] * &sin;
                let right = &halves[1] * &cos + &halves[0] * &sin;
                vec![Tensor::cat(&[left, right], -1)]
            },
        );
    }
}

#[test]
fn views_are_taken_as_they_are_and_what_does_not_fit_is_told() {
    seed(5);
    let wide = random(&[20, 64], Kind::Float);
    let view = wide.narrow(1, 8, 32);
    let weight = random(&[32], Kind::Float);
    let found = fused::rms_norm(&view, &weight, EPS).expect("a norm");
    let expected = composed_norm(&view.to_kind(Kind::Double), &weight.to_kind(Kind::Double));
    assert!(difference(&found.to_kind(Kind::Double), &expected) < 2e-6);
    assert_eq!(
        fused::rms_norm(&wide.narrow(0, 0, 0), &random(&[64], Kind::Float), EPS)
            .expect("nothing")
            .size(),
        [0, 64]
    );

    assert!(fused::is_fused(&wide) && !fused::is_fused(&wide.to_kind(Kind::Double)));
    let half = weight.to_kind(Kind::BFloat16);
    let double = wide.to_kind(Kind::Double);
    for (error, word) in [
        (fused::rms_norm(&wide, &weight, EPS), "weight of shape [32]"),
        (fused::rms_norm(&view, &half, EPS), "one dtype"),
        (fused::gated(&wide, &view), "[20, 32]"),
        (fused::quick_gelu(&double), "expected f32 or bf16"),
        (
            fused::rotate(&wide.reshape([20, 4, 16]), &weight, &weight),
            "angles",
        ),
    ] {
        let error = error.expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn cross_entropy_and_its_gradient() {
    seed(6);
    for (rows, classes) in [(1, 3), (50, 1000), (7, 32_000)] {
        let logits = random(&[rows, classes], Kind::Float) * 4.0;
        let targets: Vec<i64> = (0..rows).map(|row| row * 7919 % classes).collect();
        let targets = Tensor::from_slice(&targets);
        for (kind, bound) in [(Kind::Float, 1e-5), (Kind::BFloat16, 4e-3)] {
            let mut found = logits.to_kind(kind).copy();
            let leaf = found.to_kind(Kind::Double).set_requires_grad(true);
            let expected = leaf
                .log_softmax(-1, Kind::Double)
                .gather(1, &targets.unsqueeze(1), false)
                .neg()
                .squeeze_dim(1);
            expected.sum(Kind::Double).backward();
            let losses = fused::cross_entropy(&mut found, &targets).expect("losses");
            // Losses are in f32 whatever the dtype of the logits.
            assert!(difference(&losses.to_kind(Kind::Double), &expected.detach()) < 2e-6);
            let gradient = difference(&found.to_kind(Kind::Double), &leaf.grad());
            assert!(gradient < bound, "{kind:?}, {classes}: {gradient}");
        }
    }
    let mut logits = random(&[2, 5], Kind::Float);
    for (targets, word) in [(vec![1_i64, 5], "target 5 of 5"), (vec![0], "shape [1]")] {
        let refused = fused::cross_entropy(&mut logits, &Tensor::from_slice(&targets));
        let error = refused.expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
    }
    let mut bad = Tensor::from_slice(&[f32::NAN, 1.0, 2.0]).reshape([1, 3]);
    let losses = fused::cross_entropy(&mut bad, &Tensor::from_slice(&[1_i64])).expect("losses");
    assert!(losses.double_value(&[0]).is_nan());
}
