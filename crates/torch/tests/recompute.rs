//! What is computed again against the same kept: gradients to the bit, errors, and what is freed when.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torch::products::{Library, Product, Products};
use torch::{
    Device, Error, Kind, OutOfMemory, Tensor, backward_with, no_grad_guard, recompute, remake,
};

/// The choice of products is the process's, and tests run side by side.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

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

type Block = fn(&[Tensor], &[Tensor]) -> Tensor;

/// The block three times in a row, and that twice with gradients summed where they lie: what comes out, and the gradients of
/// inputs and weights. `learns`: the first input, the second, the weights.
fn stacked(block: Block, learns: [bool; 3], again: bool) -> Vec<Tensor> {
    let first = values(&[9, 8], 1.0).set_requires_grad(learns[0]);
    let second = values(&[9, 8], 2.0).set_requires_grad(learns[1]);
    let weights: Vec<Tensor> = [3.0, 4.0]
        .map(|seed| values(&[8, 8], seed).set_requires_grad(learns[2]))
        .into();
    let mut out = Vec::new();
    for round in [5.0, 6.0] {
        let mut x = first.shallow_clone();
        for _ in 0..3 {
            let own: Vec<Tensor> = weights.iter().map(Tensor::shallow_clone).collect();
            x = if again {
                recompute(&[&x, &second], move |x| Ok::<_, Error>(block(x, &own))).expect("block")
            } else {
                block(&[x, second.shallow_clone()], &own)
            };
        }
        out.push(x.detach());
        if x.requires_grad() {
            backward_with(&x, &values(&[9, 8], round)).expect("backward");
        }
    }
    let leaves = [&first, &second].into_iter().chain(&weights);
    out.extend(leaves.map(Tensor::grad).filter(Tensor::defined));
    out
}

/// Each input and weight is used several times, so that gradients are sums of several parts.
fn mixed(x: &[Tensor], weights: &[Tensor]) -> Tensor {
    let keys = x[1].matmul(&weights[0]);
    let queries = x[0].matmul(&weights[0].tr());
    let inner = (&queries * &keys + &x[0] * &x[1]).gelu("none");
    let outer = inner.matmul(&weights[1]) + keys.tanh() * &weights[1].select(0, 0);
    outer + &x[0]
}

#[test]
fn gradients_are_those_of_what_is_kept() {
    for learns in 0..8_u8 {
        let learns = [1, 2, 4].map(|bit| learns & bit != 0);
        let (kept, found) = (stacked(mixed, learns, false), stacked(mixed, learns, true));
        let expected = 2 + [1, 1, 2]
            .iter()
            .zip(learns)
            .filter(|l| l.1)
            .map(|l| l.0)
            .sum::<usize>();
        assert_eq!(
            (kept.len(), found.len()),
            (expected, expected),
            "{learns:?}"
        );
        for (at, (kept, found)) in kept.iter().zip(&found).enumerate() {
            assert!(kept.equal(found), "{learns:?}: {at}");
        }
    }
}

/// The derivative of tanh(w · x)² by hand.
#[test]
fn gradients_are_right() {
    let weight = Tensor::from_slice(&[0.5_f64]).set_requires_grad(true);
    let x = Tensor::from_slice(&[2.0_f64]).set_requires_grad(true);
    let own = weight.shallow_clone();
    let y = recompute(&[&x], move |x| {
        Ok::<_, Error>((&x[0] * &own).tanh().square())
    });
    y.expect("function").backward();
    let t = 1.0_f64.tanh();
    let slope = 2.0 * t * (1.0 - t * t);
    assert!((weight.grad().double_value(&[0]) - 2.0 * slope).abs() < 1e-15);
    assert!((x.grad().double_value(&[0]) - 0.5 * slope).abs() < 1e-15);
}

/// What a training does at every step with the memory of a leaf's gradient.
#[test]
fn a_leaf_takes_its_gradient_without_a_copy() {
    let weight = leaf(&[64, 64], 1.0);
    let own = weight.shallow_clone();
    let x = values(&[4, 64], 2.0);
    let y = recompute(&[&x], move |x| Ok::<_, Error>(x[0].matmul(&own))).expect("function");
    backward_with(&y, &values(&[4, 64], 3.0)).expect("backward");
    let expected = x.tr().matmul(&values(&[4, 64], 3.0));
    assert!(weight.grad().equal(&expected));
}

/// Counts the calls and the drops of a function.
#[derive(Clone, Default)]
struct Counts(Arc<(AtomicUsize, AtomicUsize)>);

impl Counts {
    fn get(&self) -> (usize, usize) {
        (
            self.0.0.load(Ordering::SeqCst),
            self.0.1.load(Ordering::SeqCst),
        )
    }
}

/// Lives in a function.
struct Inside(Counts);

