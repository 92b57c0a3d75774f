//! Zones, flow policy, ledgers, Sigma and correlation: pure and clock-free.
