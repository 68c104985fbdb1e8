//! Products of matrices on a processor: which library makes them, found by measurement.
//!
//! libtorch gives every product in f32 to MKL. oneDNN, which it holds as well, is faster for some kinds of products on some
//! processors, and much faster for a few rows with a weight that was packed for it. [`Products::measured`] times both;
//! [`Products::apply`] says what [`linear`] and its like do from then on. Both give the same numbers but for rounding, so a
//! run that is to end in the same bits keeps one choice.
//!
//! Shapes: m rows, k inputs, n outputs.

use std::ffi::c_int;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::check;

unsafe extern "C" {
    fn adm_products_set(onednn: *const c_int, room: u64);
    fn adm_products_repeat(on: c_int) -> c_int;
    fn adm_products_forget();
    fn adm_linear(
        x: *mut C_tensor,
        weight: *mut C_tensor,
        bias: *mut C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_linear_joined(
        x: *mut C_tensor,
        weights: *const *mut C_tensor,
        biases: *const *mut C_tensor,
        count: usize,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_times(gradient: *mut C_tensor, weight: *mut C_tensor, out: *mut *mut C_tensor) -> c_int;
    fn adm_add_transposed_times(
        sum: *mut C_tensor,
        gradient: *mut C_tensor,
        x: *mut C_tensor,
    ) -> c_int;
}

/// Which library makes a kind of products in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Library {
    /// What libtorch takes by itself.
    #[default]
    Mkl,
    /// oneDNN.
    OneDnn,
}

impl Library {
    /// Its name in files: `mkl` or `onednn`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mkl => "mkl",
            Self::OneDnn => "onednn",
        }
    }

    /// The library of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Mkl, Self::OneDnn]
            .into_iter()
            .find(|library| library.as_str() == name)
    }
}

/// A kind of product. The numbers are those of `Product` in products.cpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// `x · weightᵀ` of many rows.
    Forward = 0,
    /// The gradient of `x`: `gradient · weight`.
    InputGradient = 1,
    /// The gradient of the weight: `gradientᵀ · x`.
    WeightGradient = 2,
    /// `x · weightᵀ` of few rows, as while decoding. oneDNN's is with a packed weight, and stands for bf16 too.
    FewRows = 3,
}

impl Product {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Forward,
        Self::InputGradient,
        Self::WeightGradient,
        Self::FewRows,
    ];

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::InputGradient => "input_gradient",
            Self::WeightGradient => "weight_gradient",
            Self::FewRows => "few_rows",
        }
    }
}

/// The library of each kind of product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Products([Library; 4]);

/// How long a product took with both libraries, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Which product.
    pub product: Product,
    /// With MKL.
    pub mkl: f64,
    /// With oneDNN.
    pub onednn: f64,
}

impl Products {
    /// Which library makes this kind.
    pub fn of(&self, product: Product) -> Library {
        self.0[product as usize]
    }

    /// The same with another library for a kind.
    #[must_use]
    pub fn with(mut self, product: Product, library: Library) -> Self {
        self.0[product as usize] = library;
        self
    }

    /// From now on products are made so, in all threads. Where oneDNN makes those of few rows, they keep a packed copy of each
    /// weight inside of [`repeated`], as long as it lives and all copies take no more than `room` bytes; without room they
    /// stay libtorch's.
    pub fn apply(&self, room: u64) {
        let flags = self
            .0
            .map(|library| c_int::from(library == Library::OneDnn));
        // SAFETY: four flags, which are copied.
        unsafe { adm_products_set(flags.as_ptr(), room) }
    }

    /// What is the fastest on this machine with the present number of threads, with the times that say so. It takes about a
    /// quarter of a second, and leaves libtorch's own choice in force.
    ///
    /// oneDNN has to be faster by a tenth, so that noise does not decide.
    pub fn measured() -> Result<(Self, Vec<Timing>), Error> {
        let _guard = tch::no_grad_guard();
        let _repeated = repeated();
        let mut timings = Vec::with_capacity(Product::ALL.len());
        let mut found = Self::default();
        for product in Product::ALL {
            let probe = Probe::new(product)?;
            let (mut mkl, mut onednn) = (f64::INFINITY, f64::INFINITY);
            // In turn, so that both meet the same neighbours. The first round warms up.
            let start = Instant::now();
            for round in 0..ROUNDS {
                for (library, best) in [(Library::Mkl, &mut mkl), (Library::OneDnn, &mut onednn)] {
                    Self::default().with(product, library).apply(PROBE_ROOM);
                    let time = probe.time()?;
                    if round > 0 {
                        *best = best.min(time);
                    }
                }
                if round > 0 && start.elapsed() > PATIENCE {
                    break;
                }
            }
            Self::default().apply(0);
            if onednn < 0.9 * mkl {
                found = found.with(product, Library::OneDnn);
            }
            timings.push(Timing {
                product,
                mkl,
                onednn,
            });
        }
        // The probe's packed weights go with it.
        // SAFETY: no pointers.
        unsafe { adm_products_forget() }
        Ok((found, timings))
    }
}

/// While it lives, this thread's products of few rows are with weights that stay the same, so that packing them pays.
#[derive(Debug)]
#[must_use]
pub struct Repeated {
    before: c_int,
    /// The flag is the thread's.
    not_send: std::marker::PhantomData<*const ()>,
}

