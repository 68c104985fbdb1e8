//! The dtype that a recipe asks for, and what `auto` is on a machine.

/// How the weights are held while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE single precision.
    #[default]
    F32,
    /// The upper half of it, as the published weights are.
    Bf16,
}

corpus::words!(Dtype {
    F32 = "f32",
    Bf16 = "bf16",
});

/// What a recipe says of the dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtypeChoice {
    /// What suits the device.
    Auto,
    /// [`Dtype::F32`].
    F32,
    /// [`Dtype::Bf16`].
    Bf16,
}

corpus::words!(DtypeChoice {
    Auto = "auto",
    F32 = "f32",
    Bf16 = "bf16",
});

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// A GPU.
    Gpu,
}

corpus::words!(DeviceKind {
    Cpu = "cpu",
    Gpu = "gpu",
});

/// A processor as far as the speed of its products is known by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Who makes it, as the processor itself says (`AuthenticAMD`).
    pub vendor: String,
    /// The number of its family.
    pub family: u32,
    /// What it can do, in the words of Linux (`avx512_bf16`).
    pub features: Vec<String>,
}

/// What `auto` stands for in a run. It is found once, written down in the run's folder, and kept when the run goes on
/// elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Automatic {
    /// The dtype.
    pub dtype: Dtype,
    /// Why, in a few words.
    pub why: String,
}

impl Automatic {
    /// By the kind of the device and, where models run on the processor, by what was measured on such processors; f32 where
    /// nothing was. `docs/models.md` has the measurements.
    pub fn on(device: DeviceKind, processor: &Processor) -> Self {
        let has = |feature: &str| processor.features.iter().any(|f| f == feature);
        let (dtype, why) = match device {
            DeviceKind::Gpu => (Dtype::Bf16, "a GPU"),
            DeviceKind::Cpu if has("amx_bf16") => (Dtype::Bf16, "a processor with AMX for bf16"),
            // Zen 5. Zen 4 has the instruction too, at half the width.
            DeviceKind::Cpu
                if has("avx512_bf16")
                    && processor.vendor == "AuthenticAMD"
                    && processor.family >= 26 =>
            {
                (Dtype::Bf16, "an AMD processor with AVX512_BF16")
            }
            // Measured with AMX hidden: 40 % slower than f32.
            DeviceKind::Cpu if has("avx512_bf16") && processor.vendor == "GenuineIntel" => {
                (Dtype::F32, "an Intel processor without AMX")
            }
            DeviceKind::Cpu => (
                Dtype::F32,
                "a processor on which bf16 is not known to be faster",
            ),
        };
        Self {
            dtype,
            why: why.to_owned(),
        }
    }

    /// What a run began with.
    pub fn kept(dtype: Dtype) -> Self {
        Self {
            dtype,
            why: "this run began with it".to_owned(),
        }
    }
}
