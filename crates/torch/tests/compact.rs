//! Stochastic rounding against its definition, eight bits against their map, and AdamW in few bits against libtorch's.

use torch::compact::{
    self, BLOCK, Moment, Update, eight_bit_value, key_from, noise, rounded, update, update_composed,
};
use torch::{AdamW, Device, Kind, Tensor};

/// Values over many octaves, of both signs; another row for every seed.
fn values(count: usize, seed: u64) -> Tensor {
    let one = |index: u64| {
        let drawn = noise(seed, index);
        let size = 2.0_f64.powf((drawn % 1000) as f64 / 50.0 - 16.0);
        let sign = if drawn >> 63 == 0 { 1.0 } else { -1.0 };
        (sign * size * (1.0 + (drawn >> 20) as f64 % 4096.0 / 4096.0)) as f32
    };
    let all: Vec<f32> = (0..count as u64).map(one).collect();
    Tensor::from_slice(&all)
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::<f32>::try_from(tensor.to_kind(Kind::Float).view([-1])).expect("numbers")
}

/// The same bits, those of numbers that are none too.
fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    let whole = |tensor: &Tensor| {
        let kind = match tensor.kind() {
            Kind::BFloat16 => Kind::Int16,
            Kind::Float => Kind::Int,
            other => other,
        };
        tensor.view_dtype(kind)
    };
    whole(a).equal(&whole(b))
}

#[test]
fn rounding_takes_the_upper_neighbour_by_the_noise_of_the_place() {
    let given = values(10_000, 1);
    let found = numbers(&rounded(&given, 5).expect("rounded"));
    for (index, (value, found)) in numbers(&given).into_iter().zip(found).enumerate() {
        let below = value.to_bits() & 0xffff_0000;
        let cut = value.to_bits() & 0xffff;
        let up = u64::from(cut) + (noise(5, index as u64) >> 48) >= 1 << 16;
        let expected = if up { below + (1 << 16) } else { below };
        assert_eq!(found.to_bits(), expected, "{value} at {index}");
    }
}

#[test]
fn rounding_keeps_the_mean_and_takes_neighbours_only() {
    for share in [0.03_f32, 0.25, 0.5, 0.9] {
        // Two neighbours in bf16 are a 128th apart here.
        let (low, high) = (1.5_f32, 1.5_f32 + 1.0 / 128.0);
        let value = low + share / 128.0;
        let count = 200_000;
        let given = Tensor::full([count], f64::from(value), (Kind::Float, Device::Cpu));
        let found = numbers(&rounded(&given, 77).expect("rounded"));
        let ups = found.iter().filter(|&&x| x.to_bits() == high.to_bits());
        let ups = ups.count() as f64;
        assert!(
            found
                .iter()
                .all(|x| [low.to_bits(), high.to_bits()].contains(&x.to_bits()))
        );
        let (mean, share) = (ups / count as f64, f64::from(share));
        let deviation = (share * (1.0 - share) / count as f64).sqrt();
        assert!((mean - share).abs() < 4.0 * deviation, "{mean} for {share}");
    }
}

#[test]
fn what_bf16_can_tell_stays_as_it_is() {
    let special = [
        0.0,
        -0.0,
        1.0,
        -3.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-40,
    ];
    let given = Tensor::from_slice(&special).to_kind(Kind::BFloat16);
    for key in 0..50 {
        let found = rounded(&given.to_kind(Kind::Float), key).expect("rounded");
        assert!(same_bits(&found, &given), "{key}");
    }
    // With all bits set, so that a carry would leave a zero.
    let none = Tensor::from_slice(&[f32::from_bits(0x7fff_ffff), f32::NAN]);
    let found = numbers(&rounded(&none, 3).expect("rounded"));
    assert!(found.iter().all(|x| x.is_nan()), "{found:?}");
}

#[test]
fn a_sum_of_changes_below_a_last_bit_moves_as_far_as_it_should() {
    let sum = Tensor::ones([4096], (Kind::BFloat16, Device::Cpu));
    let nearest = sum.copy();
    let more = Tensor::full([4096], 1e-4, (Kind::Float, Device::Cpu));
    for key in 0..1000 {
        compact::add_rounded(&sum, &more, key).expect("sum");
        let _ = nearest
            .shallow_clone()
            .g_add_(&more.to_kind(Kind::BFloat16));
    }
    assert_eq!(
        numbers(&nearest)[..],
        [1.0; 4096],
        "lost when rounded to the nearest"
    );
    let mean = sum.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    // A walk of a thousand steps up by a 128th, each taken with probability 0.0128: 0.0281 for one, 64 times less for the mean.
    assert!((mean - 1.1).abs() < 4.0 * 0.0281 / 64.0, "{mean}");
}

