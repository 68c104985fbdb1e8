//! The shim against arithmetic done by hand.

use std::sync::Arc;

use torch::{AdamW, Argument, Device, Kind, Tensor};

#[test]
fn backward_takes_the_gradient_of_the_output() {
    let x = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
    let y = &x * &x;
    torch::backward_with(&y, &Tensor::from_slice(&[1.0_f32, 10.0])).expect("backward");
    assert_eq!(Vec::<f32>::try_from(x.grad()).expect("values"), [2.0, 40.0]);
    torch::clear_grad(&x).expect("clear");
    assert!(!x.grad().defined());
}

#[test]
fn adamw_equals_its_formula() {
    let options = (Kind::Float, Device::Cpu);
    let (p, g) = (
        Tensor::from_slice(&[0.5_f32, -2.0]),
        Tensor::from_slice(&[0.1_f32, 3.0]),
    );
    let (m, v) = (Tensor::zeros([2], options), Tensor::zeros([2], options));
    let update = AdamW {
        parameters: &[p.shallow_clone()],
        gradients: &[g],
        averages: &[m],
        squares: &[v],
        steps: &[Tensor::zeros([0; 0], options)],
        learning_rate: 0.01,
        beta1: 0.9,
        beta2: 0.99,
        weight_decay: 0.1,
        epsilon: 1e-8,
    };
    torch::fused_adamw(&update).expect("update");
    // After one step the corrected moments are g and g², so the update is the sign of g.
    let expected = [0.5 * (1.0 - 0.001) - 0.01, -2.0 * (1.0 - 0.001) - 0.01];
    let found = Vec::<f32>::try_from(p).expect("values");
    assert!(
        found
            .iter()
            .zip(expected)
            .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6),
        "{found:?}"
    );
}

#[test]
fn norm_and_scaling_run_over_all_tensors() {
    let list = [
        Tensor::from_slice(&[3.0_f32]),
        Tensor::from_slice(&[0.0_f32, 4.0]),
    ];
    assert!((torch::foreach_norm(&list).expect("norm") - 5.0).abs() < 1e-6);
    torch::foreach_mul(&list, 0.5).expect("scale");
    assert!((torch::foreach_norm(&list).expect("norm") - 2.5).abs() < 1e-6);
}

#[test]
fn generator_state_replays() {
    let state = torch::rng_state().expect("state");
    let first = Tensor::rand([4], (Kind::Float, Device::Cpu));
    torch::set_rng_state(&state).expect("set");
    assert!(first.equal(&Tensor::rand([4], (Kind::Float, Device::Cpu))));
}

#[test]
fn errors_are_one_line() {
    let error =
        torch::backward_with(&Tensor::from(1.0_f32), &Tensor::from(1.0_f32)).expect_err("no graph");
    assert!(!error.0.contains('\n') && error.0.len() < 200, "{error}");
}

#[test]
fn foreign_bytes_live_as_long_as_the_tensor() {
    let owner = Arc::new(
        [1.5_f32, 2.5, 3.5]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>(),
    );
    let tensor = torch::from_owner(&owner, 4, &[2], Kind::Float).expect("tensor");
    assert!(torch::from_owner(&owner, 8, &[2], Kind::Float).is_err());
    drop(owner);
    assert_eq!(Vec::<f32>::try_from(tensor).expect("values"), [2.5, 3.5]);
}

