//! The server as a client sees it that knows bytes and nothing else.

mod each_fault;
mod outside;
mod raw;
mod services;
mod whole;