/// What is kept of a first moment of these values, with its blocks' scales, and of a second of their squares.
fn kept(given: &Tensor, key: u64) -> [(Vec<u8>, Vec<f32>); 2] {
    let moments = [(); 2].map(|()| Moment::eight_bit(given).expect("moment"));
    update(&Update {
        average: &moments[0],
        square: &moments[1],
        // No memory: the moments are the gradient and its square.
        beta1: 0.0,
        beta2: 0.0,
        key,
        ..plain(&given.zeros_like(), given, &moments)
    })
    .expect("update");
    moments.map(|moment| {
        let (codes, scales) = moment.parts();
        let codes = Vec::<u8>::try_from(codes).expect("codes");
        (codes, numbers(scales.expect("scales")))
    })
}

fn plain<'a>(weight: &'a Tensor, gradient: &'a Tensor, moments: &'a [Moment; 2]) -> Update<'a> {
    Update {
        weight,
        gradient,
        gradient_factor: 1.0,
        average: &moments[0],
        square: &moments[1],
        step: 1,
        key: 1,
        learning_rate: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        weight_decay: 0.1,
        epsilon: 1e-8,
    }
}

#[test]
fn the_map_of_eight_bits_is_a_small_floating_point_number() {
    for (has_sign, codes, least) in [(false, 256, -33), (true, 128, -17)] {
        let map: Vec<f32> = (0..codes)
            .map(|code| eight_bit_value(code as u8, has_sign))
            .collect();
        assert_eq!(map[..2], [0.0, 2.0_f32.powi(least)]);
        assert_eq!(map[codes - 1].to_bits(), 1.875_f32.to_bits());
        for pair in map[8..].windows(2) {
            let apart = pair[1] / pair[0] - 1.0;
            assert!((0.066..0.1251).contains(&apart), "{pair:?}");
        }
        for pair in map[..9].windows(2) {
            assert_eq!((pair[1] - pair[0]).to_bits(), map[1].to_bits());
        }
    }
    for code in 0..128 {
        let both = [code, code + 128].map(|code| eight_bit_value(code, true));
        assert_eq!(both[0].to_bits(), (-both[1]).to_bits());
    }
}

#[test]
fn eight_bits_take_neighbours_of_the_map_and_keep_the_mean() {
    const KEYS: u64 = 2000;
    let given = values(2 * BLOCK + 40, 9);
    let expected: [Vec<f64>; 2] = {
        let first: Vec<f64> = numbers(&given).iter().map(|&x| f64::from(x)).collect();
        let second = first.iter().map(|x| f64::from((x * x) as f32)).collect();
        [first, second]
    };
    let mut sums = [(); 2].map(|()| vec![0.0; given.numel()]);
    for key in 0..KEYS {
        for (which, (codes, scales)) in kept(&given, key).into_iter().enumerate() {
            for (index, code) in codes.into_iter().enumerate() {
                let scale = f64::from(scales[index / BLOCK]);
                let value = |code: u8| f64::from(eight_bit_value(code, which == 0)) * scale;
                let (found, wanted) = (value(code), expected[which][index]);
                // The next codes up and down in size.
                let size = if which == 0 { code % 128 } else { code };
                let last = if which == 0 { 127 } else { 255 };
                let beyond = value(code + u8::from(size < last)).abs();
                let within = value(code - u8::from(size > 0)).abs();
                assert!(
                    wanted.abs() <= beyond * (1.0 + 1e-6) && wanted.abs() >= within * (1.0 - 1e-6),
                    "{wanted} became {found}"
                );
                assert!(found * wanted >= 0.0, "{wanted} became {found}");
                sums[which][index] += found;
            }
        }
    }
    for (which, sums) in sums.iter().enumerate() {
        for (blocks, sums) in expected[which].chunks(BLOCK).zip(sums.chunks(BLOCK)) {
            let scale = blocks.iter().fold(0.0_f64, |a, b| a.max(b.abs())) / 1.875;
            let smallest = scale * f64::from(eight_bit_value(1, which == 0));
            for (&wanted, sum) in blocks.iter().zip(sums) {
                // What is too small for the map of second moments, and is not nothing, is its smallest.
                let wanted = if which == 0 {
                    wanted
                } else {
                    wanted.max(smallest)
                };
                // Neighbours are an eighth apart at most, or the smallest, so one draw is off by half of that at most (one
                // deviation).
                let deviation = (wanted.abs() / 16.0).max(smallest / 2.0);
                let apart = (sum / KEYS as f64 - wanted).abs();
                let bound = 4.5 * deviation / (KEYS as f64).sqrt();
                assert!(apart < bound, "{which}: {apart} of {wanted}");
            }
        }
    }
}

