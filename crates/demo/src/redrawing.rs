//! Pictures drawn anew, a little otherwise.

use corpus::seed::Rng;
use image::RgbImage;

/// A square picture on white, [`warped`].
pub fn redrawn(picture: &RgbImage, rng: &mut Rng) -> RgbImage {
    let (width, height) = picture.dimensions();
    let channel = |c: usize| picture.pixels().map(move |p| 255.0 - f32::from(p.0[c]));
    let planes: Vec<f32> = (0..3).flat_map(channel).collect();
    let plane = (width * height) as usize;
    let found = warped(&planes, width as usize, rng);
    RgbImage::from_fn(width, height, |x, y| {
        let at = (y * width + x) as usize;
        let level = |c: usize| (255.0 - found[c * plane + at]).round().clamp(0.0, 255.0) as u8;
        image::Rgb([level(0), level(1), level(2)])
    })
}

/// Three planes of `side` × `side` values turned up to 9°, scaled 0.9 to 1.15, shifted up to a tenth, mirrored in 3 of 10
/// and brightened or darkened by up to a tenth; 0 is white, and what comes in from outside is white.
pub fn warped(pixels: &[f32], side: usize, rng: &mut Rng) -> Vec<f32> {
    let plane = side * side;
    let centre = (side as f32 - 1.0) / 2.0;
    let spread = |rng: &mut Rng, by: f64| ((rng.unit() * 2.0 - 1.0) * by) as f32;
    let angle = spread(rng, 9.0).to_radians();
    let scale = (0.9 + rng.unit() * 0.25) as f32;
    let (dx, dy) = (
        spread(rng, 0.1) * side as f32,
        spread(rng, 0.1) * side as f32,
    );
    let mirror = if rng.chance(0.3) { -1.0 } else { 1.0 };
    let light = 1.0 + spread(rng, 0.1);
    let (sin, cos) = (angle.sin() / scale, angle.cos() / scale);
    let mut picture = vec![0.0_f32; 3 * plane];
    for y in 0..side {
        for x in 0..side {
            let (cx, cy) = ((x as f32 - centre - dx) * mirror, y as f32 - centre - dy);
            let (sx, sy) = (cx * cos - cy * sin + centre, cx * sin + cy * cos + centre);
            if sx < 0.0 || sy < 0.0 || sx > (side - 1) as f32 || sy > (side - 1) as f32 {
                continue;
            }
            let (x0, y0) = (sx as usize, sy as usize);
            let (x1, y1) = ((x0 + 1).min(side - 1), (y0 + 1).min(side - 1));
            let (fx, fy) = (sx - x0 as f32, sy - y0 as f32);
            for channel in 0..3 {
                let value = |x: usize, y: usize| pixels[channel * plane + y * side + x];
                let top = value(x0, y0) * (1.0 - fx) + value(x1, y0) * fx;
                let bottom = value(x0, y1) * (1.0 - fx) + value(x1, y1) * fx;
                picture[channel * plane + y * side + x] = (top * (1.0 - fy) + bottom * fy) * light;
            }
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_drawn_anew_keeps_its_ground_and_moves_its_thing() {
        let mut picture = RgbImage::from_pixel(24, 24, image::Rgb([255; 3]));
        assert_eq!(redrawn(&picture, &mut Rng::new(1)), picture);
        for at in 6..18 {
            picture.put_pixel(at, 9, image::Rgb([200, 0, 0]));
        }
        let found = redrawn(&picture, &mut Rng::new(1));
        assert_eq!(redrawn(&picture, &mut Rng::new(1)), found);
        assert_ne!(found, picture);
        let dark = |p: &RgbImage| p.pixels().map(|p| 255 - u32::from(p.0[1])).sum::<u32>();
        let share = f64::from(dark(&found)) / f64::from(dark(&picture));
        assert!((0.6..1.7).contains(&share), "{share}");
    }
}
