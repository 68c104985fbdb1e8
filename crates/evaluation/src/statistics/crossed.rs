//! A table in which every seed meets every cluster once, and what it says about other seeds and other clusters.
//!
//! The model is xᵢⱼ = μ + sᵢ + cⱼ + eᵢⱼ with independent effects of S seeds, C clusters and the rest (Searle, Casella and
//! McCulloch, 1992, chapter 4). Its mean squares Mₛ, M꜀ and Mₑ expect σₑ² + Cσₛ², σₑ² + Sσ꜀² and σₑ².

/// Variance components by the method of moments; a negative one is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Components {
    /// σₛ² = (Mₛ − Mₑ) / C.
    pub(super) seeds: f64,
    /// σ꜀² = (M꜀ − Mₑ) / S.
    pub(super) clusters: f64,
    /// σₑ² = Mₑ.
    pub(super) rest: f64,
}

/// How far a mean may lie from the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Uncertainty {
    /// The variance of the mean.
    pub(super) variance: f64,
    /// The degrees of freedom of that variance.
    pub(super) freedom: f64,
}

/// The components and the uncertainty of the mean, from a row a seed and a column a cluster; two of each or more.
///
/// The variance of the mean is σₛ²/S + σ꜀²/C + σₑ²/SC, which is (Mₛ + M꜀ − Mₑ)/SC if no component is negative. A component
/// that is set to 0 takes its mean square out of the sum, and out of the degrees of freedom: of what is left they are
/// those of Satterthwaite (1946).
pub(super) fn two_way(table: &[Vec<f64>]) -> (Components, Uncertainty) {
    let (seeds, clusters) = (table.len() as f64, table[0].len() as f64);
    let of_seed: Vec<f64> = table
        .iter()
        .map(|row| row.iter().sum::<f64>() / clusters)
        .collect();
    let of_cluster: Vec<f64> = (0..table[0].len())
        .map(|at| table.iter().map(|row| row[at]).sum::<f64>() / seeds)
        .collect();
    let mean = of_seed.iter().sum::<f64>() / seeds;
    let spread = |means: &[f64]| means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
    let left: f64 = table
        .iter()
        .zip(&of_seed)
        .flat_map(|(row, of_row)| {
            row.iter()
                .zip(&of_cluster)
                .map(move |(x, of_column)| (x - of_row - of_column + mean).powi(2))
        })
        .sum();

    let rest_freedom = (seeds - 1.0) * (clusters - 1.0);
    let rest = left / rest_freedom;
    let seed_square = clusters * spread(&of_seed) / (seeds - 1.0);
    let cluster_square = seeds * spread(&of_cluster) / (clusters - 1.0);
    let components = Components {
        seeds: ((seed_square - rest) / clusters).max(0.0),
        clusters: ((cluster_square - rest) / seeds).max(0.0),
        rest,
    };
    let of_seeds = (seed_square, seeds - 1.0);
    let of_clusters = (cluster_square, clusters - 1.0);
    let (square, freedom) = match (components.seeds > 0.0, components.clusters > 0.0) {
        (true, true) => satterthwaite(&[of_seeds, of_clusters, (-rest, rest_freedom)]),
        (true, false) => of_seeds,
        (false, true) => of_clusters,
        (false, false) => (rest, rest_freedom),
    };
    let uncertainty = Uncertainty {
        variance: square / (seeds * clusters),
        freedom,
    };
    (components, uncertainty)
}

/// The uncertainty of the mean from clusters alone.
pub(super) fn one_way(clusters: &[f64]) -> Uncertainty {
    let count = clusters.len() as f64;
    let mean = clusters.iter().sum::<f64>() / count;
    let squares: f64 = clusters.iter().map(|x| (x - mean).powi(2)).sum();
    Uncertainty {
        variance: squares / (count - 1.0) / count,
        freedom: count - 1.0,
    }
}

/// The sum of mean squares with their degrees of freedom, and its own: (Σm)² / Σ(m²/f) (Satterthwaite, 1946).
fn satterthwaite(squares: &[(f64, f64)]) -> (f64, f64) {
    let sum: f64 = squares.iter().map(|(square, _)| square).sum();
    let spread: f64 = squares.iter().map(|(m, f)| m * m / f).sum();
    (sum, sum * sum / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_of_freedom_are_those_of_welch() {
        // scipy 1.17.1, Welch's test of [1, 4, 2, 8], [3, 3.5, 9, 20, 1, 2], its degrees of freedom. Welch's variance is the sum of
        // two mean squares: 9.583333 / 4 with 3 and 52.041667 / 6 with 5 degrees of freedom.
        let (_, freedom) = satterthwaite(&[
            (115.0 / 12.0 / 4.0, 3.0),
            (52.041_666_666_666_65 / 6.0, 5.0),
        ]);
        assert!((freedom - 7.224_950_750_010_238).abs() < 1e-9, "{freedom}");
    }

    #[test]
    fn mean_squares_by_hand() {
        // Seeds at 3 and 7 around 5, clusters at 2, 5 and 8, and nothing else.
        let additive = [vec![0.0, 3.0, 6.0], vec![4.0, 7.0, 10.0]];
        let (components, uncertainty) = two_way(&additive);
        // M of seeds: 3 · (4 + 4) / 1 = 24; of clusters: 2 · (9 + 9) / 2 = 18.
        let expected = Components {
            seeds: 8.0,
            clusters: 9.0,
            rest: 0.0,
        };
        assert_eq!(components, expected);
        // (24 + 18) / 6, and 42² / (24² / 1 + 18² / 2) degrees of freedom.
        assert!((uncertainty.variance - 7.0).abs() < 1e-12);
        assert!((uncertainty.freedom - 1764.0 / 738.0).abs() < 1e-12);
    }

    #[test]
    fn a_negative_component_is_left_out() {
        // Seeds and clusters have equal means, and all is rest: 4 squares of 1 with one degree of freedom.
        let (components, uncertainty) = two_way(&[vec![1.0, -1.0], vec![-1.0, 1.0]]);
        assert_eq!(
            (components.seeds, components.clusters, components.rest),
            (0.0, 0.0, 4.0)
        );
        assert_eq!((uncertainty.variance, uncertainty.freedom), (1.0, 1.0));
    }
}
