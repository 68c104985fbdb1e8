//! Who may work in a folder: leases, run folders and stores, with real processes and with holders on machines of their own.

mod holding;
mod places;
mod processes;
mod support;