#[test]
fn adamw_follows_its_formula_over_many_steps() {
    let options = (Kind::Float, Device::Cpu);
    let gradients = [[0.5_f64, -0.25], [-1.0, 0.125], [0.75, 2.0], [0.0, -0.5]];
    let (rate, beta1, beta2, decay, epsilon) = (0.02_f64, 0.9_f64, 0.95_f64, 0.1_f64, 1e-6_f64);
    let p = Tensor::from_slice(&[1.0_f32, -3.0]);
    let (m, v) = (Tensor::zeros([2], options), Tensor::zeros([2], options));
    let step = Tensor::zeros([0; 0], options);
    let mut expected = [1.0_f64, -3.0];
    let mut moments = [[0.0_f64; 2]; 2];
    for (t, gradient) in (1..).zip(&gradients) {
        torch::fused_adamw(&AdamW {
            parameters: &[p.shallow_clone()],
            gradients: &[Tensor::from_slice(gradient).to_kind(Kind::Float)],
            averages: &[m.shallow_clone()],
            squares: &[v.shallow_clone()],
            steps: &[step.shallow_clone()],
            learning_rate: rate,
            beta1,
            beta2,
            weight_decay: decay,
            epsilon,
        })
        .expect("update");
        for i in 0..2 {
            moments[0][i] = beta1 * moments[0][i] + (1.0 - beta1) * gradient[i];
            moments[1][i] = beta2 * moments[1][i] + (1.0 - beta2) * gradient[i].powi(2);
            let mean = moments[0][i] / (1.0 - beta1.powi(t));
            let square = moments[1][i] / (1.0 - beta2.powi(t));
            expected[i] -= rate * (decay * expected[i] + mean / (square.sqrt() + epsilon));
        }
    }
    let found = Vec::<f32>::try_from(p).expect("values");
    assert!(
        found
            .iter()
            .zip(expected)
            .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6),
        "{found:?} {expected:?}"
    );
    assert!(
        (step.double_value(&[]) - 4.0).abs() < 1e-9,
        "the counter is raised once a step"
    );
}

#[test]
fn adamw_refuses_lists_of_different_lengths() {
    let t = [Tensor::from(1.0_f32)];
    let update = AdamW {
        parameters: &t,
        gradients: &t,
        averages: &t,
        squares: &[],
        steps: &t,
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.9,
        weight_decay: 0.0,
        epsilon: 1e-8,
    };
    let error = torch::fused_adamw(&update).expect_err("three lists of one, one of none");
    assert!(error.0.contains("1 tensors"), "{error}");
}

#[test]
fn empty_lists_have_norm_zero_and_scale_to_nothing() {
    assert!(torch::foreach_norm(&[]).expect("norm").abs() < f64::EPSILON);
    torch::foreach_mul(&[], 2.0).expect("scale");
}

#[test]
fn gradients_are_set_and_dropped() {
    let x = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
    torch::set_grad(&x, &Tensor::from_slice(&[5.0_f32, 6.0])).expect("set");
    assert_eq!(Vec::<f32>::try_from(x.grad()).expect("values"), [5.0, 6.0]);
    torch::clear_grad(&x).expect("clear");
    assert!(!x.grad().defined());
}

#[test]
fn a_wrong_shape_of_the_gradient_is_an_error() {
    let x = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
    let error = torch::backward_with(&(&x * 2.0), &Tensor::from_slice(&[1.0_f32, 1.0, 1.0]))
        .expect_err("shape");
    assert!(!error.0.contains('\n'), "{error}");
}

#[test]
fn every_dtype_crosses_as_itself() {
    let owner = Arc::new(vec![0_u8; 64]);
    let start = owner.as_ptr().align_offset(16);
    for kind in [
        Kind::Uint8,
        Kind::Int8,
        Kind::Int16,
        Kind::Int,
        Kind::Int64,
        Kind::Half,
        Kind::Float,
        Kind::Double,
        Kind::Bool,
        Kind::BFloat16,
        Kind::Float8e5m2,
        Kind::Float8e4m3fn,
    ] {
        let tensor = torch::from_owner(&owner, start, &[2], kind).expect("tensor");
        assert_eq!(tensor.kind(), kind);
    }
}

#[test]
fn foreign_bytes_out_of_line_are_refused() {
    let owner = Arc::new(vec![0_u8; 64]);
    let odd = owner.as_ptr().align_offset(4) + 1;
    let error = torch::from_owner(&owner, odd, &[2], Kind::Float).expect_err("alignment");
    assert!(error.0.contains("aligned"), "{error}");
    for shape in [&[-1][..], &[i64::MAX, 2]] {
        assert!(
            torch::from_owner(&owner, 0, shape, Kind::Uint8).is_err(),
            "{shape:?}"
        );
    }
    assert!(torch::from_owner(&owner, usize::MAX, &[1], Kind::Uint8).is_err());
}

