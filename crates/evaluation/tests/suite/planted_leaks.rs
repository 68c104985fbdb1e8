//! Planted leaks are found and other pictures are not. The full measurement is `examples/leaks.rs`.

use crate::planted::{World, changes};

#[test]
fn copies_and_crops_are_found_and_strangers_are_not() {
    let world = World::new(96, 60);
    assert!(world.planted() > 50 && world.planted() < world.len());
    for (name, change) in changes() {
        let (bar, crops) = if name.contains("cropped") {
            (90.0, true)
        } else {
            // The whole measurement finds 99.2 % or more; three of these eighty-five may be missed before that is in doubt.
            (96.0, false)
        };
        let found = world.found(&change, crops);
        assert!(found >= bar, "{name}: {found}");
    }
    let (pictures, ..) = world.false_alarms(true);
    assert!(
        pictures <= 4.0,
        "one or two of fifty-nine at the most: {pictures}"
    );
}
