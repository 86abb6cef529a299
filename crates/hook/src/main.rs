//! Hands one alert to the daemon.
fn main() {}
