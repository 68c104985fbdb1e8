//! The allocator of CPU tensors. One test: its counts are the process's.

use torch::memory::{self, OUT_OF_MEMORY};
use torch::{Device, Kind, Tensor};

const MIB: i64 = 1 << 20;

/// Bytes that hold `value` everywhere.
fn filled(bytes: i64, value: i64) -> Tensor {
    Tensor::full([bytes], value, (Kind::Uint8, Device::Cpu))
}

fn is_full(tensor: &Tensor, value: i64) -> bool {
    // Read without a tensor for the result, which would count.
    let bytes = Vec::<u8>::try_from(tensor).expect("bytes");
    bytes.iter().all(|&byte| i64::from(byte) == value)
}

#[test]
fn blocks_are_used_again_and_bounded() {
    let before = filled(MIB, 9);
    memory::cache(true);
    assert_eq!(memory::stats(), memory::MemoryStats::default());

    let (one, other) = (filled(5 * MIB, 1), filled(3 * MIB + 1, 2));
    let found = memory::stats();
    assert_eq!(found.requested, (8 * MIB + 1) as u64);
    assert_eq!(found.in_use, (8 * MIB + 4096) as u64);
    assert_eq!((found.cached, found.peak), (0, found.in_use));
    let place = one.data_ptr();
    drop(one);
    assert_eq!(memory::stats().cached, (5 * MIB) as u64);
    // The smallest block that fits is taken, and what is left of it serves the next.
    let (first, second) = (filled(3 * MIB, 3), filled(2 * MIB, 4));
    assert_eq!(first.data_ptr(), place);
    let found = memory::stats();
    assert_eq!((found.cached, found.peak), (0, (8 * MIB + 4096) as u64));
    assert!(is_full(&first, 3) && is_full(&second, 4) && is_full(&other, 2));
    // Neighbours become one block again, and what lies before untouched memory is part of a larger one.
    drop((first, second));
    let large = filled(5 * MIB, 5);
    assert_eq!(large.data_ptr(), place);
    drop((large, other));
    let whole = filled(12 * MIB, 6);
    assert_eq!(whole.data_ptr(), place);
    assert_eq!(memory::stats().peak, (12 * MIB) as u64);
    drop(whole);

    // Small tensors are the system's.
    let held = memory::stats().in_use;
    let small: Vec<Tensor> = (0..100).map(|i| filled(1000, i % 100)).collect();
    assert_eq!(memory::stats().in_use, held);
    assert!((0..100).all(|i| is_full(&small[i as usize], i % 100)));

    // What was cached is given back before the limit refuses anything.
    assert_eq!(memory::stats().cached, (12 * MIB) as u64);
    memory::set_limit(Some((16 * MIB) as u64));
    let kept = filled(6 * MIB, 7);
    let more = filled(10 * MIB, 8);
    assert_eq!(memory::stats().in_use, (16 * MIB) as u64);
    let refused = Tensor::f_zeros([MIB], (Kind::Uint8, Device::Cpu)).expect_err("over the limit");
    let text = torch::short(&refused);
    assert!(
        text.starts_with(OUT_OF_MEMORY) && text.contains("1048576") && text.contains("16777216"),
        "{text}"
    );
    assert!(is_full(&kept, 7) && is_full(&more, 8));
    drop(more);
    let again = filled(MIB, 1);
    memory::set_limit(None);
    memory::release();
    memory::reset_peak();
    let found = memory::stats();
    assert_eq!((found.cached, found.peak), (0, (7 * MIB) as u64));
    assert_eq!((found.peak_requested, found.limit), (found.requested, None));
    // Given back, it is zero pages again; what is in use is not touched.
    assert!(is_full(&kept, 7) && is_full(&again, 1));

    // Other threads.
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            scope.spawn(move || {
                for round in 0..50_i64 {
                    let size = MIB / 8 + (thread * 7919 + round * 104_729) % MIB;
                    let value = (thread * 50 + round) % 256;
                    assert!(is_full(&filled(size, value), value));
                }
            });
        }
    });
    assert_eq!(memory::stats().in_use, (7 * MIB) as u64);

    // Tensors from before, and those that outlive the change back.
    memory::cache(false);
    assert!(is_full(&before, 9) && is_full(&kept, 7));
    drop((kept, again));
    assert_eq!(memory::stats().in_use, 0);
    assert_eq!(memory::stats().cached, 0);
    let own = filled(MIB, 2);
    assert_eq!(memory::stats().in_use, 0);
    assert!(is_full(&own, 2));
}
