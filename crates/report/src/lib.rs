//! Pages, plots and tables of plain rows. Computes no score and reads no run folder.