#[test]
fn small_second_moments_survive_beside_large_ones() {
    let mut given = vec![1e-9_f32; 256];
    (given[0], given[1], given[2]) = (1.0, 1e-4, 0.0);
    for key in 0..20 {
        let [_, (codes, scales)] = kept(&Tensor::from_slice(&given), key);
        let value = |at: usize| eight_bit_value(codes[at], false) * scales[0];
        assert!((value(0) - 1.0).abs() < 1e-6, "the largest is exact");
        assert!((value(1) / 1e-8 - 1.0).abs() < 0.13, "{}", value(1));
        assert_eq!(codes[2], 0, "nothing stays nothing");
        assert_eq!(codes[3], 1, "and else is something");
    }
}

/// Kinds of moments.
const WHOLE: [Option<Kind>; 3] = [Some(Kind::Float), Some(Kind::BFloat16), None];

fn moments(weight: &Tensor, kind: Option<Kind>) -> [Moment; 2] {
    [(); 2].map(|()| {
        let made = match kind {
            Some(kind) => Moment::whole(weight, kind),
            None => Moment::eight_bit(weight),
        };
        made.expect("moment")
    })
}

fn all_parts<'a>(weight: &'a Tensor, moments: &'a [Moment; 2]) -> Vec<&'a Tensor> {
    let parts = moments.iter().map(Moment::parts);
    let parts = parts.flat_map(|(values, scales)| std::iter::once(values).chain(scales));
    std::iter::once(weight).chain(parts).collect()
}

/// Some updates of a weight of so many elements; gives the weight with its moments.
fn trained(
    count: usize,
    kinds: (Kind, Kind, Option<Kind>),
    beta1: f64,
    apply: &dyn Fn(&Update),
) -> (Tensor, [Moment; 2]) {
    let (of_weight, of_gradient, of_moments) = kinds;
    let weight = values(count, 3).to_kind(of_weight);
    let moments = moments(&weight, of_moments);
    for step in 1..=4 {
        let gradient = values(count, 100 + step).to_kind(of_gradient);
        apply(&Update {
            step,
            key: 1000 + step,
            gradient_factor: 0.7,
            beta1,
            ..plain(&weight, &gradient, &moments)
        });
    }
    (weight, moments)
}

