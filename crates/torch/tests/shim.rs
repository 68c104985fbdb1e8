//! The shim against arithmetic done by hand.

use std::sync::Arc;

use torch::{AdamW, Device, Kind, Tensor};

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