#[test]
fn the_owner_is_let_go_with_the_last_tensor() {
    let owner = Arc::new(vec![0_u8; 64]);
    let first = torch::from_owner(&owner, 0, &[8], Kind::Uint8).expect("tensor");
    let view = first.narrow(0, 2, 3);
    assert_eq!(Arc::strong_count(&owner), 2);
    drop(first);
    assert_eq!(
        Arc::strong_count(&owner),
        2,
        "the view still needs the bytes"
    );
    drop(view);
    assert_eq!(Arc::strong_count(&owner), 1);
}

#[test]
fn any_operator_can_be_called_by_name() {
    let a = Tensor::from_slice2(&[[1.0_f32, 2.0], [3.0, 4.0]]).set_requires_grad(true);
    let b = Tensor::from_slice2(&[[1.0_f32], [10.0]]);
    let product = torch::call(
        "aten::mm",
        "",
        &[Argument::Tensor(&a), Argument::Tensor(&b)],
    )
    .expect("mm");
    assert_eq!(
        Vec::<f32>::try_from(product[0].flatten(0, -1)).expect("values"),
        [21.0, 43.0]
    );
    product[0].sum(Kind::Float).backward();
    assert_eq!(
        Vec::<f32>::try_from(a.grad().flatten(0, -1)).expect("values"),
        [1.0, 10.0, 1.0, 10.0]
    );

    // Lists in and out, whole numbers, a left-out option, and a default of the schema.
    let parts = [Argument::Tensor(&b), Argument::Int(1), Argument::Int(0)];
    assert_eq!(
        torch::call("aten::split", "Tensor", &parts)
            .expect("split")
            .len(),
        2
    );
    let sum = [
        Argument::Tensor(&b),
        Argument::Ints(&[0]),
        Argument::Bool(true),
        Argument::None,
    ];
    assert_eq!(
        torch::call("aten::sum", "dim_IntList", &sum).expect("sum")[0].size(),
        [1, 1]
    );
    let scaled = [Argument::Tensor(&b), Argument::Float(0.5)];
    assert!(
        (torch::call("aten::mul", "Scalar", &scaled).expect("mul")[0].double_value(&[1, 0]) - 5.0)
            .abs()
            < 1e-6
    );
    let gelu = [Argument::Tensor(&b), Argument::Text("tanh")];
    let expected = b.gelu("tanh");
    let found = torch::call("aten::gelu", "", &gelu).expect("gelu");
    assert!(found[0].equal(&expected));
}

#[test]
fn a_wrong_call_is_one_line() {
    let one = Tensor::from(1.0_f32);
    let wrong: [(&str, &[Argument]); 5] = [
        ("aten::no_such_operator", &[]),
        ("aten::mm", &[Argument::Tensor(&one)]),
        ("aten::mm", &[Argument::Int(1), Argument::Int(2)]),
        (
            "aten::mm",
            &[
                Argument::Tensor(&one),
                Argument::Tensor(&one),
                Argument::Tensor(&one),
            ],
        ),
        ("aten::m\0m", &[]),
    ];
    for (name, arguments) in wrong {
        let error = torch::call(name, "", arguments).expect_err(name);
        assert!(
            !error.0.is_empty() && !error.0.contains('\n'),
            "{name}: {error}"
        );
    }
}

#[test]
fn the_loaded_library_is_the_one_of_the_build() {
    torch::check_version().expect("version");
    assert!(torch::built_version().starts_with("2.11."));
}

#[test]
fn errors_of_tch_are_shortened() {
    let error = Tensor::from_slice(&[1.0_f32, 2.0])
        .f_matmul(&Tensor::zeros([3, 3], (Kind::Float, Device::Cpu)));
    let text = torch::short(&error.expect_err("shapes"));
    assert!(
        !text.contains('\n') && !text.contains("Internal torch error"),
        "{text}"
    );
    assert!(
        text.contains("size mismatch") || text.contains("shapes"),
        "{text}"
    );
}