/// For a thread that multiplies with the same weights again and again, as decoding does.
pub fn repeated() -> Repeated {
    Repeated {
        // SAFETY: no pointers.
        before: unsafe { adm_products_repeat(1) },
        not_send: std::marker::PhantomData,
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        // SAFETY: no pointers.
        let _ = unsafe { adm_products_repeat(self.before) };
    }
}

/// Room for the packed weight of a probe.
const PROBE_ROOM: u64 = 16 << 20;
/// Rounds of a measurement at most, the one that warms up included.
const ROUNDS: usize = 6;
/// No further round of a product begins after this.
const PATIENCE: Duration = Duration::from_millis(60);

/// Matrices of the sizes of a small decoder.
struct Probe {
    product: Product,
    x: Tensor,
    weight: Tensor,
    gradient: Tensor,
}

impl Probe {
    fn new(product: Product) -> Result<Self, Error> {
        let rows = if product == Product::FewRows { 8 } else { 1024 };
        let (inputs, outputs) = (512, 1408);
        let filled = |sizes: [i64; 2]| Tensor::f_full(sizes, 0.5, (Kind::Float, Device::Cpu));
        Ok(Self {
            product,
            x: filled([rows, inputs])?,
            weight: filled([outputs, inputs])?,
            gradient: filled([rows, outputs])?,
        })
    }

    /// Microseconds of one product.
    fn time(&self) -> Result<f64, Error> {
        // What is small is made often, so that the clock can tell.
        let times = if self.product == Product::FewRows {
            16
        } else {
            1
        };
        let mut sum = match self.product {
            Product::WeightGradient => Some(self.weight.f_zeros_like()?),
            _ => None,
        };
        let start = Instant::now();
        for _ in 0..times {
            match (self.product, &mut sum) {
                (Product::Forward | Product::FewRows, _) => {
                    drop(linear(&self.x, &self.weight, None)?);
                }
                (Product::InputGradient, _) => drop(times_weight(&self.gradient, &self.weight)?),
                (Product::WeightGradient, Some(sum)) => {
                    add_transposed_times(sum, &self.gradient, &self.x)?;
                }
                (Product::WeightGradient, None) => {}
            }
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(times))
    }
}

/// `x · weightᵀ + bias`: `[.., k]` with `[n, k]` to `[.., n]`. Gradients flow as through libtorch's own.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    let bias = bias.map_or(std::ptr::null_mut(), |bias| bias.as_ptr().cast_mut());
    // SAFETY: live tensors, of which the bias may be null; libtorch checks their shapes.
    check(unsafe {
        adm_linear(
            x.as_ptr().cast_mut(),
            weight.as_ptr().cast_mut(),
            bias,
            &raw mut out,
        )
    })?;
    // SAFETY: on success `out` is a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// Several maps of the same rows as one product: `[m, k]` with weights `[n, k]` and biases `[n]` to `[m, Σ n]`, the results side
/// by side. Nothing where [`Products::apply`] chose no packed weights for these rows, or gradients would flow.
pub fn joined(x: &Tensor, maps: &[(&Tensor, Option<&Tensor>)]) -> Result<Option<Tensor>, Error> {
    let pointer = |tensor: &Tensor| tensor.as_ptr().cast_mut();
    let weights: Vec<_> = maps.iter().map(|(weight, _)| pointer(weight)).collect();
    let biases: Vec<_> = (maps.iter())
        .map(|(_, bias)| bias.map_or(std::ptr::null_mut(), pointer))
        .collect();
    let mut out = std::ptr::null_mut();
    // SAFETY: live tensors in two lists of one length, of which biases may be null; libtorch checks their shapes.
    check(unsafe {
        adm_linear_joined(
            pointer(x),
            weights.as_ptr(),
            biases.as_ptr(),
            maps.len(),
            &raw mut out,
        )
    })?;
    // SAFETY: on success `out` is null or a new tensor that we own.
    Ok((!out.is_null()).then(|| unsafe { Tensor::from_ptr(out) }))
}

/// `gradient · weight`: `[m, n]` with `[n, k]` to `[m, k]`, the gradient of what [`linear`] was given. None flows.
pub fn times_weight(gradient: &Tensor, weight: &Tensor) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    // SAFETY: two live tensors; libtorch checks their shapes.
    check(unsafe {
        adm_times(
            gradient.as_ptr().cast_mut(),
            weight.as_ptr().cast_mut(),
            &raw mut out,
        )
    })?;
    // SAFETY: on success `out` is a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// Adds `gradientᵀ · x` (`[m, n]`, `[m, k]`) to `sum` (`[n, k]`, f32): the gradient of a weight of [`linear`]. None flows.
pub fn add_transposed_times(sum: &mut Tensor, gradient: &Tensor, x: &Tensor) -> Result<(), Error> {
    // SAFETY: three live tensors; libtorch checks their shapes.
    check(unsafe {
        adm_add_transposed_times(
            sum.as_mut_ptr(),
            gradient.as_ptr().cast_mut(),
            x.as_ptr().cast_mut(),
        )
    })
}
