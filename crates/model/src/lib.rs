//! Vision towers, projectors, decoders and the MLLM families made of them; Hugging Face checkpoints in and out.
