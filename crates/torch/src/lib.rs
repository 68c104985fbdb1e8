//! A thin layer over tch and the few libtorch functions that it lacks.
