//! What drawing would cost, in memory and in operations, from the tree alone. It follows the renderer's own steps.

use resvg::usvg::{self, Node, Paint, filter::Kind};

/// Layers and pattern tiles that are held at the same time may take this many bytes.
const MAX_BYTES: f64 = 1e9;
/// About ten seconds of drawing.
const MAX_OPERATIONS: f64 = 5e9;
/// What a node costs beside its pixels.
const NODE: f64 = 2e3;
/// What a pattern costs beside its tile.
const PATTERN: f64 = 1e5;
/// The renderer cuts layers to five canvases in each direction.
const WIDEST_LAYER: f64 = 25.0;
/// Pixels. Paths far beyond any canvas make the renderer's fixed-point numbers overflow.
const WIDEST_PATH: f32 = 1e8;

/// Says what is too much, or nothing.
pub(super) fn check(
    tree: &usvg::Tree,
    canvas: (u32, u32),
    place: usvg::Transform,
) -> Result<(), &'static str> {
    let canvas = (f64::from(canvas.0), f64::from(canvas.1));
    let mut cost = Cost {
        canvas,
        operations: 0.0,
    };
    cost.group(tree.root(), place, cost.canvas.0 * cost.canvas.1)
}

struct Cost {
    canvas: (f64, f64),
    operations: f64,
}

impl Cost {
    fn num_pixels(&self) -> f64 {
        self.canvas.0 * self.canvas.1
    }

    fn spend(&mut self, operations: f64) -> Result<(), &'static str> {
        self.operations += operations;
        // Not a number is too much as well.
        if self.operations <= MAX_OPERATIONS {
            Ok(())
        } else {
            Err("drawing it would take too long")
        }
    }

    /// `held` counts the pixels of the layers around.
    fn hold(held: f64, num_pixels: f64) -> Result<f64, &'static str> {
        let held = held + num_pixels;
        if 4.0 * held <= MAX_BYTES {
            Ok(held)
        } else {
            Err("drawing it would take too much memory")
        }
    }

    /// Pixels that a box covers on a canvas that is `times` as large.
    fn area(&self, size: (f32, f32), transform: usvg::Transform, times: f64) -> f64 {
        let (across, down) = transform.get_scale();
        let area = f64::from(size.0) * f64::from(size.1) * f64::from(across) * f64::from(down);
        area.min(times * self.num_pixels())
    }

    fn nodes(
        &mut self,
        parent: &usvg::Group,
        transform: usvg::Transform,
        held: f64,
    ) -> Result<(), &'static str> {
        for node in parent.children() {
            self.spend(NODE)?;
            match node {
                Node::Group(group) => self.group(group, transform, held)?,
                Node::Path(path) => self.path(path, transform, held)?,
                // Neither is drawn.
                Node::Image(_) | Node::Text(_) => {}
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        group: &usvg::Group,
        transform: usvg::Transform,
        held: f64,
    ) -> Result<(), &'static str> {
        let transform = transform.pre_concat(group.transform());
        if !group.should_isolate() {
            return self.nodes(group, transform, held);
        }
        let bounds = group.layer_bounding_box();
        let layer = self.area((bounds.width(), bounds.height()), transform, WIDEST_LAYER);
        let held = Self::hold(held, layer)?;
        self.spend(2.0 * layer)?;
        self.nodes(group, transform, held)?;
        for filter in group.filters() {
            // Inputs and results of primitives stay until the filter ends.
            let num_primitives = filter.primitives().len() as f64;
            let held = Self::hold(held, (num_primitives + 1.0) * layer)?;
            for primitive in filter.primitives() {
                let operations = self.primitive(primitive.kind(), transform, held)?;
                self.spend((10.0 + operations) * layer)?;
            }
        }
        let mut clip = group.clip_path();
        while let Some(path) = clip {
            let held = Self::hold(held, layer)?;
            self.spend(2.0 * layer)?;
            self.nodes(path.root(), transform.pre_concat(path.transform()), held)?;
            clip = path.clip_path();
        }
        let mut mask = group.mask();
        while let Some(inner) = mask {
            let held = Self::hold(held, 2.0 * layer)?;
            self.spend(3.0 * layer)?;
            self.nodes(inner.root(), transform, held)?;
            mask = inner.mask();
        }
        Ok(())
    }

    fn path(
        &mut self,
        path: &usvg::Path,
        transform: usvg::Transform,
        held: f64,
    ) -> Result<(), &'static str> {
        let bounds = path.stroke_bounding_box();
        let (across, down) = transform.get_scale();
        let longest = (bounds.width() * across).max(bounds.height() * down);
        if longest.is_nan() || longest > WIDEST_PATH {
            return Err("its numbers are too extreme to draw");
        }
        self.spend(
            self.area((bounds.width(), bounds.height()), transform, 1.0) + path.data().len() as f64,
        )?;
        let paints = [
            path.fill().map(usvg::Fill::paint),
            path.stroke().map(usvg::Stroke::paint),
        ];
        for paint in paints.into_iter().flatten() {
            if let Paint::Pattern(pattern) = paint {
                let (across, down) = transform.pre_concat(pattern.transform()).get_scale();
                let tile = f64::from(pattern.rect().width() * across)
                    * f64::from(pattern.rect().height() * down);
                let held = Self::hold(held, tile)?;
                self.spend(PATTERN + tile)?;
                self.nodes(
                    pattern.root(),
                    usvg::Transform::from_scale(across, down),
                    held,
                )?;
            }
        }
        Ok(())
    }

    /// Operations a pixel of a filter, where a file can drive them up with a number.
    fn primitive(
        &mut self,
        kind: &Kind,
        transform: usvg::Transform,
        held: f64,
    ) -> Result<f64, &'static str> {
        let (across, down) = transform.get_scale();
        let reach =
            |radius: f32, side: f64| f64::from(2.0 * radius + 1.0).min(WIDEST_LAYER.sqrt() * side);
        let blur = |deviation: f32| {
            // The cost does not grow with the deviation, but the renderer counts its box in 32 bits.
            if deviation * across.max(down) < 1e5 {
                Ok(0.0)
            } else {
                Err("it is blurred too widely")
            }
        };
        match kind {
            Kind::GaussianBlur(it) => blur(it.std_dev_x().get().max(it.std_dev_y().get())),
            Kind::DropShadow(it) => blur(it.std_dev_x().get().max(it.std_dev_y().get())),
            Kind::Turbulence(it) => Ok(f64::from(it.num_octaves())),
            Kind::ConvolveMatrix(it) => {
                Ok(f64::from(it.matrix().columns()) * f64::from(it.matrix().rows()))
            }
            Kind::Morphology(it) => {
                let wide = reach(it.radius_x().get() * across, self.canvas.0);
                Ok(wide * reach(it.radius_y().get() * down, self.canvas.1))
            }
            Kind::Image(it) => self.nodes(it.root(), transform, held).map(|()| 0.0),
            _ => Ok(0.0),
        }
    }
}