#[test]
fn operators_put_together_give_the_bits_of_the_loop() {
    for count in [1, 255, 256, 257, 5000] {
        for of_weight in [Kind::Float, Kind::BFloat16] {
            for of_gradient in [Kind::Float, Kind::BFloat16] {
                for of_moments in WHOLE {
                    for beta1 in [0.9, 0.3] {
                        let kinds = (of_weight, of_gradient, of_moments);
                        let by_loop = trained(count, kinds, beta1, &|u| update(u).expect("loop"));
                        let composed = trained(count, kinds, beta1, &|u| {
                            update_composed(u).expect("operators");
                        });
                        let pairs = all_parts(&by_loop.0, &by_loop.1);
                        let pairs = pairs.into_iter().zip(all_parts(&composed.0, &composed.1));
                        for (at, (a, b)) in pairs.enumerate() {
                            assert!(same_bits(a, b), "{count}, {kinds:?}, {beta1}: part {at}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_weight_that_lies_across_memory_is_updated_alike() {
    let straight = values(600, 4).view([20, 30]);
    let across = straight.tr().contiguous().tr();
    assert!(!across.is_contiguous());
    let gradient = values(600, 5).view([20, 30]);
    for weight in [&straight, &across] {
        let moments = moments(&straight, None);
        update(&plain(weight, &gradient, &moments)).expect("update");
    }
    assert!(straight.equal(&across));
}

#[test]
fn a_slice_gets_the_bits_that_it_has_in_the_whole() {
    let (count, cut) = (10 * BLOCK + 17, 3 * BLOCK);
    for of_weight in [Kind::Float, Kind::BFloat16] {
        for of_moments in WHOLE {
            let kinds = (of_weight, Kind::Float, of_moments);
            let whole = trained(count, kinds, 0.9, &|u| update(u).expect("update"));
            for (start, end) in [(0, cut), (cut, count)] {
                let part = |tensor: &Tensor, unit: usize| {
                    let (start, length) = (start / unit, (end - start).div_ceil(unit));
                    tensor.narrow(0, start as i64, length as i64)
                };
                let weight = part(&values(count, 3).to_kind(of_weight), 1).copy();
                let own = moments(&weight, of_moments);
                for step in 1..=4 {
                    let gradient = part(&values(count, 100 + step), 1);
                    let sliced = Update {
                        step,
                        key: key_from(1000 + step, start as u64),
                        gradient_factor: 0.7,
                        ..plain(&weight, &gradient, &own)
                    };
                    update(&sliced).expect("update");
                }
                let pairs = all_parts(&weight, &own);
                let pairs = pairs.into_iter().zip(all_parts(&whole.0, &whole.1));
                for (at, (found, all)) in pairs.enumerate() {
                    let unit = if all.numel() == count { 1 } else { BLOCK };
                    assert!(same_bits(found, &part(all, unit)), "{kinds:?}: part {at}");
                }
            }
            let given = values(count, 9);
            let all = rounded(&given, 4).expect("rounded");
            let rest = (cut as i64, (count - cut) as i64);
            let found = rounded(&given.narrow(0, rest.0, rest.1), key_from(4, cut as u64));
            assert!(same_bits(
                &found.expect("rounded"),
                &all.narrow(0, rest.0, rest.1)
            ));
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let count = 3 * 64 * BLOCK + 17;
    let kinds = (Kind::BFloat16, Kind::BFloat16, None);
    let run = || trained(count, kinds, 0.9, &|u| update(u).expect("update"));
    torch::set_threads(1);
    let (alone, alone_moments) = run();
    let alone_rounded = rounded(&values(count, 6), 8).expect("rounded");
    torch::set_threads(2);
    let (both, both_moments) = run();
    let both_rounded = rounded(&values(count, 6), 8).expect("rounded");
    torch::set_threads(1);
    let pairs = all_parts(&alone, &alone_moments);
    let pairs = pairs.into_iter().zip(all_parts(&both, &both_moments));
    assert!(pairs.into_iter().all(|(a, b)| same_bits(a, b)));
    assert!(same_bits(&alone_rounded, &both_rounded));
}

#[test]
fn in_full_precision_it_is_libtorchs_adamw() {
    let count = 3000;
    let ours = trained(
        count,
        (Kind::Float, Kind::Float, Some(Kind::Float)),
        0.9,
        &|u| {
            update(u).expect("update");
        },
    );
    let theirs = values(count, 3);
    let moments = moments(&theirs, Some(Kind::Float));
    let steps = [Tensor::zeros([0_i64; 0], (Kind::Float, Device::Cpu))];
    for step in 1..=4 {
        torch::fused_adamw(&AdamW {
            parameters: &[theirs.shallow_clone()],
            gradients: &[values(count, 100 + step) * 0.7],
            averages: &[moments[0].parts().0.shallow_clone()],
            squares: &[moments[1].parts().0.shallow_clone()],
            steps: &steps,
            learning_rate: 1e-2,
            beta1: 0.9,
            beta2: 0.999,
            weight_decay: 0.1,
            epsilon: 1e-8,
        })
        .expect("libtorch");
    }
    let pairs = all_parts(&ours.0, &ours.1);
    for (at, (a, b)) in pairs
        .into_iter()
        .zip(all_parts(&theirs, &moments))
        .enumerate()
    {
        // Sums of both signs are as exact as what they are the sum of: steps of a hundredth, gradients, nothing.
        let least = match at {
            0 => a.full_like(1e-2),
            1 => (1..=4).map(|step| values(count, 100 + step).abs()).sum(),
            _ => a.zeros_like(),
        };
        let apart = ((a - b).abs() / (a.abs() + least)).max();
        let apart = apart.double_value(&[]);
        assert!(apart < 1e-6, "part {at}: {apart}");
    }
}

#[test]
fn bytes_are_those_of_memory() {
    let weight = values(4096, 1);
    let bytes = WHOLE.map(|kind| moments(&weight, kind)[0].bytes());
    assert_eq!(bytes, [4 * 4096, 2 * 4096, 4096 + 4 * 16]);
}

#[test]
fn norms_of_few_bits_are_summed_in_more() {
    let given = values(10_000, 2).to_kind(Kind::BFloat16);
    let truth = given.to_kind(Kind::Double).norm().double_value(&[]);
    let found = compact::norm(&given).expect("norm");
    assert!((found / truth - 1.0).abs() < 1e-5, "{found} for {truth}");
}

#[test]
fn wrong_tensors_are_refused() {
    let weight = values(300, 1);
    let short = values(299, 1);
    let good = moments(&weight, None);
    let error = update(&plain(&weight, &short, &good)).expect_err("too short");
    assert!(error.to_string().contains("gradient"), "{error}");
    let mixed = [
        Moment::whole(&weight, Kind::Double).expect("moment"),
        Moment::whole(&weight, Kind::Float).expect("moment"),
    ];
    let error = update(&plain(&weight, &weight.copy(), &mixed)).expect_err("f64");
    assert!(error.to_string().contains("first moment"), "{error}");
}
