//! Tests of the classing.
