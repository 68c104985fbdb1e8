//! What a step of decoding does in one call, against libtorch's operators put together.

use torch::decoding::{StepRows, attend_step, largest};
use torch::products::{self, Library, Product, Products};
use torch::{Device, Kind, Tensor, fused};

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Values between −1 and 1 that differ from each other.
fn values(sizes: &[i64], phase: f64) -> Tensor {
    let count = sizes.iter().product::<i64>();
    let steps = Tensor::arange(count, (Kind::Double, Device::Cpu)) * 0.731 + phase;
    steps.sin().reshape(sizes).to_kind(Kind::Float)
}

fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let (found, expected) = (found.to_kind(Kind::Double), expected.to_kind(Kind::Double));
    (found - expected).abs().max().double_value(&[])
}

/// One sequence after the other, in f64: the token's keys and values behind the old ones, and attention over all.
fn expected(q: &Tensor, keys: &Tensor, values: &Tensor) -> Tensor {
    let (h, g) = (q.size()[0], keys.size()[0]);
    let wide = |x: &Tensor| {
        x.to_kind(Kind::Double)
            .repeat_interleave_self_int(h / g, 0, None)
    };
    let (q, keys, values) = (q.to_kind(Kind::Double), wide(keys), wide(values));
    let scores = keys.matmul(&q.unsqueeze(-1)).squeeze_dim(-1) / (q.size()[1] as f64).sqrt();
    let weights = scores.softmax(-1, Kind::Double).unsqueeze(1);
    weights.matmul(&values).reshape([-1])
}

#[test]
fn a_step_attends_to_what_its_slot_holds_and_to_itself() {
    // Widths with and without a rest behind the vectors; grouped heads and not.
    for (h, g, e) in [(9, 3, 64), (4, 4, 48), (8, 2, 128), (14, 2, 80), (2, 1, 10)] {
        for (kind, bound) in [(Kind::Float, 1e-6), (Kind::BFloat16, 1e-2)] {
            let (slots, capacity, first) = (5, 40, 1);
            let keys = values(&[slots, g, capacity, e], 0.1).to_kind(kind);
            let stored = values(&[slots, g, capacity, e], 0.7).to_kind(kind);
            let places = [0_i64, 7, 39];
            let b = places.len() as i64;
            // Rows of a joined map: the parts lie beside each other.
            let row = values(&[b, (h + 2 * g) * e], 0.3).to_kind(kind) * 3.0;
            let (q, k, v) = (
                row.narrow(1, 0, h * e),
                row.narrow(1, h * e, g * e),
                row.narrow(1, (h + g) * e, g * e),
            );
            let angles = values(&[b, 1, e / 2], 0.2) * 3.0;
            let (cos, sin) = (angles.cos().to_kind(kind), angles.sin().to_kind(kind));
            // Two pools that are one, so that its rows can be looked at together.
            let pools = [(first, 1), (first + 1, 2)].map(|(first, rows)| StepRows {
                keys: &keys,
                values: &stored,
                first,
                rows,
            });
            let at = Tensor::from_slice(&places);
            let untouched = keys.copy();
            let found = attend_step(&q, &k, &v, Some((&cos, &sin)), &pools, &at).expect("attended");
            let turned = |x: &Tensor, heads: i64| {
                fused::rotate(&x.reshape([b, heads, e]), &cos, &sin).expect("turned")
            };
            let (turned_q, turned_k) = (turned(&q, h), turned(&k, g));
            for (i, &place) in places.iter().enumerate() {
                let at = i as i64;
                let (own_k, own_v) = (keys.get(first + at), stored.get(first + at));
                assert!(own_k.select(1, place).equal(&turned_k.get(at)));
                assert!(own_v.select(1, place).equal(&v.get(at).reshape([g, e])));
                let seen = |x: &Tensor| x.narrow(1, 0, place + 1);
                let expected = expected(&turned_q.get(at), &seen(&own_k), &seen(&own_v));
                let off = difference(&found.get(at), &expected);
                assert!(off < bound, "{h} {g} {e} {kind:?} {place}: {off}");
                // Nothing else was written.
                keys.get(first + at)
                    .select(1, place)
                    .copy_(&untouched.get(first + at).select(1, place));
            }
            assert!(keys.equal(&untouched));
            // Without angles, with what is turned already, and in one pool, the same to the bit.
            let pool = StepRows {
                rows: b,
                ..pools[0]
            };
            let flat = |x: &Tensor| x.reshape([b, -1]);
            let plain = attend_step(&flat(&turned_q), &flat(&turned_k), &v, None, &[pool], &at);
            assert!(plain.expect("attended").equal(&found));
        }
    }
}