impl Inside {
    fn called(&self) -> usize {
        self.0.0.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_function_lives_as_long_as_its_graph() {
    let counts = Counts::default();
    let square = |x: &Tensor| {
        let inside = Inside(counts.clone());
        recompute(&[x], move |x| {
            inside.called();
            Ok::<_, Error>(x[0].square())
        })
        .expect("function")
    };
    let x = leaf(&[3], 1.0);
    let y = square(&x);
    let after = y.exp();
    drop(y);
    assert_eq!(counts.get(), (1, 0));
    after.sum(Kind::Float).backward();
    assert_eq!(counts.get(), (2, 0));
    drop(after);
    assert_eq!(counts.get(), (2, 1));
    // Without a backward.
    drop(square(&x));
    assert_eq!(counts.get(), (3, 2));
    // Without a graph: nothing learns, or gradients are off.
    let y = square(&x.detach());
    assert!(!y.requires_grad());
    assert_eq!(counts.get(), (4, 3));
    let guard = no_grad_guard();
    let y = square(&x);
    assert!(!y.requires_grad());
    assert_eq!(counts.get(), (5, 4));
    drop(guard);
    // With an error.
    let inside = Inside(counts.clone());
    let failed = recompute(&[&x], move |_| {
        inside.called();
        Err::<Tensor, _>(Error("no".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(counts.get(), (6, 5));
}

/// An error of its own kind.
#[derive(Debug, PartialEq)]
enum Refusal {
    Own(u8),
    Torch(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(number) => write!(f, "refused: {number}"),
            Self::Torch(text) => f.write_str(text),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Torch(error.0)
    }
}

/// Calls `then` from the second time on, which is in the backward. Gives what the backward says.
fn in_backward(then: fn(&Tensor) -> Result<Tensor, Refusal>) -> String {
    let x = leaf(&[2, 2], 1.0);
    let inside = Inside(Counts::default());
    let y = recompute(&[&x], move |x| {
        if inside.called() == 0 {
            return Ok(x[0].square());
        }
        then(&x[0])
    });
    let told = backward_with(&y.expect("forward"), &values(&[2, 2], 2.0));
    assert!(!x.grad().defined());
    told.expect_err("backward").0
}

#[test]
fn errors_and_panics_come_back() {
    let x = leaf(&[2, 2], 1.0);
    let own = recompute(&[&x], |_| Err::<Tensor, _>(Refusal::Own(7)));
    assert_eq!(own.expect_err("refused"), Refusal::Own(7));
    let panicked = recompute(&[&x], |x| -> Result<Tensor, Refusal> {
        Ok(x[0].matmul(&Tensor::ones([3, 3], (Kind::Float, Device::Cpu))))
    });
    let Err(Refusal::Torch(text)) = panicked else {
        panic!("expected a panic that was caught");
    };
    assert!(
        text.starts_with("a function that is computed again panicked"),
        "{text}"
    );

    assert_eq!(in_backward(|_| Err(Refusal::Own(8))), "refused: 8");
    let panicked = in_backward(|_| panic!("in the {}", "middle"));
    assert_eq!(
        panicked,
        "a function that is computed again panicked: in the middle"
    );
    // Missing memory keeps its numbers.
    let missing = OutOfMemory {
        asked: 5,
        in_use: 6,
        limit: Some(7),
    };
    let told = in_backward(|_| {
        Err(Refusal::Torch(
            "out of memory: 5 bytes were asked for, 6 are in use, and the limit is 7".to_owned(),
        ))
    });
    assert_eq!(OutOfMemory::of(&told), Some(missing));
    // What is not the same the second time is refused.
    let other = in_backward(|x| Ok(x.detach()));
    assert!(other.contains("has none the second time"), "{other}");
    let other = in_backward(|x| Ok(x + x.exp()));
    assert!(other.contains("parts of gradients"), "{other}");

    // Gradients are on as before, and later backwards go well.
    let y = recompute(&[&x], |x| Ok::<_, Error>(x[0].square())).expect("function");
    y.sum(Kind::Float).backward();
    assert!(x.grad().equal(&(x.detach() * 2.0)));
}

#[test]
fn a_weight_that_was_written_to_is_noticed() {
    let weight = leaf(&[2, 2], 1.0);
    let own = weight.shallow_clone();
    let y = recompute(&[&values(&[2, 2], 2.0)], move |x| {
        Ok::<_, Error>(x[0].matmul(&own))
    });
    let y = y.expect("function");
    {
        let _guard = no_grad_guard();
        let _ = weight.shallow_clone().fill_(1.0);
    }
    let told = backward_with(&y, &values(&[2, 2], 3.0)).expect_err("written to");
    assert!(
        told.0.contains("modified by an inplace operation"),
        "{told}"
    );
    // A second backward has nothing left to start from.
    let x = leaf(&[2], 4.0);
    let y = recompute(&[&x], |x| Ok::<_, Error>(x[0].square())).expect("function");
    let gradient = values(&[2], 5.0);
    backward_with(&y, &gradient).expect("first");
    let told = backward_with(&y, &gradient).expect_err("second");
    assert!(told.0.contains("a second time"), "{told}");
}

#[test]
fn a_backward_may_run_on_another_thread() {
    let (x, weight) = (leaf(&[4, 4], 1.0), leaf(&[4, 4], 2.0));
    let own = weight.shallow_clone();
    let function = move |x: &[Tensor]| Ok::<_, Error>(x[0].matmul(&own).sin());
    let y = recompute(&[&x], function).expect("function");
    let gradient = values(&[4, 4], 3.0);
    std::thread::spawn(move || {
        // Where gradients are off, as on libtorch's own threads.
        let _guard = no_grad_guard();
        backward_with(&y, &gradient).expect("backward");
    })
    .join()
    .expect("thread");
    let other = weight.detach().copy().set_requires_grad(true);
    backward_with(&x.detach().matmul(&other).sin(), &values(&[4, 4], 3.0)).expect("backward");
    assert!(weight.grad().equal(&other.grad()));
}

/// Two products of one activation, with and without it kept; gives the outputs' gradients, and how often it was made.
fn two_products(again: bool, with_bias: bool) -> (Vec<Tensor>, usize) {
    let x = leaf(&[3, 5, 8], 1.0);
    let weights = [leaf(&[6, 8], 2.0), leaf(&[6, 8], 3.0)];
    let biases = [leaf(&[6], 4.0), leaf(&[6], 5.0)];
    let counts = Counts::default();
    for _ in 0..2 {
        let active = x.gelu("none");
        let [a, b] = [0, 1].map(|i| {
            let bias = with_bias.then_some(&biases[i]);
            torch::linear(&active, &weights[i], bias).expect("product")
        });
        let out = a * b.tanh();
        if again {
            let (own, inside) = (x.shallow_clone(), Inside(counts.clone()));
            let places = remake(&active, &out, move || {
                inside.called();
                Ok::<_, Error>(own.gelu("none"))
            });
            assert_eq!(places.expect("places"), 2);
        }
        drop(active);
        backward_with(&out, &values(&[3, 5, 6], 6.0)).expect("backward");
    }
    let (calls, drops) = counts.get();
    assert_eq!(calls, drops);
    let leaves = std::iter::once(&x).chain(&weights).chain(&biases);
    let gradients = leaves.map(Tensor::grad).filter(Tensor::defined);
    (gradients.collect(), calls)
}

#[test]
fn products_have_what_they_keep_made_again_once() {
    let _alone = alone();
    for onednn in [false, true] {
        let library = if onednn {
            Library::OneDnn
        } else {
            Library::Mkl
        };
        let products = Product::ALL[..3]
            .iter()
            .fold(Products::default(), |products, &of| {
                products.with(of, library)
            });
        products.apply(0);
        for biased in [false, true] {
            let (kept, _) = two_products(false, biased);
            let (found, made) = two_products(true, biased);
            // Once in each of two backwards.
            assert_eq!(made, 2);
            assert_eq!(
                (kept.len(), found.len()),
                (3 + 2 * usize::from(biased), kept.len())
            );
            for (at, (kept, found)) in kept.iter().zip(&found).enumerate() {
                assert!(kept.equal(found), "{onednn} {biased}: {at}");
            }
        }
    }
    Products::default().apply(0);
}

#[test]
fn nothing_is_made_again_for_who_keeps_nothing() {
    let counts = Counts::default();
    let make = || {
        let inside = Inside(counts.clone());
        move || {
            inside.called();
            Err::<Tensor, _>(Error("cannot be made".to_owned()))
        }
    };
    let x = leaf(&[4, 4], 1.0);
    let active = x.exp();
    // A frozen weight's product needs no left factor.
    let frozen = torch::linear(&active, &values(&[4, 4], 2.0), None).expect("product");
    assert_eq!(remake(&active, &frozen, make()).expect("places"), 0);
    // Nor does what has no graph.
    assert_eq!(
        remake(&active, &active.detach(), make()).expect("places"),
        0
    );
    assert_eq!(counts.get(), (0, 2));
    // A graph that is dropped drops it too.
    let weight = leaf(&[4, 4], 3.0);
    let learned = torch::linear(&active, &weight, None).expect("product");
    assert_eq!(remake(&active, &learned, make()).expect("places"), 1);
    assert_eq!(counts.get(), (0, 2));
    drop(learned);
    assert_eq!(counts.get(), (0, 3));
    // What cannot be made is the backward's error.
    let learned = torch::linear(&active, &weight, None).expect("product");
    assert_eq!(remake(&active, &learned, make()).expect("places"), 1);
    let told = backward_with(&learned, &values(&[4, 4], 4.0)).expect_err("not made");
    assert_eq!(told.0, "cannot be made");
}
