//! Products by either library against those in f64. One test: the choice is the process's.

use torch::products::{Library, Product, Products, add_transposed_times, repeated, times_weight};
use torch::{Device, Kind, Tensor, linear, no_grad_guard};

/// For a few packed weights.
const ROOM: u64 = 8 << 20;

fn random(sizes: &[i64]) -> Tensor {
    Tensor::randn(sizes, (Kind::Float, Device::Cpu))
}

/// The largest difference as a part of the largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let expected = expected.to_kind(Kind::Double);
    let largest = expected.abs().max().double_value(&[]);
    (found.to_kind(Kind::Double) - &expected)
        .abs()
        .max()
        .double_value(&[])
        / largest
}

fn check(found: &Tensor, expected: &Tensor, bound: f64, what: &str) {
    let difference = difference(found, expected);
    assert!(difference < bound, "{what}: {difference}");
}

/// Output and gradients of a linear map and a squared sum behind it, in f64 by libtorch's own function.
fn reference(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> [Tensor; 4] {
    let leaf = |t: &Tensor| {
        t.detach()
            .to_kind(Kind::Double)
            .copy()
            .set_requires_grad(true)
    };
    let (x, weight, bias) = (leaf(x), leaf(weight), bias.map(leaf));
    let y = x.linear(&weight, bias.as_ref());
    y.square().sum(Kind::Double).backward();
    let of_bias = bias.map_or_else(
        || Tensor::zeros([1], (Kind::Double, Device::Cpu)),
        |b| b.grad(),
    );
    [y.detach(), x.grad(), weight.grad(), of_bias]
}

/// The output alone.
fn product(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let double = |t: &Tensor| t.to_kind(Kind::Double);
    double(x).linear(&double(weight), bias.map(double))
}

fn gradients_are_right(rows: &[i64], bias: bool) {
    let leaf = |t: Tensor| t.set_requires_grad(true);
    let mut sizes = rows.to_vec();
    sizes.push(96);
    let (x, weight) = (leaf(random(&sizes)), leaf(random(&[160, 96])));
    let bias = bias.then(|| leaf(random(&[160])));
    let expected = reference(&x, &weight, bias.as_ref());
    let y = linear(&x, &weight, bias.as_ref()).expect("a product");
    y.square().sum(Kind::Float).backward();
    check(&y.detach(), &expected[0], 1e-5, "output");
    check(&x.grad(), &expected[1], 1e-5, "gradient of the input");
    check(&weight.grad(), &expected[2], 1e-5, "gradient of the weight");
    if let Some(bias) = bias {
        check(&bias.grad(), &expected[3], 1e-5, "gradient of the bias");
    }
}

/// In bf16, numbers of rows that are multiplied in two parts: no further from the truth than libtorch's own.
fn odd_numbers_of_rows_are_right_in_bf16() {
    let half = |t: Tensor| t.to_kind(Kind::BFloat16);
    let (weight, bias) = (half(random(&[160, 96])), half(random(&[160])));
    for rows in [255, 256, 257, 397] {
        let x = half(random(&[rows, 96]));
        for bias in [None, Some(&bias)] {
            let expected = reference(&x, &weight, bias);
            let by = |linear: &dyn Fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor| {
                let leaf = |t: &Tensor| t.copy().set_requires_grad(true);
                let (x, weight, bias) = (leaf(&x), leaf(&weight), bias.map(leaf));
                let y = linear(&x, &weight, bias.as_ref());
                y.square().sum(Kind::Float).backward();
                let mut found = vec![y.detach(), x.grad(), weight.grad()];
                found.extend(bias.map(|bias| bias.grad()));
                found
            };
            let ours = by(&|x, weight, bias| linear(x, weight, bias).expect("a product"));
            let theirs = by(&|x, weight, bias| x.linear(weight, bias));
            for ((ours, theirs), expected) in ours.iter().zip(&theirs).zip(&expected) {
                let bound = 1.5 * difference(theirs, expected) + 1e-3;
                check(ours, expected, bound, &format!("{rows} rows"));
            }
        }
        let gradient = half(random(&[rows, 160]));
        let found = times_weight(&gradient, &weight).expect("a product");
        let expected = gradient
            .to_kind(Kind::Double)
            .mm(&weight.to_kind(Kind::Double));
        check(&found, &expected, 1e-2, "times");
    }
}

fn products_without_gradients_are_right() {
    let (gradient, weight, x) = (random(&[130, 70]), random(&[70, 50]), random(&[130, 50]));
    let double = |t: &Tensor| t.to_kind(Kind::Double);
    let found = times_weight(&gradient, &weight).expect("a product");
    check(
        &found,
        &double(&gradient).mm(&double(&weight)),
        1e-5,
        "times",
    );
    let mut sum = random(&[70, 50]);
    let expected = double(&sum) + double(&gradient).tr().mm(&double(&x));
    add_transposed_times(&mut sum, &gradient, &x).expect("a product");
    check(&sum, &expected, 1e-5, "sum");
    let half = |t: &Tensor| t.to_kind(Kind::BFloat16);
    let mut sum = Tensor::zeros([70, 50], (Kind::Float, Device::Cpu));
    add_transposed_times(&mut sum, &half(&gradient), &half(&x)).expect("a product");
    check(
        &sum,
        &double(&gradient).tr().mm(&double(&x)),
        2e-2,
        "sum of bf16",
    );
}

#[test]
fn either_library_gives_the_same_products() {
    let all = |library| {
        Product::ALL
            .into_iter()
            .fold(Products::default(), |p, product| p.with(product, library))
    };
    for library in [Library::Mkl, Library::OneDnn] {
        all(library).apply(ROOM);
        for rows in [&[1][..], &[200], &[3, 70]] {
            gradients_are_right(rows, false);
            gradients_are_right(rows, true);
        }
        odd_numbers_of_rows_are_right_in_bf16();
        products_without_gradients_are_right();
        // Each gradient by itself.
        let (x, weight) = (random(&[40, 96]), random(&[160, 96]));
        let frozen = linear(&x.set_requires_grad(true), &weight, None).expect("a product");
        frozen.sum(Kind::Float).backward();
        assert!(!weight.grad().defined());
    }

    // Packed weights follow what is written to their weight.
    all(Library::OneDnn).apply(ROOM);
    for (kind, bound) in [(Kind::Float, 1e-5), (Kind::BFloat16, 2e-2)] {
        let _guard = no_grad_guard();
        let _repeated = repeated();
        let (x, bias) = (
            random(&[2, 4, 256]).to_kind(kind),
            random(&[512]).to_kind(kind),
        );
        let weight = random(&[512, 256]).to_kind(kind);
        for round in 0..3 {
            let expected = product(&x, &weight, Some(&bias));
            for _ in 0..2 {
                let found = linear(&x, &weight, Some(&bias)).expect("a product");
                check(&found, &expected, bound, "packed");
            }
            let mut alias = weight.detach();
            let _ = alias.g_mul_scalar_(f64::from(round) - 0.5);
        }
        // A new weight where the former one lay.
        for _ in 0..4 {
            let weight = random(&[512, 256]).to_kind(kind);
            let expected = product(&x, &weight, None);
            check(
                &linear(&x, &weight, None).expect("a product"),
                &expected,
                bound,
                "another",
            );
        }
        // Without a place for packed weights.
        all(Library::OneDnn).apply(0);
        let expected = product(&x, &weight, None);
        check(
            &linear(&x, &weight, None).expect("a product"),
            &expected,
            bound,
            "not packed",
        );
        all(Library::OneDnn).apply(ROOM);
    }

    let (found, timings) = Products::measured().expect("times");
    assert_eq!(timings.len(), 4);
    for timing in timings {
        assert!(timing.mkl > 0.0 && timing.onednn > 0.0, "{timing:?}");
        let expected = if timing.onednn < 0.9 * timing.mkl {
            Library::OneDnn
        } else {
            Library::Mkl
        };
        assert_eq!(found.of(timing.product), expected);
    }
    for library in [Library::Mkl, Library::OneDnn] {
        assert_eq!(Library::parse(library.as_str()), Some(library));
    }
    assert_eq!(Library::parse("cublas"), None);

    let wrong = linear(&random(&[3, 5]), &random(&[4, 6]), None).expect_err("shapes");
    assert!(!wrong.0.contains('\n'), "{wrong}");
}
