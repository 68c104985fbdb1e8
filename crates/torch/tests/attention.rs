//! Attention and its gradients against libtorch's in f64.

use torch::attention::{Sight, attend, attend_runs};
use torch::{Device, Kind, Tensor, no_grad_guard};

fn values(sizes: &[i64], phase: f64) -> Tensor {
    let count = sizes.iter().product::<i64>();
    let at = Tensor::arange(count, (Kind::Double, Device::Cpu));
    ((&at * 0.731 + phase).sin() + (at * 1.37).cos()).reshape(sizes)
}

/// The result and the gradients of a weighted sum of it.
fn with_gradients(
    inputs: &[Tensor; 3],
    function: &dyn Fn(&Tensor, &Tensor, &Tensor) -> Tensor,
) -> Vec<Tensor> {
    let leaf = |t: &Tensor| t.copy().set_requires_grad(true);
    let leaves = [leaf(&inputs[0]), leaf(&inputs[1]), leaf(&inputs[2])];
    // As the layers have it: tokens first.
    let heads = |t: &Tensor| t.transpose(1, 2);
    let out = function(&heads(&leaves[0]), &heads(&leaves[1]), &heads(&leaves[2]));
    let weights = values(&out.size(), 0.3).to_kind(out.kind());
    (&out * weights).sum(out.kind()).backward();
    let mut found = vec![out.detach().to_kind(Kind::Double)];
    found.extend(leaves.iter().map(|leaf| leaf.grad().to_kind(Kind::Double)));
    found
}

fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    // The gradient of a score that stands alone is zero.
    let largest = expected.abs().max().double_value(&[]).max(1.0);
    (found - expected).abs().max().double_value(&[]) / largest
}

fn libtorch(q: &Tensor, k: &Tensor, v: &Tensor, causal: bool) -> Tensor {
    let grouped = q.size()[1] != k.size()[1];
    Tensor::scaled_dot_product_attention(q, k, v, None::<Tensor>, 0.0, causal, None, grouped)
}

/// Of one run after the other.
fn libtorch_runs(q: &Tensor, k: &Tensor, v: &Tensor, lengths: &[i64], causal: bool) -> Tensor {
    let split = |x: &Tensor| x.split_with_sizes(lengths, 2);
    let parts = split(q).into_iter().zip(split(k)).zip(split(v));
    let parts = parts.filter(|((q, _), _)| q.size()[2] > 0);
    let parts: Vec<Tensor> = parts
        .map(|((q, k), v)| libtorch(&q, &k, &v, causal))
        .collect();
    Tensor::cat(&parts, 2)
}

fn check(
    name: &str,
    inputs: &[Tensor; 3],
    by_us: &dyn Fn(&Tensor, &Tensor, &Tensor) -> Tensor,
    by_libtorch: &dyn Fn(&Tensor, &Tensor, &Tensor) -> Tensor,
) {
    for (kind, bound) in [(Kind::Float, 5e-6), (Kind::BFloat16, 2e-2)] {
        let inputs = inputs.each_ref().map(|t| t.to_kind(kind));
        let truth = inputs.each_ref().map(|t| t.to_kind(Kind::Double));
        let truth = with_gradients(&truth, by_libtorch);
        let theirs = with_gradients(&inputs, by_libtorch);
        let ours = with_gradients(&inputs, by_us);
        for (at, ((ours, theirs), truth)) in ours.iter().zip(&theirs).zip(&truth).enumerate() {
            let (our, their) = (difference(ours, truth), difference(theirs, truth));
            assert!(
                our < bound && our <= 2.0 * their + 2e-6,
                "{name}, {kind:?}, {at}: {our}, {their}"
            );
        }
        let _guard = no_grad_guard();
        let heads = |t: &Tensor| t.transpose(1, 2);
        let alone = by_us(&heads(&inputs[0]), &heads(&inputs[1]), &heads(&inputs[2]));
        assert!(
            alone.to_kind(Kind::Double).equal(&ours[0]),
            "{name}: the same without a graph"
        );
    }
}

#[test]
fn attention_and_its_gradients() {
    // Lengths around blocks of 48 queries and vectors of 16; grouped heads; widths of the families.
    for (b, h, g, m, n, e) in [
        (1, 8, 8, 100, 100, 64),
        (2, 6, 2, 48, 48, 80),
        (3, 4, 4, 97, 33, 16),
        (1, 8, 2, 5, 260, 128),
        (2, 9, 3, 1, 1, 48),
        (8, 2, 1, 257, 257, 32),
    ] {
        let inputs = [
            values(&[b, m, h, e], 0.1),
            values(&[b, n, g, e], 0.5),
            values(&[b, n, g, e], 0.9),
        ];
        let name = format!("{b} {h} {g} {m} {n} {e}");
        check(
            &name,
            &inputs,
            &|q, k, v| attend(q, k, v, Sight::All).expect("attended"),
            &|q, k, v| libtorch(q, k, v, false),
        );
        if m == n {
            check(
                &name,
                &inputs,
                &|q, k, v| attend(q, k, v, Sight::Causal).expect("attended"),
                &|q, k, v| libtorch(q, k, v, true),
            );
        }
    }
}

#[test]
fn runs_see_nothing_of_each_other() {
    let lengths = [50, 1, 0, 16, 130];
    let t = lengths.iter().sum::<i64>();
    let inputs = [
        values(&[1, t, 8, 64], 0.2),
        values(&[1, t, 4, 64], 0.4),
        values(&[1, t, 4, 64], 0.6),
    ];
    for (sight, causal) in [(Sight::Causal, true), (Sight::All, false)] {
        check(
            "runs",
            &inputs,
            &|q, k, v| attend_runs(q, k, v, &lengths, sight).expect("attended"),
            &|q, k, v| libtorch_runs(q, k, v, &lengths, causal),
        );
    }
}

#[test]
fn what_the_loops_do_not_take_is_libtorchs() {
    // A width that is no multiple of 16, and f64.
    for (e, kind) in [(10, Kind::Float), (16, Kind::Double)] {
        let input = |heads, phase| {
            values(&[1, 7, heads, e], phase)
                .to_kind(kind)
                .transpose(1, 2)
        };
        let (q, k, v) = (input(4, 0.1), input(2, 0.2), input(2, 0.3));
        let found = attend_runs(&q, &k, &v, &[3, 4], Sight::Causal).expect("attended");
        let expected = libtorch_runs(&q, &k, &v, &[3, 4], true);
        assert!(
            difference(
                &found.to_kind(Kind::Double),
                &expected.to_kind(Kind::Double)
            ) < 1e-6
        );
    }
    let x = values(&[1, 7, 4, 16], 0.1)
        .to_kind(Kind::Float)
        .transpose(1, 2);
    assert!(attend_runs(&x, &x, &x, &[3, 5], Sight::All).is_err());
    assert!(attend_runs(&x, &x, &x, &[], Sight::All).is_err());
}

#[test]
fn threads_change_no_bit() {
    let input = |heads, phase| values(&[1, 300, heads, 64], phase).to_kind(Kind::BFloat16);
    let inputs = [input(8, 0.1), input(4, 0.2), input(4, 0.3)];
    let run = || {
        with_gradients(&inputs, &|q, k, v| {
            attend_runs(q, k, v, &[120, 7, 173], Sight::Causal).expect("attended")
        })
    };
    torch::set_threads(1);
    let one = run();
    torch::set_threads(3);
    for (one, three) in one.iter().zip(run()) {
        assert!(one.equal(&three));
    }
}