#[test]
fn places_outside_of_the_pool_are_refused() {
    let pool = Tensor::zeros([2, 1, 4, 8], FLOAT);
    let row = Tensor::zeros([1, 8], FLOAT);
    let attend = |q: &Tensor, first: i64, place: i64| {
        let pool = StepRows {
            keys: &pool,
            values: &pool,
            first,
            rows: 1,
        };
        attend_step(q, &row, &row, None, &[pool], &Tensor::from_slice(&[place]))
    };
    assert!(attend(&row, 0, 3).is_ok());
    for (first, place) in [(0, 4), (0, -1), (2, 0), (-1, 0)] {
        assert!(attend(&row, first, place).is_err(), "{first} {place}");
    }
    assert!(attend(&Tensor::zeros([1, 12], FLOAT), 0, 0).is_err());
    assert!(attend(&row.to_kind(Kind::BFloat16), 0, 0).is_err());
    assert!(attend(&row.to_kind(Kind::Double), 0, 0).is_err());
}

#[test]
fn the_largest_of_a_row_is_the_first_of_its_equals() {
    let x = values(&[4, 1000], 0.9);
    let _ = x.get(1).narrow(0, 300, 2).fill_(7.0);
    let _ = x.get(2).narrow(0, 999, 1).fill_(f64::INFINITY);
    let _ = x.get(3).narrow(0, 0, 1000).fill_(f64::NEG_INFINITY);
    let (highest, places) = largest(&x).expect("found");
    let (expected, at) = x.max_dim(1, false);
    assert!(highest.equal(&expected) && places.get(0).equal(&at.get(0)));
    let found = Vec::<i64>::try_from(places.narrow(0, 1, 3));
    assert_eq!(found.expect("places"), [300, 999, 0]);
    let _ = x.get(0).narrow(0, 500, 1).fill_(f64::NAN);
    let (highest, places) = largest(&x.to_kind(Kind::BFloat16)).expect("found");
    assert!(highest.double_value(&[0]).is_nan());
    assert_eq!(places.int64_value(&[0]), 500);
}

#[test]
fn joined_maps_give_what_each_gives() {
    let (x, k) = (values(&[6, 256], 0.2), 256);
    let maps = [
        (values(&[384, k], 0.5), Some(values(&[384], 0.6))),
        (values(&[128, k], 0.8), None),
    ];
    let joined = |maps: &[(Tensor, Option<Tensor>)]| {
        let maps: Vec<_> = maps.iter().map(|(w, b)| (w, b.as_ref())).collect();
        products::joined(&x, &maps).expect("multiplied")
    };
    Products::default()
        .with(Product::FewRows, Library::OneDnn)
        .apply(1 << 30);
    assert!(
        joined(&maps).is_none(),
        "weights that may change are not packed"
    );
    let repeated = products::repeated();
    for _ in 0..2 {
        let found = joined(&maps).expect("packed");
        let apart = maps.iter().map(|(w, b)| x.linear(w, b.as_ref()));
        let apart = Tensor::cat(&apart.collect::<Vec<_>>(), 1);
        // The largest are about 130.
        assert!(difference(&found, &apart) < 1e-3);
    }
    // A weight that was written to is packed anew.
    let _ = maps[1].0.shallow_clone().zero_();
    let found = joined(&maps).expect("packed").narrow(1, 384, 128);
    assert!(found.equal(&found.zeros_like()));
    // One that learns is not joined.
    let _ = maps[0].0.shallow_clone().set_requires_grad(true);
    assert!(joined(&maps).is_none());
    Products::default().apply(0);
    drop(repeated);
    let _guard = torch::no_grad_guard();
    assert!(joined(&maps).is_none());
}
